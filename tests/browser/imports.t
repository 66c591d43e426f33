#!/usr/bin/perl
# What import licences brought along, as a person meets it: filings, goods entered row by row, the way drawn, balances, clearances, months.
use strict;
use warnings;
use utf8;
use Encode qw(encode_utf8);
use SingleWindow::Browser;
use SingleWindow::Export qw(partner_key);
use SingleWindow::Import;

sub made {
	my ($client, $module, $form, $body) = @_;
	my $answer = make_of($client, $module, $form, $body);
	die "$form: " . $answer->text unless $answer->status == 201;
	return $answer->json->{document}{id};
}

SingleWindow::Browser->run('imports.mjs', prepare => sub {
	my ($sw) = @_;
	my %who = (applicant => 'demo_admin', first => 'demo_first', second => 'demo_second', office => 'demo_office');
	$_ = $sw->signed_in($_) for values %who;
	my $act = sub {
		my ($module, $id, @steps) = @_;
		for (@steps) {
			my ($actor, $action, $opinion) = @$_;
			my $answer = act_on($who{$actor}, $module, $id, $action, $opinion);
			die "$action: " . $answer->text unless $answer->ok;
		}
		return $id;
	};
	my $licensed = sub {
		my ($module, $id) = @_;
		wait_until(sub { document_of($who{applicant}, $module, $id)->{document}{state_customs} }) or die 'no licence was made';
		return document_of($who{applicant}, $module, $id)->{document}{licence_no};
	};

	register_mep($who{applicant}, $who{office});
	my $several = $act->('mep', made($who{applicant}, 'mep', 'mep_licence', mep_body(items => [ { spec => 'CT-1', qty => '100', unit_price => '1000.5' } ])), [ 'applicant', 'submit' ], [ 'office', 'approve', '同意。' ]);
	my $number = $licensed->('mep', $several);
	my $unused = $act->('mep', made($who{applicant}, 'mep', 'mep_licence', mep_body()), [ 'applicant', 'submit' ], [ 'office', 'approve' ]);
	$licensed->('mep', $unused);

	my $customs = $sw->client;
	my $count = 0;
	my $report = sub {
		my ($minute, $what, %data) = @_;
		$sw->clock("2026-09-03T10:$minute:00+08:00");
		my $unit = document_of($who{applicant}, 'mep', $several)->{document}{unit};
		my $answer = $customs->post("/partner/mep/$what", { message_id => 'b' . ++$count, licence_no => $number, unit => $unit, %data },
			'Authorization' => 'Bearer ' . partner_key($sw), 'X-CSRF-Token' => undef);
		die "$what: " . encode_utf8($answer->text) unless $answer->ok;
	};
	$report->('03', 'customs-status', status => 'STORED');
	my @declaration = map { sprintf '01012026100000%04d', $_ } 1 .. 3;
	$report->('05', 'reservations', declaration_no => $declaration[0], quantity => '30');
	$report->('10', 'write-offs', declaration_no => $declaration[0], quantity => '30', released => '2026-09-03', contract_no => 'HT-1', country => '502', customs_port => '0101', bill_no => 'BL-9', packages => 3,
		goods => [ { code => '9022120000', name => 'X射线断层检查仪', spec => 'CT-1', quantity => '30', unit => '006', price => '1000.5', currency => 'USD' } ]);
	$report->('15', 'reservations', declaration_no => $declaration[1], quantity => '20');
	$report->('20', 'reservations', declaration_no => $declaration[1], quantity => '0');
	$report->('25', 'adjustments', declaration_no => $declaration[0], quantity => '28', note => '更正数量');
	$report->('30', 'reservations', declaration_no => $declaration[2], quantity => '12');

	my $returned = $act->('nonmep', made($who{applicant}, 'nonmep', 'nonmep_licence', nonmep_body()), [ 'applicant', 'submit' ], [ 'first', 'first_refuse', '合同号不清楚，请核对。' ], [ 'applicant', 'submit' ],
		[ 'first', 'first_pass' ], [ 'second', 'second_refuse', '请初审核对数量。' ]);
	my $printed = $act->('nonmep', made($who{applicant}, 'nonmep', 'nonmep_licence', nonmep_body()), [ 'applicant', 'submit' ], [ 'first', 'first_pass' ], [ 'second', 'second_pass' ]);
	$licensed->('nonmep', $printed);
	my $draft = made($who{applicant}, 'nonmep', 'nonmep_licence', nonmep_body());
	@ENV{qw(SW_LICENCE SW_RETURNED SW_DRAFT SW_MEP)} = ($number, $returned, $draft, $several);
});
