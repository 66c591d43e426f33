package SingleWindow::Keys;

# Electronic keys for a test: the real pcscd with a virtual reader, a card in it (tests/ekey), an authority that makes the
# certificates of cards, the client control, and a person in front of its prompt. All of its own, stopped when the program ends.
#
#   my $keys = SingleWindow::Keys->start;
#   $keys->card('rsa', algorithm => 'RSA-2048', holder => '91110000100000001X', pin => '739146');
#   $keys->insert('rsa');
#   my $control = $keys->control(portal => [$sw->url]);       # build/<VARIANT>/bin/ekey-control
#   my $page = $keys->page($sw->url)->pair;                    # what a page of that origin may do
#   $page->get('/state')->json;
#
# pcscd, vpcd (which listens on all addresses) and the card run in namespaces of their own where that is possible: of a network,
# so that nothing outside reaches vpcd, and of mounts, so that each has its own /run. Where it is not (a container that may not),
# one test at a time has the machine's /run/pcscd.

use strict;
use warnings;
use utf8;

use Carp qw(croak);
use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX qw(WNOHANG);
use Scalar::Util qw(weaken);
use Time::HiRes qw(sleep time);

use SingleWindow::Client;
use SingleWindow::Port;

our $ROOT = abs_path(dirname(__FILE__) . '/../../..');
my $OWN = 'http://localhost:9'; # an origin of the bench's own, through which it watches the control
my $JSON = JSON::PP->new->utf8->canonical;
my %running;
my $test_process = $$;
my $bad;

