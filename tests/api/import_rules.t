#!/usr/bin/perl
# Every rule of digest 2.7 (R-NM) and 3.7 (R-ME) from the outside: a case that fails it and one that passes; then dollars and balances.
use strict;
use warnings;
use utf8;
use JSON::PP ();
use Test::More;

use SingleWindow::Instance;
use SingleWindow::Export qw(pdf partner_key);
use SingleWindow::Import;

my ($true, $false) = ($JSON::PP::true, $JSON::PP::false);
my $sw = SingleWindow::Instance->start;
my $client = $sw->signed_in('demo_admin');
my ($first, $second, $office, $ministry) = map { $sw->signed_in($_) } qw(demo_first demo_second demo_office demo_ministry);

my ($module, $form, $body);
sub problems { return problems_of($client, $module, $form, $body->(@_)) }
sub fails { my ($what, $name, @change) = @_; ok(problems(@change)->{$what}, "$module: $name"); return }
sub passes { my ($what, $name, @change) = @_; ok(!problems(@change)->{$what}, "$module: $name"); return }
sub goods { return (goods => [ map { { hs_code => $_, specs => [ { unit_price => '1', qty => '1' } ] } } @_ ]) }

# ---- non-MEP
($module, $form, $body) = ('nonmep', 'nonmep_licence', \&nonmep_body);
my %mandatory = (base => [qw(import_user_code import_user_uscc import_user_name importer_code importer_uscc importer_name trade_mode fx_source trade_country_1 origin_country_1 customs_port_1 valid_until eta_date)],
	goods_head => [qw(goods_use price_currency)], other => [qw(state_trading bonded_warehouse one_batch_one_licence deal_type issuing_agency)], more => [qw(contact_name contact_phone import_contract_no)]);
for my $block (sort keys %mandatory) {
	fails("$block/$_ required", "R-NM-1: $_ must be filled in", $block => { $_ => undef }) for @{ $mandatory{$block} };
}
passes('required', 'R-NM-1: a complete form has nothing missing');
fails('goods too_few_rows', 'R-NM-1: goods must be named', goods => []);
fails('more/additional_note too_long', 'R-NM-2: 331 characters', more => { additional_note => '字' x 331 });
passes('more/additional_note', 'R-NM-2: 330', more => { additional_note => '字' x 330 });
fails('other/remark too_long', 'R-NM-3: 33 characters', other => { remark => '字' x 33 });
passes('other/remark', 'R-NM-3: 32', other => { remark => '字' x 32 });
my $id = make_of($client, $module, $form, nonmep_body())->json->{document}{id};
my $attach = sub { return $client->post("/api/nonmep/documents/$id/attachments?type=09&name=$_[0]", $_[1], 'Content-Type' => 'application/octet-stream')->status };
isnt($attach->('a.exe', "MZ\0\0"), 201, 'R-NM-4: a type that is not permitted');
is($attach->('a.pdf', "%PDF-1.4\n" . 'x' x 1_048_568), 413, 'R-NM-4: more than 1 MB');
is($attach->('a.pdf', pdf()), 201, 'R-NM-4: a PDF');
fails('other/remote_print_agency R-NM-5', 'R-NM-5: fetched elsewhere from the issuing agency', other => { remote_print => $true, remote_print_agency => 'AA' });
passes('R-NM-5', 'R-NM-5: from another one', other => { remote_print => $true, remote_print_agency => 'AB' });
fails('other/remote_print_agency required', 'R-NM-5: which one must be said', other => { remote_print => $true });
my @ore = goods('2601112000');
fails('iron_ore/ore_contract_type required', 'R-NM-6: iron ore without its contract sheet', @ore);
fails('iron_ore/ore_rows too_few_rows', 'R-NM-6: and without its rows', @ore);
fails('iron_ore sheet_required', 'R-NM-6: what the sheet copies from the form does not fill it in', @ore, iron_ore => { ore_origin => '601', ore_trade_country => '601', ore_contract_no => 'O1' });
my $sheet = { ore_origin => '601', ore_trade_country => '601', ore_contract_no => 'O1', ore_contract_type => '1', ore_sign_date => '2026-08-01', ore_from => '2026-08-01', ore_to => '2026-12-31', ore_ent_nature => '1',
	ore_seller_zh => '卖方', ore_port_1 => 'CNTAO', ore_rows => [ { ore_kind => '1', ore_name => '铁矿粉', ore_grade => '62', ore_qty => '100', ore_price => '95000' } ] };
