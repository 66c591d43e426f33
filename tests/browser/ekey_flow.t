#!/usr/bin/perl
# Electronic keys as people use them, with real parts from end to end: browser, client control, pcscd, PIV card, server.
use strict;
use warnings;
use utf8;
use JSON::PP qw(encode_json);
use SingleWindow::Browser;
use SingleWindow::Export;
use SingleWindow::Keys;

my $keys;

sub copy { my ($from, $to) = @_; system('cp', $from, $to) == 0 or die "no $from"; return }

SingleWindow::Browser->run('ekey_flow.mjs', prepare => sub {
	my ($sw) = @_;
	$keys = SingleWindow::Keys->start(authority => $sw->var . '/authority');
	my $list = $keys->authorities . '/authority.crl';
	my $applicant = $sw->signed_in('demo_admin');
	my $uscc = $applicant->session->{enterprise}{uscc};
	$keys->card('good', holder => $uscc, name => '张三');
	$keys->card('second', holder => $uscc, name => '李四', algorithm => 'P-256', until => '2026-09-20');
	$keys->card('other', holder => '91210200MA0XY12345', name => '王五');
	$keys->card('expired', holder => $uscc, until => '2026-08-01');
	$keys->card('stranger', holder => $uscc, authority => $keys->other_authority);
	$keys->card('revoked', holder => $uscc);
	$keys->revoke('revoked');
	copy($list, $keys->dir . '/before.crl');
	$keys->revoke('good');
	copy($list, $keys->dir . '/after.crl');
	copy($keys->dir . '/before.crl', $list);
	$keys->control(portal => [ $sw->url ]);
	complete($applicant) for 1 .. 32;
	$ENV{SW_KEYS} = encode_json({ dir => $keys->dir, port => $keys->port, authorities => $keys->authorities });
});
