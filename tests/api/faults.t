#!/usr/bin/perl
# Programs are killed, the database is full, Redis is away: what was answered with success is found afterwards, no number is used
# twice or skipped, every event chain verifies.
use strict;
use warnings;
use utf8;
use Test::More;
use File::Temp qw(tempdir);
use JSON::PP ();
use POSIX ();

use SingleWindow::Instance;
use SingleWindow::Export;

my $folder = tempdir(CLEANUP => 1);
my $variant = $ENV{VARIANT} || 'plain';

# Each client saves and submits until told to stop, and writes down what was answered with success.
sub client_process {
	my ($sw, $n, $stop) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	open my $notes, '>', "$folder/notes.$n" or POSIX::_exit(1);
	$notes->autoflush(1);
	my $client = eval { $sw->signed_in('demo_admin') };
	while ($client && !-e $stop) {
		my $made = eval { create($client) } or next;
		next unless $made->status == 201;
		my $document = $made->json->{document};
		print {$notes} "made $document->{id} $document->{application_no}\n";
		next unless attach($client, $document->{id}, '01')->status == 201;
		my $submitted = act($client, $document->{id}, 'submit');
		print {$notes} "submitted $document->{id} " . $submitted->json->{document}{form_no} . "\n" if $submitted->status == 200;
	}
	POSIX::_exit(0);
}

sub run_clients {
	my ($sw, $during) = @_;
	my $stop = "$folder/stop";
	unlink $stop, glob "$folder/notes.*";
	my @pids = map { client_process($sw, $_, $stop) } 1 .. 8;
	$during->();
	open my $file, '>', $stop or die;
	close $file;
	waitpid $_, 0 for @pids;
	my (%made, %submitted);
	for my $name (glob "$folder/notes.*") {
		open my $notes, '<', $name or die;
		while (<$notes>) {
			$made{$1} = $2 if /^made (\d+) (\d+)$/;
			$submitted{$1} = $2 if /^submitted (\d+) (\d+)$/;
		}
	}
	return (\%made, \%submitted);
}

sub rows { my ($sw, $sql) = @_; return map { [ split /\|/ ] } grep { /\S/ } split /\n/, $sw->sql('export', $sql) }

