package SingleWindow::Counterpart;
# Small real servers of the test, each a process of its own that notes what it hears: a mail server and HTTP gateways, which can be told to
# take, refuse, hang, or cut off, and to be down and up again at the same port.
use strict;
use warnings;
use utf8;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();

my $folder = tempdir(CLEANUP => 1);
my %running;
my $parent = $$;
my $number = 0;

# new('http' | 'smtp'): up, and takes what it gets.
sub new {
	my ($class, $kind) = @_;
	my $self = bless { kind => $kind, notes => "$folder/" . ++$number, port => 0 }, $class;
	$self->does('take');
	$self->up;
	return $self;
}

sub port { return $_[0]{port} }
sub url  { return "http://127.0.0.1:$_[0]{port}/hook" }

# take; refuse (500, 550); gone (410); hang (hears and never answers); cut (takes and closes without an answer)
sub does { my ($self, $what) = @_; open my $file, '>', "$self->{notes}.new" or die $!; print {$file} $what; close $file; rename "$self->{notes}.new", "$self->{notes}.does"; return }

sub up {
	my ($self) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Listen => 64, ReuseAddr => 1) or die "listen: $!";
	$self->{port} = $listener->sockport;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		setpgrp; # whoever still hangs when the test is over ends with it
		$SIG{CHLD} = 'IGNORE';
		while (1) {
			my $peer = $listener->accept or next;
			my $talk = fork;
			next if $talk;
			close $listener;
			eval { $self->{kind} eq 'smtp' ? $self->_smtp($peer) : $self->_http($peer) };
			POSIX::_exit(0);
		}
	}
	$self->{pid} = $pid;
	$running{$pid} = 1;
	return;
}

sub down { my ($self) = @_; my $pid = delete $self->{pid} or return; kill KILL => $pid, -$pid; waitpid $pid, 0; delete $running{$pid}; return }

# What it has heard, oldest first: {head => {...}, body} of HTTP, {commands, message} of mail; `took`: whether it said yes.
sub heard {
	my ($self) = @_;
	open my $file, '<', $self->{notes} or return ();
	return map { JSON::PP->new->decode($_) } <$file>;
}

sub _note {
	my ($self, $heard) = @_;
	open my $file, '>>', $self->{notes} or return;
	syswrite $file, JSON::PP->new->canonical->encode($heard) . "\n";
	return;
}
sub _mood { my ($self) = @_; open my $file, '<', "$self->{notes}.does" or return 'take'; return scalar <$file> }

sub _http {
	my ($self, $peer) = @_;
	my (%head, $body);
	my $line = <$peer> // return;
	while (defined($line = <$peer>)) { $line =~ s/\r\n$//; last if $line eq ''; $head{ lc $1 } = $2 if $line =~ /^([^:]+): (.*)$/ }
	read $peer, $body, $head{'content-length'} // 0;
	my $mood = $self->_mood;
	$self->_note({ head => \%head, body => $body, took => $mood eq 'take' || $mood eq 'cut' ? 1 : 0 });
	sleep 60 if $mood eq 'hang';
	return if $mood eq 'cut';
	my $status = $mood eq 'refuse' ? '500 No' : $mood eq 'gone' ? '410 Gone' : '200 OK';
	print {$peer} "HTTP/1.1 $status\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
	return;
}

sub _smtp {
	my ($self, $peer) = @_;
	my %heard = (commands => [], took => 0);
	my $mood = $self->_mood;
	sleep 60 if $mood eq 'hang';
	print {$peer} "220 counterpart\r\n";
	while (my $line = <$peer>) {
		$line =~ s/\r\n$//;
		my ($word) = uc($line) =~ /^(\w+)/;
		push @{ $heard{commands} }, $line;
		if ($word eq 'EHLO') { print {$peer} "250-counterpart\r\n250 8BITMIME\r\n" }
		elsif ($word eq 'QUIT') { print {$peer} "221 bye\r\n"; last }
		elsif ($word eq 'RCPT' && $mood eq 'refuse') { print {$peer} "550 not here\r\n" }
		elsif ($word eq 'DATA') {
			print {$peer} "354 go on\r\n";
			while (defined(my $text = <$peer>)) { last if $text eq ".\r\n"; $heard{message} .= $text }
			$heard{took} = 1;
			$self->_note(\%heard);
			return if $mood eq 'cut';
			print {$peer} "250 taken\r\n";
		} else { print {$peer} "250 good\r\n" }
	}
	$self->_note(\%heard) unless $heard{took};
	return;
}

END { if ($$ == $parent) { my $kept = $?; kill 'KILL', $_, -$_ for keys %running; waitpid $_, 0 for keys %running; $? = $kept } }

1;
