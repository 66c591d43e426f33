#!/usr/bin/perl
# What people do that nobody asked them to: arrows, two windows, sessions that run out, no network, double clicks, very long words.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('wrong_use.mjs', prepare => sub {
	my ($sw) = @_;
	my %who = (applicant => $sw->signed_in('demo_admin'));
	complete($who{applicant});
});
