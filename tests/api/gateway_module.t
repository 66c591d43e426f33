#!/usr/bin/perl
# The modules' side of the partner gateway: what is kept to be sent to other systems, and what is done with what they send. The exchange
# program, which stands between, is down: the test plays it.
use strict;
use warnings;
use utf8;
use Test::More;
use File::Temp qw(tempdir);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);

use SingleWindow::Export;
use SingleWindow::Instance;
use SingleWindow::Origin qw(register_origin goods_filing_body certificate made_of act_on document_of);
use SingleWindow::Signer;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $json = JSON::PP->new->utf8->canonical;
my $folder = tempdir('sw-gateway-XXXXXX', TMPDIR => 1, CLEANUP => 1);
sub spill { my ($name, $bytes) = @_; open my $out, '>:raw', "$folder/$name" or die "$name: $!"; print {$out} $bytes; close $out or die $!; return "$folder/$name" }

mkdir "$folder/partners";
mkdir "$folder/partners/$_" for qw(customs ministry ccpit);
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $folder/key.pem -out $folder/partners/sign.pem -subj /CN=test -days 9999 2>/dev/null") == 0 or die 'openssl';
my %partner = (
	customs => { title => { zh => '海关', en => 'Customs' }, clears => ['export'] },
	ministry => { title => { zh => '商务部', en => 'the Ministry' }, reviews => { export => ['AB'] } },
	ccpit => { title => { zh => '贸促会', en => 'CCPIT' }, reviews => { origin => ['C21020'] } },
);
spill("partners/$_.json", $json->encode({ %{ $partner{$_} }, signers => ['sign.pem'], folder => $_ })) for keys %partner;
system("chmod -R a+rX $folder");

my $sw = SingleWindow::Instance->start(settings => { partners => "$folder/partners" });
$sw->down('exchange'); # which would take them
my $applicant = $sw->signed_in('demo_admin');
my %desk = (applicant => $applicant, map { $_ => $sw->signed_in("demo_$_") } qw(first second manager));
my $officer = $sw->signed_in('demo_ab'); # of the agency that the ministry reviews for
my @elsewhere = (other => { issuing_agency => 'AB' });

