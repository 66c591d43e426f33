package SingleWindow::Origin;
# What tests of certificates of origin share: complete bodies, the registration, filed goods, and certificates of every type.
use strict;
use warnings;
use utf8;
use Exporter 'import';
use JSON::PP ();

use SingleWindow::Instance;
use SingleWindow::Export qw(wait_until);
use SingleWindow::Import qw(make_of act_on document_of);

our @EXPORT = qw(register_origin fetch_registration exporter_body goods_filing_body file_goods certificate_body certificate goods_line approve_certificate issued_certificate
	made_of %PARTY make_of act_on document_of wait_until);

my ($true, $false) = ($JSON::PP::true, $JSON::PP::false);

# A party to each agreement, and a criterion of it: what a preferential certificate needs of its type.
our %PARTY = (C => '502', B => '111', N => '609', X => '132', R => '434', H => '143', L => '415', HM => '110', I => '322', S => '331', A => '601', K => '133', E => '112', GE => '337', F => '412');
my %CRITERION = (B => 'B-A', X => 'X-P');

sub made_of { my $answer = make_of(@_); die 'create: ' . $answer->status . ' ' . $answer->text unless $answer->status == 201; return $answer->json->{document}{id} }
sub acted { my $answer = act_on(@_); die "$_[3]: " . $answer->status . ' ' . $answer->text unless $answer->ok; return $answer->json }

sub fetch_registration { my ($client, %fields) = @_; return $client->post('/api/origin/fetch/origin_registration', { %fields }) }

# The enterprise's registration, imported by its numbers from the stand-in that plays CCPIT.
sub register_origin {
	my ($client, $number) = @_;
	my $answer = fetch_registration($client, ccpit_code => 'C21020', ccpit_ent_no => $number // '2102M9997');
	die 'registration: ' . $answer->text unless $answer->ok;
	return $answer->json->{id};
}

sub exporter_body { return { exporter_data => { exporter_code => '010001', exporter_name_zh => '签章测试企业', exporter_name_en => 'SIGNATURE TEST CO., LTD.', exporter_address_en => '1 DEMO ROAD, DALIAN, CHINA', exporter_phone => '0411-12345678', @_ } } }

sub goods_filing_body {
	my (@agreements) = @_;
	return {
		filed_goods_data => { filed_hs => '02042200', filed_name_en => 'FROZEN MUTTON', filed_name_zh => '冻羊肉', process_note => '屠宰、分割、冷冻', maker => '演示生产厂，大连' },
		agreements => [ map { { agreement => $_, filed_criterion => $CRITERION{$_} // "$_-WO" } } @agreements ],
		materials => [ { material_hs => '0104', material_name => '活羊', material_origin => '142', material_price => '10', material_share => '100' } ],
	};
}

# Files goods for agreements and has them approved: the ids of what was filed, by agreement.
sub file_goods {
	my ($client, $office, @agreements) = @_;
	my $filing = made_of($client, 'origin', 'goods_filing', goods_filing_body(@agreements));
	my $number = acted($client, 'origin', $filing, 'submit')->{document}{application_no};
	my %made;
	for my $item (@{ $client->get('/api/origin/documents', { form => 'filed_goods', reference_no => $number, fields => 'all', size => 50 })->json->{items} }) {
		acted($office, 'origin', $item->{id}, 'approve');
		$made{ $item->{kind} } = $item->{id};
	}
	return \%made;
}

sub goods_line {
	my ($type, $filed, %change) = @_;
	return { packages => 10, package_kind => 'CARTONS', goods_description => "TEN (10) CARTONS OF FROZEN MUTTON", item_qty => '1000', item_unit => 'KGS', item_price => '5.5', gross_weight => '1050', net_weight => '1000', weight_unit => 'KGS', marks => 'N/M',
		($type eq 'C' ? (item_hs => '020422', processing => 'none') : (filed_ref => "$filed", item_fob_usd => '5500', origin_criterion => $CRITERION{$type} // "$type-WO")), %change };
}

# A complete certificate of a type; `filed` is the id of the goods filed for it.
sub certificate_body {
	my ($type, $filed, %change) = @_;
	my $rows = delete $change{rows} // [ goods_line($type, $filed) ];
	return {
		basics => { certificate_type => $type, invoice_no => 'INV-2026-1', invoice_date => '2026-09-01', apply_place => 'DALIAN', apply_date => '2026-09-03', sign_place => 'DALIAN', sign_date => '2026-09-03',
			exporter => "SIGNATURE TEST CO., LTD.\n1 DEMO ROAD, DALIAN, CHINA", importer => "BUYER LTD.\n1 BUYER STREET", importer_country => $PARTY{$type}, destination_country => $PARTY{$type}, producer => 'SAME',
			port_loading => 'CNDLC', port_destination => 'IDJKT', transport_mode => '8', shipment_date => '2026-09-05', first_leg => 'EVER DEMO V.001', weight_flag => 'gross', fob_usd => '5500', invoice_amount => '5500',
			invoice_currency => 'USD', price_term => 'FOB', trade_mode => '1', payment_term => '1', signatory => '王签证', %change },
		goods => { variant => $type eq 'C' ? 'general' : 'preferential', rows => $rows },
	};
}

sub certificate { my ($client, $type, $filed, %change) = @_; return made_of($client, 'origin', 'certificate_of_origin', certificate_body($type, $filed, %change)) }

# Submitted, approved, and the PDF made.
sub approve_certificate {
	my ($client, $office, $id) = @_;
	acted($client, 'origin', $id, 'submit');
	acted($office, 'origin', $id, 'approve');
	wait_until(sub { (document_of($client, 'origin', $id)->{document}{state_print} // '') eq 'READY' }) or die 'the certificate was not made';
	return document_of($client, 'origin', $id)->{document};
}
sub issued_certificate { my ($client, $office, $type, $filed, %change) = @_; return approve_certificate($client, $office, certificate($client, $type, $filed, %change)) }

1;
