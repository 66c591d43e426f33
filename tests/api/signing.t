#!/usr/bin/perl
# Submissions signed with electronic keys (R-KEY-2, R-EX-16): what is signed, what is accepted, what is kept; and every way of being wrong.
# The keys here are files (SingleWindow::Signer); with real cards: tests/browser/ekey_flow.t.
use strict;
use warnings;
use utf8;
use Test::More;
use File::Temp qw(tempdir);
use Digest::SHA ();
use Encode ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Time::HiRes qw(sleep);

use SingleWindow::Export;
use SingleWindow::Import qw(make_of mep_body register_mep);
use SingleWindow::Instance;
use SingleWindow::Signer;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $sw = SingleWindow::Instance->start;
my ($operator, $admin, $other, $first) = map { $sw->signed_in("demo_$_") } qw(operator admin other first);
my $uscc = $operator->session->{enterprise}{uscc};
my $folder = tempdir('sw-signing-XXXXXX', TMPDIR => 1, CLEANUP => 1);

my (%signer, %key);
for my $algorithm ('P-256', 'RSA-2048', 'SM2') {
	$signer{$algorithm} = SingleWindow::Signer->new($sw, uscc => $uscc, algorithm => $algorithm);
	my ($item) = grep { $_->{algorithm} eq $algorithm } @{ $signer{$algorithm}->bind($operator)->json->{items} };
	$key{$algorithm} = $item->{id};
}
my ($signer, $key) = ($signer{'P-256'}, $key{'P-256'});

