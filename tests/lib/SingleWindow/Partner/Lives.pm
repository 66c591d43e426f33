package SingleWindow::Partner::Lives;

# Many licences and certificates at once through the partner gateway, whatever its partners do: makes them as applicants would, goes on where an
# applicant or an administrator has to, kills programs and takes partners down on the way, and says what is not as the messages imply.
# tests/api/partners.t runs it with 100 licences, tests/soak/run with 2,000.
#
#   my $lives = SingleWindow::Partner::Lives->new(sw => $sw, partners => { authority => $p, customs => $p, ccpit => $p }, agencies => ['AA']);
#   $lives->make(licences => 100, certificates => 10, clients => 4);
#   $lives->follow(kills => 1);                                  # true: everything has come to its end
#   my @wrong = $lives->wrong;                                   # sentences

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Time::HiRes qw(sleep time);

use SingleWindow::AtOnce;
use SingleWindow::Export qw(body attach);
use SingleWindow::Origin qw(register_origin certificate_body);
use SingleWindow::Partner::Play qw(expected asks);

my $PLACES = 100_000; # of a quantity in the database
my $PATIENCE = $ENV{PARTNERS_PATIENCE} // 90; # seconds without any change

sub new { my ($class, %option) = @_; return bless { %option, documents => {}, log => $option{log} // sub { } }, $class }

# ---- applicants

my %FORM = (export => 'export_licence', origin => 'certificate_of_origin');

sub body_of {
	my ($module, $i, $agencies) = @_;
	return certificate_body('C', undef, invoice_no => "INV-$i") if $module eq 'origin';
	my $quantity = 20 + $i % 7;
	my $amount = sprintf '%.2f', $quantity * 11.11;
	return body(base => { contract_no => "C$i", contract_total_qty => "$quantity", contract_total_amount => $amount }, specs => { variant => 'ordinary', rows => [ { spec => '99%', unit_price => '11.11', qty => "$quantity" } ] },
		other => { one_batch_one_licence => JSON::PP::false, issuing_agency => $agencies->[ $i % @$agencies ] });
}

# Asks again while a program that was killed comes back.
sub insist {
	my ($ask) = @_;
	my $answer;
	for (1 .. 100) { $answer = $ask->(); return $answer if $answer->status < 500; sleep 0.1 }
	return $answer;
}

sub apply {
	my ($client, $module, $i, $agencies) = @_;
	my $answer = insist(sub { $client->post("/api/$module/documents", { form => $FORM{$module}, body => body_of($module, $i, $agencies) }, 'Idempotency-Key' => "$module-$i") });
	die 'create: ' . $answer->status . ' ' . $answer->text unless $answer->status == 201;
	my $id = $answer->json->{document}{id};
	if ($module eq 'export') { my $file = insist(sub { attach($client, $id, '01') }); die 'attach: ' . $file->text unless $file->status == 201 || $file->status == 409 }
	my $act = sub { my ($action) = @_; insist(sub { $client->post("/api/$module/documents/$id/actions/$action", {}, 'If-Match' => '*') }) };
	$answer = $act->('submit');
	die 'submit: ' . $answer->status . ' ' . $answer->text unless $answer->ok || $answer->status == 409;
	my $no = ($answer->ok ? $answer : $client->get("/api/$module/documents/$id"))->json->{document}{application_no};
	if (my $asked = asks($module, $no)) {
		$act->($asked);
		$act->('submit') if $asked eq 'take_back';
	}
	return [ $module, $id, $no, 20 + $i % 7 ];
}

sub make {
	my ($self, %count) = @_;
	my $sw = $self->{sw};
	my $clients = $count{clients} // 3;
	register_origin($sw->signed_in('demo_admin')) if $count{certificates};
	my @works = map { my $n = $_; [ map { [ 'export', $_ ] } grep { $_ % $clients == $n } 1 .. $count{licences} ] } 0 .. $clients - 1;
	push @{ $works[ $_ % $clients ] }, [ 'origin', $_ ] for 1 .. $count{certificates} // 0;
	my $agencies = $self->{agencies};
	my @made = at_once(map { my $list = $_; sub { my $client = $sw->signed_in('demo_admin'); [ map { apply($client, @$_, $agencies) } @$list ] } } @works);
	for my $made (@made) {
		die "$made->{died}\n" if ref $made eq 'HASH';
		$self->{documents}{ $_->[1] } = { module => $_->[0], id => $_->[1], no => $_->[2], quantity => $_->[3], expected => expected(@$_[ 0, 2, 3 ]) } for @$made;
	}
	return scalar keys %{ $self->{documents} };
}

# ---- until all is done

sub rows { my ($self, $module, $statement) = @_; return map { [ split /\|/, $_, -1 ] } split /\n/, $self->{sw}->sql($module, $statement) }

sub look {
	my ($self) = @_;
	for my $module (keys %{ { map { ($_->{module} => 1) } values %{ $self->{documents} } } }) {
		for my $row ($self->rows($module, 'SELECT id, state, state_customs, licence_no FROM document')) {
			my $document = $self->{documents}{ $row->[0] } or next;
			@$document{qw(state customs licence)} = @$row[ 1, 2, 3 ];
		}
	}
	return;
}

sub done { my ($document) = @_; return $document->{state} eq $document->{expected}{state} && $document->{customs} eq $document->{expected}{customs} }

# What an applicant does about a returned one, an authority about one to be revoked, an administrator about a message that failed.
sub go_on {
	my ($self) = @_;
	for my $d (values %{ $self->{documents} }) {
		my $way = SingleWindow::Partner::Play::way($d->{module}, $d->{no});
		if ($d->{state} eq ($d->{module} eq 'origin' ? 'RETURNED' : 'FIRST_RETURNED') && $way eq 'returned') {
			insist(sub { $self->{applicant}->post("/api/$d->{module}/documents/$d->{id}/actions/submit", {}, 'If-Match' => '*') });
		}
		next unless $way eq 'revoked' && $d->{state} eq 'PRINTED' && $d->{customs} eq 'STORED' && !$d->{ordered}++;
		$self->{partners}{authority}->order('message', kind => 'Decision', module => 'export', document => $d->{no},
			members => [ ApplicationNo => $d->{no}, Action => 'revoke', Opinion => '不再需要', Decided => '2026-09-03T02:00:00Z' ]);
	}
	for my $message (@{ insist(sub { $self->{administrator}->get('/api/exchange/messages?direction=out&state=failed&size=100') })->json->{items} }) {
		insist(sub { $self->{administrator}->post("/api/exchange/messages/$message->{id}/retry", {}) });
		$self->{retried}++;
	}
	return;
}

sub gateway { my ($self) = @_; return insist(sub { $self->{administrator}->get('/api/exchange/gateway') })->json->{partners} }

# What makes the way hard: each once, in this order, as soon as so many per cent of the documents have ended. Who is down comes up again when
# something waits for it, or when there is nothing for it.
sub trouble {
	my ($self, $part) = @_;
	my ($sw, $partners) = @$self{qw(sw partners)};
	my $down = sub { my ($name) = @_; return sub { $partners->{$name}->down; $self->{down} = time; 1 } };
	my $up = sub { my ($name) = @_; return sub { return 0 unless $self->_waits_for($name) || time - $self->{down} > 2; $partners->{$name}->up; 1 } };
	my $kill = sub { my ($service) = @_; return sub { $sw->kill($service); $sw->kill_another if $sw->{another} && $service eq 'export'; 1 } };
	my @troubles = ([ 5, $kill->('exchange') ], [ 15, $down->('authority') ], [ 0, $up->('authority') ], [ 25, $kill->('export') ], [ 35, $down->('customs') ], [ 0, $up->('customs') ],
		[ 45, $kill->('exchange') ], [ 70, $kill->('exchange') ]);
	my $trouble = $troubles[ $self->{troubles} // 0 ] or return;
	$self->{troubles}++ if $trouble->[0] <= $part && $trouble->[1]->();
	return;
}

sub _waits_for { my ($self, $name) = @_; my ($it) = grep { $_->{name} eq $name } @{ $self->gateway }; return $it->{out}{waiting} }

sub follow {
	my ($self, %option) = @_;
	my $sw = $self->{sw};
	$self->{applicant} = $sw->signed_in('demo_admin');
	$self->{administrator} = $sw->signed_in('demo_portal');
	my ($before, $since, $begun) = ('', time, time);
	while (time - $since < $PATIENCE) {
		$self->look;
		$self->go_on;
		my @open = grep { !done($_) } values %{ $self->{documents} };
		$self->trouble(100 - 100 * @open / keys %{ $self->{documents} }) if $option{kills};
		my $gateway = $self->gateway;
		my $waits = 0;
		$waits += $_->{out}{waiting} + $_->{out}{failed} + $_->{in}{waiting} for @$gateway;
		return 1 if !@open && !$waits && !grep { !$_->idle } values %{ $self->{partners} };
		my $now = join ' ', scalar(@open), map { my $p = $_; "$p->{name}: " . join '/', (map { $p->{out}{$_} // '' } qw(waiting failed number)), map { $p->{in}{$_} // '' } qw(waiting dead missing) } @$gateway;
		($before, $since) = ($now, time) if $now ne $before;
		if (time - ($self->{said} // 0) > 5) { $self->{said} = time; $self->{log}->(sprintf '%4d s: open %s', time - $begun, $now) }
		sleep 0.2;
	}
	$self->{log}->("nothing has changed for $PATIENCE s: $before");
	return 0;
}

# ---- what is not as it should be

my %IGNORED = map { $_ => 1 } qw(create edit attach submit withdraw take_back customs_send_failed);

sub wrong { my ($self) = @_; return ($self->wrong_documents, $self->wrong_letters, $self->wrong_numbers, map { my $p = $_; map { "$p->{name}: $_->{text}" } $p->notes('wrong') } values %{ $self->{partners} }) }

sub wrong_documents {
	my ($self) = @_;
	my (@wrong, %licence);
	$self->look;
	my (%events, %ledger, %written);
	for my $module (qw(export origin)) { push @{ $events{ $_->[0] } }, $_->[1] for grep { !$IGNORED{ $_->[1] } } $self->rows($module, 'SELECT document, action FROM document_event ORDER BY document, sequence') }
	$ledger{ $_->[0] } = $_ for $self->rows('export', 'SELECT document, ' . join(', ', map { "sum(CASE WHEN credit = '$_' THEN quantity ELSE 0 END) - sum(CASE WHEN debit = '$_' THEN quantity ELSE 0 END)" } qw(used reserved available)) . ' FROM ledger GROUP BY document');
	$written{ $_->[0] } = $_->[1] for $self->rows('export', 'SELECT document, count(*) FROM write_off WHERE document IS NOT NULL GROUP BY document');
	for my $d (sort { $a->{no} cmp $b->{no} } values %{ $self->{documents} }) {
		my $e = $d->{expected};
		my $say = sub { my ($what, $is, $should) = @_; push @wrong, "$d->{module} $d->{no} ($d->{id}): $what is $is, should be $should" if $is ne $should };
		$say->('state', $d->{state}, $e->{state});
		$say->('customs', $d->{customs}, $e->{customs});
		$say->('the history', join(' ', @{ $events{ $d->{id} } // [] }), join(' ', @{ $e->{actions} }));
		$say->('licence number', $d->{licence}, $e->{licence}) if defined $e->{licence};
		$say->('having a number', length $d->{licence} ? 1 : 0, $e->{issued});
		$say->('a licence number held so often', ++$licence{"$d->{module} $d->{licence}"}, 1) if length $d->{licence};
		next if $d->{module} ne 'export';
		my $sums = $ledger{ $d->{id} } // [ 0, 0, 0, 0 ];
		$say->($_->[0], $sums->[ $_->[1] ] / $PLACES, $e->{ $_->[0] }) for [ used => 1 ], [ reserved => 2 ], [ balance => 3 ];
		$say->('write-offs', $written{ $d->{id} } // 0, grep({ $_ eq 'customs_written_off' } @{ $e->{actions} }) + 0);
	}
	return @wrong;
}

my %RULE = (random => qr/^forbidden_xml$/, half => qr/^not_well_formed$/, bomb => qr/^forbidden_xml$/, schema => qr/^schema$/, (map { ($_ => qr/^\Q$_\E$/) } qw(sequence_used message_id_reused)),
	(map { ($_ => qr/^signature_wrong$/) } qw(unsigned altered stranger wrapped moved)));

# Everything bad that was sent lies among the dead letters with line, element, rule and words, nothing else does, and it was told to its sender.
sub wrong_letters {
	my ($self) = @_;
	my @wrong;
	for my $name (sort keys %{ $self->{partners} }) {
		my $partner = $self->{partners}{$name};
		my @letters = $self->letters($name);
		my @bad = $partner->notes('bad');
		my $perhaps = 0;
		for my $bad (@bad) {
			my ($found) = grep { my $l = $letters[$_]; ($l->{problem}{rule} // '') =~ $RULE{ $bad->{what} } && ($partner->{way} eq 'folder' ? ($l->{file} // '') eq $bad->{file} : 1)
				&& ($bad->{replaced} ? $l->{state} eq 'replaced' && $l->{message_id} eq $bad->{id} : $l->{state} eq 'dead') } 0 .. $#letters;
			if (defined $found) {
				my ($letter) = splice @letters, $found, 1;
				push @wrong, "$name: letter $letter->{id} ($bad->{what}) has no line, element or words: " . JSON::PP->new->canonical->encode($letter->{problem})
					unless ($letter->{problem}{line} // 0) >= 1 && defined $letter->{problem}{element} && length($letter->{problem}{message}{zh} // '') && length($letter->{problem}{message}{en} // '');
			} elsif ($bad->{perhaps}) { $perhaps++ }
			else { push @wrong, "$name: $bad->{what} ($bad->{file}) is not among the dead letters" }
		}
		push @wrong, "$name: letter $_->{id} is dead ($_->{message_id} $_->{file}: " . JSON::PP->new->canonical->encode($_->{problem} // {}) . ') for no reason' for @letters;
		my $rejections = grep { $_->{kind} eq 'Rejection' } $partner->notes('got');
		my $should = @bad - $perhaps;
		push @wrong, "$name: has got $rejections rejections, should be $should" unless $rejections == $should;
	}
	return @wrong;
}

sub letters {
	my ($self, $name) = @_;
	my @letters;
	for my $state (qw(dead replaced)) {
		for (my $page = 1; ; $page++) {
			my $list = insist(sub { $self->{administrator}->get("/api/exchange/messages?direction=in&partner=$name&state=$state&page=$page&size=100") })->json;
			push @letters, @{ $list->{items} };
			last if $page * 100 >= $list->{total};
		}
	}
	return @letters;
}

# No number is missing or twice, in neither direction.
sub wrong_numbers {
	my ($self) = @_;
	my @wrong;
	for my $it (@{ $self->gateway }) {
		my $partner = $self->{partners}{ $it->{name} } or next;
		my @numbers = sort { $a <=> $b } map { $_->{number} } $partner->notes('got');
		push @wrong, "$it->{name}: numbers that it got: @numbers" if join(' ', @numbers) ne join(' ', 1 .. @numbers);
		push @wrong, "$it->{name}: got " . @numbers . ", the portal has sent $it->{out}{number}" unless @numbers == $it->{out}{number};
		push @wrong, "$it->{name}: $it->{in}{missing} of its numbers are missing here" if $it->{in}{missing};
		push @wrong, "$it->{name}: $it->{out}{waiting} messages to it wait, $it->{out}{failed} failed, $it->{in}{waiting} from it wait" if $it->{out}{waiting} || $it->{out}{failed} || $it->{in}{waiting};
	}
	return @wrong;
}

# ---- of what the portal sent: all of it valid and signed

sub folder_of_schemas {
	my ($sw, $dir) = @_;
	my $client = $sw->client;
	my $xsd = $client->get('/api/exchange/message.xsd');
	die 'message.xsd: ' . $xsd->status . "\n" unless $xsd->ok;
	my %file = ("$dir/exchange/message.xsd" => $xsd->content);
	for my $place ($xsd->content =~ m{schemaLocation="\.\./([\w./-]+)"}g) { $file{"$dir/$place"} = $client->get("/api/$place")->content }
	for my $path (keys %file) {
		system('mkdir', '-p', $path =~ s{/[^/]*$}{}r) == 0 or die;
		open my $out, '>:raw', $path or die "$path: $!";
		print {$out} $file{$path};
		close $out or die;
	}
	return "$dir/exchange/message.xsd";
}

# The certificate of the portal's seal, from outside of its programs.
sub portal_certificate {
	my ($sw, $dir) = @_;
	my $authority = $sw->var . '/authority/private';
	system("openssl pkcs12 -in $authority/portal.p12 -passin file:$authority/password -nokeys -out $dir/portal.pem 2>/dev/null") == 0 or die 'the portal has no certificate';
	return "$dir/portal.pem";
}

# Runs a program over many files; how many of them it says `good` of.
sub count_of {
	my ($good, $files, @command) = @_;
	my ($count, @rest) = (0, @$files);
	while (my @some = splice @rest, 0, 200) {
		open my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command, @some or die "$command[0]: $!";
		while (defined(my $line = <$pipe>)) { $count++ if $line =~ $good }
		close $pipe;
	}
	return $count;
}

1;
