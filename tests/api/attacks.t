#!/usr/bin/perl
# What somebody tries who means harm: members that are not theirs to set, ids of others, forged requests, tricks with addresses and headers,
# lines smuggled into logs, formulas smuggled into sheets.
use strict;
use warnings;
use utf8;
use Test::More;
use IO::Uncompress::Unzip;
use JSON::PP ();

use SingleWindow::Instance;
use SingleWindow::Export;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $true = JSON::PP::true;
my $sw = SingleWindow::Instance->start(settings => { root => root_with_unseen() });
my %client = map { $_ => $sw->signed_in("demo_$_") } qw(admin operator other person first second manager ab customs portal);
my ($victim, $attacker) = @client{qw(admin other)};
my %who = (applicant => $victim, map { $_ => $client{$_} } qw(first second manager));
my $guest = $sw->client;
$guest->session;

sub row { my ($columns, $id) = @_; return $sw->sql('export', "SELECT $columns FROM document WHERE id = $id") }
sub captcha { my ($client) = @_; return (captcha_id => $client->post('/api/account/captcha', {})->json->{id}, captcha => 'TEST') }
sub without_id { my ($answer) = @_; my $json = { %{ $answer->json } }; delete $json->{id}; return $json }

# ---- the routes, as the programs have them

my @routes;    # [ method, path, side ]
my ($rows, $read) = (0, 0);
for my $module ('shared/service', 'modules/account', 'modules/exchange', 'modules/mep') {
	for my $file (glob "$SingleWindow::Instance::ROOT/$module/*.c") {
		open my $in, '<', $file or die "$file: $!";
		my $text = do { local $/ = undef; <$in> };
		my ($base) = $text =~ /#define BASE "([^"]+)"/;
		my @people = $text =~ /^\s*PEOPLE\("([^"]+)"/mg;
		$rows += () = $text =~ /LANE_/g;
		while ($text =~ /\{"(GET|POST|PUT|DELETE)", (?:(BASE|path) ?)?(?:"([^"]*)")?,/g) {
			my ($method, $from, $path) = ($1, $2 // '', $3 // '');
			$read++;
			my @full = map { "$_$path" } $from eq 'BASE' ? $base : $from eq 'path' ? @people : '';
			for (@full) {
				my $whole = m{^!/(\w+)(/.*)} ? "/$1/export$2" : $module eq 'shared/service' ? "/api/export$_" : $_;
				push @routes, [ $method, $whole, $whole =~ m{^/(api|partner|internal)/} ? $1 : 'other' ];
			}
		}
	}
}
is($read, $rows, 'no route is overlooked: ' . @routes);
for my $known ('DELETE /api/export/documents/:id', 'POST /api/account/operators/:id/lock', 'PUT /api/account/articles/:id', 'POST /partner/export/write-offs', 'POST /internal/export/outbox/claim') {
	is(scalar(grep { "$_->[0] $_->[1]" eq $known } @routes), 1, "$known is one of them");
}
sub filled { my ($path) = @_; return $path =~ s/:form/export_licence/r =~ s/:list/country/r =~ s/:action/submit/r =~ s/:hash/'0' x 64/er =~ s/:\w+/1/gr }

# ---- forged requests: whoever is signed in, nothing changes without the token of the session

for my $route (grep { $_->[0] ne 'GET' && $_->[2] eq 'api' } @routes) {
	my ($method, $path) = ($route->[0], filled($route->[1]));
	my (%status, %problem);
	for my $client (@client{qw(admin person manager customs portal)}, $guest) {
		for my $token (undef, 'f' x 32, $client == $guest ? $victim->csrf : $guest->csrf) {
			my $answer = $client->request($method, $path, $method eq 'DELETE' ? undef : {}, 'X-CSRF-Token' => $token, 'If-Match' => '*');
			$status{ $answer->status }++;
			$problem{ $answer->json->{type} =~ s{.*/}{}r }++;
		}
	}
	is(join(' ', grep { !/^(401|403)$/ } sort keys %status), '', "$method $route->[1] without the right token is refused to everybody");
	ok($problem{csrf}, 'for the token') or diag join ' ', %problem;
}

# ---- the internal side

