#!/usr/bin/perl
# A definition dropped in: the page draws its form and list with no line of JavaScript added.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('unseen.mjs', settings => { root => root_with_unseen() }, prepare => sub {
	my ($sw) = @_;
	my %who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'));
	bring_to(\%who, 'PRINTED') for 1 .. 2;
	bring_to(\%who, 'PENDING_FIRST');
});
