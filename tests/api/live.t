# Open pages hear of changes: each its own, while the session is good, and at no cost of a worker.
use strict;
use warnings;
use utf8;
use Test::More;
use SingleWindow::Instance;
use SingleWindow::Export;
use SingleWindow::Stream;

my $sw = SingleWindow::Instance->start(settings => { live_seconds => 10, threads => 2 });
my %client = map { $_ => $sw->signed_in("demo_$_") } qw(admin operator other person first second ab portal);
my $applicant = $client{admin};
my %stream;
sub listen_all { %stream = map { $_ => SingleWindow::Stream->open($sw, $client{$_}) } @_; return }

# ---- who hears what
listen_all(qw(admin operator other person first ab));
is(join(' ', map { $stream{$_}->status } qw(admin operator other person first ab)), '200 200 200 200 200 200', 'pages of applicants and officers have a stream');
like($stream{admin}->head, qr{^Content-Type: text/event-stream}mi, 'of server-sent events');
like($stream{admin}->head, qr/^X-Content-Type-Options: nosniff/mi, 'with the headers of every answer');
is(SingleWindow::Stream->open($sw, $client{portal})->status, 204, 'who has nothing to hear is told not to ask again');
is($client{first}->get('/api/exchange/live')->status, 422, 'who does not ask for a stream gets none');
is($sw->client->get('/api/exchange/live')->status, 401, 'who is not signed in hears nothing');

my $id = complete($applicant);
act($applicant, $id, 'submit');
my ($event) = $stream{admin}->events(1);
my $row = $applicant->get("/api/export/documents/$id")->json->{document};
is_deeply({ %$event, id => undef }, { id => undef, module => 'export', form => 'export_licence', document => $id, machine => 'main', from => 'DRAFT', to => 'PENDING_FIRST',
	application_no => $row->{application_no}, licence_no => '', at => $sw->clock }, 'the owner hears what happened, and nothing of persons');
is_deeply([ $stream{operator}->events(1) ], [$event], 'so do others of the enterprise');
is_deeply([ $stream{first}->events(1) ], [$event], 'and the officers of its agency');
act($client{first}, $id, 'first_pass', '同意');
is(($stream{admin}->events(1))[0]{to}, 'PENDING_SECOND', 'what an officer does comes to the applicant');
is_deeply([ map { $stream{$_}->events(1, 0.3) } qw(other person ab) ], [], 'other enterprises, persons and agencies hear nothing of it');

# ---- in order, each once
listen_all('admin');
my @many = map { complete($applicant) } 1 .. 55;
my $job = $applicant->post('/api/export/batch', { action => 'submit', ids => \@many });
my @heard = $stream{admin}->events(55);
is_deeply([ sort map { $_->{document} } @heard ], [ sort @many ], 'of a batch every document is heard of, once');

# ---- a program that dies
listen_all('admin');
my $pid = $sw->kill('exchange');
$id = complete($applicant);
act($applicant, $id, 'submit');
$sw->wait_for('exchange', not => $pid);
SKIP: {
	skip 'nginx ends it after 55 s; once is enough', 1 unless $sw->database eq 'sqlite' && ($ENV{VARIANT} // 'plain') eq 'plain';
	ok($stream{admin}->ends(60), 'a stream that the program does not know of ends, so that the page asks again');
}
wait_until(sub { !($sw->sql(export => 'SELECT COUNT(*) FROM status_event') + 0) }, 90);
is($sw->sql(export => 'SELECT COUNT(*) FROM status_event') + 0, 0, 'what happened meanwhile was taken');

# ---- the session
listen_all('admin');
act($applicant, $id = complete($applicant), 'submit');
is_deeply([ map { $_->{document} } $stream{admin}->events(1) ], [$id], 'a stream');
$client{admin}->sign_out;
ok($stream{admin}->ends(60), 'ends after its session has ended');
is(SingleWindow::Stream->open($sw, $client{admin})->status, 401, 'and is not to be had again');

# ---- rights
my $officer = $sw->signed_in('demo_first');
my ($user) = $sw->sql(account => "SELECT id FROM user_account WHERE name = 'demo_first'") =~ /(\d+)/;
$sw->sql(account => "UPDATE right_grant SET rights = 0 WHERE account = $user AND module = 'export'");
$officer = $sw->signed_in('demo_first');
my $narrow = SingleWindow::Stream->open($sw, $officer);
my $again = $sw->signed_in('demo_admin');
act($again, complete($again), 'submit');
is_deeply([ $narrow->events(1, 1) ], [], 'an officer without a right in the module hears nothing of it');

# ---- workers
my @pages = map { SingleWindow::Stream->open($sw, $again) } 1 .. 200;
is(scalar(grep { $_->status == 200 } @pages), 200, '200 pages are open, of a program with two threads');
is($again->get('/api/exchange/health')->status, 404, 'which still answers at once');
act($again, complete($again), 'submit');
is(scalar(grep { @{ [ $_->events(1) ] } == 1 } @pages), 200, 'and all of them hear');

# ---- the session's idle time is not theirs
my ($key) = grep { /^session:/ } split /\n/, `redis-cli -s @{[ $sw->var ]}/run/redis.sock KEYS 'session:*'`;
ok($key, 'there are sessions');
system('redis-cli -s ' . $sw->var . "/run/redis.sock KEYS 'session:*' | xargs -I{} redis-cli -s " . $sw->var . '/run/redis.sock EXPIRE {} 300 >/dev/null');
SingleWindow::Stream->open($sw, $again);
my @left = sort { $b <=> $a } map { `redis-cli -s @{[ $sw->var ]}/run/redis.sock TTL $_` + 0 } grep { /^session:/ } split /\n/, `redis-cli -s @{[ $sw->var ]}/run/redis.sock KEYS 'session:*'`;
cmp_ok($left[0], '<=', 300, 'a page that only listens does not keep its session alive');

is($applicant->post('/internal/exchange/wake/export', {})->status, 404, 'nobody wakes the program from outside');
is($sw->internal('POST', '/internal/exchange/wake/export', '{}')->status, 204, 'programs do');
is($sw->client->get('/live/a-AA.1.1')->status, 404, 'and no channel is to be had by its name');
done_testing();
