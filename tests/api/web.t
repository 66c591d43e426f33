# shared/web behind a real nginx: the program is build/<VARIANT>/unit/web_test serve (tests/unit/web_test.c).
use strict;
use warnings;
use utf8;
use Test::More;
use Cwd qw(getcwd);
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

my $root = getcwd();
my $variant = $ENV{VARIANT} || 'plain';
my $program = "$root/build/$variant/unit/web_test";
die "$program: make test builds it\n" unless -x $program;

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
my $port = do { my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die; $s->sockport };
my $parent = $$;
my %pid;

sub write_file { my ($name, $text) = @_; open my $f, '>', "$dir/$name" or die; print $f $text; close $f }

sub start {
	my ($name, @command) = @_;
	my $pid = fork // die;
	if (!$pid) {
		open STDERR, '>>', "$dir/$name.log";
		open STDOUT, '>&', \*STDERR;
		exec @command or POSIX::_exit(127);
	}
	$pid{$name} = $pid;
}

sub wait_until { my ($what, $code) = @_; for (1 .. 400) { return 1 if $code->(); sleep 0.025 } die "$what did not come" }
sub stop { my ($name, $signal) = @_; my $pid = delete $pid{$name} or return; kill $signal || 'TERM', $pid; waitpid $pid, 0; $? }
END { if ($parent && $$ == $parent) { my $kept = $?; stop($_) for keys %pid; $? = $kept } }

write_file(secret => ('s' x 64) . "\n");
write_file(settings => <<"SETTINGS");
socket_dir = $dir
redis = unix:$dir/redis.sock
internal = unix:$dir/internal.sock
public_url = http://127.0.0.1:$port
secret_file = $dir/secret
database = sqlite:$dir
slow_threads = 1
limit_per_minute = 0
SETTINGS
my $user = $> ? '' : "user root;\n";
my $fastcgi = "include $root/nginx/fastcgi.conf; fastcgi_pass unix:$dir/echo.sock; fastcgi_param SW_SIDE";
write_file('nginx.conf', <<"NGINX");
${user}worker_processes 1; daemon off; pid $dir/nginx.pid; error_log stderr warn;
events { worker_connections 1024; }
http {
	access_log off; client_max_body_size 2m;
	client_body_temp_path $dir/body; fastcgi_temp_path $dir/fastcgi; proxy_temp_path $dir/proxy;
	uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
	server { listen 127.0.0.1:$port backlog=512;
		location /api/echo/ { $fastcgi public; }
		location /partner/echo/ { $fastcgi partner; }
		location /tls/ { rewrite ^/tls(.*) \$1 break; fastcgi_param HTTPS on; $fastcgi public; } }
	server { listen unix:$dir/internal.sock;
		location /internal/echo/ { $fastcgi internal; } }
}
NGINX

sub start_redis {
	start('redis', 'redis-server', '--port', 0, '--unixsocket', "$dir/redis.sock", '--save', '', '--dir', $dir);
	wait_until('redis', sub { IO::Socket::UNIX->new(Peer => "$dir/redis.sock") });
}

sub start_echo {
	start('echo', $program, 'serve', "$dir/settings");
	wait_until('echo', sub { IO::Socket::UNIX->new(Peer => "$dir/echo.sock") });
}
start_redis();
start_echo();
start('nginx', 'nginx', '-e', 'stderr', '-c', "$dir/nginx.conf", '-p', $dir);
wait_until('nginx', sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) });

# ---- a client that hides nothing

