# Sessions behind Sentinels: the master is killed, another takes over, and people can sign in again. No nginx: the program
# (build/<VARIANT>/unit/web_test serve) is asked directly.
use strict;
use warnings;
use Test::More;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use IO::Select;
use POSIX ();
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);

my $program = getcwd() . '/build/' . ($ENV{VARIANT} || 'plain') . '/unit/web_test';
die "$program: make test builds it\n" unless -x $program;

my $dir = tempdir(CLEANUP => 1);
my @sockets = map { IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) } 1 .. 3;
my ($master, $replica, $sentinel) = map { $_->sockport } @sockets;
@sockets = ();
my $parent = $$;
my %pid;

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

sub stop { my ($name, $signal) = @_; my $pid = delete $pid{$name} or return; kill $signal || 'TERM', $pid; waitpid $pid, 0; $? }
sub wait_until { my ($what, $code) = @_; for (1 .. 400) { return 1 if $code->(); sleep 0.025 } die "$what did not come" }
END { if ($parent && $$ == $parent) { my $kept = $?; stop($_) for keys %pid; $? = $kept } }

sub redis_start {
	my ($name, $port, @more) = @_;
	start($name, 'redis-server', '--port', $port, '--bind', '127.0.0.1', '--save', '', '--dir', $dir, '--repl-diskless-sync-delay', 0, @more);
	wait_until($name, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") });
}
redis_start('master', $master);
redis_start('replica', $replica, '--replicaof', "127.0.0.1 $master");
open my $file, '>', "$dir/sentinel.conf" or die;
print $file <<"CONF";
port $sentinel
bind 127.0.0.1
dir $dir
sentinel monitor main 127.0.0.1 $master 1
sentinel down-after-milliseconds main 700
sentinel failover-timeout main 3000
CONF
close $file;
start('sentinel', 'redis-server', "$dir/sentinel.conf", '--sentinel');
wait_until('sentinel', sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$sentinel") });
open $file, '>', "$dir/secret" or die;
print $file 's' x 64;
close $file;
open $file, '>', "$dir/settings" or die;
print $file <<"CONF";
socket_dir = $dir
redis = sentinel:127.0.0.1:1,127.0.0.1:$sentinel/main
public_url = http://localhost
secret_file = $dir/secret
database = sqlite:$dir
CONF
close $file;
start('echo', $program, 'serve', "$dir/settings");
wait_until('echo', sub { IO::Socket::UNIX->new(Peer => "$dir/echo.sock") });

sub record { my ($type, $text) = @_; pack('CCnnCC', 1, $type, 1, length $text, 0, 0) . $text }

sub ask {
	my (%p) = (QUERY_STRING => '', SW_SIDE => 'public', REMOTE_ADDR => '::1', REQUEST_METHOD => 'GET', @_);
	my $s = IO::Socket::UNIX->new(Peer => "$dir/echo.sock") or return '';
	my $pairs = join '', map { pack('NN', length($_) | 0x80000000, length($p{$_}) | 0x80000000) . $_ . $p{$_} } keys %p;
	$s->syswrite(record(1, pack('nCx5', 1, 0)) . record(4, $pairs) . record(4, '') . record(5, ''));
	my $got = '';
	while (IO::Select->new($s)->can_read(10)) { sysread($s, $got, 65536, length $got) or last }
	return $got;
}
my ($guest) = ask(SCRIPT_NAME => '/api/echo/csrf') =~ /sw_guest=([0-9a-f]{64})/;
my ($csrf) = ask(SCRIPT_NAME => '/api/echo/csrf', HTTP_COOKIE => "sw_guest=$guest") =~ /"csrf":"([0-9a-f]+)"/;

sub sign_in {
	my $answer = ask(SCRIPT_NAME => '/api/echo/sign-in', REQUEST_METHOD => 'POST', HTTP_COOKIE => "sw_guest=$guest", HTTP_X_CSRF_TOKEN => $csrf);
	my ($status) = $answer =~ /Status: (\d+)/;
	my ($token) = $answer =~ /sw_session=([0-9a-f]{64})/;
	return ($status // 0, $token);
}
sub me { my ($status) = ask(SCRIPT_NAME => '/api/echo/me', HTTP_COOKIE => "sw_session=$_[0]") =~ /Status: (\d+)/; $status // 0 }

my ($status, $token) = sign_in();
is($status, 200, 'the Sentinels name the master (the first of them is silent)');
is(me($token), 200, 'signed in');
# the Sentinel must know the replica before it can promote it
wait_until('replica', sub { `redis-cli -p $sentinel sentinel replicas main` =~ /127\.0\.0\.1:$replica/ && `redis-cli -p $replica info replication` =~ /master_link_status:up/ });
stop('master', 'KILL');
my %seen;
my $began = time;
while (time - $began < 20) {
	my $began_call = time;
	my ($code) = sign_in();
	$seen{$code}++;
	ok(0, 'no call waits long: ' . (time - $began_call)) if time - $began_call > 2;
	last if $code == 200;
	sleep 0.1;
}
is_deeply([sort grep { $_ != 200 } keys %seen], ['503'], 'meanwhile 503');
ok($seen{200}, sprintf 'after %.1f s people sign in at the new master', time - $began);
# the old master comes back believing itself to be one, until the Sentinel says otherwise
redis_start('master', $master);
sleep 0.4; # a thread that has just found nobody does not try again for 0.3 s
my ($again, $second) = sign_in();
is($again, 200, 'the old master is back: signing in works');
is(me($second), 200, 'and the session is found');
is(stop('echo'), 0, 'the end');
done_testing();
