#!/usr/bin/perl
# Certificates in the XML layout of the certificate client, in and out, and goods lines from spreadsheets: whole round trips, every kind of broken
# file told by line and element, what attackers send, and 500 at once with a program that is killed on the way.
use strict;
use warnings;
use utf8;
use Encode qw(encode encode_utf8 decode_utf8);
use File::Temp qw(tempdir);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;

use SingleWindow::Exchange;
use SingleWindow::Instance;
use SingleWindow::Origin;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $sw = SingleWindow::Instance->start;
my ($client, $operator, $other, $office) = map { $sw->signed_in($_) } qw(demo_admin demo_operator demo_other demo_ccpit);
my $scratch = tempdir(CLEANUP => 1);

sub problems_of { my ($result) = @_; return join ' | ', map { "$_->{line} $_->{element} $_->{rule}" . ($_->{level} eq 'warning' ? '?' : '') } @{ $result->{problems} } }
sub taken { my ($bytes, %query) = @_; return finished($client, import_of($client, $bytes, draft => 1, %query))->{results} }
sub one { my $results = taken(@_); return $results->[0] }
sub exported { my ($id) = @_; return $client->get("/api/origin/documents/$id/exchange.xml") }
sub values_of { my ($xml) = @_; $xml = decode_utf8($xml); return { map { my ($name, $text) = @$_; ($name => $text) } map { [ $_->[0], $_->[1] ] } pairs($xml) } }
sub pairs { my ($xml) = @_; my @found; while ($xml =~ m{<(\w+)>([^<]*)</\1>}g) { my ($name, $text) = ($1, $2); push @found, [ $name, $text =~ s/&lt;/</gr =~ s/&gt;/>/gr =~ s/&quot;/"/gr =~ s/&amp;/&/gr ] } return @found }
sub said { my ($answer) = @_; my $json = eval { $answer->json } // {}; return join ' ', $answer->status, (($json->{type} // '') =~ s{.*/}{}r) || (), $json->{field} // () }
sub count_of { my ($what) = @_; return $sw->sql('origin', "SELECT count(*) FROM $what") =~ s/\s//gr }

my $schema = "$scratch/schema.xsd";
sub valid {
	my ($bytes) = @_;
	open my $out, '>:raw', "$scratch/message.xml" or die $!;
	print {$out} $bytes;
	close $out or die $!;
	return qx(xmllint --noout --nonet --schema $schema $scratch/message.xml 2>&1) =~ /validates$/m;
}

# ---- who may, and what comes first
is(one(message())->{problems}[0]{rule}, 'filing_required', 'without a registration nothing is imported, and it is said why');
register_origin($client);
{
	open my $out, '>:raw', $schema or die $!;
	print {$out} $client->get('/api/origin/exchange/certificate_of_origin/schema.xsd')->content;
	close $out or die $!;
	my ($form) = grep { $_->{form} eq 'certificate_of_origin' } @{ $client->get('/api/origin/forms')->json->{forms} };
	is_deeply($form->{exchange}, { root => 'Certificate', tables => ['goods'] }, 'the list of forms says what is exchanged');
	is(said(import_of($office, message())), '403 forbidden', 'officers import nothing');
	is(said($client->post('/api/origin/exchange/origin_clause/import', message(), 'Content-Type' => 'text/xml')), '404 unknown_exchange', 'nor does anybody a form without a mapping');
	is(said($client->post('/api/export/exchange/export_licence/import', message(), 'Content-Type' => 'text/xml')), '404 unknown_exchange', 'or a module without one');
}

# ---- round trips
my $filed = file_goods($client, $office, 'E');
{
	my %head = (Mark => "A\nB", ExhibitFlag => '1', ThirdPartyInvFlag => '0', EntMgrNo => 'x', CiqRegNo => 'x', Applicant => 'x', ApplTel => '1', OrgCode => '1', FetchPlace => '1', TransCountryCode => '1', Note => 'n',
		SpecInvTerms => 's', ProducerSertFlag => 'Y', PredictFlag => '0', ExpDeclDate => '2026-09-01', OriCountryCode => '142', EtpsConcEr => 'c', EtpsTel => '1', PrcsAssembly => 'p', DestCountryCode => '112', CertType => 'E');
	my %goods = (GoodsQtyRef => '12', OriCriteria => 'WO', ICompPrpr => '1', OriCriteriaRef => 'r', OriCriteriaSub => 's', GoodsName => '冻羊肉', GoodsUnit => '千克', GoodsUnitRef => 'x', Producer => 'p', GoodsOriginCountry => 'CN', InvNo => 'i', PackType => 'p');
	my $sent = message(head => \%head, goods => [ \%goods, { %goods, GoodsDesc => 'SECOND', HSCode => '02042200' } ], more => "<NonpartyCorpList>\n<Any><Thing/></Any>\n</NonpartyCorpList>\n<OriInvs/>\n");
	my $result = one($sent);
	is(problems_of($result), '', 'a preferential certificate with every element is read');
	my $id = $result->{id};
	my $body = document_of($client, 'origin', $id)->{body};
	is($body->{goods}{variant}, 'preferential', 'as what its type is');
	is($body->{goods}{rows}[0]{filed_ref}, $filed->{E}, 'its goods are the filed ones of that HS code and type');
	is($body->{goods}{rows}[1]{marks}, "A\nB", 'what the head says stands in every row');
	is($body->{basics}{importer_country}, '112', 'one element may fill two fields');
	my $answer = exported($id);
	like($answer->header('Content-Disposition'), qr/INV-1_CO26\d{10}\.xml/, 'exported it is called after invoice and number');
	ok(valid($answer->content), 'and valid by the published schema') or diag(qx(xmllint --noout --schema $schema $scratch/message.xml 2>&1));
	my %passed = map { $_ => 1 } qw(EntMgrNo CiqRegNo Applicant ApplTel OrgCode FetchPlace TransCountryCode Note SpecInvTerms ProducerSertFlag PredictFlag ExpDeclDate OriCountryCode EtpsConcEr EtpsTel PrcsAssembly
		GoodsName GoodsUnit GoodsUnitRef ICompPrpr OriCriteriaRef OriCriteriaSub GoodsOriginCountry PackType);
	my $back = values_of($answer->content);
	my @different;
	for my $pair (pairs(decode_utf8($sent))) {
		my ($name, $text) = @$pair;
		next if $passed{$name} || $name =~ /^(CertNo|GoodsDesc|GNo|Producer|InvNo|FOBValue)$/;
		push @different, "$name: $text, " . ($back->{$name} // 'nothing') unless ($back->{$name} // '') eq $text;
	}
	is(join("\n", @different), '', 'every element that is kept comes out as it went in');
	like($answer->text, qr{<GoodsDesc>TEN CARTONS\nOF MUTTON</GoodsDesc>.*<GNo>2</GNo>.*<GoodsDesc>SECOND</GoodsDesc>}s, 'row by row');
	my $again = one($answer->content);
	is(problems_of($again), '', 'what was exported can be imported');
	is(exported($again->{id})->content =~ s{<CertNo>[^<]*}{}r, $answer->content =~ s{<CertNo>[^<]*}{}r, 'and exported again is the same, byte for byte');
	is(problems_of(one(message(reversed => 1))), '', 'elements may stand in any order');
	is(problems_of(one("\xef\xbb\xbf" . message())), '', 'a byte order mark is no harm');
	is(said($other->get("/api/origin/documents/$id/exchange.xml")), '404 not_found', 'another enterprise exports nothing of it');
	my $zip = $client->post('/api/origin/exchange/certificate_of_origin/export', { ids => [ $id, $again->{id} ] });
	is($zip->header('Content-Type'), 'application/zip', 'several come as a ZIP');
	my %files = unzip($zip->content);
	is(join(' ', map { valid($_) ? 'valid' : 'not' } values %files), 'valid valid', 'of valid messages');
	is(said($other->post('/api/origin/exchange/certificate_of_origin/export', { ids => [ $id, $again->{id} ] })), '404 not_found', 'of documents that one may see');
}

# ---- who reaches which route: + is let through, - is 401, 403 or 404
{
	my %role = (anonymous => $sw->client, owner => $client, other => $other, office => $office, first => $sw->signed_in('demo_first'), portal => $sw->signed_in('demo_portal'));
	my $id = one(message())->{id};
	my $at = '/api/origin/exchange/certificate_of_origin';
	for my $row ([ POST => "$at/import", '', qw(- + + - - -) ], [ POST => "$at/rows?block=x", '', qw(- + + - - -) ], [ GET => "$at/rows.xlsx?block=x", undef, qw(- + + - - -) ], [ POST => "$at/export", {}, qw(- + + + + -) ],
		[ GET => "$at/schema.xsd", undef, qw(- + + + + -) ], [ GET => "/api/origin/documents/$id/exchange.xml", undef, qw(- + - - - -) ]) {
		my ($method, $path, $data, @cells) = @$row;
		my $sender = lc $method;
		my $got = join ' ', map { $role{$_}->$sender($path, defined $data ? ($data, ref $data ? () : ('Content-Type' => 'text/xml')) : ())->status =~ /^(401|403|404)$/ ? '-' : '+' } qw(anonymous owner other office first portal);
		is($got, join(' ', @cells), "$method $path");
	}
	is(said($role{anonymous}->post("$at/import", message(), 'Content-Type' => 'text/xml', 'X-CSRF-Token' => undef)), '401 unauthenticated', 'nothing comes in without a session');
	is(said($client->post("$at/import", message(), 'Content-Type' => 'text/xml', 'X-CSRF-Token' => undef)) =~ /^403/ ? 1 : 0, 1, 'nor without the token');
}

# ---- submitted, too
{
	my $result = one(message(), draft => 0);
	is("$result->{ok} $result->{state}", '1 PENDING', 'what is complete is submitted when that is asked for');
	$result = one(my $sent = message(head => { Exporter => undef }, goods => [ { GoodsDesc => undef } ]), draft => 0);
	is("$result->{ok} $result->{state}", '1 DRAFT', 'what is not stays a draft');
	is(problems_of($result), line_of($sent, '<CertificateHead>') . ' CertificateHead/Exporter required? | ' . line_of($sent, '<Goods>') . ' CertificateList/Goods[1]/GoodsDesc required?', 'and is told what is missing where');
	is(one(message(head => { InvNo => 'Z' }))->{state}, 'DRAFT', 'else everything is a draft');
	unlike(exported($result->{id})->text, qr/<Exporter>/, 'a draft is exported without what it lacks');
	ok(valid(exported($result->{id})->content), 'and valid');
}

# ---- broken in one way each
{
	my @broken = (
		[ 'a bad date', { head => { InvDate => '2026-02-30' } }, '<InvDate>', 'CertificateHead/InvDate date' ],
		[ 'an unknown code', { head => { DestCountryCode => '9999' } }, '<DestCountryCode>', 'CertificateHead/DestCountryCode unknown_code' ],
		[ 'an unknown port', { head => { LoadPort => 'Atlantis' } }, '<LoadPort>', 'CertificateHead/LoadPort unknown_code' ],
		[ 'an unknown type', { head => { CertType => 'QQ' } }, '<CertType>', 'CertificateHead/CertType unknown_code' ],
		[ 'an unknown trade mode', { head => { TradeModeCode => '1' } }, '<TradeModeCode>', 'CertificateHead/TradeModeCode unknown_value' ],
		[ 'a text longer than the message allows', { head => { InvNo => 'x' x 51 } }, '<InvNo>', 'CertificateHead/InvNo too_long' ],
		[ 'a text longer than we keep', { head => { ContractNo => 'x' x 51 } }, '<ContractNo>', 'CertificateHead/ContractNo too_long' ],
		[ 'Chinese where only ASCII is printed', { head => { AplAdd => '大连' } }, '<AplAdd>', 'CertificateHead/AplAdd characters' ],
		[ 'no number', { head => { FOBValue => '1,000' } }, '<FOBValue>', 'CertificateHead/FOBValue number' ],
		[ 'too many places', { goods => [ { GoodsQty => '1.123456' } ] }, '<GoodsQty>', 'CertificateList/Goods[1]/GoodsQty places' ],
		[ 'pieces that are no whole number', { goods => [ {}, { PackQty => '1.5' } ] }, '<PackQty>1.5', 'CertificateList/Goods[2]/PackQty number' ],
		[ 'a quantity below nothing', { goods => [ {}, { GoodsQty => '-1' } ] }, '<GoodsQty>-1', 'CertificateList/Goods[2]/GoodsQty positive' ],
		[ 'a wrong HS code', { goods => [ {}, { HSCode => '123' } ] }, '<HSCode>123', 'CertificateList/Goods[2]/HSCode tariff_code' ],
		[ 'an amount that is not price by quantity', { goods => [ { InvValue => '1' } ] }, '<InvValue>', 'CertificateList/Goods[1]/InvValue computed' ],
		[ 'a missing element', { head => { InvNo => undef } }, '<CertificateHead>', 'CertificateHead/InvNo required' ],
		[ 'a missing element of the goods', { goods => [ {}, { HSCode => undef } ] }, "<Goods>\n<GNo>2", 'CertificateList/Goods[2]/HSCode required' ],
		[ 'an empty one', { head => { InvNo => ' ' } }, '<InvNo>', 'CertificateHead/InvNo required' ],
		[ 'no promise', { promise => '' }, '<Certificate ', 'AplPromise required' ],
		[ 'another promise', { promise => "<AplPromise>\n<AplPromiseCode>0</AplPromiseCode></AplPromise>" }, '<AplPromiseCode>', 'AplPromise/AplPromiseCode unknown_value' ],
		[ 'an unknown element', { head => { Nonsense => '1' } }, '<Nonsense>', 'CertificateHead/Nonsense unknown_element' ],
		[ 'an unknown group', { more => '<Extra><a/></Extra>' }, '<Extra>', 'Extra unknown_element' ],
		[ 'a group twice', { more => '<CertificateHead/>' }, '<CertificateHead/>', 'CertificateHead repeated' ],
		[ 'a re-issue', { head => { CertStatus => '1' } }, '<CertStatus>', 'CertificateHead/CertStatus not_accepted' ],
		[ 'goods that are not filed', { head => { CertType => 'E', DestCountryCode => '112' }, goods => [ { HSCode => '99999999' } ] }, '<HSCode>', 'CertificateList/Goods[1]/HSCode not_found' ],
		[ 'a criterion for a general certificate', { goods => [ { OriCriteria => 'WO' } ] }, '<OriCriteria>', 'CertificateList/Goods[1]/OriCriteria not_here' ],
		[ 'a row with nothing', { goods => [ {}, { map { $_ => undef } qw(HSCode PackQty PackUnit GoodsQty GoodsUnitE GrossWt NetWt WtUnit InvPrice FOBValue GoodsDesc) } ] }, "<Goods>\n<GNo>2", undef ],
	);
	my (@zip, @expected);
	for my $case (@broken) {
		my ($name, $change, $where, $what) = @$case;
		my $xml = message(%$change);
		push @zip, encode_utf8("$name.xml"), $xml;
		push @expected, [ $name, defined $what ? line_of($xml, $where) . " $what" : undef ];
	}
	my $results = taken(zip(@zip));
	for my $i (0 .. $#expected) {
		my ($name, $problem) = @{ $expected[$i] };
		is($results->[$i]{file}, "$name.xml", "$name: in its file");
		if (defined $problem) { is(problems_of($results->[$i]), $problem, 'is told with line and element') }
		else { ok(!$results->[$i]{ok}, 'is not imported') }
	}
	is(scalar(grep { $_->{id} ne '0' } @$results), 0, 'and nothing of them is stored');
	my ($both) = grep { $_->{file} =~ /a bad date/ } @$results;
	is($both->{problems}[0]{field}, 'basics/invoice_date', 'the field is named, too');
	like($both->{problems}[0]{message}{zh}, qr/2026-09-03/, 'and what to do');
	my $several = one(my $xml = message(head => { InvDate => 'x', Curr => 'XXX', Remark => 'x' x 301 }, goods => [ {}, {}, { GoodsQty => 'many' } ]));
	is(join(' ', sort map { "$_->{element}:$_->{line}" } @{ $several->{problems} }), join(' ', sort map { "$_->[0]:" . line_of($xml, $_->[1]) } [ 'CertificateHead/InvDate', '<InvDate>' ], [ 'CertificateHead/Curr', '<Curr>' ],
		[ 'CertificateHead/Remark', '<Remark>' ], [ 'CertificateList/Goods[3]/GoodsQty', '<GoodsQty>many' ]), 'all that is wrong with a file is told at once');
}

# ---- what is no message, and what attackers send
{
	my $sound = message();
	my $entities = '<!ENTITY a "aaaaaaaaaa">' . join('', map { my $n = chr(97 + $_); my $m = chr(96 + $_); "<!ENTITY $n \"" . "&$m;" x 10 . '">' } 1 .. 9);
	my @cases = (
		[ 'broken XML', $sound =~ s{</InvNo>}{}r, qr/ xml$/ ],
		[ 'cut off', substr($sound, 0, 900), qr/^\d+  xml$/ ],
		[ 'no XML', "%PDF-1.4 nothing\n", qr/^1  xml$/ ],
		[ 'nothing', '', qr/^1  empty_file$/ ],
		[ 'another root', '<Order/>', qr/^1  root$/ ],
		[ 'another namespace', $sound =~ s{http://www.w3.org/2000/09/xmldsig#}{urn:x}r, qr/^2  root$/ ],
		[ 'two roots', $sound . '<Certificate/>', qr/^\d+  xml$/ ],
		[ 'GBK called UTF-8', encode('GBK', decode_utf8($sound)), qr/^\d+  encoding$/ ],
		[ 'GBK that says so', encode('GBK', decode_utf8($sound)) =~ s/UTF-8/GBK/r, qr/^\d+  encoding$/ ],
		[ 'UTF-8 that says GBK', $sound =~ s/UTF-8/GBK/r, qr/ encoding$| xml$/ ],
		[ 'UTF-16', encode('UTF-16', decode_utf8($sound)), qr/^1  encoding$/ ],
		[ 'a document type', $sound =~ s{<Certificate}{<!DOCTYPE Certificate SYSTEM "http://127.0.0.1:1/x.dtd">\n<Certificate}r, qr/^2  document_type$/ ],
		[ 'behind a comment', $sound =~ s{<Certificate}{<!-- <a> -->\n<?x y?><!DOCTYPE Certificate [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<Certificate}r =~ s{INV-1}{&x;}r, qr/^3  document_type$/ ],
		[ 'billion laughs', $sound =~ s{<Certificate}{<!DOCTYPE x [$entities]>\n<Certificate}r =~ s{INV-1}{&j;}r, qr/^2  document_type$/ ],
		[ 'an entity that nobody defined', $sound =~ s{INV-1}{&x;}r, qr/ xml$/ ],
		[ 'ten thousand levels', $sound =~ s{<Note>|<InvNo>}{'<NonpartyCorpList>' . '<a>' x 10000 . '</a>' x 10000 . '</NonpartyCorpList><InvNo>'}er, qr/too_deep|unknown_element|xml/ ],
		[ 'more than 2 MB', $sound =~ s{备注}{}r . ' ' x 2_100_000, qr/^1  too_large$/ ],
		[ 'a control character', $sound =~ s{INV-1}{INV&#1;}r, qr/ xml$/ ],
		[ 'too many goods', message(goods => [ ({}) x 101 ]), qr/too_many_rows/ ],
	);
	my $results = taken(zip(map { ("$_->[0].xml", $_->[1]) } @cases));
	like(problems_of($results->[$_]), $cases[$_][2], "$cases[$_][0] is refused with its place") for 0 .. $#cases;
	unlike(join(' ', map { problems_of($_) } @$results), qr/root:/, 'and nothing from this machine is in the words');

	my $files = count_of('import_file');
	is(said(import_of($client, '')), '422 empty_file', 'nothing is no import');
	is(said(import_of($client, zip())), '422 empty_zip', 'nor is an empty ZIP');
	is(said(import_of($client, substr(zip('a.xml', $sound), 0, -30))), '422 zip', 'nor half a ZIP');
	is(said(import_of($client, zip('a.xml', $sound) =~ s/(.{60}).{40}/$1 . 'x' x 40/ers)), '422 zip', 'nor one whose bytes are not what its checksum says');
	is(said(import_of($client, zip(map { ("$_.xml", 'x') } 1 .. 1001))), '422 too_many_files', 'a thousand files are enough');
	is(said(import_of($client, zip(map { ("$_.xml", '0' x 2_000_000) } 1 .. 40))), '413 zip_too_large', 'and 64 MB unpacked');
	is(import_of($client, 'x' x (21 << 20))->status, 413, 'and 20 MB packed');
	is(count_of('import_file'), $files, 'of all that nothing is stored');
	my $bomb = taken(zip('bomb.xml', '<Certificate>' . ' ' x 60_000_000));
	is(problems_of($bomb->[0]), '1  too_large', 'what would be large is not unpacked');
	my $tricks = taken(zip('../../../../etc/passwd', $sound, '/absolute.xml', $sound, "C:\\windows\\x.xml", $sound, encode('GBK', '证书.xml'), $sound, "bad\r\nname\x01.xml", $sound, 'folder/', '', 'x' x 300 . '.xml', $sound));
	is(scalar(grep { $_->{ok} } @$tricks), 6, 'names are names only');
	is($tricks->[3]{file}, '证书.xml', 'also those that Chinese Windows wrote');
	unlike($tricks->[4]{file}, qr/[\x00-\x1f]/, 'without control characters');
	is(length $tricks->[5]{file}, 200, 'and not without end');
}

# ---- jobs are their owner's; the same request twice is one import
{
	my %key = (headers => { 'Idempotency-Key' => 'import-1' });
	my $first = import_of($client, message(), %key);
	my $job = $first->json->{job};
	finished($client, $first);
	is(import_of($client, message(), %key)->json->{job}, $job, 'sent again with its key it is the same import');
	is(said(import_of($client, message(head => { InvNo => 'other' }), %key)), '422 idempotency_key_reused', 'another file under that key is refused');
	is(said($operator->get("/api/origin/jobs/$job")), '404 not_found', "a colleague does not see somebody else's job");
	is(said($other->get("/api/origin/jobs/$job")), '404 not_found', 'nor another enterprise');
}

# ---- files for certificates
{
	my $pdf = "%PDF-1.4\ntest\n%%EOF\n";
	my $file = sub { my (%change) = @_; my %m = (CertNo => 'C9', CertType => 'C', FileType => '1', FileName => '发票.pdf', DocType => 'pdf', FileContent => encode_base64($pdf), IsDelay => '0', %change); return encode_utf8('<File>' . join('', map { defined $m{$_} ? "\n<$_>$m{$_}</$_>" : () } sort keys %m) . "\n</File>") };
	my $results = taken(zip('1.xml', $file->(), '2.xml', message(head => { CertNo => 'C9' }), '3.xml', $file->(FileType => '4', FileName => '../x.pdf'), '4.xml', $file->(FileType => '99'), '5.xml', $file->(CertNo => 'C8'), '6.xml', $file->(FileContent => '!!!'),
		'7.xml', $file->(FileType => '5', FileContent => encode_base64('<script>')), '8.xml', $file->(), '9.xml', $file->(CertNo => undef)), draft => 0);
	is(join(' ', map { $_->{ok} ? 1 : 0 } @$results), '1 1 1 0 0 0 0 0 0', 'files come to their certificate, whichever stands first');
	is($results->[0]{id}, $results->[1]{id}, 'and tell which it was');
	is($results->[1]{state}, 'PENDING', 'which is submitted when they are there');
	my $document = document_of($client, 'origin', $results->[1]{id});
	is(join(' ', map { "$_->{type}:$_->{file_name}" } @{ $document->{attachments} }), '1:发票.pdf 4:x.pdf', 'by their types and names');
	is($client->get("/api/origin/attachments/$document->{attachments}[0]{id}")->content, $pdf, 'with their bytes');
	is(join(' ', map { $_->{problems}[0]{rule} } @$results[3 .. 8]), 'attachment_type no_document base64 file_type attachment_exists required', 'others say why not');
}

# ---- 500 at once, ten of them broken, the program killed on the way
{
	my %broken = map { $_ * 49 + 7 => 1 } 0 .. 9;
	my @zip = map { (sprintf('%03d.xml', $_), message(head => { CertNo => "N$_", InvNo => "BULK-$_", ($broken{$_} ? (InvDate => '2026-13-01') : ()) })) } 0 .. 499;
	my $before = count_of("document WHERE form = 'certificate_of_origin'");
	my $answer = import_of($client, zip(@zip), draft => 0);
	is($answer->status . ' ' . $answer->json->{files}, '202 500', '500 files are taken');
	my ($job, @seen, $killed) = ($answer->json->{job});
	for (1 .. 1200) {
		my $state = $client->get("/api/origin/jobs/$job");
		if ($state->ok) {
			my $json = $state->json;
			push @seen, $json->{read} // $json->{done};
			last if $json->{state} eq 'done';
			if (!$killed && count_of("document WHERE form = 'certificate_of_origin'") > $before + 100) {
				$killed = $sw->kill('origin', 'KILL');
				$sw->sql('origin', 'UPDATE job SET lease = 0');    # half a minute passes
				$sw->wait_for('origin', not => $killed);
			}
		}
		select undef, undef, undef, 0.1;
	}
	ok($killed, 'the program was killed half-way');
	ok(scalar(grep { $_ > 0 && $_ < 500 } @seen), 'progress is seen');
	my $results = $client->get("/api/origin/jobs/$job")->json->{results};
	is(scalar @$results, 500, 'in the end every file has its result');
	is(scalar(grep { $_->{ok} } @$results), 490, '490 are in');
	is(scalar(grep { $_->{ok} && $_->{state} eq 'PENDING' } @$results), 490, 'and submitted');
	is(join(' ', map { $_->{file} } grep { !$_->{ok} } @$results), join(' ', map { sprintf '%03d.xml', $_ } sort { $a <=> $b } keys %broken), 'ten are not, by name');
	my $xml = message(head => { InvDate => '2026-13-01' });
	is(join(' ', map { problems_of($_) } grep { !$_->{ok} } @$results), join(' ', (line_of($xml, '<InvDate>') . ' CertificateHead/InvDate date') x 10), 'each with its line and element');
	is(count_of("document WHERE form = 'certificate_of_origin'") - $before, 490, 'nothing is lost and nothing there twice');
	is($sw->sql('origin', "SELECT count(*) FROM (SELECT reference_no FROM document WHERE reference_no LIKE 'BULK-%' GROUP BY reference_no HAVING count(*) > 1) AS twice") =~ s/\s//gr, '0', 'no invoice twice');
	my %ids = map { $_->{id} => 1 } grep { $_->{ok} } @$results;
	is(scalar keys %ids, 490, 'each file has its own document');
	my $zip = $client->post('/api/origin/exchange/certificate_of_origin/export', { ids => [ keys %ids ] });
	my %files = unzip($zip->content);
	is(scalar keys %files, 490, 'exported together they are 490 files');
	is(scalar(grep { !valid($_) } (values %files)[0 .. 9]), 0, 'valid ones');
	is($sw->sql('origin', "SELECT sum(length(bytes)) > 0 FROM import_file") =~ s/\s//gr =~ s/t/1/r, '1', 'the files are still there');
	$sw->clock('2026-09-04T10:10:00+08:00');
	ok(wait_until(sub { count_of('import_file') == 0 }, 30), 'a day later they are gone');
}
$client->sign_in('demo_admin', $sw->password('demo_admin')) if $client->get('/api/origin/documents')->status == 401;

# ---- goods lines from spreadsheets
{
	my $rows = sub {
		my ($bytes, %query) = @_;
		my %all = (block => 'goods', variant => 'general', %query);
		return $client->post('/api/origin/exchange/certificate_of_origin/rows?' . join('&', map { "$_=$all{$_}" } sort keys %all), $bytes, 'Content-Type' => 'application/octet-stream');
	};
	my $told = sub { my ($answer) = @_; return join ' | ', map { "$_->{row}$_->{column} $_->{rule}" } @{ $answer->json->{problems} } };
	my $csv = "商品HS编码*,货物描述,数量,Unit,item_price,加工工序\r\n02042200,\"TEN,\nCARTONS\",1000.50000,KGS,5.5,none 无需申报\r\n※ 说明,,,,,\r\n020422,SECOND,2,PCS,1,none\r\n";
	my $expected = [ { item_hs => '02042200', goods_description => "TEN,\nCARTONS", item_qty => '1000.5', item_unit => 'KGS', item_price => '5.5', processing => 'none' },
		{ item_hs => '020422', goods_description => 'SECOND', item_qty => '2', item_unit => 'PCS', item_price => '1', processing => 'none' } ];
	my $answer = $rows->(encode_utf8($csv));
	is_deeply($answer->json->{rows}, $expected, 'CSV in UTF-8 becomes rows') or diag($answer->text);
	is($told->($answer), '', 'without problems');
	is_deeply($rows->("\xef\xbb\xbf" . encode_utf8($csv))->json->{rows}, $expected, 'with a byte order mark, too');
	is_deeply($rows->(encode('GBK', $csv =~ s/※/##/r =~ s/^##.*\n//mr))->json->{rows}, $expected, 'and in GB18030');
	my $book = xlsx([ '商品HS编码', '货物描述', '数量', '单位', '单价', '加工工序', '件数' ], [ '※ 说明' ], [ '02042200', \"TEN,\nCARTONS", [ '1000.5' ], 'KGS', [ '5.4999999999999999' ], '无需申报', undef ],
		[], [ [ '20422', 0 ], 'SECOND', [ '2' ], 'PCS', { f => 'A1*2', v => '1' }, 'none', { f => 'SUM(A1)', v => '1E1' } ]);
	$answer = $rows->($book);
	is_deeply($answer->json->{rows}, [ $expected->[0], { %{ $expected->[1] }, item_hs => '20422', packages => 10 } ], 'XLSX becomes rows: shared and inline strings, numbers, formulas by their results') or diag($answer->text);
	is($told->($answer), '5A tariff_code', 'a number that lost its zero is told by row and column');
	$answer = $rows->(xlsx([ '商品HS编码', '数量', '怪列', '货物描述' ], [ '123', 'viel', 'x', undef ], [ { f => '1/0', v => '#DIV/0!', t => 'e' }, { f => 'B1' }, undef, '=cmd|x' ]));
	is(join(' | ', sort grep { !/required/ } split / \| /, $told->($answer)), '1C unknown_column | 2A tariff_code | 2B number | 3A formula | 3B formula', 'problems say row and column');
	like($told->($answer), qr/2D required/, 'also of what is missing');
	is($answer->json->{rows}[1]{goods_description}, '=cmd|x', 'a text that looks like a formula stays a text');
	is(said($rows->(encode_utf8($csv), block => 'basics')), '422 block block', 'only blocks of rows are read');
	is(said($rows->(encode_utf8($csv), variant => 'x')), '422 variant variant', 'of a known kind');
	is(said($rows->('')), '422 empty_file', 'nothing is no table');
	is(said($rows->("\xff\xfe\x00")), '422 encoding', 'nor are other bytes');
	is(said($rows->(zip('a.txt', 'x'))), '422 xlsx', 'nor is any ZIP');
	is(said($rows->(zip('xl/workbook.xml', '<!DOCTYPE x [<!ENTITY a "b">]><workbook/>'))), '422 xlsx', 'nor one with entities');
	is(said($rows->("HS\n" . "1\n" x 1500)), '422 too_many_rows', 'a thousand rows are enough');
	is(said($sw->signed_in('demo_ccpit')->post('/api/origin/exchange/certificate_of_origin/rows?block=goods&variant=general', 'x', 'Content-Type' => 'text/csv')), '403 forbidden', 'officers enter nothing');

	my $preferential = $rows->(encode_utf8("备案商品,原产标准,数量\n02042200,WO,1\n02042200,完全获得或生产,2\n99,WO,3\n"), variant => 'preferential', certificate_type => 'E');
	is($preferential->json->{rows}[0]{filed_ref}, $filed->{E}, 'filed goods are found by their code');
	is($preferential->json->{rows}[1]{origin_criterion}, 'E-WO', 'codes that depend on the head are read by its value') or diag($preferential->text);
	like($told->($preferential), qr/4A not_found/, 'goods that are not filed are told');

	my $empty = $client->get('/api/origin/exchange/certificate_of_origin/rows.xlsx', { block => 'goods', variant => 'general' });
	is($empty->status, 200, 'there is an empty sheet');
	my %parts = unzip($empty->content);
	like($parts{'xl/worksheets/sheet1.xml'}, qr/dataValidation [^>]*type="list"/, 'with drop-down lists');
	like(decode_utf8($parts{'xl/sharedStrings.xml'}), qr/商品HS编码\*/, 'and heads');
	is_deeply($rows->($empty->content)->json, { rows => [], problems => [] }, 'which reads as no rows: the explanation is passed over');
}

done_testing;