passes($_, "R-NM-6: with it, no $_", @ore, iron_ore => $sheet) for 'too_few_rows', 'required', 'sheet_required';
passes('iron_ore/ore_contract_type', 'R-NM-6: other goods need none');
fails('iron_ore/ore_to R-NM-ORE-PERIOD', 'an ore contract that ends before it begins', @ore, iron_ore => { %$sheet, ore_to => '2026-07-01' });
my @codes = qw(2303300011 2303300010 1003900000 1007900000 0714102000);
passes('too_many_rows', 'R-NM-7: four products', goods(@codes[0 .. 3]));
fails('goods too_many_rows', 'R-NM-7: five', goods(@codes));
fails('goods/0/specs too_many_rows', 'R-NM-7: five specifications', goods => [ { hs_code => '2303300011', specs => [ map { { spec => "s$_", unit_price => '1', qty => '1' } } 1 .. 5 ] } ]);
fails('goods/1/hs_code not_unique', 'R-NM-7: the same product twice', goods(@codes[0, 0])) if problems(goods(@codes[0, 0]))->{not_unique};
fails('goods/0/specs/1/spec R-NM-SPEC', 'with two specifications each says which', goods => [ { hs_code => '2303300011', specs => [ { spec => 's', unit_price => '1', qty => '1' }, { unit_price => '1', qty => '1' } ] } ]);
fails('more/import_contract_no required', 'R-NM-8: bulk goods without the number of their contract', goods('1201901100'), more => { import_contract_no => undef });
fails('contract sheet_required', 'R-NM-10: without the contract sheet', contract => undef);
fails('contract sheet_required', 'R-NM-10: nor does what it remembers of the enterprise', contract => { foreign_party_zh => undef, goods_description => undef, ent_contact => '张三', ent_phone => '010-12345678' });
fails('R-NM-11', 'R-NM-11: bulk goods without registration', goods('1201901100'));
passes('R-NM-11', 'R-NM-11: other goods need none');
my $filing = make_of($client, 'nonmep', 'bulk_registration', bulk_body())->json->{document}{id};
fails('R-NM-11', 'R-NM-11: saved is not reported', goods('1201901100'));
is(act_on($client, 'nonmep', $filing, 'submit')->json->{document}{state}, 'REPORTED', '保存并上报');
passes('R-NM-11', 'R-NM-11: with the registration', goods('1201901100'));
is(make_of($client, 'nonmep', 'bulk_registration', bulk_body())->status, 409, 'a second registration is refused');
ok(problems_of($client, 'nonmep', 'bulk_registration', bulk_body(registration => { $_ => undef }))->{"registration/$_ required"}, "digest 2.8: $_ is mandatory")
	for qw(customs_registration business_registration capital business_address reg_contact reg_phone);
fails('goods_head/exchange_rate R-NM-RATE', 'a currency without a rate this month', goods_head => { price_currency => 'IRR' });
fails('base/year R-NM-YEAR', 'the year before', base => { year => 2025 });

# digest 2.1
my $verdict = sub { return $client->post('/api/nonmep/nonmep_licence/verdict', { body => { base => { year => 2026, customs_port_1 => '0101' }, other => { one_batch_one_licence => $true }, goods => [ map { { hs_code => $_ } } @_ ] } }) };
is($verdict->('2303300011', '1003900000')->json->{answer}, 'electronic', 'the goods of the catalogue get an electronic licence');
is($verdict->()->status, 422, 'goods must be named');

