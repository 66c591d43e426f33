#!/usr/bin/perl
# The life of an export application, from the outside: digest 1.2 to 1.8.
use strict;
use warnings;
use utf8;
use IO::Uncompress::Unzip;
use Test::More;

use SingleWindow::Instance;
use SingleWindow::Export;

my $sw = SingleWindow::Instance->start;
my $operator = $sw->signed_in('demo_admin');
my $other = $sw->signed_in('demo_other');
my %who = (applicant => $operator, first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'), manager => $sw->signed_in('demo_manager'));

# ---- pre-application
my $verdict = $operator->post('/api/export/export_licence/verdict', { body => { base => { year => 2026, customs_port => '0101' }, goods => { hs_code => '2833110000' }, other => { one_batch_one_licence => JSON::PP::true } } });
is($verdict->json->{answer}, 'electronic', 'goods of the catalogue can be applied for electronically');
$verdict = $operator->post('/api/export/export_licence/verdict', { body => { base => { year => 2024, customs_port => '0101' }, goods => { hs_code => '2833110000' }, other => { one_batch_one_licence => JSON::PP::true } } });
is($verdict->json->{answer}, 'refused', 'an old year is refused');
is($operator->post('/api/export/export_licence/verdict', { body => {} })->status, 422, 'an empty pre-application is told what is missing');

# ---- a new application
my $new = $operator->post('/api/export/export_licence/new', {})->json->{body};
is($new->{base}{exporter_code}, '1100776367555', 'the exporter comes from the session');
is($new->{base}{trade_mode}, '1', 'defaults are filled in');
is($new->{base}{year}, 2026, 'the year is this year');

my $created = create($operator);
is($created->status, 201, 'an application is saved');
my $document = $created->json->{document};
is($document->{application_no}, '2026000001', 'the first number of the year');
is($document->{state}, 'DRAFT', 'as a draft');
is($document->{amount_usd}, '244', 'dollars are whole (R-EX-21)');
is($created->json->{body}{specs}{rows}[0]{line_total}, '244.42', 'line totals are kept with two places');
is($created->json->{body}{base}{valid_until}, '2026-12-31', 'valid six months, within the year (R-EX-20)');
my $id = $document->{id};

my $partial = $operator->post('/api/export/documents', { form => 'export_licence', body => { base => { year => 2026 } } });
is($partial->status, 201, 'a partial application can be saved');
is($partial->json->{document}{application_no}, '2026000002', 'with the next number');

# ---- saving again, versions
my $stale = $operator->put("/api/export/documents/$id", { body => body() }, 'If-Match' => '"7"');
is($stale->status, 412, 'a stale version is 412');
is($operator->put("/api/export/documents/$id", { body => body() })->status, 428, 'and without one it is 428');
my $saved = save($operator, $id, body(base => { contract_no => 'NEW-2' }));
is($saved->status, 200, 'it is saved again');
is($saved->json->{document}{version}, 2, 'as version 2');
is($saved->json->{body}{base}{contract_no}, 'NEW-2', 'with the new content');
is($saved->json->{body}{specs}{rows}[0]{row_id}, 2, 'a row without an id is a new row, whose id was never used');

# ---- idempotency
my $first = $operator->post('/api/export/documents', { form => 'export_licence', body => body() }, 'Idempotency-Key' => 'key-1');
my $again = $operator->post('/api/export/documents', { form => 'export_licence', body => body() }, 'Idempotency-Key' => 'key-1');
is($again->json->{document}{id}, $first->json->{document}{id}, 'the same key gets the same answer');
is($operator->post('/api/export/documents', { form => 'export_licence', body => body(base => { contract_no => 'x' }) }, 'Idempotency-Key' => 'key-1')->status, 422, 'the same key for another request is 422');
is($operator->delete('/api/export/documents/' . $first->json->{document}{id}, 'If-Match' => '*')->status, 204, 'a draft is deleted');
is($operator->get('/api/export/documents/' . $first->json->{document}{id})->status, 404, 'and gone');

# ---- lists
my $list = $operator->get('/api/export/documents', { form => 'export_licence' })->json;
is($list->{total}, '2', 'the list counts exactly');
is($list->{items}[0]{application_no}, '2026000002', 'newest first');
is($operator->get('/api/export/documents', { form => 'export_licence', application_no => '0001' })->json->{total}, '1', 'by part of the number');
is($operator->get('/api/export/documents', { form => 'export_licence', year => 2025 })->json->{total}, '0', 'by year');
is($operator->get('/api/export/documents', { form => 'export_licence', year => 'x' })->status, 422, 'a bad filter is told');
is($other->get('/api/export/documents', { form => 'export_licence' })->json->{total}, '0', 'another enterprise sees nothing');
is($other->get("/api/export/documents/$id")->status, 404, 'and cannot open it');
is($other->put("/api/export/documents/$id", { body => body() }, 'If-Match' => '*')->status, 404, 'nor save it');
is(act($other, $id, 'submit')->status, 404, 'nor submit it');
is($who{first}->get("/api/export/documents/$id")->status, 404, 'nor does the agency see a draft');

# ---- attachments (R-EX-14, 15)
is(attach($operator, $id, '99')->status, 422, 'an unknown type');
is(attach($operator, $id, '11')->status, 422, 'a type of other goods');
is(attach($operator, $id, '01', 'GIF89a')->status, 415, 'neither PDF, JPEG nor PNG');
is(attach($operator, $id, '01', pdf('x' x (1024 * 1024 + 10)))->status, 413, 'over 1 MB');
is(attach($operator, $id, '01', '')->status, 422, 'an empty file');
is(attach($operator, $id, '16', pdf(), '&block=specs&row_id=1')->status, 422, 'a row attachment of other goods');
my $attached = attach($operator, $id, '01', pdf(), '');
is($attached->status, 201, 'a contract is attached');
is(attach($operator, $id, '01')->status, 409, 'one file per type');
my $file = $operator->get('/api/export/attachments/' . $attached->json->{id});
like($file->header('Content-Disposition'), qr/^attachment/, 'sent as a download');
is($file->header('X-Content-Type-Options'), 'nosniff', 'with nosniff');
is($file->content, pdf(), 'byte for byte');
is($other->get('/api/export/attachments/' . $attached->json->{id})->status, 404, 'not for others');
is($operator->delete('/api/export/attachments/' . $attached->json->{id})->status, 204, 'and deleted');
my $checklist = $operator->post('/api/export/export_licence/check', { body => body(), document => $id })->json;
ok((grep { $_->{field} eq 'attachment/01' } @{ $checklist->{errors} }), 'the checklist says what is missing');
ok(!$checklist->{ready}, 'and that it is not ready');
is(act($operator, $id, 'submit')->status, 422, 'so it cannot be submitted');
attach($operator, $id, '01', pdf(), '&x=../../etc/passwd');
ok($operator->post('/api/export/export_licence/check', { body => body(), document => $id })->json->{ready}, 'with everything there it is ready');

# ---- submit, return, correct, submit, withdraw
my $submitted = act($operator, $id, 'submit');
is($submitted->status, 200, 'it is submitted');
is($submitted->json->{document}{state}, 'PENDING_FIRST', 'waits for the first review');
is($submitted->json->{document}{form_no}, '261100776367555600001', 'has the number of MOFCOM (digest 0.4)');
is($submitted->json->{document}{applied}, '2026-09-03', 'and the date');
ok($submitted->json->{body}{names}{country}{142}, 'names of codes are frozen');
is(save($operator, $id, body())->status, 409, 'it cannot be changed now');
is(act($who{first}, $id, 'first_return')->status, 422, 'a return needs an opinion');
is(act($who{first}, $id, 'first_return', '合同号有误')->status, 200, 'the first reviewer returns it');
my $events = $operator->get("/api/export/documents/$id/events")->json->{events};
is($events->[0]{opinion}, '合同号有误', 'the enterprise reads the opinion');
ok(!exists $events->[0]{actor}, 'but not the name of the officer');
ok($who{second}->get("/api/export/documents/$id/events")->json->{events}[0]{actor}, 'which officers do');
is(save($operator, $id, body(base => { contract_no => 'OK-3' }))->status, 200, 'it can be corrected');
is(act($operator, $id, 'submit')->json->{document}{form_no}, '261100776367555600001', 'and submitted again under the same number');
is(act($operator, $id, 'withdraw')->json->{document}{state}, 'PENDING_CANCEL', 'withdrawal is asked for');
is(act($who{first}, $id, 'cancel_refuse', '不同意')->json->{document}{state}, 'PENDING_FIRST', 'and refused');
act($operator, $id, 'withdraw');
is(act($who{first}, $id, 'cancel_consent')->json->{document}{state}, 'CANCELLED', 'or agreed to');
is(act($operator, $id, 'submit')->json->{document}{state}, 'PENDING_FIRST', 'and it can be submitted once more');

# ---- review: claims, four eyes, licence
is(claim($who{first}, $id)->status, 200, 'an officer claims it');
is(act($who{second}, $id, 'first_pass')->status, 403, 'who has no right to first reviews cannot pass it');
is($who{second}->post("/api/export/documents/$id/claim", {})->status, 409, 'nor claim what another holds');
is($who{first}->post("/api/export/documents/$id/release", {})->status, 200, 'it is released');
my $both = $sw->signed_in('demo_ab');
is($both->get("/api/export/documents/$id")->status, 404, 'an officer of another agency does not see it');
is(act($who{first}, $id, 'first_pass')->json->{document}{state}, 'PENDING_SECOND', 'first review passed');
is(act($who{first}, $id, 'second_pass')->status, 403, 'not by a first reviewer');
is(act($who{second}, $id, 'second_return', '再核')->json->{document}{state}, 'SECOND_RETURNED', 'the second review sends it back to the first');
is(act($operator, $id, 'submit')->status, 409, 'the enterprise can do nothing then');
is(act($who{first}, $id, 'first_pass')->json->{document}{state}, 'PENDING_SECOND', 'the first reviewer passes it again');
my $approved = act($who{second}, $id, 'second_pass');
is($approved->json->{document}{state}, 'APPROVED', 'approved');
is($approved->json->{document}{licence_no}, '26AA500001', 'licence number: year, agency, series, serial (digest 0.4)');
ok(wait_until(sub { $operator->get("/api/export/documents/$id")->json->{document}{state} eq 'PRINTED' }), 'a job makes the licence');
is($operator->get("/api/export/documents/$id")->json->{document}{state_customs}, 'NOT_ARRIVED', 'and it waits to go to customs');
my $licence = $operator->get("/api/export/documents/$id/print/licence.pdf");
like($licence->content, qr/^%PDF-/, 'the licence is a PDF');
is($operator->get("/api/export/documents/$id/print/licence.pdf")->content, $licence->content, 'always the same bytes');
like($operator->get("/api/export/documents/$id/print/application.pdf")->content, qr/^%PDF-/, 'the application form prints');
is($operator->get('/api/export/documents/' . $partial->json->{document}{id} . '/print/application.pdf')->status, 409, 'that of a draft does not (digest 1.6)');
is($other->get("/api/export/documents/$id/print/licence.pdf")->status, 404, 'not for others');

# ---- customs, ledger
my $key = partner_key($sw);
my $customs = $sw->client;
my @key = ('Authorization' => "Bearer $key", 'X-CSRF-Token' => undef);
my %use = (message_id => 'm1', licence_no => '26AA500001', declaration_no => '310120260519929079', quantity => '5', unit => '035', released => '2026-09-10');
is($customs->post('/partner/export/customs-status', { message_id => 's1', licence_no => '26AA500001', status => 'STORED' })->status, 401, 'customs needs its key');
is($customs->post('/partner/export/write-offs', \%use, @key)->status, 409, 'nothing is written off before customs has the licence');
is($customs->post('/partner/export/customs-status', { message_id => 's1', licence_no => '26AA500001', status => 'STORED' }, @key)->json->{result}, 'booked', 'customs accepts it');
is($customs->post('/partner/export/customs-status', { message_id => 's1', licence_no => '26AA500001', status => 'STORED' }, @key)->json->{result}, 'repeated', 'the same message changes nothing');
is($customs->post('/partner/export/customs-status', { message_id => 's1', licence_no => '26AA500001', status => 'SEND_FAILED' }, @key)->status, 422, 'another message under its id is refused');
is($customs->post('/partner/export/write-offs', { %use, quantity => '22.00001' }, @key)->json->{field}, 'quantity', 'more than licensed is refused');
is($customs->post('/partner/export/write-offs', { %use, unit => '001' }, @key)->json->{field}, 'unit', 'another unit is refused');
is($customs->post('/partner/export/write-offs', { %use, released => '2027-01-01' }, @key)->json->{field}, 'released', 'a day when it is not in force is refused');
is($customs->post('/partner/export/write-offs', \%use, @key)->json->{result}, 'booked', 'a write-off is booked');
is($customs->post('/partner/export/write-offs', \%use, @key)->json->{result}, 'repeated', 'once');
my $ledger = $operator->get("/api/export/documents/$id/ledger")->json;
is($ledger->{balance}, '17', '22 - 5 = 17');
is($ledger->{uses_left}, 0, 'one batch, one licence: no use is left');
is($customs->post('/partner/export/write-offs', { %use, message_id => 'm2', declaration_no => '310120260519929080' }, @key)->status, 422, 'so a second declaration is refused');
is($customs->post('/partner/export/write-offs', { %use, message_id => 'm3', licence_no => '26ZZ999999' }, @key)->json->{result}, 'unknown', 'an unknown licence is kept to be looked at');
my $portal = $sw->signed_in('demo_portal');
my $unknown = $portal->get('/api/export/unknown-write-offs')->json;
is($unknown->{total}, '1', 'by an administrator');
is($portal->post("/api/export/unknown-write-offs/$unknown->{items}[0]{id}/close", {})->status, 204, 'who closes it');
is($portal->get('/api/export/unknown-write-offs')->json->{total}, '0', 'and it is gone from the list');
my $written = $operator->get('/api/export/write-offs')->json->{items}[0];
is($written->{declaration_no}, '310120260519929079', 'the enterprise sees the write-off');
is($written->{contract_no}, 'OK-3', 'what customs did not say comes from the licence');
is($operator->get('/api/export/queries/customs', { form => 'export_licence' })->json->{items}[0]{state_customs}, 'WRITTEN_OFF', 'and the customs status');
is(act($who{manager}, $id, 'revoke', '错误')->status, 409, 'a used licence is not revoked');

# ---- verification
my $code = $sw->sql('export', "SELECT check_code FROM document WHERE id = $id");
$code =~ s/\s//g;
my $public = $sw->client;
my $verified = $public->get('/api/export/verify', { number => '26-AA-500001', code => lc $code })->json;
is($verified->{result}, 'valid', 'the public page confirms the licence');
is($verified->{remaining}, '17', 'and what is left');
is($public->get('/api/export/verify', { number => '26AA500001', code => '0' x 16 })->text, $public->get('/api/export/verify', { number => '26AA599999', code => '0' x 16 })->text,
	'a wrong code and a wrong number get the same answer');

# ---- revocation
my $revoked = bring_to(\%who, 'PRINTED');
is(act($who{first}, $revoked, 'revoke', 'x')->status, 403, 'only a manager revokes');
is(act($who{manager}, $revoked, 'revoke', '企业申请')->json->{document}{state}, 'REVOKED', 'an unused licence is revoked');
my $revoked_code = $sw->sql('export', "SELECT check_code FROM document WHERE id = $revoked") =~ s/\s//gr;
is($public->get('/api/export/verify', { number => licence_of($operator, $revoked), code => $revoked_code })->json->{result}, 'revoked', 'which the public page says');

# ---- copies, history, statistics
is($operator->post("/api/export/documents/$id/copy", { count => 3 })->json->{ids}[2] =~ /^\d+$/, 1, 'copies of any state');
is($operator->post("/api/export/documents/$id/copy", { count => 101 })->status, 422, 'at most 100');
my $history = $operator->post('/api/export/history/export_licence', "licence_no,issued,source,goods,quantity,unit,amount_usd,country\n18A8900357,2018-05-01,商务部,2833110000,5,035,100,142\n", 'Content-Type' => 'text/csv');
is($history->json->{rows}, 1, 'a licence issued elsewhere is loaded');
my $old = (grep { $_->{licence_no} eq '18A8900357' } @{ $operator->get('/api/export/queries/history', { form => 'export_licence' })->json->{items} })[0];
is($old->{source}, '商务部', 'stands in the history with its source');
my $copy = $operator->post("/api/export/documents/$old->{id}/copy", { count => 1 })->json->{ids}[0];
is($operator->get("/api/export/documents/$copy")->json->{body}{goods}{hs_code}, '2833110000', 'and can be copied');
is(act($operator, $old->{id}, 'submit')->status, 409, 'but nothing else');
my $bad = $operator->post('/api/export/history/export_licence', "licence_no,issued\nA1,2018-05-01\nA2,never\n", 'Content-Type' => 'text/csv');
is($bad->json->{errors}[0]{field}, 'line/3', 'a wrong line is told');
is($operator->get('/api/export/queries/history', { form => 'export_licence', licence_no => 'A1' })->json->{total}, '0', 'and nothing is loaded then');
my $statistics = $operator->get('/api/export/statistics/export_licence', { dimension => 'country' })->json;
is($statistics->{total}{count}, 1, 'statistics count what is in force');
is($who{manager}->get('/api/export/statistics/export_licence', { dimension => 'country' })->json->{total}{count}, 1, 'for the agency too, after the revocation');
like($operator->get('/api/export/statistics/export_licence', { dimension => 'goods', format => 'csv' })->text, qr/2833110000,硫酸二钠,1,22,千克,244/, 'as CSV');
like($operator->get('/api/export/statistics/export_licence', { dimension => 'goods', format => 'xlsx' })->content, qr/^PK/, 'as XLSX');

# ---- batches
my @ids = map { complete($operator) } 1 .. 3;
push @ids, create($operator)->json->{document}{id};
my $batch = $operator->post('/api/export/batch', { action => 'submit', ids => \@ids })->json->{results};
is(join(',', map { $_->{ok} ? 1 : 0 } @$batch), '1,1,1,0', 'a batch answers for each item');
like($batch->[3]{message}{zh}, qr/出口合同/, 'and says why one failed');
is(join(',', map { $_->{ok} ? 1 : 0 } @{ $operator->post('/api/export/batch', { action => 'withdraw', ids => [ @ids[0, 1] ] })->json->{results} }), '0,0', 'withdrawing is for one at a time');
is($who{first}->post('/api/export/batch', { action => 'first_pass', ids => [ @ids[0 .. 2] ] })->json->{results}[2]{state}, 'PENDING_SECOND', 'officers review in batches');
my $queue = $who{second}->get('/api/export/queue')->json;
is($queue->{total}, '3', 'the queue shows what this officer may act on');
is($who{second}->get('/api/export/queue/summary')->json->{states}[0]{count}, 3, 'with its summary');
my $zip = $operator->post('/api/export/print', { name => 'licence', ids => [$id] });
my $archive = IO::Uncompress::Unzip->new(\$zip->content) or die 'no ZIP: ' . $zip->text;
is($archive->getHeaderInfo->{Name}, 'licence-26AA500001.pdf', 'many licences at once, as a ZIP, each under its number');
is(do { local $/; <$archive> }, $operator->get("/api/export/documents/$id/print/licence.pdf")->content, 'the very bytes of the licence');
my $forms = $operator->post('/api/export/print', { name => 'application', ids => [ $id, $revoked ] });
like($forms->content, qr/^%PDF/, 'many application forms, as one PDF');
is($other->post('/api/export/print', { name => 'licence', ids => [$id] })->status, 404, 'not for others');

# ---- four eyes: one person with both rights
my $alone = bring_to(\%who, 'PENDING_FIRST');
is(act($who{manager}, $alone, 'first_pass')->status, 200, 'who has both rights passes the first review');
my $same = act($who{manager}, $alone, 'second_pass');
is($same->json->{type}, '/problems/same_person', 'but not the second of the same document');
is(act($who{second}, $alone, 'second_pass')->status, 200, 'another officer does');
wait_until(sub { $operator->get("/api/export/documents/$alone")->json->{document}{state} eq 'PRINTED' });

# ---- vehicles: 20 rows, attachments of rows (digest 1.4)
my @vehicles = map { { vehicle_brand => '比亚迪', vehicle_model => "M$_", qty => '1', unit_price => '100', chassis_brand => '其他' } } 1 .. 20;
my %converted = (goods => { hs_code => '8703235910', vehicle_kind => 'converted' });
is(create($operator, %converted, specs => { variant => 'converted', rows => [ @vehicles, $vehicles[0] ] })->status, 422, 'more than 20 vehicles are refused (R-EX-11)');
my $vehicle = complete($operator, %converted, specs => { variant => 'converted', rows => [ @vehicles[ 0, 1 ] ] });
my @missing = map { $_->{field} } grep { $_->{rule} eq 'attachment_required' } @{ act($operator, $vehicle, 'submit')->json->{errors} };
is("@missing", 'attachment/16/1 attachment/16/2', 'each converted vehicle needs its own file');
is(attach($operator, $vehicle, '16', pdf(), "&block=specs&row_id=$_")->status, 201, "attached to row $_") for 1, 2;
is(attach($operator, $vehicle, '16', pdf(), '&block=specs&row_id=9')->status, 422, 'a row that is not there takes none');
my $shorter = body(%converted, specs => { variant => 'converted', rows => [ { %{ $vehicles[0] }, row_id => 1 } ] });
is(scalar @{ save($operator, $vehicle, $shorter)->json->{attachments} }, 2, 'the file of a row that is gone goes with it');
is(act($operator, $vehicle, 'submit')->status, 200, 'and it is submitted');

# ---- what must stay true
my $check = $sw->sql('export', 'SELECT d.enterprise, d.form, d.state, count(*) FROM document d GROUP BY 1, 2, 3 ORDER BY 1, 2, 3');
my $kept = $sw->sql('export', 'SELECT enterprise, form, state, count FROM document_total WHERE count <> 0 ORDER BY 1, 2, 3');
is($kept, $check, 'kept totals agree with the documents');

done_testing();
