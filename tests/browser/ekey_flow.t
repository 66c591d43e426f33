#!/usr/bin/perl
# Electronic keys as people use them, with real parts from end to end: browser, client control, pcscd, PIV card, server.
use strict;
use warnings;
use utf8;
use JSON::PP qw(encode_json);
use SingleWindow::Browser;
use SingleWindow::Export;
use SingleWindow::Keys;

my $keys = SingleWindow::Keys->start;

sub copy_list { my ($name) = @_; system('cp', $keys->authorities . '/root.crl', $keys->dir . "/$name.crl") == 0 or die 'no list'; return }

SingleWindow::Browser->run('ekey_flow.mjs', settings => { authorities => $keys->authorities }, prepare => sub {
	my ($sw) = @_;
	my $applicant = $sw->signed_in('demo_admin');
	my $uscc = $applicant->session->{enterprise}{uscc};
	$keys->card('good', holder => $uscc, name => '张三');
	$keys->card('second', holder => $uscc, name => '李四', algorithm => 'P-256', until => '20260920000000Z');
	$keys->card('other', holder => '91210200MA0XY12345', name => '王五');
	$keys->card('expired', holder => $uscc, until => '20260801000000Z');
	$keys->card('stranger', holder => $uscc, authority => $keys->other_authority);
	$keys->card('revoked', holder => $uscc);
	$keys->revoke('revoked');
	copy_list('before');
	$keys->revoke('good');
	copy_list('after');
	rename $keys->dir . '/before.crl', $keys->authorities . '/root.crl' or die 'no list';
	$keys->control(portal => [ $sw->url ]);
	complete($applicant) for 1 .. 32;
	$ENV{SW_KEYS} = encode_json({ dir => $keys->dir, port => $keys->port });
});
