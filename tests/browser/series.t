#!/usr/bin/perl
# A series of numbers that is used up: the portal administrator is told, and what to do.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;

SingleWindow::Browser->run('series.mjs', settings => { root => root_with_unseen() }, prepare => sub {
	my ($sw) = @_;
	my ($applicant, $officer) = map { $sw->signed_in($_) } qw(demo_admin demo_first);
	my $body = { head => { purpose => 'civil', agency => 'AA', country => '142', start => '2026-08-31' },
		items => { variant => 'solid', rows => [ { item_name => 'n', parts => [ { part_name => 'p', part_weight => '2' } ] } ] } };
	# the fixture's permits have three numbers
	for (1 .. 3) {
		my $id = $applicant->post('/api/export/documents', { form => 'unseen_permit', body => $body })->json->{document}{id};
		act($applicant, $id, 'submit');
		act($officer, $id, 'grant')->ok or die 'not granted';
	}
});
