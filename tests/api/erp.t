#!/usr/bin/perl
# The interface for an enterprise's own systems: API keys (what they open, how long, how often, whose they are).
use strict;
use warnings;
use utf8;
use Test::More;

use SingleWindow::Export;
use SingleWindow::Instance;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $sw = SingleWindow::Instance->start;
my ($admin, $operator, $other, $person, $officer, $portal) = map { $sw->signed_in("demo_$_") } qw(admin operator other person first portal);
my $all = [qw(view edit submit)];

sub key_with {
	my (%change) = @_;
	my $answer = $admin->post('/api/account/api-keys', { name => 'ERP', rights => { export => $all }, expires => '2027-09-02', %change });
	die $answer->text unless $answer->status == 201;
	return $answer->json;
}

# A program with a key: no cookie, no CSRF token.
sub call {
	my ($key, $method, $path, $data, %header) = @_;
	return $sw->client->request($method, $path, $data, 'Authorization' => "Bearer $key", 'X-CSRF-Token' => undef, %header);
}
my $create = sub { my ($key, %change) = @_; call($key, 'POST', '/api/export/documents', { form => 'export_licence', body => body(%change) }) };
my $problem = sub { my ($answer) = @_; my ($name) = ($answer->json->{type} // '') =~ m{([^/]*)$}; return join ' ', $answer->status, $name, $answer->json->{field} // () };

# ---- making

my $made = key_with();
my $key = $made->{key};
like($key, qr/^sw_[0-9a-f]{64}$/, 'a key has 256 bits and a mark');
is($made->{prefix}, substr($key, 0, 11), 'its beginning is what is shown afterwards');
my $list = $admin->get('/api/account/api-keys');
my ($listed) = @{ $list->json->{items} };
is_deeply({ map { $_ => $listed->{$_} } qw(id name prefix expires per_minute state rights last_used) },
	{ id => $made->{id}, name => 'ERP', prefix => $made->{prefix}, expires => '2027-09-02', per_minute => 600, state => 'active', rights => { export => $all }, last_used => undef }, 'the list tells what it is');
unlike($list->text . $sw->sql('account', 'SELECT key_hash, key_prefix FROM api_key'), qr/\Q$key\E/, 'and nobody has the key again');
for my $case ([ { name => '' }, 'required name' ], [ { rights => {} }, 'required rights' ], [ { rights => { export => ['first_review'] } }, 'rights rights' ], [ { rights => { nothing => ['view'] } }, 'rights rights' ],
	[ { expires => '2028-09-04' }, 'expiry expires' ], [ { expires => '2026-09-02' }, 'expiry expires' ], [ { expires => 'soon' }, 'date expires' ], [ { per_minute => 0 }, 'number per_minute' ], [ { per_minute => 6001 }, 'number per_minute' ]) {
	my $answer = $admin->post('/api/account/api-keys', { name => 'x', rights => { export => ['view'] }, expires => '2027-01-01', %{ $case->[0] } });
	is($problem->($answer), "422 $case->[1]", "refused: $case->[1]");
}
is($_->[1]->get('/api/account/api-keys')->status, 403, "$_->[0] has nothing to do with keys") for [ 'an operator', $operator ], [ 'a person', $person ], [ 'an officer', $officer ], [ 'the portal', $portal ];
is($admin->post('/api/account/api-keys', {}, 'X-CSRF-Token' => undef)->status, 403, 'making one needs the CSRF token');

# ---- what it opens

my $answer = $create->($key);
is($answer->status, 201, 'a document is made with a key, without a session and without a CSRF token');
my $id = $answer->json->{document}{id};
is($operator->get("/api/export/documents/$id")->status, 200, 'it is the enterprise\'s');
is(call($key, 'POST', "/api/export/documents/$id/attachments?type=01&name=a.pdf", pdf(), 'Content-Type' => 'application/octet-stream')->status, 201, 'a file');
is(call($key, 'POST', "/api/export/documents/$id/actions/submit", {}, 'If-Match' => '*')->status, 200, 'and it is submitted');
my $events = $operator->get("/api/export/documents/$id/events")->json->{events};
is_deeply([ map { $_->{actor} } grep { $_->{action} eq 'submit' } @$events ], ['ERP (API)'], 'the events say which key it was');
my @filled = map { $_->json->{body}{other}{applicant_name} } call($key, 'POST', '/api/export/export_licence/new', {}), $admin->post('/api/export/export_licence/new', {});
like($filled[0], qr/^\p{Han}+$/, 'a form is filled with a person\'s name');
is($filled[0], $filled[1], '... of who made the key');
my ($job) = call($key, 'POST', '/api/export/batch', { action => 'withdraw', ids => [ ($id) x 1 ], opinion => '改' })->json->{results};
ok($job->[0]{ok}, 'a batch');
ok($admin->get('/api/account/api-keys')->json->{items}[0]{last_used}, 'when it was used is noted');

is(call($key, 'GET', "/api/mep/documents?form=mep_licence")->status, 403, 'a module that the key was not given is closed');
is(call($key, 'GET', '/api/mep/statistics/mep_licence')->status, 403, 'all of it');
is(call($key, $_->[0], "/api/account/$_->[1]", $_->[2])->status, 401, "no key is good for $_->[0] $_->[1]")
	for [ GET => 'profile' ], [ GET => 'api-keys' ], [ POST => 'api-keys', {} ], [ PUT => 'password', {} ], [ GET => 'enterprise' ], [ GET => 'operators' ], [ DELETE => 'sessions' ];
ok(!call($key, 'GET', '/api/account/session')->json->{signed_in}, 'nor does it sign in');
is(call($key, 'POST', '/partner/export/customs-status', {})->status, 401, 'nor is it a partner\'s');
is(call(partner_key($sw), 'GET', '/api/export/documents?form=export_licence')->status, 401, 'and a partner\'s is no enterprise\'s');
is(call('sw_' . '0' x 64, 'GET', '/api/export/documents?form=export_licence')->status, 401, 'an unknown key opens nothing');
is(call('sw_short', 'GET', '/api/export/documents?form=export_licence')->status, 401, 'nor does half of one');
is($admin->get('/api/export/documents?form=export_licence', 'Authorization' => 'Bearer sw_' . '0' x 64)->status, 401, 'a session beside a wrong key does not help it');

my $reader = key_with(name => '只读', rights => { export => ['view'] })->{key};
is(call($reader, 'GET', "/api/export/documents/$id")->status, 200, 'a key to read reads');
is($create->($reader)->status, 403, '... and makes nothing');
my $editor = key_with(name => '录入', rights => { export => ['edit'] })->{key};
my $drafted = $create->($editor)->json->{document}{id};
call($editor, 'POST', "/api/export/documents/$drafted/attachments?type=01&name=a.pdf", pdf(), 'Content-Type' => 'application/octet-stream');
is(call($editor, 'POST', "/api/export/documents/$drafted/actions/submit", {}, 'If-Match' => '*')->status, 403, 'a key to edit submits nothing');
ok(!call($editor, 'POST', '/api/export/batch', { action => 'submit', ids => [$drafted] })->json->{results}[0]{ok}, '... not in a batch either');

# ---- others

my $foreign = $other->post('/api/account/api-keys', { name => 'x', rights => { export => $all }, expires => '2027-01-01' })->json;
is(call($foreign->{key}, 'GET', "/api/export/documents/$id")->status, 404, 'another enterprise\'s key sees nothing of this one');
is(call($foreign->{key}, 'GET', '/api/export/documents?form=export_licence')->json->{total}, 0, '... in no list');
is($admin->delete("/api/account/api-keys/$foreign->{id}")->status, 404, 'and nobody withdraws another enterprise\'s key');
is(scalar(grep { $_->{id} eq $foreign->{id} } @{ $admin->get('/api/account/api-keys')->json->{items} }), 0, 'or sees it');

# ---- Idempotency-Key: a set for each key

my @twice = map { call($key, 'POST', '/api/export/documents', { form => 'export_licence', body => body() }, 'Idempotency-Key' => 'one')->json->{document}{id} } 1 .. 2;
is($twice[0], $twice[1], 'the same request again is the same document');
isnt(call($editor, 'POST', '/api/export/documents', { form => 'export_licence', body => body() }, 'Idempotency-Key' => 'one')->json->{document}{id}, $twice[0], 'another key\'s is another');

# ---- dry runs store nothing

my $stored = sub { join ' ', map { $sw->sql('export', "SELECT count(*) FROM $_") =~ s/\s//gr } qw(document document_body document_event document_line counter job outbox statistic_day idempotency ledger document_total) };
my $row = sub { $sw->sql('export', "SELECT id, state, version, updated FROM document WHERE id = $_[0]") };
my $ready = complete($admin);
my $state = sub { $stored->() . ' ' . $row->($ready) };
my $before = $state->();
my $try = sub { my ($method, $path, $data, %header) = @_; call($key, $method, "/api/export/$path?dry_run=1", $data, %header) };
my $tried = $try->('POST', 'documents', { form => 'export_licence', body => body() }, 'Idempotency-Key' => 'dry');
is($tried->status . ' ' . $tried->header('X-Dry-Run'), '201 1', 'making a document is tried');
is_deeply([ sort keys %{ $tried->json } ], [ sort keys %{ call($key, 'GET', "/api/export/documents/$ready")->json } ], 'the answer has the same shape');
is($tried->json->{body}{goods}{goods_name}, '硫酸二钠', '... with what would be filled in');
is(call($key, 'GET', '/api/export/documents/' . $tried->json->{document}{id})->status, 404, 'and is not there');
$tried = $try->('POST', "documents/$ready/actions/submit", {}, 'If-Match' => '*');
is($tried->json->{document}{state}, 'PENDING_FIRST', 'submitting is tried');
$tried = $try->('PUT', "documents/$ready", { body => body(base => { contract_no => 'OTHER' }) }, 'If-Match' => '*');
is($tried->json->{body}{base}{contract_no}, 'OTHER', 'saving too');
is($try->('DELETE', "documents/$ready", undef, 'If-Match' => '*')->status, 204, 'and deleting');
is($state->(), $before, 'nothing of it is stored: no row, no number, no event, no key');
is($problem->($try->('POST', 'documents', { form => 'export_licence', body => { base => { year => 'x' } } })), '422 invalid base/year', 'what is wrong is told all the same');
is($problem->($try->('PUT', "documents/$ready", { body => {} }, 'If-Match' => '"99"')) =~ s/ .*//r, 412, 'a stale version');
is($problem->($try->('POST', "documents/$ready/actions/submit", { signed => '<x/>', token => 'y' }, 'If-Match' => '*')), '422 dry_run_signed', 'a signature is not used up');
is($problem->(call($key, 'POST', '/api/export/documents?dry_run=yes', { form => 'export_licence', body => {} })), '422 number dry_run', 'dry_run is 0 or 1');
is($state->(), $before, 'and nothing is stored by that either');
is(call($key, 'POST', '/api/export/documents', { form => 'export_licence', body => body() }, 'Idempotency-Key' => 'dry')->status, 201, 'the Idempotency-Key of a dry run is free');
is(act($admin, $ready, 'submit')->json->{document}{state}, 'PENDING_FIRST', 'for real it works afterwards');

# ---- how often, how long

my $slow = key_with(name => '慢', per_minute => 3)->{key};
my @status = map { call($slow, 'GET', '/api/export/documents?form=export_licence') } 1 .. 5;
is(join(' ', map { $_->status } @status[0 .. 2]), '200 200 200', 'as often as the key may');
my ($limited) = grep { $_->status == 429 } @status;
ok($limited, 'and then no more');
cmp_ok($limited->header('Retry-After'), '>', 0, 'with the time to wait') if $limited;
is(call($key, 'GET', '/api/export/documents?form=export_licence')->status, 200, 'another key is not held up');

my $ends = key_with(name => '短', expires => '2026-09-03')->{key};
is(call($ends, 'GET', '/api/export/documents?form=export_licence')->status, 200, 'on its last day a key is good');
my $refused = sub { my ($k) = @_; wait_until(sub { call($k, 'GET', '/api/export/documents?form=export_licence')->status == 401 }) };
$sw->clock('2026-09-04T00:00:00+08:00');
ok($refused->($ends), 'and not on the next');
is((grep { $_->{name} eq '短' } @{ $sw->signed_in('demo_admin')->get('/api/account/api-keys')->json->{items} })[0]{state}, 'expired', 'the list says so');
$sw->clock('2026-09-03T10:00:00+08:00');

$admin = $sw->signed_in('demo_admin');
is($admin->delete("/api/account/api-keys/$made->{id}")->status, 204, 'a key is withdrawn');
is($admin->delete("/api/account/api-keys/$made->{id}")->status, 404, '... once');
ok($refused->($key), 'and opens nothing any more');
my $audit = $portal->get('/api/account/audit?action=api_key_revoked')->json->{items};
is($audit->[0]{object}, $made->{id}, 'the audit knows');

# ---- with a key that acts for a user who is gone

$sw->sql('account', q{UPDATE user_account SET state = 'locked' WHERE name = 'demo_admin'});
ok($refused->($reader), 'who is locked acts through no key');

done_testing();
