#!/usr/bin/perl
# Submitting several from the list: one promise, a result for each, the way to what was refused.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('list.mjs', prepare => sub {
	my ($sw) = @_;
	my %who = (applicant => $sw->signed_in('demo_admin'));
	complete($who{applicant}) for 1 .. 2;
	create($who{applicant}, base => { contract_no => undef });
	bring_to(\%who, 'PENDING_FIRST');
});
