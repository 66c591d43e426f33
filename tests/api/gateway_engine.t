#!/usr/bin/perl
# The gateway's own part: what it refuses and says why, the order it keeps, what survives a kill, what administrators do. (partners.t has partners that
# work by themselves.)
use strict;
use warnings;
use utf8;
use Encode ();
use File::Temp qw(tempdir);
use Test::More;
use IO::Socket::SSL;
use JSON::PP ();
use Time::HiRes qw(sleep);

use SingleWindow::Export;
use SingleWindow::Instance;
use SingleWindow::Partner;
use SingleWindow::Partner::Message qw(message_text sign_message signing_key);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $NOW = '2026-09-03T02:00:00Z';
my $home = SingleWindow::Partner::Home->new;
my $customs = $home->partner('customs', way => 'https', clears => ['export'], title => '海关');
my $ministry = $home->partner('ministry', way => 'folder', reviews => { export => ['AB'] }, title => '商务部');
# a second signer of the ministry, whose certificate is over
my ($late, $ca) = map { "$home->{dir}/keys/$_" } qw(late openssl.cnf);
system("(openssl req -new -config $ca -newkey rsa:2048 -nodes -keyout $late.key -out $late.csr -subj /CN=late && openssl ca -config $ca -batch -notext"
	. " -startdate 20200101000000Z -enddate 20210101000000Z -extensions sign -in $late.csr -out $late.pem && chmod 644 $late.key $late.pem) >/dev/null 2>&1") == 0 or die 'openssl';
my $file = "$home->{dir}/partners/ministry.json";
my $json = JSON::PP->new->utf8->canonical;
my $settings = $json->decode(slurp($file));
push @{ $settings->{signers} }, "$late.pem";
spill($file, $json->encode($settings));
# and of customs a next client certificate
my @next = $home->{keys}->issue('customs-next', 'client');
$file = "$home->{dir}/partners/customs.json";
$settings = $json->decode(slurp($file));
$settings->{https}{client} = "$home->{dir}/keys/both.pem";
spill($file, $json->encode($settings));
spill("$home->{dir}/keys/both.pem", slurp($customs->{keys}{client}[0]) . slurp($next[0]));

my $sw = SingleWindow::Instance->start(settings => { $home->settings, limit_per_minute => 0 });
my ($applicant, $operator, $office, $portal) = map { $sw->signed_in("demo_$_") } qw(admin operator ab portal);