for my $route (grep { $_->[2] eq 'internal' } @routes) {
	my ($method, $path) = ($route->[0], filled($route->[1]));
	my @ways = ($path, "/api/../$path", "/api/export/..%2f..$path", "//$path", '/%69' . substr($path, 2), uc $path, "/api/export$path", "/partner/export$path", "$path%2f..");
	my @said = map { $client{portal}->request($_->[0], $_->[1], $_->[0] eq 'GET' ? undef : {}, %{ $_->[2] })->status }
		map { my $way = $_; ([ $method, $way, {} ], [ $method, $way, { 'SW-Side' => 'internal', 'X-SW-Side' => 'internal', 'SW_SIDE' => 'internal' } ]) } @ways;
	is(join(' ', grep { !/^40[0345]$/ } @said), '', "$method $route->[1] is not reached from outside");
}

# ---- members that are the server's

my $columns = 'enterprise, creator, enterprise_code, enterprise_name, state, state_customs, version, application_no <> \'\', form_no, licence_no, issued, applied, check_code, source, claimed_by, form_version';
my $plain = create($victim)->json->{document}{id};
my %forged = (id => '1', enterprise => 1002, creator => '2003', enterprise_code => '6500299201931', enterprise_name => '别的企业', state => 'APPROVED', state_customs => 'STORED',
	version => 99, application_no => '2026999999', form_no => '269999999999999999999', licence_no => '26AA599999', issued => '2026-01-01', applied => '2026-01-01', check_code => '0' x 16,
	source => '商务部', claimed_by => '2004', form_version => 7, user => '2003', kind => 'administrator', principal => { kind => 16 });
my $document = $victim->post('/api/export/documents', { form => 'export_licence', body => body(), %forged });
is($document->status, 201, 'a document with members that are not the sender\'s to set');
my $mine = $document->json->{document}{id};
is(row($columns, $mine), row($columns, $plain), 'is as one without them');
is($victim->put("/api/export/documents/$mine", { body => body(), %forged }, 'If-Match' => '*')->status, 200, 'saved again with them');
is($victim->put("/api/export/documents/$plain", { body => body() }, 'If-Match' => '*')->status, 200, 'and without them');
is(row($columns, $mine), row($columns, $plain), 'the same');
my $copied = $victim->post("/api/export/documents/$mine/copy", { count => 1, %forged })->json->{ids}[0];
is(row("$columns, 1", $copied) =~ s/^((?:[^|]*\|){6})2/${1}1/r, row("$columns, 1", $plain) =~ s/^((?:[^|]*\|){6})2/${1}1/r, 'a copy, too');

my $filled = $victim->post('/api/export/documents', { form => 'export_licence', body => body(base => { application_no => '2026999999', mofcom_form_no => '26', licence_no => '26AA599999',
	exporter_code => '1100299201930', exporter_uscc => '91110000299201930A', valid_until => '2099-12-31' }, goods => { goods_name => '面粉', unit => '001', exchange_rate => '1', total_qty => '1', total_amount => '1',
	total_amount_usd => '1' }, other => { application_date => '2020-01-01' }) });
