#!/usr/bin/perl
# Every dialog: opened and closed by the keyboard, at both widths, and the cursor is back where it was.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('dialogs.mjs', prepare => sub {
	my ($sw) = @_;
	my %who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'));
	my $returned = bring_to(\%who, 'FIRST_RETURNED');
	my $printed = bring_to(\%who, 'PRINTED');
	my $waiting = bring_to(\%who, 'PENDING_FIRST');
	$ENV{SW_DOCUMENTS} = "$returned,$printed,$waiting";
});
