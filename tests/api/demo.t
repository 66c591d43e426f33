# A fresh demo instance: accounts and documents in every state that people want to see, labelled; without demo = 1 nothing of it.
use strict;
use warnings;
use utf8;
use Test::More;
use SingleWindow::Instance;

my $variant = $ENV{VARIANT} || 'plain';
my $program = "$SingleWindow::Instance::ROOT/build/$variant/bin/singlewindow-account";
my $sw = SingleWindow::Instance->start(clock => undef);
my $log = $sw->var . '/log/demo.log';
is(-s $log ? do { open my $in, '<', $log; local $/; <$in> } : '', '', 'all demo documents are made');
my %states = map { /(\S+)\|(\d+)/ ? ($1 => $2) : () } split /\n/, $sw->sql('export', 'SELECT state, count(*) FROM document GROUP BY state');
is(join(' ', sort keys %states), 'DRAFT FIRST_RETURNED PENDING_CANCEL PENDING_FIRST PENDING_SECOND PRINTED REVOKED SECOND_RETURNED', 'in every state that waits for somebody');
is(join(' ', map { /(\S+)\|/ ? $1 : () } split /\n/, $sw->sql('nonmep', 'SELECT state, count(*) FROM document GROUP BY state ORDER BY state')), 'DRAFT FIRST_REFUSED PENDING_FIRST PENDING_SECOND PRINTED', 'of non-MEP licences, too');
is(join(' ', map { /(\S+\|\S+)\|/ ? $1 : () } split /\n/, $sw->sql('mep', 'SELECT form, state, count(*) FROM document GROUP BY form, state ORDER BY form, state')),
	'mep_licence|APPROVED mep_licence|DRAFT mep_licence|PENDING mep_licence|RETURNED mep_registration|APPROVED', 'and of MEP licences, behind a registration');
is(join(' ', map { /(\S+\|\S+)\|/ ? $1 : () } split /\n/, $sw->sql('origin', "SELECT form, state, count(*) FROM document WHERE form IN ('certificate_of_origin', 'filed_goods', 'origin_registration') GROUP BY form, state ORDER BY form, state")),
	'certificate_of_origin|APPROVED certificate_of_origin|DRAFT certificate_of_origin|PENDING certificate_of_origin|RETURNED filed_goods|APPROVED filed_goods|PENDING origin_registration|APPROVED', 'and certificates of origin, behind a registration and filed goods');
is($sw->sql($_, "SELECT count(*) FROM document_body WHERE body NOT LIKE '%演示%'") + 0, 0, "each of $_ says that it is demo data") for qw(export nonmep mep origin);

my $documents = sub { $sw->sql('export', 'SELECT count(*) FROM document') + 0 };
my $count = $documents->();
$sw->restart('export');
is($documents->(), $count, 'a program that starts again makes none');

my ($token, $csrf) = split ' ', `$program @{[ $sw->var ]}/settings demo-session demo_portal 2>/dev/null`;
is($sw->client->get('/api/account/session', {}, Cookie => "sw_session=$token")->json->{user}{name}, 'demo_portal', 'what makes the data signs in without a password');
$sw->sql('account', "UPDATE user_account SET demo = 0 WHERE name = 'demo_portal'");
isnt(system("$program @{[ $sw->var ]}/settings demo-session demo_portal >/dev/null 2>&1"), 0, 'but only as a demo account');
$sw->sql('account', "UPDATE user_account SET demo = 1 WHERE name = 'demo_portal'");

done_testing;
