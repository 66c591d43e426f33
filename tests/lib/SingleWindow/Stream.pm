package SingleWindow::Stream;
# The stream of an open page (server-sent events) as a browser reads it, without waiting for its end.
use strict;
use warnings;
use utf8;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw(time);

my $JSON = JSON::PP->new->utf8;

# open($sw, $client): connected, its head read.
sub open {
	my ($class, $sw, $client) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $sw->port, Timeout => 5) or die "connect: $!";
	my $cookie = join '; ', map { "$_=" . $client->{cookie}{$_} } sort keys %{ $client->{cookie} };
	print {$socket} "GET /api/exchange/live HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\nCookie: $cookie\r\n\r\n";
	$socket->flush;
	my $self = bless { socket => $socket, text => '', events => [], over => 0 }, $class;
	$self->_read(0.05) until $self->{over} || $self->{status} && ($self->{status} != 200 || $self->{text} =~ s/^: hi\n+//);
	return $self;
}

sub status { return $_[0]{status} }
sub head   { return $_[0]{head} }
sub socket { return $_[0]{socket} }

# What has come by now or within so many seconds, until there are $count; each as it was sent.
sub events {
	my ($self, $count, $seconds) = @_;
	my $end = time + ($seconds // 15);
	$self->_read(0.05) while !$self->{over} && @{ $self->{events} } < $count && time < $end;
	return splice @{ $self->{events} };
}

# Whether it ends within so many seconds.
sub ends {
	my ($self, $seconds) = @_;
	my $end = time + $seconds;
	$self->_read(0.2) while !$self->{over} && time < $end;
	return $self->{over};
}

sub _read {
	my ($self, $seconds) = @_;
	return unless IO::Select->new($self->{socket})->can_read($seconds);
	my $got = sysread $self->{socket}, $self->{text}, 65536, length $self->{text};
	$self->{over} = 1 unless $got;
	if (!$self->{status} && $self->{text} =~ s/^(HTTP.*?)\r\n\r\n//s) { $self->{head} = $1; ($self->{status}) = $1 =~ /^HTTP\S+ (\d+)/ }
	while ($self->{status} && $self->{text} =~ s/^((?:(?:id|data):[^\n]*\n)+)\n+//) {
		my ($data) = $1 =~ /^data: (.*)$/m;
		push @{ $self->{events} }, $JSON->decode($data);
	}
	return;
}

1;
