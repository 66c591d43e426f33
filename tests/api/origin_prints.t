#!/usr/bin/perl
# Every type of certificate of origin on paper: all its numbered boxes, what was filled in, and twenty goods lines that overflow the box.
use strict;
use warnings;
use utf8;
use Test::More;
use File::Temp qw(tempdir);

use SingleWindow::Instance;
use SingleWindow::Origin;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

# type => [boxes with a number, words of its title, items at most]
my %TYPE = (
	C => [ 12, qr/CERTIFICATE OF ORIGIN/, 20 ], B => [ 12, qr/Asia-Pacific Trade Agreement/i, 20 ], N => [ 15, qr/New Zealand/i, 20 ], X => [ 12, qr/SINGAPORE FREE TRADE/i, 20 ], R => [ 14, qr/China-Peru FTA/i, 20 ],
	H => [ 15, qr/海峡两岸经济合作框架协议/, 20 ], L => [ 14, qr/Costa Rica/i, 20 ], HM => [ 14, qr/更紧密经贸关系/, 20 ], I => [ 13, qr/ICELAND/i, 20 ], S => [ 15, qr/SWITZERLAND/i, 50 ],
	A => [ 14, qr/Australia/i, 20 ], K => [ 14, qr/Korea/i, 20 ], E => [ 13, qr/FORM E/, 20 ], GE => [ 14, qr/Georgia/i, 20 ], F => [ 15, qr/Chile/i, 20 ]);
my $LINES = 20;

my $sw = SingleWindow::Instance->start;
my ($client, $office, $portal) = map { $sw->signed_in($_) } qw(demo_admin demo_ccpit demo_portal);
my $folder = $ENV{SW_PRINTS} // tempdir(CLEANUP => 1);
register_origin($client);
my %filed = (%{ file_goods($client, $office, grep { !/^(?:C|H)$/ } sort keys %TYPE) }, %{ file_goods($client, $office, 'H') });
is(scalar keys %filed, 14, 'goods are filed for fourteen agreements');

sub text_of {
	my ($name, $bytes, @options) = @_;
	open my $file, '>:raw', "$folder/$name.pdf" or die $!;
	print {$file} $bytes;
	close $file;
	open my $pipe, '-|', 'pdftotext', @options, "$folder/$name.pdf", '-' or die "pdftotext: $!";
	binmode $pipe, ':encoding(UTF-8)';
	local $/ = undef;
	my $text = <$pipe> // '';
	close $pipe;
	return $text;
}
sub preview { my ($name, $id, @options) = @_; my $answer = $client->get("/api/origin/documents/$id/print/preview.pdf"); die $answer->text unless $answer->ok; return text_of($name, $answer->content, @options) }

for my $type (sort keys %TYPE) {
	my ($boxes, $title, $most) = @{ $TYPE{$type} };
	my @rows = map { my $n = sprintf '%02d', $_; goods_line($type, $filed{$type}, goods_description => "ARTICLE$n OF MANY\nLOT FIRST$n\nLOT SECOND$n\nLOT THIRD$n", marks => "MARK$n\nDALIAN") } 1 .. $LINES;
	# the form for Peru has no box of marks
	my $one = preview("$type-1", certificate($client, $type, $filed{$type}), '-layout');
	my $id = certificate($client, $type, $filed{$type}, rows => \@rows);
	my $all = preview("$type-$LINES", $id);
	my $flat = $all =~ s/\s+/ /gr;

	like($one =~ s/\s+/ /gr, $title, "$type: its title");
	is(join(' ', grep { $one !~ /(?:^|[^\d.\/])$_(?:\.\s|\s|(?=\p{Han}))/m } 1 .. $boxes), '', "$type: all $boxes boxes have their number");
	for ([ exporter => qr/SIGNATURE TEST CO\., LTD\./ ], [ importer => qr/BUYER LTD\./ ], [ invoice => qr/INV-2026-1/ ], [ 'means of transport' => qr/EVER DEMO V\.001|FROM Dalian/ ], $type =~ /^H/ ? () : ([ route => qr/FROM Dalian TO Jakarta, Java BY Sea/ ]), [ description => qr/TEN \(10\) CARTONS OF FROZEN MUTTON/ ], [ 'end of the goods' => qr/\*\*\*/ ]) {
		like($one =~ s/\s+/ /gr, $_->[1], "$type: $_->[0]");
	}
	is(join(' ', grep { my $word = $_; (() = $flat =~ /\b$word\b/g) != 1 } map { my $n = sprintf '%02d', $_; ("ARTICLE$n", "FIRST$n", "SECOND$n", "THIRD$n", $type eq 'R' ? () : "MARK$n") } 1 .. $LINES), '', "$type: every line of twenty goods is there once");
	is(scalar(() = $flat =~ /\*\*\*/g), 1, "$type: and one end after the last");
	my @pages = split /\f/, $all;
	cmp_ok(scalar @pages, '>', 1, "$type: they flow over to further pages");
	is(join(' ', grep { $pages[$_] !~ /ARTICLE\d\d|THIRD\d\d|FIRST\d\d|SECOND\d\d/ } 0 .. $#pages), '', "$type: none of which is empty");
	my ($asked) = grep { $_->{name} eq "certificate_$type" } @{ $portal->get('/api/origin/admin/layouts')->json->{layouts} };
	# the preview's own words stand between
	is(!!(join('', $all =~ /[版式未核实]/g) =~ /版式未核实/), !$asked->{confirmed}, "$type: what nobody has confirmed says so on the page");
}

# R-CO: the most items
my @many = map { goods_line('E', $filed{E}) } 1 .. 21;
my $answer = $client->post('/api/origin/certificate_of_origin/check', { body => certificate_body('E', $filed{E}, rows => \@many) });
like($answer->text, qr/R-CO-ITEMS/, 'more items than a certificate carries are refused');

done_testing();