sub document { my ($id) = @_; return $applicant->get("/api/export/documents/$id")->json->{document} }
sub claimed { my ($kinds, $module) = @_; return $sw->internal('POST', '/internal/' . ($module // 'export') . '/outbox/claim?count=100' . ($kinds ? "&kinds=$kinds" : ''), '{}')->json }
sub messages { return @{ claimed(@_)->{messages} } }
sub part { my ($message, $n, $module) = @_; return $sw->internal('GET', '/internal/' . ($module // 'export') . "/outbox/$message->{id}/parts/$n") }
sub taken { my ($module, @messages) = @_; $sw->internal('POST', "/internal/$module/outbox/$_->{id}/ack", '{}') for @messages; return }
sub value { my ($xml, $element) = @_; return $xml =~ m{<$element>([^<]*)</$element>} ? $1 : undef }
sub count { my ($what, $module) = @_; return $sw->sql($module // 'export', "SELECT count(*) FROM $what") =~ s/\s//gr }
sub said { my ($answer) = @_; my $said = eval { $answer->json } // {}; return join ' ', $answer->status, $said->{result} // ($said->{type} // '') =~ s{.*/}{}r, $said->{field} // () }

my $serial = 0;
sub send_in { my ($kind, %message) = @_; return $sw->internal('POST', '/internal/' . (delete $message{module} // 'export') . "/inbox/$kind", $json->encode({ message_id => 'm' . ++$serial, %message })) }
sub decide { my ($id, $action, %more) = @_; return send_in('decision', partner => 'ministry', title => '商务部', application_no => document($id)->{application_no}, action => $action, decided => '2026-09-03T02:00:00Z', %more) }
sub events { my ($client, $id) = @_; return @{ $client->get("/api/export/documents/$id/events")->json->{events} } }

# ---- every part within a message is valid by the published schema

{
	my $xsd = $sw->up('exchange') && $sw->client->get('/api/exchange/message.xsd');
	is($xsd->status, 200, 'the schema of messages is public');
	mkdir "$folder/exchange";
	spill('exchange/message.xsd', $xsd->content);
	for ($xsd->content =~ m{schemaLocation="\.\./([a-z]+/forms/[a-z_]+/xsd)"}g) {
		system('mkdir', '-p', "$folder/" . s{/xsd\z}{}r);
		spill($_, $sw->client->get("/api/$_")->content);
	}
	$sw->down('exchange');
}
sub valid {
	my ($xml, $name) = @_;
	my ($kind) = $xml =~ /\A<([A-Za-z]+)>/;
	utf8::encode($xml);
	spill('message.xml', qq(<Message xmlns="urn:singlewindow:message"><Head><MessageId>portal-x-000000001</MessageId><Number>1</Number><Sender>portal</Sender><Receiver>x</Receiver><Kind>$kind</Kind>)
		. qq(<Module>export</Module><Document>1</Document><Sequence>1</Sequence><Created>2026-09-03T02:00:00Z</Created></Head>$xml<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></Message>));
	my $output = qx(xmllint --nonet --noout --schema $folder/exchange/message.xsd $folder/message.xml 2>&1);
	return is($?, 0, $name) || diag $output;
}

# ---- an application goes out as it was submitted

my $id = complete($applicant, @elsewhere);
is(count('outbox'), '0', 'a draft is nothing to be told');
is(act($applicant, $id, 'submit')->status, 200, 'an application of an agency that the ministry reviews for is submitted');
my $number = document($id)->{application_no};
is(act($applicant, $id, 'withdraw', '合同取消')->status, 200, 'and its withdrawal asked for');
my @out = messages('application,request');
is_deeply([ map { [ @$_{qw(kind document agency document_no parts)} ] } @out ], [ [ 'application', $id, 'AB', $number, 2 ] ], 'the application waits, with its attachment; the request only behind it');
is_deeply([ messages('application,request') ], [], 'what is claimed is not claimed again, nor what comes after it');
my $attachment = part($out[0], 1);
is($attachment->status . ' ' . $attachment->header('content-type'), '200 application/xml; charset=utf-8', 'the first part is there');
valid($attachment->text, 'the attachment is valid');
is(decode_base64(value($attachment->text, 'Content')), pdf(), '... with the bytes that were attached');
my $application = part($out[0], 2)->text;
valid($application, 'the application is valid');
is(join('|', map { value($application, $_) // '' } qw(ApplicationNo FormNo Form FormVersion Action Agency EnterpriseCode EnterpriseName Applicant Submitted)),
	"$number|" . document($id)->{form_no} . '|export_licence|1|submit|AB|1100776367555|签章测试企业|演示企业管理员|2026-09-03T02:00:00Z', '... and says who applies for what');
is(value($application, 'Sha256'), value($attachment->text, 'Sha256'), '... which names its attachment by its digest');
like($application, qr{<Content><ExportLicenceApply xmlns="urn:singlewindow:export_licence" version="1">.*<ContractNo>TEST1234</ContractNo>}, '... around the form');
is(part($out[0], $_)->status, 404, "there is no part $_") for 0, 3;
taken('export', @out);
is(part($out[0], 1)->status, 404, 'what was taken is gone');
@out = messages('application,request');
is_deeply([ map { [ @$_{qw(kind document_no parts)} ] } @out ], [ [ 'request', $number, 1 ] ], 'then comes the request');
valid(part($out[0], 1)->text, 'which is valid');
is(value(part($out[0], 1)->text, 'Opinion'), '合同取消', '... with the applicant\'s reason');
taken('export', @out);

is(decide($id, 'cancel_consent')->json->{result}, 'booked', 'the ministry consents');
is(document($id)->{state}, 'CANCELLED', 'and it is withdrawn');
$attachment = $applicant->get("/api/export/documents/$id")->json->{attachments}[0]{id};
act($applicant, $id, 'submit');
act($applicant, $id, 'withdraw');
decide($id, 'cancel_consent');
save($applicant, $id, body(@elsewhere, base => { contract_no => 'CHANGED1' }));
is($applicant->delete("/api/export/attachments/$attachment")->status, 204, 'submitted again, withdrawn, changed, its file removed');
@out = messages('application,request');
like(part($out[0], 2)->text, qr{<ContractNo>TEST1234</ContractNo>}, 'and still the application says what was submitted');
is($out[0]{parts}, 2, 'with as many parts');
valid(part($out[0], 1)->text, 'of which the removed file');
is(value(part($out[0], 1)->text, 'Content'), '', '... has no content any more');
is($applicant->delete("/api/export/documents/$id", 'If-Match' => SingleWindow::Export::version($applicant, $id))->status, 204, 'even when the document is deleted');
valid(part($out[0], 2)->text, 'what was submitted can be told');
is(said(send_in('decision', partner => 'ministry', application_no => $number, action => 'first_pass')), '422 unknown_application application_no', 'but decided no more');
taken('export', @out);
taken('export', messages('application,request'));

# ---- what was signed goes along

{
	my $signer = SingleWindow::Signer->new($sw, uscc => $applicant->session->{enterprise}{uscc});
	my $key = $signer->bind($applicant)->json->{items}[0]{id};
	my $signed = complete($applicant, @elsewhere);
	my ($item) = @{ $applicant->post('/api/export/signatures/prepare', { action => 'submit', key => $key, documents => [ { id => $signed, version => document($signed)->{version} } ] })->json->{items} };
	my $xml = $signer->signed($item);
	is($applicant->post("/api/export/documents/$signed/actions/submit", { token => $item->{token}, signed => $xml }, 'If-Match' => '*')->status, 200, 'an application is signed with a key');
	my ($message) = messages('application');
	my $text = part($message, 2)->text;
	valid($text, 'it is valid');
	my $sent = decode_base64(value($text, 'SignedXml'));
	utf8::decode($sent);
	is($sent, $xml, '... and what was signed goes along as it was signed');
	taken('export', $message);
}

# ---- characters that XML does not have

{
	my $odd = complete($applicant, @elsewhere);
	act($applicant, $odd, 'submit');
	taken('export', messages('application'));
	is(act($applicant, $odd, 'withdraw', "a\x{FFFE}b\x{FFFF}<&>")->status, 200, 'a reason with characters that XML does not have');
	my ($message) = messages('request');
	valid(part($message, 1)->text, 'is a valid message nevertheless');
	is(value(part($message, 1)->text, 'Opinion'), 'ab&lt;&amp;&gt;', '... without them');
	taken('export', $message);
}

# ---- large files

{
	my $large = create($applicant, @elsewhere)->json->{document}{id};
	my $bytes = pdf('x' x (1024 * 1024 - length pdf('')));
	is(attach($applicant, $large, '01', $bytes)->status, 201, 'a file of 1 MiB');
	act($applicant, $large, 'submit');
	my ($message) = messages('application');
	my $text = part($message, 1)->text;
	cmp_ok(length $text, '<', 2 * 1024 * 1024 - 16384, 'makes a part that fits a message');
	ok(decode_base64(value($text, 'Content')) eq $bytes, 'with all of its bytes');
	taken('export', $message);
}

# ---- the desk looks on, the authority decides

$id = complete($applicant, @elsewhere);
act($applicant, $id, 'submit');
is(scalar(grep { $_->{id} eq $id } @{ $officer->get('/api/export/queue?state=PENDING_FIRST')->json->{items} }), 1, 'the desk still sees what is reviewed elsewhere');
my $why = $officer->get("/api/export/documents/$id")->json->{actions}{first_pass};
is_deeply([ $why->{allowed} ? 1 : 0, $why->{why} ], [ 0, { zh => '该机构的单据由商务部审批系统办理。', en => 'Reviewed by the system of the Ministry.' } ], 'and why it cannot act');
is(said(act($officer, $id, 'first_pass', '同意')), '409 reviewed_elsewhere', 'an officer is refused');
is(said(claim($officer, $id)), '409 reviewed_elsewhere', 'also the claim');
is($officer->post('/api/export/batch', { action => 'first_pass', ids => [$id] })->json->{results}[0]{message}{en}, 'Reviewed by the system of the Ministry.', 'also in a batch');
is(document($id)->{state}, 'PENDING_FIRST', 'nothing has happened');

is(said(decide($id, 'second_pass')), '409 wrong_state', 'the authority cannot approve before the first review');
is(said(decide($id, 'submit')), '422 unknown_action action', 'nor do what applicants do');
is(said(decide($id, 'issued')), '422 unknown_action action', 'nor what the portal does');
is(said(decide($id, 'nothing')), '422 unknown_action action', 'nor what nobody does');
is(said(decide($id, 'first_return')), '422 opinion_required opinion', 'returning needs a reason');
is(said(decide($id, 'first_pass', licence_no => '26-AB-900001')), '422 licence_no_not_assigned licence_no', 'the first review gives no number');
is(said(decide($id, 'first_pass', partner => 'customs')), '422 not_yours application_no', 'customs decides nothing');
is(said(decide($id, 'first_pass', partner => 'nobody')), '422 not_yours partner', 'nobody is nobody');
is(said(decide($id, 'first_pass', application_no => '2026999999')), '422 unknown_application application_no', 'an application that was never sent is unknown');
is(said(decide($id, 'first_pass', partner => undef)), '422 required partner', 'a message is somebody\'s');
is(document($id)->{state}, 'PENDING_FIRST', 'and nothing has happened');

is(said(decide($id, 'first_pass', message_id => 'd1', officer => '王五', opinion => '同意')), '200 booked', 'the authority passes it');
is(document($id)->{state}, 'PENDING_SECOND', 'to the second review');
my $events = count("document_event WHERE document = $id");
is(said(decide($id, 'first_pass', message_id => 'd1', officer => '王五', opinion => '同意')), '200 repeated', 'the same message again');
is(count("document_event WHERE document = $id"), $events, '... changes nothing');
is(said(decide($id, 'second_pass', message_id => 'd1')), '422 message_id_reused message_id', 'another content under its id is refused');
is(said(send_in('receipt', partner => 'customs', message_id => 'd1', licence_no => '26AB500001', status => 'STORED')), '422 unknown_licence licence_no', 'the ids of another partner are its own');
is(said(decide($id, 'second_pass', licence_no => 'A-B')), '422 licence_no licence_no', 'a number has at least four characters');
is(said(decide($id, 'second_pass', licence_no => "26AB9'0001")), '422 licence_no licence_no', 'and no others than it may');
is(said(decide($id, 'second_pass', licence_no => '26-AB-900001', officer => '赵六')), '200 booked', 'the second review, by the same system, with a number of its own');
is(document($id)->{licence_no}, '26AB900001', 'which the licence has, as all are kept');
my ($event) = grep { $_->{action} eq 'second_pass' } events($officer, $id);
is("$event->{actor} $event->{actor_kind}", '商务部 · 赵六 partner', 'officers see who it was');
($event) = grep { $_->{action} eq 'second_pass' } events($applicant, $id);
is($event->{actor}, '商务部', 'applicants which authority');
ok(wait_until(sub { document($id)->{state} eq 'PRINTED' }), 'the licence is made');
is($applicant->get("/api/export/documents/$id/print/licence.pdf")->status, 200, 'and can be had');
like($sw->sql(export => 'SELECT COUNT(*) FROM counter WHERE series LIKE \'export_licence.licence_no%\''), qr/\b0\b/, 'our own series was not used');

my $second = complete($applicant, @elsewhere);
act($applicant, $second, 'submit');
decide($second, 'first_pass');
is(said(decide($second, 'second_pass', licence_no => '26AB900001')), '422 licence_no_used licence_no', 'a number that is used already is refused');
is(document($second)->{state}, 'PENDING_SECOND', 'and nothing has happened');
is(said(decide($second, 'second_pass')), '200 booked', 'without a number');
like(document($second)->{licence_no}, qr/\A26AB\w+\z/, '... it gets the next of ours');
is(said(decide($second, 'second_pass', message_id => 'late')), '409 wrong_state', 'twice it is not approved');

# a number that our series would have come to is passed over there, whoever has given it
{
	my $pass = sub {
		my ($own) = @_;
		my $new = complete($applicant, @elsewhere);
		act($applicant, $new, 'submit');
		decide($new, 'first_pass');
		return (said(decide($new, 'second_pass', licence_no => $own)), document($new)->{licence_no});
	};
	my $ours = document($second)->{licence_no};
	my ($next, $after) = map { substr($ours, 0, 4) . (substr($ours, 4) + $_) } 1, 2;
	is(join(' ', $pass->($next)), "200 booked $next", 'the authority gives by itself the number that would be our next');
	is(join(' ', $pass->()), "200 booked $after", '... and ours goes on behind it');
	my $desk = document(bring_to(\%desk, 'PRINTED'))->{licence_no};
	my $taken = substr($desk, 0, 4) . (substr($desk, 4) + 1);
	is(join(' ', $pass->($taken)), "200 booked $taken", 'it gives a number of another agency\'s series');
	isnt(document(bring_to(\%desk, 'PRINTED'))->{licence_no}, $taken, '... and that one\'s desk goes on, too');
}

# ---- licences to customs, and what customs says

taken('export', messages('application,request'));
my $claimed;
ok(wait_until(sub { document($second)->{state} eq 'PRINTED' }), 'both are made');
$claimed = claimed('licence,revocation');
my ($licence) = grep { $_->{document} eq $id } @{ $claimed->{messages} };
is_deeply([ @$licence{qw(kind agency document_no parts)} ], [ 'licence', 'AB', '26AB900001', 1 ], 'a licence goes to customs');
is_deeply($claimed->{licences}{$id}, { licence_no => '26AB900001', quantity => '22', unit => '035', issued => '2026-09-03', valid_until => document($id)->{valid_until} }, 'and is told in short, as before');
my $text = part($licence, 1)->text;
valid($text, 'it is valid');
is(join('|', map { value($text, $_) // '' } qw(LicenceNo ApplicationNo Form Agency Goods Quantity Unit Issued Attempt)), '26AB900001|' . document($id)->{application_no} . '|export_licence|AB|2833110000|22|035|2026-09-03|1', '... and says what is licensed');
taken('export', @{ $claimed->{messages} });

my %use = (partner => 'customs', title => '海关', licence_no => '26-AB-900001', declaration_no => '010120260000000001', unit => '035');
is(said(send_in('receipt', partner => 'ministry', licence_no => '26AB900001', status => 'STORED')), '422 not_yours licence_no', 'whoever does not clear reports nothing');
is(said(send_in('receipt', partner => 'customs', licence_no => '26AB900001', status => 'SEND_FAILED')), '200 booked', 'a receipt: it could not be sent');
is(document($id)->{state_customs}, 'SEND_FAILED', '... which the applicant sees');
is(said(send_in('receipt', partner => 'customs', message_id => 'r1', licence_no => '26AB900001', status => 'STORED', note => '入库')), '200 booked', 'then customs has it');
is(said(send_in('receipt', partner => 'customs', message_id => 'r1', licence_no => '26AB900001', status => 'STORED', note => '入库')), '200 repeated', 'once');
is(said(send_in('receipt', partner => 'customs', licence_no => '26AB900001', status => 'STORED')), '200 repeated', 'said in another message it is so already');
is(said(send_in('receipt', partner => 'customs', licence_no => '26AB900001', status => 'STORE_FAILED')), '409 wrong_state', '... and not to be taken back');
is(said(send_in('receipt', partner => 'customs', licence_no => '26AB900001', status => 'LOST')), '422 unknown_status status', 'a status that is none is refused');
is(said(send_in('reservation', %use, quantity => '10')), '200 booked', 'a declaration reserves');
is(said(send_in('reservation', %use, declaration_no => '1', quantity => '10')), '422 declaration_no declaration_no', 'with a number that is one');
is(said(send_in('write-off', %use, message_id => 'w1', quantity => '9.5', released => '2026-09-03', packages => '12', owner_name => '货主', goods => [ { code => '2833110000', quantity => '9.5', unit => '035', price => '11.11' }, {} ])), '200 booked', 'and clears');
is(said(send_in('write-off', %use, message_id => 'w1', quantity => '9.5', released => '2026-09-03', packages => '12', owner_name => '货主', goods => [ { code => '2833110000', quantity => '9.5', unit => '035', price => '11.11' }, {} ])), '200 repeated', 'once');
is(said(send_in('write-off', %use, message_id => 'w1', quantity => '9', released => '2026-09-03')), '422 message_id_reused message_id', 'another content under its id is refused');
my ($cleared) = @{ $applicant->get('/api/export/write-offs')->json->{items} };
is("$cleared->{quantity} $cleared->{packages} $cleared->{owner_name}", '9.5 12 货主', 'as it was declared');
is(said(send_in('adjustment', %use, quantity => '9', note => '改单')), '200 booked', 'and is corrected');
is($applicant->get("/api/export/documents/$id/ledger")->json->{used}, '9', '... to what was used');
is(said(send_in('write-off', %use, quantity => '1', released => '2026-09-03', packages => 'many')), '422 number packages', 'packages are counted');
is(said(send_in('write-off', %use, licence_no => '26ZZ999999', quantity => '1', released => '2026-09-03')), '200 unknown', 'an unknown licence is kept to be looked at');

is(said(act($desk{manager}, $id, 'revoke', '误发')), '404 not_found', 'the desk of another agency does not even see it');
is(said(decide($id, 'revoke', opinion => '误发')), '409 licence_used', 'a licence that was used is not revoked');
is(said(decide($second, 'revoke', opinion => '误发')), '200 booked', 'another the authority revokes');
my ($revocation) = messages('licence,revocation');
is_deeply([ @$revocation{qw(kind document_no)} ], [ 'revocation', document($second)->{licence_no} ], 'which customs is told');
valid(part($revocation, 1)->text, 'in a valid message');
is(value(part($revocation, 1)->text, 'Reason'), '误发', '... with the reason');
taken('export', $revocation);

# ---- a document of which two things wait

my $both = bring_to(\%desk, 'REVOKED');
my ($first) = grep { $_->{document} eq $both } messages();
is($first->{kind}, 'licence', 'a licence that was revoked before anybody heard of it: first it is told');
is(scalar(grep { $_->{document} eq $both } messages()), 0, '... and nothing else until that is acknowledged');
taken('export', $first);
is((grep { $_->{document} eq $both } messages())[0]{kind}, 'revocation', '... then the revocation');

# ---- documents of other agencies are the desk's as before

is(count("outbox WHERE kind IN ('application', 'request')"), '0', 'of what the desk reviews nobody else is told');
is(count("application_sent a WHERE a.document = $both"), '0', 'nor is it remembered');
my $desk = bring_to(\%desk, 'PENDING_FIRST');
is(said(decide($desk, 'first_pass')), '422 unknown_application application_no', 'and no other system decides on it');
is(act($desk{first}, $desk, 'first_pass', '同意')->status, 200, 'the desk does');
is(said(act($desk{manager}, $desk, 'second_return', '请核对')), '200 ', 'in both reviews');

# ---- a document that moves from agency to agency

is(act($desk{first}, $desk, 'first_return', '应由大连办理')->status, 200, 'returned to the applicant');
save($applicant, $desk, body(@elsewhere));
is(act($applicant, $desk, 'submit')->status, 200, 'who submits it to the agency that is reviewed elsewhere');
is(said(decide($desk, 'first_return', opinion => '应由总部办理')), '200 booked', 'now the ministry decides');
save($applicant, $desk, body());
act($applicant, $desk, 'submit');
is(said(decide($desk, 'first_pass')), '422 not_yours application_no', 'and no more when it has gone back');
is(act($desk{first}, $desk, 'first_pass', '同意')->status, 200, 'but the desk');

# ---- documents that the portal makes of others, and certificates

register_origin($applicant);
my $filing = made_of($applicant, 'origin', 'goods_filing', goods_filing_body('E', 'K'));
is(act_on($applicant, 'origin', $filing, 'submit')->status, 200, 'goods are filed for two agreements');
@out = messages('application,request', 'origin');
is(scalar @out, 2, 'CCPIT is asked about each');
valid(part($_, 1, 'origin')->text, "$_->{document_no} is valid") for @out;
my $made = document_of($applicant, 'origin', $out[0]{document})->{document};
is($out[0]{document_no}, $made->{licence_no}, 'by the number that it has');
my @ccpit = (module => 'origin', partner => 'ccpit', decided => '2026-09-03T02:00:00Z');
is(said(send_in('decision', @ccpit, application_no => $_->{document_no}, action => 'approve')), '200 booked', 'which CCPIT approves') for @out;
is(document_of($applicant, 'origin', $out[0]{document})->{document}{state}, 'APPROVED', 'and it is approved');
taken('origin', @out);
my ($goods) = grep { $_->{kind} eq 'E' } map { document_of($applicant, 'origin', $_->{document})->{document} } @out;
my $certificate = certificate($applicant, 'E', $goods->{id});
is(act_on($applicant, 'origin', $certificate, 'submit')->status, 200, 'a certificate is submitted');
is(act_on($applicant, 'origin', $certificate, 'take_back')->status, 200, 'taken back');
is(act_on($applicant, 'origin', $certificate, 'submit')->status, 200, 'and submitted again');
my @order;
while (my @next = messages('application,request', 'origin')) {
	is(scalar @next, 1, 'one after the other');
	valid(part($next[0], $next[0]{parts}, 'origin')->text, "the $next[0]{kind} is valid");
	push @order, $next[0]{kind};
	taken('origin', @next);
}
is("@order", 'application request application', 'CCPIT is told all of it in order');
my $certificate_no = document_of($applicant, 'origin', $certificate)->{document}{application_no};
is(said(send_in('decision', @ccpit, application_no => $certificate_no, action => 'approve', licence_no => '26E2102M9997/00077')), '200 booked', 'and approves it with its own number');
is(document_of($applicant, 'origin', $certificate)->{document}{licence_no}, '26E2102M9997/00077', 'which the certificate has');

# ---- asking wrongly

is($sw->internal('POST', '/internal/export/outbox/claim?kinds=licence,nothing', '{}')->status, 422, 'a kind that there is not');
is($sw->internal('POST', '/internal/export/outbox/claim?count=101', '{}')->status, 422, 'more than 100 at once');
is($applicant->post('/internal/export/inbox/decision', {})->status, 404, 'and from outside nothing at all');
is(said($applicant->post('/api/export/documents/' . $desk . '/actions/second_pass', {}, 'If-Match' => '*')), '403 forbidden', 'nor are applicants the authority');

done_testing();
