package SingleWindow::Exchange;
# What tests of imports and exports share: messages of the certificate client, ZIP files, spreadsheets.
use strict;
use warnings;
use utf8;
use Encode qw(encode_utf8);
use Exporter 'import';
use IO::Compress::Zip qw($ZipError);
use IO::Uncompress::Unzip qw($UnzipError);

our @EXPORT = qw(message zip unzip xlsx line_of import_of finished);

my %HEAD = (CertNo => 'C260001', ApplyType => '0', CertStatus => '0', CertType => 'C', ApplName => '王签证', AplAdd => 'DALIAN', InvDate => '2026-09-01', InvNo => 'INV-1',
	AplDate => '2026-09-03', DestCountryCode => '502', Exporter => 'SIGNATURE TEST CO., LTD.', Consignee => 'BUYER <LTD> & "SONS"', GoodsSpecClause => 'CLAUSE', LoadPort => 'Dalian',
	UnloadPort => 'Jakarta, Java', TransMeans => 'Sea', TransName => 'EVER DEMO V.001', TransPort => 'Shanghai', TransDetails => 'FROM DALIAN TO JAKARTA BY SEA', IntendExpDate => '2026-09-05', TradeModeCode => '0110',
	FOBValue => '5500.5', TotalAmt => '5600', ContractNo => 'HT-1', LcNo => 'LC-1', PriceTerms => 'FOB', Curr => 'USD', Remark => '备注', Producer => 'SAME', EntryId => '310120260000000001');
my %GOODS = (HSCode => '02042200', PackQty => '10', PackUnit => 'CARTONS', GoodsQty => '1000.12345', GoodsUnitE => 'KGS', GrossWt => '1050', NetWt => '1000.5', WtUnit => 'KGS',
	InvPrice => '5.5', FOBValue => '5500', GoodsDesc => "TEN CARTONS\nOF MUTTON");
my @HEAD = qw(CertNo ApplyType CertStatus CertType EntMgrNo CiqRegNo AplRegNo EtpsName ApplName Applicant ApplTel OrgCode FetchPlace AplAdd InvDate InvNo AplDate DestCountry DestCountryCode DestCountryName
	Exporter Consignee GoodsSpecClause Mark LoadPort UnloadPort TransMeans TransName TransCountryCode TransPort DestPort TransDetails IntendExpDate TradeModeCode FOBValue TotalAmt Note ContractNo LcNo
	SpecInvTerms PriceTerms Curr Remark ProducerSertFlag ExhibitFlag ThirdPartyInvFlag PredictFlag ExpDeclDate OriCountryCode EtpsConcEr EtpsTel Producer PrcsAssembly EntryId);
my @GOODS = qw(GNo HSCode GoodsName GoodsNameE PackQty PackUnit GoodsQty GoodsUnit GoodsUnitE GoodsQtyRef GoodsUnitRef GrossWt NetWt WtUnit InvPrice InvValue FOBValue ICompPrpr OriCriteria OriCriteriaRef
	OriCriteriaSub Producer GoodsDesc GoodsOriginCountry InvNo PackType);

sub escaped { my ($text) = @_; return $text =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr }
sub elements { my ($order, $values) = @_; return join '', map { defined $values->{$_} ? "<$_>" . escaped($values->{$_}) . "</$_>\n" : () } @$order }