is($filled->status, 201, 'fields that the server fills');
my $body = $filled->json->{body};
is($body->{base}{exporter_code}, '1100776367555', 'the exporter is who is signed in');
is($body->{base}{exporter_uscc}, '988899977763675550', 'under its own code');
is(join(' ', map { $_ // '-' } @{ $body->{base} }{qw(mofcom_form_no licence_no valid_until)}, $body->{other}{application_date}), '- - 2026-12-31 -', 'numbers and dates are not the sender\'s');
is(join(' ', @{ $body->{goods} }{qw(goods_name unit total_qty total_amount total_amount_usd)}), '硫酸二钠 035 22 244.42 244', 'nor what is looked up and computed');
my $named = $victim->put("/api/export/documents/$plain", { body => { %{ body() }, names => { country => { 142 => '别国' } } } }, 'If-Match' => '*');
is($named->json->{body}{names}, undef, 'nor the names of codes');
attach($victim, $plain, '01');
my $sent = $victim->post("/api/export/documents/$plain/actions/submit", { %forged, to => 'APPROVED', effects => ['issue'], opinion => 'x' }, 'If-Match' => '*');
is($sent->json->{document}{state}, 'PENDING_FIRST', 'submitting leads where the definition says');
is($sent->json->{body}{names}{country}{142}, '中国', 'freezes the names that the table has');
is($sent->json->{document}{form_no}, '261100776367555600001', 'with the number of the series');
is($client{first}->post("/api/export/documents/$plain/claim", { user => '2006', claimed_by => '2006', %forged })->json->{document}{claimed_by_me}, $true, 'who claims claims for oneself');
$client{first}->post("/api/export/documents/$plain/release", {});

my $citizen = $sw->client;
my %person = (kind => 'person', name => 'climber', password => 'correct horse', display_name => '李四', email => 'climber@example.com');
is($citizen->post('/api/account/registrations', { %person, %forged, kind => $_, captcha($citizen) })->status, 422, "nobody registers as $_") for qw(officer customs administrator system);
is($citizen->post('/api/account/registrations', { %person, captcha($citizen), id => '1', enterprise => 1001, enterprise_administrator => $true, agency => 'AA', rights => { export => ['manage'] }, demo => 1, state => 'active',
	must_change_password => JSON::PP::false })->status, 201, 'a person who registers with more than a person has');
my $session = $citizen->sign_in('climber', 'correct horse')->json;
is_deeply([ $session->{user}{kind}, $session->{user}{rights}, $session->{enterprise}, $session->{agency}, !!$session->{user}{enterprise_administrator} ],
	[ 'person', { map { $_ => [qw(view edit submit)] } qw(export mep nonmep origin) }, undef, undef, !!0 ], 'is a person');
my %more = (id => '2009', name => 'demo_portal', kind => 'administrator', enterprise => 1002, enterprise_administrator => $true, agency => 'AA', rights => { export => ['manage'] }, state => 'active', password => 'known word 1', epoch => 0);
my $before = $sw->sql('account', 'SELECT id, name, kind, enterprise, enterprise_administrator, agency, state, password, epoch, must_change FROM user_account ORDER BY id');
is($client{operator}->put('/api/account/profile', { display_name => '演示操作员', %more })->status, 200, 'a profile with more than a profile has');
is($citizen->put('/api/account/profile', { display_name => '李四', email => 'climber@example.com', %more })->status, 200, 'another one');
is($sw->sql('account', 'SELECT id, name, kind, enterprise, enterprise_administrator, agency, state, password, epoch, must_change FROM user_account ORDER BY id'), $before, 'change nobody\'s rank');
my $hand = $attacker->post('/api/account/operators', { %more, name => 'hired_hand', display_name => '操作员', enterprise => 1001, rights => { export => ['view'] } });
is($hand->status, 201, 'an operator made for another enterprise, as administrator');
is($sw->sql('account', "SELECT kind, enterprise, enterprise_administrator, agency, must_change FROM user_account WHERE name = 'hired_hand'") =~ s/\s+$//r, '1|1002|0||1', 'is an operator of one\'s own');
isnt($hand->json->{password}, 'known word 1', 'with a password that the portal makes');
is($attacker->put('/api/account/operators/' . $hand->json->{id}, { display_name => 'x', %more, rights => { export => ['manage'] } })->status, 422, 'rights of officers are not theirs to give');
is($attacker->put('/api/account/operators/2002', { display_name => 'x' })->status, 404, 'nor another enterprise\'s people theirs to change');
my $enterprises = $sw->sql('account', 'SELECT id, code, uscc, organisation_code FROM enterprise ORDER BY id');
is($attacker->put('/api/account/enterprise', { name => '演示其他企业', address => 'x', id => 1001, code => '1100776367555', enterprise_code => '1100776367555', uscc => '988899977763675550' })->status, 200, 'an enterprise with another\'s codes');
is($sw->sql('account', 'SELECT id, code, uscc, organisation_code FROM enterprise ORDER BY id'), $enterprises, 'keeps its own');

# ---- ids of others

my %theirs = (draft => complete($victim), pending => bring_to(\%who, 'PENDING_FIRST'), printed => bring_to(\%who, 'PRINTED'));
my $file = $victim->get("/api/export/documents/$theirs{draft}")->json->{attachments}[0]{id};
my $number = licence_of($victim, $theirs{printed});
my @copies = @{ $victim->post("/api/export/documents/$theirs{draft}/copy", { count => 51 })->json->{ids} };
my $job = $victim->post('/api/export/batch', { action => 'delete', ids => \@copies })->json->{job};
sub state_of_all { return join "\n", map { $sw->sql('export', $_) } 'SELECT id, version, state, event_sequence, claimed_by FROM document WHERE id IN (' . join(',', sort values %theirs) . ') ORDER BY id',
	'SELECT id, document FROM attachment ORDER BY id', "SELECT count(*) FROM document_event WHERE document IN ($theirs{draft}, $theirs{pending}, $theirs{printed})" }
wait_until(sub { $victim->get("/api/export/jobs/$job")->json->{state} eq 'done' }, 30);
my $theirs_before = state_of_all();
for my $name (qw(other person ab)) {
	my $client = $client{$name};
	my $officer = $name eq 'ab';
	for my $state (sort keys %theirs) {
		my $id = $theirs{$state};
		for my $try ([ 'GET', '' ], [ 'GET', '/xml' ], [ 'GET', '/events' ], [ 'GET', '/ledger' ], [ 'GET', '/print/application.pdf' ], [ 'GET', '/print/licence.pdf' ], [ 'PUT', '', { body => body() } ], [ 'DELETE', '' ],
			(map { [ 'POST', "/actions/$_", { opinion => 'x' } ] } qw(submit withdraw delete first_pass second_pass revoke customs_written_off nonsense)), [ 'POST', '/copy', { count => 1 } ],
			[ 'POST', '/attachments?type=23&name=a.pdf', pdf() ], [ 'POST', '/claim', {} ], [ 'POST', '/release', {} ]) {
			my ($method, $path, $data) = @$try;
			my @said = map { $client->request($method, "/api/export/documents/$_$path", $data, 'If-Match' => '*', ref $data ? () : ('Content-Type' => 'application/octet-stream')) } $id, '883000000000000000';
			is(join(' ', map { $_->status } @said), $said[1]->status == 403 ? '403 403' : '404 404', "$name, $method $path of a document in $state") or diag $said[0]->text;
			is_deeply(without_id($said[0]), without_id($said[1]), 'is as if it were not there');
		}
	}
	is($client->get("/api/export/attachments/$file")->status, 404, "$name: its files");
	is($client->delete("/api/export/attachments/$file")->status, $officer ? 403 : 404, 'are not there to delete');
	is($client->get("/api/export/jobs/$job")->status, 404, 'nor its jobs');
	my $batch = $client->post('/api/export/batch', { action => $officer ? 'first_pass' : 'delete', opinion => 'x', ids => [ values %theirs, '883000000000000000' ] })->json->{results};
	my @told = map { { %$_, id => 0 } } @$batch;
	is_deeply(\@told, [ ($told[-1]) x @told ], 'in a batch they are as one that is not there');
	is($client->post('/api/export/print', { name => $_, ids => [ $theirs{printed} ] })->status, 404, "nor can $_ be printed") for qw(application licence);
}
is(state_of_all(), $theirs_before, 'nothing of that changed anything');
is($client{operator}->get("/api/export/jobs/$job")->status, 404, 'a job is who started it only');
my $own = create($attacker)->json->{document}{id};
is($attacker->post('/api/export/print', { name => 'application', ids => [ $own, $theirs{printed} ] })->status, $attacker->post('/api/export/print', { name => 'application', ids => [ $own, '883000000000000000' ] })->status,
	'hidden behind one\'s own in a print');
is($attacker->post('/api/export/export_licence/check', { body => body(), document => $theirs{draft} })->status, 404, 'hidden in a check');
my @many = map { 883000000000000000 + $_ } 1 .. 48;
my $big = $attacker->post('/api/export/batch', { action => 'delete', ids => [ values(%theirs), map { "$_" } @many ] })->json->{job};
ok(wait_until(sub { $attacker->get("/api/export/jobs/$big")->json->{state} eq 'done' }, 30), 'a large batch with ids of others ends');
my %results = map { $_->{state} => 1 } @{ $attacker->get("/api/export/jobs/$big")->json->{results} };
is(join('|', sort keys %results), '', 'and tells no state');
sub permit { my ($client, $licence) = @_; return $client->post('/api/export/documents', { form => 'unseen_permit', body => { head => { purpose => 'civil', agency => 'AA', country => '142', start => '2026-08-31', licence => $licence } } }) }
is_deeply(permit($attacker, $theirs{printed})->json->{errors}, permit($attacker, '883000000000000000')->json->{errors}, 'a reference to another\'s licence is one to nothing');
is(permit($victim, $theirs{printed})->status, 201, 'while the owner may refer to it');
for my $query ("documents?form=export_licence&enterprise_code=1100776367555", "documents?licence_no=$number", "documents?form=export_licence&enterprise=1001", "queries/history?form=export_licence&licence_no=$number",
	"queries/customs?form=export_licence&state=PRINTED", 'write-offs?enterprise=1001') {
	is(scalar(grep { ($_->{enterprise_code} // '') eq '1100776367555' || ($_->{licence_no} // '') eq $number } @{ $attacker->get("/api/export/$query")->json->{items} }), 0, "$query shows nothing of others");
}
is($client{ab}->get("/api/export/queue?agency=AA&state=PENDING_FIRST,PRINTED,DRAFT")->json->{total}, '0', 'an officer\'s list is of the own agency, whatever is asked for');
is($client{first}->get("/api/export/queue?state=DRAFT,APPROVED,PRINTED&application_no=" . $victim->get("/api/export/documents/$theirs{draft}")->json->{document}{application_no})->json->{total}, '0', 'and has no drafts');
is($attacker->get('/api/export/statistics/export_licence')->json->{total}{count}, 0, 'statistics of applicants are their own');

my %draft = (form => 'export_licence', body => body());
my $first = $victim->post('/api/export/documents', \%draft, 'Idempotency-Key' => 'well-known');
for my $client ($attacker, $client{operator}) {
	my $second = $client->post('/api/export/documents', \%draft, 'Idempotency-Key' => 'well-known');
	is($second->status, 201, 'another\'s Idempotency-Key is no key');
	isnt($second->json->{document}{id}, $first->json->{document}{id}, 'and gives nothing of what it stands for');
}

# ---- addresses, methods, headers

sub status_of { my ($answer) = @_; return $answer =~ m{^HTTP/1\.\d (\d+)} ? $1 : 'none' }
my $cookies = join '; ', map { "$_=" . $victim->cookie($_) } grep { $victim->cookie($_) } qw(sw_session sw_guest);
my $there = row('version, state', $theirs{draft});
for my $method (qw(PATCH TRACE CONNECT OPTIONS PROPFIND get Delete), 'X' x 3000) {
	like(status_of($sw->raw("$method /api/export/documents/$theirs{draft} HTTP/1.1\r\nHost: x\r\nCookie: $cookies\r\nX-CSRF-Token: " . $victim->csrf . "\r\nConnection: close\r\n\r\n")), qr/^(400|405|414|431)$/, 'the method ' . substr($method, 0, 12));
}
like($victim->post("/api/export/documents/$theirs{draft}", {}, 'X-HTTP-Method-Override' => 'DELETE', 'X-HTTP-Method' => 'DELETE', 'X-Method-Override' => 'DELETE', 'If-Match' => '*')->status, qr/^405$/, 'a method in a header is none');
like($victim->post("/api/export/documents/$theirs{draft}?_method=DELETE", {}, 'If-Match' => '*')->status, qr/^405$/, 'nor one in the query');
is(row('version, state', $theirs{draft}), $there, 'and nothing has changed');
is(status_of($sw->raw("GET /$_ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), 414, 'an address of ' . length . ' bytes') for 'x' x 9000, 'api/export/documents?contract_no=' . 'x' x 9000;
for my $path ('/api/export/documents%00', "/api/export/documents/$theirs{draft}%00", '/forms/export_licence.1.json%00', '/api/export/documents?contract_no=%00', '/api/export/documents?%00=1', '/api/export/documents/%c0%ae', '/api/export/documents?form=%ff') {
	is($victim->get($path)->status, 400, "$path is refused");
}
for my $path ('/forms/../sql/document/001_document.sql', '/forms/..%2fsql/document/001_document.sql', '/forms/%2e%2e/sql/document/001_document.sql', '/forms/..%5csql', '/forms/.%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd', '/forms//etc/passwd',
	'/..%252f..%252fetc/passwd', '/assets/../../../etc/passwd', '/.git/config', '/%2e%2e/package.json', '/schema/sql/document/001_document.sql', '/sql/document/001_document.sql', '/var/settings', '/settings', '/secret', '/db/export.db',
	'/forms', '/forms/', '/assets/', '/.problem/404', '/old-browser.html/..%2f..%2f', '/index.html%20', '/index.html.bak', '/api/export/forms/..%2f..%2fsql/xsd', '/api/export/forms/..%2fcodes%2fcountry/json-schema', '/api/export/codes/..%2f..%2fsecret',
	'/api/export/documents/1/print/..%2f..%2fsecret.pdf') {
	my $answer = $victim->get($path);
	like($answer->status, qr/^40[03456]$/, "$path is nothing");
	unlike($answer->text, qr/CREATE TABLE|root:|secret_file|Index of/, 'and shows nothing');
}
for my $path ('/api/export', '/api/account', '/partner/export', '/forms', '/assets', '/', '/api/account/session') {
	for my $head ("GET $path HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example", "GET http://evil.example$path HTTP/1.1\r\nHost: evil.example") {
		unlike($sw->raw("$head\r\nConnection: close\r\n\r\n"), qr/evil\.example/, "$path never repeats the host that a request names");
	}
}
is(status_of($sw->raw("POST /api/account/captcha HTTP/1.1\r\nHost: x\r\nConnection: close\r\n$_\r\n\r\n{}")), 400, 'two opinions about the length: ' . s/\r\n/ /gr)
	for "Content-Length: 2\r\nContent-Length: 5", "Content-Length: 2\r\nTransfer-Encoding: chunked", 'Content-Length: -1', 'Content-Length: 2x';

# ---- lists with extreme questions

for my $list ('documents', 'queries/history', 'write-offs', 'codes/export_goods/search') {
	is($victim->get("/api/export/$list?form=export_licence&$_")->status, 422, "$list?$_") for 'page=999999999999', 'page=99999999999999999999999999', 'page=-1', 'page=0', 'page=1.5', 'page=1e3', 'page=%2b1', 'size=0', 'size=-10', 'size=100000', 'size=x';
	is($victim->get("/api/export/$list?form=export_licence&page=99999&size=100")->status, 200, 'the last page there may be is empty');
}
is($client{first}->get("/api/export/queue?$_")->status, 422, "queue?$_") for 'page=-1', 'size=1001';
is($client{portal}->get("/api/account/$_->[0]?$_->[1]")->status, 422, "$_->[0]?$_->[1]") for map { my $list = $_; map { [ $list, $_ ] } 'page=-1', 'page=999999999999', 'size=101' } qw(articles mailbox enterprises audit officers partners);
is($client{portal}->get("/api/account/enterprises?q=$_")->json->{total}, 0, 'a search for ' . substr($_, 0, 12)) for '%25', '_', '!', "'", 'x' x 6000, '%25' x 2000;
is($victim->get('/api/export/documents?form=export_licence&contract_no=nothing&contract_no=TEST1234')->json->{total}, '0', 'of a parameter that stands twice the first counts');
is($victim->get('/api/export/documents?' . join('&', map { "a$_=1" } 1 .. 65))->status, 400, 'more parameters than there can be');

# ---- formulas in sheets

my $table = $client{portal}->get('/api/export/codes/country/csv')->content;
my $formula = '=HYPERLINK("http://evil.example","x")';
(my $changed = $table) =~ s/^142,[^,]*,/'142,"' . $formula =~ s{"}{""}gr . '",'/me or die 'no country 142';
is($client{portal}->post('/api/export/codes/country', $changed, 'Content-Type' => 'text/csv')->status, 200, 'a name that is a formula');
my ($line) = grep { /HYPERLINK/ } split /\r?\n/, $victim->get('/api/export/statistics/export_licence', { dimension => 'country', format => 'csv' })->text;
like($line, qr/(?:^|,)"'=HYPERLINK/, 'stands in the CSV as text');
my $xlsx = $victim->get('/api/export/statistics/export_licence', { dimension => 'country', format => 'xlsx' })->content;
my %part;
my $zip = IO::Uncompress::Unzip->new(\$xlsx) or die;
do { my $bytes = do { local $/ = undef; <$zip> }; $part{ $zip->getHeaderInfo->{Name} } = $bytes } while $zip->nextStream > 0;
like(join('', values %part), qr/=HYPERLINK/, 'and in the XLSX');
unlike(join('', values %part), qr/<f>/, 'where no cell is a formula');
like((grep { /HYPERLINK/ } split /\r?\n/, $client{portal}->get('/api/export/codes/country/csv')->text)[0], qr/,"'=HYPERLINK/, 'as text also in the table that is downloaded');
is($client{portal}->post('/api/export/codes/country', $table, 'Content-Type' => 'text/csv')->status, 200, 'the table is put back');

# ---- the page that verifies

my $code = $sw->sql('export', "SELECT check_code FROM document WHERE id = $theirs{printed}");
my $loaded = $victim->post('/api/export/history/export_licence', "licence_no,issued,source\n18A8900357,2018-05-01,商务部\n", 'Content-Type' => 'text/csv');
is($loaded->json->{rows}, 1, 'a licence that others issued');
my $draft_no = $victim->get("/api/export/documents/$theirs{draft}")->json->{document}{application_no};
my @wrong = map { $guest->get('/api/export/verify', $_) } { number => $number, code => '0' x 16 }, { number => '26AA599999', code => $code }, { number => $number }, { code => $code }, {}, { number => $draft_no, code => '' },
	{ number => '18A8900357', code => '' }, { number => $number, code => substr($code, 0, 15) }, { number => "$number' OR '1'='1", code => $code }, { number => '', code => '' };
is(join("\n", map { $_->status . $_->text } @wrong), join("\n", ($wrong[0]->status . $wrong[0]->text) x @wrong), 'whatever is wrong, the answer is the same');
my @guesses = map { $guest->get('/api/export/verify', { number => $number, code => sprintf '%016d', $_ }, 'X-Forwarded-For' => "203.0.113.$_", 'X-Real-IP' => "203.0.113.$_", Forwarded => "for=203.0.113.$_") } 1 .. 40;
is($guesses[-1]->status, 429, 'after thirty in a minute one has to wait, whatever address one claims');
ok($guesses[-1]->header('Retry-After'), 'and is told how long');
is($guest->get('/api/export/verify', { number => $number, code => $code })->status, 429, 'also with the right code: guessing does not pay');

# ---- captchas

my %captcha = captcha($guest);
is($guest->post('/api/account/contact-codes', { purpose => 'register', email => 'once@example.com', %captcha })->status, 204, 'a captcha serves for a code');
is($guest->post('/api/account/session', { name => 'demo_other', password => $sw->password('demo_other'), %captcha })->json->{field}, 'captcha', 'and not for signing in after that');

# ---- lines in logs

my $line_end = 'forged time=2026-09-03T00:00:00.000Z level=error program=account event=forged';
for my $path (map { ("/forms/%0a$_", "/%0a$_", "/assets/%0d%0a$_", "/api/export/%0a$_", "/api/export/documents/%0a$_", "/api/export/documents?contract_no=%0a$_", "/partner/export/%0a$_", "/api/nobody/%0a$_", "/forms/%0a$_/") } $line_end =~ s/ /%20/gr) {
	$victim->get($path);
	$sw->raw("GET $path HTTP/1.1\r\nHost: x\r\nUser-Agent: a\\n$line_end\r\nX-Request-Id: \"$line_end\r\nConnection: close\r\n\r\n");
}
$guest->post('/api/account/session', { name => "nobody\n$line_end", password => "x\n$line_end", captcha($guest) });
$guest->post('/api/account/session', { name => $_, password => 'x', captcha($guest) }) for "\x{2028}$line_end", "\x{85}$line_end", "x\" $line_end";
$victim->post("/api/export/documents?name=%0a$line_end" =~ s/ /%20/gr, { form => "x\n$line_end", body => {} }, 'Idempotency-Key' => "\" $line_end", 'If-Match' => "\" $line_end", 'Content-Type' => "application/json; \" $line_end");
$victim->post("/api/export/documents/$theirs{draft}/actions/x%0a" . ($line_end =~ s/ /%20/gr), { opinion => "x\n$line_end" }, 'If-Match' => '*');
$sw->client->post('/partner/export/write-offs', { message_id => "m\n$line_end", licence_no => "\n$line_end" }, 'Authorization' => 'Bearer ' . partner_key($sw), 'X-CSRF-Token' => undef);
my %log = map { $_ => $sw->log_text($_) } qw(account export nginx);
is(scalar(grep { /^\W*forged/ } split /\n/, $log{$_}), 0, "no line of $_\'s log was begun from outside") for sort keys %log;
is(scalar(grep { !/^time=\S+ level=\w+ program=\w+ event=\w+ / } split /\n/, $log{$_}), 0, "every line of $_\'s log is the program's") for $ENV{VARIANT} && $ENV{VARIANT} ne 'plain' ? () : qw(account export);

unlike($log{account} . $log{export}, qr/status=5\d\d/, 'nothing of all that was an error of ours');

# ---- secrets in logs

my @secrets = (values %{ $sw->accounts }, 'correct horse', 'known word 1', $hand->json->{password}, partner_key($sw), $code, (map { ($_->cookie('sw_session'), $_->cookie('sw_guest'), $_->csrf) } values %client, $guest, $citizen),
	map { $_->{text} =~ /(\d{6})/g } @{ $client{portal}->get('/api/account/mailbox', { size => 100 })->json->{items} });
@secrets = grep { defined && length } @secrets;
cmp_ok(scalar(@secrets), '>', 40, 'there are secrets to look for: ' . @secrets);
for my $service (qw(account export nginx redis)) {
	my $text = $sw->log_text($service);
	is(scalar(grep { $text =~ /(?<![0-9A-Za-z])\Q$_\E(?![0-9A-Za-z])/ } @secrets), 0, "none of them stands in the log of $service");
}
$sw->stop;

# ---- cookies, with and without TLS in front

for my $case ([ 'http://127.0.0.1:8080', '', '' ], [ 'https://portal.example', '__Host-', '; Secure' ]) {
	my ($url, $prefix, $secure) = @$case;
	my $instance = SingleWindow::Instance->start(settings => { public_url => $url });
	my $client = $instance->client;
	my $planted = 'a' x 64;
	$client->set_cookie("${prefix}sw_session", $planted);
	my $before = $client->get('/api/account/session');
	like($before->header('Set-Cookie'), qr/^\Q${prefix}\Esw_guest=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$secure$/, "$url: the guest's cookie");
	my $guest_token = $before->json->{csrf};
	my $answer = $client->sign_in('demo_admin', $instance->password('demo_admin'));
	like($answer->header('Set-Cookie'), qr/^\Q${prefix}\Esw_session=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$secure$/, 'the session\'s cookie');
	isnt($client->cookie("${prefix}sw_session"), $planted, 'a planted session is not taken over');
	isnt($answer->json->{csrf}, $guest_token, 'nor the guest\'s token');
	my $thief = $instance->client;
	$thief->set_cookie("${prefix}sw_session", $planted);
	is($thief->get('/api/account/profile')->status, 401, 'and is worth nothing');
	my $token = $client->cookie("${prefix}sw_session");
	is($client->sign_in('demo_admin', $instance->password('demo_admin'))->status, 200, 'signing in once more');
	$thief->set_cookie("${prefix}sw_session", $token);
	is($thief->get('/api/account/profile')->status, 401, 'ends the session before');
	like($client->sign_out->header('Set-Cookie'), qr/^\Q${prefix}\Esw_session=; Path=\/; HttpOnly; SameSite=Strict$secure; Max-Age=0$/, 'signing out takes the cookie back');
	$thief->set_cookie('sw_session', $token);
	is($thief->get('/api/account/profile')->status, 401, 'a cookie without its prefix is none') if $prefix;
	$instance->stop;
}

done_testing();
