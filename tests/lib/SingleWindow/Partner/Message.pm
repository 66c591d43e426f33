package SingleWindow::Partner::Message;

# Messages of the partner gateway as another system writes, signs and reads them: nothing of the portal's own code. What is written here is
# canonical as it stands, so that a digest of the text is a digest of its exclusive canonical form.

use strict;
use warnings;
use utf8;

use Crypt::OpenSSL::RSA;
use Digest::SHA qw(sha256_base64);
use Encode qw(encode_utf8 decode_utf8);
use Exporter 'import';
use MIME::Base64 qw(encode_base64);

our @EXPORT_OK = qw(message_text sign_message read_message signing_key elements);

my $DSIG = 'http://www.w3.org/2000/09/xmldsig#';
my $EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#';
my @HEAD = qw(MessageId Number Sender Receiver Kind Module Document Sequence Created);

sub _escaped { my ($text) = @_; return $text =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr =~ s/\r/&#xD;/gr }

# [ Name => 'text', Group => [ ... ], ... ] as elements; what is undefined is left out.
sub elements {
	my ($members) = @_;
	my $text = '';
	for (my $i = 0; $i < @$members; $i += 2) {
		my ($name, $value) = @$members[ $i, $i + 1 ];
		$text .= "<$name>" . (ref $value ? elements($value) : _escaped($value)) . "</$name>" if defined $value;
	}
	return $text;
}

# The unsigned message, bytes. head: what @HEAD names, or more and in another order when it is an array.
sub message_text {
	my ($head, $members) = @_;
	my $kind = ref $head eq 'HASH' ? $head->{Kind} : { @$head }->{Kind};
	my $order = ref $head eq 'HASH' ? [ map { $_ => $head->{$_} } @HEAD ] : $head;
	return encode_utf8('<Message xmlns="urn:singlewindow:message">' . elements([ Head => $order, $kind => $members ]) . '</Message>');
}

sub signing_key {
	my ($path) = @_;
	open my $file, '<', $path or die "$path: $!";
	local $/ = undef;
	my $key = Crypt::OpenSSL::RSA->new_private_key(scalar <$file>);
	$key->use_sha256_hash;
	return $key;
}

# The message with its enveloped signature as the last child of the root.
sub sign_message {
	my ($text, $key) = @_;
	my $digest = sha256_base64($text);
	$digest .= '=' while length($digest) % 4;
	my $info = "<CanonicalizationMethod Algorithm=\"$EXCLUSIVE\"></CanonicalizationMethod><SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></SignatureMethod>"
		. "<Reference URI=\"\"><Transforms><Transform Algorithm=\"${DSIG}enveloped-signature\"></Transform><Transform Algorithm=\"$EXCLUSIVE\"></Transform></Transforms>"
		. "<DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></DigestMethod><DigestValue>$digest</DigestValue></Reference></SignedInfo>";
	my $value = encode_base64($key->sign("<SignedInfo xmlns=\"$DSIG\">$info"), '');
	my $signature = "<Signature xmlns=\"$DSIG\"><SignedInfo>$info<SignatureValue>$value</SignatureValue></Signature>";
	return $text =~ s{(</(?:\w+:)?Message>)\z}{$signature$1}r;
}

sub _plain { my ($text) = @_; return $text =~ s/&lt;/</gr =~ s/&gt;/>/gr =~ s/&quot;/"/gr =~ s/&#xD;/\r/gr =~ s/&amp;/&/gr }

# What the portal sent: { head's members, members => { Name => text | [texts] }, payload }. Dies when it is no message. It is read with
# patterns, which is enough for the portal's own canonical form; that it is well-formed, valid and signed is checked by xmllint and xmlsec1.
sub read_message {
	my ($bytes) = @_;
	my $text = decode_utf8($bytes, Encode::FB_CROAK | Encode::LEAVE_SRC);
	$text =~ m{^(?:<\?xml[^>]*\?>\s*)?<Message xmlns="urn:singlewindow:message"><Head>(.*?)</Head><(\w+)>(.*)</\2><Signature}s or die "no message of the portal: $text";
	my ($head, $kind, $payload) = ($1, $2, $3);
	my %message = (payload => $payload, members => {});
	$message{$1} = _plain($2) while $head =~ m{<(\w+)>([^<]*)</\1>}g;
	die "the kind is $message{Kind}, the payload $kind" unless $message{Kind} eq $kind;
	my $flat = $payload =~ s{<Content>.*</Content>}{}sr unless $kind eq 'Attachment';
	$flat = $payload if $kind eq 'Attachment';
	while ($flat =~ m{\G(?:<(\w+)>([^<]*)</\1>|<(\w+)/>|<(\w+)>(.*?)</\4>)}gcs) {
		if (defined $4) { my ($name, $inner, %group) = ($4, $5); $group{$1} = _plain($2) while $inner =~ m{<(\w+)>([^<]*)</\1>}g; push @{ $message{groups}{$name} }, \%group }
		else { $message{members}{ $1 // $3 } = _plain($2 // '') }
	}
	die "cannot be read from: " . substr($flat, pos($flat) // 0, 100) if (pos($flat) // 0) < length $flat;
	return \%message;
}

1;
