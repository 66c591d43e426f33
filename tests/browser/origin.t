#!/usr/bin/perl
# The screens of certificates of origin beside the way of one of them: base data, processing steps, synchronisation, void ones, registrations, the desk.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Origin;

SingleWindow::Browser->run('origin.mjs', prepare => sub {
	my ($sw) = @_;
	my ($client, $office) = map { $sw->signed_in($_) } qw(demo_admin demo_ccpit);
	register_origin($client);
	my $filed = file_goods($client, $office, 'E');
	made_of($client, 'origin', 'origin_exporter', exporter_body());
	my %processed = (item_hs => '392690', processing => 'new', processing_hs => '3926', processing_price => '10', processing_goods => 'PLASTIC PARTS', processing_steps => 'MOULDING', processing_unit => 'PCS',
		imports => [ { import_hs => '3901', import_cif_usd => '1.5' }, { import_hs => '3902', import_cif_usd => '0.2' } ]);
	my $before = issued_certificate($client, $office, 'C', undef, invoice_no => 'BEFORE-1', rows => [ goods_line('C', undef, %processed) ])->{id};
	my $void = issued_certificate($client, $office, 'E', $filed->{E}, invoice_no => 'VOID-1');
	my $answer = act_on($office, 'origin', $void->{id}, 'revoke', '演示作废');
	die 'revoke: ' . $answer->text unless $answer->ok;
	my $revocable = issued_certificate($client, $office, 'E', $filed->{E}, invoice_no => 'REVOKE-1')->{id};
	@ENV{qw(SW_GENERAL SW_VOID SW_REVOCABLE SW_FILED)} = (certificate($client, 'C', undef, invoice_no => 'GENERAL-1'), $void->{licence_no}, $revocable, $filed->{E});
});