# digest 2.10: lines in whole dollars, the total the sum of rounded lines: 18 + 159 = 177
is($sw->signed_in('demo_portal')->post('/api/nonmep/codes/exchange_rate', "code,name,name_en,letters,usd_per_100,valid_from,valid_until,status\nCNY,人民币,,rmb,14.6,2026-09-01,2026-09-30,demo\nUSD,美元,,my,100,2026-09-01,2026-09-30,demo\n", 'Content-Type' => 'text/csv')->status, 200, 'rates are loaded');
my $computed = $client->post('/api/nonmep/nonmep_licence/check', { body => nonmep_body() })->json->{body};
is(join(' ', map { $_->{line_total_usd} } @{ $computed->{goods}[0]{specs} }), '18 159', 'a line is in whole dollars');
is(join(' ', @{ $computed->{goods_head} }{qw(total_qty total_amount total_amount_usd)}), '133 1212 177', 'and the total is their sum');

# ---- MEP
($module, $form, $body) = ('mep', 'mep_licence', \&mep_body);
my $early = make_of($client, $module, $form, mep_body());
is($early->status, 409, 'R-ME-0: an enterprise that is not registered cannot begin');
like($early->json->{message}{zh}, qr/尚未在本系统备案/, 'R-ME-0: and is told what to do');
is($client->post('/api/mep/mep_licence/new', {})->status, 409, 'R-ME-0: not even an empty one');
ok(problems_of($client, 'mep', 'mep_registration', registration_body(account => { $_ => undef }))->{"account/$_ required"}, "R-ME-1: the registration wants $_") for qw(reg_contact reg_postcode reg_phone reg_mobile province_office);
my $registration = make_of($client, 'mep', 'mep_registration', registration_body(account => { city_office => '320200', county_office => '320281' }))->json;
is($registration->{body}{account}{office}, '320281', 'the lowest of the three offices is in charge');
$client->delete("/api/mep/documents/$registration->{document}{id}", 'If-Match' => '*');
is($client->put("/api/mep/documents/$registration->{document}{id}", { body => registration_body() }, 'If-Match' => '*')->json->{body}{account}{office}, '320400', 'or the city\'s, when no county is chosen');
ok(problems_of($client, 'mep', 'mep_registration', registration_body(account => { city_office => '210100' }))->{'account/city_office'}, 'a city of another province is refused');
act_on($client, 'mep', $registration->{document}{id}, 'submit');
is(make_of($client, $module, $form, mep_body())->status, 409, 'R-ME-0: submitted is not approved');
is($office->get('/api/mep/queue', { claimed => 'all' })->json->{items}[0]{id}, $registration->{document}{id}, 'the office has it in its queue');
is($ministry->get('/api/mep/queue', { claimed => 'all' })->json->{total}, '0', 'another has not');
my $account = act_on($office, 'mep', $registration->{document}{id}, 'approve')->json->{document}{form_no};
is($account, 'JD00000001', 'approved, the account is filled in');
is($client->post('/api/mep/mep_licence/new', {})->json->{body}{base}{region_office}, '320400', 'and a new application knows its office');
%mandatory = (base => [qw(paperless importer_code importer_name handler_name handler_phone handler_mobile trade_mode trade_country_1 customs_port_1 fx_source origin_country_1 goods_use one_batch_one_licence)], goods => [qw(hs_code price_currency)]);
for my $block (sort keys %mandatory) {
	fails("$block/$_ required", "R-ME-1: $_ must be filled in", $block => { $_ => undef }) for @{ $mandatory{$block} };
}
passes('required', 'R-ME-1: a complete form has nothing missing');
passes('sheet_required', 'R-ME-4: the contract sheet is optional');
passes('attachment_required', 'R-ME-4: attachments are optional');
fails('goods/equipment_state required', 'R-ME-2: new or used must be said', goods => { equipment_state => undef });
fails('goods/equipment_state R-ME-CM-1', 'used and forbidden is refused', goods => { equipment_state => 'used' });
passes('R-ME-CM-1', 'the same new is not');
fails('goods/equipment_state R-ME-CM-2', 'new and free needs no licence', goods => { hs_code => '9022300000' });
passes('R-ME-CM-2', 'the same used needs one', goods => { hs_code => '9022300000', equipment_state => 'used' });
fails('goods/project_type required', 'a project says of which type', goods => { goods_kind => 'project' });
fails('items/0/spec required', 'a row says what it is', items => [ { qty => '1', unit_price => '1' } ]);
$id = make_of($client, $module, $form, mep_body(goods => { hs_code => '9022300000', equipment_state => 'used' }))->json->{document}{id};
is(act_on($client, 'mep', $id, 'submit')->json->{document}{agency}, 'NM', 'key used goods go to the ministry');
is($ministry->get('/api/mep/queue', { claimed => 'all' })->json->{items}[0]{id}, $id, 'which has it in its queue');
isnt(act_on($office, 'mep', $id, 'approve')->status, 200, 'and not the office');

