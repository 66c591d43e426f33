# Collect queues: what happened waits until an enterprise's own system, which nobody can call, has fetched and acknowledged it.
use strict;
use warnings;
use utf8;
use Test::More;
use JSON::PP ();
use SingleWindow::Counterpart;
use SingleWindow::Export;
use SingleWindow::Instance;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my $hook = SingleWindow::Counterpart->new('http');
my $sw = SingleWindow::Instance->start(settings => { gateway_private => 1 });
my ($admin, $operator, $other, $portal, $first, $second) = map { $sw->signed_in("demo_$_") } qw(admin operator other portal first second);

sub key_of { my ($client, %rights) = @_; my $answer = $client->post('/api/account/api-keys', { name => 'ERP', rights => {%rights}, expires => '2027-09-02', per_minute => 6000 }); die $answer->text unless $answer->status == 201; return $answer->json->{key} }
my $key = key_of($admin, export => [qw(view edit submit)], mep => ['view']);
my $export_only = key_of($admin, export => ['view']);
my $mep_only = key_of($admin, mep => ['view']);
my $foreign = key_of($other, export => ['view']);

# A program with a key: no cookie, no CSRF token.
sub call { my ($with, $method, $path, $data, %header) = @_; return $sw->client->request($method, "/api/exchange/$path", $data, 'Authorization' => "Bearer $with", 'X-CSRF-Token' => undef, %header) }
sub subscribe { my ($with, %wish) = @_; return call($with, 'POST', 'subscriptions', { module => 'export', way => 'collect', scope => 'enterprise', %wish }) }
sub items { my ($with, $queue, $count) = @_; my $answer = call($with, 'GET', "queues/$queue" . ($count ? "?count=$count" : '')); die $answer->text unless $answer->status == 200; return @{ $answer->json->{items} } }
sub waits { my ($count, $with, $queue) = @_; return wait_until(sub { items($with // $key, $queue // 'erp', 100) == $count }, 30) }
sub ack { my ($with, $queue, @ids) = @_; return call($with, 'POST', "queues/$queue/ack", { ids => [@ids] })->status }
sub ack_all { my ($with, $queue) = @_; while (my @all = items($with, $queue, 100)) { ack($with, $queue, map { $_->{id} } @all) } return }
sub submitted { my ($client) = @_; my $id = complete($client // $admin); my $answer = act($client // $admin, $id, 'submit'); die $answer->text unless $answer->ok; return $id }
sub deliveries { my ($with, %query) = @_; my $text = join '&', map { "$_=$query{$_}" } sort keys %query; return @{ call($with, 'GET', "deliveries?size=100&$text")->json->{items} } }
sub problem { my ($answer) = @_; return join ' ', $answer->status, $answer->json->{field} // () }
sub event_of { my ($client, $id, $sequence) = @_; my ($event) = grep { $_->{sequence} == $sequence } @{ $client->get("/api/export/documents/$id/events")->json->{events} }; return $event }

# ---- subscribing

my $made = subscribe($key, address => 'erp');
is($made->status, 201, 'a system subscribes with its key');
is_deeply([ sort keys %{ $made->json } ], ['id'], 'to a queue that has no secret');
my ($listed) = @{ call($key, 'GET', 'subscriptions')->json->{items} };
is("$listed->{id} $listed->{way} $listed->{address} $listed->{state}", $made->json->{id} . ' collect erp active', 'and finds it in the list');
is_deeply($admin->get('/api/exchange/subscriptions?module=export')->json->{items}, [$listed], 'as does who made the key');
is(problem(subscribe($key, address => $_)), '422 address', "no queue is called '$_'") for '', 'ERP', 'a b', 'a/b', '队列', 'x' x 33;
is(problem(subscribe($key)), '422 address', 'nor nothing');
is(subscribe($key, address => 'x' x 32, scope => 'document', document_no => 'none')->status, 201, '32 characters are a name');
is_deeply([ items($key, 'erp'), items($key, 'never-heard-of') ], [], 'nothing has happened yet');

# ---- waiting

subscribe($key, way => 'webhook', address => $hook->url);
my $id = submitted();
ok(waits(1), 'what happened waits');
my ($item) = items($key, 'erp');
my $row = $admin->get("/api/export/documents/$id")->json->{document};
is_deeply({ %{ $item->{data} }, sequence => undef }, { module => 'export', form => 'export_licence', document => $id, application_no => $row->{application_no}, form_no => $row->{form_no},
	licence_no => '', machine => 'main', from => 'DRAFT', to => 'PENDING_FIRST', label => { zh => '待初审', en => $item->{data}{label}{en} }, opinion => '', sequence => undef }, 'it says what');
like($row->{form_no}, qr/^\d/, 'with the form number');
is(event_of($admin, $id, $item->{data}{sequence})->{action}, 'submit', 'and which of the events of the document it was');
ok(wait_until(sub { scalar $hook->heard }), 'others are told at once');
my $told = JSON::PP->new->utf8->decode(($hook->heard)[0]{body});
is_deeply({ %$item, id => undef }, { %$told, id => undef }, 'the same as a webhook is told');
is_deeply([ items($key, 'erp') ], [$item], 'it is given again until it is acknowledged');
is_deeply([ items($export_only, 'erp') ], [$item], "to every key of the same administrator's");

$sw->clock('2026-09-03T11:00:00+08:00');
submitted($operator);
ok(wait_until(sub { $hook->heard == 2 }), 'while others are sent');
my ($logged) = grep { $_->{id} eq $item->{id} } deliveries($key, way => 'collect');
is_deeply({ map { $_ => $logged->{$_} } qw(state attempts next_at address number) }, { state => 'waiting', attempts => 0, next_at => 0, address => 'erp', number => $row->{application_no} }, 'nobody tries to send what is to be collected');

# ---- what a reviewer says

my $opinion = '请核对 "<合同>" & 数量' . '<' x 1900;
is(act($first, $id, 'first_return', $opinion)->status, 200, 'an application is returned, in 2,000 characters that JSON escapes');
ok(waits(3), 'that waits, too');
my $returned = (items($key, 'erp'))[2];
my $event = event_of($admin, $id, $returned->{data}{sequence});
is("$returned->{data}{document} $returned->{data}{to}", "$id FIRST_RETURNED", 'last');
is_deeply([ @{$returned->{data}}{qw(opinion from to)} ], [ $opinion, $event->{from}{code}, $event->{to}{code} ], 'with what the reviewer said');
is($event->{opinion}, $opinion, 'as the applicant reads it at the document');
my $name = $first->session->{user}{display_name};
ok($name && call($key, 'GET', 'queues/erp')->text !~ /\Q$name\E/, 'and not who the reviewer was');

# ---- in order, some at a time, acknowledged once

my @documents = map { submitted() } 1 .. 7;
ok(waits(10), 'ten changes');
my @all = items($key, 'erp');
is_deeply([ map { $_->{data}{document} } @all[ 3 .. 9 ] ], \@documents, 'in the order in which they happened');
is_deeply([ items($key, 'erp', 4) ], [ @all[ 0 .. 3 ] ], 'the oldest first');
is(ack($key, 'erp', map { $_->{id} } @all[ 0, 2 ]), 204, 'some are acknowledged');
is_deeply([ map { $_->{id} } items($key, 'erp', 2) ], [ map { $_->{id} } @all[ 1, 3 ] ], 'and are not given again');
my @done = grep { $_->{id} eq $all[0]{id} } deliveries($key, state => 'sent', way => 'collect');
is($done[0]{finished}, $sw->clock, 'the log says when');
$sw->clock('2026-09-03T12:00:00+08:00');
is(ack($key, 'erp', $all[0]{id}, $all[0]{id}, '1', $all[1]{id}), 204, 'again, unknown, twice: no error');
@done = grep { $_->{id} eq $all[0]{id} } deliveries($key, state => 'sent', way => 'collect');
is($done[0]{finished}, $sw->clock - 3_600_000, 'what was acknowledged already is not changed');
is(scalar items($key, 'erp'), 7, 'what was not is');

# ---- others

subscribe($foreign, address => 'erp');
my $theirs = submitted($other);
ok(waits(1, $foreign), "another enterprise's queue of the same name");
my ($strange) = items($foreign, 'erp');
is($strange->{data}{document}, $theirs, 'has what is theirs');
is(scalar(grep { $_->{data}{document} eq $theirs } items($key, 'erp')), 0, 'which comes to nobody else');
is(ack($key, 'erp', $strange->{id}), 204, "another's id");
is(ack($key, 'other', $all[3]{id}), 204, 'or one of another queue');
is_deeply([ items($foreign, 'erp') ], [$strange], 'acknowledges nothing there');
is((items($key, 'erp'))[0]{id}, $all[3]{id}, 'nor here');
is_deeply($operator->get('/api/exchange/queues/erp')->json, { items => [] }, 'a colleague has queues of his own');
is_deeply([ map { $_->{id} } @{ $admin->get('/api/exchange/queues/erp')->json->{items} } ], [ map { $_->{id} } items($key, 'erp') ], 'who made the key looks into them, signed in');
is($_->get('/api/exchange/queues/erp')->status, 403, 'officers and administrators have none') for $first, $portal;

# ---- a key's modules

is(problem(subscribe($mep_only, address => 'erp')), '422 module', 'a key subscribes to no module that it may not view');
is_deeply([ items($mep_only, 'erp') ], [], 'collects nothing of it');
is_deeply([ deliveries($mep_only) ], [], 'finds nothing of it in the log');
is_deeply(call($mep_only, 'GET', 'subscriptions')->json->{items}, [], 'and no subscription');
my $waiting = (items($key, 'erp'))[0]{id};
is(call($mep_only, 'DELETE', 'subscriptions/' . $made->json->{id})->status, 404, 'it cancels none');
is(call($mep_only, 'POST', "deliveries/$waiting/retry", {})->status, 404, 'repeats none');
ack($mep_only, 'erp', $waiting);
is((items($key, 'erp'))[0]{id}, $waiting, 'acknowledges none');
is(subscribe($mep_only, module => 'mep', address => 'erp')->status, 201, 'in its own module it does');
is_deeply([ map { $_->{module} } @{ call($mep_only, 'GET', 'subscriptions')->json->{items} } ], ['mep'], 'and sees that one');
is((grep { $_->{module} eq 'mep' } @{ call($export_only, 'GET', 'subscriptions')->json->{items} }), 0, 'which others do not');

is(call($key, 'GET', $_)->status, 401, "no key is good for /$_") for 'live', 'gateway';
is(call($key, 'POST', 'wechat', {})->status, 401, 'nor for binding WeChat');
is(call('sw_' . '0' x 64, 'GET', 'queues/erp')->status, 401, 'an unknown key collects nothing');
is($sw->client->get('/api/exchange/queues/erp')->status, 401, 'nor does who has none');
is($admin->post('/api/exchange/queues/erp/ack', { ids => ['1'] }, 'X-CSRF-Token' => undef)->status, 403, 'a page acknowledges with its CSRF token');

# ---- wrong input

is(problem(call($key, 'GET', "queues/erp?count=$_")), '422 count', "count=$_") for 0, 101, 'x';
is(problem(call($key, 'GET', 'queues/ERP')), '422 queue', 'a name that no queue can have');
is(problem(call($key, 'POST', 'queues/ERP/ack', { ids => ['1'] })), '422 queue', '... is not acknowledged either');
is(problem(call($key, 'POST', 'queues/erp/ack', $_->[1])), '422 ids', $_->[0])
	for [ 'no ids', {} ], [ 'none', { ids => [] } ], [ 'no list', { ids => '1' } ], [ 'numbers', { ids => [1] } ], [ 'letters', { ids => ['1', 'x'] } ], [ 'too many', { ids => [ map { "$_" } 1 .. 101 ] } ];
is(call($key, 'POST', 'queues/erp/ack', '{', 'Content-Type' => 'application/json')->status, 400, 'no JSON');
is(ack($key, 'erp', map { '9' . '0' x 15 . (100 + $_) } 1 .. 100), 204, 'a hundred are acknowledged at once');

# ---- the program dies

ack_all($key, 'erp');
my @many = map { complete($admin) } 1 .. 60;
my $job = $admin->post('/api/export/batch', { action => 'submit', ids => \@many })->json->{job};
for (1 .. 3) { my $pid = $sw->kill('exchange'); $sw->wait_for('exchange', not => $pid) }
ok(wait_until(sub { $admin->get("/api/export/jobs/$job")->json->{state} eq 'done' }, 60), 'while much happens the program is killed again and again');
$sw->sql(@$_) for [ export => 'UPDATE status_event SET lease = 0' ], [ exchange => 'UPDATE delivery SET lease = 0' ]; # a minute later: what it had claimed
$sw->internal('POST', '/internal/exchange/wake/export', '{}');
ok(waits(60), 'all of it waits');
@all = items($key, 'erp', 100);
is_deeply([ sort map { $_->{data}{document} } @all ], [ sort @many ], 'once');
is(ack($key, 'erp', map { $_->{id} } @all[ 0 .. 39 ]), 204, 'what was acknowledged');
my $pid = $sw->kill('exchange');
$sw->wait_for('exchange', not => $pid);
$sw->sql(exchange => 'UPDATE delivery SET lease = 0');
is_deeply([ map { $_->{id} } items($key, 'erp', 100) ], [ map { $_->{id} } @all[ 40 .. 59 ] ], 'stays so when the program dies at that moment, and the rest waits as it was');
ack_all($key, 'erp');

# ---- a change that an older program wrote, which told less

my $before = submitted();
waits(1);
ack_all($key, 'erp');
$sw->sql(export => "INSERT INTO status_event (id, document, owner, creator, agency, form, application_no, licence_no, machine, from_state, to_state, at) "
		. "SELECT 7, id, enterprise, creator, agency, form, application_no, licence_no, 0, 'DRAFT', 'PENDING_FIRST', updated FROM document WHERE id = $before");
$sw->internal('POST', '/internal/exchange/wake/export', '{}');
ok(waits(1), 'of an older program');
is_deeply([ @{ (items($key, 'erp'))[0]{data} }{qw(document form_no opinion sequence)} ], [ $before, '', '', 0 ], 'what it did not tell is empty');
ack_all($key, 'erp');

# ---- everything that happens to a licence, also what the portal and customs do

$id = submitted();
act($first, $id, 'first_pass', '初审同意');
act($second, $id, 'second_pass', '');
wait_until(sub { $admin->get("/api/export/documents/$id")->json->{document}{state} eq 'PRINTED' }, 60);
my $licence = licence_of($admin, $id);
my @partner = ('Authorization' => 'Bearer ' . partner_key($sw), 'X-CSRF-Token' => undef);
$sw->client->post('/partner/export/customs-status', { message_id => 'c1', licence_no => $licence, status => 'STORED', note => '已入库' }, @partner);
ok(waits(6), 'a whole life');
@all = items($key, 'erp');
is_deeply([ map { "$_->{data}{machine} $_->{data}{to} $_->{data}{licence_no} $_->{data}{opinion}" } @all ], [ 'main PENDING_FIRST  ', 'main PENDING_SECOND  初审同意', "main APPROVED $licence ", "main PRINTED $licence ", "customs NOT_ARRIVED $licence ", "customs STORED $licence 已入库" ],
	'each with what was said');
is_deeply([ map { event_of($admin, $id, $_->{data}{sequence})->{action} } @all[ 3, 4 ] ], [ ('issued') x 2 ], 'two states that change together are of one event');
is_deeply([ map { $_->{data}{opinion} } @all ], [ map { event_of($admin, $id, $_->{data}{sequence})->{opinion} } @all ], 'all as the events of the document tell');
ack_all($key, 'erp');

# ---- replay

my $replayed = $all[1]{id};
is(call($foreign, 'POST', "deliveries/$replayed/retry", {})->status, 404, "another's is not replayed");
is(call($key, 'POST', "deliveries/$_->{id}/retry", {})->status, 204, 'what was collected is asked for again') for @all[ 3, 1 ];
is_deeply([ items($key, 'erp') ], [ @all[ 1, 3 ] ], 'and waits as it was, in its place');
is_deeply([ map { $_->{state} . $_->{next_at} . $_->{finished} } grep { $_->{id} eq $replayed } deliveries($key, state => 'waiting', way => 'collect') ], ['waiting00'], 'in the log, too');
submitted();
ok(wait_until(sub { items($key, 'erp') == 3 }), 'others come behind it');
is((items($key, 'erp'))[0]{id}, $replayed, 'it is still there');
is((grep { $_->{attempts} } deliveries($key, way => 'collect')), 0, 'and nobody has tried to send it');

# ---- rights withdrawn, cancelled

$operator->post('/api/exchange/subscriptions', { module => 'export', way => 'collect', scope => 'user', address => 'mine' });
submitted($operator);
ok(wait_until(sub { @{ $operator->get('/api/exchange/queues/mine')->json->{items} } == 1 }), "an operator's queue, of what is the operator's");
my ($user) = $sw->sql(account => "SELECT id FROM user_account WHERE name = 'demo_operator'") =~ /(\d+)/;
my ($rights) = $sw->sql(account => "SELECT rights FROM right_grant WHERE account = $user AND module = 'export'") =~ /(\d+)/;
$sw->sql(account => "UPDATE right_grant SET rights = 0 WHERE account = $user AND module = 'export'");
is_deeply($sw->signed_in('demo_operator')->get('/api/exchange/queues/mine')->json->{items}, [], 'who may no longer view the module gets nothing of it');
$sw->sql(account => "UPDATE right_grant SET rights = $rights WHERE account = $user AND module = 'export'");
is(scalar @{ $sw->signed_in('demo_operator')->get('/api/exchange/queues/mine')->json->{items} }, 1, 'who may again finds it there');

is(call($key, 'DELETE', 'subscriptions/' . $made->json->{id})->status, 204, 'a system cancels its subscription');
is_deeply([ items($key, 'erp') ], [], 'what waited is dropped');
is_deeply([ map { $_->{answer} } grep { $_->{id} eq $replayed } deliveries($key, state => 'dropped') ], ['cancelled'], 'as the log says');
my $heard = $hook->heard;
submitted();
ok(wait_until(sub { $hook->heard > $heard }), 'others go on');
is_deeply([ items($key, 'erp') ], [], 'and nothing comes any more');
done_testing();
