#!/usr/bin/perl
# Who reaches which route: a table by hand. + is let through (whatever the answer then is), - is 401, 403 or 404.
use strict;
use warnings;
use utf8;
use Test::More;

use SingleWindow::Instance;
use SingleWindow::Export;

my $sw = SingleWindow::Instance->start(settings => { root => root_with_unseen() });
my @roles = qw(anonymous owner other person first second manager foreign customs portal);
my %client = (anonymous => $sw->client, owner => $sw->signed_in('demo_admin'), other => $sw->signed_in('demo_other'), person => $sw->signed_in('demo_person'),
	first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'), manager => $sw->signed_in('demo_manager'),
	foreign => $sw->signed_in('demo_ab'), customs => $sw->signed_in('demo_customs'), portal => $sw->signed_in('demo_portal'));
my %who = (applicant => $client{owner}, first => $client{first}, second => $client{second}, manager => $client{manager});

my $printed = bring_to(\%who, 'PRINTED');
my $draft = complete($client{owner});
my $file = attach($client{owner}, $draft, '23')->json->{id};
my @key = ('Authorization' => 'Bearer ' . partner_key($sw), 'X-CSRF-Token' => undef);
my %message = (licence_no => licence_of($client{owner}, $printed), declaration_no => '310120260519929079');
$sw->client->post('/partner/export/customs-status', { message_id => 'r1', licence_no => $message{licence_no}, status => 'STORED' }, @key);
$sw->client->post('/partner/export/write-offs', { %message, message_id => 'r2', quantity => '1', unit => '035', released => '2026-09-03' }, @key);
my $cleared = $client{owner}->get('/api/export/write-offs')->json->{items}[0]{id};
my $pending = bring_to(\%who, 'PENDING_FIRST');

