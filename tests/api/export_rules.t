#!/usr/bin/perl
# Every rule of digest 1.7 from the outside: a case that fails it and one that passes. The checklist is what submitting demands.
use strict;
use warnings;
use utf8;
use Test::More;

use SingleWindow::Instance;
use SingleWindow::Export;

my $sw = SingleWindow::Instance->start;
my $client = $sw->signed_in('demo_admin');

sub problems {
	my (%change) = @_;
	my $answer = $client->post('/api/export/export_licence/check', { body => body(%change) });
	return { map { ("$_->{field} $_->{rule}" => 1, $_->{rule} => 1, $_->{field} => 1) } @{ $answer->json->{errors} } };
}
sub fails { my ($what, $name, %change) = @_; ok(problems(%change)->{$what}, $name); return }
sub passes { my ($what, $name, %change) = @_; ok(!problems(%change)->{$what}, $name); return }
my $row = { unit_price => '11.11', qty => '22' };
sub rows { return (specs => { variant => 'ordinary', rows => [@_] }) }
sub goods { my ($code, %more) = @_; return (goods => { hs_code => $code, %more }) }

# R-EX-1: each yellow field of digest 1.2 and 1.5, one by one
for my $field (qw(customs_port exporter_name consignor_code consignor_uscc consignor_name trade_mode import_country transport_mode payment_term contract_no importer_name_zh
	importer_name_en contract_total_qty contract_sign_date contract_total_amount settlement_currency contract_valid_date)) {
	fails("base/$field required", "R-EX-1: $field must be filled in", base => { $field => undef });
}
fails("other/$_ required", "R-EX-1: $_ must be filled in", other => { $_ => undef }) for qw(issuing_agency one_batch_one_licence applicant_name applicant_contact);
passes('required', 'R-EX-1: a complete form has nothing missing');
is($client->post('/api/export/documents', { form => 'export_licence', body => { base => { year => 2026 } } })->status, 201, 'R-EX-1: saving may be partial');

fails('goods/approval_no R-EX-2', 'R-EX-2: ODS without an approval number', goods('2903750010'));
passes('R-EX-2', 'R-EX-2: with one', goods('2903750010', approval_no => '123456'));
passes('R-EX-2', 'R-EX-2: other goods need none', goods('2833110000'));
fails('goods/certificate_no R-EX-3', 'R-EX-3: natural sand without a certificate number', goods('2505900010'));
passes('R-EX-3', 'R-EX-3: 无 will do', goods('2505900010', certificate_no => '无'));
my %car = (vehicle_model => 'M', qty => '1', unit_price => '1');
fails('specs/0/vehicle_brand R-EX-4', 'R-EX-4: a vehicle without a brand', goods('8703235910', vehicle_kind => 'new'), specs => { variant => 'new', rows => [ {%car} ] });
passes('R-EX-4', 'R-EX-4: a chosen or another brand', goods('8703235910', vehicle_kind => 'new'), specs => { variant => 'new', rows => [ { %car, vehicle_brand => '自定义' } ] });
fails('producers R-EX-5', 'R-EX-5: steel without a producer', goods('7208271000'));
fails('producers/0/producer_uscc required', 'R-EX-5: a producer without its code', goods('7208271000'), producers => [ { producer_name => '钢厂' } ]);
passes('R-EX-5', 'R-EX-5: with name and code', goods('7208271000'), producers => [ { producer_name => '钢厂', producer_uscc => '988899977763675550' } ]);
fails('quality_certificates R-EX-6', 'R-EX-6: steel without a certificate', goods('7208271000'));
passes('R-EX-6', 'R-EX-6: 无编号 will do', goods('7208271000'), quality_certificates => [ { quality_cert_no => '无编号' } ]);
passes('specs/0/spec', 'R-EX-10: one row needs no specification', rows($row));
fails('specs/0/spec R-EX-10', 'R-EX-10: with two, each needs its specification', rows($row, { %$row, spec => 's' }));
fails('specs/1/qty required', 'R-EX-10: and its quantity', rows({ %$row, spec => 'a' }, { spec => 'b', unit_price => '1' }));
fails('specs/0/unit_price required', 'R-EX-10: and its price', rows({ qty => '1' }));
passes('R-EX-10', 'R-EX-10: two complete rows', rows({ %$row, spec => 'a' }, { %$row, spec => 'b' }));
fails('specs too_many_rows', 'R-EX-11: five rows', rows(map { { %$row, spec => $_ } } 1 .. 5));
passes('too_many_rows', 'R-EX-11: four', rows(map { { %$row, spec => $_ } } 1 .. 4));
passes('too_many_rows', 'R-EX-11: twenty vehicles', goods('8703235910', vehicle_kind => 'new'), specs => { variant => 'new', rows => [ map { { %car, vehicle_brand => "b$_" } } 1 .. 20 ] });
fails('specs too_many_rows', 'R-EX-11: twenty-one', goods('8703235910', vehicle_kind => 'new'), specs => { variant => 'new', rows => [ map { { %car, vehicle_brand => "b$_" } } 1 .. 21 ] });
my @coke = ('规格（粒度：30-90mm；水分：5%；灰：10.5%-12.5%；硫：0.6%-0.75%；挥发份：1.2%-1.5%；CSR62%-65%；CRI26%-28%；M10：8%-9%；m40:80-84）',
	'规格（粒度：80-250mm；水分：5%；灰：8%-12%；硫：0.6%-0.8%；挥发份：1.2%-1.5%）', '规格（粒度：10-30mm；水分：10%；灰：11.5%-13%；硫：0.7%-0.8%；挥发份：1.2%-1.5%）');
