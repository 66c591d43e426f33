#!/usr/bin/perl
# The folder client: an enterprise's system that only knows files puts documents into an OutBox and finds what became of them in an InBox; whatever is
# killed or away in between, each document is made once.
use strict;
use warnings;
use utf8;
use Encode qw(encode_utf8 decode_utf8);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More;

use SingleWindow::Exchange qw(message zip);
use SingleWindow::Export;
use SingleWindow::Instance;
use SingleWindow::Origin qw(register_origin);
use SingleWindow::Partner::Keys;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $sw = SingleWindow::Instance->start;
my ($admin, $first, $second) = map { $sw->signed_in("demo_$_") } qw(admin first second);
my $json = JSON::PP->new->utf8->canonical;
my $home = tempdir(CLEANUP => 1);
my $xsd = "$SingleWindow::Instance::ROOT/modules/folders/receipt.xsd";
my $program = "$SingleWindow::Instance::ROOT/build/" . ($ENV{VARIANT} // 'plain') . '/bin/folder-client';
my $documents = sub { $sw->sql('export', 'SELECT count(*) FROM document') + 0 };

sub put { my ($path, $bytes) = @_; open my $out, '>:raw', $path or die "$path: $!"; print {$out} $bytes; close $out or die; return }
sub slurp { my ($path) = @_; open my $in, '<:raw', $path or die "$path: $!"; local $/ = undef; return scalar <$in> }
my $read = 0;    # of the log
sub logged { my ($pattern) = @_; my $from = $read; return wait_until(sub { my $text = substr slurp("$home/log"), $from; $read = $from + length $text, return 1 if $text =~ $pattern; return 0 }, 40) }
sub names { my ($box, $form) = @_; opendir my $dir, "$home/" . ($form // 'export_licence') . "/$box" or die $!; return sort grep { !/^\.\.?$/ } map { decode_utf8($_) } readdir $dir }

my $key = $admin->post('/api/account/api-keys', { name => 'ERP', rights => { map { $_ => [qw(view edit submit)] } qw(export origin) }, expires => '2027-01-01', per_minute => 6000 })->json;
put("$home/key", "$key->{key}\n");
chmod 0600, "$home/key";
mkdir "$home/$_" or die for qw(export_licence certificate_of_origin);
for my $form (qw(export_licence certificate_of_origin)) { mkdir "$home/$form/$_" or die for qw(OutBox SentBox FailBox InBox) }

my %settings = (portal => $sw->url(''), key => "$home/key", folders => $home, forms => 'export/export_licence origin/certificate_of_origin', quiet_seconds => 1, look_seconds => 1);
sub settings { my (%change) = @_; my %now = (%settings, %change); put("$home/settings", join '', map { "$_ = $now{$_}\n" } grep { defined $now{$_} } sort keys %now); return "$home/settings" }

# ---- what it does not start with

sub refused { my (%change) = @_; my $file = settings(%change); my $said = qx($program '$file' 2>&1); return $? >> 8 == 1 ? $said : "exit $?: $said" }
like(refused(portal => 'http://portal.example'), qr/portal: its address/, 'a key does not leave this computer in the clear');
like(refused(portal => 'https://portal.example/path'), qr/portal: its address/, 'an address is one without a path');
like(refused(forms => 'export'), qr/forms: <module>\/<form>/, 'forms are named with their module');
like(refused(forms => 'export/../../etc'), qr/forms: <module>\/<form>/, 'and lead nowhere else');
like(refused(forms => 'export/export_licence export/nothing'), qr{nothing/OutBox: .*mkdir}, 'a box that is not there is told, with the command that makes it');
like(refused(queue => 'My Queue'), qr/queue: 1 to 32/, 'a queue has a plain name');
put("$home/other", "sw_short\n");
chmod 0600, "$home/other";
like(refused(key => "$home/other"), qr/holds no API key/, 'half a key is none');
chmod 0644, "$home/key";
like(refused(), qr/can be read by others/, 'a key that others can read is not used');
chmod 0600, "$home/key";

# ---- the client

my $pid;
sub begin {
	settings(@_);
	$pid = fork // die;
	if (!$pid) {
		open STDERR, '>>', "$home/log" or die;
		exec $program, "$home/settings" or POSIX::_exit(127);
	}
	return;
}
sub finish { my ($signal) = @_; kill $signal // 'TERM', $pid; waitpid $pid, 0; my $code = $?; undef $pid; return $code }
END { if ($pid) { my $code = $?; finish('KILL'); $? = $code } }
begin();

# A receipt, once it is there: its file's name and text; it must be as the schema says.
my %seen;
sub receipt {
	my ($pattern, $form) = @_;
	my $box = "$home/" . ($form // 'export_licence') . '/InBox';
	my $name;
	wait_until(sub { ($name) = grep { !$seen{"$box/$_"} && !/^\./ && slurp(encode_utf8("$box/$_")) =~ $pattern } names('InBox', $form); $name }, 40) or return "no receipt like $pattern: " . slurp("$home/log");
	my $path = encode_utf8("$box/$name");
	$seen{"$box/$name"} = 1;
	my $said = qx(xmllint --noout --schema '$xsd' '$path' 2>&1);
	return $? ? "not valid: $said" : decode_utf8(slurp($path));
}
sub of_file { my ($name, $form) = @_; my $text = encode_utf8($name); return receipt(qr{<FileName>\Q$text\E</FileName>}, $form) }
sub element { my ($xml, $name) = @_; my ($text) = $xml =~ m{<$name>([^<]*)</$name>}; return $text }
sub out { my ($name, $bytes, $form) = @_; put(encode_utf8("$home/" . ($form // 'export_licence') . "/OutBox/$name"), $bytes); return }
sub one { my ($mark, %more) = @_; return $json->encode([ body(base => { contract_no => $mark }, %more) ]) }

# ---- a document with its attachment

out('合同1.01.pdf', pdf());
out('合同1.json', one('F-1'));
my $receipt = of_file('合同1.json');
my %items = map { element($_, 'Name') => $_ } $receipt =~ m{<Item>.*?</Item>}gs;
is_deeply([ sort keys %items ], [ '合同1.01.pdf', '合同1.json/1' ], 'a file with its attachment is answered, each by its name') or diag $receipt;
is(element($items{'合同1.json/1'}, 'StatusCode'), 'PENDING_FIRST', 'it is submitted');
my $id = element($items{'合同1.json/1'}, 'DocumentId');
is($admin->get("/api/export/documents/$id")->json->{document}{application_no}, element($items{'合同1.json/1'}, 'ApplicationNo'), 'and is the document of that number');
wait_until(sub { !names('OutBox') });
is_deeply([ [ names('OutBox') ], [ names('SentBox') ], [ names('FailBox') ] ], [ [], [ '合同1.01.pdf', '合同1.json' ], [] ], 'both are in the SentBox then');

# ---- what is wrong

out('broken.xml', '<ExportLicenceApply><Base>');
out('nothing.json', '[{"base":{"year":"soon"}}]');
out('mixed.json', $json->encode([ body(base => { contract_no => 'F-2' }), { base => { year => 'soon' } } ]));
out('large.json', 'x' x (21 << 20));
$receipt = of_file('broken.xml');
is(element($receipt, 'Rule') . ' ' . element($receipt, 'Level'), 'xml error', 'what cannot be read is told by its rule');
like(element($receipt, 'Text'), qr/\p{Han}/, '... in words');
$receipt = of_file('nothing.json');
is(element($receipt, 'Taken') . ' ' . element($receipt, 'Field'), 'false base/year', 'and a field that is wrong by its name');
is(element(of_file('large.json'), 'Rule'), 'file_too_large', 'a file that is too large is refused here');
$receipt = of_file('mixed.json');
is_deeply([ $receipt =~ m{<Taken>(\w+)</Taken>}g ], [ 'true', 'false' ], 'of a file with several each has its answer');
like($receipt, qr{<Level>warning</Level><Rule>\w+</Rule><Field>attachment/01</Field>}, 'a warning says what keeps one from being submitted');
wait_until(sub { !names('OutBox') });
is_deeply([ names('FailBox') ], [ 'broken.xml', 'large.json', 'nothing.json' ], 'of what is in the FailBox nothing was made');
ok((grep { $_ eq 'mixed.json' } names('SentBox')), 'of what is in the SentBox some was');
out('.hidden.json', one('F-hidden'));
symlink "$home/settings", "$home/export_licence/OutBox/link.json";
out('notes.txt', 'x');

# ---- the same again

my $before = $documents->();
out('合同1.01.pdf', pdf());
out('合同1.json', one('F-1'));
ok(wait_until(sub { grep { $_ eq '合同1-2.json' } names('SentBox') }, 30), 'the same file again goes beside the first');
is($documents->(), $before, 'and makes nothing');
is_deeply([ names('OutBox') ], [ '.hidden.json', 'link.json', 'notes.txt' ], 'hidden files, links and what is no document are left alone');
unlink map { "$home/export_licence/OutBox/$_" } '.hidden.json', 'link.json', 'notes.txt';

# ---- messages of another system

register_origin($admin);
out('证书.xml', message(head => { CertNo => 'C-77' }), 'certificate_of_origin');
out('bad.xml', message(head => { DestCountryCode => 'ZZZ' }), 'certificate_of_origin');
$receipt = of_file('证书.xml', 'certificate_of_origin');
is(element($receipt, 'Taken'), 'true', 'a message that the portal has a mapping for is read by it') or diag $receipt;
$receipt = of_file('bad.xml', 'certificate_of_origin');
ok(element($receipt, 'Line') > 1 && element($receipt, 'Element') =~ /DestCountryCode/, 'its problems name line and element') or diag $receipt;

# ---- what becomes of documents

sub status { my ($document, $state) = @_; return receipt(qr{<DocumentId>$document</DocumentId>.*<StatusCode>$state</StatusCode>.*<Time>}s) }
like(status($id, 'PENDING_FIRST'), qr{<Machine>main</Machine>}, 'that it was submitted is told');
act($first, $id, 'first_return', '请补充<合同>附件');
$receipt = status($id, 'FIRST_RETURNED');
is(element($receipt, 'Opinion'), '请补充&lt;合同&gt;附件', 'that it was returned, and why');
is(element($receipt, 'StatusName'), '初审退回', '... in the words of the portal');
unlike($receipt, qr/demo_first|<Officer/, '... not by whom');
my $other = bring_to({ applicant => $admin, first => $first, second => $second }, 'PRINTED');
is(element(status($other, 'PRINTED'), 'LicenceNo'), licence_of($admin, $other), 'what was typed in at the portal is told, too: its licence has a number');
my @times = map { /^status\.(\d{8}T\d{6}Z)\.$other\.main\.(\d+)\.xml$/ ? "$1 $2" : () } names('InBox');
ok(@times >= 3 && "@times" eq join(' ', sort { (split / /, $a)[0] cmp (split / /, $b)[0] || (split / /, $a)[1] <=> (split / /, $b)[1] } @times), 'by their names receipts stand in the order of what happened') or diag "@times";

# ---- only one client

like(refused(), qr/another folder client works here/, 'a second client does not start in the same folders');

# ---- away and back

$sw->down('nginx');
out('later.json', one('F-later'));
ok(logged(qr/event=later reason="POST .*connect/), 'while the portal is away it tries again');
is_deeply([ names('OutBox') ], ['later.json'], 'and the file stays');
act($first, $id, 'first_return', 'x');
$sw->up('nginx');
like(of_file('later.json'), qr/<Taken>true</, 'when it is back the file goes');
is($sw->sql('export', q{SELECT count(*) FROM document WHERE contract_no = 'F-later'}) + 0, 1, 'once');

# ---- killed at any moment

$before = $documents->();
my %contracts = map { ("K-$_" => 1) } 1 .. 40;
out("k$_.json", one("K-$_")) for 1 .. 40;
for my $n (1 .. 6) {
	wait_until(sub { scalar(my @left = names('OutBox')) < 42 - 6 * $n }, 10);
	finish('KILL');
	begin();
}
ok(wait_until(sub { !grep { /^k/ } names('OutBox') }, 60), 'killed again and again, in the end every file is gone');
is($documents->() - $before, 40, 'each made one document');
is($sw->sql('export', q{SELECT count(DISTINCT contract_no) FROM document WHERE contract_no LIKE 'K-%'}) + 0, 40, 'of its own');
is(scalar(grep { /^k\d+\.\d+\.xml$/ } names('InBox')), 40, 'each has one receipt');
is(scalar(grep { /^k\d+\.json$/ } names('SentBox')), 40, 'and is once in the SentBox');
is(scalar(grep { /^\./ } names('InBox')), 0, 'nothing half-written is left');

# ---- other forms

finish();
act($admin, $id, 'submit');
begin(forms => 'export/export_licence');
status($id, 'PENDING_FIRST');
my $active = sub { my ($module) = @_; return grep { $_->{way} eq 'collect' && $_->{state} eq 'active' && $_->{module} eq $module } @{ $admin->get('/api/exchange/subscriptions')->json->{items} } };
ok(wait_until(sub { $active->('origin') == 0 && $active->('export') == 1 }, 30), 'when the settings name other forms the subscriptions follow');

is(finish(), 0, 'it ends when it is told to');

# ---- TLS: whose certificate the portal has

mkdir "$home/$_" or die for qw(ours others);
my ($ours, $others) = map { SingleWindow::Partner::Keys->new("$home/$_") } qw(ours others);
my ($certificate, $private) = $ours->issue('portal', 'server');
my $port = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)->sockport;
my $server = fork // die;
if (!$server) {
	open STDOUT, '>', "$home/server.log" or die;
	open STDERR, '>&', \*STDOUT or die;
	exec 'openssl', 's_server', '-accept', "127.0.0.1:$port", '-cert', $certificate, '-key', $private, '-www' or POSIX::_exit(127);
}
END { if ($server) { my $code = $?; kill KILL => $server; waitpid $server, 0; $? = $code } }
wait_until(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });
begin(portal => "https://127.0.0.1:$port", authorities => $others->authority);
ok(logged(qr/event=later reason="[^"]*certificate/), 'a portal whose certificate is somebody else\'s is not talked to');
finish();
begin(portal => "https://127.0.0.1:$port", authorities => $ours->authority);
ok(logged(qr/event=later reason="(?![^"]*certificate)/), 'one whose certificate is of the named authority is (here it answers nothing of use)');
finish();

# ---- a key that is over

$admin->delete("/api/account/api-keys/$key->{id}");
wait_until(sub { $sw->client->get('/api/export/documents?form=export_licence', Authorization => "Bearer $key->{key}")->status == 401 }, 20);
begin();
out('nokey.json', one('F-nokey'));
ok(logged(qr/event=later reason="[^"]*: 401/), 'with a key that was withdrawn it says so');
is_deeply([ names('OutBox') ], ['nokey.json'], 'and keeps what it cannot send');
is(finish(), 0, 'and ends when it is told to');
unlike(slurp("$home/log"), qr/sw_[0-9a-f]{8}|F-\d|合同/, 'its log holds no key and nothing of the documents');

done_testing();
