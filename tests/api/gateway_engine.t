#!/usr/bin/perl
# The gateway's own part: what it refuses and says why, the order it keeps, what survives a kill, what administrators do. (partners.t has partners that
# work by themselves.)
use strict;
use warnings;
use utf8;
use Test::More;
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

my $sw = SingleWindow::Instance->start(settings => { $home->settings, limit_per_minute => 0 });
my ($applicant, $operator, $office, $portal) = map { $sw->signed_in("demo_$_") } qw(admin operator ab portal);

sub slurp { my ($path) = @_; open my $in, '<:raw', $path or return ''; local $/; return scalar <$in> }
sub spill { my ($path, $bytes) = @_; open my $out, '>:raw', $path or die "$path: $!"; print {$out} $bytes; close $out or die $!; return }
sub gateway_of { my ($name) = @_; my ($it) = grep { $_->{name} eq $name } @{ $portal->get('/api/exchange/gateway')->json->{partners} }; return $it }
sub messages { my (%query) = @_; return @{ $portal->get('/api/exchange/messages', { size => 100, %query })->json->{items} } }
sub in_state { my ($partner, $state) = @_; return messages(direction => 'in', partner => $partner, state => $state) }
sub said { my ($answer) = @_; my $body = eval { $answer->json } // {}; return join ' ', $answer->status, (($body->{type} // '') =~ s{.*/}{}r) || (), $body->{field} // () }
sub state_of { my ($id) = @_; return $applicant->get("/api/export/documents/$id")->json->{document}{state} }
sub member { my ($xml, $name) = @_; return $xml =~ m{<$name>([^<]*)</$name>} ? $1 : undef }
sub outbox { return map { slurp($_) } sort glob $ministry->box('OutBox') . '/*.xml' }
sub empty { for my $path (glob $ministry->box('OutBox') . '/*.xml') { rename $path, $ministry->box('SentBox') . '/' . ($path =~ m{([^/]+)$})[0] } return 1 }
sub settled { my ($partner) = @_; return wait_until(sub { empty(); my $it = gateway_of($partner); !$it->{in}{waiting} && !$it->{out}{waiting} }, 30) }

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
		my %head = (Sequence => 1, Sender => 'ministry', %change);
		my $text = "<Message xmlns=\"urn:singlewindow:message\">\n<Head>\n<MessageId>ministry-$n</MessageId>\n<Number>$n</Number>\n<Sender>$head{Sender}</Sender>\n<Receiver>portal</Receiver>\n<Kind>Decision</Kind>\n<Module>export</Module>\n"
			. "<Document>$no</Document>\n<Sequence>$head{Sequence}</Sequence>\n<Created>$NOW</Created>\n</Head>\n<Decision>\n<ApplicationNo>$no</ApplicationNo>\n<Action>$action</Action>\n<Decided>$NOW</Decided>\n</Decision>\n</Message>";
		return "<?xml version=\"1.0\"\n  encoding=\"UTF-8\"?>\n" . $ministry->signed($text);
	};
	for my $case ([ 'a value against the schema', $pretty->('FIRST PASS'), 'schema Action 17' ], [ 'another sender', $pretty->('first_pass', Sender => 'customs'), 'sender Sender 7' ],
		[ 'no Sequence', $pretty->('first_pass', Sequence => 0), 'sequence Sequence 12' ], [ 'what the module refuses', $pretty->('second_pass'), qr/^\w+ (?:Action|Decision|ApplicationNo) 1[567]$/ ],
		[ 'an unclosed element', $pretty->('first_pass') =~ s{</Action>}{}r, qr/^not_well_formed  1[78]|^not_well_formed  19/ ], [ 'a DTD', "<!DOCTYPE a [\n]>\n" . $pretty->('first_pass'), 'forbidden_xml  1' ],
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
	is(scalar(in_state('customs', 'dead')), 0, 'and nothing was kept of all that');
}