sub document { my ($id) = @_; return $operator->get("/api/export/documents/$id")->json->{document} }
sub prepared { my ($id, %change) = @_; return $operator->post('/api/export/signatures/prepare', { action => 'submit', key => $key, documents => [ { id => $id, version => document($id)->{version} } ], %change }) }
sub submit { my ($id, $token, $signed, $client) = @_; return ($client // $operator)->post("/api/export/documents/$id/actions/submit", { token => $token, signed => $signed }, 'If-Match' => '*') }
sub spill { my ($name, $bytes) = @_; open my $out, '>:raw', "$folder/$name" or die $!; print {$out} $bytes; close $out or die $!; return "$folder/$name" }
sub kept { return $sw->sql('export', 'SELECT count(*) FROM document_signature') + 0 }

sub refused {
	my ($answer, $name, $id, $what) = @_;
	is($answer->status . ' ' . ($answer->json->{type} // '') =~ s{.*/}{}r, "409 $name", $what);
	like($answer->json->{message}{zh} // '', qr/\p{Han}/, '... and told in words');
	is(document($id)->{state}, 'DRAFT', '... the draft is as it was');
	return;
}

# ---- the good way, with each kind of key

for my $algorithm (sort keys %signer) {
	my $id = complete($operator);
	my $answer = prepared($id, key => $key{$algorithm});
	is($answer->status, 200, "$algorithm: prepared");
	my $item = $answer->json->{items}[0];
	like($item->{document}, qr/\A<SignedApplication xmlns="urn:singlewindow:signed-application:1" applicationNo="$item->{application_no}" documentId="$id"/, '... what is to be signed names the document');
	my $signed = $signer{$algorithm}->signed($item);
	$answer = submit($id, $item->{token}, $signed);
	is($answer->status . ' ' . ($answer->json->{document}{state} // ''), '200 PENDING_FIRST', '... signed and submitted');
	my ($kept) = @{ $operator->get("/api/export/documents/$id/signatures")->json->{items} };
	is_deeply([ @{$kept}{qw(action application_no form_no current)} ], [ 'submit', $item->{application_no}, $answer->json->{document}{form_no}, JSON::PP::true ], '... kept with what the portal assigned; the stored body is what was signed');
	like($kept->{subject}, qr/CN=测试企业/, '... and by whom');
	my $xml = $first->get("/api/export/documents/$id/signatures/$kept->{id}.xml");
	is($xml->text, Encode::decode('UTF-8', Encode::encode('UTF-8', $signed)), '... the officer has the signed XML as it came');
	next if $algorithm eq 'SM2';
	my $file = spill('signed.xml', $xml->content);
	is(system("xmlsec1 --verify --pubkey-cert-pem @{[ $signer{$algorithm}->pem('9C') ]} --enabled-key-data x509,rsa,ec $file >/dev/null 2>&1"), 0, '... which xmlsec1 finds valid');
	spill('changed.xml', $xml->content =~ s/formVersion="1"/formVersion="2"/r);
	isnt(system("xmlsec1 --verify --pubkey-cert-pem @{[ $signer{$algorithm}->pem('9C') ]} --enabled-key-data x509,rsa,ec $folder/changed.xml >/dev/null 2>&1"), 0, '... and not when a digit is changed');
}

# the receipt of the portal, verified with its certificate alone
{
	my $id = complete($operator);
	my $item = prepared($id)->json->{items}[0];
	my $answer = submit($id, $item->{token}, $signer->signed($item));
	my ($kept) = @{ $operator->get("/api/export/documents/$id/signatures")->json->{items} };
	my $receipt = $operator->get("/api/export/documents/$id/receipts/$kept->{id}.xml");
	my ($digest) = $receipt->text =~ /signedDocumentSha256="(\w+)"/;
	is($digest, Digest::SHA::sha256_hex($operator->get("/api/export/documents/$id/signatures/$kept->{id}.xml")->content), 'the receipt names the signed document by its digest');
	like($receipt->text, qr/ formNo="@{[ $answer->json->{document}{form_no} ]}"/, '... and what the portal has assigned');
	my $file = spill('receipt.xml', $receipt->content);
	my ($certificate) = $receipt->text =~ m{<X509Certificate>([^<]+)};
	spill('portal.pem', "-----BEGIN CERTIFICATE-----\n" . ($certificate =~ s/(.{1,64})/$1\n/gr) . "-----END CERTIFICATE-----\n");
	is(system("openssl verify -CAfile @{[ $sw->var ]}/authority/authority.pem -attime 1788000000 $folder/portal.pem >/dev/null 2>&1"), 0, '... it is signed by a certificate of the configured authority');
	is(system("xmlsec1 --verify --pubkey-cert-pem $folder/portal.pem --enabled-key-data x509,rsa,ec $file >/dev/null 2>&1"), 0, '... and xmlsec1 finds it valid');
	is($other->get("/api/export/documents/$id/receipts/$kept->{id}.xml")->status, 404, '... nobody else has it');
}

# SM2 from outside: the signature of the canonical SignedInfo by openssl, the digest of the document by openssl, too
{
	my $id = complete($operator);
	my $item = prepared($id, key => $key{SM2})->json->{items}[0];
	my $signed = $signer{SM2}->signed($item);
	my ($value) = $signed =~ m{<SignatureValue>([^<]+)};
	my ($r, $s) = map { s/^\x00+//r =~ s/^(?=[\x80-\xff])/\x00/r } unpack 'a32a32', decode_base64($value);
	spill('sm2.sig', "\x30" . chr(4 + length($r) + length $s) . join '', map { "\x02" . chr(length) . $_ } $r, $s);
	spill('info', Encode::encode('UTF-8', $item->{signed_info}));
	system("openssl x509 -in @{[ $signer{SM2}->pem('9C') ]} -pubkey -noout >$folder/sm2.pub");
	is(system("openssl dgst -sm3 -sigopt distid:1234567812345678 -verify $folder/sm2.pub -signature $folder/sm2.sig $folder/info >/dev/null 2>&1"), 0, 'SM2: openssl finds the signature valid');
	spill('document', Encode::encode('UTF-8', $item->{document}));
	my ($digest) = $item->{signed_info} =~ m{<DigestValue>([^<]+)};
	is(encode_base64(qx(openssl dgst -sm3 -binary $folder/document), ''), $digest, '... of this document by SM3');
}

# ---- what is refused, with nothing stored

my $before = kept();
my $id = complete($operator);
my $item = prepared($id)->json->{items}[0];
my $signed = $signer->signed($item);
refused(submit($id, 'f' x 32, $signed), 'signature_not_prepared', $id, 'a token that nobody got');
refused(submit($id, undef, $signed), 'signature_not_prepared', $id, 'no token');
is(submit($id, $item->{token}, $signed, $other)->status, 404, 'another enterprise finds no such document');
refused(submit($id, $item->{token}, $signed, $admin), 'signature_not_prepared', $id, "a colleague with the operator's token");
refused(submit($id, $item->{token}, $signed), 'signature_not_prepared', $id, '... which is used up by that');

my $second = complete($operator);
my $fresh = sub { my ($which) = @_; $item = prepared($which // $id)->json->{items}[0]; return $signer->signed($item) };
$signed = $fresh->($second);
refused(submit($id, $item->{token}, $signed), 'signature_not_prepared', $id, "another document's token");

$signed = $fresh->();
my $body = $operator->get("/api/export/documents/$id")->json->{body};
$body->{other}{remark} = '签名之后';
is(save($operator, $id, $body)->status, 200, 'the draft changes after it was signed');
refused(submit($id, $item->{token}, $signed), 'document_changed', $id, 'what was signed before is refused');

$signed = $fresh->();
# Redis counts real seconds: what it forgets after ten minutes is taken away here
my $ttl = qx(redis-cli -s @{[ $sw->var ]}/run/redis.sock TTL signing:$item->{token});
ok($ttl > 500 && $ttl <= 600, 'what is prepared lives ten minutes');
is(qx(redis-cli -s @{[ $sw->var ]}/run/redis.sock DEL signing:$item->{token}) + 0, 1, 'when they have passed');
refused(submit($id, $item->{token}, $signed), 'signature_not_prepared', $id, '... it is over');

my %broken = (
	'a digit of the document' => sub { $_[0] =~ s/formVersion="1"/formVersion="2"/r },
	'a character of the signature' => sub { $_[0] =~ s{(<SignatureValue>)(.)}{$1 . ($2 eq 'A' ? 'B' : 'A')}er },
	'no signature' => sub { $_[0] =~ s{<Signature .*</Signature>}{}sr },
	'an empty signature' => sub { $_[0] =~ s{<SignatureValue>[^<]*}{<SignatureValue>}r },
	'two signatures' => sub { $_[0] =~ s{(<Signature .*</Signature>)}{$1$1}sr },
	'the signature moved to the front' => sub { my ($signature) = $_[0] =~ m{(<Signature .*</Signature>)}s; $_[0] =~ s{<Signature .*</Signature>}{}sr =~ s{^(<SignedApplication[^>]*>)}{$1$signature}r },
	'the signed document wrapped into another' => sub { my $evil = $_[0] =~ s{<Signature .*</Signature>}{}sr =~ s/版|a/b/r; $evil =~ s{</SignedApplication>$}{$_[0]</SignedApplication>}r },
	'another URI' => sub { $_[0] =~ s/URI=""/URI="#x"/r },
	'a comment' => sub { $_[0] =~ s{</SignedApplication>}{<!-- x --></SignedApplication>}r },
	'a document type' => sub { "<!DOCTYPE SignedApplication>$_[0]" },
	'not XML' => sub { 'hello' },
	'nothing' => sub { ' ' },
	"another key's signature" => sub { SingleWindow::Signer->new($sw, uscc => $uscc)->signed($item) },
	're-keyed: another key with its own certificate inside' => sub {
		my $thief = SingleWindow::Signer->new($sw, uscc => $uscc);
		my $own = $thief->certificate('9C');
		return $thief->signed($item) =~ s{<X509Certificate>[^<]*}{<X509Certificate>$own}r;
	},
);
for my $how (sort keys %broken) {
	$signed = $fresh->();
	my $answer = submit($id, $item->{token}, $broken{$how}->($signed));
	my $name = ($answer->json->{type} // '') =~ s{.*/}{}r;
	ok($answer->status =~ /^4(09|22)$/ && $name =~ /^(signature_wrong|xml_unreadable)$/, "$how: refused") or diag($answer->status, $answer->text);
	is(document($id)->{state}, 'DRAFT', '... and the draft is as it was');
}
$signed = $fresh->();
is(submit($id, $item->{token}, 'x' x (1024 * 1024 + 1))->status, 422, 'more than a megabyte is refused');

# keys that are not good
is(prepared($id, key => '1')->json->{type} =~ s{.*/}{}r, 'key_not_bound', 'a key that is not bound prepares nothing');
is(prepared($id, key => undef)->json->{type} =~ s{.*/}{}r, 'key_not_bound', 'nor no key');
my $colleague = SingleWindow::Signer->new($sw, uscc => $uscc);
my $foreign = $colleague->bind($admin)->json->{items}[0]{id};
is(prepared($id, key => $foreign)->json->{type} =~ s{.*/}{}r, 'key_not_bound', "nor a colleague's");
my $loose = SingleWindow::Signer->new($sw, uscc => $uscc);
my ($bound) = @{ $loose->bind($operator)->json->{items} };
$item = prepared($id, key => $bound->{id})->json->{items}[0];
$signed = $loose->signed($item);
is($operator->delete("/api/account/keys/$bound->{id}")->status, 204, 'a key is unbound after signing');
refused(submit($id, $item->{token}, $signed), 'key_not_bound', $id, 'its signature is worth nothing any more');
$loose->bind($operator);
($bound) = grep { $_->{state} eq 'active' } @{ $operator->get('/api/account/keys')->json->{items} };
$item = prepared($id, key => $bound->{id})->json->{items}[0];
$signed = $loose->signed($item);
$loose->revoke;
sleep 1.1;    # a list is looked at again after a second
refused(submit($id, $item->{token}, $signed), 'key_revoked', $id, 'a key that its authority has revoked');
is(kept(), $before, 'nothing of all that was kept');

# ---- what is prepared

is($operator->post('/api/export/signatures/prepare', { action => 'submit', key => $key, documents => [] })->status, 422, 'no documents: told');
is($operator->post('/api/export/signatures/prepare', { action => 'submit', key => $key, documents => [ map { { id => "$_", version => 1 } } 1 .. 51 ] })->status, 422, 'more than fifty: told');
my $bare = create($operator)->json->{document}{id};    # without its attachment
my $items = $operator->post('/api/export/signatures/prepare', { action => 'submit', key => $key, documents => [ { id => $bare, version => 1 }, { id => $second, version => document($second)->{version} }, { id => '999', version => 1 }, { id => $second, version => 99 } ] })->json->{items};
ok(@{ $items->[0]{error}{errors} } && $items->[1]{token}, 'what is wrong with one document is told beside it, the others are prepared');
is(join(' ', map { $_->{error}{code} // 'good' } @{$items}[1 .. 3]), 'good not_found stale_version', '... one that is not there, and one that has moved on');
is($operator->post('/api/export/signatures/prepare', { action => 'withdraw', key => $key, documents => [ { id => $second, version => document($second)->{version} } ] })->json->{items}[0]{error}{code}, 'wrong_state', 'only what may be done is prepared');
is($first->post('/api/export/signatures/prepare', { action => 'submit', key => $key, documents => [ { id => $second, version => 1 } ] })->status, 403, 'officers sign nothing');
is($operator->post('/api/export/signatures/prepare', { action => 'submit', key => $key, documents => [ { id => $second, version => 1 } ] }, 'X-CSRF-Token' => 'x')->status, 403, 'nor does a page of somebody else');
is($other->get("/api/export/documents/$second/signatures")->status, 404, "another enterprise's signatures are not there");

# ---- twice: returned, corrected, signed again; both signatures stay

$signed = $fresh->();
is(submit($id, $item->{token}, $signed)->status, 200, 'submitted signed');
is(act($first, $id, 'first_return', '请更正')->status, 200, 'returned');
$body = $operator->get("/api/export/documents/$id")->json->{body};
$body->{other}{remark} = '已更正';
is(save($operator, $id, $body)->status, 200, 'corrected');
is(join(' ', map { $_->{current} ? 'current' : 'old' } @{ $operator->get("/api/export/documents/$id/signatures")->json->{items} }), 'old', 'what was signed is not what stands there now');
$signed = $fresh->();
is(submit($id, $item->{token}, $signed)->status, 200, 'signed again');
is(join(' ', map { $_->{current} ? 'current' : 'old' } @{ $first->get("/api/export/documents/$id/signatures")->json->{items} }), 'current old', 'both are kept, and the officer sees which is the body under review');

# ---- MEP licences: only a paperless application is signed

register_mep($admin, $sw->signed_in('demo_office'));
for ([ 1, 'optional' ], [ 0, undef ]) {
	my ($paperless, $key_of) = @$_;
	my $made = make_of($operator, 'mep', 'mep_licence', mep_body(base => { paperless => $paperless ? JSON::PP::true : JSON::PP::false }));
	is($made->json->{actions}{submit}{key}, $key_of, ($paperless ? 'a paperless' : 'a paper') . ' MEP application ' . ($paperless ? 'is signed' : 'is not')) or diag($made->text);
}

# ---- demanded or not

my $draft = complete($operator);
is($operator->get("/api/export/documents/$draft")->json->{actions}{submit}{key}, 'optional', 'in a demo a key may be used');
is(act($operator, $draft, 'submit')->status, 200, '... or not');
$sw->stop(keep => 1);
$sw->{settings}{ekey} = 'required';
$sw->launch;
($operator, $admin, $other, $first) = map { $sw->signed_in("demo_$_") } qw(operator admin other first);
$draft = complete($operator);
is($operator->get("/api/export/documents/$draft")->json->{actions}{submit}{key}, 'required', 'where it is demanded the page is told');
refused(act($operator, $draft, 'submit'), 'key_required', $draft, '... and without one nothing is submitted');
my $job = $operator->post('/api/export/batch', { action => 'submit', ids => [$draft] })->json;
like($job->{results}[0]{message}{zh}, qr/电子钥匙/, '... nor by the batch');
$item = prepared($draft)->json->{items}[0];
is(submit($draft, $item->{token}, $signer->signed($item))->status, 200, '... with one it is');
$draft = complete($other);
my $check = sub { my ($client) = @_; $client->post('/api/export/export_licence/check', { document => "$_[1]", body => $client->get("/api/export/documents/$_[1]")->json->{body} })->json };
is(join(' ', map { $_->{rule} } @{ $check->($other, $draft)->{errors} }), 'R-KEY-1', 'the checklist tells who has bound none');
$draft = complete($operator);
is($check->($operator, $draft)->{ready}, JSON::PP::true, '... and is content with who has');

done_testing;
