# Printing by a program of its own: started when needed, replaced when it dies, never in the way of the program that asked.
use strict;
use warnings;
use Test::More;
use SingleWindow::Instance;
use SingleWindow::Client;
use SingleWindow::Export;

my $sw = SingleWindow::Instance->start;
my %who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'));
my $program = $sw->pid_of('export');

sub drawers {
	my @found;
	for my $file (glob '/proc/[0-9]*/stat') {
		open my $stat, '<', $file or next;
		my ($pid, $name, $parent) = (<$stat> // '') =~ /^(\d+) \((.*)\) \S (\d+)/ or next;
		push @found, $pid if $parent == $program && $name eq 'draw-pages';
	}
	return @found;
}

is(scalar drawers(), 0, 'nothing draws before there is something to draw');
my $id = bring_to(\%who, 'PRINTED');
my @first = drawers();
cmp_ok(scalar @first, '>=', 1, 'the licence was drawn by a program of its own');

my $path = "/api/export/documents/$id/print/application.pdf";
my $answer = $who{applicant}->get($path);
is($answer->status, 200, 'a form is printed');
like($answer->content, qr/\A%PDF-.*%%EOF\s*\z/s, 'and is a whole PDF');
my ($again) = grep { my $pid = $_; grep { $_ == $pid } @first } drawers();
ok($again, 'the program that has drawn once draws again');

for my $pid (drawers()) {
	my @open = map { readlink } glob "/proc/$pid/fd/*";
	is(scalar(grep { m{/db/|\.db|socket:} } @open), 1, 'it has one socket and no file of ours open') or diag("@open");
}

kill 'KILL', drawers();
$answer = $who{applicant}->get($path);
is($answer->status, 200, 'after it was killed the next print starts another');
is($sw->pid_of('export'), $program, 'and the program that asked still runs');

# four people print while somebody keeps killing
my @children;
for my $number (1 .. 4) {
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		my $client = $who{applicant};
		my $bad = 0;
		for (1 .. 15) {
			my $pdf = $client->get($path);
			# a print whose program died twice says so, and nothing else happens
			$bad++ unless $pdf->status == 200 && $pdf->content =~ /\A%PDF-.*%%EOF\s*\z/s || $pdf->status == 500;
		}
		require POSIX;
		POSIX::_exit($bad ? 1 : 0);
	}
	push @children, $pid;
}
for (1 .. 20) { kill 'KILL', drawers(); select undef, undef, undef, 0.02 }
my $failed = 0;
for my $pid (@children) { waitpid $pid, 0; $failed++ if $? }
is($failed, 0, 'every print under fire is whole or refused');
is($who{applicant}->get($path)->status, 200, 'and afterwards all is well');
cmp_ok(scalar drawers(), '<=', 2, 'there are never more than two');

$sw->down('export');
my $left = 1;
for (1 .. 100) { $left = grep { -e "/proc/$_" && do { open my $f, '<', "/proc/$_/comm"; (<$f> // '') =~ /^draw-pages/ } } @first; last if !$left; select undef, undef, undef, 0.05 }
is($left, 0, 'when the program stops, they end');
$sw->up('export');

done_testing;
