#!/usr/bin/perl
# Published shapes against other people's validators: some hundred mutated bodies of two licence types. What our reader accepts, ajv accepts
# by the JSON Schema and xmllint by the XML Schema; so what they reject, we reject. What we accept is canonical: written and read again it
# is the same. And we say no ourselves to most of what was broken, so that the test is not empty.
use strict;
use warnings;
use utf8;
use Test::More;
use File::Temp qw(tempdir);
use JSON::PP ();

use SingleWindow::Instance;
use SingleWindow::Export;

my $root = $SingleWindow::Instance::ROOT;
my $program = "$root/build/" . ($ENV{VARIANT} // 'plain') . '/unit/shapes_test';
for my $needed ($program, "$root/tests/shapes/node_modules/ajv") { die "$needed is not there: make test builds it\n" unless -e $needed }
chdir $root or die;
srand 20260903;
my $json = JSON::PP->new->canonical->utf8;

# Values that JSON::PP would not write: put in as text, taken out of its quotes afterwards.
sub raw { return "\x{e000}$_[0]\x{e001}" }
sub encoded {
	my $text = JSON::PP->new->canonical->encode($_[0]);
	$text =~ s/"\x{e000}(.*?)\x{e001}"/my $r = $1; $r =~ s{\\"}{"}g; $r =~ s{\\\\}{\\}g; $r/ge;
	utf8::encode($text);
	return $text;
}

my @VALUES = (undef, '', ' ', 'x', "\t", '0', '-1', '1.5', '1.123456', '00012', '01.50', '+1', '.5', '5.', '1,000', '1e3', '9999999999999', '99999999999999',
	'9999999999999.99999', '-9999999999999.999', '0.00001', '-0', '2026-09-03', '2026-02-30', '2026-9-3', '0000-01-01', '1900-01-01', '2199-12-31', '2200-01-01',
	'2026-09-03T00:00:00', '20260903', 'civil', 'lab', 'true', 'solid', '142', 'AA', '1', "a\nb", "a\rb", "a\tb", "\x{7f}", "\x{85}", "\x{fffd}", "\x{fffe}", "\x{ffff}",
	"\x{1fffe}", "\x{10ffff}", "\x{20000}" x 20, '实' x 30, '实' x 31, 'a' x 64, 'a' x 65, 'a' x 201, 'a' x 3000, ' ' . 'a' x 20 . ' ', '<a>&amp;"\'', ']]>', '<!--', '&#0;', "\x{202e}",
	raw('0'), raw('1'), raw('-1'), raw('1.0'), raw('1.5'), raw('1e2'), raw('1E400'), raw('-0'), raw('9999999999999'), raw('99999999999999'), raw('123456789012345678901234567890'),
	raw('true'), raw('false'), raw('[]'), raw('{}'), raw('[null]'), raw('[[]]'), raw('{"a":1}'), raw('{"variant":"solid"}'), raw('"\\u0041"'), raw('"\\ud83d\\ude00"'),
	raw('"\\ud800"'), raw('"\\u0000"'), raw('"\\u001f"'), raw('[{}]'), raw('[{},{}]'), raw('[{"row_id":1},{"row_id":1}]'));
my @NAMES = qw(variant rows row_id names x __proto__ head base specs items parts marks safety no end summary exporter_name licence_no qty);

# Every place of a body: [holder, key or index].
sub places {
	my ($value, $found) = @_;
	if (ref $value eq 'HASH') { for (sort keys %$value) { push @$found, [ $value, $_ ]; places($value->{$_}, $found) } }
	if (ref $value eq 'ARRAY') { for (0 .. $#$value) { push @$found, [ $value, $_ ]; places($value->[$_], $found) } }
	return $found;
}
sub pick { return $_[ int rand @_ ] }
sub copy { return $json->decode($json->encode($_[0])) }

sub mutate {
	my ($body) = @_;
	my ($holder, $key) = @{ pick(@{ places($body, []) }) };
	my $hash = ref $holder eq 'HASH';
	my $old = $hash ? $holder->{$key} : $holder->[$key];
	my $way = int rand 10;
	my $new = $way < 6 ? pick(@VALUES) : undef;
	if ($way == 6 && $hash) { delete $holder->{$key}; return }
	if ($way == 7 && $hash) { $holder->{ pick(@NAMES) } = rand() < 0.5 ? $old : pick(@VALUES); return }
	if ($way == 8 && ref $old eq 'ARRAY') { push @$old, map { copy($old->[0] // {}) } 1 .. pick(1, 3, 20, 1001); delete $_->{row_id} for grep { ref eq 'HASH' } @$old; return }
	if ($way == 9 && $hash && !ref $old && rand() < 0.5) { $holder->{$key} = pick('ordinary', 'vehicle', 'solid', 'liquid', 'nothing', 'civil', 'lab'); return }
	if ($hash) { $holder->{$key} = $new } else { $holder->[$key] = $new }
}

# Every field once with every value that changes kind, then random ones.
sub bodies {
	my ($seeds, $random) = @_;
	my @bodies = map { encoded($_) } @$seeds;
	for my $seed (@$seeds) {
		for my $n (0 .. $#{ places($seed, []) }) {
			for my $value (undef, raw('1'), raw('true'), raw('[]'), raw('{}'), 'x', 'a' x 3000) {
				my $body = copy($seed);
				my ($holder, $key) = @{ places($body, [])->[$n] };
				if (ref $holder eq 'HASH') { $holder->{$key} = $value } else { $holder->[$key] = $value }
				push @bodies, encoded($body);
			}
		}
	}
	for (1 .. $random) {
		my $body = copy(pick(@$seeds));
		mutate($body) for 1 .. pick(1, 1, 2, 3);
		push @bodies, encoded($body);
	}
	return grep { length > 2 && !/\n/ } @bodies;
}

my $full = body();
my %seeds = (
	export_licence => [ $full,
		{ %$full, specs => { variant => 'ordinary', rows => [ map { { spec => "s$_", unit_price => '1.5', qty => "$_" } } 1 .. 3 ] } },
		{ %$full, goods => { hs_code => "8703213010", price_currency => "USD", vehicle_kind => "new" }, specs => { variant => "new", rows => [ { vehicle_model => "v", vehicle_brand => "x", qty => "2", unit_price => "3" } ] } } ],
	unseen_permit => [
		{ head => { purpose => 'civil', agency => 'AA', country => '142', start => '2026-08-31' }, items => { variant => 'solid', rows => [
			{ row_id => 1, item_name => 'n', hardness => raw('3'), parts => [ { row_id => 2, part_name => 'a', part_weight => '1.5', marks => [ { row_id => 3, mark => 'X1' } ] } ] } ] } },
		{ head => { purpose => 'lab', lab_name => '实验室', start => '2026-08-31' }, items => { variant => 'liquid', rows => [ { item_name => 'w', boils_at => '-7.5' } ] },
			safety => { keeper => '张' } } ]);

for my $form (sort keys %seeds) {
	my $folder = tempdir(CLEANUP => 1);
	my $definition = $form eq 'unseen_permit' ? 'tests/fixtures/forms/unseen_permit.1.json' : "schema/forms/$form.1.json";
	my @bodies = bodies($seeds{$form}, 500);
	open my $file, '>', "$folder/bodies" or die; binmode $file; print {$file} "$_\n" for @bodies; close $file;
	chomp(my @ours = `$program $definition $folder < $folder/bodies`);
	is($?, 0, "$form: the reader reads all of it");
	chomp(my @theirs = `node tests/shapes/validate.mjs $folder/schema.json < $folder/bodies`);
	is(scalar @ours, scalar @bodies, scalar(@bodies) . ' bodies');
	is(scalar @theirs, scalar @bodies, 'ajv has an opinion about each');
	my @accepted = grep { $ours[$_] !~ /^reject/ } 0 .. $#ours;
	diag join "\n", map { s/\d+/N/gr } grep { /^reject/ } @ours if $ENV{STRICT};
	cmp_ok(scalar @accepted, '>', 100, scalar(@accepted) . ' accepted');
	cmp_ok(@bodies - @accepted, '>', 300, @bodies - @accepted . ' refused');
	my %xml;
	my @files = map { "$folder/$_.xml" } @accepted;
	while (my @some = splice @files, 0, 400) {
		for (`xmllint --noout --schema $folder/schema.xsd @some 2>&1`) {
			if (/(\d+)\.xml validates$/) { $xml{$1} = '' }
			elsif (m{/(\d+)\.xml:\d+: (.*)}) { $xml{"why$1"} //= $2 }
		}
	}
	my @canonical = grep { $ours[$_] =~ /^broken/ } @accepted;
	is(scalar @canonical, 0, 'what is accepted is written in one way only') or show_some($form, \@bodies, \@ours, @canonical);
	my @ajv = grep { $theirs[$_] !~ /^yes/ } @accepted;
	is(scalar @ajv, 0, 'and ajv takes it by the JSON Schema') or show_some($form, \@bodies, \@theirs, @ajv);
	my @xsd = grep { !defined $xml{$_} } @accepted;
	is(scalar @xsd, 0, 'and xmllint takes its XML by the XML Schema') or show_some($form, \@bodies, [ map { $xml{"why$_"} } 0 .. $#bodies ], @xsd);
	my @strict = grep { $theirs[$_] =~ /^yes/ && $ours[$_] =~ / (type|unknown_field|too_long|too_many_rows|unknown_variant)$/ } 0 .. $#ours;
	note "refused by us for its shape, accepted by ajv: " . @strict;
	show_some($form, \@bodies, \@ours, @strict) if $ENV{STRICT};
}

sub show_some {
	my ($form, $bodies, $said, @which) = @_;
	diag "$form: " . ($said->[$_] // '?') . "\n  " . substr($bodies->[$_], 0, 700) for @which[ 0 .. ($#which < 5 ? $#which : 5) ];
}

done_testing();
