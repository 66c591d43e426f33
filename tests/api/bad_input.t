#!/usr/bin/perl
# Input that must be refused with a clear answer, and must leave nothing behind.
use strict;
use warnings;
use utf8;
use Test::More;
use JSON::PP ();

use SingleWindow::Instance;
use SingleWindow::Export;

my $sw = SingleWindow::Instance->start;
my $client = $sw->signed_in('demo_admin');

sub stored { return $sw->sql('export', 'SELECT count(*) FROM document') =~ s/\s//gr }

my $before = stored();
my $good = JSON::PP->new->utf8->canonical->encode({ form => 'export_licence', body => body() });

sub refused {
	my ($what, $json, $status, $field) = @_;
	my $answer = $client->post('/api/export/documents', $json, 'Content-Type' => 'application/json');
	is($answer->status, $status, "$what: $status");
	is($answer->header('Content-Type'), 'application/problem+json', "$what: as a problem");
	ok($answer->json->{message}{zh} && $answer->json->{message}{en}, "$what: in both languages");
	ok((grep { $_->{field} eq $field } @{ $answer->json->{errors} // [] }), "$what: at $field") if $field;
	return;
}

refused('broken JSON', substr($good, 0, -3), 400);
refused('no JSON at all', 'hello', 400);
refused('two values', "$good$good", 400);
refused('a duplicate name', $good =~ s/"form":/"form":"x","form":/r, 400);
refused('a duplicate name in the body', $good =~ s/"year":2026/"year":2026,"year":2027/r, 400);
refused('bad UTF-8', $good =~ s/TEST1234/\xff\xfe/r, 400);
refused('an overlong form of UTF-8', $good =~ s/TEST1234/\xc0\xaf/r, 400);
refused('a lone surrogate', $good =~ s/TEST1234/\\ud800/r, 400);
refused('NUL', $good =~ s/TEST1234/\\u0000/r, 400);
refused('too deep', '{"form":"export_licence","body":' . ('[' x 100) . (']' x 100) . '}', 400);
refused('a huge body', '{"form":"export_licence","body":{"x":"' . ('y' x 1_500_000) . '"}}', 413);
refused('an unknown form', $good =~ s/export_licence/passport/r, 404);
refused('a wrong type', $good =~ s/"year":2026/"year":"2026"/r, 422, 'base/year');
refused('a list for a text', $good =~ s/"TEST1234"/["TEST1234"]/r, 422, 'base/contract_no');
refused('an object for a block', $good =~ s/"specs":\{/"specs":[],"x":{/r, 422, 'x');
refused('too long a text', $good =~ s/TEST1234/'T' x 33/re, 422, 'base/contract_no');
refused('a control character', $good =~ s/TEST1234/a\\u001bb/r, 422, 'base/contract_no');
refused('a C1 control character', $good =~ s/TEST1234/a\\u0085b/r, 422, 'base/contract_no');
refused('an unknown code', $good =~ s/"0101"/"01O1"/r, 422, 'base/customs_port');
refused('an unknown field', $good =~ s/"contract_no"/"contract_number"/r, 422, 'base/contract_number');
refused('a negative quantity', $good =~ s/"qty":"22"/"qty":"-22"/r, 422, 'specs/0/qty');
refused('a quantity of nothing', $good =~ s/"qty":"22"/"qty":"0"/r, 422, 'specs/0/qty');
refused('a quantity of 20 digits', $good =~ s/"qty":"22"/"qty":"12345678901234567890"/r, 422, 'specs/0/qty');
refused('a quantity with an exponent', $good =~ s/"qty":"22"/"qty":"2e3"/r, 422, 'specs/0/qty');
refused('a quantity as a number', $good =~ s/"qty":"22"/"qty":22/r, 422, 'specs/0/qty');
refused('a product that does not fit', $good =~ s/"qty":"22"/"qty":"9999999999999"/r =~ s/"11.11"/"9999999999999"/r, 422, 'specs/0/line_total');
refused('a date that is none', $good =~ s/2026-08-01/2026-02-30/r, 422, 'base/contract_sign_date');
refused('a note of 331 characters (R-EX-13)', $good =~ s/"other":\{/'"other":{"additional_note":"' . ("\xe5\xad\x97" x 331) . '",'/re, 422, 'other/additional_note');
is(stored(), $before, 'nothing of that was stored');

my $fits = $client->post('/api/export/documents', $good =~ s/"other":\{/'"other":{"additional_note":"' . ("\xe5\xad\x97" x 330) . '",'/re, 'Content-Type' => 'application/json');
is($fits->status, 201, 'a note of 330 characters is stored');
is($client->post('/api/export/documents', $good, 'Content-Type' => 'text/plain')->status, 415, 'another content type is refused');

# ---- a truncated body and a wrong length, on the wire
sub wire {
	my ($length, $body) = @_;
	my $cookie = join '; ', map { "$_=" . $client->cookie($_) } grep { defined $client->cookie($_) } qw(sw_session sw_guest);
	return $sw->raw("POST /api/export/documents HTTP/1.1\r\nHost: 127.0.0.1:" . $sw->port . "\r\nCookie: $cookie\r\nX-CSRF-Token: " . $client->csrf .
		"\r\nContent-Type: application/json\r\nContent-Length: $length\r\nConnection: close\r\n\r\n$body");
}
$before = stored();
unlike(wire(length($good) + 100, $good) // '', qr{^HTTP/1.1 2}, 'a truncated body is no success');
is(stored(), $before, 'and stores nothing');

# ---- SQL and HTML are only text
for my $text (q{'; DROP TABLE document; --}, q{<script>alert(1)</script>}, q{" OR ""="}, q{%' OR 1=1 --}, '${jndi:x}', '../../etc/passwd') {
	my $saved = create($client, base => { contract_no => $text });
	is($saved->status, 201, "$text is stored as it is");
	is($saved->json->{body}{base}{contract_no}, $text, 'and comes back as it was');
	unlike($saved->content, qr/<script>/, 'never as markup');
	is($client->get('/api/export/documents', { form => 'export_licence', contract_no => $text })->json->{total}, '1', 'and is found by itself only');
}
is($client->get('/api/export/documents', { form => 'export_licence', state => q{DRAFT') OR ('1'='1} })->json->{total}, '0', 'no SQL through filters');
is($client->get('/api/export/documents', { form => 'export_licence', contract_no => '%' })->json->{total}, '1', 'wildcards are characters');

# ---- file names
my $id = create($client)->json->{document}{id};
my %names = ('../../../etc/passwd' => 'passwd', "a\r\nSet-Cookie: x=1.pdf" => 'a  ', '..\\..\\x.pdf' => 'x.pdf', '..' => 'attachment', '合同.pdf' => '合同.pdf');
for my $name (sort keys %names) {
	my $encoded = join '', map { sprintf '%%%02X', ord } split //, do { my $bytes = $name; utf8::encode($bytes); $bytes };
	my $answer = $client->post("/api/export/documents/$id/attachments?type=01&name=$encoded", pdf(), 'Content-Type' => 'application/octet-stream');
	is($answer->status, 201, 'a tricky file name is cleaned');
	my $kept = $answer->json->{file_name};
	unlike($kept, qr{[/\\\r\n]|^\.\.?$}, "to $kept");
	my $file = $client->get('/api/export/attachments/' . $answer->json->{id});
	is($file->status, 200, 'and downloaded');
	is($file->header('Set-Cookie'), undef, 'without smuggling a header');
	$client->delete('/api/export/attachments/' . $answer->json->{id});
}

# ---- CSRF and sessions
my $forged = $client->post('/api/export/documents', { form => 'export_licence', body => body() }, 'X-CSRF-Token' => 'f' x 32);
is($forged->status, 403, 'a forged CSRF token is refused');
is($client->post('/api/export/documents', { form => 'export_licence', body => body() }, 'X-CSRF-Token' => undef)->status, 403, 'and a missing one');
is($client->post('/api/export/documents', { form => 'export_licence', body => body() }, Origin => 'https://evil.example')->status, 403, 'and another origin');
is($sw->client->get('/api/export/documents')->status, 401, 'nothing without a session');
my $stranger = $sw->client;
$stranger->set_cookie('sw_session', 'a' x 64);
is($stranger->get('/api/export/documents')->status, 401, 'nor with an invented one');
is($client->get('/api/export/documents', { form => 'export_licence', page => '0' })->status, 422, 'page 0');
is($client->get('/api/export/documents/%ff')->status, 400, 'bad UTF-8 in a path');
is($client->get('/api/export/documents?contract_no=%zz')->status, 400, 'bad escapes in a query');
is($client->get('/api/export/documents/99999999999999999999')->status, 404, 'an id out of range');

for my $filter ([ state => join ',', map { "S$_" } 1 .. 25 ], [ state_customs => join ',', ('A') x 25 ], [ goods_name => 'x' x 201 ]) {
	my $answer = $client->get('/api/export/documents', { form => 'export_licence', @$filter });
	is($answer->status, 422, "a filter $filter->[0] beyond its bounds is refused, not left out");
	is($answer->json->{field}, $filter->[0], 'by its name');
}

done_testing();