# A message, each element on a line of its own; head => {...}, goods => [{...}, ...] change or (undef) leave out, more => XML at the end.
sub message {
	my (%change) = @_;
	my %head = (%HEAD, %{ $change{head} // {} });
	my @goods = @{ $change{goods} // [ {} ] };
	my @head = (@HEAD, sort grep { my $name = $_; !grep { $_ eq $name } @HEAD } keys %head);
	@head = reverse @head if $change{reversed};
	return encode_utf8(qq{<?xml version="1.0" encoding="UTF-8"?>\n<Certificate xmlns="http://www.w3.org/2000/09/xmldsig#">\n<CertificateHead>\n} . elements(\@head, \%head) . "</CertificateHead>\n<CertificateList>\n"
		. join('', map { my $n = $_; my %line = (%GOODS, GNo => $n + 1, %{ $goods[$n] }); "<Goods>\n" . elements([ @GOODS, grep { my $name = $_; !grep { $_ eq $name } @GOODS } sort keys %line ], \%line) . "</Goods>\n" } 0 .. $#goods)
		. "</CertificateList>\n" . ($change{more} // '') . ($change{promise} // "<AplPromise>\n<AplPromiseCode>1</AplPromiseCode>\n</AplPromise>\n") . "</Certificate>\n");
}

# The line on which a text stands.
sub line_of { my ($xml, $text) = @_; return 1 + (substr($xml, 0, index($xml, $text)) =~ tr/\n//) }

# name => bytes, ... as a ZIP.
sub zip {
	my (@files) = @_;
	my ($bytes, $zip) = ('');
	while (my ($name, $content) = splice @files, 0, 2) {
		if ($zip) { $zip->newStream(Name => $name) } else { $zip = IO::Compress::Zip->new(\$bytes, Name => $name) or die $ZipError }
		$zip->print($content);
	}
	return "PK\x05\x06" . "\0" x 18 unless $zip;
	$zip->close;
	return $bytes;
}

# (name, bytes, ...) of a ZIP.
sub unzip {
	my ($bytes) = @_;
	my @files;
	my $unzip = IO::Uncompress::Unzip->new(\$bytes) or die $UnzipError;
	for (my $status = 1; $status > 0; $status = $unzip->nextStream) {
		my ($content, $piece) = ('');
		$content .= $piece while $unzip->read($piece) > 0;
		push @files, $unzip->getHeaderInfo->{Name}, $content;
	}
	return @files;
}

# A workbook of one sheet: rows of cells. A cell is a text (shared string), \"text" inline, [ number, style ] or { f => formula, v => value }.
sub xlsx {
	my (@rows) = @_;
	my (@strings, $sheet, $row);
	for my $cells (@rows) {
		my $column = 0;
		$sheet .= '<row r="' . ++$row . '">';
		for my $cell (@$cells) {
			my $at = 'r="' . chr(65 + $column++) . $row . '"';
			next unless defined $cell;
			if (ref $cell eq 'SCALAR') { $sheet .= "<c $at t=\"inlineStr\"><is><t>" . escaped($$cell) . '</t></is></c>' }
			elsif (ref $cell eq 'ARRAY') { $sheet .= "<c $at" . (defined $cell->[1] ? " s=\"$cell->[1]\"" : '') . "><v>$cell->[0]</v></c>" }
			elsif (ref $cell eq 'HASH') { $sheet .= "<c $at" . ($cell->{t} ? " t=\"$cell->{t}\"" : '') . '><f>' . escaped($cell->{f}) . '</f>' . (defined $cell->{v} ? "<v>$cell->{v}</v>" : '') . '</c>' }
			else { push @strings, $cell; $sheet .= "<c $at t=\"s\"><v>$#strings</v></c>" }
		}
		$sheet .= '</row>';
	}
	my $main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
	my $relations = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
	return zip('xl/workbook.xml' => qq{<workbook $main xmlns:r="$relations"><sheets><sheet name="a" sheetId="1" r:id="rId7"/></sheets></workbook>},
		'xl/_rels/workbook.xml.rels' => qq{<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId7" Type="$relations/worksheet" Target="worksheets/first.xml"/></Relationships>},
		'xl/styles.xml' => qq{<styleSheet $main><numFmts count="1"><numFmt numFmtId="170" formatCode="yyyy&quot;年&quot;m&quot;月&quot;"/></numFmts><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/></cellXfs></styleSheet>} =~ s/(年|月)/encode_utf8($1)/ger,
		'xl/sharedStrings.xml' => encode_utf8("<sst $main>" . join('', map { '<si><t>' . escaped($_) . '</t></si>' } @strings) . '</sst>'),
		'xl/worksheets/first.xml' => encode_utf8("<worksheet $main><sheetData>$sheet</sheetData></worksheet>"));
}

# An import: the answer.
sub import_of {
	my ($client, $bytes, %query) = @_;
	my %headers = %{ delete $query{headers} // {} };
	return $client->post('/api/origin/exchange/certificate_of_origin/import?' . join('&', map { "$_=$query{$_}" } sort keys %query), $bytes, 'Content-Type' => 'application/octet-stream', %headers);
}

# Its job when it is finished.
sub finished {
	my ($client, $answer, $seconds) = @_;
	die $answer->status . ' ' . $answer->text unless $answer->status == 202;
	my $id = $answer->json->{job};
	for (1 .. ($seconds // 60) * 20) {
		my $job = $client->get("/api/origin/jobs/$id");
		return $job->json if $job->ok && $job->json->{state} eq 'done';
		select undef, undef, undef, 0.05;
	}
	die "job $id is not done";
}

1;
