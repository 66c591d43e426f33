#!/usr/bin/perl
# A second licence type that the suite has never seen: 两用物项和技术出口许可证 (control code 3), dropped in as a definition, a layout and a
# code table. Pre-application, validation, two reviews, number, list by any of its goods, print and XML work with nothing else added.
use strict;
use warnings;
use utf8;
use Test::More;

use SingleWindow::Instance;
use SingleWindow::Export;
use SingleWindow::Import qw(make_of act_on document_of problems_of);

my $root = root_with_unseen();
my $sw = SingleWindow::Instance->start(settings => { root => $root });
my ($client, $first, $second) = map { $sw->signed_in($_) } qw(demo_admin demo_first demo_second);

sub dual_use {
	my (%change) = @_;
	return { base => { year => 2026, end_user => '某研究所', end_country => '304', end_use => 'civil', end_use_detail => '半导体', agency => 'AA', %{ $change{base} // {} } },
		control_goods => $change{goods} // [ { hs_code => '8112921000', qty => '12.5', technologies => [ { technology => '提纯' } ] }, { hs_code => '2804690000', qty => '7.5' } ],
		$change{guarantee} ? (guarantee => $change{guarantee}) : () };
}
sub problems { return problems_of($client, 'export', 'dual_use_export', dual_use(@_)) }

my $verdict = $client->post('/api/export/dual_use_export/verdict', { body => { base => { year => 2026 }, control_goods => [ { hs_code => '8112921000' } ] } });
is($verdict->json->{answer}, 'electronic', 'the pre-application answers');
ok(problems(base => { end_user => undef })->{'base/end_user required'}, 'the end user must be named');
ok(problems(base => { end_use => 'military' })->{'base/end_use R-DU-1'}, 'a rule of its own refuses');
ok(problems(base => { end_country => '110' }, goods => [ { hs_code => '8112921000', qty => '1000' } ])->{'base/total_qty R-DU-2'}, 'another one counts');
ok(problems(base => { end_use => 'research' })->{sheet_required}, 'its sheet is demanded when its condition says so');
ok(!problems(base => { end_use => 'research' }, guarantee => { guarantor => '某部', guarantee_date => '2026-08-01' })->{sheet_required}, 'and is content when it is filled in');

my $made = make_of($client, 'export', 'dual_use_export', dual_use());
is($made->json->{document}{application_no}, 'DU2026000001', 'saved, it has a number of its own kind');
is($made->json->{body}{base}{total_qty}, '20', 'and what is computed');
my $id = $made->json->{document}{id};
is(act_on($client, 'export', $id, 'submit')->json->{document}{state}, 'PENDING', 'submitted');
is($first->get('/api/export/queue', { claimed => 'all' })->json->{items}[0]{id}, $id, 'it lies in the agency\'s queue');
is(act_on($first, 'export', $id, 'pass')->json->{document}{state}, 'SECOND', 'first review');
is(act_on($second, 'export', $id, 'grant')->json->{document}{licence_no}, '26DU000001', 'second review numbers it');

is($client->get('/api/export/documents', { form => 'dual_use_export', goods => '2804690000' })->json->{items}[0]{id}, $id, 'the list finds it by its second item');
is($client->get('/api/export/documents', { form => 'dual_use_export' })->json->{items}[0]{goods_name}, '未锻轧的镓(演示)', 'and shows its first');
my $pdf = $client->get("/api/export/documents/$id/print/application.pdf");
open my $out, '>', "$root/dual.pdf" or die; binmode $out; print {$out} $pdf->content; close $out;
my $text = `pdftotext -layout $root/dual.pdf -`;
utf8::decode($text);
like($text, qr/两用物项和技术出口许可证申请表 DU2026000001/, 'it prints');
like($text, qr/8112921000\s+未锻轧的镓\(演示\)\s+3C901\s+12\.5/, 'with its items');
for (qw(xsd xml)) {
	open my $file, '>', "$root/dual.$_" or die;
	binmode $file;
	print {$file} $client->get($_ eq 'xsd' ? '/api/export/forms/dual_use_export/xsd' : "/api/export/documents/$id/xml")->content;
	close $file;
}
is(system("xmllint --noout --schema $root/dual.xsd $root/dual.xml 2>/dev/null"), 0, 'its XML is valid by its published schema');

done_testing();
