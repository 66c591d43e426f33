#!/usr/bin/perl
# Every cell of the action x status table of digest 1.6, by hand, from the outside.
use strict;
use warnings;
use utf8;
use Test::More;

use SingleWindow::Instance;
use SingleWindow::Export;

my $sw = SingleWindow::Instance->start;
my %who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'), manager => $sw->signed_in('demo_manager'));

my @states = qw(DRAFT PENDING_FIRST FIRST_RETURNED PENDING_SECOND SECOND_RETURNED APPROVED PRINTED PENDING_CANCEL CANCELLED REVOKED);

# 未上报 待初审 初审退回 待复审 复审退回 复审通过 已打印 待撤销 已撤销 已注销
my @table = (
	[ edit           => 'applicant', qw(+ - + - - - - - + -) ],
	[ delete         => 'applicant', qw(+ - + - - - - - + -) ],
	[ copy           => 'applicant', qw(+ + + + + + + + + +) ],
	[ submit         => 'applicant', qw(+ - + - - - - - + -) ],
	[ withdraw       => 'applicant', qw(- + - - - - - - - -) ],
	[ print          => 'applicant', qw(- - - - - + + - - +) ],
	[ download       => 'applicant', qw(- - - - - - + - - -) ],
	[ attach         => 'applicant', qw(+ - + - - - - - + -) ],
	[ first_pass     => 'first',     qw(- + - - + - - - - -) ],
	[ first_return   => 'first',     qw(- + - - + - - - - -) ],
	[ second_pass    => 'second',    qw(- - - + - - - - - -) ],
	[ second_return  => 'second',    qw(- - - + - - - - - -) ],
	[ cancel_consent => 'first',     qw(- - - - - - - + - -) ],
	[ cancel_refuse  => 'first',     qw(- - - - - - - + - -) ],
	[ revoke         => 'manager',   qw(- - - - - + + - - -) ],
);

# What is tried, and the status of success.
my %try = (
	edit => sub { save($_[0], $_[1], body())->status == 200 },
	delete => sub { $_[0]->delete("/api/export/documents/$_[1]", 'If-Match' => '*')->status == 204 },
	copy => sub { $_[0]->post("/api/export/documents/$_[1]/copy", { count => 1 })->status == 201 },
	print => sub { $_[0]->get("/api/export/documents/$_[1]/print/application.pdf")->status == 200 },
	download => sub { $_[0]->get("/api/export/documents/$_[1]/print/licence.pdf")->status == 200 },
	attach => sub { attach($_[0], $_[1], '23')->status == 201 },
);

# The job turns 复审通过 into 已打印 at once; the state is put back to look at what it allows.
sub in_state {
	my ($state) = @_;
	return bring_to(\%who, $state) if $state ne 'APPROVED';
	my $id = bring_to(\%who, 'PRINTED');
	$sw->sql('export', "UPDATE document SET state = 'APPROVED' WHERE id = $id");
	return $id;
}

my %shared = map { $_ => in_state($_) } @states;
for my $row (@table) {
	my ($action, $whom, @cells) = @$row;
	for my $i (0 .. $#states) {
		my $allowed = $cells[$i] eq '+';
		my $id = $allowed ? in_state($states[$i]) : $shared{ $states[$i] };
		my $done = $try{$action} ? $try{$action}->($who{$whom}, $id) : act($who{$whom}, $id, $action, '核对')->status == 200;
		is($done ? 'done' : 'refused', $allowed ? 'done' : 'refused', "$action in $states[$i]");
	}
}
for my $state (@states) {
	my $view = $who{applicant}->get("/api/export/documents/$shared{$state}")->json;
	is($view->{document}{state}, $state, "a refusal changes nothing in $state");
	my @wrong = grep { my $row = $_; my ($i) = grep { $states[$_] eq $state } 0 .. $#states;
		$view->{actions}{ $row->[0] } && ($view->{actions}{ $row->[0] }{allowed} ? '+' : '-') ne $row->[ $i + 2 ] } @table;
	is(join(' ', map { $_->[0] } @wrong), '', "the page is told the same of $state");
}

done_testing();
