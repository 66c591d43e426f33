package SingleWindow::AtOnce;
# Several things at the same moment, as several people would do them.
use strict;
use warnings;
use Exporter 'import';
use JSON::PP ();
use POSIX ();

our @EXPORT = qw(at_once);

my $json = JSON::PP->new->canonical->utf8->allow_nonref->allow_blessed;

# Runs each piece of work in a process of its own, all let go together; what they return, in their order. A response is returned as its
# status and what it says; of a work that died, { died => why }.
sub at_once {
	my (@works) = @_;
	pipe my $gate, my $go or die "pipe: $!";
	my @children = map {
		my $work = $_;
		pipe my $from, my $to or die "pipe: $!";
		my $pid = fork // die "fork: $!";
		if (!$pid) {
			close $go;
			sysread $gate, my $nothing, 1; # until the parent closes its end
			my @said = map { ref eq 'SingleWindow::Response' ? { status => $_->status, said => length($_->content // '') ? $_->json : undef } : $_ } eval { $work->() };
			print {$to} $json->encode($@ ? { died => "$@" } : $said[0]);
			close $to;
			POSIX::_exit(0);
		}
		[ $pid, $from ];
	} @works;
	close $gate;
	close $go;
	return map { my ($pid, $from) = @$_; local $/ = undef; my $text = <$from>; waitpid $pid, 0; $json->decode($text) } @children;
}

1;