sub raw {
	my ($bytes) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return { status => 0, head => '', body => '' };
	my $sent = 0;
	local $SIG{PIPE} = 'IGNORE';
	while ($sent < length $bytes) { $sent += syswrite($s, $bytes, length($bytes) - $sent, $sent) // last }
	my $got = '';
	my $select = IO::Select->new($s);
	while ($select->can_read(20)) { sysread($s, $got, 65536, length $got) or last }
	my ($head, $body) = split /\r\n\r\n/, $got, 2;
	my ($status) = ($head // '') =~ m{^HTTP/1.1 (\d+)};
	return { status => $status // 0, head => $head // '', body => $body // '' };
}

sub ask {
	my ($method, $path, $body, %headers) = @_;
	my $text = "$method $path HTTP/1.1\r\nHost: 127.0.0.1:$port\r\nConnection: close\r\n";
	$text .= "Content-Length: " . length($body) . "\r\n" if defined $body;
	$text .= "$_: $headers{$_}\r\n" for sort keys %headers;
	my $answer = raw("$text\r\n" . ($body // ''));
	$answer->{json} = eval { decode_json($answer->{body}) };
	return $answer;
}

sub header { my ($answer, $name) = @_; my ($value) = $answer->{head} =~ /^\Q$name\E: (.*?)\r?$/mi; $value }
my @json = ('Content-Type' => 'application/json');

# ---- requests and answers

my $a = ask('GET', '/api/echo/empty');
is($a->{status}, 200, 'the empty answer');
is(length $a->{body}, 291, 'of 291 bytes');
is(header($a, 'Content-Length'), 291, 'with its length');
is(header($a, 'Cache-Control'), 'no-store', 'not to be stored');
is(header($a, 'Content-Type'), 'application/json', 'JSON');
is(header(ask('GET', '/api/echo/cached'), 'Cache-Control'), 'max-age=60', 'a handler may say otherwise');
$a = ask('HEAD', '/api/echo/empty');
is($a->{status} . $a->{body}, '200', 'HEAD has no body');
is(header($a, 'Content-Length'), 291, 'but its length');

for my $length (0, 1, 100, 8192, 65_537, 1 << 20) {
	my $bytes = substr(join('', map { chr(rand 256) } 1 .. 1021) x 1030, 0, $length);
	$a = ask('POST', '/api/echo/body', $bytes);
	is($a->{json}{sha256}, sha256_hex($bytes), "a body of $length bytes arrives whole");
}
$a = ask('POST', '/api/echo/body', 'x' x ((1 << 20) + 1));
is($a->{status}, 413, 'one byte more than the route allows');
is($a->{json}{type}, '/problems/too_large', 'as a problem');
is(ask('POST', '/api/echo/body', 'x' x (3 << 20))->{status}, 413, 'more than nginx allows');
$a = raw("POST /api/echo/body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
is($a->{status}, 200, 'a body in chunks');
like($a->{body}, qr/"length":5/, 'has its length');
is(ask('GET', '/api/echo/empty', 'body')->{status}, 413, 'a body where none belongs');
is(ask('POST', '/api/echo/json', '{}')->{status}, 415, 'no content type');
is(ask('POST', '/api/echo/json', '{}', 'Content-Type' => 'text/plain')->{status}, 415, 'a wrong one');
is(ask('POST', '/api/echo/json', '{}', 'Content-Type' => 'application/jsonp')->{status}, 415, 'nearly the right one');
is(ask('POST', '/api/echo/json', '{}', 'Content-Type' => 'Application/JSON; charset=utf-8')->{status}, 200, 'with parameters');

# nginx never passes a truncated body on: ask the program itself
sub fcgi_record { my ($type, $text) = @_; pack('CCnnCC', 1, $type, 1, length $text, 0, 0) . $text }

sub fcgi_pair {
	my ($n, $v) = @_;
	return join '', (map { length $_ < 128 ? chr length : pack('N', length() | 0x80000000) } $n, $v), $n, $v;
}

sub fcgi {
	my ($params, $stdin, $end) = @_;
	my $s = IO::Socket::UNIX->new(Peer => "$dir/echo.sock") or return '';
	my %p = (REQUEST_METHOD => 'POST', SCRIPT_NAME => '/api/echo/words', QUERY_STRING => '', SW_SIDE => 'public', REMOTE_ADDR => '::1', %$params);
	my $pairs = join '', map { fcgi_pair($_, $p{$_}) } keys %p;
	$s->syswrite(fcgi_record(1, pack('nCx5', 1, 0)) . fcgi_record(4, $pairs) . fcgi_record(4, '') . $stdin);
	shutdown $s, 1 if $end;
	my $got = '';
	while (IO::Select->new($s)->can_read(5)) { sysread($s, $got, 65536, length $got) or last }
	return $got;
}
like(fcgi({ CONTENT_LENGTH => 20 }, fcgi_record(5, 'x' x 20) . fcgi_record(5, '')), qr/Status: 201/, 'asked directly');
like(fcgi({ CONTENT_LENGTH => 20 }, fcgi_record(5, 'short') . fcgi_record(5, '')), qr/Status: 400/, 'a body that ends too early');
like(fcgi({ CONTENT_LENGTH => 20 }, fcgi_record(5, 'cut'), 1), qr/Status: 400/, 'a connection that breaks within a body');
like(fcgi({ CONTENT_LENGTH => 5 }, fcgi_record(5, 'longer') . fcgi_record(5, '')), qr/Status: 400/, 'a body that is too long');
like(fcgi({ CONTENT_LENGTH => 'five' }, fcgi_record(5, '')), qr/Status: 400/, 'a length that is no number');
is(ask('GET', '/api/echo/words')->{json}{count}, 1, 'nothing of these was written');
{ my $s = IO::Socket::UNIX->new(Peer => "$dir/echo.sock"); $s->syswrite("GET / HTTP/1.1\r\n\r\n"); }
IO::Socket::UNIX->new(Peer => "$dir/echo.sock")->close for 1 .. 5;
is(ask('GET', '/api/echo/empty')->{status}, 200, 'what is no FastCGI does no harm');

$a = ask('GET', '/api/echo/path/%E8%AE%B8%20x?x=%E5%8F%AF+%26b&n=7&x=second');
is_deeply([@{ $a->{json} }{qw(path x n)}], ['许 x', '可 &b', 7], 'path and query are decoded');
is(ask('GET', '/api/echo/path/%FF')->{status}, 400, 'broken UTF-8 in the path');
is(ask('GET', '/api/echo/path/a%0Ab')->{status}, 400, 'a line end in the path');
is(ask('GET', '/api/echo/path/a?x=%FF')->{status}, 400, 'broken UTF-8 in the query');
is(ask('GET', '/api/echo/path/a?x=%C0%80')->{status}, 400, 'an overlong form');
is(ask('GET', '/api/echo/path/a?x=%00')->{status}, 400, 'a NUL');
is(ask('GET', '/api/echo/path/a?x=%4')->{status}, 400, 'half an escape');
is(ask('GET', '/api/echo/path/a?' . join('&', map { "p$_=1" } 1 .. 65))->{status}, 400, 'too many parameters');
$a = ask('GET', '/api/echo/path/a?n=11');
is($a->{status}, 422, 'a number out of range');
is($a->{json}{field}, 'n', 'names its field');
is(ask('GET', '/api/echo/nowhere')->{status}, 404, 'no such route');
$a = ask('DELETE', '/api/echo/empty');
is($a->{status}, 405, 'no such method');
is(header($a, 'Allow'), 'GET, HEAD', 'says which there are');
is(header($a, 'Content-Type'), 'application/problem+json', 'problem+json');
$a = ask('GET', '/api/echo/problems');
is($a->{status}, 422, 'an error of a handler');
is_deeply([@{ $a->{json} }{qw(type title status detail field errors)}],
	['/problems/invalid', 'Unprocessable Content', 422, 'There are mistakes', 'a/b', [{ field => 'a/b' }]], 'is a problem with a list');
is($a->{json}{message}{zh}, '有错误', 'in two languages');
like($a->{json}{id}, qr/^[0-9a-f]{16}$/, 'with the number of the request');
is(header($a, 'ETag'), undef, 'without the headers of the answer that did not come');
$a = ask('GET', '/api/echo/injected');
is($a->{status}, 500, 'a header with a line end fails');
unlike($a->{head}, qr/x=y/, 'and is not sent');
$a = ask('GET', '/api/echo/file');
is(header($a, 'Content-Disposition'), "attachment; filename*=UTF-8''%E8%AE%B8%E5%8F%AF%E8%AF%81%20%221%22.csv", 'a file name');
is(ask('PUT', '/api/echo/version', '')->{status}, 428, 'no If-Match');
is(ask('PUT', '/api/echo/version', '', 'If-Match' => '"x"')->{status}, 412, 'no version');
is(header(ask('PUT', '/api/echo/version', '', 'If-Match' => '"41"'), 'ETag'), '"42"', 'a version');
is(header(ask('PUT', '/api/echo/version', '', 'If-Match' => 'W/"41"'), 'ETag'), '"42"', 'a weak one');

# ---- who may call

$a = ask('POST', '/api/echo/guarded', '{}', @json);
is($a->{status}, 403, 'no CSRF token');
is($a->{json}{type}, '/problems/csrf', 'csrf');
$a = ask('GET', '/api/echo/csrf');
my ($guest) = header($a, 'Set-Cookie') =~ /sw_guest=([0-9a-f]{64}); Path=\/; HttpOnly; SameSite=Strict$/;
my $token = $a->{json}{csrf};
ok($guest && $token, 'a guest gets a cookie and a token');
is(header(ask('GET', '/api/echo/csrf', undef, Cookie => "a=b; sw_guest=$guest"), 'Set-Cookie'), undef, 'only once');
is(ask('GET', '/api/echo/csrf', undef, Cookie => "sw_guest=$guest")->{json}{csrf}, $token, 'and the same token');
my %guest = (Cookie => "sw_guest=$guest", 'X-CSRF-Token' => $token);
is(ask('POST', '/api/echo/guarded', '{}', @json, %guest)->{status}, 200, 'with both it passes');
is(ask('POST', '/api/echo/guarded', '{}', @json, 'X-CSRF-Token' => $token)->{status}, 403, 'without the cookie not');
is(ask('POST', '/api/echo/guarded', '{}', @json, %guest, 'X-CSRF-Token' => scalar reverse $token)->{status}, 403, 'with a forged token not');
is(ask('POST', '/api/echo/guarded', '{}', @json, %guest, Cookie => 'sw_guest=' . 'a' x 64)->{status}, 403, 'with another cookie not');
is(ask('POST', '/api/echo/guarded', '{}', @json, %guest, Origin => "http://127.0.0.1:$port")->{status}, 200, 'our own origin');
is(ask('POST', '/api/echo/guarded', '{}', @json, %guest, Origin => 'https://evil.example')->{status}, 403, 'another origin');
is(ask('POST', '/api/echo/guarded', '{}', @json, %guest, Origin => 'null')->{status}, 403, 'no origin at all');
$a = ask('GET', '/tls/api/echo/csrf');
like(header($a, 'Set-Cookie'), qr/^__Host-sw_guest=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict; Secure$/, 'under TLS a __Host- cookie');
is(ask('POST', '/tls/api/echo/guarded', '{}', @json, %guest)->{status}, 403, 'where a plain one does not count');

is(ask('GET', '/api/echo/me')->{status}, 401, 'not signed in');
$a = ask('POST', '/api/echo/sign-in', '{}', @json, %guest);
my ($session) = (header($a, 'Set-Cookie') // '') =~ /sw_session=([0-9a-f]{64});/;
my %me = (Cookie => "sw_session=$session; sw_guest=$guest", 'X-CSRF-Token' => $a->{json}{csrf});
$a = ask('GET', '/api/echo/me', undef, %me);
is_deeply($a->{json}, { name => 'li', enterprise => '示范 企业', user => '7' }, 'signed in');
is(ask('GET', '/api/echo/csrf', undef, %me)->{json}{csrf}, $me{'X-CSRF-Token'}, 'the token of the session');
is(ask('POST', '/api/echo/guarded', '{}', @json, %me)->{status}, 200, 'it passes');
is(ask('POST', '/api/echo/guarded', '{}', @json, %me, 'X-CSRF-Token' => $token)->{status}, 403, 'the one of the guest does not any more');
is(ask('GET', '/api/echo/officers', undef, %me)->{status}, 403, 'another kind of user');
is(ask('GET', '/api/echo/manage', undef, %me)->{status}, 403, 'a right that is missing');
is(ask('GET', '/api/echo/me', undef, Cookie => 'sw_session=' . 'a' x 64)->{status}, 401, 'a session that is none');
is(ask('GET', '/api/echo/me', undef, Cookie => 'sw_session=xyz')->{status}, 401, 'rubbish');
is(ask('GET', '/internal/echo/whoami')->{status}, 404, 'the internal side is not reached from outside');
is(ask('GET', '/api/echo/over-there')->{json}{system}, JSON::true, 'but by a program');
is(ask('GET', '/partner/echo/me', undef, %me)->{status}, 401, 'a session does not open the partner side');
is(ask('GET', '/partner/echo/me', undef, Authorization => 'Bearer ' . 'k' x 40)->{status}, 401, 'nor an unknown key');
is(ask('POST', '/api/echo/epoch', '')->{status}, 204, 'the epoch is raised');
sleep 5.1;
is(ask('GET', '/api/echo/me', undef, %me)->{status}, 401, 'the session ends within 5 s');
$a = ask('POST', '/api/echo/sign-in', '{}', @json, %guest);
($session) = (header($a, 'Set-Cookie') // '') =~ /sw_session=([0-9a-f]{64});/;
%me = (Cookie => "sw_session=$session", 'X-CSRF-Token' => $a->{json}{csrf});
is(ask('GET', '/api/echo/me', undef, %me)->{status}, 200, 'a new one counts at once');
my %left = %me;
is(ask('POST', '/api/echo/sign-out', '', %me)->{status}, 204, 'signing out');
is(ask('GET', '/api/echo/me', undef, %left)->{status}, 401, 'ends it');
$a = ask('POST', '/api/echo/sign-in', '{}', @json, %guest);
($session) = (header($a, 'Set-Cookie') // '') =~ /sw_session=([0-9a-f]{64});/;
%me = (Cookie => "sw_session=$session");

# ---- limits, lanes, Redis away

is(ask('GET', '/api/echo/limited')->{status}, 200, "free call $_") for 1 .. 3;
$a = ask('GET', '/api/echo/limited');
is($a->{status}, 429, 'the fourth is too much');
cmp_ok(header($a, 'Retry-After'), '>', 10, 'it says when to come again');

sub many {
	my ($count, $code) = @_;
	my (@read, @result);
	for my $n (1 .. $count) {
		pipe my $r, my $w;
		my $pid = fork // die;
		if (!$pid) { close $r; print $w $code->($n); close $w; POSIX::_exit(0) }
		close $w;
		push @read, [$pid, $r];
	}
	for (@read) { my $fh = $_->[1]; local $/; push @result, scalar(<$fh>) // ''; waitpid $_->[0], 0 }
	return @result;
}
my %count;
$count{$_}++ for many(80, sub { my $a = ask('GET', '/api/echo/slow'); $a->{status} . (header($a, 'Retry-After') ? 'r' : '') });
is_deeply([sort keys %count], ['200', '503r'], "80 slow calls at once: $count{200} done, the others refused with Retry-After");
cmp_ok($count{200}, '>=', 65, 'one running and 64 waiting');

stop('redis', 'KILL');
$a = ask('GET', '/api/echo/me', undef, %me);
is($a->{status}, 503, 'Redis away: 503');
ok(header($a, 'Retry-After'), 'with Retry-After');
is(ask('GET', '/api/echo/empty')->{status}, 200, 'who has no session does not notice');
start_redis();
sleep 0.4;
is(ask('GET', '/api/echo/me', undef, %me)->{status}, 401, 'a new Redis has no sessions, but answers');
is(ask('POST', '/api/echo/sign-in', '{}', @json, %guest)->{status}, 200, 'signing in works again');

# ---- many at once, and SIGTERM under load

my @sums = many(32, sub {
	my ($n) = @_;
	my $good = 0;
	for my $i (1 .. 30) {
		my $bytes = "$n/$i/" . 'y' x ($n * 97 % 3000);
		my $a = ask('POST', '/api/echo/body', $bytes);
		$good++ if ($a->{json}{sha256} // '') eq sha256_hex($bytes);
	}
	return $good;
});
is_deeply(\@sums, [(30) x 32], '32 connections, each gets its own answers');

$a = ask('POST', '/api/echo/words', 'one');
is($a->{status}, 201, 'a write');
is(header($a, 'Location'), '/api/echo/written', 'with the headers of the work');
is(header($a, 'X-Before'), 'stays', 'and of the handler');
is(ask('POST', '/api/echo/words', 'one')->{status}, 409, 'the same word again');

for my $round (1 .. 3) {
	my $echo = $pid{echo};
	my $killer = fork // die;
	if (!$killer) { sleep 0.5; kill 'TERM', $echo; POSIX::_exit(0) }
	my @said = many(32, sub {
		my ($n) = @_;
		my $said = '';
		for my $i (1 .. 10000) {
			my $a = ask('POST', '/api/echo/words', "r$round-$n-$i");
			$said .= "r$round-$n-$i $a->{status}\n";
			last if $a->{status} != 201;
		}
		return $said;
	});
	waitpid $killer, 0;
	is(stop('echo'), 0, 'SIGTERM under load ends the program well');
	my (%said, %other);
	for (map { split /\n/ } @said) {
		my ($word, $status) = /^(\S+) (\d+)$/ or next;
		$status == 201 ? $said{$word} = 1 : $other{$status}++;
	}
	my %stored = map { chomp; ($_ => 1) } grep { /^r$round-/ } `sqlite3 '$dir/echo.db' 'SELECT word FROM word'`;
	is_deeply([grep { !$stored{$_} } keys %said], [], scalar(keys %said) . ' words that were answered 201 are stored');
	is_deeply([grep { !$said{$_} } keys %stored], [], 'and no others: every call that was taken was answered');
	is_deeply([keys %other], ['502'], 'the rest heard from nginx that nobody is there');
	ok(!-e "$dir/echo.sock", 'the socket is gone');
	start_echo();
}
my $second = `$program serve $dir/settings 2>&1`;
isnt($?, 0, 'a second program does not steal the socket');
like($second, qr/another program listens/, 'and says why');
is(ask('GET', '/api/echo/empty')->{status}, 200, 'the first goes on');
stop('echo', 'KILL');
start_echo();
is(ask('GET', '/api/echo/empty')->{status}, 200, 'a socket left over is taken');
is(stop('echo'), 0, 'the end');

my $log = do { local (@ARGV, $/) = "$dir/echo.log"; <> };
like($log, qr/event=request id=[0-9a-f]{16} user=7 method=GET route=\/api\/echo\/me status=200 ms=\d+/, 'a line for each request');
unlike($log, qr/$session|$token/, 'without secrets');
unlike($log, qr/Sanitizer|runtime error/, 'and without findings') or diag($log =~ /(.*(?:Sanitizer|runtime error).*(?:\n.*){30})/);
done_testing();
