#!/usr/bin/perl
# Certificates as XML and goods from a spreadsheet, by the pages.
use strict;
use warnings;
use utf8;
use SingleWindow::Browser;
use SingleWindow::Exchange;
use SingleWindow::Origin;

SingleWindow::Browser->run('exchange.mjs', prepare => sub {
	my ($sw) = @_;
	register_origin($sw->signed_in('demo_admin'));
	my %files = (
		'good.xml' => message(head => { CertNo => 'A1', InvNo => 'PAGE-1' }),
		'broken.xml' => message(head => { CertNo => 'A2', InvNo => 'PAGE-2', InvDate => '2026-13-01', Curr => 'XXX' }),
		'goods.xlsx' => xlsx([ '商品HS编码', '货物描述', '数量', '单位', '单价' ], [ '02042200', 'FROM A SHEET', [ '2' ], 'KGS', [ '5' ] ], [ '020422', 'SECOND', [ '3' ], 'KGS', [ '6' ] ]),
		'wrong.xlsx' => xlsx([ '商品HS编码', '货物描述', '数量', '怪列' ], [ '12', 'WRONG', 'many', 'x' ]),
	);
	for my $name (keys %files) {
		open my $out, '>:raw', $sw->var . "/$name" or die $!;
		print {$out} $files{$name};
		close $out or die $!;
	}
});
