#!/usr/bin/perl
# A client control that lets the page hand the PIN over: the page asks for it, once for each use.
use strict;
use warnings;
use utf8;
use JSON::PP qw(encode_json);
use SingleWindow::Browser;
use SingleWindow::Export;
use SingleWindow::Keys;

my $keys;

SingleWindow::Browser->run('ekey_page_pin.mjs', settings => { ekey => 'required' }, prepare => sub {
	my ($sw) = @_;
	$keys = SingleWindow::Keys->start(authority => $sw->var . '/authority');
	my $applicant = $sw->signed_in('demo_admin');
	my $uscc = $applicant->session->{enterprise}{uscc};
	$keys->card('good', holder => $uscc, name => '张三');
	$keys->control(portal => [ $sw->url ], settings => { pin => 'page' });
	complete($applicant) for 1 .. 54;
	$ENV{SW_KEYS} = encode_json({ dir => $keys->dir, port => $keys->port });
});