# digest 3.1: the registration as the ministry has it
my $other = $sw->signed_in('demo_other');
my $fetch = sub { return $other->post('/api/mep/fetch/mep_registration', { account => $_[0], password => $_[1] }) };
my $refused = $fetch->('JD320400', 'wrong');
is($refused->status . ' ' . $refused->json->{field}, '422 password', 'a wrong password of the ministry\'s system is told');
is($fetch->('JD000000', 'demo-2026')->status, 422, 'so is an unknown account, alike');
is(document_of($other, 'mep', 0)->{document}, undef, 'and nothing is there yet');
my $fetched = $fetch->('JD320400', 'demo-2026')->json;
is($fetched->{state}, 'APPROVED', 'the right ones bring the registration, approved');
$fetched = document_of($other, 'mep', $fetched->{id});
is("$fetched->{body}{basics}{ent_name} $fetched->{body}{account}{office}", '新疆亚中集团对外贸易有限公司 320400', 'of the enterprise that asks');
is(make_of($other, 'mep', 'mep_licence', mep_body())->status, 201, 'and applications can be made');
unlike($sw->log_text('mep'), qr/demo-2026/, 'the password stands in no log');
unlike($sw->sql('mep', 'SELECT body FROM document_body'), qr/demo-2026/, 'and in no document');

# digest 3.4, R-ME-9: 22222244 - 32 = 22222212
$id = make_of($client, $module, $form, mep_body(items => [ { spec => 'x', qty => '22222244', unit_price => '1' } ]))->json->{document}{id};
act_on($client, 'mep', $id, 'submit');
my $licence = act_on($office, 'mep', $id, 'approve')->json->{document}{licence_no};
wait_until(sub { document_of($client, 'mep', $id)->{document}{state_customs} });
my $serial = 0;
sub from_customs { my ($path, %message) = @_; return $sw->client->post("/partner/mep/$path", { message_id => 'm' . ++$serial, licence_no => $licence, %message }, Authorization => 'Bearer ' . partner_key($sw), 'X-CSRF-Token' => undef) }
is(from_customs('customs-status', status => 'STORED')->status, 200, 'customs has the licence');
my %use = (declaration_no => '010120151000000053', unit => '001', released => '2026-09-03', owner_name => '同', bill_no => '1231233', destination => '海淀区其他', packages => 1, country => '502', customs_port => '0101',
	enterprise_name => '北京科维克经贸发展有限责任公司', contract_no => '33333', goods => [ { code => '2402200000', name => '烟草制香烟', spec => '规格型号', quantity => '32', unit => '001', price => '736', currency => 'USD' } ]);
is(from_customs('write-offs', %use, quantity => '32')->json->{result}, 'booked', 'a declaration uses 32');
my $balance = $client->get('/api/mep/queries/balance', { form => 'mep_licence' })->json->{items}[0];
is("@{$balance}{qw(quantity balance used)}", '22222244 22222212 32', '22222244 - 32 = 22222212');
is(from_customs('write-offs', %use, declaration_no => '010120151000000054', quantity => '22222213')->status, 422, 'R-ME-9: never below zero');
my ($clearance) = @{ $client->get('/api/mep/write-offs', { licence_no => $licence })->json->{items} };
is("$clearance->{owner_name} $clearance->{destination} $clearance->{packages}", '同 海淀区其他 1', 'the clearance is listed');
is($client->get("/api/mep/write-offs/$clearance->{id}/goods")->json->{items}[0]{goods_name}, '烟草制香烟', 'with its goods');

done_testing();
