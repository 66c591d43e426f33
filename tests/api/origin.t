#!/usr/bin/perl
# Certificates of origin: registration first, base data, goods filed for several agreements, certificates, re-issue, prints, lists.
use strict;
use warnings;
use utf8;
use Test::More;
use JSON::PP ();

use SingleWindow::Instance;
use SingleWindow::Export qw(root_with_unseen);
use SingleWindow::Origin;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $sw = SingleWindow::Instance->start;
my ($client, $operator, $other, $office, $portal) = map { $sw->signed_in($_) } qw(demo_admin demo_operator demo_other demo_ccpit demo_portal);

sub said { my ($answer) = @_; my $json = eval { $answer->json } // {}; return join ' ', $answer->status, (($json->{type} // '') =~ s{.*/}{}r) || (), $json->{field} // () }
sub errors_of { my ($answer) = @_; my $json = $answer->json; return join ' ', sort map { "$_->{field}:$_->{rule}" } grep { ($_->{level} // 'error') ne 'warning' } @{ $json->{errors} // [] } }
sub list { my ($client, %query) = @_; return $client->get('/api/origin/documents', \%query)->json }

# ---- R-CO-1: the registration comes first
is(said(make_of($client, 'origin', 'certificate_of_origin', {})), '409 filing_required', 'R-CO-1: no certificate before the registration');
like(make_of($client, 'origin', 'origin_exporter', exporter_body())->text, qr/用户备案/, 'nor base data, and it is said what to do');
is(said(make_of($client, 'origin', 'goods_filing', {})), '409 filing_required', 'nor a goods filing');

# ---- R-CO-2, imported by its numbers
is(said(fetch_registration($client, ccpit_code => 'C21020', ccpit_ent_no => 'wrong0000')), '422 not_fetched ccpit_ent_no', 'CCPIT does not know these numbers');
my $registration = register_origin($client);
is(document_of($client, 'origin', $registration)->{document}{state}, 'APPROVED', 'the right ones bring the registration, approved');
is(scalar @{ document_of($client, 'origin', $registration)->{body}{signatories} }, 3, 'with its signatories');
is(join(' ', map { "$_->{state}:$_->{count}" } @{ $client->get('/api/origin/fetches')->json->{items} }), 'done:1 failed:0', 'the history tells both runs');
is(scalar @{ $other->get('/api/origin/fetches')->json->{items} }, 0, 'to those whose they are');
is(said(fetch_registration($client)), '200', 'synchronised again without typing anything');
for ([ ccpit_ent_no => '2102M999', 'too_short' ], [ ccpit_ent_no => '2102M9997X', 'too_long' ], [ ccpit_code => 'XX', 'unknown_code' ]) {
	my ($field, $value, $rule) = @$_;
	my $answer = make_of($other, 'origin', 'origin_registration', { registration => { ccpit_code => 'C21020', ccpit_ent_no => '2102M9998', $field => $value } });
	like($answer->status . ' ' . errors_of($answer), qr{^422 .*registration/$field:$rule}, "R-CO-2: $field $value is refused");
}

# ---- base data: R-CO-9
my $exporter = made_of($client, 'origin', 'origin_exporter', exporter_body());
is(said(make_of($client, 'origin', 'origin_exporter', exporter_body())), '409 R-CO-9 exporter_data/exporter_code', 'a code is used once');
is(said(make_of($other, 'origin', 'origin_exporter', exporter_body())), '409 filing_required', 'by another enterprise only once it is registered');
for ([ exporter_code => 'ab', 'too_short' ], [ exporter_code => 'abcdefghi', 'too_long' ], [ exporter_code => 'a-1', 'characters' ], [ exporter_phone => '123456789012345678901', 'too_long' ], [ exporter_phone => 'call me', 'phone' ]) {
	my ($field, $value, $rule) = @$_;
	my $answer = make_of($client, 'origin', 'origin_exporter', exporter_body(exporter_code => '010002', $field => $value));
	like($answer->status . ' ' . errors_of($answer), qr{^422 .*exporter_data/$field:$rule}, "R-CO-9: $field $value is refused");
}
my $importer = { importer_data => { customer_code => '2019001', customer_name_en => 'BUYER', customer_address_en => 'STREET', bank_account => '1234567890123456789' } };
made_of($client, 'origin', 'origin_importer', $importer);
$importer->{importer_data}{customer_code} = '2019002';
$importer->{importer_data}{bank_account} = '123';
is(errors_of(make_of($client, 'origin', 'origin_importer', $importer)), 'importer_data/bank_account:too_short', 'R-CO-9: a bank account has 19 characters');
my $row = list($client, form => 'origin_exporter')->{items}[0];
is($row->{reference_no} . ' ' . $row->{shown}{exporter_name_en}, '010001 SIGNATURE TEST CO., LTD.', 'the list shows what the definition asks for');
is(document_of($client, 'origin', $exporter)->{body}{exporter_data}{exporter_printed}, "SIGNATURE TEST CO., LTD.\n1 DEMO ROAD, DALIAN, CHINA", 'with the text that goes onto certificates');
is(list($client, form => 'origin_exporter', name => '签章')->{total}, '1', 'found by name');

# ---- goods: R-CO-4, 6, 7
sub filing_errors { my ($body) = @_; return errors_of($client->post('/api/origin/goods_filing/check', { body => $body })) }
my $filing = goods_filing_body('E');
$filing->{filed_goods_data}{filed_hs} = '0204';
is(errors_of(make_of($client, 'origin', 'goods_filing', $filing)), 'filed_goods_data/filed_hs:tariff_code', 'R-CO-4: an HS code has 6, 8 or 10 digits');
like(filing_errors({ %{ goods_filing_body() } }), qr/\bagreements:/, 'R-CO-7: at least one agreement');
like(filing_errors({ %{ goods_filing_body('E') }, materials => [] }), qr/\bmaterials:/, 'R-CO-7: at least one material');
like(filing_errors(goods_filing_body('E', 'H')), qr/agreements:R-CO-6/, 'R-CO-6: ECFA is not filed together with others');
unlike(filing_errors(goods_filing_body('H')), qr/R-CO-6/, 'alone it is');
my $goods = made_of($client, 'origin', 'goods_filing', goods_filing_body('E', 'K', 'N'));
my $number = act_on($client, 'origin', $goods, 'submit')->json->{document}{application_no};
my $filed = list($client, form => 'filed_goods', reference_no => $number, fields => 'all')->{items};
is(join(' ', sort map { "$_->{kind}:$_->{state}" } @$filed), 'E:PENDING K:PENDING N:PENDING', 'one submission files for every agreement');
is(join(' ', sort map { $_->{licence_no} } @$filed), '26S2102M9997/00001 26S2102M9997/00002 26S2102M9997/00003', 'each with a number');
my %filed = map { $_->{kind} => $_->{id} } @$filed;
is(scalar @{ $office->get('/api/origin/queue', { claimed => 'all' })->json->{items} }, 3, 'and each in the office\'s queue');
is(act_on($office, 'origin', $filed{E}, 'approve')->status, 200, 'one is approved');
is(act_on($office, 'origin', $filed{K}, 'return', '工序请写详细')->status, 200, 'one returned');
is(said(act_on($client, 'origin', $filed{K}, 'submit')), '403 forbidden', 'the applicant corrects the filing, not what came of it');
my $body = document_of($client, 'origin', $goods)->{body};
$body->{filed_goods_data}{process_note} = '屠宰、分割、零下十八度冷冻';
is($client->put("/api/origin/documents/$goods", { body => $body }, 'If-Match' => '*')->status, 200, 'corrected');
is(act_on($client, 'origin', $goods, 'submit')->status, 200, 'and submitted again');
is(join(' ', sort map { "$_->{kind}:$_->{state}:$_->{licence_no}" } @{ list($client, form => 'filed_goods', reference_no => $number, fields => 'all')->{items} }),
	'E:APPROVED:26S2102M9997/00001 K:PENDING:26S2102M9997/00002 N:PENDING:26S2102M9997/00003', 'only what was returned is filed again, with its number');
is(document_of($client, 'origin', $filed{K})->{body}{filed_item}{process_note}, '屠宰、分割、零下十八度冷冻', 'with what was corrected');
is(document_of($client, 'origin', $filed{E})->{body}{filed_item}{process_note}, '屠宰、分割、冷冻', 'what was approved stays as it was');
is(said(make_of($client, 'origin', 'filed_goods', {})), '409 made_by_portal', 'nobody files goods past the filing');
is($client->post('/api/origin/fetch/filed_goods', {})->json->{count}, 2, 'goods filed elsewhere are synchronised');
is($client->post('/api/origin/fetch/filed_goods', {})->json->{count}, 0, 'once');
is(list($client, form => 'filed_goods', licence_no => '18S2102M9997/00054')->{items}[0]{state}, 'APPROVED', 'approved, with their number');

# ---- certificates: R-CO-3, 5, 8, 10
sub problems { my ($type, $of, %change) = @_; return errors_of($client->post('/api/origin/certificate_of_origin/check', { body => certificate_body($type, $of, %change) })) }
is(problems('E', $filed{E}), ':unsaved', 'a whole certificate only wants saving');
like(problems('E', $filed{K}), qr{goods/0/filed_ref:reference}, 'R-CO-5: goods of another agreement, or not approved, are refused');
like(problems('E', undef, rows => [ goods_line('E', '') ]), qr{goods/0/filed_ref:required}, 'R-CO-5: preferential goods are filed goods');
like(problems('E', $filed{E}, destination_country => '502'), qr/destination_country:|party/, 'the country of destination is a party');
is(problems('E', $filed{E}, importer_country => '502'), ':unsaved', 'that the consignee\'s is not');
like($client->post('/api/origin/certificate_of_origin/check', { body => certificate_body('E', $filed{E}, importer_country => '502') })->text, qr/R-CO-IMPORTER/, 'is a warning');
is($client->post('/api/origin/certificate_of_origin/check', { body => certificate_body('E', $filed{E}, rows => [ goods_line('E', $filed{E}, origin_criterion => 'K-WO') ]) })->json->{body}{goods}{rows}[0]{origin_criterion}, 'E-WO',
	'the criterion is the one that was filed and approved');
like(problems('C', undef, rows => [ goods_line('C', undef, item_hs => '12345') ]), qr{goods/0/item_hs:tariff_code}, 'R-CO-4 on a certificate');
like(problems('E', $filed{E}, signatory => '张三'), qr{basics/signatory:R-CO-10}, 'R-CO-10: the signatory is registered');
like(problems('E', $filed{E}, signatory => '赵离职'), qr{basics/signatory:R-CO-10}, 'R-CO-10: and not cancelled');
my $id = certificate($client, 'E', $filed{E});
my $answer = document_of($client, 'origin', $id);
is($answer->{body}{basics}{route}, 'FROM Dalian TO Jakarta, Java BY Sea', 'R-CO-8: the route is written from ports and transport');
$answer->{body}{basics}{route} = 'FROM YINGKOU,CHINA TO JAKARTA VIA SINGAPORE BY SEA';
is($client->put("/api/origin/documents/$id", { body => $answer->{body} }, 'If-Match' => '*')->json->{body}{basics}{route}, 'FROM YINGKOU,CHINA TO JAKARTA VIA SINGAPORE BY SEA', 'R-CO-8: and stays as edited');
is($answer->{body}{goods}{rows}[0]{item_hs} . ' ' . $answer->{body}{goods}{rows}[0]{hs_printed}, '02042200 020422', 'the HS code comes from the filing, printed with six digits');
is($answer->{body}{goods}{rows}[0]{printed_quantity}, '1050 KGS G.W.', 'the weight flag decides what stands as quantity');
is($answer->{body}{basics}{certificate_kind} . ' ' . $answer->{document}{kind}, 'new E', 'a new certificate of its type');
my $document = approve_certificate($client, $office, $id);
is($document->{licence_no}, '26E2102M9997/00001', 'approved, it has its number');
is(said(act_on($client, 'origin', $id, 'print')), '200', 'self-printing');
act_on($client, 'origin', $id, 'print');
is(list($client, form => 'certificate_of_origin')->{items}[0]{prints}, 2, 'is counted');
is(document_of($client, 'origin', $id)->{document}{state_print}, 'PRINTED', 'and seen');

# ---- processing of general certificates
my @processing = (processing => 'new', processing_hs => '3926', processing_price => '100', processing_goods => 'PLASTIC', processing_steps => 'MOULDING');
like(problems('C', undef, rows => [ goods_line('C', undef, @processing) ]), qr{R-CO-IMPORTS}, 'declared processing names its imported materials');
my $general = certificate($client, 'C', undef, rows => [ goods_line('C', undef, @processing, imports => [ { import_hs => '3901', import_cif_usd => '12' }, { import_hs => '3902', import_cif_usd => '5' } ]) ]);
is(document_of($client, 'origin', $general)->{body}{goods}{rows}[0]{imported_share}, '17', 'the share of imported materials is computed: 17%');

# ---- change and re-issue
is(said($client->post("/api/origin/documents/$general/copy", { action => 'reissue' })), '409 wrong_state', 'only an approved certificate is re-issued');
my $again = $client->post("/api/origin/documents/$id/copy", { action => 'reissue' })->json->{ids}[0];
my $copy = document_of($client, 'origin', $again)->{body}{basics};
is("$copy->{certificate_kind} $copy->{replaced_no}", 'reissue 26E2102M9997/00001', 'the new one names the old one\'s number');
is(said(act_on($client, 'origin', $again, 'submit')), '422 invalid basics/reissue_reason', 'and says why');
$copy = document_of($client, 'origin', $again)->{body};
$copy->{basics}{reissue_reason} = '发票号更正';
$copy->{basics}{replaced_no} = 'forged';
$copy->{basics}{certificate_kind} = 'new';
$copy = $client->put("/api/origin/documents/$again", { body => $copy }, 'If-Match' => '*')->json->{body}{basics};
is("$copy->{certificate_kind} $copy->{replaced_no}", 'reissue 26E2102M9997/00001', 'what the portal set is nobody else\'s to change');
is(document_of($client, 'origin', $id)->{document}{state}, 'APPROVED', 'the old one is good until then');
my $second = $client->post("/api/origin/documents/$id/copy", { action => 'reissue' })->json->{ids}[0];
approve_certificate($client, $office, $again);
is(document_of($client, 'origin', $id)->{document}{state}, 'VOID', 'the old one is void once the new one is approved');
is(said(act_on($client, 'origin', $id, 'print')), '409 wrong_state', 'and printed no more');
$copy = document_of($client, 'origin', $second)->{body};
$copy->{basics}{reissue_reason} = '再改';
is(said($client->put("/api/origin/documents/$second", { body => $copy }, 'If-Match' => '*')), '422 invalid basics/replaced', 'it is replaced once');

# ---- lists
sub query { my ($name, %more) = @_; return join ' ', sort map { "$_->{kind}:$_->{state}" } @{ $client->get("/api/origin/queries/$name", { form => 'certificate_of_origin', %more })->json->{items} } }
is(query('preferential'), 'E:APPROVED E:DRAFT', 'preferential certificates');
is(query('general'), 'C:DRAFT', 'general ones');
is(query('void'), 'E:VOID', 'void ones');
is(query('preferential', person => '李'), '', 'by signatory');
is(query('preferential', reference_no => 'inv-2026', kind => 'E', created_from => '2026-09-03', created_to => '2026-09-03'), 'E:APPROVED E:DRAFT', 'by invoice, type and day of creation');
is(query('preferential', created_to => '2026-09-02'), '', 'not on another day');


# ---- the same processing as last time
$answer = $client->get('/api/origin/certificate_of_origin/recall', { goods => '020422' })->json->{row};
is("$answer->{processing_hs} $answer->{processing_steps} " . join('+', map { $_->{import_cif_usd} } @{ $answer->{imports} }), '3926 MOULDING 12+5', 'what was declared for the same goods the last time is recalled');
is_deeply($client->get('/api/origin/certificate_of_origin/recall', { goods => '999999' })->json, {}, 'of other goods nothing');
is(said($client->get('/api/origin/origin_exporter/recall', { goods => '1' })), '404 unknown_form', 'other forms recall nothing');

# ---- nobody else's
register_origin($other, '2102M9998');
is_deeply($other->get('/api/origin/certificate_of_origin/recall', { goods => '020422' })->json, {}, 'another enterprise recalls nothing of it');
is(said($other->get("/api/origin/documents/$id")), '404 not_found', 'sees no certificate of it');
is(said($other->post("/api/origin/documents/$again/copy", { action => 'reissue' })), '404 not_found', 'and re-issues none');
my $theirs = certificate_body('E', $filed{E});
like($other->post('/api/origin/certificate_of_origin/check', { body => $theirs })->text, qr{filed_ref}, 'nor uses its filed goods');
is(said($other->post('/api/origin/fetch/filed_goods', $_)), '422 not_fetched ccpit_ent_no', 'nor fetches them' . (%$_ ? ', whatever number it names' : '')) for {}, { ccpit_ent_no => '2102M9997' };
is(scalar @{ $sw->signed_in('demo_first')->get('/api/origin/queue', { claimed => 'all' })->json->{items} }, 0, 'an officer of another agency has none of it in the queue');

# ---- a number of CCPIT's that two enterprises came with
register_origin($other, '2102M9997');
is($other->post('/api/origin/fetch/filed_goods', {})->json->{count}, 0, 'what was filed once belongs to whom it belongs');
is(document_of($office, 'origin', certificate($other, 'C'))->{document}, undef, 'their drafts are their own');
like(issued_certificate($other, $office, 'C')->{licence_no}, qr{^26C2102M9997/0000\d$}, 'and numbers are given once');

# ---- every action in every state
my $fresh = sub { return certificate($client, 'E', $filed{E}, @_) };
my %to = (
	DRAFT => $fresh,
	PENDING => sub { my $id = $fresh->(); act_on($client, 'origin', $id, 'submit'); return $id },
	RETURNED => sub { my $id = $fresh->(); act_on($client, 'origin', $id, 'submit'); act_on($office, 'origin', $id, 'return', '请核对'); return $id },
	APPROVED => sub { my $id = $fresh->(); approve_certificate($client, $office, $id); return $id },
	PRINTED => sub { my $id = $fresh->(); approve_certificate($client, $office, $id); act_on($client, 'origin', $id, 'print'); return $id },
	VOID => sub { my $id = $fresh->(); approve_certificate($client, $office, $id); act_on($office, 'origin', $id, 'revoke', '企业申请'); return $id },
);
my @states = qw(DRAFT PENDING RETURNED APPROVED PRINTED VOID);
my %try = (
	edit => sub { $client->put("/api/origin/documents/$_[0]", { body => certificate_body('E', $filed{E}) }, 'If-Match' => '*')->ok },
	delete => sub { $client->delete("/api/origin/documents/$_[0]", 'If-Match' => '*')->ok },
	copy => sub { $client->post("/api/origin/documents/$_[0]/copy", {})->ok },
	reissue => sub { $client->post("/api/origin/documents/$_[0]/copy", { action => 'reissue' })->ok },
	preview => sub { $client->get("/api/origin/documents/$_[0]/print/preview.pdf")->ok },
	'certificate.pdf' => sub { $client->get("/api/origin/documents/$_[0]/print/certificate.pdf")->ok },
	(map { my $action = $_; $action => sub { act_on($client, 'origin', $_[0], $action)->ok } } qw(submit take_back print)),
	(map { my $action = $_; $action => sub { act_on($office, 'origin', $_[0], $action, '核对')->ok } } qw(approve return revoke)),
);
my %table = (
	edit => '+ - + - - -', delete => '+ - + - - -', copy => '+ + + + + +', reissue => '- - - + + -', preview => '+ + + + + +', 'certificate.pdf' => '- - - - + -',
	submit => '+ - + - - -', take_back => '- + - - - -', print => '- - - + + -', approve => '- + - - - -', return => '- + - - - -', revoke => '- - - + + -');
my %shared = map { $_ => $to{$_}->() } @states;
for my $action (sort keys %table) {
	my @cells = split ' ', $table{$action};
	for my $i (0 .. $#states) {
		my $done = $try{$action}->($cells[$i] eq '+' ? $to{ $states[$i] }->() : $shared{ $states[$i] });
		is($done ? '+' : '-', $cells[$i], "$action in $states[$i]");
	}
}
is($sw->sql('origin', 'SELECT enterprise, form, state, count(*) FROM document GROUP BY 1, 2, 3 ORDER BY 1, 2, 3'),
	$sw->sql('origin', 'SELECT enterprise, form, state, count FROM document_total WHERE count <> 0 ORDER BY 1, 2, 3'), 'kept totals agree');

# ---- public verification
my ($no, $code) = split /[|\n]/, $sw->sql('origin', "SELECT licence_no, check_code FROM document WHERE id = $again");
my $seen = $sw->client->get('/api/origin/verify', { number => $no, code => $code })->json;
is("$seen->{number} $seen->{result} " . join(', ', map { $_->{value} =~ s/\n.*//sr } @{ $seen->{facts} }), "$no valid 中国-东盟自贸协定, INV-2026-1, SIGNATURE TEST CO., LTD., BUYER LTD., 印度尼西亚, 26E2102M9997/00001", 'the public page confirms a certificate by its number and check code');
($no, $code) = split /[|\n]/, $sw->sql('origin', "SELECT licence_no, check_code FROM document WHERE id = $id");
is($sw->client->get('/api/origin/verify', { number => $no, code => $code })->json->{result}, 'revoked', 'and says of a replaced one that it is void');

done_testing();
