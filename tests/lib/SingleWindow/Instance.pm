package SingleWindow::Instance;

# A complete private instance of the suite for one test program: its own folder, port, Redis, nginx, programs and, if
# asked for, PostgreSQL cluster, started by the same platform/instance that `make run` uses. See tests/README.md.

use strict;
use warnings;
use utf8;

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Scalar::Util qw(weaken);
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

use SingleWindow::Client;
use SingleWindow::Port;

our $ROOT = abs_path(dirname(__FILE__) . '/../../..');
my %running;
my $test_process = $$;

# start(%options): returns when every program answers; dies with the ends of the logs when that does not happen.
#   database  sqlite | postgresql                        default: $ENV{DATABASE}, else sqlite
#   clock     "2026-09-03T10:00:00+08:00" | undef        undef: the real clock (and then captchas are real, too)
#   demo      1 | 0                                      default 1
#   variant   plain | asan | tsan                        default: $ENV{VARIANT}, else plain
#   settings  { key => value }                           further lines of the settings file
sub start {
	my ($class, %option) = @_;
	my $self = bless {
		database => $option{database} // $ENV{DATABASE} // 'sqlite',
		variant  => $option{variant}  // $ENV{VARIANT}  // 'plain',
		settings => $option{settings} // {},
		demo     => $option{demo}     // 1,
		seconds  => $option{seconds}  // 90,
	}, $class;

	_catch_signals();
	# not deep: a Unix socket's path has at most 107 bytes
	$self->{dir} = tempdir('sw-test-XXXXXX', DIR => $ENV{SINGLEWINDOW_TEST_TMP} // '/tmp', CLEANUP => 0);
	chmod 0755, $self->{dir};
	$self->{var} = "$self->{dir}/var";
	@$self{qw(port port_lock)} = reserve_port();
	if (exists $option{clock} ? defined $option{clock} : 1) {
		$self->{clock} = "$self->{dir}/clock";
		$self->clock($option{clock} // '2026-09-03T10:00:00+08:00');
	}
	weaken($running{$self} = $self);
	$self->launch;
	return $self;
}

# Starts (again, after ->stop(keep => 1)) in the same folder: what was stored is still there.
sub launch {
	my ($self) = @_;
	my %set = (demo => $self->{demo}, threads => 4, %{ $self->{settings} });
	if ($self->{clock}) {
		$set{clock_file} = $self->{clock};
		$set{captcha} //= 'fixed';
	}
	my @command = (
		'setpriv', '--pdeathsig', 'TERM', "$ROOT/platform/instance", 'run', '--quiet',
		'--var' => $self->{var}, '--port' => $self->{port}, '--database' => $self->{database},
		map { ('--set' => "$_=$set{$_}") } sort keys %set,
	);
	unlink "$self->{var}/run/ready";
	my $log = "$self->{dir}/launcher.log";
	my $pid = fork // croak "fork: $!";
	if (!$pid) {
		# a session of its own: Ctrl-C at prove stops the test, and the test stops the instance
		POSIX::setsid();
		open STDIN,  '<', '/dev/null';
		open STDOUT, '>', $log;
		open STDERR, '>&', \*STDOUT;
		$ENV{VARIANT} = $self->{variant};
		exec @command or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	my $end = time + $self->{seconds};
	until (-e "$self->{var}/run/ready") {
		my $dead = waitpid($pid, WNOHANG) == $pid;
		if ($dead || time > $end) {
			delete $self->{pid} if $dead;
			my $text = _slurp($log);
			$self->stop;
			croak "the instance does not start:\n$text";
		}
		sleep 0.02;
	}
	return $self;
}

# Stops everything and removes the folder; keep => 1 leaves the folder, for ->launch. Never dies: it runs in END.
sub stop {
	my ($self, %option) = @_;
	return if $$ != $test_process;
	if (my $another = delete $self->{another}) {
		CORE::kill(TERM => $another->{pid});
		waitpid $another->{pid}, 0;
	}
	if (my $pid = delete $self->{pid}) {
		kill TERM => $pid;
		my $end = time + 45;
		my $done;
		sleep 0.02 until $done = waitpid($pid, WNOHANG) == $pid or time > $end;
		if (!$done) {
			kill KILL => $pid;
			waitpid $pid, 0;
			_note($self, 'had to be killed');
		}
		_note($self, 'stopped badly: ' . _slurp("$self->{dir}/launcher.log")) if $done && $? != 0;
	}
	return if $option{keep};
	delete $running{$self};
	return unless -d $self->{dir};
	_look_at_logs($self);
	remove_tree($self->{dir}, { safe => 0 });
	return;
}

sub url      { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}" . ($path // '') }
sub port     { return $_[0]{port} }
sub var      { return $_[0]{var} }
sub database { return $_[0]{database} }
sub client   { my ($self, %option) = @_; return SingleWindow::Client->new(url => $self->url, %option) }

# A client signed in as one of this instance's demo accounts.
sub signed_in {
	my ($self, $name) = @_;
	my $client = $self->client;
	my $answer = $client->sign_in($name, $self->password($name));
	croak "cannot sign in as $name: " . $answer->status . ' ' . $answer->text unless $answer->status == 200;
	return $client;
}

# The demo accounts that the account program wrote: { name => password }.
sub accounts {
	my ($self) = @_;
	my %account;
	for my $line (split /\n/, _slurp("$self->{var}/demo-accounts.txt")) {
		next if $line =~ /^\s*(#|$)/;
		my ($name, $password) = split ' ', $line;
		$account{$name} = $password;
	}
	return \%account;
}
sub password { my ($self, $name) = @_; return $self->accounts->{$name} // croak "there is no demo account $name" }

# Sets the clock of every program; without an argument: what it says, in milliseconds.
sub clock {
	my ($self, $iso) = @_;
	croak 'this instance runs on the real clock' unless $self->{clock};
	return _slurp($self->{clock}) + 0 unless defined $iso;
	my ($y, $mo, $d, $h, $mi, $s, $ms, $sign, $zh, $zm) =
		$iso =~ /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?(?:Z|([+-])(\d\d):(\d\d))$/
		or croak "not an instant: $iso";
	my $seconds = timegm($s, $mi, $h, $d, $mo - 1, $y);
	$seconds -= ($sign eq '-' ? -1 : 1) * ($zh * 3600 + $zm * 60) if defined $sign;
	open my $file, '>', "$self->{clock}.new" or croak "$self->{clock}.new: $!";
	print {$file} $seconds * 1000 + ($ms // 0), "\n";
	close $file or croak "$self->{clock}.new: $!";
	rename "$self->{clock}.new", $self->{clock} or croak "$self->{clock}: $!";
	return;
}

sub pid_of { my ($self, $service) = @_; my $pid = _slurp("$self->{var}/service/$service/supervise/pid"); chomp $pid; return $pid }

# Sends a signal (default KILL) to a service's process: account, export, ..., nginx, redis, postgres. The supervisor
# starts it again at once; ->wait_for says when it is back. Returns the process id that got the signal.
sub kill {
	my ($self, $service, $signal) = @_;
	my $pid = $self->pid_of($service) or croak "$service is not running";
	CORE::kill($signal // 'KILL', $pid) or croak "$service ($pid): $!";
	return $pid;
}

# Stops a service and keeps it down; starts it again. Both wait.
sub down { my ($self, $service) = @_; return $self->_sv('-w', 20, 'down', $service) }
sub up   { my ($self, $service) = @_; $self->_sv('-w', 20, 'up', $service); return $self->wait_for($service) }
sub restart { my ($self, $service) = @_; $self->down($service); return $self->up($service) }
sub restart_redis { my ($self) = @_; return $self->restart('redis') }

# Waits until the service answers (and, with `not`, until it is another process than that one).
sub wait_for {
	my ($self, $service, %option) = @_;
	my $end = time + ($option{seconds} // 30);
	while (time < $end) {
		my $pid = eval { $self->pid_of($service) };
		return $pid if $pid && (!$option{not} || $pid != $option{not}) && $self->_answers($service);
		sleep 0.05;
	}
	croak "$service did not come back";
}

sub _answers {
	my ($self, $service) = @_;
	return defined IO::Socket::UNIX->new(Peer => "$self->{var}/run/redis.sock") if $service eq 'redis';
	return defined IO::Socket::UNIX->new(Peer => "$self->{var}/run/pg/.s.PGSQL.5432") if $service eq 'postgres';
	my $path = $service eq 'nginx' ? '/' : "/api/$service/health";
	my $status = HTTP::Tiny->new(timeout => 5)->get($self->url($path))->{status};
	return $status < 502 || $status > 504 && $status < 599;
}

sub _sv {
	my ($self, @words) = @_;
	my $service = pop @words;
	my $output = qx(SVDIR='$self->{var}/service' sv @words '$service' 2>&1);
	croak "sv @words $service: $output" if $? != 0;
	return 1;
}

# All that a service has logged.
sub log_text { my ($self, $service) = @_; return join '', map { _slurp($_) } sort glob "$self->{var}/log/$service/{\@*,current}" }

# One more program of a module on the same database, which is PostgreSQL: what runs on another node of a cluster. It has a socket of its own that
# nobody asks. Returns when it is ready; ->kill_another kills it (-9) and begins again.
sub another {
	my ($self, $module) = @_;
	my ($folder, $log) = map { "$self->{var}/$_/another" } qw(run log);
	my $owner = (stat $self->{var})[4];
	for my $made ($folder, $log) { mkdir $made; chown $owner, -1, $made }
	my $settings = _slurp("$self->{var}/settings") =~ s/^socket_dir = .*$/socket_dir = $folder/mr;
	open my $file, '>', "$folder/settings" or croak $!;
	print {$file} $settings;
	close $file or croak $!;
	my @as = $> ? () : ('--reuid', $owner, '--regid', (stat _)[5], '--clear-groups');
	my $pid = fork // croak "fork: $!";
	if (!$pid) {
		open STDOUT, '>>', "$log/current";
		open STDERR, '>&', \*STDOUT;
		exec 'setpriv', '--pdeathsig', 'KILL', @as, "$ROOT/build/$self->{variant}/bin/singlewindow-$module", "$folder/settings" or POSIX::_exit(127);
	}
	$self->{another} = { module => $module, pid => $pid };
	for (1 .. 600) { return $pid if IO::Socket::UNIX->new(Peer => "$folder/$module.sock"); sleep 0.05 }
	croak "the second $module does not start: " . _slurp("$log/current");
}

sub kill_another {
	my ($self) = @_;
	my $another = delete $self->{another};
	CORE::kill(KILL => $another->{pid});
	waitpid $another->{pid}, 0;
	return $self->another($another->{module});
}

# Asks a module's database from outside; rows as lines, columns separated by "|".
sub sql {
	my ($self, $module, $statement) = @_;
	my @command =
		$self->{database} eq 'postgresql'
		? ('psql', '-h', "$self->{var}/run/pg", '-U', 'singlewindow', '-d', 'singlewindow', '-qAt', '-v', 'ON_ERROR_STOP=1',
			'-c', "SET search_path TO \"$module\"", '-c', $statement)
		: ('sqlite3', '-batch', '-cmd', '.timeout 5000', "$self->{var}/db/$module.db", $statement);
	open my $pipe, '-|', @command or croak "$command[0]: $!";
	binmode $pipe, ':encoding(UTF-8)';
	local $/ = undef;
	my $text = <$pipe> // '';
	close $pipe or croak "$command[0] failed on: $statement";
	chomp $text;
	return $text;
}

# Sends bytes to nginx as they are and returns all that comes back: for requests that no client would make.
sub raw {
	my ($self, $bytes, %option) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 5) or croak "connect: $!";
	print {$socket} $bytes;
	$socket->flush;
	shutdown $socket, 1 if $option{half_close};
	my $answer = '';
	local $SIG{ALRM} = sub { die "timeout\n" };
	eval {
		alarm($option{seconds} // 5);
		while (sysread $socket, my $part, 65536) { $answer .= $part }
	};
	alarm 0;
	return $answer;
}

# A request to the internal server block (what programs use among themselves).
sub internal {
	my ($self, $method, $path, $body) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => "$self->{var}/run/internal.sock") or croak "internal.sock: $!";
	$body //= '';
	print {$socket} "$method $path HTTP/1.1\r\nHost: internal\r\nConnection: close\r\n"
		. 'Content-Type: application/json' . "\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
	$socket->flush;
	local $/ = undef;
	my $answer = <$socket>;
	my ($head, $content) = split /\r\n\r\n/, $answer, 2;
	my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
	my %header = map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } split /\r\n/, $head;
	$content = _unchunk($content) if ($header{'transfer-encoding'} // '') eq 'chunked';
	return SingleWindow::Response->new({ status => $status, headers => \%header, content => $content });
}

sub _unchunk {
	my ($text) = @_;
	my $whole = '';
	while ($text =~ /\G([0-9a-fA-F]+)[^\r\n]*\r\n/gc) {
		my $length = hex $1 or last;
		$whole .= substr $text, pos $text, $length;
		pos($text) = pos($text) + $length + 2;
	}
	return $whole;
}

# ---- beneath ----

# What a sanitizer found fails the test program, wherever it was found; and a failed test shows what was logged last.
# Tables that stay small, and what is asked once, at the start.
my $MAY_BE_READ_WHOLE = qr/table=(?:code_table|contact_code|import_file) |WHERE demo = 1/;

sub _look_at_logs {
	my ($self) = @_;
	my $failed = Test::Builder->can('new') && !Test::Builder->new->is_passing;
	for my $file (sort glob "$self->{var}/log/*/{\@*,current}") {
		my $text = _slurp($file);
		for my $scan ($text =~ /event=store_scan (.*)/g) { _note($self, "a whole table is read: $scan") unless $scan =~ $MAY_BE_READ_WHOLE }
		if ($text =~ /^(.*(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: ).*)$/m) {
			_note($self, "$file:\n" . substr($text, $-[0], 8000));
		} elsif ($failed) {
			my @lines = split /\n/, $text;
			splice @lines, 0, @lines - 20 if @lines > 20;
			print STDERR "# the end of $file:\n", map { "#   $_\n" } @lines;
		}
	}
}

my $bad;
sub _note { my ($self, $text) = @_; $bad = 1; $text =~ s/^/# /mg; print STDERR "# instance $self->{dir}:\n$text\n"; return }

sub _slurp {
	my ($path) = @_;
	open my $file, '<:raw', $path or return '';
	local $/ = undef;
	return scalar(<$file>) // '';
}

my $caught;
sub _catch_signals {
	return if $caught++;
	for my $signal (qw(INT TERM HUP)) { $SIG{$signal} = sub { exit 130 } }
}

sub DESTROY { my ($self) = @_; local ($?, $@, $!); $self->stop if $running{$self}; return }

END {
	if ($$ == $test_process) {
		my $code = $?;
		$_->stop for grep { defined } values %running;
		$? = $code || ($bad ? 70 : 0);
	}
}

1;
