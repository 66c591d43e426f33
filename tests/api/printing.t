# Printing by a program of its own: started when needed, replaced when it dies, never in the way of the program that asked. Rows
# that flow over pages, pictures, layouts that nobody has confirmed, seals.
use strict;
use warnings;
use utf8;
use Test::More;
use Compress::Zlib qw(compress crc32);
use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use SingleWindow::Instance;
use SingleWindow::Client;
use SingleWindow::Export;

my $root = root_with_flow();
my $sw = SingleWindow::Instance->start(settings => { root => $root });
my %who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'));
my $program = $sw->pid_of('export');

sub drawers {
	my @found;
	for my $file (glob '/proc/[0-9]*/stat') {
		open my $stat, '<', $file or next;
		my ($pid, $name, $parent) = (<$stat> // '') =~ /^(\d+) \((.*)\) \S (\d+)/ or next;
		push @found, $pid if $parent == $program && $name eq 'draw-pages';
	}
	return @found;
}

is(scalar drawers(), 0, 'nothing draws before there is something to draw');
my $id = bring_to(\%who, 'PRINTED');
my @first = drawers();
cmp_ok(scalar @first, '>=', 1, 'the licence was drawn by a program of its own');

my $path = "/api/export/documents/$id/print/application.pdf";
my $answer = $who{applicant}->get($path);
is($answer->status, 200, 'a form is printed');
like($answer->content, qr/\A%PDF-.*%%EOF\s*\z/s, 'and is a whole PDF');
my ($again) = grep { my $pid = $_; grep { $_ == $pid } @first } drawers();
ok($again, 'the program that has drawn once draws again');

for my $pid (drawers()) {
	my @open = map { readlink } glob "/proc/$pid/fd/*";
	is(scalar(grep { m{/db/|\.db|socket:} } @open), 1, 'it has one socket and no file of ours open') or diag("@open");
}

kill 'KILL', drawers();
$answer = $who{applicant}->get($path);
is($answer->status, 200, 'after it was killed the next print starts another');
is($sw->pid_of('export'), $program, 'and the program that asked still runs');

# four people print while somebody keeps killing
my @children;
for my $number (1 .. 4) {
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		my $client = $who{applicant};
		my $bad = 0;
		for (1 .. 15) {
			my $pdf = $client->get($path);
			# a print whose program died twice says so, and nothing else happens
			$bad++ unless $pdf->status == 200 && $pdf->content =~ /\A%PDF-.*%%EOF\s*\z/s || $pdf->status == 500;
		}
		require POSIX;
		POSIX::_exit($bad ? 1 : 0);
	}
	push @children, $pid;
}
for (1 .. 20) { kill 'KILL', drawers(); select undef, undef, undef, 0.02 }
my $failed = 0;
for my $pid (@children) { waitpid $pid, 0; $failed++ if $? }
is($failed, 0, 'every print under fire is whole or refused');
is($who{applicant}->get($path)->status, 200, 'and afterwards all is well');
cmp_ok(scalar drawers(), '<=', 2, 'there are never more than two');

# ---- rows that flow: every line of every row is there once, in order, and nothing is cut

my $clerk = $who{applicant};
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
$program = $sw->pid_of('export');

