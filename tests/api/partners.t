#!/usr/bin/perl
# The partner gateway with real partners in processes of their own: an issuing authority, CCPIT and customs, by HTTPS and by folders. First a hundred
# licences under every fault, with programs killed and partners down on the way; then what is worth a look of its own.
use strict;
use warnings;
use utf8;
use Encode ();
use File::Temp qw(tempdir);
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use SingleWindow::Export;
use SingleWindow::Instance;
use SingleWindow::Partner;
use SingleWindow::Partner::Lives;
use SingleWindow::Partner::Message qw(message_text);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $NOW = '2026-09-03T02:00:00Z';
my $few = ($ENV{VARIANT} // 'plain') ne 'plain' || ($ENV{DATABASE} // 'sqlite') ne 'sqlite';
my $home = SingleWindow::Partner::Home->new;
# customs and the authority change places in the other runs, so that both speak both ways
my ($one, $two) = $few ? qw(folder https) : qw(https folder);
my %partner = (
	authority => $home->partner('authority', way => $one, reviews => { export => ['AA'] }, title => '商务部', faults => 1, seed => 11),
	customs => $home->partner('customs', way => $two, clears => ['export'], title => '海关', faults => 1, seed => 12),
	ccpit => $home->partner('ccpit', way => $one, reviews => { origin => ['C21020'] }, title => '贸促会', faults => 1, seed => 13),
);
# these two never work by themselves: the test speaks for them
my $hand = $home->partner('by-hand', way => 'folder', reviews => { export => ['AB'] }, title => '大连发证机构');
my $caller = $home->partner('caller', way => 'https', reviews => { export => ['A8'] }, title => '商务部电话');
my $sw = SingleWindow::Instance->start(settings => { $home->settings, limit_per_minute => 0 });
my ($applicant, $operator, $office, $portal) = map { $sw->signed_in("demo_$_") } qw(admin operator ab portal);
my $scratch = tempdir(CLEANUP => 1);

sub slurp { my ($path) = @_; open my $in, '<:raw', $path or return ''; local $/; return scalar <$in> }
sub member { my ($xml, $name) = @_; return $xml =~ m{<$name>([^<]*)</$name>} ? $1 : undef }

# ---- a hundred licences under faults; on PostgreSQL with two exchange programs

$sw->another('exchange') if $sw->database eq 'postgresql';
$_->begin for values %partner;
my $lives = SingleWindow::Partner::Lives->new(sw => $sw, partners => \%partner, agencies => ['AA'], log => sub { diag(@_) if $ENV{TEST_VERBOSE} || $ENV{HARNESS_IS_VERBOSE} });
my ($licences, $certificates) = $few ? (20, 6) : (100, 14);
is($lives->make(licences => $licences, certificates => $certificates), $licences + $certificates, "$licences licences and $certificates certificates are applied for");
ok($lives->follow(kills => 1), 'under faults of every kind, programs killed and partners down, all of them come to an end');
is(join("\n", $lives->wrong_documents), '', 'each is in the state that the messages imply, once: states, numbers, history, ledger, write-offs');
is(join("\n", $lives->wrong_letters), '', 'everything bad lies among the dead letters with line, element and rule, nothing else does, and its sender was told');
is(join("\n", $lives->wrong_numbers), '', 'no number is missing or twice, in neither direction, and nothing waits');
is(join("\n", map { my $p = $_; map { $_->{text} } $p->notes('wrong') } values %partner), '', 'the partners have nothing to complain of: order, repetitions, attachments');
$_->end for values %partner;

# ---- what was sent

my @sent = map { $_->got } values %partner;
my $schema = SingleWindow::Partner::Lives::folder_of_schemas($sw, "$scratch/schemas");
is(SingleWindow::Partner::Lives::count_of(qr/ validates$/, \@sent, qw(xmllint --noout --nonet --schema), $schema), scalar @sent, 'every message that the portal sent is valid by the published schema (' . @sent . ')');
my $certificate = SingleWindow::Partner::Lives::portal_certificate($sw, $scratch);
is(SingleWindow::Partner::Lives::count_of(qr/^OK$/, \@sent, qw(xmlsec1 --verify --enabled-key-data), 'x509,rsa,ec', '--pubkey-cert-pem', $certificate), scalar @sent, 'and xmlsec1 finds every signature good');
{
	my @good = glob "$SingleWindow::Instance::ROOT/tests/fixtures/messages/good/*.xml";
	my @bad = glob "$SingleWindow::Instance::ROOT/tests/fixtures/messages/bad/*.xml";
	my $say = sub { my ($file) = @_; qx(xmllint --noout --nonet --schema $schema $file 2>&1) =~ / validates$/m };
	is_deeply([ map { m{([^/]+)$} } grep { !$say->($_) } @good ], [], 'the schema accepts every good example (' . @good . ')');
	is_deeply([ map { m{([^/]+)$} } grep { $say->($_) } @bad ], [], 'and refuses every bad one (' . @bad . ')');
	cmp_ok(@bad, '>', 50, '... of which there are many');
}

# ---- the manual of partners

my $manual = Encode::decode_utf8(slurp("$SingleWindow::Instance::ROOT/modules/exchange/PARTNERS.md"));
sub block { my ($kind) = @_; return map { Encode::encode_utf8($_) } $manual =~ /^```\Q$kind\E\n(.*?\n)```$/msg }
sub spill { my ($name, $bytes) = @_; open my $out, '>:raw', "$scratch/$name" or die $!; print {$out} $bytes; close $out or die $!; return "$scratch/$name" }
{
	my @examples = map { spill("example-$_.xml", (block('xml'))[$_] =~ s/\n\z//r) } 0 .. (() = block('xml')) - 1;
	is(SingleWindow::Partner::Lives::count_of(qr/ validates$/, \@examples, qw(xmllint --noout --nonet --schema), $schema), scalar @examples, 'every example of the manual is valid (' . @examples . ')');
	my %kinds = map { ($_ => 1) } slurp($schema) =~ m{<xs:choice>(.*?)</xs:choice>}s ? $1 =~ m{^<xs:element name="(\w+)"><xs:complexType>}mg : ();
	delete @kinds{ 'Content', map { member(slurp($_), 'Kind') } @examples };
	is(join(' ', sort keys %kinds), '', '... and there is one of each kind');
	my ($signed) = grep { slurp($_) =~ /<SignatureValue>/ } @examples;
	my $of = spill('example.pem', (block('text'))[0]);
	is(SingleWindow::Partner::Lives::count_of(qr/^OK$/, [$signed], qw(xmlsec1 --verify --enabled-key-data), 'x509,rsa,ec', qw(--enabled-reference-uris empty --pubkey-cert-pem), $of), 1, '... of which one is signed by whom it says');
	my ($fetch) = $manual =~ /which speaks no HTTPS:\n\n((?:    .*\n)+)/ or die 'the manual tells no way to the schema';
	mkdir "$scratch/fetched";
	spill('fetched/message.xml', slurp($examples[1]));
	my $url = $sw->url;
	my $said = qx(cd $scratch/fetched && (@{[ $fetch =~ s{https://portal\.example}{$url}gr ]}) 2>&1);
	like($said, qr/^message\.xml validates$/m, 'the schemas are fetched as it says') or diag($said);
	my %rules;
	for my $source (map { slurp("$SingleWindow::Instance::ROOT/$_") } glob('modules/exchange/gateway_{read,order}.c'), 'shared/document/decision.c', 'shared/document/booking.c') {
		$rules{$_} = 1 for $source =~ /(?:gate_problem|head_problem|dead_for|booking_refuse)\([^;]*?"([a-z_]+)"(?:, "[a-z_]+")?,\s*(?:\w+ \? )?"[^"]*[^\x00-\x7f]/g;
	}
	cmp_ok(keys %rules, '>', 20, 'of the rules in the sources');
	delete @rules{ 'no_partner', $manual =~ /`([a-z_]+)`/g };
	is(join(' ', sort keys %rules), '', '... none is missing from its table');
}

# ---- by hand

sub gateway_of { my ($name) = @_; my ($it) = grep { $_->{name} eq $name } @{ $portal->get('/api/exchange/gateway')->json->{partners} }; return $it }
sub messages { my (%query) = @_; return @{ $portal->get('/api/exchange/messages', { size => 100, %query })->json->{items} } }
sub in_state { my ($partner, $state) = @_; return messages(direction => 'in', partner => $partner, state => $state) }
sub state_of { my ($id) = @_; return $applicant->get("/api/export/documents/$id")->json->{document}{state} }
sub said { my ($answer) = @_; my $json = eval { $answer->json } // {}; return join ' ', $answer->status, (($json->{type} // '') =~ s{.*/}{}r) || (), $json->{field} // () }
sub outbox { my @files = sort glob $hand->box('OutBox') . '/*.xml'; return @files }

# Takes everything out of the OutBox as its owner would: the messages by kind.
sub taken { my %by; for my $file (outbox()) { my $xml = slurp($file); push @{ $by{ member($xml, 'Kind') } }, $xml; rename $file, $hand->box('SentBox') . '/' . ($file =~ m{([^/]+)$})[0] } return \%by }

my (%number, %sequence);
sub text_of {
	my ($partner, $kind, $document, $members, %head) = @_;
	my $name = $partner->name;
	my $number = $head{Number} // ++$number{$name};
	my $sequence = $head{Sequence} // ++$sequence{"$name $document"};
	my %all = (MessageId => "$name-$number", Number => $number, Sender => $name, Receiver => 'portal', Kind => $kind, Module => 'export', Document => $document, Sequence => $sequence, Created => $NOW, %head);
	return message_text(\%all, $members);
}
sub message { my ($partner, @what) = @_; return $partner->signed(text_of($partner, @what)) }
sub decision { my ($no, $action, @more) = @_; return [ ApplicationNo => $no, Action => $action, @more, Decided => $NOW ] }
my $files = 0;
sub drop { my ($bytes, $name) = @_; $name //= sprintf 'hand-%04d.xml', ++$files; $hand->drop($name, $bytes); return $name }

# A licence applied for at an agency, and its number.
sub application {
	my ($agency, %change) = @_;
	my $id = complete($applicant, other => { issuing_agency => $agency // 'AB' }, %change);
	my $answer = act($applicant, $id, 'submit');
	die 'submit: ' . $answer->text unless $answer->ok;
	return ($id, $answer->json->{document}{application_no});
}

{
	my ($id, $no) = application();
	ok(wait_until(sub { outbox() == 1 }), 'an application of that agency goes to its own system');
	is(gateway_of('by-hand')->{out}{waiting}, 2, 'two messages wait');
	my $file = taken()->{Attachment}[0];
	ok(wait_until(sub { outbox() == 1 }), 'its file first, and when that was taken');
	is_deeply([ map { m{([^/]+)$} } outbox() ], ['portal-by-hand-000000002.xml'], '... in a file called by its id');
	my $main = taken()->{Application}[0];
	is_deeply([ map { my $xml = $_; join ' ', map { member($xml, $_) // '' } qw(MessageId Number Sequence Document Sender Receiver) } $file, $main ], [ map { "portal-by-hand-00000000$_ $_ $_ $no portal by-hand" } 1, 2 ], 'it; numbered, in order');
	ok(wait_until(sub { gateway_of('by-hand')->{out}{waiting} == 0 }), 'then they are sent');
	is($_->{state}, 'sent', "$_->{kind} is listed as sent") for messages(direction => 'out', partner => 'by-hand');
	my $shown = $office->get("/api/export/documents/$id")->json->{actions}{first_pass};
	ok(!$shown->{allowed} && $shown->{why}{zh} =~ /大连发证机构/, 'at the desk it can be seen, and why nothing can be done there') or diag(explain($shown));
	is(said(act($office, $id, 'first_pass')), '409 reviewed_elsewhere', 'whoever tries is refused');
	drop(message($hand, 'Decision', $no, decision($no, 'first_pass', Opinion => '同意', Officer => '王审核')));
	ok(wait_until(sub { state_of($id) eq 'PENDING_SECOND' }), 'a decision is done');
	my ($event) = @{ $portal->get("/api/export/documents/$id/events")->json->{events} // $office->get("/api/export/documents/$id/events")->json->{events} };
	is($event->{action}, 'first_pass', 'it stands in the history') ;
	like(eval { $office->get("/api/export/documents/$id/events")->json->{events}[0]{actor} } // '', qr/大连发证机构.*王审核/, '... with the authority and its officer');
	ok(!-e $hand->box('InBox') . '/hand-0001.xml', 'the file is gone from the InBox');

	# the same again, in every way
	my $again;
	ok(wait_until(sub { ($again) = messages(direction => 'in', partner => 'by-hand', state => 'taken'); $again }), 'and the message is kept as taken');
	drop(slurp_of($again));
	ok(wait_until(sub { !glob_of('InBox') }), 'the same message again is taken away');
	is(scalar(in_state('by-hand', 'dead')), 0, '... and no dead letter');
	is(scalar(grep { $_->{action} eq 'first_pass' } @{ $office->get("/api/export/documents/$id/events")->json->{events} }), 1, '... and done once');

	# out of order
	my $second = message($hand, 'Decision', $no, decision($no, 'first_pass'), Sequence => 4);
	my $third = message($hand, 'Decision', $no, decision($no, 'second_pass', LicenceNo => 'DL-2026-0001'), Sequence => 5);
	drop($third);
	drop($second);
	ok(wait_until(sub { 2 == grep { $_->{gap} } in_state('by-hand', 'waiting') }), 'messages whose predecessor is missing wait');
	is(state_of($id), 'PENDING_SECOND', '... and do nothing');
	drop(message($hand, 'Decision', $no, decision($no, 'second_return', Opinion => '价格'), Sequence => 2));
	ok(wait_until(sub { state_of($id) eq 'SECOND_RETURNED' }), 'the one that comes next is taken');
	my $wrong = drop(message($hand, 'Decision', $no, decision($no, 'second_pass'), Sequence => 3));
	ok(wait_until(sub { in_state('by-hand', 'dead') == 1 }), 'one that the document does not allow is a dead letter');
	my ($dead) = in_state('by-hand', 'dead');
	is($dead->{file}, $wrong, 'with its file');
	ok(length $dead->{problem}{rule} && length $dead->{problem}{message}{zh} && length $dead->{problem}{message}{en}, '... rule and words') or diag(explain($dead));
	is(state_of($id), 'SECOND_RETURNED', 'the later ones wait behind it');
	is(said($portal->post("/api/exchange/messages/$dead->{id}/retry", {})), '204', 'an administrator tries it again');
	ok(wait_until(sub { my ($it) = in_state('by-hand', 'dead'); $it && $it->{attempts} > $dead->{attempts} }), '... and it is refused again');
	is(said($portal->post("/api/exchange/messages/$dead->{id}/drop", {})), '422 required reason', 'dropping it needs a reason');
	is(said($operator->post("/api/exchange/messages/$dead->{id}/drop", { reason => 'x' })), '403 forbidden', 'and an administrator');
	is(said($portal->post("/api/exchange/messages/$dead->{id}/drop", { reason => '发证机构来电确认作废' })), '204', 'dropped with one');
	ok(wait_until(sub { state_of($id) eq 'PRINTED' }), 'the ones behind it go on');
	is($applicant->get("/api/export/documents/$id")->json->{document}{licence_no}, 'DL20260001', 'the number is the authority\'s own, without hyphens');
	my ($dropped) = in_state('by-hand', 'dropped');
	is_deeply([ @$dropped{qw(handled_by reason)} ], [ 'demo_portal', '发证机构来电确认作废' ], 'who dropped it and why is kept');
	is(said($portal->post("/api/exchange/messages/$dropped->{id}/retry", {})), '409 ' . (said($portal->post("/api/exchange/messages/$dropped->{id}/retry", {})) =~ s/^409 //r), 'what was dropped stays so');

	my $bytes = $portal->get("/api/exchange/messages/$dropped->{id}/file");
	is($bytes->status, 200, 'its bytes can be had');
	like($bytes->header('Content-Disposition'), qr/attachment/, '... as a download');
	like($portal->get("/api/exchange/messages/$dropped->{id}")->json->{text}, qr/<Action>second_pass</, '... and looked at');
}

sub slurp_of { my ($message) = @_; return $portal->get("/api/exchange/messages/$message->{id}/file")->content }
sub glob_of { my ($box) = @_; my @files = grep { !/\.tmp$/ } glob $hand->box($box) . '/*'; return scalar @files }

# ---- a dead letter is replaced by the right one under its Sequence
{
	my ($id, $no) = application();
	my $bad = message($hand, 'Decision', $no, [ ApplicationNo => $no, Action => 'first_pass', Decided => 'yesterday' ], Sequence => 1);
	drop($bad, 'broken.xml');
	ok(wait_until(sub { in_state('by-hand', 'dead') == 1 }), 'a message against the schema is a dead letter');
	my ($dead) = in_state('by-hand', 'dead');
	is($dead->{problem}{rule}, 'schema', '... by that rule');
	like($dead->{problem}{element}, qr/Decided/, '... at that element');
	is($dead->{problem}{line}, 1, '... on that line');
	ok(wait_until(sub { grep { member(slurp($_), 'Kind') eq 'Rejection' && (member(slurp($_), 'RejectedFile') // '') eq 'broken.xml' } outbox() }), 'its sender is told, with the file');
	drop(message($hand, 'Decision', $no, decision($no, 'first_return', Opinion => '请补充'), Sequence => 1));
	ok(wait_until(sub { state_of($id) eq 'FIRST_RETURNED' }), 'the right one takes its place');
	is(($portal->get("/api/exchange/messages/$dead->{id}")->json->{state}), 'replaced', '... and the dead one is replaced');
	taken();
}

# ---- nothing that is not the partner's own changes a document
{
	my ($id, $no) = application();
	my ($other, $others) = application('AA');
	my @cases;
	my $text = text_of($hand, 'Decision', $no, decision($no, 'first_pass'), Sequence => 1);
	for my $what (SingleWindow::Partner::garbage_kinds()) { push @cases, [ $what, drop($hand->garbage($what, $text)) ] }
	my $h = sub { my (%head) = @_; $hand->signed(text_of($hand, 'Decision', $no, decision($no, 'first_pass'), Sequence => 1, %head)) };
	push @cases, [ 'another sender', drop($h->(Sender => 'customs')) ], [ 'another receiver', drop($h->(Receiver => 'customs')) ], [ 'the portal itself', drop($h->(Sender => 'portal')) ],
		[ 'kind and payload differ', drop($hand->signed($text =~ s/<Kind>Decision/<Kind>Receipt/r)) ], [ 'a document of another agency', drop(message($hand, 'Decision', $others, decision($others, 'first_pass'), Sequence => 1)) ],
		[ 'a licence that is not its to clear', drop(message($hand, 'Receipt', '26AA10200001', [ LicenceNo => '26AA10200001', Status => 'STORED', Received => $NOW ])) ],
		[ 'head and payload about different documents', drop(message($hand, 'Decision', $no, decision($others, 'first_pass'), Sequence => 1)) ],
		[ 'no such module', drop($h->(Module => 'nothing')) ], [ 'an applicant\'s action', drop(message($hand, 'Decision', "$no", decision($no, 'withdraw'), Sequence => 1)) ],
		[ 'external entity', drop('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' . $h->() =~ s/<Action>/<Action>&e;/r) ], [ 'comment', drop($h->() =~ s/<Head>/<!-- --><Head>/r) ],
		[ 'larger than may be', drop($h->() . ' ' x (3 << 20)) ], [ 'nothing', drop('') ], [ 'UTF-16', drop(Encode::encode('UTF-16', Encode::decode('UTF-8', $h->()))) ];
	my %state;
	my $all = sub { %state = map { ($_->{file} => $_) } grep { length($_->{file} // '') } map { in_state('by-hand', $_) } qw(replaced dead); return !grep { !$state{ $_->[1] } } @cases };
	ok(wait_until($all, 60), 'everything false is a dead letter') or diag(join ', ', map { $_->[0] } grep { !$state{ $_->[1] } } @cases);
	for my $case (@cases) {
		my $problem = ($state{ $case->[1] } // {})->{problem} // {};
		ok($problem->{rule} && $problem->{line} && length($problem->{message}{zh} // '') && length($problem->{message}{en} // ''), "$case->[0]: " . ($problem->{rule} // 'no rule') . ', line ' . ($problem->{line} // '?')) or diag(explain($state{ $case->[1] }));
	}
	is(state_of($_), 'PENDING_FIRST', 'and no document has changed') for $id, $other;

	# what is no message file is never touched
	my $inbox = $hand->box('InBox');
	symlink '/etc/passwd', "$inbox/link.xml" or die $!;
	mkdir "$inbox/folder.xml" or die $!;
	POSIX::mkfifo("$inbox/pipe.xml", 0666) or die $!;
	drop('x', $_) for 'notes.txt', '.hidden.xml', "\x{1b}[2J.xml";
	drop(message($hand, 'Decision', $no, decision($no, 'first_pass'), Sequence => 1));
	$portal->post("/api/exchange/messages/$_->{id}/drop", { reason => 'test' }) for in_state('by-hand', 'dead');
	ok(wait_until(sub { state_of($id) eq 'PENDING_SECOND' }, 30), 'links, folders, pipes and odd names do not hold up what is true');
	ok(-l "$inbox/link.xml" && -d "$inbox/folder.xml" && -p "$inbox/pipe.xml" && -e "$inbox/notes.txt" && -e '/etc/passwd', '... and are neither followed nor removed');
	system('rm', '-rf', glob("$inbox/*"), "$inbox/.hidden.xml");
	taken();
}

# ---- signed as the manual says
{
	my ($id, $no) = application();
	my $sign = spill('sign.sh', (block('sh'))[0]);
	my $text = spill('unsigned.xml', "<?xml version='1.0'?>\n" . text_of($hand, 'Decision', $no, decision($no, 'first_pass', Opinion => '50% "同意" & <好>')) =~ s/></>\n</gr);
	drop(scalar qx(sh $sign $hand->{keys}{sign}[1] <$text));
	ok(wait_until(sub { state_of($id) eq 'PENDING_SECOND' }), 'what the script of the manual has signed is taken');
	taken();
}

# ---- halves
{
	my ($id, $no) = application();
	my $bytes = message($hand, 'Decision', $no, decision($no, 'first_pass'));
	my $path = $hand->box('InBox') . '/half.xml';
	my $half = int(length($bytes) / 2);
	open my $file, '>:raw', $path or die $!;
	$file->autoflush(1);
	print {$file} substr $bytes, 0, $half;
	ok(wait_until(sub { in_state('by-hand', 'dead') == 1 }, 30), 'half a file that stays so is a dead letter after a while');
	is((in_state('by-hand', 'dead'))[0]{problem}{rule}, 'not_well_formed', '... for it is not well-formed');
	drop($bytes, 'half.xml');
	ok(wait_until(sub { state_of($id) eq 'PENDING_SECOND' }), 'the whole file under the same name is taken');
	$portal->post("/api/exchange/messages/$_->{id}/drop", { reason => 'test' }) for in_state('by-hand', 'dead');
	taken();
}

# ---- HTTPS: who may send
{
	my $post = sub { my ($as, $bytes, %more) = @_; local @$as{qw(http)} = (undef); local $as->{keys} = { %{ $as->{keys} }, %more }; return $as->post($bytes)->{status} };
	is($post->($caller, 'anything'), 202, 'what a partner sends is taken first and looked at then');
	ok(wait_until(sub { in_state('caller', 'dead') == 1 }), '... and is a dead letter');
	is($post->($hand, 'anything'), 403, 'a certificate of the same authority that is no partner\'s by HTTPS is refused');
	is($post->($caller, 'x' x (4 << 20)), 413, 'more than may be is refused');
	my $stranger = [ $home->{keys}->issue('stranger', 'client') ];
	is($post->($caller, 'anything', client => $stranger), 403, 'so is a stranger');
	my ($without) = qx(curl -sS -o /dev/null -w '%{http_code}' --cacert @{[ $home->{keys}->authority ]} --data-binary x https://127.0.0.1:$home->{port}/messages 2>/dev/null);
	is($without, '400', 'without a certificate nobody gets in');
	my $curl = "curl -sS -o /dev/null -w '%{http_code}' --cacert @{[ $home->{keys}->authority ]} --cert $caller->{keys}{client}[0] --key $caller->{keys}{client}[1]";
	is(scalar(qx($curl https://127.0.0.1:$home->{port}/messages)), '405', 'there is nothing to get');
	is(scalar(qx($curl https://127.0.0.1:$home->{port}/api/account/session)), '404', 'nor anything else') ;
	like($sw->raw("POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"), qr{^HTTP/1\.1 40[45]}, 'the public side has no such place');
}

# ---- an authority that is away
{
	my ($id, $no) = application('A8');
	ok(wait_until(sub { my $out = gateway_of('caller')->{out}; $out->{waiting} == 3 && gateway_of('caller')->{paused_until} }), 'while nobody listens its messages wait, and it is left in peace');
	$sw->clock('2026-09-03T11:00:00+08:00');
	$sw->kill('exchange');
	$sw->wait_for('exchange');
	is(gateway_of('caller')->{out}{waiting}, 3, 'an hour and a kill -9 later they are still there');
	$caller->{silent} = 1;
	$caller->begin;
	ok(wait_until(sub { gateway_of('caller')->{out}{waiting} == 0 && $caller->idle }, 90), 'when it listens again it gets them');
	is(join(' ', map { $_->{kind} } grep { $_->{sequence} } $caller->notes('got')), 'Attachment Application', '... in the order of the document')
		&& is(scalar($caller->notes('got')), 3, '... each once') or diag(explain([ $caller->notes ]));
	$caller->end;
}

done_testing;
