# Evidence outside the database: every day's Merkle root, signed, in a file; what is rewritten afterwards does not agree with it.
use strict;
use warnings;
use Digest::SHA qw(sha256 sha256_hex);
use JSON::PP ();
use Test::More;
use SingleWindow::Instance;
use SingleWindow::Export;

my $variant = $ENV{VARIANT} || 'plain';
my $sw = SingleWindow::Instance->start;
my %who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'));
my $log = $sw->var . '/roots/export.log';

sub lines { open my $in, '<', $log or return; my @lines = <$in>; return @lines }
sub spill { my ($path, @text) = @_; open my $out, '>', $path or die "$path: $!"; print {$out} @text; close $out or die; return $path }
sub verify {
	my $text = `VARIANT=$variant '$SingleWindow::Instance::ROOT/platform/instance' verify --quiet --var '@{[ $sw->var ]}' 2>/dev/null`;
	my $code = $? >> 8;
	my ($said) = $text =~ /^export: (\{.*\})$/m;
	return { code => $code, text => $text, $said ? %{ JSON::PP->new->decode($said) } : () };
}

# RFC 6962 2.1, said once more
sub tree {
	my @leaf = @_;
	return sha256('') if !@leaf;
	return sha256("\0$leaf[0]") if @leaf == 1;
	my $k = 1;
	$k *= 2 while $k * 2 < @leaf;
	return sha256("\1" . tree(@leaf[0 .. $k - 1]) . tree(@leaf[$k .. $#leaf]));
}

my $first = bring_to(\%who, 'PENDING_FIRST');
my @ids = ($first, map { complete($who{applicant}) } 1 .. 4);
is($who{applicant}->delete("/api/export/documents/$ids[4]", 'If-Match' => '*')->status, 204, 'five documents, one of them deleted again');

$sw->clock('2026-09-04T00:09:59+08:00');
sleep 6;
ok(!-e $log, 'before ten past midnight nothing is written: somebody may still be committing');
%who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'));   # it is another day: the sessions are over
my $late = complete($who{applicant});   # today's: not part of yesterday

$sw->clock('2026-09-04T00:10:00+08:00');
ok(wait_until(sub { -s $log }), 'then yesterday is recorded');
my ($line) = lines();
like($line, qr/^day=2026-09-03 module=export documents=5 events=\d+ root=[0-9a-f]{64} previous=0{64} signature=[0-9a-f]{128}\n\z/, 'in one line, deleted documents included');

my %head;
for my $row (split /\n/, $sw->sql('export', 'SELECT document, sequence, hash FROM document_event WHERE document <> ' . $late . ' ORDER BY document, sequence')) {
	my ($document, @rest) = split /\|/, $row;
	$head{$document} = join ':', $document, @rest;
}
my ($root) = $line =~ /root=(\S+)/;
is($root, unpack('H*', tree(map { $head{$_} } sort { $a <=> $b } keys %head)), 'the root is that of the heads, by somebody else\'s arithmetic');

my ($signed, $signature) = $line =~ /^(.*) signature=(\S+)$/;
my $dir = $sw->var;
spill("$dir/line", $signed);
spill("$dir/signature", pack 'H*', $signature);
like(`openssl pkeyutl -verify -pubin -inkey $dir/roots/public-key.pem -rawin -in $dir/line -sigfile $dir/signature 2>&1`, qr/Verified Successfully/, 'openssl verifies the signature with the published key');
is((stat "$dir/root-key.pem")[2] & 0777, 0600, 'the private key is nobody else\'s');

act($who{first}, $first, 'first_return', 'again');
my $sound = verify();
is_deeply([ @{$sound}{qw(code broken_count roots)}, scalar @{ $sound->{wrong_roots} } ], [ 0, 0, 1, 0 ], 'chains that have grown since still agree');

$sw->clock('2026-09-07T08:00:00+08:00');
ok(wait_until(sub { lines() == 2 }), 'the next time it runs, the day before is recorded');
like((lines())[1], qr/^day=2026-09-06 .* documents=6 .* previous=@{[ sha256_hex($line =~ s{\n}{}r) ]} /, 'behind the line before');
is(verify()->{roots}, 2, 'both are verified');
$sw->restart('export');
sleep 6;
is(scalar lines(), 2, 'a restart records no day twice');

# ---- what a forger can do
my @kept = lines();
spill($log, $kept[0] =~ s/documents=5/documents=4/r, $kept[1]);
is_deeply(verify()->{wrong_roots}, [ '2026-09-03', '2026-09-06' ], 'a changed line is seen by its signature and by the line behind it');
spill($log, $kept[1]);
is_deeply(verify()->{wrong_roots}, ['2026-09-06'], 'a line taken out is seen');
spill($log, @kept);
is(verify()->{code}, 0, 'put back, all is well');
is_deeply([ verify()->{text} =~ /^(\w+): \{/mg ], [qw(export mep nonmep origin)], 'one command looks at every module');

SKIP: {
	skip 'rewriting is tried on SQLite', 3 if $sw->database ne 'sqlite';
	my $id = $ids[1];
	my ($row) = split /\n/, $sw->sql('export', "SELECT sequence, at, actor, actor_kind, previous_hash, actor_name, action, from_state, to_state, opinion, body_hash FROM document_event WHERE document = $id AND sequence = 1");
	my ($sequence, $at, $actor, $kind, @text) = split /\|/, $row, -1;
	$text[1] = 'somebody else';
	my $hash = sha256_hex(join '', map({ "$_:" } $id, $sequence, $at, $actor, $kind), map { my $bytes = $_; length($bytes) . ":$bytes" } @text);
	$sw->sql('export', "UPDATE document_event SET actor_name = 'somebody else', hash = '$hash' WHERE document = $id AND sequence = 1");
	$sw->sql('export', "UPDATE document_event SET previous_hash = '$hash' WHERE document = $id AND sequence = 2");
	my $broken = verify();
	is("$broken->{broken_count} $broken->{code}", '1 1', 'an event changed in place breaks its chain');
	$sw->sql('export', "DELETE FROM document_event WHERE document = $id AND sequence > 1");
	$sw->sql('export', "UPDATE document SET event_sequence = 1, event_hash = '$hash' WHERE id = $id");
	my $forged = verify();
	is($forged->{broken_count}, 0, 'a chain forged from its beginning agrees with itself');
	is_deeply($forged->{wrong_roots}, [ '2026-09-03', '2026-09-06' ], 'but not with the roots');
}

# ---- published
is($sw->client->get('/api/export/roots')->content, join('', lines()), 'everybody may read the roots');
like($sw->client->get('/api/export/roots')->header('Content-Type'), qr{^text/plain}, 'as text');
like($sw->client->get('/api/export/roots/public-key.pem')->content, qr/^-----BEGIN PUBLIC KEY-----/, 'and have the key to check them with');
is($sw->client->get('/api/mep/roots')->status, 200, 'also where there is none yet');
done_testing;
