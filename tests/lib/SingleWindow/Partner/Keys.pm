package SingleWindow::Partner::Keys;

# The certificates of partners and of the portal's door for them: one authority for TLS, signers of messages. Valid from 2020 to 2040,
# for tests set the clock. (platform/authority knows neither addresses nor purposes, which TLS wants.)
#
#   my $keys = SingleWindow::Partner::Keys->new($folder);
#   my ($certificate, $key) = $keys->issue('customs', 'server' | 'client' | 'sign');     # paths of PEM files

use strict;
use warnings;
use utf8;

use Carp qw(croak);

sub new {
	my ($class, $dir) = @_;
	my $self = bless { dir => $dir }, $class;
	mkdir "$dir/issued" or croak "$dir/issued: $!";
	_spill("$dir/index", '');
	_spill("$dir/openssl.cnf", <<"END");
[req]
distinguished_name = any
[any]
[ca]
default_ca = this
[this]
database = $dir/index
new_certs_dir = $dir/issued
certificate = $dir/authority.pem
private_key = $dir/authority.key
rand_serial = yes
unique_subject = no
default_md = sha256
policy = anything
[anything]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1
[client]
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
[sign]
keyUsage = critical, digitalSignature
END
	$self->_issue('authority', 'authority', 'authority', _p256(), '-selfsign');
	return $self;
}

sub authority { return "$_[0]{dir}/authority.pem" }

# Signers are RSA, for perl signs with those without starting a program.
sub issue { my ($self, $name, $for) = @_; return $self->_issue("$name-$for", $for, $name, $for eq 'sign' ? ('-newkey', 'rsa:2048') : _p256()) }

sub _p256 { return ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256') }

sub _issue {
	my ($self, $file, $section, $name, @rest) = @_;
	my ($dir, @more) = ($self->{dir});
	@more = splice @rest, -1 if $rest[-1] eq '-selfsign';
	_run('openssl', 'req', '-new', '-config', "$dir/openssl.cnf", @rest, '-nodes', '-keyout', "$dir/$file.key", '-out', "$dir/$file.csr", '-subj', "/CN=$name");
	_run('openssl', 'ca', '-config', "$dir/openssl.cnf", '-batch', '-notext', '-startdate', '20200101000000Z', '-enddate', '20400101000000Z', '-extensions', $section,
		(@more ? ('-selfsign', '-keyfile', "$dir/$file.key") : ()), '-in', "$dir/$file.csr", '-out', "$dir/$file.pem");
	chmod 0644, "$dir/$file.key", "$dir/$file.pem"; # the programs of the instance are another user
	return ("$dir/$file.pem", "$dir/$file.key");
}

sub _run {
	my (@command) = @_;
	my $said = '';
	open my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1 </dev/null', 'sh', @command or croak "$command[0]: $!";
	while (defined(my $line = <$pipe>)) { $said .= $line }
	close $pipe or croak "@command: $said";
	return;
}
sub _spill { my ($path, $text) = @_; open my $file, '>', $path or croak "$path: $!"; print {$file} $text; close $file or croak "$path: $!"; return }

1;
