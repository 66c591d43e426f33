package SingleWindow::Import;
# What tests of the import modules share: complete bodies, and the ways through the machines. Written from the digest.
use strict;
use warnings;
use utf8;
use Exporter 'import';
use JSON::PP ();

use SingleWindow::Instance;
use SingleWindow::Export qw(wait_until);

our @EXPORT = qw(nonmep_body mep_body registration_body bulk_body make_of act_on document_of problems_of register_mep wait_until);

my ($true, $false) = ($JSON::PP::true, $JSON::PP::false);

sub changed {
	my ($body, %change) = @_;
	for my $block (keys %change) {
		$body->{$block} = ref $change{$block} eq 'HASH' && ref $body->{$block} eq 'HASH' ? { %{ $body->{$block} }, %{ $change{$block} } } : $change{$block};
		delete $body->{$block} unless defined $change{$block};
	}
	return $body;
}

# The sample of digest 2.10: 100 x 1.23 and 33 x 33 yuan.
sub nonmep_body {
	return changed({
		base => { year => 2026, import_user_code => '1100776367555', import_user_uscc => '988899977763675550', import_user_name => '签章测试企业', importer_code => '1100776367555',
			importer_uscc => '988899977763675550', importer_name => '签章测试企业', trade_mode => '1', fx_source => '1', trade_country_1 => '502', origin_country_1 => '502',
			customs_port_1 => '0101', valid_until => '2027-03-03', eta_date => '2026-11-01' },
		goods_head => { goods_use => '3', price_currency => 'CNY' },
		goods => [ { hs_code => '2303300011', specs => [ { spec => '1', unit_price => '1.23', qty => '100' }, { spec => '33', unit_price => '33', qty => '33' } ] } ],
		other => { state_trading => '0', bonded_warehouse => $false, one_batch_one_licence => $true, deal_type => 'spot', issuing_agency => 'AA' },
		more => { contact_name => '张三', contact_phone => '010-12345678', import_contract_no => 'TEST1234', sms_notify => $false },
		contract => { foreign_party_zh => '外商', goods_description => '干玉米酒糟' },
	}, @_);
}

sub mep_body {
	return changed({
		base => { paperless => $true, year => 2026, importer_code => '1100776367555', importer_name => '签章测试企业', handler_name => '张三', handler_phone => '010-12345678', handler_mobile => '13800000000',
			trade_mode => '1', trade_country_1 => '502', customs_port_1 => '0101', fx_source => '1', origin_country_1 => '502', goods_use => '7', one_batch_one_licence => $false, valid_until => '2027-03-03' },
		goods => { goods_kind => 'single', hs_code => '9022120000', equipment_state => 'new', price_currency => 'USD' },
		items => [ { spec => 'CT-1', qty => '2', unit_price => '1000.5' } ],
	}, @_);
}

sub registration_body {
	return changed({
		basics => { supervisor_level => '3', ent_nature => '150', filing_doc_no => 'BA-2026-1', filing_date => '2026-01-05', reg_email => 'a@example.com', province_city => '江苏省常州市', reg_address => '某某路一号', business_scope => '进出口', has_trade_right => $true },
		account => { reg_contact => '张三', reg_postcode => '213000', reg_phone => '0519-12345678', reg_mobile => '13800000000', province_office => '320000', city_office => '320400' },
	}, @_);
}

sub bulk_body {
	return changed({ registration => { ent_name => '山西金泰', customs_registration => '123123', business_registration => '1231sadasdas', capital => '123123123', business_address => '123', reg_contact => '12a', reg_phone => '12312313123' } }, @_);
}

sub make_of { my ($client, $module, $form, $body) = @_; return $client->post("/api/$module/documents", { form => $form, body => $body }) }
sub act_on {
	my ($client, $module, $id, $action, $opinion) = @_;
	return $client->post("/api/$module/documents/$id/actions/$action", { defined $opinion ? (opinion => $opinion) : () }, 'If-Match' => '*');
}
sub document_of { my ($client, $module, $id) = @_; return $client->get("/api/$module/documents/$id")->json }
sub problems_of {
	my ($client, $module, $form, $body) = @_;
	my $answer = $client->post("/api/$module/$form/check", { body => $body });
	return { map { ("$_->{field} $_->{rule}" => 1, $_->{rule} => 1, $_->{field} => 1) } @{ $answer->json->{errors} } };
}

# The enterprise's registration, approved by the office.
sub register_mep {
	my ($client, $office) = @_;
	my $made = make_of($client, 'mep', 'mep_registration', registration_body());
	die 'registration: ' . $made->text unless $made->status == 201;
	my $id = $made->json->{document}{id};
	for ([ $client, 'submit' ], [ $office, 'approve' ]) {
		my $answer = act_on($_->[0], 'mep', $id, $_->[1]);
		die "$_->[1]: " . $answer->text unless $answer->ok;
	}
	return $id;
}

1;
