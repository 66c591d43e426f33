package SingleWindow::Export;
# Export applications as a person would fill them in, for tests that need some in a certain state.
use strict;
use warnings;
use utf8;
use Exporter 'import';
use File::Temp qw(tempdir);
use JSON::PP ();

use SingleWindow::Instance;

our @EXPORT = qw(root_with_unseen root_with_flow body complete attach create save act claim bring_to licence_of pdf wait_until partner_key);

my $true = JSON::PP::true;

# A folder like the checkout's, for the setting `root`, with the definitions and layouts of tests/fixtures dropped in.
sub root_with_unseen {
	my $root = tempdir(CLEANUP => 1);
	chmod 0755, $root;
	my $checkout = $SingleWindow::Instance::ROOT;
	system("cp -r '$checkout/schema' '$root/schema' && cp '$checkout'/tests/fixtures/forms/*.json '$root/schema/forms/' && "
		. "cp '$checkout'/tests/fixtures/codes/*.csv '$root/schema/codes/' && cp '$checkout'/tests/fixtures/print/*.json '$root/schema/print/' && chmod -R a+rX '$root'") == 0 or die 'the definitions cannot be copied';
	return $root;
}

# The same with a form whose print flows over pages, in a layout that nobody has confirmed.
sub root_with_flow {
	my $root = root_with_unseen();
	system("cp -r '$SingleWindow::Instance::ROOT/tests/fixtures/flow/.' '$root/schema' && chmod -R a+rX '$root'") == 0 or die 'the fixtures cannot be copied';
	return $root;
}

# A body that is complete but for attachments; pieces may be replaced block by block.
sub body {
	my (%change) = @_;
	my %body = (
		base => { year => 2026, customs_port => '0101', exporter_name => '签章测试企业', consignor_code => '1100776367555',
			consignor_uscc => '988899977763675550', consignor_name => '签章测试企业', trade_mode => '1', import_country => '142',
			transport_mode => '8', payment_term => '4', contract_no => 'TEST1234', importer_name_zh => '进口商', importer_name_en => 'Importer Ltd',
			contract_total_qty => '22', contract_unit => '035', contract_sign_date => '2026-08-01', contract_total_amount => '244.42',
			settlement_currency => 'USD', contract_valid_date => '2026-12-01' },
		goods => { hs_code => '2833110000', price_currency => 'USD' },
		specs => { variant => 'ordinary', rows => [ { spec => '99%', unit_price => '11.11', qty => '22' } ] },
		other => { one_batch_one_licence => $true, issuing_agency => 'AA', applicant_name => '张三', applicant_contact => '010-12345678' },
	);
	for my $block (keys %change) {
		$body{$block} = ref $change{$block} eq 'HASH' && ref $body{$block} eq 'HASH' && $block ne 'specs'
			? { %{ $body{$block} }, %{ $change{$block} } } : $change{$block};
	}
	return \%body;
}

sub pdf { return "%PDF-1.4\n" . ($_[0] // 'test') . "\n%%EOF\n" }

sub create { my ($client, %change) = @_; return $client->post('/api/export/documents', { form => 'export_licence', body => body(%change) }) }

sub attach {
	my ($client, $id, $type, $bytes, $more) = @_;
	return $client->post("/api/export/documents/$id/attachments?type=$type&name=a.pdf" . ($more // ''), $bytes // pdf(), 'Content-Type' => 'application/octet-stream');
}

# A complete draft: its id.
sub complete {
	my ($client, %change) = @_;
	my $answer = create($client, %change);
	die "create: " . $answer->status . ' ' . $answer->text unless $answer->status == 201;
	my $id = $answer->json->{document}{id};
	my $attached = attach($client, $id, '01');
	die "attach: " . $attached->text unless $attached->status == 201;
	return $id;
}

sub save { my ($client, $id, $body) = @_; return $client->put("/api/export/documents/$id", { body => $body }, 'If-Match' => version($client, $id)) }
sub version { my ($client, $id) = @_; return '"' . $client->get("/api/export/documents/$id")->json->{document}{version} . '"' }

sub act {
	my ($client, $id, $action, $opinion) = @_;
	return $client->post("/api/export/documents/$id/actions/$action", { defined $opinion ? (opinion => $opinion) : () }, 'If-Match' => '*');
}

sub claim { my ($client, $id) = @_; return $client->post("/api/export/documents/$id/claim", {}) }

sub wait_until {
	my ($condition, $seconds) = @_;
	for (1 .. ($seconds // 15) * 20) {
		return 1 if $condition->();
		select undef, undef, undef, 0.05;
	}
	return 0;
}

my %WAY = (
	DRAFT => [], PENDING_FIRST => ['submit'], FIRST_RETURNED => [qw(submit first_return)], PENDING_SECOND => [qw(submit first_pass)],
	SECOND_RETURNED => [qw(submit first_pass second_return)], APPROVED => [qw(submit first_pass second_pass)],
	PRINTED => [qw(submit first_pass second_pass issued)], PENDING_CANCEL => [qw(submit withdraw)],
	CANCELLED => [qw(submit withdraw cancel_consent)], REVOKED => [qw(submit first_pass second_pass issued revoke)],
);
my %WHO = (submit => 'applicant', withdraw => 'applicant', first_pass => 'first', first_return => 'first', second_pass => 'second',
	second_return => 'second', cancel_consent => 'first', cancel_refuse => 'first', revoke => 'manager');

# A new document in a state; `who` maps applicant, first, second, manager to clients.
sub bring_to {
	my ($who, $state, %change) = @_;
	my $id = complete($who->{applicant}, %change);
	for my $action (@{ $WAY{$state} }) {
		if ($action eq 'issued') {
			wait_until(sub { $who->{applicant}->get("/api/export/documents/$id")->json->{document}{state} eq 'PRINTED' }) or die 'the licence was not made';
			next;
		}
		my $answer = act($who->{ $WHO{$action} }, $id, $action, '请核对');
		die "$action: " . $answer->status . ' ' . $answer->text unless $answer->ok;
	}
	return $id;
}

sub licence_of { my ($client, $id) = @_; return $client->get("/api/export/documents/$id")->json->{document}{licence_no} }

# The demo customs partner's API key.
sub partner_key {
	my ($sw) = @_;
	open my $file, '<', $sw->var . '/demo-accounts.txt' or die "demo accounts: $!";
	while (<$file>) { return $1 if /^partner\s+(\S+)/ }
	die 'no partner in demo-accounts.txt';
}

1;
