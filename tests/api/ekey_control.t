# The client control from the outside, with the real pcscd and a card: whom it answers, what it shows, what it signs and what it refuses.
use strict;
use warnings;
no warnings qw(portable);
use utf8;
use Test::More;
use Digest::SHA qw(sha256_base64 sha256);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64 decode_base64);
use Time::HiRes qw(sleep time);
use SingleWindow::Keys;
use POSIX ();

my $PIN = '73914682';
my $PORTAL = 'https://portal.test';
my $OTHER = 'http://localhost:8099';
my $keys = SingleWindow::Keys->start;
my $dir = $keys->dir;
$keys->person(pin => $PIN);
$keys->card('rsa', algorithm => 'RSA-2048', pin => $PIN, name => "王<b>五\x{202E}");
$keys->card('p256', algorithm => 'P-256', pin => $PIN, name => '李四');
$keys->card('signer', pin => $PIN, slots => ['9C']);
$keys->card('signin', pin => $PIN, slots => ['9A']);
$keys->control(portal => [ $PORTAL, $OTHER ]);

# ---- helpers

sub write_file { my ($path, $text) = @_; open my $file, '>:raw', $path or die "$path: $!"; print {$file} $text; close $file; return $path }

sub refused { my ($answer, $status, $code, $name) = @_;
	is($answer->status, $status, "$name: $status") or diag($answer->content);
	my $json = eval { $answer->json } // {};
	is($json->{code}, $code, "$name: $code");
	like($json->{message}{zh} // '', qr/\p{Han}/, "$name: with words");
	return $json;
}

sub key_of { my ($page) = @_; my ($key) = grep { $_ } map { $_->{key} } @{ $page->get('/state')->json->{readers} }; return $key }

# Whether openssl takes the signature (r||s for P-256) for the certificate's over these bytes.
sub verifies {
	my ($certificate, $bytes, $signature) = @_;
	my $value = decode_base64($signature);
	if (length $value == 64) {
		my @halves = map { s/^\0+(?=[^\0])//r } unpack 'a32 a32', $value;
		$value = join '', map { my $n = ord >= 0x80 ? "\0$_" : $_; "\x02" . chr(length $n) . $n } @halves;
		$value = "\x30" . chr(length $value) . $value;
	}
	write_file("$dir/v.der", decode_base64($certificate));
	write_file("$dir/v.bytes", $bytes);
	write_file("$dir/v.signature", $value);
	return qx(cd '$dir' && openssl x509 -inform der -in v.der -pubkey -noout > v.pub && openssl dgst -sha256 -verify v.pub -signature v.signature v.bytes 2>&1) =~ /Verified OK/;
}

sub application {
	my ($number, %option) = @_;
	my $text = qq(<SignedApplication xmlns="urn:singlewindow:signed-application:1" applicationNo="$number" documentId="45" enterprise="91110000100000001X" )
		. qq(form="export_licence" formVersion="1" version="7"><ExportLicence xmlns="urn:singlewindow:export_licence" version="1"><Name>大米 &amp; "x"</Name></ExportLicence></SignedApplication>);
	utf8::encode($text);
	return $text;
}

sub signed_info {
	my ($document, $algorithm) = @_;
	my $method = 'http://www.w3.org/2001/04/xmldsig-more#' . ($algorithm eq 'P-256' ? 'ecdsa-sha256' : 'rsa-sha256');
	my $c14n = 'http://www.w3.org/2001/10/xml-exc-c14n#';
	my $digest = sha256_base64($document);
	$digest .= '=' while length($digest) % 4;
	return qq(<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><CanonicalizationMethod Algorithm="$c14n"></CanonicalizationMethod>)
		. qq(<SignatureMethod Algorithm="$method"></SignatureMethod><Reference URI=""><Transforms>)
		. qq(<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></Transform><Transform Algorithm="$c14n"></Transform></Transforms>)
		. qq(<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod><DigestValue>$digest</DigestValue></Reference></SignedInfo>);
}

sub to_sign { my ($number, $algorithm) = @_; my $document = application($number);
	return { document => decode($document), signed_info => signed_info($document, $algorithm) } }
sub decode { my ($text) = @_; utf8::decode($text); return $text }

sub challenge { my ($use, $origin) = @_; return "single window key challenge\nportal: " . ($origin // $PORTAL) . "\nuse: $use\nnonce: " . ('ab' x 32) . "\ntime: 2026-09-03T10:00:00+08:00\n" }

# Sends bytes as they are; the status line and head of what comes back, and the rest.
sub raw {
	my ($bytes) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $keys->port, Timeout => 10) or die "connect: $!";
	print {$socket} $bytes;
	$socket->flush;
	local $/ = undef;
	return split /\r\n\r\n/, <$socket> // '', 2;
}
sub get_raw { my ($path, @lines) = @_; return raw(join '', map { "$_\r\n" } "GET $path HTTP/1.1", @lines, 'Connection: close', '') }

# Asks in a process of its own; the function that is returned waits for status and text.
sub at_once {
	my ($ask) = @_;
	my $pid = open(my $pipe, '-|') // die "fork: $!";
	if (!$pid) {
		my $answer = $ask->();
		syswrite STDOUT, $answer->status . ' ' . $answer->content;
		POSIX::_exit(0);
	}
	return sub { local $/ = undef; my $text = <$pipe>; close $pipe; return $text };
}

sub until_true { my ($condition) = @_; my $end = time + 30; sleep 0.02 until $condition->() or time > $end; return }

# ---- who is answered

my $host = 'Host: 127.0.0.1:' . $keys->port;
my $stranger = sub {
	my ($name, $status, @lines) = @_;
	my ($head, $body) = get_raw('/state', @lines);
	like($head, qr/^HTTP\/1\.1 $status /, "$name: $status");
	unlike($head, qr/access-control/i, "$name: no CORS header");
	is($body // '', '', "$name: and not a byte");
};
$stranger->('a page of another origin', 403, $host, 'Origin: https://evil.test');
$stranger->('an origin that begins like ours', 403, $host, "Origin: $PORTAL.evil.test");
$stranger->('no Origin', 403, $host);
$stranger->('Origin: null', 403, $host, 'Origin: null');
$stranger->('two Origins', 403, $host, "Origin: $PORTAL", 'Origin: https://evil.test');
$stranger->('a name led here by somebody\'s DNS', 421, 'Host: evil.test:' . $keys->port, "Origin: $PORTAL");
$stranger->('our address with another port', 421, 'Host: 127.0.0.1:80', "Origin: $PORTAL");
$stranger->('our address without a port', 421, 'Host: 127.0.0.1', "Origin: $PORTAL");
$stranger->('two Hosts', 421, $host, 'Host: evil.test', "Origin: $PORTAL");
my ($localhost) = get_raw('/state', 'Host: localhost:' . $keys->port, "Origin: $PORTAL");
like($localhost, qr/^HTTP\/1\.1 401 /, 'localhost is a name of ours');

my $preflight = sub {
	my ($origin, @lines) = @_;
	my ($head, $body) = raw(join '', map { "$_\r\n" } 'OPTIONS /batches HTTP/1.1', $host, "Origin: $origin", 'Access-Control-Request-Method: POST', @lines, 'Connection: close', '');
	return $head;
};
my $allowed = $preflight->($PORTAL, 'Access-Control-Request-Headers: authorization,content-type');
like($allowed, qr/^HTTP\/1\.1 204 /, 'preflight of the portal');
like($allowed, qr/^Access-Control-Allow-Origin: \Q$PORTAL\E\r?$/mi, 'allowed for that very origin');
like($allowed, qr/^Access-Control-Allow-Headers: Authorization, Content-Type\r?$/mi, 'and the headers it needs');
like($allowed, qr/^Vary: Origin\r?$/mi, 'and no cache mixes origins up');
unlike($allowed, qr/private-network|local-network|credentials/i, 'nothing that was not asked for');
like($preflight->($PORTAL, 'Access-Control-Request-Private-Network: true'), qr/^Access-Control-Allow-Private-Network: true\r?$/mi, 'private network access, when asked for');
like($preflight->($PORTAL, 'Access-Control-Request-Local-Network: true'), qr/^Access-Control-Allow-Local-Network: true\r?$/mi, 'local network access, when asked for');
like($preflight->('https://evil.test'), qr/^HTTP\/1\.1 403 (?!.*access-control)/si, 'preflight of another origin');

# ---- pairing

my $page = $keys->page($PORTAL);
my $unpaired = $page->get('/state');
refused($unpaired, 401, 'not_paired', 'not paired yet');
is($unpaired->header('Access-Control-Allow-Origin'), $PORTAL, 'the portal can read that');
is($unpaired->header('Cache-Control'), 'no-store', 'nothing is kept in caches');
refused($page->get('/state', Authorization => 'Bearer ' . ('0' x 64)), 401, 'not_paired', 'a wrong secret');
$keys->person(agrees => 0);
refused($page->post('/pair', {}), 409, 'refused', 'the person declines');
my ($asked) = reverse $keys->shown;
is($asked->{kind}, 'CONFIRM', 'the person was asked');
like($asked->{description}, qr/\Q$PORTAL\E/, 'by the name of the origin');
refused($page->post('/pair', {}), 409, 'refused', 'declines again') for 1 .. 2;
my $shown = () = $keys->shown;
my $later = $page->post('/pair', {});
refused($later, 429, 'too_many', 'after three times in a row');
is($later->header('Retry-After'), 60, 'for a minute');
is(scalar(() = $keys->shown), $shown, 'nobody is asked');
$keys->control;
$keys->person(agrees => 1);
$page->pair;
is($page->get('/state')->status, 200, 'paired');
is((stat "$dir/control/pairings")[2] & 0777, 0600, 'the file of pairings is for the owner alone');
my $foreign = $keys->page($OTHER);
refused($foreign->get('/state', Authorization => "Bearer $page->{secret}"), 401, 'not_paired', 'the secret is of no use to another origin');
$keys->control;
is($page->get('/state')->status, 200, 'paired for good: also after a restart');
my @browsers = map { $keys->page($PORTAL)->pair } 1 .. 8;
is($browsers[-1]->get('/state')->status, 200, 'eight browsers are paired');
refused($page->get('/state'), 401, 'not_paired', 'the ninth back is forgotten');
$page = $browsers[-1];

# ---- state and changes

my $state = $page->get('/state')->json;
is($state->{readers}[0]{key}, undef, 'no key yet');
my $waiting = at_once(sub { $page->get("/changes?after=$state->{change}") });
$keys->insert('rsa');
my ($changed) = map { JSON::PP->new->decode($_) } $waiting->() =~ /^200 (.*)/s;
cmp_ok($changed->{change}, '>', $state->{change}, 'who waits for changes hears of a card');
my $key = key_of($page);
is($key->{driver}, 'piv', 'a PIV card');
is($key->{pin_tries}, 3, 'three tries are left');
is_deeply([ map { "$_->{slot} $_->{algorithm}" } @{ $key->{certificates} } ], [ '9A RSA-2048', '9C RSA-2048' ], 'both certificates are there');
my $pem = $keys->certificate('rsa', '9C') =~ s/-----[^-]+-----|\s//gr;
is($key->{certificates}[1]{certificate}, $pem, 'as they are');
like($key->{certificates}[1]{subject}, qr/NTRCN-91110000100000001X/, 'with subject');
is($key->{certificates}[1]{not_after}, '2040-01-01T00:00:00Z', 'and validity');
my $before = $page->get('/state')->json->{change};
$keys->pull;
is(key_of($page), undef, 'pulled: the key is gone');
cmp_ok($page->get("/changes?after=$before")->json->{change}, '>', $before, 'and that is a change');
$keys->insert('rsa');
is(key_of($page)->{id}, $key->{id}, 'inserted again it is the same key');

# ---- challenges

for my $algorithm (qw(RSA-2048 P-256)) {
	my $rsa = $algorithm eq 'RSA-2048';
	$keys->insert($rsa ? 'rsa' : 'p256');
	$key = key_of($page);
	for my $use (qw(sign_in bind)) {
		my $answer = $page->post('/challenge', { key => $key->{id}, use => $use, challenge => challenge($use) });
		is($answer->status, 200, "$algorithm: $use") or diag($answer->text);
		my @signatures = @{ $answer->json->{signatures} };
		is(join(' ', map { $_->{slot} } @signatures), $use eq 'bind' ? '9A 9C' : '9A', "$algorithm: $use is signed with the right slots");
		ok(verifies($_->{certificate}, challenge($use), $_->{signature}), "$algorithm: $use, $_->{slot}: openssl verifies it") for @signatures;
		is(length decode_base64($signatures[0]{signature}), $rsa ? 256 : 64, "$algorithm: the length XMLDSig wants");
	}
}
my %good = (key => $key->{id}, use => 'sign_in', challenge => challenge('sign_in'));
refused($page->post('/challenge', { %good, challenge => challenge('sign_in', 'https://evil.test') }), 422, 'bad_challenge', 'another portal\'s challenge');
refused($page->post('/challenge', { %good, challenge => challenge('bind') }), 422, 'bad_challenge', 'a challenge for another use');
refused($page->post('/challenge', { %good, use => 'sign' }), 422, 'bad_challenge', 'an unknown use');
refused($page->post('/challenge', { %good, challenge => signed_info(application('A1'), 'P-256') }), 422, 'bad_challenge', 'a SignedInfo as a challenge');
refused($page->post('/challenge', { %good, challenge => challenge('sign_in') . "\x{4e2d}" }), 422, 'bad_challenge', 'more than plain text');
refused($page->post('/challenge', { %good, challenge => challenge('sign_in') . ('x' x 1000) }), 422, 'bad_challenge', 'a long one');
refused($page->post('/challenge', { %good, key => 'f' x 32 }), 409, 'no_key', 'a key that is not here');
$keys->insert('signer');
refused($page->post('/challenge', { %good, key => key_of($page)->{id} }), 409, 'no_certificate', 'a key without a certificate to sign in with');
$keys->insert('signin');
refused($page->post('/batches', { key => key_of($page)->{id}, documents => ['A1'] }), 409, 'no_certificate', 'a key without a certificate to sign with');

# ---- batches

for my $algorithm (qw(RSA-2048 P-256)) {
	$keys->insert($algorithm eq 'RSA-2048' ? 'rsa' : 'p256');
	$key = key_of($page);
	my @numbers = map { "20260001$_" } 20 .. 24;
	my $questions = () = $keys->shown;
	my $opened = $page->post('/batches', { key => $key->{id}, documents => \@numbers });
	is($opened->status, 200, "$algorithm: a batch of five") or diag($opened->text);
	my @shown = $keys->shown;
	is(@shown - $questions, 1, "$algorithm: the person is asked once");
	like($shown[-1]{description}, qr/\b5\b.*$numbers[0], $numbers[1], .*$numbers[4]/s, "$algorithm: and sees how many and which");
	like($shown[-1]{description}, qr/王\?b\?五\?/, "$algorithm: markup and direction marks of a card's name are not shown") if $algorithm eq 'RSA-2048';
	my $verifies = $keys->counters->{verifies};
	my $batch = $opened->json->{batch};
	is($opened->json->{seconds}, 60, "$algorithm: for a minute");
	for my $number (@numbers) {
		my $what = to_sign($number, $algorithm);
		my $answer = $page->post("/batches/$batch/sign", $what);
		is($answer->status, 200, "$algorithm: $number is signed") or diag($answer->text);
		ok(verifies($key->{certificates}[1]{certificate}, $what->{signed_info}, $answer->json->{signature}), "$algorithm: openssl verifies it");
	}
	is($keys->counters->{verifies}, $verifies + 5, "$algorithm: the card saw the PIN before every signature");
	refused($page->post("/batches/$batch/sign", to_sign($numbers[0], $algorithm)), 410, 'batch_over', "$algorithm: all signed, it is over");
}

my $open = sub { my @numbers = @_; my $answer = $page->post('/batches', { key => $key->{id}, documents => \@numbers }); is($answer->status, 200, 'a batch') or diag($answer->text); return $answer->json->{batch} };
my $batch = $open->('A1', 'A2');
my $signatures = $keys->counters->{signatures};
my $what = to_sign('A1', 'P-256');
my $bad = sub { my ($name, %change) = @_; refused($page->post("/batches/$batch/sign", { %$what, %change }), 422, 'bad_document', $name) };
my $altered = application('A1') =~ s/version="7"/version="8"/r;
$bad->('a document that is not the one of the digest', document => decode($altered));
$bad->('another algorithm', signed_info => signed_info(application('A1'), 'RSA-2048'));
$bad->('a SignedInfo with a space more', signed_info => $what->{signed_info} =~ s/<Reference/ <Reference/r);
$bad->('a SignedInfo with another transform', signed_info => $what->{signed_info} =~ s/enveloped-signature/base64/r);
$bad->('an empty SignedInfo', signed_info => '');
my $as = sub { my ($name, $document) = @_; $bad->($name, document => decode($document), signed_info => signed_info($document, 'P-256')) };
$as->('XML that is not canonical', application('A1') =~ s/ form=/  form=/r);
$as->('attributes out of order', application('A1') =~ s/( documentId="45")( enterprise="\w+")/$2$1/r);
$as->('a comment', application('A1') =~ s/<Name>/<!-- x --><Name>/r);
$as->('an entity of its own', '<!DOCTYPE a [<!ENTITY e "x">]>' . application('A1'));
$as->('a processing instruction', application('A1') =~ s/<Name>/<?x y?><Name>/r);
$as->('another root', application('A1') =~ s/SignedApplication/Application/gr);
$as->('another namespace', application('A1') =~ s/signed-application:1/signed-application:2/r);
$as->('no application number', application('A1') =~ s/ applicationNo="A1"//r);
$as->('no XML', 'A1');
$as->('nothing', '');
refused($page->post("/batches/$batch/sign", to_sign('A3', 'P-256')), 422, 'not_in_batch', 'an application that was not confirmed');
is($keys->counters->{signatures}, $signatures, 'none of these was signed');
is($page->post("/batches/$batch/sign", $what)->status, 200, 'the right one is');
refused($page->post("/batches/$batch/sign", $what), 422, 'not_in_batch', 'but once');
refused($page->post('/batches/' . ('0' x 32) . '/sign', to_sign('A2', 'P-256')), 410, 'batch_over', 'a batch that never was');
$foreign->pair;
refused($foreign->post("/batches/$batch/sign", to_sign('A2', 'P-256')), 410, 'batch_over', 'another origin\'s batch');
is($page->delete("/batches/$batch")->status, 204, 'a batch is given up');
refused($page->post("/batches/$batch/sign", to_sign('A2', 'P-256')), 410, 'batch_over', 'and over');
refused($page->post('/batches', { key => $key->{id}, documents => $_->[1] }), 400, 'bad_json', "a batch $_->[0]")
	for ['of nothing', []], ['of bad numbers', ['a b']], ['of a number twice', [qw(A1 A1)]], ['of 101', [ 1 .. 101 ]], ['of numbers of 33 characters', [ 'A' x 33 ]], ['of numbers that are none', [1]];
$batch = $open->(map { "N$_" } 1 .. 100);
like(($keys->shown)[-1]{description}, qr/\b100\b.*N1, N2, .*\(\+\d+\)/s, 'of a hundred as many as fit are shown, and how many more');
$page->delete("/batches/$batch");

# ---- the card is pulled

$batch = $open->(qw(A1 A2 A3));
$keys->pull_at(2);
is($page->post("/batches/$batch/sign", to_sign('A1', 'P-256'))->status, 200, 'the first signature');
refused($page->post("/batches/$batch/sign", to_sign('A2', 'P-256')), 409, 'key_removed', 'pulled during the second');
refused($page->post("/batches/$batch/sign", to_sign('A3', 'P-256')), 409, 'key_removed', 'the third');
$keys->wait_for_key(0);
$keys->insert('p256');
refused($page->post("/batches/$batch/sign", to_sign('A3', 'P-256')), 409, 'key_removed', 'inserted again, the batch does not come back');
$batch = $open->('A1');
$keys->pull;
$keys->insert('p256');
refused($page->post("/batches/$batch/sign", to_sign('A1', 'P-256')), 409, 'key_removed', 'pulled and inserted between');
$keys->person(next => [ 'wait' ]);
my $asking = at_once(sub { $page->post('/batches', { key => $key->{id}, documents => ['A1'] }) });
until_true(sub { my ($last) = reverse $keys->shown; $last->{kind} eq 'PIN' && -e "$dir/person/lock" && !@{ JSON::PP->new->decode(do { local (@ARGV, $/) = "$dir/person/person"; <> })->{next} } });
refused($page->post('/pin', { key => $key->{id} }), 409, 'busy', 'one window at a time');
$keys->pull;
$keys->go;
like($asking->(), qr/^409 .*key_removed/, 'pulled while the person is asked');
unlink "$dir/person/go";
$keys->insert('p256');

# ---- the PIN

$keys->person(agrees => 0);
refused($page->post('/batches', { key => $key->{id}, documents => ['A1'] }), 409, 'refused', 'the person declines to sign');
$keys->person(agrees => 1, pin => '50617283');
is(refused($page->post('/batches', { key => $key->{id}, documents => ['A1'] }), 422, 'wrong_pin', 'a wrong PIN')->{tries}, 2, 'two tries are left');
is(key_of($page)->{pin_tries}, 2, 'as the state says, too');
is(refused($page->post('/challenge', \%good), 422, 'wrong_pin', 'a wrong PIN to sign in')->{tries}, 1, 'one try is left');
like(($keys->shown)[-1]{description}, qr/Tries left: 2/, 'the person was told how many were left');
my $wrong = $keys->counters->{wrong};
my $count = () = $keys->shown;
is(refused($page->post('/batches', { key => $key->{id}, documents => ['A1'] }), 409, 'last_try', 'the last try')->{tries}, 1, 'is not used unasked');
refused($page->post('/challenge', \%good), 409, 'last_try', 'nor to sign in');
refused($page->post('/pin', { key => $key->{id} }), 409, 'last_try', 'nor to change the PIN');
is($keys->counters->{wrong}, $wrong, 'the card was not shown a PIN');
is(scalar(() = $keys->shown), $count, 'and nobody asked for one');
$keys->person(pin => $PIN);
is($page->post('/challenge', { %good, last_try => JSON::PP::true })->status, 200, 'asked for, the last try is used');
is(key_of($page)->{pin_tries}, 3, 'and was right: three again');
$keys->tries(1);
$keys->person(pin => '50617283');
refused($page->post('/challenge', { %good, last_try => JSON::PP::true }), 409, 'pin_blocked', 'the last try, wrong');
is(key_of($page)->{pin_tries}, 0, 'none is left');
refused($page->post('/batches', { key => $key->{id}, documents => ['A1'], last_try => JSON::PP::true }), 409, 'pin_blocked', 'blocked');
refused($page->post('/pin', { key => $key->{id} }), 409, 'pin_blocked', 'blocked for a change, too');
$keys->tries(3);
$wrong = $keys->counters->{wrong};
for my $default (qw(123456 12345678 000000 00000000 111111 87654321 654321)) {
	$keys->person(pin => $default);
	refused($page->post('/batches', { key => $key->{id}, documents => ['A1'] }), 422, 'default_pin', "PIN $default");
}
for my $no_pin ('', '12345', '123456789', '12a456', '739 146') {
	$keys->person(pin => $no_pin);
	refused($page->post('/batches', { key => $key->{id}, documents => ['A1'] }), 422, 'pin_format', 'something that is no PIN');
}
is($keys->counters->{wrong}, $wrong, 'none of these cost a try');

$keys->person(next => [ map { { pin => $_ } } $PIN, '24681357', '24681357' ], pin => '24681357');
is($page->post('/pin', { key => $key->{id} })->status, 204, 'the PIN is changed');
is(join('|', map { $_->{prompt} } ($keys->shown)[ -3 .. -1 ]), '原密码 Present PIN:|新密码 New PIN:|再次输入新密码 New PIN again:', 'old, new and new again were asked for');
is($page->post('/challenge', \%good)->status, 200, 'the new one is right');
$keys->person(next => [ map { { pin => $_ } } '24681357', $PIN, '97531864' ]);
refused($page->post('/pin', { key => $key->{id} }), 422, 'pin_format', 'two different new ones');
$keys->person(next => [ map { { pin => $_ } } '24681357', '111111', '111111' ]);
refused($page->post('/pin', { key => $key->{id} }), 422, 'default_pin', 'a default one as the new one');
$keys->person(next => [ map { { pin => $_ } } '50617283', $PIN, $PIN ]);
is(refused($page->post('/pin', { key => $key->{id} }), 422, 'wrong_pin', 'a wrong old one')->{tries}, 2, 'counts');
$keys->person(next => [ map { { pin => $_ } } '24681357', $PIN, $PIN ], pin => $PIN);
is($page->post('/pin', { key => $key->{id} })->status, 204, 'and back');

# ---- what cannot be read

my $json = sub { my ($text) = @_; return $page->post('/challenge', $text, 'Content-Type' => 'application/json') };
refused($json->($_), 400, 'bad_json', "the body $_") for '', '{"key"', '[]', '{"key":1}', '{"key":"a","key":"b"}', '{"pin":123456}', '{"pin":"\u0031\u0032\u0033\u0034\u0035\u0036"}', '{"last_try":"yes"}', '{} {}', '"x"';
refused($page->post('/challenge', '{}', 'Content-Type' => 'text/plain'), 400, 'bad_json', 'another type of content');
refused($json->('{"challenge":"' . ('x' x (1 << 20)) . '"}'), 413, 'too_large', 'more than 1 MiB');
refused($page->get($_), 404, 'not_found', "GET $_") for '/', '/pair', '/batches', '/batches/' . ('0' x 32), '/state/x', '/../state';
refused($page->post("/batches/$_/sign", {}), 404, 'not_found', 'a batch id that is none') for 'x', 'G' x 32;

# ---- the PIN is nowhere

# How often the bytes stand in the memory of the control; undef when it cannot be read (a sanitizer's maps have no end).
sub in_memory {
	my ($bytes) = @_;
	return if ($ENV{VARIANT} // 'plain') ne 'plain';
	my $pid = $keys->control_pid;
	open my $maps, '<', "/proc/$pid/maps" or return;
	open my $memory, '<:raw', "/proc/$pid/mem" or return;
	my $found = 0;
	while (my $line = <$maps>) {
		my ($from, $to) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) r(?!.*\[v)/ or next;
		($from, $to) = (hex $from, hex $to);
		sysseek $memory, $from, 0 or next;
		my $text = '';
		while ($from < $to) {
			my $got = sysread($memory, $text, $to - $from > 1 << 20 ? 1 << 20 : $to - $from) or last;
			$from += $got;
			$found++ while $text =~ /\Q$bytes\E/g;
		}
	}
	return $found;
}

my $sweep = sub {
	my ($name, $secret, $use) = @_;
	SKIP: {
		skip 'the memory cannot be read here', 3 unless defined in_memory($secret);
		my $id = $use->();
		cmp_ok(in_memory($secret), '==', 1, "$name: during a batch the PIN is in one place of the memory");
		is($page->post("/batches/$id/sign", to_sign('A1', 'P-256'))->status, 200, "$name: signed");
		is(in_memory($secret), 0, "$name: after it nowhere");
	}
};
$sweep->('asked for', $PIN, sub { $open->('A1') });
unlike($keys->control_log, qr/$PIN|24681357|50617283/, 'no PIN is in the log');
unlike($keys->control_log, qr/$page->{secret}/, 'nor is a secret');

# ---- the page's own dialog hands the PIN over

$keys->control(settings => { pin => 'page' });
is($page->get('/state')->json->{pin}, 'page', 'the state says that the page asks for the PIN');
$count = () = $keys->shown;
my $handed = sub { my ($pin) = @_; return $page->post('/batches', { key => $key->{id}, documents => ['A1'], pin => $pin }) };
is($handed->($PIN)->status, 200, 'a PIN handed over');
my @asked = $keys->shown;
is($asked[-1]{kind}, 'CONFIRM', 'what is signed is confirmed all the same');
is(@asked - $count, 1, 'once');
refused($handed->('12345678'), 422, 'default_pin', 'a default PIN handed over');
refused($handed->('1234'), 422, 'pin_format', 'a short one');
is(refused($handed->('50617283'), 422, 'wrong_pin', 'a wrong one')->{tries}, 2, 'is counted');
$keys->person(agrees => 0);
refused($handed->($PIN), 409, 'refused', 'declined');
$keys->person(agrees => 1);
is($page->post('/pin', { key => $key->{id}, old => $PIN, new => '24681357' })->status, 204, 'a change handed over');
is($page->post('/pin', { key => $key->{id}, old => '24681357', new => $PIN })->status, 204, 'and back');
$keys->control;
$sweep->('handed over', $PIN, sub { $handed->($PIN)->json->{batch} });
is($page->post('/challenge', { %good, pin => $PIN })->status, 200, 'sign-in with a PIN handed over');

# ---- other settings

$keys->control(settings => { pin => 'page', prompt => 'none', batch_seconds => 1 });
$count = () = $keys->shown;
is($page->post('/challenge', { %good, pin => $PIN })->status, 200, 'without a prompt');
refused($page->post('/challenge', \%good), 409, 'no_prompt', 'without a prompt and without a PIN');
$batch = $handed->($PIN)->json->{batch};
my $over;
until_true(sub { $over = $page->post("/batches/$batch/sign", to_sign('A9', 'P-256')); $over->status == 410 });
refused($over, 410, 'batch_over', 'its time is over');
is(in_memory($PIN) // 0, 0, 'and the PIN is gone');
ok($keys->page($PORTAL)->pair, 'a page is paired: the settings say so');
is(scalar(() = $keys->shown), $count, 'nobody was asked');
$keys->control(settings => {});
$keys->person(next => [ 'broken' ]);
refused($page->post('/challenge', \%good), 409, 'no_prompt', 'a pinentry that cannot show its window');
$keys->control(settings => { prompt => '/nonexistent' });
refused($page->post('/challenge', \%good), 409, 'no_prompt', 'a pinentry that is not there');
$keys->control(settings => { prompt => '/bin/true' });
refused($page->post('/challenge', \%good), 409, 'no_prompt', 'a program that is no pinentry');

my $control = "$SingleWindow::Keys::ROOT/build/" . ($ENV{VARIANT} // 'plain') . '/bin/ekey-control';
for my $wrong_setting ('portal = http://portal.test', 'portal = https://portal.test/path', 'portal = *', 'portal = https://Portal.test', 'portal =', 'portal = https://a.test:0',
	'portal = http://127.0.0.1.evil.test', "portal = https://a.test\nport = 80", "portal = https://a.test\npin = file", "portal = https://a.test\nprompt = none",
	"portal = https://a.test\nbatch_seconds = 61", "portal = https://a.test\nprompt = pinentry") {
	write_file("$dir/wrong", "$wrong_setting\nstate = $dir/control\n");
	is(system("$control --settings '$dir/wrong' >'$dir/wrong.log' 2>&1") >> 8, 1, 'refused at the start: ' . $wrong_setting =~ s/\n/, /gr);
}
done_testing();