passes('specs/0/spec', 'R-EX-12: ' . substr($_, 0, 12), goods('2704001000'), rows({ %$row, spec => $_ })) for @coke;
fails('specs/0/spec not_offered', 'R-EX-12: any other text', goods('2704001000'), rows({ %$row, spec => '焦炭' }));
passes('specs/0/spec', 'R-EX-12: other goods take any text', goods('2833110000'), rows({ %$row, spec => '焦炭' }));
fails('other/additional_note too_long', 'R-EX-13: 331 characters', other => { additional_note => '字' x 331 });
passes('other/additional_note', 'R-EX-13: 330', other => { additional_note => '字' x 330 });
fails('attachment/01 attachment_required', 'R-EX-14: a mandatory attachment is missing');
fails('attachment/11 attachment_required', 'R-EX-14: of steel, one more', goods('7208271000'));
passes('attachment/11', 'R-EX-14: of other goods not', goods('2833110000'));
fails('unsaved', 'R-EX-17: what was not saved cannot be submitted');
fails('goods/exchange_rate R-EX-RATE', 'a currency without a rate this month', goods('2833110000', price_currency => 'IRR'));
passes('R-EX-RATE', 'one with a rate', goods('2833110000', price_currency => 'EUR'));
fails('base/contract_valid_date R-EX-CONTRACT-DATE', 'a contract that ends before it is signed', base => { contract_valid_date => '2026-07-01' });
passes('R-EX-CONTRACT-DATE', 'one that does not');
fails('other/remote_print_agency R-EX-REMOTE', 'printing elsewhere at the issuing agency', other => { remote_print => JSON::PP::true, remote_print_agency => 'AA' });
passes('R-EX-REMOTE', 'at another agency', other => { remote_print => JSON::PP::true, remote_print_agency => 'AB' });
fails('other/print_terminal required', 'extended printing needs its terminal', other => { extended_print => JSON::PP::true });
fails('base/year R-EX-YEAR', 'the year before', base => { year => 2025 });
passes('R-EX-YEAR', 'this year or the next', base => { year => $_ }) for 2026, 2027;

# R-EX-20 and 21
for ([ '2026-08-25T10:00:00+08:00', 2026, '2026-12-31' ], [ '2026-03-05T10:00:00+08:00', 2026, '2026-09-05' ], [ '2026-08-31T10:00:00+08:00', 2027, '2027-02-28' ],
	[ '2026-12-31T23:59:59+08:00', 2026, '2026-12-31' ]) {
	my ($now, $year, $until) = @$_;
	$sw->clock($now);
	my $computed = $sw->signed_in('demo_admin')->post('/api/export/export_licence/check', { body => body(base => { year => $year }) })->json->{body}{base}{valid_until};
	is($computed, $until, "R-EX-20: applied for on $now, valid until $until");
}
$sw->clock('2026-09-03T10:00:00+08:00');
my $computed = $client->post('/api/export/export_licence/check', { body => body(rows($row, { unit_price => '0.005', qty => '1' })) })->json->{body};
is($computed->{specs}{rows}[0]{line_total}, '244.42', 'R-EX-21: 11.11 x 22 is kept as 244.42');
is($computed->{specs}{rows}[1]{line_total}, '0.01', 'R-EX-21: half a cent is rounded up');
is($computed->{goods}{total_amount}, '244.43', 'R-EX-21: the total is the sum of the rounded lines');

done_testing();
