#!/usr/bin/perl
# Pages change by themselves: a list, a form and the desk show what others did; what is being typed stays.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('live.mjs', prepare => sub {
	my ($sw) = @_;
	my %who = (applicant => $sw->signed_in('demo_admin'));
	complete($who{applicant}) for 1 .. 2;
	bring_to(\%who, 'PENDING_FIRST') for 1 .. 2;
});
