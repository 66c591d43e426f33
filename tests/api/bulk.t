#!/usr/bin/perl
# Documents in bulk: 500 with ten broken ones as JSON, as XML and as a workbook, the program killed half-way: each good one is made once, each
# broken one says its field, nothing else. And what is refused as a whole.
use strict;
use warnings;
use utf8;
use Encode qw(encode_utf8);
use IO::Compress::Zip qw($ZipError);
use JSON::PP ();
use Test::More;

use SingleWindow::Exchange qw(unzip zip);
use SingleWindow::Export;
use SingleWindow::Instance;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $sw = SingleWindow::Instance->start;
my $admin = $sw->signed_in('demo_admin');
my $key = $admin->post('/api/account/api-keys', { name => 'ERP', rights => { export => [qw(view edit submit)] }, expires => '2027-01-01', per_minute => 6000 })->json->{key};
my $json = JSON::PP->new->utf8->canonical;

sub call { my ($method, $path, $data, %header) = @_; return $sw->client->request($method, "/api/export/$path", $data, 'Authorization' => "Bearer $key", 'X-CSRF-Token' => undef, %header) }
sub bulk { my ($bytes, $query, %header) = @_; return call('POST', 'bulk/export_licence' . ($query // ''), $bytes, 'Content-Type' => 'application/octet-stream', %header) }
sub finished {
	my ($answer) = @_;
	die $answer->status . ' ' . $answer->text unless $answer->status == 202;
	my $job;
	wait_until(sub { my $got = call('GET', 'jobs/' . $answer->json->{job}); $got->ok && ($job = $got->json)->{state} eq 'done' }, 120) or die 'the job is not finished';
	return $job;
}
my $documents = sub { $sw->sql('export', 'SELECT count(*) FROM document') + 0 };

# ---- the same bodies in three shapes

sub camel { return join '', map { ucfirst } split /_/, $_[0] }
sub escaped { my ($text) = @_; return $text =~ s/&/&amp;/gr =~ s/</&lt;/gr }
sub plain { my ($value) = @_; return JSON::PP::is_bool($value) ? ($value ? 'true' : 'false') : $value }

sub as_xml {
	my ($body) = @_;
	my $fields = sub { my ($row) = @_; join '', map { '<' . camel($_) . '>' . escaped(plain($row->{$_})) . '</' . camel($_) . '>' } grep { !ref $row->{$_} || JSON::PP::is_bool($row->{$_}) } sort keys %$row };
	my $xml = '<ExportLicenceApply xmlns="urn:singlewindow:export_licence" version="1">';
	for my $block (qw(base goods specs other)) {
		my $value = $body->{$block};
		$xml .= '<' . camel($block) . '>' . ($value->{rows} ? '<' . camel($value->{variant}) . '>' . join('', map { '<Row>' . $fields->($_) . '</Row>' } @{ $value->{rows} }) . '</' . camel($value->{variant}) . '>' : $fields->($value)) . '</' . camel($block) . '>';
	}
	return $xml . '</ExportLicenceApply>';
}

sub letters { my ($n) = @_; return $n < 26 ? chr(65 + $n) : chr(64 + int($n / 26)) . chr(65 + $n % 26) }
sub workbook {
	my (%sheets) = @_;
	my $main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
	my $relations = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
	my (@parts, $list, $related, $number);
	for my $name (sort keys %sheets) {
		$number++;
		my ($row, $data) = (0, '');
		for my $cells (@{ $sheets{$name} }) {
			my $column = 0;
			$row++;
			$data .= "<row r=\"$row\">" . join('', map { my $at = letters($column++) . $row; defined $_ ? "<c r=\"$at\" t=\"inlineStr\"><is><t>" . escaped($_) . '</t></is></c>' : '' } @$cells) . '</row>';
		}
		push @parts, "xl/worksheets/sheet$number.xml" => encode_utf8("<worksheet $main><sheetData>$data</sheetData></worksheet>");
		$list .= qq{<sheet name="$name" sheetId="$number" r:id="rId$number"/>};
		$related .= qq{<Relationship Id="rId$number" Type="$relations/worksheet" Target="worksheets/sheet$number.xml"/>};
	}
	return zip('xl/workbook.xml' => encode_utf8(qq{<workbook $main xmlns:r="$relations"><sheets>$list</sheets></workbook>}),
		'xl/_rels/workbook.xml.rels' => qq{<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">$related</Relationships>}, @parts);
}
sub as_workbook {
	my (@bodies) = @_;
	my %sheets;
	for my $block (qw(base goods specs other)) {
		my (%names, @rows);
		for my $body (@bodies) { $names{$_} = 1 for map { keys %$_ } $body->{$block}{rows} ? @{ $body->{$block}{rows} } : $body->{$block} }
		my @names = sort keys %names;
		my $variants = $bodies[0]{$block}{variant};
		for my $n (0 .. $#bodies) { push @rows, map { my $row = $_; [ 'D' . ($n + 1), $variants ? $bodies[$n]{$block}{variant} : (), map { plain($row->{$_}) } @names ] } $bodies[$n]{$block}{rows} ? @{ $bodies[$n]{$block}{rows} } : $bodies[$n]{$block} }
		$sheets{$block} = [ [ 'document', $variants ? 'variant' : (), @names ], [ '※ explained' ], @rows ];
	}
	return workbook(%sheets);
}

my %broken = (7 => [ base => contract_sign_date => '2026-02-30' ], 50 => [ base => year => 'soon' ], 99 => [ goods => hs_code => 'nothing' ], 150 => [ base => contract_no => 'x' x 60 ], 151 => [ base => contract_total_qty => 'many' ],
	222 => [ base => import_country => 'ZZZ' ], 300 => [ other => one_batch_one_licence => 'perhaps' ], 333 => [ base => consignor_name => '名' x 200 ], 444 => [ base => contract_total_amount => '1.23456' ], 500 => [ base => contract_valid_date => 'never' ]);
sub bodies {
	my ($mark) = @_;
	return map {
		my $n = $_;
		my $body = body(base => { contract_no => "$mark-$n" }, specs => { variant => 'ordinary', rows => [ map { { spec => "9$_%", unit_price => '11.11', qty => '11' } } 1 .. 2 ] });
		$body->{ $broken{$n}[0] }{ $broken{$n}[1] } = $broken{$n}[2] if $broken{$n};
		$body;
	} 1 .. 500;
}

my %shape = (
	JSON => sub { $json->encode([@_]) },
	XML => sub { encode_utf8('<?xml version="1.0" encoding="UTF-8"?>' . "\n<Documents>\n" . join("\n", map { as_xml($_) } @_) . "\n</Documents>\n") },
	XLSX => \&as_workbook,
);
# Each new document takes its time, in the database: whoever kills the program has time to do it half-way.
sub slow {
	my ($slow) = @_;
	if ($sw->database eq 'postgresql') {
		$sw->sql('export', $slow ? "CREATE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END'; "
			. 'CREATE TRIGGER test_slow AFTER INSERT ON document FOR EACH ROW EXECUTE FUNCTION test_slow()' : 'DROP TRIGGER test_slow ON document; DROP FUNCTION test_slow()');
	} else {
		$sw->sql('export', $slow ? 'CREATE TRIGGER test_slow AFTER INSERT ON document BEGIN SELECT count(*) FROM sqlite_schema a, sqlite_schema b, sqlite_schema c; END' : 'DROP TRIGGER test_slow');
	}
	return;
}

my %first;
for my $name (qw(JSON XML XLSX)) {
	my $bytes = $shape{$name}->(bodies($name));
	my $before = $documents->();
	slow(1);
	my $answer = bulk($bytes, '', 'Idempotency-Key' => "bulk-$name");
	is($answer->status, 202, "$name: taken") or diag $answer->text;
	is($answer->json->{documents}, 500, "$name: with all documents");
	wait_until(sub { $documents->() > $before }, 60);
	my $killed = $sw->kill('export');
	my $made = $documents->() - $before;
	ok($made > 0 && $made < 490, "$name: the program is killed half-way") or diag "$made were made";
	slow(0);
	$sw->sql('export', 'UPDATE job SET lease = 0');    # half a minute passes
	$sw->wait_for('export', not => $killed);
	my $job = finished($answer);
	is($job->{total} . ' ' . $job->{done}, '500 500', "$name: it goes on and finishes");
	my @bad = grep { !$_->{ok} } @{ $job->{results} };
	my $prefix = $name eq 'XLSX' ? 'D' : '';
	is_deeply([ map { $_->{row} } @bad ], [ map { "$prefix$_" } sort { $a <=> $b } keys %broken ], "$name: the ten broken ones are refused");
	is_deeply([ map { my $result = $_; my ($n) = $result->{row} =~ /(\d+)/; (grep { $_->{field} eq "$broken{$n}[0]/$broken{$n}[1]" && $_->{level} eq 'error' && $_->{message}{zh} =~ /\p{Han}/ } @{ $result->{problems} }) ? 1 : 0 } @bad ], [ (1) x 10 ], "$name: each with its field");
	is($documents->() - $before, 490, "$name: all others are made, once");
	is($sw->sql('export', "SELECT count(DISTINCT contract_no) FROM document WHERE contract_no LIKE '$name-%'") + 0, 490, "$name: each of them");
	is(bulk($bytes, '', 'Idempotency-Key' => "bulk-$name")->json->{job}, $answer->json->{job}, "$name: sent again it is the same job");
	is($documents->() - $before, 490, "$name: which makes nothing");
	$first{$name} = call('GET', 'documents/' . $job->{results}[0]{id})->json->{body};
	$first{$name}{base}{contract_no} = 'same';
}
is_deeply($first{XML}, $first{JSON}, 'XML makes the same document as JSON');
is_deeply($first{XLSX}, $first{JSON}, 'and so does a workbook');

# ---- a document's own XML, the template

my $round = finished(bulk(call('GET', 'documents/' . $sw->sql('export', "SELECT id FROM document WHERE contract_no = 'XML-1'") =~ s/\s//gr . '/xml')->content));
ok($round->{results}[0]{ok}, 'the XML of a document makes another') or diag $json->encode($round);
my %template = unzip(call('GET', 'bulk/export_licence/template.xlsx')->content);
like(join('', values %template), qr/hs_code.*unit_price/s, 'the template has the fields');
like($template{'xl/workbook.xml'}, qr/name="base".*name="goods".*name="specs"/s, 'a sheet for each part');

# ---- submitting

my @two = map { $json->decode($json->encode($_)) } (bodies('S'))[ 0, 1 ];
$two[1]{specs}{rows} = [];
my $submitted = finished(bulk($json->encode(\@two), '?draft=0'));
is_deeply([ map { $_->{ok} ? 1 : 0 } @{ $submitted->{results} } ], [ 1, 1 ], 'what is not complete is made all the same');
is(scalar(grep { $_->{level} eq 'warning' } map { @{ $_->{problems} } } @{ $submitted->{results} }) >= 2, 1, '... and a warning says what keeps it from being submitted');

# ---- a ZIP: files of documents, with attachments beside them

my $plain = $json->encode([ body(base => { contract_no => 'ZIP-1' }) ]);
my $used = $json->encode([ body(base => { contract_no => 'ZIP-2' }, goods => { hs_code => '8703235910', vehicle_kind => 'used' }, specs => { variant => 'used', rows => [ map { { vehicle_model => "M$_", vehicle_brand => 'B' } } 1, 2 ] }) ]);
my $both = encode_utf8('<All>' . as_xml(body(base => { contract_no => 'ZIP-3' })) . as_xml(body(base => { contract_no => 'ZIP-4' })) . '</All>');
my $packed = finished(bulk(zip('合同1.json' => $plain, '合同1.01.pdf' => pdf(), 'cars.json' => $used, 'cars.01.pdf' => pdf(), 'cars.19.specs.2.PDF' => pdf('second'), 'cars.19.specs.3.pdf' => pdf(), 'cars.77.pdf' => pdf(), 'both.xml' => $both), '?draft=0'));
my %packed = map { $_->{row} => $_ } @{ $packed->{results} };
is_deeply([ sort keys %packed ], [ sort '合同1.json/1', '合同1.01.pdf', 'cars.json/1', 'cars.01.pdf', 'cars.19.specs.2.PDF', 'cars.19.specs.3.pdf', 'cars.77.pdf', 'both.xml/1', 'both.xml/2' ], 'ZIP: each document and each attachment has its result, by its name');
is($packed{'合同1.json/1'}{state}, 'PENDING_FIRST', 'with its attachment a document is complete, and submitted');
is($packed{'both.xml/1'}{state}, 'DRAFT', 'without it is not');
ok((grep { $_->{field} eq 'attachment/01' && $_->{level} eq 'warning' } @{ $packed{'both.xml/2'}{problems} }), 'which a warning says');
my $cars = call('GET', "documents/$packed{'cars.json/1'}{id}")->json;
is_deeply([ map { "$_->{type} $_->{block} $_->{row_id} $_->{file_name}" } sort { $a->{type} cmp $b->{type} } @{ $cars->{attachments} } ],
	[ '01  0 cars.01.pdf', "19 specs $cars->{body}{specs}{rows}[1]{row_id} cars.19.specs.2.PDF" ], 'an attachment of a row is that row\'s');
is_deeply([ map { my $r = $packed{$_}; "$r->{problems}[0]{rule} $r->{problems}[0]{level} " . ($r->{ok} ? 1 : 0) } 'cars.19.specs.3.pdf', 'cars.77.pdf' ], [ 'no_row error 0', 'attachment_type error 0' ], 'what has no place is refused on its own');

# ---- problems of the text, at their place

my $odd = finished(bulk(encode_utf8('<All>' . as_xml(body()) =~ s{<Base>}{<Base><Nonsense>1</Nonsense>}r . '<Other/>' . as_xml(body()) =~ s/version="1"/version="9"/r . '</All>')));
is_deeply([ map { my $r = $_; join ' ', map { "$_->{field}:$_->{rule}" } $r->{problems}[0] } @{ $odd->{results} } ], [ 'base/Nonsense:unknown_element', 'Other:unknown_element', ':version' ], 'XML: unknown elements and another version');
my $columns = finished(bulk(workbook(base => [ [ 'document', 'year', 'nonsense' ], [ 1, 2026, 'x' ], [ 2, 2026 ] ], goods => [ [ 'd', 'hs_code' ], [ 2, '2833110000' ], [ 2, '2833110000' ] ])));
is_deeply([ map { my $r = $_; join ' ', map { "$_->{field}:$_->{rule}" } grep { $_->{level} eq 'error' } @{ $r->{problems} } } @{ $columns->{results} } ], [ 'base/nonsense:unknown_column', 'goods:repeated' ], 'a workbook: unknown columns, a second row');
is_deeply([ map { $_->{ok} ? 1 : 0 } @{ finished(bulk('[{"base":{"year":2026}}, 5, {"base":{"year":2026}}]'))->{results} } ], [ 1, 0, 1 ], 'JSON: what is no object');

# ---- refused as a whole, and nothing made

my $before = $documents->() . ' ' . $sw->sql('export', 'SELECT count(*) FROM job');
my %files = (
	unknown_file => [ 'a.json' => $plain, 'a.exe' => 'MZ' ], attachment_of_nothing => [ 'a.json' => $plain, 'b.01.pdf' => pdf() ], attachment_of_several => [ 'a.xml' => $both, 'a.01.pdf' => pdf() ],
	attachment_name => [ 'a.json' => $plain, 'a.01.specs.pdf' => pdf() ], same_name => [ 'a.json' => $plain, 'a.xml' => $both ], xml => [ 'a.json' => $plain, 'b.xml' => '<a><b>' ], file_too_large => [ 'a.json' => ' ' x (8 << 20) . '[]' ],
	bulk_format => [ 'a.xml' => 'hello' ], document_type => [ 'a.xml' => '<!DOCTYPE a><a/>' ], xlsx => [ 'a.xlsx' => zip('b.json' => $plain) ], no_documents => [ 'a.json' => '[]' ],
);
my %whole = (
	(map { ("422 $_ " => zip(@{ $files{$_} })) } keys %files),
	'422 bulk_format' => 'hello', '400 malformed' => '[{"base":', '422 no_documents' => '[]', '422 xml' => '<a><b>', '422 document_type' => '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a><ExportLicenceApply>&e;</ExportLicenceApply></a>',
	'422 too_many_documents' => '[' . join(',', ('{}') x 1001) . ']', '422 xlsx' => zip('xl/workbook.xml' => '<workbook/>'), '422 unknown_sheet' => workbook(whatever => [ ['x'], [1] ]), '422 no_document_of_row' => workbook(base => [ [ 'd', 'year' ], [ undef, '2026' ] ]),
);
for my $wanted (sort keys %whole) {
	my $answer = bulk($whole{$wanted});
	my ($type) = $answer->json->{type} =~ m{([^/]*)$};
	my ($status, $name) = split / /, $wanted;
	like($answer->json->{message}{en}, qr/^[ab]\.\S+: /, "... by the file's name") if $wanted =~ / $/;
	is($answer->status, $status, "refused: $wanted");
	is($type, $name, '... by name') unless $status == 400;
}
is(call('POST', 'bulk/nothing', '[{}]', 'Content-Type' => 'application/json')->status, 404, 'an unknown form');
my $bomb = '<a>' . '<ExportLicenceApply><Base>' . '<X/>' x 200_000 . '</Base></ExportLicenceApply></a>';
is(scalar @{ finished(bulk($bomb))->{results} }, 1, 'a mass of elements is looked at and refused');
$before =~ s/(\d+)\s*$/$1 + 1/e;
is($documents->() . ' ' . $sw->sql('export', 'SELECT count(*) FROM job') =~ s/\s*$//r, $before =~ s/\s*$//r, 'nothing is made by any of these');

done_testing();