# ---- a licence to customs: attempts, receipts, order
my ($licence_id, $licence);
{
	$sw->kill('exchange');
	$sw->wait_for('exchange');
	$licence_id = bring_to({ applicant => $applicant, map { $_ => $sw->signed_in("demo_$_") } qw(first second manager) }, 'PRINTED');
	$licence = licence_of($applicant, $licence_id);
	my $customs_says = sub { return $applicant->get("/api/export/documents/$licence_id")->json->{document}{customs_status} // '' };
	ok(wait_until(sub { my ($out) = messages(direction => 'out', partner => 'customs', state => 'waiting'); $out && $out->{attempts} >= 3 }, 30), 'while customs is away its licence is tried again and again');
	ok(gateway_of('customs')->{out}{waiting} == 1 && length gateway_of('customs')->{answer}, 'and why is told');
	ok(wait_until(sub { $customs_says->() eq 'SEND_FAILED' }), 'after the third attempt the document says so');
	$customs->{silent} = 1;
	$customs->begin;
	ok(wait_until(sub { gateway_of('customs')->{out}{waiting} == 0 }, 30), 'when customs is back it goes out');
	is(scalar($customs->notes('got')), 1, 'once');
	is($customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'STORE_FAILED')))->{status}, 202, 'customs cannot store it');
	ok(wait_until(sub { $customs->notes('got') == 2 }, 30), 'so it is sent again by itself');
	my @got = map { slurp($_) } $customs->got;
	is_deeply([ map { my $xml = $_; join ' ', map { member($xml, $_) } qw(Number Sequence Attempt) } @got ], [ '1 1 1', '2 2 2' ], 'with new number and sequence, as the second attempt');
	$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'STORED')));
	ok(wait_until(sub { $customs_says->() eq 'STORED' }), 'until it is stored');

	for my $attempt (2 .. 5) {
		$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'CENTRE_FAILED')));
		last unless wait_until(sub { $customs->notes('got') == $attempt + 1 }, 60);
	}
	is(scalar($customs->notes('got')), 6, 'five times more than the first');
	$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'CENTRE_FAILED')));
	ok(wait_until(sub { gateway_of('customs')->{out}{failed} == 1 }), 'then it stands among the failed');
	my ($failed) = messages(direction => 'out', partner => 'customs', state => 'failed');
	is(said($portal->post("/api/exchange/messages/$failed->{id}/retry", {})), '204', 'until an administrator');
	ok(wait_until(sub { $customs->notes('got') == 7 }, 30), 'sends it as a new message');
	is((sort map { member(slurp($_), 'Attempt') } $customs->got)[-1], 7, 'which is the seventh attempt');
}

# ---- the order of what comes, and the ways out of a gap
{
	my $next = $sequence{"customs $licence"};
	my $waiting = sub { return scalar in_state('customs', 'waiting') };
	$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'STORED'), Sequence => $next + 3));
	$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'STORED'), Sequence => $next + 2));
	ok(wait_until(sub { $waiting->() == 2 }), 'later ones wait for the missing one');
	my ($first) = grep { $_->{sequence} == $next + 2 } in_state('customs', 'waiting');
	ok($first->{gap}, '... and say that they do');
	is(said($portal->post("/api/exchange/messages/$first->{id}/retry", {})), '409 waits_for_earlier', 'trying again does not help');
	is(said($operator->post("/api/exchange/messages/$first->{id}/retry", { skip => JSON::PP::true() })), '403 forbidden', 'others may not');
	is(said($portal->post("/api/exchange/messages/$first->{id}/retry", { skip => JSON::PP::true() })), '204', 'an administrator may go on without the missing one');
	ok(wait_until(sub { $waiting->() == 0 }), 'then they are taken');
	$sequence{"customs $licence"} = $next + 3;
	$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'STORED'), Sequence => $next + 1));
	ok(wait_until(sub { first_problem('customs') eq 'sequence_used Sequence 1' }), 'the missing one comes too late');
	drop_dead('customs');
	my $once = message($customs, 'Receipt', $licence, receipt($licence, 'STORED'));
	$customs->post($once) for 1 .. 3;
	$customs->post(message($customs, 'Receipt', $licence, receipt($licence, 'STORED'), MessageId => member($once, 'MessageId')));
	ok(wait_until(sub { first_problem('customs') eq 'message_id_reused MessageId 1' }), 'an id with other content is a dead letter');
	is(scalar(grep { $_->{message_id} eq member($once, 'MessageId') } in_state('customs', 'taken')), 1, 'three times the same is one');
	drop_dead('customs');
	$sequence{"customs $licence"}--;
	settled('customs');
}

