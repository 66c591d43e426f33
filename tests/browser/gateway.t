#!/usr/bin/perl
# Partner messages in the browser: an authority by folder whose message does not fit the schema, customs that nobody answers for.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Export;
use SingleWindow::Partner;
use SingleWindow::Partner::Message qw(message_text);

my $home = SingleWindow::Partner::Home->new;
my $authority = $home->partner('authority', way => 'folder', reviews => { export => ['AB'] }, title => '大连发证机构');
$home->partner('customs', way => 'https', clears => [ 'export', 'mep' ], title => '海关');

SingleWindow::Browser->run('gateway.mjs', settings => { $home->settings }, prepare => sub {
	my ($sw) = @_;
	my $applicant = $sw->signed_in('demo_admin');
	my ($number, $gap) = map { act($applicant, complete($applicant, other => { issuing_agency => 'AB' }), 'submit')->json->{document}{application_no} } 1 .. 2;
	my $decision = sub { my ($action, $sequence, $more, %other) = @_; my ($number, $place) = ($other{document} // $number, $other{place} // $sequence); return $authority->signed(message_text({ MessageId => "authority-00000000$sequence", Number => $sequence, Sender => 'authority', Receiver => 'portal', Kind => 'Decision',
		Module => 'export', Document => $number, Sequence => $place, Created => '2026-09-03T02:00:00Z' }, [ ApplicationNo => $number, Action => $action, Decided => '2026-09-03T02:00:00Z' ]) =~ s/<Action>/\n$more<Action>/r) };
	$authority->drop('unknown-member.xml', $decision->('first_pass', 1, "<Speed>high</Speed>\n"));
	$authority->drop('wrong-state.xml', $decision->('second_pass', 2, ''));
	$authority->drop('gap.xml', $decision->('first_pass', 3, '', document => $gap, place => 2));
	$ENV{SW_GAP} = $gap;
	complete($applicant, other => { issuing_agency => 'AA' });
});
