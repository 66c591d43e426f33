package SingleWindow::Partner;

# Another system at the partner gateway: an issuing authority, CCPIT or customs, in processes of its own, by HTTPS or by folders, with keys
# and certificates of its own, honest or with faults. What it decides stands in Partner/Play.pm.
#
#   my $home = SingleWindow::Partner::Home->new;                 # the settings `partners`, `partner_listen`, ...
#   my $customs = $home->partner('customs', way => 'folder', clears => ['export'], faults => 1, seed => 7);
#   my $sw = SingleWindow::Instance->start(settings => { $home->settings });
#   $customs->begin;                                              # from now on it works; ->end stops it, what it knows remains
#   $customs->down; $customs->up;                                 # nobody listens; folders are not looked at
#   $customs->order('message', kind => 'Decision', ...);          # says something of its own accord
#   $customs->drop($name => $bytes); $customs->post($bytes);      # as it is, from the test's own process
#   $customs->notes($type);                                       # what it has seen and done: got, sent, bad, wrong, fault
#
# Faults depend on the seed, the document and the place of the message in it, so they are the same in every run. Reading: slow, 503, 422,
# cut before or after it has taken the message, no answer at all; folders: slow, FailBox, taken away instead of moved. Sending: twice, late (so that
# later ones overtake it), garbage before it (%GARBAGE), the same Sequence or id again with other content, half a file that is completed.

use strict;
use warnings;
use utf8;

use Digest::MD5 qw(md5 md5_hex);
use Digest::SHA qw(sha256_hex);
use Encode qw(encode_utf8);
use Fcntl qw(:DEFAULT);
use HTTP::Tiny;
use IO::Socket::INET;
use IO::Socket::SSL;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Time::HiRes qw(sleep time);

use SingleWindow::Partner::Message qw(message_text sign_message read_message signing_key);
use SingleWindow::Partner::Play qw(decisions receipts clearance);

my $json = JSON::PP->new->utf8->canonical;
my $parent = $$;
my %running;
my $NOW = '2026-09-03T02:00:00Z';
my $HANG = 60;

sub new {
	my ($class, %option) = @_;
	my $self = bless { faults => 0, seed => 1, send => {}, %option }, $class;
	my $dir = $self->{dir};
	mkdir $_ or die "$_: $!" for $dir, map { "$dir/$_" } qw(spool got attempts orders);
	if ($self->{way} eq 'folder') {
		for my $folder ("$dir/box", map { "$dir/box/$_" } qw(OutBox SentBox InBox FailBox)) { mkdir $folder or die "$folder: $!"; chmod 0777, $folder }
	}
	return $self;
}

sub name { return $_[0]{name} }
sub box { return "$_[0]{dir}/box/$_[1]" }

sub begin {
	my ($self) = @_;
	$self->up;
	$self->{worker} = $self->_process(sub { $self->_work });
	return $self;
}

sub end {
	my ($self) = @_;
	$self->down;
	_stop(delete $self->{worker});
	return;
}

sub down {
	my ($self) = @_;
	_spill("$self->{dir}/paused", '');
	_stop(delete $self->{listener});
	return;
}

sub up {
	my ($self) = @_;
	unlink "$self->{dir}/paused";
	return if $self->{way} eq 'folder' || $self->{listener};
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Listen => 64, ReuseAddr => 1, Timeout => 1) or die "listen: $!";
	$self->{listener} = $self->_process(sub { $self->_listen($socket) });
	return;
}

# Everything said to it is answered and all its answers are out.
sub idle {
	my ($self) = @_;
	my @waits = map { glob } "$self->{dir}/spool/*.xml", "$self->{dir}/orders/*.json", $self->{way} eq 'folder' ? map { $self->box($_) . '/*.xml' } qw(OutBox InBox) : ();
	return !@waits && (_slurp("$self->{dir}/busy") // '') eq '0';
}

sub order {
	my ($self, $what, %more) = @_;
	my $file = sprintf '%s/orders/%.6f-%d', $self->{dir}, time, ++$self->{orders};
	_spill("$file.new", $json->encode({ what => $what, %more }));
	rename "$file.new", "$file.json" or die $!;
	return;
}

sub notes {
	my ($self, $type) = @_;
	open my $file, '<', "$self->{dir}/notes" or return ();
	return grep { !defined $type || $_->{type} eq $type } map { $json->decode($_) } <$file>;
}

# The messages that it got from the portal, each once: files.
sub got { my ($self) = @_; return sort glob "$self->{dir}/got/*.xml" }

sub _note {
	my ($self, $type, %more) = @_;
	sysopen my $file, "$self->{dir}/notes", O_WRONLY | O_APPEND | O_CREAT or return;
	syswrite $file, $json->encode({ type => $type, %more }) . "\n";
	return;
}

sub _process {
	my ($self, $work) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
		my $died = !eval { $work->(getppid); 1 };
		$self->_note('wrong', text => "$self->{name} died: $@") if $died;
		POSIX::_exit(0);
	}
	$running{$pid} = 1;
	return $pid;
}