# ---- nothing is lost or twice when the program dies while it receives
{
	my $before = scalar in_state('customs', 'taken');
	my @all = map { message($customs, 'Receipt', $licence, receipt($licence, 'STORED')) } 1 .. 40;
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
		$ministry->drop(sprintf('kill-%02d.xml', $i), $i % 2 ? message($ministry, 'Decision', $no, decision($no, $i == 1 ? 'first_pass' : $i == 3 ? 'second_return' : 'first_pass'), Sequence => ($i + 1) / 2) : 'garbage');
		$sw->kill('exchange') if $i % 4 == 0;
	}
	$sw->wait_for('exchange');
	ok(wait_until(sub { state_of($id) eq 'SECOND_RETURNED' && in_state('ministry', 'dead') >= 2 && !glob($ministry->box('InBox') . '/*.xml') }, 60), 'files are taken, too') or diag(state_of($id) . ' ' . join ' ', map { "$_->{file} $_->{problem}{rule}" } in_state('ministry', 'dead'));
	drop_dead('ministry');
}

# ---- files that fail at the partner
{
	my ($id, $no) = application();
	settled('ministry');
	my ($id2, $no2) = application();
	my $place;
	ok(wait_until(sub { ($place) = grep { (member(slurp($_), 'ApplicationNo') // '') eq $no2 } glob $ministry->box('OutBox') . '/*.xml' }), 'a message lies in the OutBox');
	my ($name) = $place =~ m{([^/]+)$};
	my $bytes = slurp($place);
	spill($ministry->box('FailBox') . "/$name.txt", "格式不对\n第二行");
	rename $place, $ministry->box('FailBox') . "/$name" or die $!;
	ok(wait_until(sub { messages(direction => 'out', partner => 'ministry', state => 'failed') == 1 }), 'what the partner moves to the FailBox has failed');
	my ($failed) = messages(direction => 'out', partner => 'ministry', state => 'failed');
	is($failed->{answer}, '格式不对 第二行', 'for the reason it gives');
	ok(!-e $ministry->box('FailBox') . "/$name", 'and is taken from there');
	is(gateway_of('ministry')->{out}{waiting}, 1, 'what comes after it waits');
	is(said($portal->post("/api/exchange/messages/$failed->{id}/retry", {})), '204', 'tried again');
	ok(wait_until(sub { -e $place }), 'it comes back');
	is(slurp($place), $bytes, 'with the same bytes');
	rename $place, $ministry->box('FailBox') . "/$name" or die $!;
	ok(wait_until(sub { messages(direction => 'out', partner => 'ministry', state => 'failed') == 1 }), 'and may fail again');
	is(said($portal->post("/api/exchange/messages/$failed->{id}/drop", { reason => '不再发送' })), '204', 'dropped');
	ok(wait_until(sub { grep { (member($_, 'ApplicationNo') // '') eq $no2 && member($_, 'Sequence') == 1 } outbox() }), 'the next one has its place in the order');
	settled('ministry');
	rename $ministry->box('OutBox'), $ministry->box('OutBox') . '.away' or die $!;
	my ($id3, $no3) = application();
	ok(wait_until(sub { gateway_of('ministry')->{answer} =~ /OutBox/ }), 'a folder that is away is told');
	rename $ministry->box('OutBox') . '.away', $ministry->box('OutBox') or die $!;
	ok(wait_until(sub { grep { member($_, 'Document') eq $no3 } outbox() }, 30), 'and used again when it is back');
	ok(wait_until(sub { gateway_of('ministry')->{answer} eq '' }), '... with nothing to tell');
	settled('ministry');
}

# ---- what is kept
{
	my $answer = $portal->get('/api/exchange/messages', { direction => 'in', partner => 'customs', state => 'taken', size => 1 });
	cmp_ok($answer->json->{total}, '>', 40, 'what was taken is kept');
	is($operator->get('/api/exchange/messages')->status, 403, 'for administrators only');
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

done_testing;