# authority: the folder of one that is there (an instance's var/authority: then the instance trusts these cards); else one is made.
sub start {
	my ($class, %option) = @_;
	my $self = bless { variant => $option{variant} // $ENV{VARIANT} // 'plain', secrets => {} }, $class;
	$self->{dir} = tempdir('sw-keys-XXXXXX', DIR => $ENV{SINGLEWINDOW_TEST_TMP} // '/tmp', CLEANUP => 0);
	weaken($running{$self} = $self);
	chmod 0755, $self->{dir}; # an instance reads the authorities here
	make_path(map { "$self->{dir}/$_" } qw(run/pcscd readers drivers cards person control));
	_catch_signals();
	$self->person(pin => '739146', agrees => 1);
	$self->{authority} = $option{authority} // "$self->{dir}/authority";
	$self->_authority('make', $self->{authority}) unless -d $self->{authority};
	$self->_reader;
	return $self;
}

# ---- cards and their certificates

# Makes a card in its folder. algorithm RSA-2048 (default) or P-256; holder: a USCC; name: common name; slots (9A and 9C); pin, puk, tries;
# from, until: "2026-12-31" (2020 to 2040); authority: another folder than this bench's (->other_authority).
sub card {
	my ($self, $name, %option) = @_;
	my $folder = "$self->{dir}/cards/$name";
	make_path($folder);
	for my $slot (@{ $option{slots} // [qw(9A 9C)] }) { $self->_issue($folder, $slot, %option) }
	_write("$folder/state", sprintf "pin %s\npuk %s\npin_tries %d\npuk_tries 3\n", $option{pin} // '739146', $option{puk} // '82915736', $option{tries} // 3);
	return $folder;
}

# A certificate of a card, as PEM; the folder that the setting `authorities` names.
sub certificate { my ($self, $name, $slot) = @_; return _slurp("$self->{dir}/cards/$name/" . ($slot // '9C') . '.pem') }
sub authorities { return $_[0]{authority} }

sub revoke {
	my ($self, $name) = @_;
	$self->_authority('revoke', $self->{authority}, $_) for sort glob "$self->{dir}/cards/$name/*.pem";
	return;
}

# An authority that nobody trusts.
sub other_authority {
	my ($self) = @_;
	my $folder = "$self->{dir}/stranger";
	$self->_authority('make', $folder) unless -d $folder;
	return $folder;
}

sub _issue {
	my ($self, $folder, $slot, %option) = @_;
	my @kind = ($option{algorithm} // 'RSA-2048') eq 'RSA-2048' ? qw(RSA -pkeyopt rsa_keygen_bits:2048) : qw(EC -pkeyopt ec_paramgen_curve:P-256);
	_write("$folder/$slot.key", _run('openssl', 'genpkey', '-quiet', '-algorithm', @kind));
	_write("$folder/$slot.pem", $self->_authority('issue', $option{authority} // $self->{authority}, $slot, "$folder/$slot.key",
		$option{name} // '张三', $option{holder} // '91110000100000001X', map { $option{$_} ? ("--$_", $option{$_}) : () } qw(from until)));
	return;
}

sub _authority { my ($self, @words) = @_; return _run("$ROOT/platform/authority", @words) }

# What a program prints on standard output.
sub _run {
	my (@words) = @_;
	utf8::encode($_) for grep { utf8::is_utf8($_) } @words;
	my $pid = open my $pipe, '-|' // croak "fork: $!";
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		exec @words or POSIX::_exit(127);
	}
	my $text = do { local $/ = undef; <$pipe> } // '';
	close $pipe or croak "@words: " . ($? >> 8);
	return $text;
}

# ---- the reader

my @ISOLATED = qw(unshare --net --mount --pid --fork --kill-child);

# What keeps this test's pcscd apart from all others, as a prefix of a command: namespaces as root, else those of an unprivileged user;
# nothing where neither is allowed.
sub _isolation {
	my $works = sub { return system("@_ sh -c 'mount --bind /tmp /run && ip link set lo up' >/dev/null 2>&1") == 0 };
	return @ISOLATED if $works->(@ISOLATED);
	my @user = (@ISOLATED, '--map-root-user');
	return @user if $works->(@user);
	return;
}

sub _reader {
	my ($self) = @_;
	my @isolation = _isolation();
	my ($run, $port, $own) = ("$self->{dir}/run", 35963, "mount --bind '$self->{dir}/run' /run && ip link set lo up");
	if (!@isolation) {
		open $self->{lock}, '>', '/tmp/singlewindow-test-pcscd.lock' or croak "lock: $!";
		flock $self->{lock}, LOCK_EX or croak "lock: $!";
		($run, $port, $own) = ('/run', 20000 + $$ % 12000, 'mkdir -p /run/pcscd');
	}
	$self->{socket} = "$run/pcscd/pcscd.comm";
	_write("$self->{dir}/readers/vpcd", sprintf qq(FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x%04X\nLIBPATH %s\nCHANNELID 0x%04X\n),
		$port, '/usr/lib/pcsc/drivers/serial/libifdvpcd.so', $port);
	my $card = "$ROOT/build/$self->{variant}/ekey/piv-card";
	-x $card or croak "$card is not there; make units VARIANT=$self->{variant}";
	# the card, and with it everything, ends when this program closes its end of the pipe
	my $script = <<"END";
$own || exit 1
exec 3<&0
PCSCLITE_HP_DROPDIR='$self->{dir}/drivers' pcscd --foreground --config '$self->{dir}/readers' 3<&- </dev/null &
'$card' $port '$self->{dir}/card' <&3
kill \$!
wait \$!
END
	pipe my $read, my $write or croak "pipe: $!";
	$self->{reader} = _spawn("$self->{dir}/pcscd.log", $read, {}, 'setpriv', '--pdeathsig', 'KILL', @isolation, 'sh', '-c', $script);
	$self->{reader_input} = $write;
	_wait(sub { -S $self->{socket} && -S "$self->{dir}/card" }, sub { 'pcscd does not start: ' . _slurp("$self->{dir}/pcscd.log") });
	return;
}

# ---- what a hand does with the card

# Puts a card in and waits until the control (if there is one) has read it.
sub insert {
	my ($self, $name) = @_;
	$self->pull if $self->{inserted};
	$self->_hand("insert $self->{dir}/cards/$name");
	$self->{inserted} = $name;
	$self->wait_for_key(1);
	return;
}

sub pull {
	my ($self) = @_;
	$self->_hand('pull');
	$self->{inserted} = undef;
	$self->wait_for_key(0);
	return;
}

# Takes it out during the n-th signature from now.
sub pull_at { my ($self, $n) = @_; $self->_hand("pull-at $n"); $self->{inserted} = undef; return }
sub tries { my ($self, $n) = @_; $self->_hand("tries $n"); return }

# { signatures, verifies, wrong, pin_tries, puk_tries, present }
sub counters { my ($self) = @_; my %counter = $self->_hand('counters') =~ /(\w+) (\d+)/g; return \%counter }

sub _hand {
	my ($self, $line) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => "$self->{dir}/card") or croak "card: $!";
	print {$socket} "$line\n";
	$socket->flush;
	my $answer = <$socket> // '';
	$answer =~ s/^ok ?// or croak "card: $line: $answer";
	return $answer;
}

# Waits until the control shows a key, or none. Without a control: until pcscd does.
sub wait_for_key {
	my ($self, $there) = @_;
	if (!$self->{control}) {
		_wait(sub { ($self->tool('opensc-tool', '-a'))[0] == 0 ? $there : !$there }, sub { 'pcscd does not see the card' });
		return;
	}
	my $page = $self->page($OWN)->paired;
	_wait(sub {
		my $state = $page->get('/state')->json;
		return !!$there == !!grep { $_->{key} } @{ $state->{readers} };
	}, sub { 'the control does not ' . ($there ? 'read' : 'miss') . ' the card: ' . $self->control_log });
	return;
}

# Runs a program that reaches this pcscd: (exit code, what it printed).
sub tool {
	my ($self, @words) = @_;
	local $ENV{PCSCLITE_CSOCK_NAME} = $self->{socket};
	my $pid = open my $pipe, '-|' // croak "fork: $!";
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDERR, '>&', \*STDOUT;
		exec @words or POSIX::_exit(127);
	}
	local $/ = undef;
	my $text = <$pipe> // '';
	close $pipe;
	return ($? >> 8, $text);
}

# ---- the person

# pin, agrees (to everything), next: a list of answers that come first (tests/ekey/pinentry)
sub person {
	my ($self, %answers) = @_;
	$self->{person} = { %{ $self->{person} // {} }, %answers, next => $answers{next} // [] };
	unlink "$self->{dir}/person/go";
	_write("$self->{dir}/person/person", $JSON->encode($self->{person}));
	return;
}
sub go { my ($self) = @_; _write("$self->{dir}/person/go", ''); return }

# What was shown so far: a list of { kind => PIN|CONFIRM, description, error, ... }.
sub shown { my ($self) = @_; return map { $JSON->decode($_) } split /\n/, _slurp("$self->{dir}/person/shown") }

# ---- the client control

# Starts it (again). portal => [origins], settings => { name => value }.
sub control {
	my ($self, %option) = @_;
	$self->control_stop;
	$self->{settings} = {} if $option{settings};
	$self->{portal} = $option{portal} // $self->{portal} // ['https://portal.test'];
	$self->{settings} = { %{ $self->{settings} // {} }, %{ $option{settings} // {} } };
	@$self{qw(port port_lock)} = reserve_port() unless $self->{port};
	my $prompt = "$self->{dir}/pinentry";
	_write($prompt, "#!/bin/sh\nexec perl '$ROOT/tests/ekey/pinentry' '$self->{dir}/person'\n");
	chmod 0755, $prompt;
	my %set = (port => $self->{port}, portal => "@{ $self->{portal} } $OWN", prompt => $prompt, state => "$self->{dir}/control", %{ $self->{settings} });
	_write("$self->{dir}/settings", join '', map { "$_ = $set{$_}\n" } sort keys %set);
	$self->_pair_from_the_start;
	my $program = "$ROOT/build/$self->{variant}/bin/ekey-control";
	open my $null, '<', '/dev/null' or croak $!;
	$self->{control} = _spawn("$self->{dir}/control.log", $null, {
			PCSCLITE_CSOCK_NAME => $self->{socket},
			ASAN_OPTIONS  => 'detect_leaks=1:exitcode=99',
			UBSAN_OPTIONS => 'print_stacktrace=1',
			LSAN_OPTIONS  => "suppressions=$ROOT/tests/lsan.supp:print_suppressions=0",
			TSAN_OPTIONS  => "exitcode=99:suppressions=$ROOT/tests/tsan.supp",
		}, 'setpriv', '--pdeathsig', 'TERM', $program, '--settings', "$self->{dir}/settings");
	_wait(sub {
		croak 'ekey-control does not start: ' . $self->control_log if waitpid($self->{control}, WNOHANG) == $self->{control};
		return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port});
	}, sub { 'ekey-control does not listen: ' . $self->control_log });
	$self->wait_for_key(1) if $self->{inserted};
	return $self;
}

# Each origin of `portal` has a pairing that nobody was asked for: ->page($origin)->paired.
sub _pair_from_the_start {
	my ($self) = @_;
	my $file = "$self->{dir}/control/pairings";
	for my $origin (grep { !$self->{secrets}{$_} } @{ $self->{portal} }, $OWN) {
		my $secret = $self->{secrets}{$origin} = sha256_hex("$origin $self->{dir}");
		_write($file, _slurp($file) . "$origin " . sha256_hex($secret) . "\n");
	}
	return;
}

sub control_stop {
	my ($self) = @_;
	my $pid = delete $self->{control} or return;
	kill TERM => $pid;
	my $end = time + 20;
	sleep 0.02 until waitpid($pid, WNOHANG) == $pid or time > $end;
	my $code = $?;
	if (time > $end) { kill KILL => $pid; waitpid $pid, 0; _note('ekey-control had to be killed') }
	elsif ($code) { _note("ekey-control ended with $code: " . $self->control_log) }
	return;
}

sub control_pid { return $_[0]{control} }
sub control_log { return _slurp("$_[0]{dir}/control.log") }
sub dir { return $_[0]{dir} }
sub port { return $_[0]{port} }
sub url { my ($self) = @_; return "http://127.0.0.1:$self->{port}" }
# What a browser page of an origin can do: a client that sends Origin and, once paired, the secret.
sub page { my ($self, $origin) = @_; return SingleWindow::Keys::Page->new($self, $origin) }

# ---- end

sub stop {
	my ($self) = @_;
	return if $$ != $test_process || !delete $running{$self};
	$self->control_stop;
	if (my $pid = delete $self->{reader}) {
		close delete $self->{reader_input};
		my $end = time + 10;
		sleep 0.02 until waitpid($pid, WNOHANG) == $pid or time > $end;
		if (time > $end) { kill KILL => $pid; waitpid $pid, 0; _note('pcscd had to be killed') }
	}
	for my $log ($self->control_log, _slurp("$self->{dir}/pcscd.log")) {
		_note(substr $log, $-[0], 8000) if $log =~ /^(.*(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: ).*)$/m;
	}
	if (Test::Builder->can('new') && !Test::Builder->new->is_passing) {
		print STDERR "# the end of the control's log:\n", map { "#   $_\n" } grep { defined } (split /\n/, $self->control_log)[-20 .. -1];
	}
	remove_tree($self->{dir}, { safe => 0 });
	return;
}

sub DESTROY { my ($self) = @_; local ($?, $@, $!); $self->stop if $running{$self}; return }

END {
	if ($$ == $test_process) {
		my $code = $?;
		$_->stop for grep { defined } values %running;
		$? = $code || ($bad ? 70 : 0);
	}
}

# ---- beneath

sub _spawn {
	my ($log, $input, $environment, @command) = @_;
	my $pid = fork // croak "fork: $!";
	if (!$pid) {
		POSIX::setsid();
		open STDIN, '<&', $input;
		open STDOUT, '>>', $log;
		open STDERR, '>&', \*STDOUT;
		$ENV{$_} = $environment->{$_} for keys %$environment;
		exec @command or POSIX::_exit(127);
	}
	return $pid;
}

sub _wait {
	my ($condition, $words) = @_;
	my $end = time + 60;
	until ($condition->()) {
		croak $words->() if time > $end;
		sleep 0.02;
	}
	return;
}

sub _note { my ($text) = @_; $bad = 1; $text =~ s/^/# /mg; print STDERR "# keys:\n$text\n"; return }

sub _slurp {
	my ($path) = @_;
	open my $file, '<:raw', $path or return '';
	local $/ = undef;
	return scalar(<$file>) // '';
}

sub _write {
	my ($path, $text) = @_;
	open my $file, '>:raw', "$path.writing" or croak "$path: $!";
	print {$file} $text;
	close $file or croak "$path: $!";
	rename "$path.writing", $path or croak "$path: $!";
	return;
}

my $caught;
sub _catch_signals {
	return if $caught++;
	for my $signal (qw(INT TERM HUP)) { $SIG{$signal} = sub { exit 130 } }
	return;
}

package SingleWindow::Keys::Page;

use parent -norequire, 'SingleWindow::Client';

sub new {
	my ($class, $keys, $origin) = @_;
	my $self = SingleWindow::Client::new($class, url => $keys->url, timeout => 90);
	@$self{qw(keys origin)} = ($keys, $origin);
	return $self;
}

# A header with the value undef is left out.
sub request {
	my ($self, $method, $path, $data, %header) = @_;
	$header{Origin} = $self->{origin} unless exists $header{Origin};
	$header{Authorization} = "Bearer $self->{secret}" if $self->{secret} && !exists $header{Authorization};
	return $self->SUPER::request($method, $path, $data, %header);
}

# Asks for the pairing; the person agrees or not.
sub pair {
	my ($self) = @_;
	my $answer = $self->post('/pair', {});
	Carp::croak('not paired: ' . $answer->status . ' ' . $answer->text) unless $answer->ok;
	$self->{secret} = $answer->json->{secret};
	return $self;
}

# Paired from the start: nobody is asked.
sub paired {
	my ($self) = @_;
	$self->{secret} = $self->{keys}{secrets}{ $self->{origin} } // Carp::croak("$self->{origin} is not one of `portal`");
	return $self;
}

1;
