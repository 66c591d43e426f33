#!/usr/bin/perl
# The officers' desk: batches reviewed by two officers, a result for each document, handing one over.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('desk.mjs', prepare => sub {
	my ($sw) = @_;
	my %who = (applicant => $sw->signed_in('demo_admin'));
	bring_to(\%who, 'PENDING_FIRST') for 1 .. 4;
});