sub _stop { my ($pid) = @_; return unless $pid; kill KILL => $pid; waitpid $pid, 0; delete $running{$pid}; return }

# One of a hundred, the same for the same things.
sub _luck { my ($self, @what) = @_; return unpack('N', md5(encode_utf8(join "\0", $self->{seed}, $self->{name}, @what))) % 1000 / 10 }

# ---- reading by HTTPS: a process for each connection

sub _listen {
	my ($self, $socket) = @_;
	$SIG{CHLD} = 'IGNORE';
	while (getppid == $parent) {
		my $peer = $socket->accept or next;
		next if fork;
		close $socket;
		eval { local $SIG{ALRM} = sub { die "silence\n" }; alarm 2 * $HANG; $self->_talk($peer); 1 };
		POSIX::_exit(0);
	}
	return;
}

sub _talk {
	my ($self, $peer) = @_;
	my $keys = $self->{keys};
	IO::Socket::SSL->start_SSL($peer, SSL_server => 1, SSL_cert_file => $keys->{server}[0], SSL_key_file => $keys->{server}[1], SSL_ca_file => $keys->{authority},
		SSL_verify_mode => SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT) or return $self->_note('refused', text => $IO::Socket::SSL::SSL_ERROR);
	my $who = $peer->peer_certificate('commonName');
	return $self->_note('wrong', text => "a stranger: $who") unless $who eq 'portal';
	my ($line, %head) = (scalar <$peer>);
	while (defined(my $more = <$peer>)) { $more =~ s/\r\n$//; last if $more eq ''; $head{ lc $1 } = $2 if $more =~ /^([^:]+): ?(.*)$/ }
	print {$peer} "HTTP/1.1 100 Continue\r\n\r\n" if ($head{expect} // '') eq '100-continue';
	my $length = $head{'content-length'} // 0;
	my $body = '';
	while (length $body < $length) { my $n = read $peer, $body, $length - length $body, length $body; return unless $n }
	$self->_note('wrong', text => "not how messages are sent: $line $head{'content-type'}") unless $line =~ m{^POST /messages HTTP/1\.1\r\n$} && $head{'content-type'} eq 'application/xml';
	return $self->_answer($peer, $body);
}

sub _answer {
	my ($self, $peer, $body) = @_;
	my $fault = $self->_reading_fault($body);
	sleep 0.3 if $fault eq 'slow';
	return if $fault eq 'cut';
	return sleep $HANG if $fault eq 'hang';
	return print {$peer} "HTTP/1.1 $1 So\r\nContent-Type: text/plain\r\nContent-Length: " . length($2) . "\r\nConnection: close\r\n\r\n$2" if $fault =~ /^answer (\d+) (.*)$/s;
	return print {$peer} "HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" if $fault eq 'refuse';
	return print {$peer} "HTTP/1.1 422 No\r\nContent-Type: text/plain\r\nContent-Length: 11\r\nConnection: close\r\n\r\nnot like it" if $fault eq 'fail';
	my $file = sprintf '%s/spool/%.6f-%d', $self->{dir}, time, $$;
	_spill("$file.new", $body);
	rename "$file.new", "$file.xml" or die $!;
	return if $fault eq 'lost';
	return print {$peer} "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

# At the first attempt only, so that everything arrives in the end; what the test wants of the next ones stands in `mood`.
sub _reading_fault {
	my ($self, $body) = @_;
	my %head = map { ($_ => $body =~ m{<$_>([^<]*)</$_>} ? $1 : '') } qw(MessageId Module Document Sequence Kind);
	my $mood = _slurp("$self->{dir}/mood") // '';
	return $mood if $mood;
	return 'none' unless $self->{faults};
	my $attempts = "$self->{dir}/attempts/" . md5_hex($head{MessageId});
	my $first = sysopen my $file, $attempts, O_WRONLY | O_CREAT | O_EXCL;
	my $luck = $self->_luck('read', @head{qw(Module Document Sequence)}, $head{Kind});
	my $fault = !$first ? 'none' : $luck < 3 ? 'slow' : $luck < 4.5 ? 'refuse' : $luck < 5.5 ? 'cut' : $luck < 7 ? 'lost' : $luck < 8 ? 'fail' : $luck < 8.3 ? 'hang' : 'none';
	$self->_note('fault', what => $fault, id => $head{MessageId}) if $fault ne 'none';
	return $fault;
}

sub mood { my ($self, $mood) = @_; _spill("$self->{dir}/mood.new", $mood // ''); rename "$self->{dir}/mood.new", "$self->{dir}/mood"; return }

# ---- the worker

sub _work {
	my ($self) = @_;
	$self->{number} = 0;
	$self->{$_} = {} for qw(last_in last_out seen visits files late licence);
	$self->{queue} = [];
	$self->{signer} = signing_key($self->{keys}{sign}[1]);
	$self->{stranger} = Crypt::OpenSSL::RSA->generate_key(2048);
	$self->{stranger}->use_sha256_hash;
	$self->_remember;
	my $said = '';
	while (getppid == $parent) {
		my $did = 0;
		if (!-e "$self->{dir}/paused") { $did += $self->{way} eq 'folder' ? $self->_look_at_folder : $self->_look_at_spool }
		$did += $self->_orders;
		$did += $self->_send_due unless -e "$self->{dir}/paused";
		my $busy = @{ $self->{queue} } || keys %{ $self->{later} // {} } ? 1 : 0;
		if ($said ne $busy) { _spill("$self->{dir}/busy.new", $busy); rename "$self->{dir}/busy.new", "$self->{dir}/busy"; $said = $busy }
		sleep 0.01 unless $did;
	}
	return;
}

# A worker that begins again (->end, ->begin) goes on with its numbers.
sub _remember {
	my ($self) = @_;
	for my $note ($self->notes) {
		if ($note->{type} eq 'number') { $self->{number} = $note->{number}; my $last = \$self->{last_out}{"$note->{module}/$note->{document}"}; $$last = $note->{sequence} if $note->{sequence} > ($$last // 0) }
		elsif ($note->{type} eq 'got') { $self->{seen}{ $note->{id} } = $note->{digest}; $self->{last_in}{"$note->{module}/$note->{document}"} = $note->{sequence} if $note->{sequence}; $self->{visits}{$note->{visit}}++ if $note->{visit} }
	}
	return;
}

sub _look_at_spool {
	my ($self) = @_;
	my @files = sort glob "$self->{dir}/spool/*.xml";
	for my $file (@files) {
		$self->_take(_slurp($file));
		unlink $file;
	}
	return scalar @files;
}

sub _look_at_folder {
	my ($self) = @_;
	my ($out, $mood, $did) = ($self->box('OutBox'), _slurp("$self->{dir}/mood") // '', 0);
	for my $file (sort glob "$out/*.xml") {
		my ($id) = $file =~ m{([^/]+)\.xml$};
		my $bytes = _slurp($file) // next;
		my ($module, $document, $sequence, $kind) = map { $bytes =~ m{<$_>([^<]*)</$_>} ? $1 : '' } qw(Module Document Sequence Kind);
		my $luck = $self->{faults} ? $self->_luck('read', $module, $document, $sequence, $kind) : 100;
		my $fails = $mood eq 'fail' || ($luck >= 3 && $luck < 4.5 && !$self->{files}{"fail $id"}++);
		if ($luck < 3 && !$mood) { next if time < ($self->{files}{"slow $id"} //= time + 0.3) }
		if ($fails) {
			_spill($self->box('FailBox') . "/$id.xml.txt", 'not like it');
			rename $file, $self->box('FailBox') . "/$id.xml" or next;
			$self->_note('fault', what => 'fail', id => $id);
		} elsif ($luck >= 5 && $luck < 7) {
			rename $file, "$self->{dir}/spool/$id" or next; # taken away; SentBox stays empty
		} else {
			rename $file, $self->box('SentBox') . "/$id.xml" or next;
		}
		$did++;
		$self->_take($bytes) unless $fails;
	}
	return $did;
}

# ---- what a message means

sub _take {
	my ($self, $bytes) = @_;
	my $m = eval { read_message($bytes) } or return $self->_note('wrong', text => "cannot be read: $@");
	my ($id, $digest) = ($m->{MessageId}, sha256_hex($bytes));
	if (my $before = $self->{seen}{$id}) {
		return $self->_note($before eq $digest ? 'again' : 'wrong', id => $id, text => 'other bytes under the same id');
	}
	$self->{seen}{$id} = $digest;
	_spill("$self->{dir}/got/$id.xml", $bytes);
	my $key = "$m->{Module}/" . ($m->{Document} // '');
	my $visit = "$key " . ($m->{members}{Action} // '');
	my %note = (id => $id, digest => $digest, kind => $m->{Kind}, module => $m->{Module} // '', document => $m->{Document} // '', number => $m->{Number} + 0, sequence => $m->{Sequence} + 0, members => { map { ($_ => $m->{members}{$_}) } grep { $_ ne 'Content' } keys %{ $m->{members} } }, groups => $m->{groups});
	$note{visit} = $visit if $m->{Kind} =~ /^(?:Application|Request)$/;
	$self->_note('got', %note);
	if ($m->{Kind} eq 'Rejection') { my $waits = delete $self->{late}{ $m->{members}{RejectedId} // '' }; $self->_queue(0, $_) for @{ $waits // [] }; delete $self->{later}{ $m->{members}{RejectedId} // '' }; return }
	my $want = ($self->{last_in}{$key} // 0) + 1;
	$self->_note('wrong', text => "$id of $key has Sequence $m->{Sequence} after " . ($want - 1)) unless $m->{Sequence} == $want;
	$self->{last_in}{$key} = $m->{Sequence};
	return if $self->{silent};
	return $self->_attachment($m) if $m->{Kind} eq 'Attachment';
	return $self->_decide($m, ++$self->{visits}{$visit}) if $m->{Kind} =~ /^(?:Application|Request)$/;
	return $self->_clear($m) if $m->{Kind} eq 'Licence';
	return;
}

sub _attachment {
	my ($self, $m) = @_;
	my %member = %{ $m->{members} };
	my $bytes = decode_base64($member{Content});
	$self->_note('wrong', text => "attachment $member{AttachmentId}: not what its digest says") unless sha256_hex($bytes) eq $member{Sha256} && length $bytes == $member{Size};
	$self->{attached}{"$m->{Document}/$member{AttachmentId}"} = $member{Sha256};
	return;
}

sub _decide {
	my ($self, $m, $n) = @_;
	my $no = $m->{Document};
	for my $file (@{ $m->{groups}{Attachment} // [] }) {
		$self->_note('wrong', text => "attachment $file->{AttachmentId} of $no did not come before") unless ($self->{attached}{"$no/$file->{AttachmentId}"} // '') eq $file->{Sha256};
	}
	for my $decision (decisions($m->{Module}, $no, $m->{members}{Action}, $n)) {
		my ($action, $opinion, $own) = @$decision;
		$self->_say('Decision', $m->{Module}, $no, [ ApplicationNo => $no, Action => $action, Opinion => length $opinion ? $opinion : undef, LicenceNo => $own, Officer => '王审核', Decided => $NOW ]);
	}
	return;
}

sub _clear {
	my ($self, $m) = @_;
	my %member = %{ $m->{members} };
	my ($no, $licence) = @member{qw(ApplicationNo LicenceNo)};
	$self->_note('wrong', text => "the message is about $m->{Document}, its licence is $licence") unless $licence eq $m->{Document};
	my $status = receipts($no, $member{Attempt});
	my $say = sub { my ($kind, @members) = @_; $self->_say($kind, $m->{Module}, $licence, [ LicenceNo => $licence, @members ]) };
	return if $self->{licence}{$licence}; # stored once is stored
	$say->('Receipt', Status => $status, Note => $status eq 'STORED' ? undef : '数据中心 <忙>', Received => $NOW);
	return if $status ne 'STORED';
	$self->{licence}{$licence} = 1;
	for my $what (clearance($no, $member{Quantity})) {
		my ($kind, $declaration, $quantity) = @$what;
		my @more = $kind eq 'WriteOff' ? (Released => '2026-09-10', CustomsPort => '0101', Goods => [ Code => '2833110000', Name => '硫酸钠', Unit => $member{Unit}, Quantity => $quantity ]) : $kind eq 'Adjustment' ? (Note => '更正') : ();
		$say->($kind, DeclarationNo => $declaration, Quantity => $quantity, Unit => $member{Unit}, @more);
	}
	return;
}

sub _orders {
	my ($self) = @_;
	my @files = sort glob "$self->{dir}/orders/*.json";
	for my $file (@files) {
		my $order = $json->decode(_slurp($file));
		$self->_say(@$order{qw(kind module document members)}) if $order->{what} eq 'message';
		unlink $file;
	}
	return scalar @files;
}

# ---- sending

# Head and text of the next message about a document; `at`: a Sequence that was used before.
sub _compose {
	my ($self, $kind, $module, $document, $members, %more) = @_;
	my $number = ++$self->{number};
	my $sequence = $more{at} // ++$self->{last_out}{"$module/$document"};
	my $head = { MessageId => $more{id} // "$self->{name}-$number", Number => $number, Sender => $self->{name}, Receiver => 'portal', Kind => $kind, Module => $module, Document => $document, Sequence => $sequence, Created => $NOW };
	$self->_note('number', number => $number, id => $head->{MessageId}, module => $module, document => $document, sequence => $sequence, kind => $kind);
	return ($head, message_text($head, $members));
}

sub _queue { my ($self, $wait, $entry) = @_; $entry->{at} = time + $wait; push @{ $self->{queue} }, $entry; return }

sub _say {
	my ($self, $kind, $module, $document, $members) = @_;
	my $place = ($self->{last_out}{"$module/$document"} // 0) + 1;
	my $luck = $self->{faults} ? $self->_luck('send', $module, $document, $place) : 100;
	my $other = [ map { ref $_ ? $_ : ($_ // '') =~ /^\d+$/ ? $_ . '1' : $_ } @$members ];
	my %entry;
	if ($luck >= 16 && $luck < 18) { # wrong at first, right when the portal has said so
		my ($head, $text) = $self->_compose($kind, $module, $document, [ @$members, Nonsense => 'x' ]);
		$self->_bad('schema', $head->{MessageId}, replaced => 1);
		$self->_queue(0, { bytes => sign_message($text, $self->{signer}), id => $head->{MessageId} });
		my ($right, $again) = $self->_compose($kind, $module, $document, $members, at => $head->{Sequence});
		%entry = (bytes => sign_message($again, $self->{signer}), id => $right->{MessageId});
		if ($luck < 17) { push @{ $self->{late}{ $head->{MessageId} } }, \%entry; $self->{later}{ $head->{MessageId} } = 1; return }
		return $self->_queue(0, \%entry);
	}
	my ($head, $text) = $self->_compose($kind, $module, $document, $members);
	my $bytes = sign_message($text, $self->{signer});
	%entry = (bytes => $place % 2 ? $bytes : "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n$bytes", id => $head->{MessageId});
	if ($luck < 5) { $entry{then} = [ [ 0.2, { %entry } ] ] }
	elsif ($luck < 11) { $self->_note('fault', what => 'late', id => $entry{id}); return $self->_queue(0.4, \%entry) }
	elsif ($luck < 16) { $self->_garbage($text, $bytes, $entry{id}, $luck) }
	elsif ($luck < 19) { my ($twin, $double) = $self->_compose($kind, $module, $document, $members, at => $head->{Sequence}); $self->_bad('sequence_used', $twin->{MessageId}); $entry{then} = [ [ 0.05, { bytes => sign_message($double, $self->{signer}), id => $twin->{MessageId} } ] ] }
	elsif ($luck < 20) { $self->_bad('message_id_reused', "$entry{id}-again", id => $entry{id}); $entry{then} = [ [ 0.05, { bytes => sign_message($text =~ s{<Created>[^<]*</Created>}{<Created>2026-09-03T03:00:00Z</Created>}r, $self->{signer}), id => $entry{id}, file => "$entry{id}-again" } ] ] }
	elsif ($luck < 25) { $entry{half} = 1 }
	return $self->_queue(0, \%entry);
}

sub _bad { my ($self, $what, $file, %more) = @_; $self->_note('bad', what => $what, file => "$file.xml", id => $file, %more); return }

# What stands before the true message and must not be taken for it.
my %GARBAGE = (
	random => sub { my ($self, $text) = @_; return join '', map { chr int($self->_luck('byte', $text, $_) * 2.56) } 1 .. 700 },
	unsigned => sub { my ($self, $text) = @_; return $text },
	altered => sub { my ($self, $text, $bytes) = @_; return $bytes =~ s{<Created>2026}{<Created>2025}r },
	stranger => sub { my ($self, $text) = @_; return sign_message($text, $self->{stranger}) },
	bomb => sub { my ($self, $text, $bytes) = @_; return '<!DOCTYPE Message [<!ENTITY a "aaaaaaaaaa">' . join('', map { my $b = chr(ord('a') + $_); my $a = chr(ord('a') + $_ - 1); "<!ENTITY $b \"" . "&$a;" x 10 . '">' } 1 .. 9) . ']>' . $bytes =~ s{<Created>}{<Created>&j;}r },
	half => sub { my ($self, $text, $bytes) = @_; return substr $bytes, 0, length($bytes) / 2 },
	wrapped => sub { my ($self, $text, $bytes) = @_; my ($root) = $bytes =~ m{^(<Message[^>]*>)}; my $false = $text =~ s{<Number>\d+}{<Number>99999}r; return $false =~ s{</Message>\z}{<Object>$bytes</Object></Message>}r },
	moved => sub { my ($self, $text, $bytes) = @_; my ($signature) = $bytes =~ m{(<Signature.*</Signature>)}s; return $text =~ s{<Head>}{$signature<Head>}r },
);
sub garbage_kinds { return sort keys %GARBAGE }

sub _garbage {
	my ($self, $text, $bytes, $id, $luck) = @_;
	my @kinds = garbage_kinds();
	my $what = $kinds[ int($luck * 10) % @kinds ];
	$self->_bad($what, "$id-$what", garbage => 1);
	$self->_queue(0, { bytes => $GARBAGE{$what}->($self, $text, $bytes), id => "$id-$what", garbage => 1 });
	return;
}

# Garbage made of any message, for tests of a single one.
sub garbage { my ($self, $what, $text) = @_; $self->{signer} //= signing_key($self->{keys}{sign}[1]); if (!$self->{stranger}) { $self->{stranger} = Crypt::OpenSSL::RSA->generate_key(2048); $self->{stranger}->use_sha256_hash } return $GARBAGE{$what}->($self, $text, sign_message($text, $self->{signer})) }
sub signed { my ($self, $text) = @_; $self->{signer} //= signing_key($self->{keys}{sign}[1]); return sign_message($text, $self->{signer}) }

sub _send_due {
	my ($self) = @_;
	my $now = time;
	my @due = grep { $_->{at} <= $now } @{ $self->{queue} };
	return 0 unless @due;
	$self->{queue} = [ grep { $_->{at} > $now } @{ $self->{queue} } ];
	for my $entry (@due) {
		if ($self->{way} eq 'folder' ? $self->_put($entry) : $self->_post($entry)) {
			$self->_note('sent', id => $entry->{id}) unless $entry->{garbage};
			$self->_queue(@$_) for @{ $entry->{then} // [] };
		} else { $self->_queue(0.3, $entry) }
	}
	return scalar @due;
}

# False: to be tried again.
sub _put {
	my ($self, $entry) = @_;
	my $file = $entry->{file} // $entry->{id};
	my $path = $self->box('InBox') . "/$file.xml";
	return 0 if -e $path; # the one before has not been read yet
	return $self->_complete($entry, $path) if $entry->{half};
	_spill("$path.tmp", $entry->{bytes});
	return rename "$path.tmp", $path;
}

# Half a file under its own name, and the rest of it later. Whoever was too slow for the portal finds it gone and begins again.
sub _complete {
	my ($self, $entry, $path) = @_;
	my $half = int(length($entry->{bytes}) / 2);
	_spill($path, substr $entry->{bytes}, 0, $half);
	sleep 0.2;
	my $gone = !sysopen my $file, $path, O_WRONLY | O_APPEND;
	if ($gone) { $self->_bad('half', $entry->{id}, perhaps => 1); delete $entry->{half}; return 0 }
	syswrite $file, substr $entry->{bytes}, $half;
	return 1;
}

sub _post {
	my ($self, $entry) = @_;
	return $self->_cut($entry) if $entry->{half} && !$entry->{was_cut}++;
	my $status = $self->post($entry->{bytes})->{status};
	$self->_note('refused', id => $entry->{id}, status => $status) if $status =~ /^4/;
	return $status == 202 || $status =~ /^4/;
}

sub post {
	my ($self, $bytes) = @_;
	my ($certificate, $key) = @{ $self->{keys}{client} };
	$self->{http} //= HTTP::Tiny->new(agent => $self->{name}, timeout => 20, keep_alive => 1, verify_SSL => 1, SSL_options => { SSL_ca_file => $self->{keys}{authority}, SSL_cert_file => $certificate, SSL_key_file => $key, SSL_verifycn_scheme => 'none' });
	return $self->{http}->post("https://127.0.0.1:$self->{door}/messages", { content => $bytes, headers => { 'Content-Type' => 'application/xml' } });
}

# Half a message, then silence: nothing may come of it.
sub _cut {
	my ($self, $entry) = @_;
	my $socket = IO::Socket::SSL->new(PeerAddr => "127.0.0.1:$self->{door}", SSL_ca_file => $self->{keys}{authority}, SSL_cert_file => $self->{keys}{client}[0], SSL_key_file => $self->{keys}{client}[1], SSL_verifycn_scheme => 'none') or return 0;
	my $length = length $entry->{bytes};
	print {$socket} "POST /messages HTTP/1.1\r\nHost: portal\r\nContent-Type: application/xml\r\nContent-Length: $length\r\n\r\n" . substr $entry->{bytes}, 0, $length / 2;
	close $socket;
	return 0;
}

# A file in the InBox, whole, from the test's own process.
sub drop { my ($self, $name, $bytes) = @_; my $path = $self->box('InBox') . "/$name"; _spill("$path.tmp", $bytes); rename "$path.tmp", $path or die $!; return }

sub _spill { my ($path, $bytes) = @_; open my $file, '>:raw', $path or die "$path: $!"; print {$file} $bytes; close $file or die "$path: $!"; return }
sub _slurp { my ($path) = @_; open my $file, '<:raw', $path or return undef; local $/ = undef; return scalar <$file> }

END { if ($$ == $parent) { my $kept = $?; kill 'KILL', keys %running; waitpid $_, 0 for keys %running; $? = $kept } }

# ---- what an instance is told about its partners

package SingleWindow::Partner::Home;

use File::Temp qw(tempdir);
use SingleWindow::Partner::Keys;
use SingleWindow::Port;

sub new {
	my ($class) = @_;
	my $dir = tempdir('sw-partners-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	mkdir "$dir/keys";
	mkdir "$dir/partners";
	chmod 0755, $dir, "$dir/keys", "$dir/partners";
	my ($port, $lock) = reserve_port();
	my $self = bless { dir => $dir, keys => SingleWindow::Partner::Keys->new("$dir/keys"), port => $port, lock => $lock }, $class;
	$self->{server} = [ $self->{keys}->issue('door', 'server') ];
	$self->{client} = [ $self->{keys}->issue('portal', 'client') ];
	return $self;
}

# A partner and its file. options: way, clears, reviews, faults, seed; title.
sub partner {
	my ($self, $name, %option) = @_;
	my %keys = (authority => $self->{keys}->authority, map { ($_ => [ $self->{keys}->issue($name, $_) ]) } qw(server client sign));
	my ($port, $lock) = reserve_port();
	my $partner = SingleWindow::Partner->new(name => $name, dir => "$self->{dir}/$name", keys => \%keys, port => $port, lock => $lock, door => $self->{port}, %option);
	chmod 0755, $partner->{dir};
	my %file = (title => { zh => $option{title} // $name, en => $name }, signers => [ $keys{sign}[0] ], clears => $option{clears} // [], reviews => $option{reviews} // {});
	$option{way} eq 'folder' ? ($file{folder} = "$partner->{dir}/box")
		: ($file{https} = { url => "https://127.0.0.1:$port/messages", authorities => $keys{authority}, certificate => $self->{client}[0], key => $self->{client}[1], client => $keys{client}[0], private => JSON::PP::true() });
	SingleWindow::Partner::_spill("$self->{dir}/partners/$name.json", $json->encode(\%file));
	push @{ $self->{all} }, $partner;
	return $partner;
}

sub settings {
	my ($self) = @_;
	return (partners => "$self->{dir}/partners", partner_listen => "127.0.0.1:$self->{port}", partner_certificate => $self->{server}[0], partner_key => $self->{server}[1],
		partner_authorities => $self->{keys}->authority, gateway_retry_seconds => 1, folder_quiet_seconds => 2);
}

1;
