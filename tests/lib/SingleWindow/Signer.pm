package SingleWindow::Signer;

# An electronic key without a card: two key pairs in files, certificates of the instance's demo authority, signatures by openssl's
# command line. What the card and the client control would say, for tests of the programs alone (SingleWindow::Keys has the real parts).
#
#   my $signer = SingleWindow::Signer->new($sw, uscc => '9111...', name => '演示企业', algorithm => 'RSA-2048' | 'P-256' | 'SM2');
#   $signer->bind($client);                                   # as the page does it
#   $signer->answer('9A', $challenge);                        # {slot, certificate, signature}
#   my $signed = $signer->signed($item);                      # the XML of an item that .../signatures/prepare gave

use strict;
use warnings;
use utf8;

use Carp qw(croak);
use File::Temp qw(tempdir);
use MIME::Base64 qw(encode_base64);

sub new {
	my ($class, $sw, %option) = @_;
	my $self = bless { dir => tempdir('sw-signer-XXXXXX', TMPDIR => 1, CLEANUP => 1), authority => $option{authority} // $sw->var . '/authority', algorithm => $option{algorithm} // 'P-256' }, $class;
	for my $slot (qw(9A 9C)) {
		_run('openssl', 'genpkey', '-quiet', _kind($self->{algorithm}), '-out', "$self->{dir}/$slot.key");
		_spill("$self->{dir}/$slot.pem", _run("$SingleWindow::Instance::ROOT/platform/authority", 'issue', $self->{authority}, $slot, "$self->{dir}/$slot.key",
			$option{name} // '测试企业', $option{uscc} // '', @{ $option{validity} // [] }));
		_run('openssl', 'x509', '-in', "$self->{dir}/$slot.pem", '-outform', 'DER', '-out', "$self->{dir}/$slot.der");
	}
	return $self;
}

sub _kind {
	my ($algorithm) = @_;
	return $algorithm =~ /^RSA-(\d+)$/ ? ('-algorithm', 'RSA', '-pkeyopt', "rsa_keygen_bits:$1")
		: $algorithm eq 'SM2' ? ('-algorithm', 'SM2') : ('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
}

sub pem { my ($self, $slot) = @_; return "$self->{dir}/$slot.pem" }
sub key { my ($self, $slot) = @_; return "$self->{dir}/$slot.key" }
sub certificate { my ($self, $slot) = @_; return encode_base64(_slurp("$self->{dir}/$slot.der"), '') }
sub revoke { my ($self) = @_; _run("$SingleWindow::Instance::ROOT/platform/authority", 'revoke', $self->{authority}, $self->pem($_)) for qw(9A 9C); return $self }

# Raw: RSA as it is, the others as r||s.
sub sign {
	my ($self, $slot, $bytes) = @_;
	_spill("$self->{dir}/bytes", $bytes);
	my @how = $self->{algorithm} eq 'SM2' ? ('-sm3', '-sigopt', 'distid:1234567812345678') : ('-sha256');
	my $signature = _run('openssl', 'dgst', @how, '-sign', $self->key($slot), "$self->{dir}/bytes");
	return $signature if $self->{algorithm} =~ /^RSA/;
	return join '', _integers($signature);
}

# The two integers of a SEQUENCE, 32 bytes each.
sub _integers {
	my ($der) = @_;
	croak 'no ECDSA signature' unless $der =~ /^\x30.\x02/s;
	my @found;
	my $at = 2;
	for (1 .. 2) {
		my $length = ord substr $der, $at + 1, 1;
		push @found, substr "\0" x 32 . substr($der, $at + 2, $length), -32;
		$at += 2 + $length;
	}
	return @found;
}

sub answer {
	my ($self, $slot, $challenge) = @_;
	return { slot => $slot, certificate => $self->certificate($slot), signature => encode_base64($self->sign($slot, $challenge), '') };
}

sub bind {
	my ($self, $client, %option) = @_;
	my $challenge = $client->post('/api/account/keys/challenge', {})->json->{challenge};
	return $client->post('/api/account/keys', { challenge => $challenge, label => $option{label} // '', signatures => [ map { $self->answer($_, $challenge) } qw(9A 9C) ] });
}

sub sign_in {
	my ($self, $client) = @_;
	my $challenge = $client->post('/api/account/session/challenge', {})->json->{challenge};
	return $client->post('/api/account/session/key', { challenge => $challenge, signature => $self->answer('9A', $challenge) });
}

sub signed {
	my ($self, $item) = @_;
	my $value = encode_base64($self->sign('9C', $item->{signed_info}), '');
	return $item->{signed} =~ s{<SignatureValue></SignatureValue>|<SignatureValue/>}{<SignatureValue>$value</SignatureValue>}r;
}

sub _run {
	my (@command) = @_;
	open my $pipe, '-|', @command or croak "$command[0]: $!";
	binmode $pipe;
	my $said = do { local $/; <$pipe> // '' };
	close $pipe or croak "@command failed";
	return $said;
}
sub _spill { my ($path, $bytes) = @_; open my $out, '>:raw', $path or croak "$path: $!"; print {$out} $bytes; close $out or croak "$path: $!"; return }
sub _slurp { my ($path) = @_; open my $in, '<:raw', $path or croak "$path: $!"; local $/; return <$in> }

1;
