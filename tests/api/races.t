#!/usr/bin/perl
# Several at the same instant: who comes second is told so, and nothing is counted, numbered or sent twice. Each race is run a few times.
use strict;
use warnings;
use utf8;
use Test::More;
use JSON::PP ();

use SingleWindow::AtOnce;
use SingleWindow::Instance;
use SingleWindow::Export;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $variant = $ENV{VARIANT} || 'plain';

sub statuses { return join ' ', sort map { $_->{status} // $_->{died} // '?' } @_ }
sub won { return grep { ($_->{status} // 0) =~ /^2/ } @_ }
sub lost_clearly { return !grep { my $told = $_->{said}{message}; ($_->{status} // 0) !~ /^(409|412)$/ || !$told->{zh} || !$told->{en} } grep { !won($_) } @_ }

my $sw = SingleWindow::Instance->start;
my $applicant = $sw->signed_in('demo_admin');
my %who = (applicant => $applicant, map { $_ => $sw->signed_in("demo_$_") } qw(first second manager));
my @key = ('Authorization' => 'Bearer ' . partner_key($sw), 'X-CSRF-Token' => undef);

sub version { my ($client, $id) = @_; return '"' . $client->get("/api/export/documents/$id")->json->{document}{version} . '"' }
sub act_on { my ($client, $id, $action, $version) = @_; return sub { $client->post("/api/export/documents/$id/actions/$action", { opinion => '核对' }, 'If-Match' => $version) } }
sub rows { my ($sql) = @_; return map { [ split /\|/ ] } grep { /\S/ } split /\n/, $sw->sql('export', $sql) }
sub count { my ($sql) = @_; return (rows("SELECT count(*) FROM $sql"))[0][0] + 0 }
sub gaps { my @serial = sort { $a <=> $b } map { substr($_, -5) + 0 } @_; return scalar grep { $serial[$_] != $serial[0] + $_ } 0 .. $#serial }

# ---- two officers

for my $round (1 .. 4) {
	my $id = bring_to(\%who, 'PENDING_FIRST');
	my $version = version($who{first}, $id);
	my @said = at_once(act_on($who{first}, $id, 'first_pass', $version), act_on($who{manager}, $id, 'first_return', $version));
	is(scalar(won(@said)), 1, 'two officers decide on one document: one of them does') or diag statuses(@said);
	ok(lost_clearly(@said), 'the other is told that it has changed');
	is(count("document_event WHERE document = $id AND action IN ('first_pass', 'first_return')"), 1, 'one decision is in the record');
	my ($winner) = won(@said);
	is($applicant->get("/api/export/documents/$id")->json->{document}{state}, $winner->{said}{document}{state}, 'and it is the one that was answered');
}
{
	my $id = bring_to(\%who, 'PENDING_FIRST');
	my @said = at_once(map { my $client = $_; sub { claim($client, $id) } } $who{first}, $who{second});
	is(scalar(won(@said)), 1, 'two officers claim one document: one has it') or diag statuses(@said);
	ok(lost_clearly(@said), 'the other is told so');
}

# ---- one applicant in two windows

for my $round (1 .. 4) {
	my $id = complete($applicant);
	my $version = version($applicant, $id);
	my @said = at_once((act_on($applicant, $id, 'submit', $version)) x 2);
	is(scalar(won(@said)), 1, 'one document is submitted twice: once it is') or diag statuses(@said);
	ok(lost_clearly(@said), 'the second time is refused');
	is(count("document_event WHERE document = $id AND action = 'submit'"), 1, 'one submission is in the record');
}
for my $round (1 .. 4) {
	my $id = complete($applicant);
	my $version = version($applicant, $id);
	my @said = at_once(act_on($applicant, $id, 'submit', $version), sub { $applicant->delete("/api/export/documents/$id", 'If-Match' => $version) });
	is(scalar(won(@said)), 1, 'deleted and submitted at once: one of both') or diag statuses(@said);
	my $there = $applicant->get("/api/export/documents/$id")->status;
	is($there, won($said[0]) ? 200 : 404, 'as was answered');
	is(count("document_event WHERE document = $id AND action IN ('submit', 'delete')"), 1, 'and recorded');
}
for my $round (1 .. 4) {
	my $id = complete($applicant);
	my $version = version($applicant, $id);
	my @said = at_once(map { my $contract = "WINDOW$_"; sub { $applicant->put("/api/export/documents/$id", { body => body(base => { contract_no => $contract }) }, 'If-Match' => $version) } } 1, 2);
	is(statuses(@said), '200 412', 'saved in two windows: the second is told');
	is($applicant->get("/api/export/documents/$id")->json->{body}{base}{contract_no}, (won(@said))[0]{said}{body}{base}{contract_no}, 'and has overwritten nothing');
}
for my $round (1 .. 6) {
	my $id = complete($applicant);
	my $file = $applicant->get("/api/export/documents/$id")->json->{attachments}[0]{id};
	at_once(act_on($applicant, $id, 'submit', '*'), sub { $applicant->delete("/api/export/attachments/$file") });
	my $after = $applicant->get("/api/export/documents/$id")->json;
	ok($after->{document}{state} eq 'DRAFT' || @{ $after->{attachments} }, 'what is submitted has its contract, whoever deletes it meanwhile');
}
{
	my $id = create($applicant)->json->{document}{id};
	my @said = at_once((sub { attach($applicant, $id, '01') }) x 3);
	is(statuses(@said), '201 409 409', 'one file of a type, however many arrive');
	is($applicant->get("/api/export/documents/$id")->json->{attachments}[1], undef, 'is kept');
}

# ---- the same request twice

for my $round (1 .. 4) {
	my $before = count('document');
	my @said = at_once((sub { $applicant->post('/api/export/documents', { form => 'export_licence', body => body() }, 'Idempotency-Key' => "same-$round") }) x 6);
	is(statuses(@said), '201 201 201 201 201 201', 'one Idempotency-Key, six requests: six good answers');
	my %ids = map { ($_->{said}{document}{id} // '?') => 1 } @said;
	is(scalar(keys %ids), 1, 'of one document');
	is(count('document'), $before + 1, 'that is stored once');
}
{
	my @said = at_once(map { my $contract = "OTHER$_"; sub { $applicant->post('/api/export/documents', { form => 'export_licence', body => body(base => { contract_no => $contract }) }, 'Idempotency-Key' => 'other') } } 1, 2);
	is(statuses(@said), '201 422', 'one key for two contents: the second is refused');
}
{
	my $client = $sw->client;
	my $captcha = sub { (captcha_id => $_[0]->post('/api/account/captcha', {})->json->{id}, captcha => 'TEST') };
	my @guests = map { $sw->client } 1 .. 4;
	my @entries = map { { kind => 'person', name => 'twin_person', password => 'correct horse', display_name => '双', email => 'twin@example.com', $captcha->($_) } } @guests;
	my @said = at_once(map { my ($guest, $entry) = ($guests[$_], $entries[$_]); sub { $guest->post('/api/account/registrations', $entry) } } 0 .. 3);
	is(statuses(@said), '201 422 422 422', 'four people take one user name: the first has it');
	$client->post('/api/account/contact-codes', { purpose => 'recover', email => 'twin@example.com', $captcha->($client) });
	my ($code) = $sw->sql('account', "SELECT body FROM mailbox WHERE address = 'twin\@example.com'") =~ /(\d{6})/;
	@said = at_once(map { my $guest = $_; sub { $guest->post('/api/account/recoveries/name', { email => 'twin@example.com', code => $code }) } } @guests);
	is(statuses(@said), '200 422 422 422', 'a code that is sent four times at once serves once');
	my @captchas = map { { $captcha->($client) } } 1;
	@said = at_once(map { my $guest = $_; sub { $guest->post('/api/account/session', { name => 'twin_person', password => 'correct horse', %{ $captchas[0] } }) } } @guests);
	is(statuses(@said), '200 422 422 422', 'so does a captcha');
}

# ---- eight at a time: numbers

{
	my @said = at_once(map { my $n = $_; sub {
		my $client = $n % 2 ? $applicant : $sw->signed_in('demo_operator');
		return [ map { $client->post('/api/export/documents', { form => 'export_licence', body => body($_ == 3 ? (base => { contract_no => 'x' x 40 }) : ()) })->json->{document}{application_no} } 1 .. 6 ];
	} } 1 .. 8);
	my @numbers = map { grep { defined } @$_ } @said;
	is(scalar(@numbers), 40, 'eight people save, some wrongly: each good one gets its number');
	is(gaps(map { $_->[0] } rows('SELECT application_no FROM document')), 0, 'none is skipped or given twice, those that were deleted aside')
		if !count("document_event WHERE action = 'delete'");
	my %seen;
	is(scalar(grep { $seen{$_}++ } @numbers), 0, 'none is given twice');
	is(gaps(@numbers), 0, 'none is skipped');
}
{
	my @ids = map { complete($applicant) } 1 .. 8;
	my @said = at_once(map { act_on($applicant, $_, 'submit', '*') } @ids);
	my @forms = map { $_->{said}{document}{form_no} // '' } @said;
	is(gaps(@forms), 0, 'eight submissions: numbers without gaps') or diag "@forms";
	act($who{first}, $_, 'first_pass') for @ids;
	@said = at_once(map { act_on($who{second}, $_, 'second_pass', '*') } @ids);
	is(statuses(@said), join(' ', (200) x 8), 'eight approvals at once');
	my @licences = map { $_->{said}{document}{licence_no} // '' } @said;
	is(gaps(@licences), 0, 'licences without gaps') or diag "@licences";
}

# ---- customs

sub stored_licence {
	my $id = bring_to(\%who, 'PRINTED', other => { one_batch_one_licence => JSON::PP::false });
	my $number = licence_of($applicant, $id);
	$sw->client->post('/partner/export/customs-status', { message_id => "stored-$number", licence_no => $number, status => 'STORED' }, @key)->ok or die 'not stored';
	return ($id, $number);
}
sub write_off {
	my ($number, $message, $quantity) = @_;
	my $client = $sw->client;
	return sub { $client->post('/partner/export/write-offs', { message_id => $message, licence_no => $number, declaration_no => sprintf('31012026%010d', $message =~ /(\d+)$/),
		quantity => $quantity, unit => '035', released => '2026-09-10' }, @key) };
}
for my $round (1 .. 3) {
	my ($id, $number) = stored_licence();
	my @said = at_once(map { write_off($number, "r$round-$_", '5') } 1 .. 7);
	is(statuses(@said), '200 200 200 200 422 422 422', 'seven write-offs of 5 race for 22: four are booked, three are told that it is too much');
	is(join(' ', sort map { $_->{said}{field} } grep { !won($_) } @said), 'quantity quantity quantity', 'at the quantity');
	@said = at_once(map { write_off($number, "last$round-$_", '2') } 11 .. 13);
	is(statuses(@said), '200 422 422', 'the rest goes to one');
	my $ledger = $applicant->get("/api/export/documents/$id/ledger")->json;
	is("$ledger->{granted} $ledger->{used} $ledger->{balance} $ledger->{uses}", '22 22 0 5', 'nothing is left, nothing went below');
	is(scalar(grep { $_->{balance} =~ /^-/ } @{ $ledger->{entries} }), 0, 'at any time');
	is(count("write_off WHERE document = $id"), 5, 'five stand in the list');
}
for my $round (1 .. 3) {
	my ($id, $number) = stored_licence();
	my @said = at_once((write_off($number, "same-$round", '5')) x 6);
	is(join(' ', sort map { $_->{said}{result} // '?' } @said), 'booked repeated repeated repeated repeated repeated', 'one message six times: booked once') or diag statuses(@said);
	is($applicant->get("/api/export/documents/$id/ledger")->json->{balance}, '17', 'and counted once');
	@said = at_once((write_off('26ZZ999999', "nobody-$round", '5')) x 4);
	is(join(' ', sort map { $_->{said}{result} // '?' } @said), 'repeated repeated repeated unknown', 'the same with one that belongs nowhere');
}
{
	my ($id, $number) = stored_licence();
	my @said = at_once(write_off($number, 'revoked-1', '5'), act_on($who{manager}, $id, 'revoke', '*'));
	is(scalar(won(@said)), 1, 'used and revoked at once: one of both') or diag statuses(@said);
	my $ledger = $applicant->get("/api/export/documents/$id/ledger")->json;
	is($ledger->{used} eq '0' ? $ledger->{released} : $ledger->{balance}, won($said[0]) ? '17' : '22', 'as was answered');
}

# ---- what must be true after all that

my $verified = `$SingleWindow::Instance::ROOT/build/$variant/bin/singlewindow-export @{[ $sw->var ]}/settings verify 2>&1`;
like($verified, qr/"broken_count":0/, 'every event chain verifies');
is($sw->sql('export', 'SELECT enterprise, form, state, count(*) FROM document GROUP BY 1, 2, 3 ORDER BY 1, 2, 3'),
	$sw->sql('export', 'SELECT enterprise, form, state, count FROM document_total WHERE count <> 0 ORDER BY 1, 2, 3'), 'kept totals agree');
unlike($sw->log_text('export') . $sw->log_text('account'), qr/status=5\d\d/, 'nobody got an error of ours');
$sw->stop;

# ---- the last second of the year, in China

$sw = SingleWindow::Instance->start(clock => '2026-12-31T23:59:59.999+08:00');
$applicant = $sw->signed_in('demo_admin');
%who = (applicant => $applicant, map { $_ => $sw->signed_in("demo_$_") } qw(first second manager));
my %long = (contract_valid_date => '2027-12-01');
my $old = complete($applicant, base => \%long);
is($applicant->get("/api/export/documents/$old")->json->{document}{application_no}, '2026000001', 'in the last second of 2026 a number of 2026');
is(act($applicant, $old, 'submit')->json->{document}{form_no}, '261100776367555600001', 'also when submitting');
my $late = complete($applicant, base => \%long);
$sw->clock('2027-01-01T00:00:00+08:00');
my $new = complete($applicant, base => { %long, year => 2027 });
is($applicant->get("/api/export/documents/$new")->json->{document}{application_no}, '2027000001', 'a millisecond later the series of 2027 begins, though it is still 2026 in Greenwich');
is(act($applicant, $new, 'submit')->json->{document}{form_no}, '271100776367555600001', 'that of submissions, too');
is($applicant->get("/api/export/documents/$late")->json->{document}{application_no}, '2026000002', 'what has a number keeps it');
my @said = at_once((sub { $applicant->post('/api/export/documents', { form => 'export_licence', body => body(base => { %long, year => 2027 }) }) }) x 6);
is(join(' ', sort map { $_->{said}{document}{application_no} } @said), join(' ', map { "202700000$_" } 2 .. 7), 'and goes on without gaps');
for my $case ([ $old, '26AA500001' ], [ $new, '27AA500001' ]) {
	my ($id, $number) = @$case;
	act($who{first}, $id, 'first_pass');
	is(act($who{second}, $id, 'second_pass')->json->{document}{licence_no}, $number, "a licence of its year: $number");
}

done_testing();