sub check_all {
	my ($sw, $made, $submitted, $what) = @_;
	my %number = map { $_->[0] => $_->[1] } rows($sw, 'SELECT id, application_no FROM document');
	my %form = map { $_->[0] => $_->[1] // '' } rows($sw, 'SELECT id, form_no FROM document');
	is(scalar(grep { ($number{$_} // '') ne $made->{$_} } keys %$made), 0, "$what: every save that was answered is found (" . keys(%$made) . ')');
	is(scalar(grep { ($form{$_} // '') ne $submitted->{$_} } keys %$submitted), 0, "$what: every submission that was answered is found (" . keys(%$submitted) . ')');
	for my $numbers ([ sort values %number ], [ sort grep { length } values %form ]) {
		my %seen;
		is(scalar(grep { $seen{$_}++ } @$numbers), 0, "$what: no number twice");
		my @serial = map { substr($_, -5) + 0 } @$numbers;
		is(scalar(grep { $serial[$_] != $_ + 1 } 0 .. $#serial), 0, "$what: none skipped");
	}
	my $verified = `$SingleWindow::Instance::ROOT/build/$variant/bin/singlewindow-export @{[ $sw->var ]}/settings verify 2>&1`;
	my ($said) = grep { /broken_count/ } split /\n/, $verified;
	is($said && JSON::PP->new->decode($said)->{broken_count}, 0, "$what: every event chain verifies") or diag $verified;
	is($sw->sql('export', 'SELECT enterprise, form, state, count(*) FROM document GROUP BY 1, 2, 3 ORDER BY 1, 2, 3'),
		$sw->sql('export', 'SELECT enterprise, form, state, count FROM document_total WHERE count <> 0 ORDER BY 1, 2, 3'), "$what: kept totals agree");
	return;
}

# ---- kill -9
{
	my $sw = SingleWindow::Instance->start;
	my ($made, $submitted) = run_clients($sw, sub {
		for (1 .. 4) {
			select undef, undef, undef, 0.7;
			my $pid = $sw->kill('export');
			$sw->wait_for('export', not => $pid);
		}
		select undef, undef, undef, 0.5;
	});
	cmp_ok(scalar keys %$made, '>', 20, 'clients got on between the kills');
	check_all($sw, $made, $submitted, 'kill -9');

	# ---- a batch of 1,000 is killed half-way
	my $client = $sw->signed_in('demo_admin');
	my $template = complete($client);
	my @ids;
	push @ids, @{ $client->post("/api/export/documents/$template/copy", { count => 100 })->json->{ids} } for 1 .. 10;
	$sw->sql('export', "INSERT INTO attachment (id, document, block, row_id, type, file_name, media_type, size, sha256, created, creator, bytes) "
		. "SELECT d.id, d.id, '', 0, '01', a.file_name, a.media_type, a.size, a.sha256, a.created, a.creator, a.bytes FROM document d, attachment a "
		. "WHERE a.document = $template AND d.id IN (" . join(',', @ids) . ')');
	my $job = $client->post('/api/export/batch', { action => 'submit', ids => \@ids })->json->{job};
	ok($job, 'a batch of 1,000 becomes a job');
	wait_until(sub { ($client->get("/api/export/jobs/$job")->json // {})->{done} // 0 }, 20);
	my $pid = $sw->kill('export');
	$sw->wait_for('export', not => $pid);
	my $half = $client->get("/api/export/jobs/$job")->json->{done};
	cmp_ok($half, '>', 0, "it was killed after $half");
	cmp_ok($half, '<', 1000, 'before its end');
	$sw->sql('export', "UPDATE job SET lease = 0 WHERE id = $job"); # rather than wait 30 s for the dead worker's lease to run out
	ok(wait_until(sub { $client->get("/api/export/jobs/$job")->json->{state} eq 'done' }, 60), 'it resumes and ends');
	my $results = $client->get("/api/export/jobs/$job")->json->{results};
	is(scalar(grep { $_->{ok} } @$results), 1000, 'with one success for each');
	is($sw->sql('export', "SELECT count(*) FROM document_event WHERE action = 'submit' AND document IN (" . join(',', @ids) . ')') =~ s/\s//gr, '1000', 'none done twice');
	check_all($sw, {}, {}, 'the batch');

	# ---- Redis
	my $reading = $sw->signed_in('demo_first');
	$sw->down('redis');
	my $away = $client->get('/api/export/documents', { form => 'export_licence' });
	is($away->status, 503, 'without Redis: 503');
	ok($away->header('Retry-After'), 'with Retry-After');
	is(create($client)->status, 503, 'and nothing is stored');
	$sw->up('redis');
	ok(wait_until(sub { $client->get('/api/export/documents', { form => 'export_licence' })->status == 200 }, 5), 'sessions live on when it is back');
	ok(wait_until(sub { $reading->get('/api/export/queue')->status == 200 }, 5), 'all of them'); # each worker looks for Redis again in its own time
}

# ---- a full database (SQLite; PostgreSQL's disk is not ours to fill)
if (($ENV{DATABASE} // 'sqlite') eq 'sqlite') {
	my $sw = SingleWindow::Instance->start(settings => { maximum_pages => 400 });
	my $client = $sw->signed_in('demo_admin');
	my (%made, $full);
	for (1 .. 2000) {
		my $answer = create($client);
		if ($answer->status != 201) { $full = $answer; last }
		$made{ $answer->json->{document}{id} } = $answer->json->{document}{application_no};
	}
	is($full && $full->status, 503, 'a full database: 503 after ' . keys %made);
	is($client->get('/api/export/documents', { form => 'export_licence' })->json->{total}, scalar(keys %made), 'reading goes on');
	check_all($sw, \%made, {}, 'full');
}

done_testing();