# method, path, data, then: anonymous owner other person first second manager foreign customs portal
my @table = (
	[ GET => "/api/export/documents/$printed/signatures", undef, qw(- + - - + + + - - -) ],
	[ GET => "/api/export/documents/$printed/signatures/1.xml", undef, qw(- - - - - - - - - -) ],
	[ GET => "/api/export/documents/$printed/receipts/1.xml", undef, qw(- - - - - - - - - -) ],
	[ POST => '/api/export/signatures/prepare', {}, qw(- + + + - - - - - -) ],
	[ GET => '/api/account/api-keys', undef, qw(- + + - - - - - - -) ],
	[ POST => '/api/account/api-keys', {}, qw(- + + - - - - - - -) ],
	[ DELETE => '/api/account/api-keys/1', undef, qw(- - - - - - - - - -) ],
	[ GET => '/api/account/keys', undef, qw(- + + + - - - - - -) ],
	[ POST => '/api/account/keys/challenge', {}, qw(- + + + - - - - - -) ],
	[ POST => '/api/account/keys', {}, qw(- + + + - - - - - -) ],
	[ DELETE => '/api/account/keys/1', undef, qw(- - - - - - - - - -) ],
	[ GET => '/api/account/admin/keys', undef, qw(- - - - - - - - - +) ],
	[ POST => '/api/account/admin/keys/1/revoke', {}, qw(- - - - - - - - - +) ],
	[ POST => '/api/account/session/challenge', {}, qw(+ + + + + + + + + +) ],
	[ POST => '/api/account/session/key', {}, qw(+ + + + + + + + + +) ],
	[ GET => '/internal/account/users/1/keys', undef, qw(- - - - - - - - - -) ],
	[ GET => '/api/export/forms', undef, qw(+ + + + + + + + + +) ],
	[ GET => '/api/export/forms/export_licence/xsd', undef, qw(+ + + + + + + + + +) ],
	[ GET => '/api/export/codes/country', undef, qw(- + + + + + + + + +) ],
	[ GET => '/api/export/codes/export_goods/search?q=28', undef, qw(- + + + + + + + + +) ],
	[ GET => '/api/export/codes', undef, qw(- - - - - - - - - +) ],
	[ GET => '/api/export/codes/country/csv', undef, qw(- - - - - - - - - +) ],
	[ POST => '/api/export/codes/country', 'x', qw(- - - - - - - - - +) ],
	[ GET => '/api/export/documents?form=export_licence', undef, qw(- + + + - - - - - -) ],
	[ POST => '/api/export/export_licence/new', {}, qw(- + + + - - - - - -) ],
	[ POST => '/api/export/export_licence/verdict', {}, qw(- + + + - - - - - -) ],
	[ POST => '/api/export/export_licence/check', {}, qw(- + + + - - - - - -) ],
	[ POST => '/api/export/documents', { form => 'export_licence', body => { base => {} } }, qw(- + + + - - - - - -) ],
	[ GET => "/api/export/documents/$printed", undef, qw(- + - - + + + - - -) ],
	[ GET => "/api/export/documents/$printed/events", undef, qw(- + - - + + + - - -) ],
	[ GET => "/api/export/documents/$printed/ledger", undef, qw(- + - - + + + - - -) ],
	[ GET => "/api/export/documents/$printed/xml", undef, qw(- + - - + + + - - -) ],
	[ GET => "/api/export/documents/$printed/print/licence.pdf", undef, qw(- + - - + + + - - -) ],
	[ GET => "/api/export/documents/$draft", undef, qw(- + - - - - - - - -) ],
	[ PUT => "/api/export/documents/$draft", { body => { x => 1 } }, qw(- + - - - - - - - -) ],
	[ DELETE => "/api/export/documents/$draft", undef, qw(- + - - - - - - - -) ],
	[ POST => "/api/export/documents/$draft/actions/submit", {}, qw(- + - - - - - - - -) ],
	[ POST => "/api/export/documents/$draft/copy", { count => 0 }, qw(- + + + - - - - - -) ],
	[ POST => "/api/export/documents/$draft/attachments?type=99", 'x', qw(- + - - - - - - - -) ],
	[ GET => "/api/export/attachments/$file", undef, qw(- + - - - - - - - -) ],
	[ DELETE => "/api/export/attachments/999", undef, qw(- - - - - - - - - -) ],
	[ POST => "/api/export/documents/$pending/actions/first_pass", { opinion => 'x' x 3000 }, qw(- + + + + + + + - -) ],
	[ POST => '/api/export/batch', {}, qw(- + + + + + + + - -) ],
	[ POST => '/api/export/print', {}, qw(- + + + + + + + - -) ],
	[ GET => '/api/export/queries/history?form=export_licence', undef, qw(- + + + - - - - - -) ],
	[ GET => '/api/export/write-offs', undef, qw(- + + + - - - - - -) ],
	[ GET => "/api/export/write-offs/$cleared/goods", undef, qw(- + - - - - - - - -) ],
	[ GET => "/api/export/documents/$printed/ledger?at=1", undef, qw(- + - - + + + - - -) ],
	[ GET => '/api/export/statistics/export_licence', undef, qw(- + + + + + + + - +) ],
	[ GET => '/api/export/statistics/unseen_import/monthly', undef, qw(- + + + + + + + - +) ],
	[ POST => '/api/export/history/export_licence', '', qw(- + + + - - - - - -) ],
	[ GET => '/api/export/queue', undef, qw(- - - - + + + + - -) ],
	[ GET => '/api/export/queue/summary', undef, qw(- - - - + + + + - -) ],
	[ POST => "/api/export/documents/$pending/release", {}, qw(- - - - + + + - - -) ],
	[ POST => "/api/export/documents/$pending/reassign", {}, qw(- - - - - - + - - -) ],
	[ GET => '/api/export/unknown-write-offs', undef, qw(- - - - - - - - - +) ],
	[ GET => '/api/export/admin/series', undef, qw(- - - - - - - - - +) ],
	[ GET => '/api/export/admin/layouts', undef, qw(- - - - - - - - - +) ],
	[ GET => '/api/export/admin/layouts/export_licence/sample.pdf', undef, qw(- - - - - - - - - +) ],
	[ POST => '/api/export/admin/layouts/export_licence/confirm', {}, qw(- - - - - - - - - +) ],
	[ PUT => '/api/export/desk/seal', 'x', qw(- - - - - - + - - -) ],
	[ GET => '/api/export/jobs/1', undef, qw(- - - - - - - - - -) ],
	[ GET => '/api/export/verify?number=1&code=2', undef, qw(+ + + + + + + + + +) ],
	[ POST => '/partner/export/customs-status', {}, qw(- - - - - - - - - -) ],
	[ POST => '/partner/export/write-offs', {}, qw(- - - - - - - - - -) ],
	[ POST => '/partner/export/reservations', {}, qw(- - - - - - - - - -) ],
	[ POST => '/partner/export/adjustments', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/export/outbox/claim', {}, qw(- - - - - - - - - -) ],
	[ GET => '/internal/export/outbox/1/parts/1', undef, qw(- - - - - - - - - -) ],
	[ POST => '/internal/export/outbox/1/ack', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/export/inbox/decision', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/export/inbox/receipt', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/export/inbox/write-off', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/export/inbox/reservation', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/export/inbox/adjustment', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/export/events/claim', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/export/events/ack', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/exchange/wake/export', {}, qw(- - - - - - - - - -) ],
	[ GET => '/api/export/roots', undef, qw(+ + + + + + + + + +) ],
	[ GET => '/api/export/roots/public-key.pem', undef, qw(+ + + + + + + + + +) ],
	[ GET => '/api/account/audit/file?format=csv', undef, qw(- - - - - - - - - +) ],
	[ GET => '/api/exchange/subscriptions', undef, qw(- + + + - - - - - -) ],
	[ POST => '/api/exchange/subscriptions', {}, qw(- + + + - - - - - -) ],
	[ DELETE => '/api/exchange/subscriptions/1', undef, qw(- - - - - - - - - -) ],
	[ GET => '/api/exchange/deliveries', undef, qw(- + + + - - - - - +) ],
	[ POST => '/api/exchange/deliveries/1/retry', {}, qw(- - - - - - - - - -) ],
	[ GET => '/api/exchange/queues/erp', undef, qw(- + + + - - - - - -) ],
	[ POST => '/api/exchange/queues/erp/ack', {}, qw(- + + + - - - - - -) ],
	[ POST => '/internal/account/contacts', {}, qw(- - - - - - - - - -) ],
	[ POST => '/internal/account/mailbox', {}, qw(- - - - - - - - - -) ],
	[ POST => '/api/exchange/wechat', {}, qw(- - - - - - - - - -) ], # 404 without a gateway
	[ DELETE => '/api/exchange/wechat', undef, qw(- - - - - - - - - -) ], # 404 without a binding
	[ POST => '/partner/exchange/wechat', {}, qw(- - - - - - - - - -) ],
	[ GET => '/api/exchange/live', undef, qw(- + + + + + + + + +) ],
	[ GET => '/internal/account/users/1/epoch', undef, qw(- - - - - - - - - -) ],
	[ GET => '/internal/account/users/1/rights', undef, qw(- - - - - - - - - -) ],
	[ POST => '/api/export/bulk/export_licence', '[', qw(- + + + - - - - - -) ],
	[ GET => '/api/export/bulk/export_licence/template.xlsx', undef, qw(- + + + - - - - - -) ],
	[ GET => '/api/openapi.json', undef, qw(+ + + + + + + + + +) ],
	[ GET => '/internal/export/openapi', undef, qw(- - - - - - - - - -) ],
	[ GET => '/internal/exchange/openapi', undef, qw(- - - - - - - - - -) ],
	[ POST => '/internal/account/audit', {}, qw(- - - - - - - - - -) ],
);

for my $row (@table) {
	my ($method, $path, $data, @cells) = @$row;
	my $got = join ' ', map {
		my $sender = lc $method;
		my @more = $method eq 'GET' ? () : $method eq 'DELETE' ? ('If-Match' => '"99"') : ($data, 'If-Match' => '"99"', ref $data ? () : ('Content-Type' => 'text/csv'));
		my $status = $client{$_}->$sender($path, @more)->status;
		$status =~ /^(401|403|404)$/ ? '-' : '+';
	} @roles;
	is($got, join(' ', @cells), "$method $path");
}

# What a refused request says differs only where it must: another's document is not there at all.
is($client{other}->get("/api/export/documents/$printed")->status, 404, "another enterprise's document is 404, not 403");
is($client{foreign}->get("/api/export/documents/$printed")->status, 404, 'so is one of another agency');

# An operator's rights are the operator's own.
my $operator = $sw->signed_in('demo_operator');
is($operator->get("/api/export/documents/$printed")->status, 200, 'an operator sees the documents of the enterprise');

# A partner's key opens the partner's routes and nothing else.
is($sw->client->post("/partner/export/$_", {}, @key)->status, 422, "a partner's key opens the partner's route $_") for qw(customs-status write-offs reservations adjustments);
is($sw->client->get('/api/export/documents?form=export_licence', @key)->status, 401, 'and no other');
is($sw->client->post('/partner/export/write-offs', {}, 'Authorization' => 'Bearer ' . 'a' x 64, 'X-CSRF-Token' => undef)->status, 401, 'an unknown key opens nothing');

done_testing();
