#!/usr/bin/perl
# What import licences brought along, with a definition that the suite has never seen: goods lines, balances, reservations, clearances,
# corrections, months, nested rows in print.
use strict;
use warnings;
use utf8;
use Test::More;
use JSON::PP ();

use SingleWindow::AtOnce;
use SingleWindow::Instance;
use SingleWindow::Export;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $root = root_with_unseen();
my $sw = SingleWindow::Instance->start(settings => { root => $root });
my $operator = $sw->signed_in('demo_admin');
my $other = $sw->signed_in('demo_other');
my $officer = $sw->signed_in('demo_first');
my $foreign = $sw->signed_in('demo_ab');
my $portal = $sw->signed_in('demo_portal');
my $customs = $sw->client;
my @key = ('Authorization' => 'Bearer ' . partner_key($sw), 'X-CSRF-Token' => undef);

sub lot { my (%change) = @_; return { hs => '2833110000', goods_text => '甲料', kind => 'SALT', weight => '100', measure => '035', usd => '50', %change } }
sub content { my ($head, @lots) = @_; return { head => { office => 'AA', nation => '142', mode => '1', start => '2026-09-03', single_batch => $false, %{ $head // {} } }, lots => \@lots } }
sub apply_for { return $operator->post('/api/export/documents', { form => 'unseen_import', body => content(@_) }) }
sub draft { my $answer = apply_for(@_); die $answer->text unless $answer->status == 201; return $answer->json->{document}{id} }

# A licence in force: its id and number.
sub licence {
	my $id = draft(@_);
	my $submitted = act($operator, $id, 'submit');
	die $submitted->text unless $submitted->ok;
	my $granted = act($officer, $id, 'grant');
	die $granted->text unless $granted->ok;
	return ($id, $granted->json->{document}{licence_no});
}

my $message = 0;
sub partner { my ($what, %data) = @_; return $customs->post("/partner/export/$what", { message_id => 'i' . ++$message, unit => '035', %data }, @key) }
sub declaration { return sprintf '31012026%010d', $_[0] }
sub reserve { my ($no, $n, $quantity, %more) = @_; return partner('reservations', licence_no => $no, declaration_no => declaration($n), quantity => $quantity, %more) }
sub adjust { my ($no, $n, $quantity, %more) = @_; return partner('adjustments', licence_no => $no, declaration_no => declaration($n), quantity => $quantity, note => '更正', %more) }
sub clear { my ($no, $n, $quantity, %more) = @_; return partner('write-offs', licence_no => $no, declaration_no => declaration($n), quantity => $quantity, released => '2026-09-03', %more) }
sub statement { my ($id, $at) = @_; return $operator->get("/api/export/documents/$id/ledger", { defined $at ? (at => $at) : () })->json }
sub sums { my $s = shift; return join ' ', map { "$_=$s->{$_}" } qw(granted reserved used balance uses) }
sub said { my ($answer) = @_; my $json = eval { $answer->json } // {}; return join ' ', $answer->status, $json->{result} // (($json->{type} // '') =~ s{.*/}{}r) . ($json->{field} ? ":$json->{field}" : '') }
sub total { my ($query) = @_; return $operator->get('/api/export/documents', { form => 'unseen_import', %$query })->json->{total} }
sub count { my ($what) = @_; return $sw->sql('export', "SELECT count(*) FROM $what") =~ s/\s//gr }

# ---- goods lines
{
	my $made = apply_for({ single_batch => $true }, lot(), lot(hs => '2505100000', goods_text => 'Beta Sand', weight => '7'));
	is($made->status, 201, 'an application with two goods is saved');
	my $id = $made->json->{document}{id};
	is(join(' ', map { $_ // '' } @{ $made->json->{document} }{qw(goods goods_name quantity amount_usd batch)}), '2833110000 甲料 107 100 one', 'its row shows the first of them, and the sums');
	is($operator->get('/api/export/documents', { form => 'unseen_import' })->json->{items}[0]{batch}, 'one', 'a list may show whether it is one batch');
	is(total({ goods => '2505100000' }), '1', 'it is found by the second');
	is(total({ goods => '2833110000' }), '1', 'and by the first');
	is(total({ goods => '9999999999' }), '0', 'but not by others');
	is(total({ goods_name => 'beta' }), '1', 'also by a part of a name');
	is(total({ goods_name => '%' }), '0', 'that means what it says');
	is(total({ batch => 'several' }), '0', 'it is not for several batches');
	is($operator->get('/api/export/documents', { goods => '2505100000' })->json->{total}, '1', 'the list of all forms finds it, too');
	is($operator->get('/api/export/documents', { form => 'export_licence', goods => '2505100000' })->json->{total}, '0', 'that of another form does not');
	is($other->get('/api/export/documents', { form => 'unseen_import', goods => '2505100000' })->json->{total}, '0', 'nor does another enterprise');

	is(save($operator, $id, content({}, lot(hs => '8703235910')))->status, 200, 'with other goods it is saved again');
	is(total({ goods => '2505100000' }) . total({ goods => '8703235910' }), '01', 'and found by those only');
	is($operator->get("/api/export/documents/$id")->json->{document}{batch}, 'several', 'for several batches now');
	my $copies = $operator->post("/api/export/documents/$id/copy", { count => 2 })->json->{ids};
	is(total({ goods => '8703235910' }), '3', 'copies have the goods, too');
	is($operator->post('/api/export/batch', { action => 'delete', ids => $copies })->json->{results}[1]{ok}, $true, 'copies deleted in a batch');
	is(count("document_line WHERE document IN ($copies->[0], $copies->[1])"), '0', 'take their lines along');
	my $many = save($operator, $id, content({}, map { lot(goods_text => "lot $_", weight => "$_") } 1 .. 200));
	is($many->status, 200, '200 goods are saved');
	is(count("document_line WHERE document = $id"), '200', 'as as many lines');
	is($sw->sql('export', "SELECT quantity FROM document_line WHERE document = $id AND goods_name = 'lot 187'") =~ s/\s//gr, '18700000', 'each with its own values');
	is($operator->post('/api/export/batch', { action => 'submit', ids => [$id] })->json->{results}[0]{ok}, $true, 'submitted, it is frozen');
	is(count("document_line WHERE document = $id"), '200', 'with the same lines');
	is($officer->get('/api/export/queue', { goods_name => 'lot 187' })->json->{total}, '1', 'officers find it by any of them');
	is($operator->delete('/api/export/documents/' . draft({}, lot(goods_text => 'gone')), 'If-Match' => '*')->status, 204, 'one is deleted');
	is(count("document_line WHERE goods_name = 'gone'"), '0', 'and its lines with it');

	my $history = "licence_no,issued,source,goods,goods_name,quantity,unit,batch\n18A1,2018-05-01,商务部,2505100000,旧料,5,035,one\n";
	is($operator->post('/api/export/history/unseen_import', $history, 'Content-Type' => 'text/csv')->json->{rows}, 1, 'a licence issued elsewhere is loaded');
	my $loaded = $operator->get('/api/export/queries/import_history', { form => 'unseen_import', goods => '2505100000' })->json->{items}[0];
	is($loaded->{licence_no}, '18A1', 'and found by its goods');
	is(count("document_line WHERE document = $loaded->{id}"), '1', 'which are a line');
	is($operator->get("/api/export/documents/$loaded->{id}")->json->{document}{batch}, 'one', 'with its batch');
	is($operator->post('/api/export/history/unseen_import', $history =~ s/18A1/18A2/r =~ s/,one$/,true/mr, 'Content-Type' => 'text/csv')->json->{errors}[0]{field}, 'line/2/batch', 'which is one or several');
	my $copy = $operator->post("/api/export/documents/$loaded->{id}/copy", { count => 1 })->json->{ids}[0];
	is($operator->get("/api/export/documents/$copy")->json->{body}{lots}[0]{goods_text}, '旧料', 'and go into a copy');
}

# ---- reservation, partial clearance, balance
{
	my ($id, $no) = licence({}, lot(weight => '22222244'));
	is(sums(statement($id)), 'granted=22222244 reserved=0 used=0 balance=22222244 uses=0', 'a new licence');
	my %one = (message_id => 'reserve-1', licence_no => $no, declaration_no => declaration(1), quantity => '40', unit => '035');
	is($customs->post('/partner/export/reservations', \%one)->status, 401, 'customs needs its key');
	is(said(partner('reservations', %one)), '200 booked', 'a declaration reserves 40');
	is(said(partner('reservations', %one)), '200 repeated', 'once');
	is(said(partner('reservations', %one, quantity => '41')), '422 message_id_reused:message_id', 'another content under the same id is refused');
	is(said(partner('adjustments', %one)), '422 message_id_reused:message_id', 'another kind of message, too');
	is(sums(statement($id)), 'granted=22222244 reserved=40 used=0 balance=22222204 uses=1', 'what is reserved is not left');
	my ($reserved) = grep { $_->{licence_no} eq $no } @{ $operator->get('/api/export/queries/import_balance', { form => 'unseen_import' })->json->{items} };
	is("$reserved->{balance} $reserved->{reserved}", '22222204 40', 'and the query says so');
	is(said(act($officer, $id, 'annul')), '409 licence_reserved', 'and the licence cannot be revoked');
	is(said(reserve($no, 1, '50')), '200 booked', 'a second message');
	is(sums(statement($id)), 'granted=22222244 reserved=50 used=0 balance=22222194 uses=1', 'sets the reservation anew');
	is(said(reserve($no, 1, '45.5')), '200 booked', 'also to less');
	is(said(clear($no, 1, '32')), '200 booked', 'a part is cleared');
	is(sums(statement($id)), 'granted=22222244 reserved=0 used=32 balance=22222212 uses=1', '22222244 - 32 = 22222212: the rest is left again');
	is(join(' ', map { "$_->{kind}:$_->{quantity}" } @{ statement($id)->{entries} }), 'grant:22222244 reserve:40 reserve:10 unreserve:4.5 use:32 unreserve:13.5', 'entry by entry');
	is(statement($id)->{entries}[4]{declaration_no}, declaration(1), 'each says its declaration');
	is(said(act($officer, $id, 'annul')), '409 licence_used', 'a used licence is not revoked');
	my ($row) = grep { $_->{licence_no} eq $no } @{ $operator->get('/api/export/queries/import_balance', { form => 'unseen_import' })->json->{items} };
	is("$row->{balance} $row->{used}", '22222212 32', 'the query shows what is left and what was used');
	($row) = grep { $_->{licence_no} eq $no } @{ $operator->get('/api/export/queries/import_balance', { form => 'unseen_import', fields => 'all' })->json->{items} };
	is($row->{balance}, '22222212', 'also with whole rows');

	is(said(adjust($no, 1, '30')), '200 booked', 'the declaration is corrected');
	is(sums(statement($id)), 'granted=22222244 reserved=0 used=30 balance=22222214 uses=1', 'to less');
	is(said(adjust($no, 1, '31.00001')), '200 booked', 'and to more');
	is(statement($id)->{used}, '31.00001', 'it uses what the correction says');
	my $corrected = statement($id)->{entries}[-1];
	is("$corrected->{kind} $corrected->{note} $corrected->{declaration_no}", 'adjust 更正 ' . declaration(1), 'the statement says why');
	is(said(adjust($no, 1, '0')), '200 booked', 'nothing is used any more');
	is(sums(statement($id)), 'granted=22222244 reserved=0 used=0 balance=22222244 uses=0', 'and all is left');
	is(said(adjust($no, 1, '5')), '200 booked', 'a second correction takes some again');
	is(said(adjust($no, 1, '-1')), '422 positive:quantity', 'less than nothing cannot be used');
	is(said(adjust($no, 1, '99999999')), '422 over_balance:quantity', 'nor more than there is');
	is(said(adjust($no, 7, '1')), '422 unknown_declaration:declaration_no', 'a declaration that has used nothing is not corrected');
	adjust($no, 1, '0');
	is(act($officer, $id, 'annul')->json->{document}{state}, 'REVOKED', 'with everything given back it can be revoked');
	is(said(reserve($no, 3, '1')), '422 not_in_force:licence_no', 'then nothing can be reserved');
	is(said(clear($no, 3, '1')), '422 not_in_force:licence_no', 'nor used');
}

# ---- what is refused
{
	my ($id, $no) = licence({}, lot(weight => '100'));
	is(said(reserve($no, 1, '100.00001')), '422 over_balance:quantity', 'more than there is cannot be reserved');
	is(said(reserve($no, 1, '1', unit => '070')), '422 wrong_unit:unit', 'nor in another unit');
	is(said(adjust($no, 1, '1', unit => '070')), '422 wrong_unit:unit', 'nor corrected');
	is(said(reserve($no, 1, '-1')), '422 positive:quantity', 'nor less than nothing');
	is(said(reserve($no, 1, 'x')), '422 number:quantity', 'a quantity is a number');
	is(said(reserve($no, 1, '1', declaration_no => '12')), '422 declaration_no:declaration_no', 'a declaration has 18 digits');
	is(said(reserve('26UI999999', 1, '1')), '422 unknown_licence:licence_no', 'an unknown licence');
	is(said(adjust('26UI999999', 1, '1')), '422 unknown_licence:licence_no', 'is no licence');
	is(said(clear('26UI999999', 1, '1')), '200 unknown', 'what was cleared is kept to be looked at');
	is(said(reserve($no, 1, '60')), '200 booked', '60 of 100');
	is(said(clear($no, 2, '41')), '422 over_balance:quantity', 'what is reserved is not for others');
	is(said(clear($no, 1, '101')), '422 over_balance:quantity', 'nor more than all for the one');
	is(said(clear($no, 1, '70')), '200 booked', 'but more than it has reserved');
	is(join(' ', map { "$_->{kind}:$_->{quantity}" } @{ statement($id)->{entries} }), 'grant:100 reserve:60 use:60 use:10', 'first from that, then from what is available');
	is(said(clear($no, 1, '10')), '200 booked', 'a second clearance of the same declaration');
	is(statement($id)->{uses}, 1, 'is no further use');
	is(said(reserve($no, 2, '0')), '200 booked', 'nothing given back is no use either');
	is(said(reserve($no, $_, '1')), '200 booked', "declaration $_") for 2, 3;
	is(said(reserve($no, 4, '1')), '422 no_uses_left:declaration_no', 'no fourth of three');
	is(statement($id)->{uses_left}, 0, 'none is left');
	is(said(reserve($no, 3, '0')), '200 booked', 'one gives back what it has reserved');
	is(statement($id)->{uses_left}, 1, 'and its use with it');
	is(said(reserve($no, 4, '1')), '200 booked', 'then another may');
	is($other->get("/api/export/documents/$id/ledger")->status, 404, 'another enterprise sees nothing of it');
}

# ---- tolerance at the last use
{
	my ($id, $no) = licence({ single_batch => $true, bulk => $true }, lot(weight => '100'));
	is(said(reserve($no, 1, '105.00001')), '422 over_balance:quantity', 'more than the tolerance is refused');
	is(said(reserve($no, 1, '105')), '200 booked', 'all of it may be reserved');
	is(sums(statement($id)), 'granted=105 reserved=105 used=0 balance=0 uses=1', 'by an entry of its own');
	is(said(reserve($no, 1, '102')), '200 booked', 'what is not needed');
	is(sums(statement($id)), 'granted=102 reserved=102 used=0 balance=0 uses=1', 'goes back to the issuer');
	is(said(clear($no, 1, '104')), '200 booked', 'the clearance may take more of it');
	is(sums(statement($id)), 'granted=104 reserved=0 used=104 balance=0 uses=1', 'again by an entry');
	is(said(clear($no, 1, '1.5')), '422 over_balance:quantity', 'but not twice');
	is(said(clear($no, 1, '1')), '200 booked', 'only what is left of it');
	is(said(adjust($no, 1, '90')), '200 booked', 'corrected to less than was granted');
	is(sums(statement($id)), 'granted=100 reserved=0 used=90 balance=10 uses=1', 'the tolerance is the issuer\'s again');

	($id, $no) = licence({ bulk => $true }, lot(weight => '100'));
	is(said(clear($no, 1, '101')), '422 over_balance:quantity', 'there is none before the last use');
	is(said(clear($no, $_, '10')), '200 booked', "use $_") for 1, 2;
	is(said(reserve($no, 3, '85.00001')), '422 over_balance:quantity', 'at the last one');
	is(said(reserve($no, 3, '85')), '200 booked', 'five per cent of what was granted');
	is(said(reserve($no, 3, '0')), '200 booked', 'given back');
	is(said(adjust($no, 1, '91')), '422 over_balance:quantity', 'they are not for an earlier use');
}

# ---- a moment in the past
{
	my ($id, $no) = licence({}, lot(weight => '100'));
	my $before = $sw->clock;
	$sw->clock('2026-09-03T11:00:00+08:00');
	reserve($no, 1, '10');
	my $between = $sw->clock;
	$sw->clock('2026-09-03T12:00:00+08:00');
	clear($no, 1, '8');
	is(sums(statement($id, $before)), 'granted=100 reserved=0 used=0 balance=100 uses=0', 'the statement as it was in the morning');
	is(sums(statement($id, $between)), 'granted=100 reserved=10 used=0 balance=90 uses=1', 'an hour later');
	is(sums(statement($id, $between + 3600000)), sums(statement($id)), 'and now');
	is(sums(statement($id, 0)), 'granted=0 reserved=0 used=0 balance=0 uses=0', 'nothing before it was granted');
	is($operator->get("/api/export/documents/$id/ledger", { at => $_ })->status, 422, "\"$_\" is no moment") for 'x', '-1', '1e9', '99999999999999999999';
	$sw->clock('2027-03-04T10:00:00+08:00');
	($operator, $officer) = map { $sw->signed_in($_) } qw(demo_admin demo_first);
	is(said(reserve($no, 2, '1')), '422 not_in_force:licence_no', 'a licence that has run out cannot be reserved');
	is(said(adjust($no, 1, '7')), '200 booked', 'what was cleared can still be corrected');
	$sw->clock('2026-09-03T12:00:00+08:00');
	($operator, $officer) = map { $sw->signed_in($_) } qw(demo_admin demo_first);
}

# ---- clearances: what customs says of them
{
	my ($id, $no) = licence({}, lot(weight => '1000'));
	my %goods = (code => '2833110000', name => '甲料', spec => '99%', quantity => '12.5', unit => '035', price => '3.25', currency => 'USD');
	my %more = (owner_name => '货主甲', bill_no => 'B/L-77', destination => '上海', packages => 12, goods => [ \%goods, { name => '无编码' } ]);
	is(said(clear($no, 1, '12.5', message_id => 'clear-1', %more)), '200 booked', 'a clearance with its goods is booked');
	is(said(clear($no, 1, '12.5', message_id => 'clear-1', %more)), '200 repeated', 'once');
	is(said(clear($no, 1, '12.5', message_id => 'clear-1', %more, packages => 13)), '422 message_id_reused:message_id', 'with other particulars it is another');
	is(said(clear($no, 1, '12.5', message_id => 'clear-1', %more, goods => [ \%goods ])), '422 message_id_reused:message_id', 'also with other goods');
	is(said(clear($no, 2, '1')), '200 booked', 'one without particulars');
	my $list = $operator->get('/api/export/write-offs', { licence_no => lc $no })->json;
	is($list->{total}, '2', 'found by the licence');
	my ($row) = grep { $_->{owner_name} } @{ $list->{items} };
	is(join(' ', map { $row->{$_} // '' } qw(owner_name bill_no destination packages quantity country)), '货主甲 B/L-77 上海 12 12.5 142', 'with what customs said, and what the licence says');
	is($operator->get('/api/export/write-offs', { licence_no => substr $no, 2 })->json->{total}, '2', 'a part of the number does');
	is($operator->get('/api/export/write-offs', { licence_no => '%' })->json->{total}, '0', 'a sign for any text is a sign');
	is($operator->get('/api/export/write-offs', { licence_no => 'x' x 65 })->status, 422, 'nothing is that long');
	my $goods = $operator->get("/api/export/write-offs/$row->{id}/goods")->json->{items};
	is(join(' ', map { $goods->[0]{$_} } qw(line licence_no goods goods_name spec quantity unit price currency)), "1 $no 2833110000 甲料 99% 12.5 035 3.25 USD", 'its goods, line by line');
	is_deeply($goods->[1], { line => 2, licence_no => $no, goods => '', goods_name => '无编码', spec => '', unit => '', currency => '' }, 'what was not said is not there');
	is($other->get("/api/export/write-offs/$row->{id}/goods")->status, 404, 'not for another enterprise');
	is($operator->get('/api/export/write-offs/1/goods')->status, 404, 'what is not there is not there');
	is($other->get('/api/export/write-offs', { licence_no => $no })->json->{total}, '0', 'nor are its clearances');
	is(said(clear($no, 1, '1', goods => [ map { { %goods } } 1 .. 51 ])), '422 goods:goods', 'at most 50 goods');
	is(said(clear($no, 1, '1', goods => [ map { { %goods, name => '名' x 130 } } 1 .. 50 ])), '200 booked', '50 are taken');
	is(said(clear($no, 1, '1', goods => [ \%goods, { %goods, price => 'x' } ])), '422 number:goods/1/price', 'a wrong price is told by its place');
	is(said(clear($no, 1, '1', goods => [ { %goods, spec => 'x' x 401 } ])), '422 too_long:goods/0/spec', 'so is a text that is too long');
	is(said(clear($no, 1, '1', goods => 'x')), '422 goods:goods', 'goods are a list');
	is(said(clear($no, 1, '1', goods => [ 'x' ])), '422 required:goods/0/code', 'of objects');
	is(said(clear($no, 1, '1', packages => -1)), '422 number:packages', 'packages are counted from 0');
	is(said(clear($no, 1, '1', destination => 'x' x 101)), '422 too_long:destination', 'texts have their limits');
	is(said(clear('26UI777777', 1, '1', %more)), '200 unknown', 'of an unknown licence');
	is((grep { $_->{licence_no} eq '26UI777777' } @{ $portal->get('/api/export/unknown-write-offs', { licence_no => '777777', size => 50 })->json->{items} })[0]{bill_no}, 'B/L-77', 'an administrator reads them, too');
}

# ---- months
{
	my $months = sub { my ($client, %query) = @_; return $client->get('/api/export/statistics/unseen_import/monthly', \%query) };
	my $told = sub { my $answer = shift; return join '; ', map { my $row = $_; join ' ', $row->{key}, $row->{unit}, map { my $m = $row->{$_}; "$m->{quantity}/$m->{amount_usd}/$m->{count}" } qw(month year) } @{ $answer->json->{rows} } };
	my $at = sub { $sw->clock($_[0]); ($operator, $officer, $foreign, $portal, $other) = map { $sw->signed_in($_) } qw(demo_admin demo_first demo_ab demo_portal demo_other) };
	$at->('2027-01-10T10:00:00+08:00');
	licence({}, lot(weight => '10', usd => '5'), lot(weight => '2.5', usd => '1'), lot(weight => '1', measure => '070', usd => '100'));
	$at->('2027-02-28T10:00:00+08:00');
	my ($second) = licence({ nation => '116', mode => '2' }, lot(weight => '3', usd => '7'), lot(hs => '2505100000', kind => 'SAND', weight => '4', usd => '2'));
	my ($gone) = licence({}, lot(weight => '99', usd => '99'));
	act($officer, $gone, 'annul');
	draft({}, lot(weight => '1000'));
	$at->('2027-03-01T10:00:00+08:00');
	licence({}, lot(weight => '8', usd => '9'));

	my $february = $months->($operator, month => '2027-02', by => 'goods');
	is($february->json->{month}, '2027-02', 'a month');
	is($told->($february), '2505100000 千克 4/2/1 4/2/1; 2833110000 千克 3/7/1 15.5/13/2; 2833110000 吨 0/0/0 1/100/1',
		'beside the year up to it: by goods and unit, without drafts, what was revoked and what came later');
	is($february->json->{rows}[1]{label}, '硫酸二钠', 'goods have their names');
	is($told->($months->($operator, month => '2027-01')), '2833110000 千克 12.5/6/1 12.5/6/1; 2833110000 吨 1/100/1 1/100/1', 'the first of the definition\'s columns, if none is named');
	is($told->($months->($operator, month => '2027-02', by => 'goods_class')), 'SALT 千克 3/7/1 15.5/13/2; SALT 吨 0/0/0 1/100/1; SAND 千克 4/2/1 4/2/1', 'by class');
	is($told->($months->($operator, month => '2027-02', by => 'country')), '116 千克 7/9/1 7/9/1; 142 千克 0/0/0 12.5/6/1; 142 吨 0/0/0 1/100/1', 'by country: a document with two goods is one');
	is($told->($months->($operator, month => '2027-02', country => '116')), '2505100000 千克 4/2/1 4/2/1; 2833110000 千克 3/7/1 3/7/1', 'of one country');
	is($told->($months->($operator, month => '2027-02', trade_mode => '2')), '2505100000 千克 4/2/1 4/2/1; 2833110000 千克 3/7/1 3/7/1', 'of one trade mode');
	is($told->($months->($operator, month => '2027-02', agency => 'AB')), '', 'of another agency');
	is($told->($months->($other, month => '2027-02')), '', 'another enterprise has none');
	is($told->($months->($foreign, month => '2027-02')), '', 'nor has another agency');
	is($told->($months->($officer, month => '2027-02')), $told->($february), 'the agency has all of its own');
	is($told->($months->($portal, month => '2027-02')), $told->($february), 'the portal all');
	is($months->($operator, month => $_)->json->{field}, 'month', "\"$_\" is no month") for qw(2027 2027-13 2027-00 2027-1- 2027-01-01 x);
	is($months->($operator, by => $_)->json->{field}, 'by', "by \"$_\" is not in the definition") for qw(agency unit 1;x);
	is($operator->get('/api/export/statistics/export_licence/monthly')->status, 404, 'a form without months has none');
	is((grep { /2833110000/ } split /\r\n/, $months->($operator, month => '2027-02', format => 'csv')->text)[0], '2833110000,硫酸二钠,千克,3,7,1,15.5,13,2', 'as CSV');
	like($months->($operator, month => '2027-02', format => 'xlsx')->content, qr/^PK/, 'as XLSX');
	is($months->($operator, month => 'x', format => $_)->status, 422, "a wrong month as $_") for qw(csv xlsx);
	is($operator->get('/api/export/statistics/unseen_import', { dimension => 'x', format => 'csv' })->status, 422, 'as a wrong dimension is');
	$at->('2026-09-03T12:00:00+08:00');
}

# ---- rows of rows on paper
{
	my $id = draft({}, lot(goods_text => 'Alpha', grades => [ { grade => 'a1' }, { grade => 'a2' } ]), lot(goods_text => 'Beta', grades => []),
		lot(goods_text => 'Gamma', grades => [ map { { grade => "c$_" } } 1 .. 5 ]));
	my $pdf = $operator->get("/api/export/documents/$id/print/sheet.pdf");
	open my $file, '>', "$root/sheet.pdf" or die; binmode $file; print {$file} $pdf->content; close $file;
	my @pages = split /\f/, `pdftotext -layout $root/sheet.pdf -`;
	utf8::decode($_) for @pages;
	my $rows = sub { return join '; ', map { s/^\s+|\s+$//gr =~ s/\s+/ /gr } grep { /\b(g|lot)\d/ } split /\n/, $_[0] };
	is($rows->($pages[0]), 'g1 Alpha-142 a1/Alpha; g2 a2/Alpha; g3 Gamma-142 c1/Gamma; lot1 Alpha; lot2 Beta; lot3 Gamma', 'a nested block in order of its parents, whose text stands once; another table beside it');
	is($rows->($pages[1]), 'g4 c2/Gamma; g5 c3/Gamma; g6 c4/Gamma', 'the continuation follows the first table and counts on');
	is($rows->($pages[2]), 'g7 c5/Gamma', 'to the end');
	is(scalar @pages, 3, 'on three pages');
	my $none = draft({}, lot());
	is($operator->get("/api/export/documents/$none/print/sheet.pdf")->status, 200, 'without any row it prints, too');
}

# ---- a verdict that needs a field of every row
{
	my $verdict = sub { return $operator->post('/api/export/unseen_import/verdict', { body => $_[0] }) };
	is(join(' ', map { $_->{field} } @{ $verdict->({ head => { nation => '142' } })->json->{errors} }), 'lots', 'there must be a row');
	is(join(' ', map { $_->{field} } @{ $verdict->({ lots => [ { hs => '2833110000' }, { kind => 'x' } ] })->json->{errors} }), 'head/nation lots/1/hs', 'and each needs it');
	is($verdict->({ head => { nation => '142' }, lots => [ { hs => '2833110000' } ] })->json->{answer}, 'electronic', 'then it is answered');
	is($verdict->({ head => { nation => '110' }, lots => [ { hs => '2833110000' } ] })->json->{answer}, 'refused', 'by its rules');
}

# ---- two at once
sub said_at_once { return sort(at_once(map { my $work = $_; sub { said($work->()) } } @_)) }
for my $round (1 .. 4) {
	my ($id, $no) = licence({}, lot(weight => '10'));
	my @said = said_at_once(map { my $n = $_; sub { reserve($no, $n, '10', message_id => "race-$round-$n") } } 1, 2);
	is("@said", '200 booked 422 over_balance:quantity', 'two declarations want the last of it: one has it');
	is(sums(statement($id)), 'granted=10 reserved=10 used=0 balance=0 uses=1', 'and nothing is there twice');
	@said = said_at_once(map { sub { partner('reservations', message_id => "same-$round", licence_no => $no, declaration_no => declaration(9), quantity => '0') } } 1, 2);
	is("@said", '200 booked 200 repeated', 'the same message twice at once is booked once');
}
for my $round (1 .. 3) {
	my ($id, $no) = licence({}, lot(weight => '10'));
	my @said = said_at_once(sub { reserve($no, 1, '4', message_id => "revoke-$round") }, sub { act($officer, $id, 'annul') });
	like("@said", qr{^(?:200 booked 409 licence_reserved|200  422 not_in_force:licence_no)$}, "a licence is reserved or revoked, not both");
	my $s = statement($id);
	is($s->{reserved} + $s->{released}, $s->{reserved} ? 4 : 10, 'and the ledger says which');
}
is($sw->sql('export', "SELECT count(*) FROM (SELECT document FROM ledger GROUP BY document HAVING sum(CASE WHEN credit = 'available' THEN quantity WHEN debit = 'available' THEN -quantity ELSE 0 END) < 0 "
	. "OR sum(CASE WHEN credit = 'reserved' THEN quantity WHEN debit = 'reserved' THEN -quantity ELSE 0 END) < 0 OR sum(CASE WHEN credit = 'used' THEN quantity WHEN debit = 'used' THEN -quantity ELSE 0 END) < 0) AS t") =~ s/\s//gr,
	'0', 'no account is below zero');

done_testing();
