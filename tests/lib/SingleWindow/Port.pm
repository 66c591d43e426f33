package SingleWindow::Port;

# Ports for what a test starts: several tests run at once.

use strict;
use warnings;

use Carp qw(croak);
use Exporter 'import';
use Fcntl qw(:flock);
use IO::Socket::INET;

our @EXPORT = qw(reserve_port);

# A port from below the range that the kernel hands out itself, and the lock that keeps it for as long as somebody holds it.
sub reserve_port {
	my $folder = '/tmp/singlewindow-test-ports';
	mkdir $folder;
	chmod 01777, $folder if -O $folder;
	for (1 .. 500) {
		my $port = 20000 + int rand 12000;
		open my $lock, '>', "$folder/$port" or next;
		next unless flock $lock, LOCK_EX | LOCK_NB;
		IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1) or next;
		return ($port, $lock);
	}
	croak 'no free port';
}

1;
