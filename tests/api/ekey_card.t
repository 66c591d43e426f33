# The card that stands in for an electronic key is one that OpenSC's own tools take for a PIV card: a fair stand-in.
use strict;
use warnings;
use Test::More;
use SingleWindow::Keys;

my $PIN = '739146';
my $keys = SingleWindow::Keys->start;
my $dir = $keys->dir;

sub write_file { my ($path, $text) = @_; open my $file, '>:raw', $path or die "$path: $!"; print {$file} $text; close $file; return $path }
sub tool_ok { my ($name, @words) = @_; my ($code, $text) = $keys->tool(@words); is($code, 0, $name) or diag($text); return $text }

my $data = write_file("$dir/data", join '', map { "line $_\n" } 1 .. 50);
system("openssl dgst -sha256 -binary '$data' > '$dir/digest'") == 0 or die 'openssl';

for my $algorithm (qw(RSA-2048 P-256)) {
	my $rsa = $algorithm eq 'RSA-2048';
	$keys->card($algorithm, algorithm => $algorithm, holder => '91110000100000001X', pin => $PIN);
	$keys->insert($algorithm);
	like(tool_ok("$algorithm: opensc-tool reads the card's name", qw(opensc-tool -n)), qr/PIV|Personal Identity/i, "$algorithm: it is a PIV card");
	my $listed = tool_ok("$algorithm: pkcs15-tool lists certificates", qw(pkcs15-tool -c));
	like($listed, qr/PIV AUTH|PIV Auth/i, "$algorithm: the one to sign in with") or diag($listed);
	like($listed, qr/DIG SIG|Digital Signature/i, "$algorithm: the one to sign with");
	my $objects = tool_ok("$algorithm: pkcs11-tool signs in", qw(pkcs11-tool -O --login --pin), $PIN);
	like($objects, qr/Private Key Object.*Private Key Object/s, "$algorithm: and sees both private keys");
	my $counted = $keys->counters->{signatures};
	for my $slot ([ '9A', '01' ], [ '9C', '02' ]) {
		my ($name, $id) = @$slot;
		my $signature = "$dir/$algorithm-$name.signature";
		tool_ok("$algorithm $name: pkcs11-tool --sign", 'pkcs11-tool', '--sign', '--id', $id, '--login', '--pin', $PIN,
			'-m', $rsa ? 'SHA256-RSA-PKCS' : 'ECDSA', $rsa ? () : ('--signature-format', 'openssl'),
			'-i', $rsa ? $data : "$dir/digest", '-o', $signature);
		write_file("$dir/certificate.pem", $keys->certificate($algorithm, $name));
		my $checked = qx(openssl x509 -in '$dir/certificate.pem' -pubkey -noout > '$dir/public.pem' && openssl dgst -sha256 -verify '$dir/public.pem' -signature '$signature' '$data' 2>&1);
		like($checked, qr/Verified OK/, "$algorithm $name: openssl verifies the signature with the card's certificate") or diag($checked);
	}
	is($keys->counters->{signatures}, $counted + 2, "$algorithm: it was the card that signed");
	my ($code) = $keys->tool(qw(pkcs11-tool -O --login --pin 000001));
	isnt($code, 0, "$algorithm: a wrong PIN is refused");
	is($keys->counters->{pin_tries}, 2, "$algorithm: and counted");
	tool_ok("$algorithm: the PIN can be changed", 'pkcs11-tool', '--change-pin', '--pin', $PIN, '--new-pin', '50617283');
	tool_ok("$algorithm: the new one works", qw(pkcs11-tool -O --login --pin 50617283));
	$keys->pull;
	my ($left) = $keys->tool(qw(opensc-tool -a));
	isnt($left, 0, "$algorithm: pulled");
}
done_testing();