sub paper {
	my ($rows, %head) = @_;
	my $made = $clerk->post('/api/export/documents', { form => 'flowing_paper', body => { head => { agency => 'AA', country => '142', %head }, wares => $rows } });
	die 'paper: ' . $made->text unless $made->status == 201;
	return $made->json->{document}{id};
}
sub slurp { open my $in, '<:raw', $_[0] or die "$_[0]: $!"; local $/ = undef; return <$in> }
sub save_bytes { my ($path, $bytes) = @_; open my $file, '>:raw', $path or die "$path: $!"; print {$file} $bytes; close $file or die; return $path }
sub drawn { my ($id, $print) = @_; return $clerk->get("/api/export/documents/$id/print/" . ($print // 'draft') . '.pdf') }
# The texts of the pages, in reading order.
sub pages_of {
	my ($bytes) = @_;
	my $text = do { my $path = save_bytes("$root/print.pdf", $bytes); open my $in, '-|:encoding(UTF-8)', 'pdftotext', '-raw', $path, '-' or die; local $/ = undef; <$in> };
	return map { [ split /\n/ ] } split /\f/, $text;
}
sub words_of { return [ map { /\b([GM]\d+-\d+-(?:begin|end))\b/g } map { @$_ } @_ ] }
sub images_of { my ($bytes) = @_; my $path = save_bytes("$root/print.pdf", $bytes); return grep { /^\s*\d/ } qx(pdfimages -list $path) }

# each line says where it begins and ends, and is long enough to be wrapped now and then
sub ware { my ($n, $lines, $marks) = @_; return { ware_words => join("\n", map { "G$n-$_-begin " . 'STEEL PIPES ' x ($_ % 12) . "G$n-$_-end" } 1 .. $lines),
	ware_marks => join("\n", map { "M$n-$_-begin M$n-$_-end" } 1 .. ($marks // 2)) } }
sub expected { my ($letter, @lines) = @_; return [ map { my $n = $_; map { ("$letter$n-$_-begin", "$letter$n-$_-end") } 1 .. $lines[$n - 1] } 1 .. @lines ] }
sub flows {
	my ($what, $rows, @lines) = @_;
	my $answer = drawn(paper($rows));
	is($answer->status, 200, "$what: printed") or diag($answer->text);
	my @pages = pages_of($answer->content);
	my @seen = @{ words_of(@pages) };
	is_deeply([ grep { /^G/ } @seen ], expected('G', @lines), "$what: every line of every description once and in order");
	is_deeply([ sort map { /^M/ ? $_ : () } @seen ], [ sort map { my $n = $_; map { ("M$n-$_-begin", "M$n-$_-end") } 1 .. (() = $rows->[$n - 1]{ware_marks} =~ /-begin/g) } 1 .. @$rows ], "$what: every mark once");
	my @ends = map { my $page = $_; map { $page } grep { /\*\*\*/ } @{ $pages[$page] } } 0 .. $#pages;
	is_deeply(\@ends, [ $#pages ], "$what: the end mark stands once, on the last page");
	my ($last) = grep { $pages[-1][$_] =~ /\*\*\*/ } 0 .. $#{ $pages[-1] };
	my ($line) = grep { $pages[-1][$_] =~ /G\d+-$lines[-1]-end/ } reverse 0 .. $#{ $pages[-1] };
	cmp_ok($last, '>', $line // 999, "$what: behind the last line");
	is(join(' ', map { join '', grep { /PAGE-/ } @$_ } @pages), join(' ', map { "长单 PAGE-$_-OF-" . @pages } 1 .. @pages), "$what: page numbers");
	return @pages;
}

is(scalar flows('one row', [ ware(1, 3) ], 3), 1, 'what fits stands on one page');
is(scalar flows('rows that just fill a page', [ map { ware($_, 3) } 1 .. 8 ], (3) x 8), 1, 'one page still');
cmp_ok(scalar flows('twenty rows', [ map { ware($_, 9, 3) } 1 .. 20 ], (9) x 20), '>', 2, 'several pages');
cmp_ok(scalar flows('a row longer than a page', [ ware(1, 2), ware(2, 110), ware(3, 2) ], 2, 110, 2), '>', 2, 'it is broken between lines');
my @mixed = flows('marks longer than descriptions', [ ware(1, 2, 90), ware(2, 1) ], 2, 1);
cmp_ok(scalar @mixed, '>', 1, 'marks alone make a page');
for my $page (flows('rows that are kept together', [ map { ware($_, 14) } 1 .. 9 ], (14) x 9)) {
	my %seen;
	$seen{$_}++ for map { /G(\d+)-\d+-begin/g } @$page;
	is(join(',', grep { $_ != 14 } values %seen), '', 'a row that fits on a page is not broken') or last;
}
my $word = join '', map { "W$_," } 1 .. 400; # nothing to wrap at
my ($wrapped) = join('', map { @$_ } pages_of(drawn(paper([ { ware_words => $word } ]))->content)) =~ /(W1,.*W400,)/;
is($wrapped, $word, 'a word longer than a line is wrapped, not cut');
my $many = drawn(paper([ map { { ware_words => "x\n" x 4900 } } 1 .. 2 ]));
is($many->status, 422, 'more than 50 pages are refused');
like($many->json->{message}{zh}, qr/超过50页/, 'in words');
is(drawn(paper([ ware(1, 1) ]))->status, 200, 'and the next is printed');
like(join("\n", map { @$_ } pages_of(drawn(paper([ ware(1, 1) ], late => $true))->content)), qr/ISSUED RETROSPECTIVELY FOR China$/m, 'English name of a code, text under a condition');
unlike(join("\n", map { @$_ } pages_of(drawn(paper([ ware(1, 1) ], late => $false))->content)), qr/RETROSPECTIVELY|FOR/, 'not otherwise');
like(join("\n", map { @$_ } pages_of(drawn(paper([ ware(1, 1) ]))->content)), qr/IN TIME$/m, 'and text without it');
is(drawn(paper([ ware(1, 1) ], country => undef))->status, 422, 'without the code that chooses the layout there is none');

# ---- pictures

sub chunk { my ($type, $data) = @_; return pack('N', length $data) . $type . $data . pack('N', crc32($type . $data)) }
sub png { # a red picture; `claims` is what its head says
	my ($width, $height, @claims) = @_;
	@claims = ($width, $height) unless @claims;
	return "\x89PNG\r\n\x1a\n" . chunk('IHDR', pack('NNCCCCC', @claims, 8, 2, 0, 0, 0)) . chunk('IDAT', compress(("\0" . "\xc0\x10\x10" x $width) x $height)) . chunk('IEND', '');
}
sub segment { my ($marker, $data) = @_; return pack('CCn', 0xff, $marker, 2 + length $data) . $data }
my $jpeg = "\xff\xd8" . segment(0xe0, "JFIF\0\1\1\0\0\1\0\1\0\0") . segment(0xdb, "\0" . "\1" x 64) . segment(0xc0, "\10\0\10\0\10\1\1\21\0")
	. segment(0xc4, "\0\1" . "\0" x 16) . segment(0xc4, "\20\1" . "\0" x 16) . segment(0xda, "\1\1\0\0\77\0") . "\0\xff\xd9";
sub put_file { my ($id, $type, $bytes, $row) = @_; return $clerk->post("/api/export/documents/$id/attachments?type=$type&name=a.png" . ($row ? "&block=wares&row_id=$row" : ''), $bytes, 'Content-Type' => 'application/octet-stream') }
sub rows_of { my ($id) = @_; return map { $_->{row_id} } @{ $clerk->get("/api/export/documents/$id")->json->{body}{wares} } }
my $pictured = paper([ ware(1, 1), ware(2, 1) ]);
is(scalar images_of(drawn($pictured)->content), 0, 'no picture where none was attached');
my @row_ids = rows_of($pictured);
is(put_file($pictured, 'MARK', png(60, 30), $row_ids[0])->status, 201, 'a PNG for the first row');
is(put_file($pictured, 'MARK', $jpeg, $row_ids[1])->status, 201, 'a JPEG for the second');
is(put_file($pictured, 'PHOTO', png(2400, 1800))->status, 201, 'a large one for the document');
my $answer_pictured = drawn($pictured);
my @images = images_of($answer_pictured->content);
is(scalar(grep { / image / } @images), 3, 'all three are in the PDF') or diag(@images);
is(scalar(grep { / jpeg / } @images), 1, 'the JPEG as it is');
is(scalar(grep { my (undef, undef, undef, $w) = split; $w > 600 } @images), 0, 'the large one is no finer than paper shows');
ok($sw->log_text('export') !~ /event=picture/, 'and nothing was said about them');

my %broken = ('cut off' => substr(png(60, 30), 0, -20), 'damaged within' => do { my $p = png(60, 30); substr($p, 45, 8) = "\0" x 8; $p }, 'a head alone' => "\x89PNG\r\n\x1a\n",
	'huge by its head' => png(4, 4, 60_000, 60_000), 'many dots' => png(4, 4, 9000, 9000), 'a JPEG that is cut off' => substr($jpeg, 0, 60), 'a JPEG without a size' => "\xff\xd8\xff\xd9", 'no picture at all' => pdf());
for my $what (sort keys %broken) {
	my $id = paper([ ware(1, 2) ]);
	is(put_file($id, 'MARK', $broken{$what}, (rows_of($id))[0])->status, 201, "$what: attached");
	my $answer = drawn($id);
	is($answer->status, 200, "$what: the page is drawn all the same") or next;
	is(scalar @{ words_of(pages_of($answer->content)) }, 8, "$what: with all its words");
	is(scalar(grep { / image / } images_of($answer->content)), 0, "$what: without the picture");
}
is(scalar(() = $sw->log_text('export') =~ /event=picture/g), scalar(keys %broken), 'a line in the log for each');
is($sw->pid_of('export'), $program, 'and the program that asked still runs');

# ---- every field that a layout names is one of the definitions that print with it

sub json_of { return JSON::PP->new->utf8->decode(slurp($_[0])) }
sub fields_of { my ($name, @blocks) = @_; return map { (map { $_->{name} } @{ $_->{fields} // [] }), fields_of($name, @{ $_->{blocks} // [] }, @{ $_->{variants} // [] }) } @blocks }
my $schema = "$SingleWindow::Instance::ROOT/schema";
for my $file (glob "$schema/forms/*.json") {
	my $form = json_of($file);
	my %known = map { $_ => 1 } 'seq', fields_of('', @{ $form->{blocks} });
	for my $path (map { glob "$schema/print/$_->{layout}" . ($_->{by} ? '_*.json' : '.json') } @{ $form->{prints} // [] }) {
		my %used = map { $_ => 1 } map { /\{(\w+)/g } slurp($path), map { slurp("$schema/print/parts/$_.json") } grep { defined } map { $_->{part} } map { @{ $_ // [] } } @{ json_of($path) }{qw(elements continuation)};
		is(join(' ', grep { !$known{$_} } sort keys %used), '', ($path =~ m{([^/]+)$})[0] . " names fields of $form->{form}");
	}
}

# ---- layouts that nobody has confirmed

my $portal = $sw->signed_in('demo_portal');
my $manager = $sw->signed_in('demo_manager');
my $paper = paper([ map { ware($_, 9) } 1 .. 20 ]);
sub marked { my ($id, $print) = @_; return map { my $page = join '', @$_; $page =~ s/\s//g; my @found = $page =~ /版式未核实/; scalar @found } pages_of(drawn($id, $print)->content) }
sub layout { my ($found) = grep { $_->{name} eq 'flowing_paper_142' } @{ $portal->get('/api/export/admin/layouts')->json->{layouts} }; return $found }
my @marks = marked($paper);
cmp_ok(scalar @marks, '>', 2, 'a document of some pages');
is(join(' ', @marks), join(' ', (1) x @marks), 'every page says that its layout is not confirmed');
my $path_142 = "$root/schema/print/flowing_paper_142.json";
my $first_digest = sha256_hex(slurp($path_142) . slurp("$root/schema/print/parts/flowing_foot.json"));
is_deeply(layout(), { name => 'flowing_paper_142', title => '长单', digest => $first_digest, verified => $false, confirmed => $false }, 'administrators see it, with the digest of the file and its parts');
my ($licence) = grep { $_->{name} eq 'export_licence' } @{ $portal->get('/api/export/admin/layouts')->json->{layouts} };
is($licence->{confirmed}, $true, 'a layout that says nothing is confirmed');
my $confirm = '/api/export/admin/layouts/flowing_paper_142/confirm';
for my $name (qw(demo_admin demo_manager demo_customs)) { is($sw->signed_in($name)->post($confirm, { digest => $first_digest, confirmed => $true })->status, 403, "$name may not confirm") }
is($sw->client->post($confirm, { digest => $first_digest, confirmed => $true })->status, 401, 'nor who is not signed in');
is($portal->post($confirm, { digest => '0' x 64, confirmed => $true })->status, 409, 'another digest than the file has is refused');
is($portal->post($confirm, { digest => $first_digest, confirmed => 'yes' })->status, 422, 'yes is no answer');
is($portal->post($confirm, { confirmed => $true })->status, 422, 'nor one without the digest');
is($portal->post('/api/export/admin/layouts/export_licence/confirm', { digest => $licence->{digest}, confirmed => $true })->status, 409, 'what is confirmed already needs nobody');
is($portal->post("/api/export/admin/layouts/$_/confirm", { digest => $first_digest, confirmed => $true })->status, 404, "there is no layout $_") for 'flowing_paper_999', '..%2Fforms%2Fexport_licence.1', 'nonmep_application';
is($portal->post($confirm, { digest => $first_digest, confirmed => $true })->status, 204, 'an administrator confirms it');
is(join('', marked($paper)), '0' x @marks, 'then no page says it');
like(join("\n", map { join '', @$_ } pages_of(drawn($paper)->content)), qr/PREVIEW/, 'a preview still says that it is one');
my $now = layout();
is_deeply([ @$now{qw(confirmed who)} ], [ $true, 'demo_portal' ], 'and the list says who it was');
cmp_ok($now->{when}, '>', 0, 'and when');
my ($noted) = grep { $_->{action} eq 'layout_confirmed' } @{ $portal->get('/api/account/audit')->json->{items} };
is_deeply([ @{ $noted // {} }{qw(user object detail)} ], [ 'demo_portal', 'export/flowing_paper_142', $first_digest ], 'the audit has it');
save_bytes($path_142, slurp($path_142) =~ s/"GOODS"/"WARES"/r);
is(layout()->{confirmed}, $false, 'a changed layout is to be confirmed anew');
is((marked($paper))[0], 1, 'and says so again');
is($portal->post($confirm, { digest => $first_digest, confirmed => $true })->status, 409, 'the old digest does not do');
is($portal->post($confirm, { digest => layout()->{digest}, confirmed => $true })->status, 204, 'the new one does');
save_bytes("$root/schema/print/parts/flowing_foot.json", slurp("$root/schema/print/parts/flowing_foot.json") =~ s/"size": 8/"size": 9/r);
is(layout()->{confirmed}, $false, 'a changed part counts too');
is($portal->post($confirm, { digest => layout()->{digest}, confirmed => $true })->status, 204, 'confirmed');
is($portal->post($confirm, { digest => layout()->{digest}, confirmed => $false })->status, 204, 'and taken back');
is((marked($paper))[0], 1, 'it is marked again');
is($portal->post($confirm, { digest => layout()->{digest}, confirmed => $true })->status, 204, 'for what follows it is confirmed');

my $sample = $portal->get('/api/export/admin/layouts/flowing_paper_142/sample.pdf');
is($sample->status, 200, 'a sample of a layout');
my $sample_text = join "\n", map { @$_ } pages_of($sample->content);
like($sample_text, qr/\b$_\b/, "with the place of $_") for qw(licence_no country seq ware_marks ware_words seal PHOTO CONTINUES);
is($clerk->get('/api/export/admin/layouts/flowing_paper_142/sample.pdf')->status, 403, 'for administrators');
is($portal->get("/api/export/admin/layouts/$_/sample.pdf")->status, 200, "a sample of $_") for map { $_->{name} } @{ $portal->get('/api/export/admin/layouts')->json->{layouts} };

# ---- seals

my $seal = png(300, 300);
is($manager->get('/api/export/desk/seal')->status, 404, 'no seal at first');
sub granted { my $id = paper([ ware(1, 1) ]); my $a = act($clerk, $id, 'submit'); die $a->text unless $a->ok; $a = act($who{first}, $id, 'grant'); die $a->text unless $a->ok; wait_until(sub { drawn($id, 'paper')->status == 200 }) or die 'not made'; return $id }
my $unsealed = granted();
is(scalar images_of(drawn($unsealed, 'paper')->content), 0, 'what is issued before there is a seal has an empty place');
for my $name (qw(demo_first demo_admin demo_portal demo_customs)) { is($sw->signed_in($name)->put('/api/export/desk/seal', $seal, 'Content-Type' => 'image/png')->status, 403, "$name may not bring the seal") }
is($manager->put('/api/export/desk/seal', $seal . 'x' x 210_000, 'Content-Type' => 'image/png')->status, 413, 'at most 200 KB');
is($manager->put('/api/export/desk/seal', $_->[1], 'Content-Type' => 'image/png')->status, $_->[2], "$_->[0] is refused")
	for [ 'a JPEG', $jpeg, 415 ], [ 'a PDF', pdf(), 415 ], [ 'nothing', '', 415 ], [ 'a broken PNG', $broken{'cut off'}, 415 ], [ 'a huge one', png(4, 4, 3001, 20), 422 ];
is($manager->put('/api/export/desk/seal', $seal, 'Content-Type' => 'image/png')->status, 204, 'the manager brings it');
is($who{first}->get('/api/export/desk/seal')->content, $seal, 'officers of the agency see it');
is($sw->signed_in('demo_ab')->get('/api/export/desk/seal')->status, 404, 'another agency has its own');
my $sealed = granted();
my $sealed_bytes = drawn($sealed, 'paper')->content;
is(scalar(grep { / image / } images_of($sealed_bytes)), 1, 'what is issued now carries it');
is(scalar images_of(drawn($sealed, 'draft')->content), 0, 'a preview does not');
is(drawn($unsealed, 'paper')->status, 200, 'what was issued before');
is(scalar images_of(drawn($unsealed, 'paper')->content), 0, 'stays as it was');
is($manager->put('/api/export/desk/seal', png(200, 200), 'Content-Type' => 'image/png')->status, 204, 'a new seal');
is(drawn($sealed, 'paper')->content, $sealed_bytes, 'changes nothing that was issued');
is($who{first}->delete('/api/export/desk/seal')->status, 403, 'only the manager deletes it');
is($manager->delete('/api/export/desk/seal')->status, 204, 'deleted');
is($manager->delete('/api/export/desk/seal')->status, 404, 'once');
is_deeply([ map { $_->{action} } grep { $_->{object} eq 'export/AA' } @{ $portal->get('/api/account/audit')->json->{items} } ], [ qw(seal_deleted seal_changed seal_changed) ], 'all of it is in the audit');

$sw->down('export');
my $left = 1;
for (1 .. 100) { $left = grep { -e "/proc/$_" && do { open my $f, '<', "/proc/$_/comm"; (<$f> // '') =~ /^draw-pages/ } } @first; last if !$left; select undef, undef, undef, 0.05 }
is($left, 0, 'when the program stops, they end');
$sw->up('export');

done_testing;