sub slurp { my ($path) = @_; open my $in, '<:raw', $path or return ''; local $/; return scalar <$in> }
sub spill { my ($path, $bytes) = @_; open my $out, '>:raw', $path or die "$path: $!"; print {$out} $bytes; close $out or die $!; return }
sub gateway_of { my ($name) = @_; my ($it) = grep { $_->{name} eq $name } @{ $portal->get('/api/exchange/gateway')->json->{partners} }; return $it }
sub messages { my (%query) = @_; return @{ $portal->get('/api/exchange/messages', { size => 100, %query })->json->{items} } }
sub in_state { my ($partner, $state) = @_; return messages(direction => 'in', partner => $partner, state => $state) }
sub said { my ($answer) = @_; my $body = $answer->header('Content-Type') ? eval { $answer->json } // {} : {}; return join ' ', $answer->status, (($body->{type} // '') =~ s{.*/}{}r) || (), $body->{field} // () }
sub state_of { my ($id) = @_; return $applicant->get("/api/export/documents/$id")->json->{document}{state} }
sub member { my ($xml, $name) = @_; return $xml =~ m{<$name>([^<]*)</$name>} ? $1 : undef }
sub outbox { return map { slurp($_) } sort glob $ministry->box('OutBox') . '/*.xml' }
sub empty { for my $path (glob $ministry->box('OutBox') . '/*.xml') { rename $path, $ministry->box('SentBox') . '/' . ($path =~ m{([^/]+)$})[0] } return 1 }
sub kept { return $sw->sql(export => "SELECT COUNT(*) FROM outbox WHERE kind IN ('application', 'request', 'licence', 'revocation')") == 0 } # everything has come from the module
sub settled { my ($partner) = @_; return wait_until(sub { empty(); return 0 if !kept(); my $it = gateway_of($partner); !$it->{in}{waiting} && !$it->{out}{waiting} }, 30) }

my (%number, %sequence);
sub text_of {
	my ($partner, $kind, $document, $members, %head) = @_;
	my $name = $partner->name;
	my $number = $head{Number} // ++$number{$name};
	my %all = (MessageId => "$name-$number", Number => $number, Sender => $name, Receiver => 'portal', Kind => $kind, Module => 'export', Document => $document,
		Sequence => $head{Sequence} // ++$sequence{"$name $document"}, Created => $NOW, %head);
	return message_text(\%all, $members);
}
sub message { my ($partner, @what) = @_; return $partner->signed(text_of($partner, @what)) }
sub decision { my ($no, $action, @more) = @_; return [ ApplicationNo => $no, Action => $action, @more, Decided => $NOW ] }
sub receipt { my ($no, $status) = @_; return [ LicenceNo => $no, Status => $status, Received => $NOW ] }
sub reservation { my ($no, $quantity) = @_; return [ LicenceNo => $no, DeclarationNo => '310120260000000001', Quantity => $quantity, Unit => '035' ] } # as often as one likes
sub application {
	my $id = complete($applicant, other => { issuing_agency => 'AB' });
	my $answer = act($applicant, $id, 'submit');
	die $answer->text unless $answer->ok;
	return ($id, $answer->json->{document}{application_no});
}
sub first_problem { my ($partner) = @_; my ($dead) = in_state($partner, 'dead'); return $dead ? "$dead->{problem}{rule} $dead->{problem}{element} $dead->{problem}{line}" : 'none' }
sub drop_dead { my ($partner) = @_; for my $dead (in_state($partner, 'dead')) { $portal->post("/api/exchange/messages/$dead->{id}/drop", { reason => 'test' }) } return }

# ---- where something is wrong: line and element of the file that came, however it is written
{
	my ($id, $no) = application();
	my $pretty = sub {
		my ($action, %change) = @_;
		my $n = ++$number{ministry};
		my %head = (Sequence => 1, Sender => 'ministry', Opinion => '', %change);
		my $text = "<Message xmlns=\"urn:singlewindow:message\">\n<Head>\n<MessageId>ministry-$n</MessageId>\n<Number>$n</Number>\n<Sender>$head{Sender}</Sender>\n<Receiver>portal</Receiver>\n<Kind>Decision</Kind>\n<Module>export</Module>\n"
			. "<Document>$no</Document>\n<Sequence>$head{Sequence}</Sequence>\n<Created>$NOW</Created>\n</Head>\n<Decision>\n<ApplicationNo>$no</ApplicationNo>\n<Action>$action</Action>\n$head{Opinion}<Decided>$NOW</Decided>\n</Decision>\n</Message>";
		return "<?xml version=\"1.0\"\n  encoding=\"UTF-8\"?>\n" . $ministry->signed($text);
	};
	for my $case ([ 'a value against the schema', $pretty->('FIRST PASS'), 'schema Action 17' ], [ 'another sender', $pretty->('first_pass', Sender => 'customs'), 'sender Sender 7' ],
		[ 'no Sequence', $pretty->('first_pass', Sequence => 0), 'sequence Sequence 12' ], [ 'what the module refuses', $pretty->('second_pass'), qr/^\w+ (?:Action|Decision|ApplicationNo) 1[567]$/ ],
		[ 'an unclosed element', $pretty->('first_pass') =~ s{</Action>}{}r, qr/^not_well_formed  1[78]|^not_well_formed  19/ ], [ 'a DTD', "<!DOCTYPE a [\n]>\n" . $pretty->('first_pass'), 'forbidden_xml  1' ],
		[ 'a NUL', $pretty->('first_pass') =~ s/<Decision>/\0<Decision>/r, 'forbidden_xml  3' ], [ 'more depth than may be', '<a>' x 65 . '</a>' x 65, 'forbidden_xml  1' ],
		[ 'more elements than may be', "<a>\n" . '<b/>' x 40_000 . '</a>', 'forbidden_xml  2' ], [ 'a Sequence of nineteen digits', $pretty->('first_pass', Sequence => '9223372036854775808'), 'schema Sequence 12' ],
		[ 'a comment', $pretty->('first_pass') =~ s/<Decision>/<!-- -->\n<Decision>/r, 'forbidden_xml  15' ], [ 'an altered value', $pretty->('first_pass') =~ s/<Number>/<Number>9/r, 'signature_wrong Signature 20' ]) {
		my ($what, $bytes, $wanted) = @$case;
		$ministry->drop('case.xml', $bytes);
		ok(wait_until(sub { first_problem('ministry') ne 'none' }), "$what is a dead letter");
		ref $wanted ? like(first_problem('ministry'), $wanted, '... with rule, element and line') : is(first_problem('ministry'), $wanted, '... with rule, element and line');
		wait_until(sub { my ($last) = grep { member($_, 'Kind') eq 'Rejection' } outbox(); $last }, 5);
		my ($rejection) = grep { member($_, 'Kind') eq 'Rejection' } outbox();
		is(join(' ', map { member($rejection // '', $_) // '' } qw(RejectedFile Rule)), 'case.xml ' . (split / /, first_problem('ministry'))[0], '... and its sender is told');
		drop_dead('ministry');
		$sw->sql(exchange => "UPDATE partner_document SET last_in = 0 WHERE document_no = '$no'; UPDATE message_in SET sequence = 0 WHERE state = 'dropped'");
		settled('ministry');
	}
	is(state_of($id), 'PENDING_FIRST', 'the document is as it was');
	$ministry->drop('good.xml', $pretty->('first_pass'));
	ok(wait_until(sub { state_of($id) eq 'PENDING_SECOND' }), 'written like that it is taken when it is right');
	$ministry->drop('windows.xml', "\x{EF}\x{BB}\x{BF}" . $pretty->('second_return', Sequence => 2) =~ s{<Decided>}{<Opinion>reason</Opinion>\n<Decided>}r =~ s/\n/\r\n/gr);
	ok(wait_until(sub { first_problem('ministry') =~ /^signature_wrong Signature/ }), 'what was changed after signing is not');
	drop_dead('ministry');
	$sw->sql(exchange => "UPDATE partner_document SET last_in = 1 WHERE document_no = '$no'; UPDATE message_in SET sequence = 0 WHERE state = 'dropped'");
	$ministry->drop('windows.xml', "\x{EF}\x{BB}\x{BF}" . $pretty->('second_return', Sequence => 2, Opinion => "<Opinion>two\nlines</Opinion>\n") =~ s/\n/\r\n/gr);
	ok(wait_until(sub { state_of($id) eq 'SECOND_RETURNED' }), 'but Windows\' ends of lines and mark of the order of bytes are none');
	settled('ministry');
	my ($id2, $no2) = application();
	my $text = text_of($ministry, 'Decision', $no2, decision($no2, 'first_pass'), Sequence => 1) =~ s{<(/?)(\w)}{<$1m:$2}gr =~ s{xmlns=}{xmlns:m=}r;
	$ministry->drop('prefix.xml', $ministry->signed($text));
	ok(wait_until(sub { state_of($id2) eq 'PENDING_SECOND' }), 'nor is a prefix');
	my $far = message($ministry, 'Decision', $no2, decision($no2, 'first_pass'), Sequence => '9' x 18);
	$ministry->drop('far.xml', $far);
	my $waits;
	ok(wait_until(sub { ($waits) = grep { $_->{file} eq 'far.xml' } in_state('ministry', 'waiting'); $waits }), 'the greatest Sequence waits for the others');
	is(said($portal->post("/api/exchange/messages/$waits->{id}/drop", { reason => 'test' })), '204', '... until an administrator drops it');
	$ministry->drop('near.xml', message($ministry, 'Decision', $no2, decision($no2, 'second_return', Opinion => 'x'), Sequence => 2));
	ok(wait_until(sub { state_of($id2) eq 'SECOND_RETURNED' }), '... and the next is still the second');
	settled('ministry');
}

# ---- who signs
{
	my ($id, $no) = application();
	my $text = text_of($ministry, 'Decision', $no, decision($no, 'first_pass'), Sequence => 1);
	$ministry->drop('late.xml', sign_message($text, signing_key("$late.key")));
	ok(wait_until(sub { first_problem('ministry') =~ /^signer_expired Signature 1/ }), 'a signer whose certificate is over counts no more, and the letter says so');
	drop_dead('ministry');
	$ministry->drop('other.xml', sign_message(text_of($ministry, 'Decision', $no, decision($no, 'first_pass'), Sequence => 1), signing_key($customs->{keys}{sign}[1])));
	ok(wait_until(sub { first_problem('ministry') =~ /^signature_wrong/ }), 'another partner\'s signature is none here');
	is(state_of($id), 'PENDING_FIRST', 'nothing was done');
	drop_dead('ministry');
	settled('ministry');
}

# ---- a certificate cannot be claimed
{
	my $pem = slurp($customs->{keys}{client}[0]) =~ s/\n/%0A/gr;
	for my $path ('/messages', '/partner/exchange/messages', '/api/exchange/messages') {
		my $answer = $sw->raw("POST $path HTTP/1.1\r\nHost: x\r\nSW-CLIENT-CERTIFICATE: $pem\r\nSW_CLIENT_CERTIFICATE: $pem\r\nX-SSL-Client-Cert: $pem\r\nSW-Side: partner\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
		like($answer, qr{^HTTP/1\.1 40[1345] }, "by a header at $path");
	}
	my $key = 'Authorization: Bearer ' . partner_key($sw);
	my $curl = "curl -sS -o /dev/null -w '%{http_code}' --cacert @{[ $home->{keys}->authority ]} --cert $customs->{keys}{client}[0] --key $customs->{keys}{client}[1]";
	is(scalar(qx($curl -H '$key' --data x https://127.0.0.1:$home->{port}/partner/exchange/wechat)), '404', 'the door of partners leads nowhere else');
	is(scalar(qx($curl --data '' https://127.0.0.1:$home->{port}/messages)), '400', 'nothing is no message');
	system("(openssl req -new -config $ca -newkey rsa:2048 -nodes -keyout $late-client.key -out $late-client.csr -subj /CN=customs && openssl ca -config $ca -batch -notext"
		. " -startdate 20200101000000Z -enddate 20210101000000Z -extensions client -in $late-client.csr -out $late-client.pem) >/dev/null 2>&1") == 0 or die 'openssl';
	is(scalar(qx($curl --cert $late-client.pem --key $late-client.key --data x https://127.0.0.1:$home->{port}/messages)), '400', 'a client certificate that is over opens nothing');
	is(scalar(in_state('customs', 'dead')), 0, 'and nothing was kept of all that');
}

# ---- a licence to customs: attempts, receipts, order
my ($licence_id, $licence);
{
	$sw->kill('exchange');
	$sw->wait_for('exchange');
	$licence_id = bring_to({ applicant => $applicant, map { $_ => $sw->signed_in("demo_$_") } qw(first second manager) }, 'PRINTED');
	$licence = licence_of($applicant, $licence_id);
	my $customs_says = sub { return $applicant->get("/api/export/documents/$licence_id")->json->{document}{state_customs} // '' };
	ok(wait_until(sub { my ($out) = messages(direction => 'out', partner => 'customs', state => 'waiting'); $out && $out->{attempts} >= 3 }, 30), 'while customs is away its licence is tried again and again');
	ok(gateway_of('customs')->{out}{waiting} == 1 && length gateway_of('customs')->{answer}, 'and why is told');
	ok(wait_until(sub { $customs_says->() eq 'SEND_FAILED' }), 'after the third attempt the document says so');
	$customs->{silent} = 1;
	$customs->begin;
	ok(wait_until(sub { gateway_of('customs')->{out}{waiting} == 0 && $customs->idle }, 30), 'when customs is back it goes out');
	is(scalar($customs->notes('got')), 1, 'once');
	is($customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'STORE_FAILED')))->{status}, 202, 'customs cannot store it');
	ok(wait_until(sub { $customs->notes('got') == 2 }, 30), 'so it is sent again by itself');
	my @got = map { slurp($_) } $customs->got;
	is_deeply([ map { my $xml = $_; join ' ', map { member($xml, $_) } qw(Number Sequence Attempt) } @got ], [ '1 1 1', '2 2 2' ], 'with new number and sequence, as the second attempt');
	for my $attempt (2 .. 5) {
		$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'CENTRE_FAILED')));
		my $next;
		wait_until(sub { ($next) = messages(direction => 'out', partner => 'customs', state => 'waiting'); $next });
		$portal->post("/api/exchange/messages/$next->{id}/retry", {}); # not only when its time has come
		last unless wait_until(sub { $customs->notes('got') == $attempt + 1 }, 30);
	}
	is(scalar($customs->notes('got')), 6, 'five times more than the first');
	$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'CENTRE_FAILED')));
	ok(wait_until(sub { gateway_of('customs')->{out}{failed} == 1 }), 'then it stands among the failed');
	my ($failed) = messages(direction => 'out', partner => 'customs', state => 'failed');
	is(said($portal->post("/api/exchange/messages/$failed->{id}/retry", {})), '204', 'until an administrator');
	ok(wait_until(sub { $customs->notes('got') == 7 }, 30), 'sends it as a new message');
	is((sort map { member(slurp($_), 'Attempt') } $customs->got)[-1], 7, 'which is the seventh attempt');
	$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'STORED')));
	ok(wait_until(sub { $customs_says->() eq 'STORED' }), 'then it is stored');
}

# ---- the order of what comes, and the ways out of a gap
{
	my $next = $sequence{"customs $licence"};
	my $waiting = sub { return scalar in_state('customs', 'waiting') };
	$customs->post(message($customs, 'Reservation', $licence, reservation($licence, 1), Sequence => $next + 3));
	$customs->post(message($customs, 'Reservation', $licence, reservation($licence, 1), Sequence => $next + 2));
	ok(wait_until(sub { 2 == grep { $_->{gap} } in_state('customs', 'waiting') }), 'later ones wait for the missing one');
	my ($first) = grep { $_->{sequence} == $next + 2 } in_state('customs', 'waiting');
	ok($first->{gap}, '... and say that they do');
	is(said($portal->post("/api/exchange/messages/$first->{id}/retry", {})), '409 waits_for_earlier', 'trying again does not help');
	is(said($operator->post("/api/exchange/messages/$first->{id}/retry", { skip => JSON::PP::true() })), '403 forbidden', 'others may not');
	is(said($portal->post("/api/exchange/messages/$first->{id}/retry", { skip => JSON::PP::true() })), '204', 'an administrator may go on without the missing one');
	ok(wait_until(sub { $waiting->() == 0 }), 'then they are taken');
	$sequence{"customs $licence"} = $next + 3;
	$customs->post(message($customs, 'Reservation', $licence, reservation($licence, 1), Sequence => $next + 1));
	ok(wait_until(sub { first_problem('customs') eq 'sequence_used Sequence 1' }), 'the missing one comes too late');
	drop_dead('customs');
	my $once = message($customs, 'Reservation', $licence, reservation($licence, 2));
	$customs->post($once) for 1 .. 3;
	$customs->post(message($customs, 'Reservation', $licence, reservation($licence, 1), MessageId => member($once, 'MessageId')));
	ok(wait_until(sub { first_problem('customs') eq 'message_id_reused MessageId 1' }), 'an id with other content is a dead letter');
	my $took = sub { return scalar grep { $_->{message_id} eq member($once, 'MessageId') } in_state('customs', 'taken') };
	wait_until(sub { $took->() && $waiting->() == 0 });
	is($took->(), 1, 'three times the same is one');
	drop_dead('customs');
	settled('customs');
}

# ---- nothing is lost or twice when the program dies while it receives
{
	my $before = scalar in_state('customs', 'taken');
	my @all = map { message($customs, 'Reservation', $licence, reservation($licence, 1 + $_ % 5)) } 1 .. 40;
	my $killed = 0;
	for my $i (0 .. $#all) {
		$sw->kill('exchange') if $i % 13 == 5 && ++$killed;
		my $status = 0;
		for (1 .. 200) { last if ($status = $customs->post($all[$i])->{status}) == 202; sleep 0.05 }
		fail("message $i: $status") unless $status == 202;
	}
	ok(wait_until(sub { in_state('customs', 'taken') == $before + 40 }, 60), "forty messages, $killed kills: all are taken") or diag(scalar(in_state('customs', 'taken')) - $before);
	is(scalar(in_state('customs', 'dead')), 0, 'none is dead');
	my %ids;
	$ids{ $_->{message_id} }++ for in_state('customs', 'taken');
	is(scalar(grep { $_ > 1 } values %ids), 0, 'none is there twice');
	is(gateway_of('customs')->{in}{missing}, 0, 'no number is missing') or diag(explain(gateway_of('customs')));
	my ($id, $no) = application();
	settled('ministry');
	for my $i (1 .. 10) {
		$ministry->drop(sprintf('kill-%02d.xml', $i), $i % 2 ? message($ministry, 'Decision', $no, decision($no, $i == 3 ? ('second_return', Opinion => '价格') : 'first_pass'), Sequence => ($i + 1) / 2) : 'garbage');
		if ($i % 4 == 0) { $sw->wait_for('exchange'); $sw->kill('exchange') }
	}
	$sw->wait_for('exchange');
	my $history = sub { return join ' ', grep { /_(?:pass|return)$/ } map { $_->{action} } reverse @{ $office->get("/api/export/documents/$id/events")->json->{events} } };
	ok(wait_until(sub { $history->() eq 'first_pass second_return first_pass' && in_state('ministry', 'dead') == 2 && !glob($ministry->box('InBox') . '/*.xml') }, 60), 'files are taken, too: what is right once, in order; what is wrong once') or diag(state_of($id) . ' ' . join ' ', map { "$_->{file} $_->{problem}{rule}" } in_state('ministry', 'dead'));
	drop_dead('ministry');
}

# ---- files that fail at the partner
{
	my ($id, $no) = application();
	settled('ministry');
	my ($id2, $no2) = application();
	my $place;
	ok(wait_until(sub { return 0 if !kept(); ($place) = grep { (member(slurp($_), 'ApplicationNo') // '') eq $no2 } glob $ministry->box('OutBox') . '/*.xml' }), 'a message lies in the OutBox');
	my ($name) = $place =~ m{([^/]+)$};
	my $bytes = slurp($place);
	spill($ministry->box('FailBox') . "/$name.txt", Encode::encode_utf8("格式不对\n第二行"));
	rename $place, $ministry->box('FailBox') . "/$name" or die $!;
	ok(wait_until(sub { messages(direction => 'out', partner => 'ministry', state => 'failed') == 1 }), 'what the partner moves to the FailBox has failed');
	my ($failed) = messages(direction => 'out', partner => 'ministry', state => 'failed');
	is($failed->{answer}, '格式不对 第二行', 'for the reason it gives');
	ok(wait_until(sub { !-e $ministry->box('FailBox') . "/$name" }), 'and is taken from there');
	is(gateway_of('ministry')->{out}{waiting}, 1, 'what comes after it waits');
	is(said($portal->post("/api/exchange/messages/$failed->{id}/retry", {})), '204', 'tried again');
	ok(wait_until(sub { -e $place }), 'it comes back');
	is(slurp($place), $bytes, 'with the same bytes');
	is(said($portal->post("/api/exchange/messages/$failed->{id}/drop", { reason => '不再发送' })), '409 on_its_way', 'as long as it lies there, and may be taken, it is not dropped');
	rename $place, $ministry->box('FailBox') . "/$name" or die $!;
	ok(wait_until(sub { messages(direction => 'out', partner => 'ministry', state => 'failed') == 1 }), 'and may fail again');
	is(said($portal->post("/api/exchange/messages/$failed->{id}/drop", { reason => '不再发送' })), '204', 'dropped');
	ok(wait_until(sub { grep { (member($_, 'ApplicationNo') // '') eq $no2 && member($_, 'Sequence') == 1 } outbox() }), 'the next one has its place in the order');
	settled('ministry');
	my $next = sprintf '%s/portal-ministry-%09d.xml', $ministry->box('OutBox'), gateway_of('ministry')->{out}{number} + 1;
	spill($next, 'of another time');
	my ($id4, $no4) = application();
	ok(wait_until(sub { grep { $_->{answer} =~ /that is another/ } messages(direction => 'out', partner => 'ministry', document => $no4) }), 'another file of the name of a message is not taken for it');
	is(slurp($next), 'of another time', '... nor overwritten');
	unlink $next;
	ok(wait_until(sub { grep { (member($_, 'Document') // '') eq $no4 } outbox() }, 30), 'when it is gone the message takes its place');
	settled('ministry');
	rename $ministry->box('OutBox'), $ministry->box('OutBox') . '.away' or die $!;
	my ($id3, $no3) = application();
	ok(wait_until(sub { gateway_of('ministry')->{answer} =~ /OutBox/ }), 'a folder that is away is told');
	rename $ministry->box('OutBox') . '.away', $ministry->box('OutBox') or die $!;
	ok(wait_until(sub { grep { member($_, 'Document') eq $no3 } outbox() }, 30), 'and used again when it is back');
	ok(wait_until(sub { gateway_of('ministry')->{answer} eq '' }), '... with nothing to tell');
	settled('ministry');
}

# ---- what an HTTPS partner may answer
{
	$customs->mood('answer 404 not deployed');
	my $id = bring_to({ applicant => $applicant, map { $_ => $sw->signed_in("demo_$_") } qw(first second manager) }, 'PRINTED');
	my $no = licence_of($applicant, $id);
	my $out = sub { my ($it) = messages(direction => 'out', partner => 'customs', document => $no); return $it // {} };
	ok(wait_until(sub { ($out->()->{answer} // '') =~ /^status 404: not deployed$/ }), 'a status that says nothing of the message');
	is($out->()->{state}, 'waiting', 'is none of a refusal');
	$customs->mood('hang');
	$portal->post('/api/exchange/messages/' . $out->()->{id} . '/retry', {});
	ok(wait_until(sub { $out->()->{attempts} == 1 }), 'while it is being sent');
	is(said($portal->post('/api/exchange/messages/' . $out->()->{id} . '/drop', { reason => 'test' })), '409 on_its_way', '... it is not dropped');
	$customs->mood("answer 422 \xB1\xA8\xCE\xC4 \x07wrong" . 'x' x 500); # GBK
	ok(wait_until(sub { return 1 if $out->()->{state} eq 'failed'; $portal->post('/api/exchange/messages/' . $out->()->{id} . '/retry', {}); return 0 }, 60), 'a refusal is final');
	is(length $out->()->{answer}, 399, 'and what is said with it is kept as far as there is room');
	like($out->()->{answer}, qr/^status 422: [?\x{80}-\x{7ff}]+  wrongx+$/, '... as text, whatever it is');
	$customs->mood(undef);
	is(said($portal->post('/api/exchange/messages/' . $out->()->{id} . '/retry', {})), '204', 'tried again');
	ok(wait_until(sub { $out->()->{state} eq 'sent' }, 30), 'it is sent');

	my $number = $out->()->{number};
	$customs->post(message($customs, 'Rejection', '', [ RejectedId => sprintf('portal-customs-%09d', $number), Problem => [ Rule => 'schema', Text => 'a' . '字' x 499, TextEn => 'x' ] ], Module => '', Sequence => 0));
	ok(wait_until(sub { $out->()->{state} eq 'failed' }), 'also what it has taken may be rejected afterwards');
	like($out->()->{answer}, qr/^schema: a字+$/, '... for a reason that is kept as far as there is room');
	$portal->post('/api/exchange/messages/' . $out->()->{id} . '/retry', {});
	ok(wait_until(sub { $out->()->{state} eq 'sent' }, 30), '... and is sent again when an administrator says so');

	my ($others) = messages(direction => 'out', partner => 'ministry', state => 'sent');
	$customs->post(message($customs, 'Rejection', '', [ RejectedId => $others->{message_id}, Problem => [ Rule => 'x', Text => 'x', TextEn => 'x' ] ], Module => '', Sequence => 0));
	ok(wait_until(sub { in_state('customs', 'received') == 0 && in_state('customs', 'waiting') == 0 }), 'whoever rejects what another was sent');
	is((grep { $_->{id} eq $others->{id} } messages(direction => 'out', partner => 'ministry'))[0]{state}, 'sent', '... changes nothing of it');

	my $id2 = bring_to({ applicant => $applicant, map { $_ => $sw->signed_in("demo_$_") } qw(first second manager) }, 'REVOKED');
	ok(wait_until(sub { grep { $_->{kind} eq 'Revocation' && $_->{document} eq licence_of($applicant, $id2) } $customs->notes('got') }, 30), 'a revocation comes after its licence');
	is(join("\n", map { $_->{text} } $customs->notes('wrong')), '', 'the partner has nothing to complain of');
}

# ---- what a module has for a partner that there is not
{
	$sw->down('exchange');
	$sw->sql(export => q{INSERT INTO outbox (id, kind, document, created, agency, document_no, parts) VALUES (1, 'application', 1, 1, 'ZZ', 'nobody', 1)});
	my ($id, $no) = application();
	$sw->up('exchange');
	ok(wait_until(sub { empty(); messages(direction => 'out', document => $no, state => 'sent') == 2 }, 30), 'holds up nothing of the others');
	like($sw->log_text('exchange'), qr/event=relay .*agency ZZ.* has no partner/, 'and is told in the log');
	$sw->sql(export => 'DELETE FROM outbox WHERE id = 1');
}

# ---- a clock that was ahead, and has been set right
{
	my ($id, $no) = application();
	settled('ministry');
	my $later = (time + 86_400) * 1000;
	$sw->down('exchange');
	my ($id2, $no2) = application();
	$sw->up('exchange');
	ok(wait_until(sub { messages(direction => 'out', document => $no2) == 2 }), 'messages wait');
	$sw->sql(exchange => "UPDATE message_out SET next_at = $later, lease = $later WHERE state = 'waiting' AND placed = 0; UPDATE partner_state SET paused_until = $later WHERE partner = 'ministry'");
	ok(wait_until(sub { empty(); my @out = messages(direction => 'out', document => $no2, state => 'sent'); @out == 2 }, 30), 'none waits for tomorrow because it was tomorrow');
	$sw->sql(exchange => "UPDATE partner_state SET paused_until = 0 WHERE partner = 'ministry'");
}

# ---- files that cannot be taken
{
	my $inbox = $ministry->box('InBox');
	my $answer = sub { return gateway_of('ministry')->{answer} };
	my $decide = sub { my ($no) = @_; return message($ministry, 'Decision', $no, decision($no, 'first_pass'), Sequence => 1) };
	my @all = map { [ application() ] } 1 .. 6; # id and number
	settled('ministry');

	spill("$inbox/.closed.xml", $decide->($all[0][1]));
	chmod 0, "$inbox/.closed.xml";
	rename "$inbox/.closed.xml", "$inbox/closed.xml" or die $!;
	$ministry->drop('open.xml', $decide->($all[1][1]));
	ok(wait_until(sub { state_of($all[1][0]) eq 'PENDING_SECOND' }), 'a file that cannot be read holds up no other');
	ok(wait_until(sub { $answer->() =~ m{InBox/closed\.xml cannot be read} }), 'and is told');
	chmod 0644, "$inbox/closed.xml";
	ok(wait_until(sub { state_of($all[0][0]) eq 'PENDING_SECOND' && $answer->() eq '' }), 'until it can');

	$sw->down('exchange');
	$ministry->drop('stays.xml', $decide->($all[2][1]));
	chmod 0555, $inbox;
	$sw->up('exchange');
	ok(wait_until(sub { state_of($all[2][0]) eq 'PENDING_SECOND' && $answer->() =~ m{InBox/stays\.xml cannot be removed} }), 'a file that cannot be removed is taken, and told');
	$sw->restart('exchange');
	ok(wait_until(sub { $answer->() =~ m{cannot be removed} }), '... also after a restart');
	is(scalar(grep { $_->{file} eq 'stays.xml' } messages(direction => 'in', partner => 'ministry')), 1, '... and taken once');
	chmod 0777, $inbox;
	ok(wait_until(sub { !-e "$inbox/stays.xml" && $answer->() eq '' }), 'when it can be removed it is');

	my $elsewhere = tempdir('sw-elsewhere-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	chmod 0777, $elsewhere;
	spill("$elsewhere/other.xml", $decide->($all[3][1]));
	rename $inbox, "$inbox.away" or die $!;
	symlink $elsewhere, $inbox or die $!;
	ok(wait_until(sub { $answer->() =~ m{/InBox: } }), 'an InBox that is a link is none');
	ok(-e "$elsewhere/other.xml", '... and what lies there is left alone');
	unlink $inbox;
	rename "$inbox.away", $inbox or die $!;
	ok(wait_until(sub { $answer->() eq '' }), '... until it is one again');

	my @times = (time) x 2;
	for my $i (3, 4) {
		my $path = "$inbox/again.xml";
		spill("$path.tmp", $decide->($all[$i][1]));
		utime @times, "$path.tmp" or die $!;
		rename "$path.tmp", $path or die $!;
		ok(wait_until(sub { state_of($all[$i][0]) eq 'PENDING_SECOND' && !-e $path }), $i == 3 ? 'a file' : 'another of the same name and time is another');
	}

	my $whole = $decide->($all[5][1]);
	spill("$inbox/.future.xml", substr $whole, 0, 500);
	utime time + 1e6, time + 1e6, "$inbox/.future.xml";
	rename "$inbox/.future.xml", "$inbox/future.xml" or die $!;
	ok(wait_until(sub { first_problem('ministry') =~ /^not_well_formed/ }), 'half a file of tomorrow is a dead letter after a while, too');
	drop_dead('ministry');
	settled('ministry');
}

# ---- what lies in a FailBox that is none of ours, or cannot be removed
{
	my $box = $ministry->box('FailBox');
	my ($id, $no) = application();
	my $place;
	ok(wait_until(sub { ($place) = grep { (member(slurp($_), 'Document') // '') eq $no } glob $ministry->box('OutBox') . '/*.xml' }), 'a message lies in the OutBox');
	my ($name) = $place =~ m{([^/]+)$};
	mkdir "$box/$name" or die $!;
	sleep 2;
	is(scalar(messages(direction => 'out', partner => 'ministry', state => 'failed')), 0, 'a folder of its name says nothing');
	rmdir "$box/$name" or die $!;
	$sw->down('exchange');
	rename $place, "$box/$name" or die $!;
	chmod 0555, $box;
	$sw->up('exchange');
	ok(wait_until(sub { gateway_of('ministry')->{answer} =~ m{FailBox/\Q$name\E cannot be removed} }), 'what cannot be removed from the FailBox is told');
	is(scalar(messages(direction => 'out', partner => 'ministry', state => 'failed')), 1, 'and has failed');
	chmod 0777, $box;
	ok(wait_until(sub { !-e "$box/$name" && gateway_of('ministry')->{answer} eq '' }), 'until it can be removed');
	my ($failed) = messages(direction => 'out', partner => 'ministry', state => 'failed');
	$portal->post("/api/exchange/messages/$failed->{id}/retry", {});
	settled('ministry');
}

# ---- the same wrong message again, and again; numbers that are missing
{
	my ($id, $no) = application();
	settled('ministry');
	$number{ministry}++;
	my $wrong = message($ministry, 'Decision', $no, decision($no, 'second_pass'), Sequence => 1);
	my $rejections = sub { return scalar messages(direction => 'out', partner => 'ministry', kind => 'Rejection', document => $no) };
	for my $time (1 .. 3) {
		$ministry->drop("wrong-$time.xml", $wrong);
		ok(wait_until(sub { empty(); my ($it) = in_state('ministry', 'dead'); $it && $it->{file} eq "wrong-$time.xml" }), $time == 1 ? 'what cannot be taken is a dead letter' : 'sent again it is tried again');
		is(scalar(messages(direction => 'in', partner => 'ministry', document => $no)), 1, '... of which there is one');
		ok(wait_until(sub { $rejections->() == $time }), '... and its sender is told');
	}
	my $missing = gateway_of('ministry')->{in}{missing};
	cmp_ok($missing, '>', 0, 'a number was left out');
	my ($dead) = in_state('ministry', 'dead');
	$portal->post("/api/exchange/messages/$dead->{id}/retry", {});
	ok(wait_until(sub { my ($it) = in_state('ministry', 'dead'); $it && $it->{attempts} > $dead->{attempts} }), 'an administrator tries it, too');
	is(gateway_of('ministry')->{in}{missing}, $missing, '... which makes no number come that has not');
	drop_dead('ministry');
	settled('ministry');
}

# ---- a partner that sends without end
{
	my ($id, $no) = application();
	settled('ministry');
	my $fill = sub {
		my ($partner, $count, $bytes) = @_;
		$sw->sql(exchange => "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $count) "
			. "INSERT INTO message_in (id, partner, way, file, origin, bytes, received, state, problems) SELECT i, '$partner', 'https', '', '', $bytes, 1, 'dead', '[]' FROM n");
	};
	my $clear = sub { $sw->sql(exchange => 'DELETE FROM message_in WHERE received = 1') };
	$fill->('customs', 10_000, "CAST('x' AS " . ($sw->database eq 'postgresql' ? 'BYTEA' : 'BLOB') . ')');
	my $answer = $customs->post('one more');
	is("$answer->{status} $answer->{headers}{'retry-after'}", '503 60', 'of ten thousand messages that nobody has settled the next is not taken');
	$clear->();
	is($customs->post('one more')->{status}, 202, 'it is when there is room');
	ok(wait_until(sub { in_state('customs', 'dead') == 1 }), '... and looked at');
	drop_dead('customs');
	$fill->('ministry', 500, $sw->database eq 'postgresql' ? "CAST(repeat('x', 65537) AS BYTEA)" : 'zeroblob(65537)');
	$ministry->drop('room.xml', message($ministry, 'Decision', $no, decision($no, 'first_pass'), Sequence => 1));
	ok(wait_until(sub { gateway_of('ministry')->{answer} =~ /not settled/ }), 'nor of five hundred large ones, which is told');
	ok(-e $ministry->box('InBox') . '/room.xml', '... and the file stays');
	$clear->();
	ok(wait_until(sub { state_of($id) eq 'PENDING_SECOND' && gateway_of('ministry')->{answer} eq '' }), 'until there is room');

	my $begin = sub {
		my $socket = IO::Socket::SSL->new(PeerAddr => "127.0.0.1:$home->{port}", SSL_ca_file => $home->{keys}->authority, SSL_cert_file => $customs->{keys}{client}[0],
			SSL_key_file => $customs->{keys}{client}[1], SSL_verifycn_scheme => 'none') or die "connect: $IO::Socket::SSL::SSL_ERROR";
		print {$socket} "POST /messages HTTP/1.1\r\nHost: portal\r\nContent-Length: 100\r\n\r\nhalf";
		return $socket;
	};
	my @open = map { $begin->() } 1 .. 32;
	like(scalar readline $begin->(), qr{^HTTP/1\.1 503 }, 'more than thirty-two at once are not listened to');
	close $_ for @open;
	ok(wait_until(sub { $customs->post('x')->{status} == 202 }), '... until they are done');
	ok(wait_until(sub { in_state('customs', 'dead') }), '... with them');
	drop_dead('customs');
}

# ---- a client certificate that is to replace another
{
	my $as = sub { my ($certificate, $key) = @_; return scalar qx(curl -sS -o /dev/null -w '%{http_code}' --cacert @{[ $home->{keys}->authority ]} --cert $certificate --key $key --data x https://127.0.0.1:$home->{port}/messages) };
	is(join(' ', $as->(@next), $as->(@{ $customs->{keys}{client} })), '202 202', 'both count');
	ok(wait_until(sub { in_state('customs', 'dead') == 1 }), '... for the same partner');
	drop_dead('customs');
}

# ---- a partner that changes from folders to HTTPS
{
	my ($id, $no) = application();
	my $lies = sub { return grep { $_->{document_no} eq $no } messages(direction => 'out', partner => 'ministry', state => 'waiting') };
	ok(wait_until(sub { $lies->() == 2 && grep { (member(slurp($_), 'Document') // '') eq $no } glob $ministry->box('OutBox') . '/*.xml' }), 'of two messages the first lies in the OutBox');
	$file = "$home->{dir}/partners/ministry.json";
	$settings = $json->decode(slurp($file));
	delete $settings->{folder};
	$settings->{https} = { %{ $json->decode(slurp("$home->{dir}/partners/customs.json"))->{https} }, client => $ministry->{keys}{client}[0] };
	spill($file, $json->encode($settings));
	$sw->restart('exchange');
	ok(wait_until(sub { !$lies->() }, 30), 'what lay there is sent by HTTPS');
	my $got = sub { return join ' ', map { $_->{kind} } grep { $_->{document} eq $no } $customs->notes('got') };
	ok(wait_until(sub { $got->() =~ / / }), '... and read by the partner');
	is($got->(), 'Attachment Application', '... in order');
}

# ---- what is kept
{
	my $answer = $portal->get('/api/exchange/messages', { direction => 'in', partner => 'customs', state => 'taken', size => 1 });
	cmp_ok($answer->json->{total}, '>', 40, 'what was taken is kept');
	is($operator->get('/api/exchange/messages')->status, 403, 'for administrators only');
	is(said($portal->get('/api/exchange/messages', { direction => $_ })), '422 direction direction', "and of one direction, not '$_'") for '', 'both';
	my ($one) = @{ $answer->json->{items} };
	my $whole = $portal->get("/api/exchange/messages/$one->{id}")->json;
	is(member($whole->{text}, 'MessageId'), $one->{message_id}, 'with its text');
	is($portal->get("/api/exchange/messages/$one->{id}/file")->header('Content-Disposition') =~ /\Q$one->{message_id}\E\.xml/ ? 1 : 0, 1, 'and as a file');
	is($portal->get('/api/exchange/messages/99')->status, 404, 'others are not there');
	$sw->clock('2028-09-03T10:00:00+08:00');
	$sw->kill('exchange');
	$sw->wait_for('exchange');
	$portal = $sw->signed_in('demo_portal');
	ok(wait_until(sub { !in_state('customs', 'taken') && !messages(direction => 'out', state => 'sent') }, 30), 'for 400 days');
}

# ---- the portal's own certificate is over
{
	$sw->clock('2045-01-01T10:00:00+08:00');
	$portal = $sw->signed_in('demo_portal');
	$customs->post('anything');
	my $rejection = sub { my ($it) = messages(direction => 'out', partner => 'customs', kind => 'Rejection', state => 'waiting'); return $it };
	ok(wait_until(sub { my $it = $rejection->(); $it && $it->{answer} =~ /not valid now/ }), 'nothing is signed with a certificate that is over, and why is told');
	$sw->clock('2028-09-03T10:00:00+08:00');
	$portal = $sw->signed_in('demo_portal');
	$portal->post('/api/exchange/messages/' . $rejection->()->{id} . '/retry', {});
	ok(wait_until(sub { !$rejection->() }, 30), 'it goes out when there is a valid one');
}

done_testing;
