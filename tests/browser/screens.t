#!/usr/bin/perl
# Every screen, at both widths.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('screens.mjs', prepare => sub {
	my ($sw) = @_;
	my %who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'));
	bring_to(\%who, $_) for qw(PENDING_FIRST FIRST_RETURNED PENDING_SECOND);
	my $printed = bring_to(\%who, 'PRINTED');
	$ENV{SW_DOCUMENTS} = complete($who{applicant}) . ",$printed";
});
