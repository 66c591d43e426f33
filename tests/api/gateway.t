#!/usr/bin/perl
# Codes by e-mail and SMS: through gateways that take them, gateways that do not, and gateways that stand where none may.
use strict;
use warnings;
use utf8;
use Test::More;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX ();

use SingleWindow::Instance;
use SingleWindow::Export qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

# ---- counterparts: each a process of its own that writes down what it hears, one connection as one line of JSON

my $folder = tempdir(CLEANUP => 1);
my @counterparts;
my $parent = $$;
END { if ($$ == $parent) { my $kept = $?; kill 'KILL', @counterparts; waitpid $_, 0 for @counterparts; $? = $kept } }

sub counterpart {
	my ($name, $talk) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16) or die "listen: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		while (my $peer = $listener->accept) {
			my %heard;
			eval { local $SIG{ALRM} = sub { die "silence\n" }; alarm 20; $talk->($peer, \%heard) };
			alarm 0;
			open my $notes, '>>', "$folder/$name" or POSIX::_exit(1);
			print {$notes} JSON::PP->new->canonical->encode(\%heard), "\n";
			close $notes;
		}
		POSIX::_exit(0);
	}
	push @counterparts, $pid;
	return $listener->sockport;
}

sub heard_by {
	my ($name) = @_;
	open my $notes, '<', "$folder/$name" or return ();
	return map { JSON::PP->new->decode($_) } <$notes>;
}

# Speaks SMTP; a word in `refuses` gets a permanent refusal.
sub smtp {
	my ($refuses) = @_;
	return sub {
		my ($peer, $heard) = @_;
		print {$peer} "220 counterpart\r\n";
		while (my $line = <$peer>) {
			$line =~ s/\r\n$//;
			my ($word) = uc($line) =~ /^(\w+)/;
			push @{ $heard->{commands} }, $line;
			if ($refuses && $word eq $refuses) { print {$peer} "550 not here\r\n" }
			elsif ($word eq 'EHLO')            { print {$peer} "250-counterpart\r\n250 8BITMIME\r\n" }
			elsif ($word eq 'QUIT')            { print {$peer} "221 bye\r\n"; last }
			elsif ($word eq 'DATA') {
				print {$peer} "354 go on\r\n";
				while (defined(my $text = <$peer>)) { last if $text eq ".\r\n"; $heard->{message} .= $text }
				print {$peer} "250 taken\r\n";
			} else { print {$peer} "250 good\r\n" }
		}
	};
}

sub http {
	my ($answer) = @_;
	return sub {
		my ($peer, $heard) = @_;
		my $length = 0;
		while (defined(my $line = <$peer>)) {
			$line =~ s/\r\n$//;
			last if $line eq '';
			push @{ $heard->{head} }, $line;
			$length = $1 if $line =~ /^Content-Length: (\d+)/i;
		}
		read $peer, $heard->{body}, $length;
		print {$peer} $answer;
	};
}

my $taken = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
my %port = (
	mail         => counterpart(mail => smtp()),
	mail_refuses => counterpart(mail_refuses => smtp('RCPT')),
	mail_data    => counterpart(mail_data => smtp('DATA')),
	mail_hangs   => counterpart(mail_hangs => sub { my ($peer, $heard) = @_; $heard->{line} = <$peer> }),
	mail_cuts    => counterpart(mail_cuts => sub { my ($peer, $heard) = @_; print {$peer} "220 counterpart\r\n"; $heard->{line} = <$peer> }),
	sms          => counterpart(sms => http($taken)),
	sms_refuses  => counterpart(sms_refuses => http("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
);
$port{sms_elsewhere} = counterpart(sms_elsewhere =>
	http("HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:$port{sms}/there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
my $nobody = do { my $free = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die; $free->sockport };

# ---- the instance; its gateways are changed by other settings and a restart of the program

my $sw = SingleWindow::Instance->start(settings => { portal_zh => '测试门户', mail_from => 'noreply@portal.example' });
my $portal = $sw->signed_in('demo_portal');

sub gateways {
	my (%setting) = @_;
	my $file = $sw->var . '/settings';
	open my $in, '<:encoding(UTF-8)', $file or die;
	my @lines = grep { !/^(mail_gateway|sms_gateway|sms_token|gateway_private) =/ } <$in>;
	open my $out, '>:encoding(UTF-8)', $file or die;
	print {$out} @lines, map { "$_ = $setting{$_}\n" } sort keys %setting;
	close $out or die;
	$sw->restart('account');
	return;
}

sub captcha { my ($client) = @_; return (captcha_id => $client->post('/api/account/captcha', {})->json->{id}, captcha => 'TEST') }

sub ask_for_code {
	my (%what) = @_;
	my $client = $sw->client;
	return $client->post('/api/account/contact-codes', { purpose => 'register', captcha($client), %what });
}

sub in_mailbox {
	my ($to) = @_;
	return grep { $_->{to} eq $to } @{ $portal->get('/api/account/mailbox', { size => 100 })->json->{items} };
}

sub decoded { my ($text) = @_; my $bytes = decode_base64($text); utf8::decode($bytes); return $bytes }
sub subject_of { my ($message) = @_; my ($subject) = $message =~ /^Subject: ((?:.*\r\n)(?: .*\r\n)*)/m; return join '', map { decoded($_) } $subject =~ /=\?UTF-8\?B\?([^?]*)\?=/g }

# ---- both ways work

gateways(gateway_private => 1, mail_gateway => "smtp://127.0.0.1:$port{mail}", sms_gateway => "http://127.0.0.1:$port{sms}/send", sms_token => 'secret-token-1');

is(ask_for_code(email => 'Wang@Example.com')->status, 204, 'a code for an e-mail address is asked for');
ok(wait_until(sub { (heard_by('mail'))[0] }), 'it comes by SMTP');
my ($mail) = heard_by('mail');
my ($envelope, $recipient) = map { my $word = $_; (grep { /^$word/ } @{ $mail->{commands} })[0] } 'MAIL FROM', 'RCPT TO';
like($envelope, qr/^MAIL FROM:<noreply\@portal\.example>/, 'from the address of the settings');
is($recipient, 'RCPT TO:<wang@example.com>', 'to the address that was given');
is(scalar(grep { /^RCPT/ } @{ $mail->{commands} }), 1, 'and to nobody else');
my ($head, $body) = split /\r\n\r\n/, $mail->{message}, 2;
is(join(' ', map { /^([\w-]+):/ ? $1 : () } split /\r\n/, $head), 'From To Message-ID Subject MIME-Version Content-Type Content-Transfer-Encoding',
	'with the headers that a message has, and no other');
like($head, qr/^To: <wang\@example\.com>\r?$/m, 'the recipient in the header');
is(subject_of($mail->{message}), '测试门户 验证码 / Verification code', 'the subject names the portal');
like(decoded($body), qr/您的验证码是 (\d{6})，.*\nYour verification code is \1,/, 'the text tells the code in two languages');
is(scalar(in_mailbox('wang@example.com')), 0, 'what a gateway took does not lie in the mailbox');

is(ask_for_code(mobile => '13800000001')->status, 204, 'a code for a mobile number');
ok(wait_until(sub { (heard_by('sms'))[0] }), 'comes by SMS');
my ($sms) = heard_by('sms');
is($sms->{head}[0], 'POST /send HTTP/1.1', 'to the address of the settings');
ok((grep { $_ eq 'Authorization: Bearer secret-token-1' } @{ $sms->{head} }), 'with the token');
ok((grep { $_ eq 'Content-Type: application/json' } @{ $sms->{head} }), 'as JSON');
my $message = JSON::PP->new->utf8->decode($sms->{body});
is_deeply([ sort keys %$message ], [qw(text to)], 'of a recipient and a text');
is($message->{to}, '13800000001', 'for the number that was given');
my ($code) = $message->{text} =~ /您的验证码是 (\d{6})/;
my $client = $sw->client;
my %person = (kind => 'person', name => 'by_sms', password => 'correct horse', display_name => "李四", mobile => '13800000001');
is($client->post('/api/account/registrations', { %person, mobile_code => $code, captcha($client) })->status, 201, 'and its code is the right one');

# ---- recovery: only who is known gets a message, everybody the same answer

$sw->clock('2026-09-03T10:02:00+08:00');
my $before = heard_by('sms');
my ($unknown, $known) = map { ask_for_code(purpose => 'recover', mobile => $_) } '13899999999', '13800000001';
ok(wait_until(sub { heard_by('sms') > $before }), 'a code to replace a password comes, too');
my (undef, @recovery) = map { JSON::PP->new->utf8->decode($_->{body})->{to} } heard_by('sms');
is_deeply(\@recovery, ['13800000001'], 'to whom is known, and to nobody who asked before');
is_deeply([ map { [ $_->status, $_->content // '' ] } $unknown ], [ map { [ $_->status, $_->content // '' ] } $known ], 'who is not known cannot be told from the answer');

# ---- nothing that a user says becomes a header, a recipient or a command

my @heard = map { scalar heard_by($_) } qw(mail sms);
for my $address ("a\@example.com\r\nBcc: b\@example.com", "a\@example.com\nRCPT TO:<b\@example.com>", 'a@example.com>,<b@example.com', 'a@example.com b@example.com',
	'"a b"@example.com', 'a@example.com%0d%0aBcc:b@example.com;', 'ä@example.com', "a\@example.com\x{85}Bcc: b", 'a@b@example.com') {
	is(ask_for_code(email => $address)->status, 422, 'no address: ' . ($address =~ s/[\r\n\x{85}]/~/gr));
}
is(ask_for_code(mobile => $_)->status, 422, 'no number: ' . s/[\r\n]/~/gr) for "13800000002\r\nX: y", '13800000002","to":"1390000', '+8613800000002';
is(ask_for_code(email => 'trimmed@example.com', purpose => "register\r\nX: y")->status, 422, 'no purpose with line ends');
is_deeply([ map { scalar heard_by($_) } qw(mail sms) ], \@heard, 'nothing of that reached a gateway');
my $host = $sw->client;
my $json = JSON::PP->new->canonical->encode({ purpose => 'register', email => 'host@example.com', captcha($host) });
like($sw->raw("POST /api/account/contact-codes HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\nX-CSRF-Token: " . $host->csrf
	. "\r\nCookie: sw_guest=" . $host->cookie('sw_guest') . "\r\nContent-Type: application/json\r\nContent-Length: " . length($json) . "\r\n\r\n$json"),
	qr{^HTTP/1\.1 204 }, 'with another Host header');
ok(wait_until(sub { heard_by('mail') > $heard[0] }), 'a message goes out');
my ($from_host) = (heard_by('mail'))[-1]{message};
unlike($from_host . decoded((split /\r\n\r\n/, $from_host, 2)[1]) . subject_of($from_host), qr/evil/, 'in which that host does not stand');

# ---- gateways that do not take it: the administrator has it, the user does not notice

sub kept_in_mailbox {
	my ($what, $way, $to) = @_;
	is(ask_for_code($way eq 'mail' ? (email => $to) : (mobile => $to))->status, 204, "$what: the same answer");
	ok(wait_until(sub { in_mailbox($to) }, 20), 'the message lies in the mailbox');
	my ($kept) = in_mailbox($to);
	like($kept->{text}, qr/\d{6}/, 'with its code');
	is($kept->{way}, $way, 'and how it was to go');
	return;
}

my $number = 10;
for my $case ([ 'refuses the recipient', $port{mail_refuses}, 'fails', $port{sms_refuses} ], [ 'refuses the text', $port{mail_data}, 'is not there', $nobody ],
	[ 'hangs up', $port{mail_cuts}, 'sends elsewhere', $port{sms_elsewhere} ], [ 'is not there', $nobody ], [ 'says nothing', $port{mail_hangs} ]) {
	my ($mail_does, $mail_port, $sms_does, $sms_port) = @$case;
	$number++;
	gateways(gateway_private => 1, mail_gateway => "smtp://127.0.0.1:$mail_port", $sms_port ? (sms_gateway => "http://127.0.0.1:$sms_port/") : ());
	my $sent = heard_by('sms');
	kept_in_mailbox("an SMS gateway that $sms_does", 'sms', "137000000$number") if $sms_does;
	kept_in_mailbox("a mail gateway that $mail_does", 'mail', "case$number\@example.com");
	is(scalar heard_by('sms'), $sent, 'a redirect is not followed') if ($sms_does // '') eq 'sends elsewhere';
}
is(scalar heard_by('sms_elsewhere'), 1, 'and nothing is sent twice');

# ---- without gateway_private nothing that is not of the public internet is connected to

sub turned_away { my @times = $sw->log_text('account') =~ /event=gateway .*private address/g; return scalar @times }

@heard = map { scalar heard_by($_) } qw(mail sms);
for my $places ([ "127.0.0.1:$port{mail}", "localhost:$port{sms}" ], [ "localhost:$port{mail}", "[::ffff:127.0.0.1]:$port{sms}" ],
	[ "[::1]:$port{mail}", "169.254.169.254:$port{sms}" ], [ "[::ffff:127.0.0.1]:$port{mail}", '10.0.0.1:443' ], [ "2130706433:$port{mail}", '[fd00::1]:443' ]) {
	$number++;
	gateways(mail_gateway => "smtp://$places->[0]", sms_gateway => "https://$places->[1]/");
	my $times = turned_away();
	kept_in_mailbox("a mail gateway at $places->[0]", 'mail', "place$number\@example.com");
	is(turned_away(), $times + 1, 'for where it stands');
	kept_in_mailbox("an SMS gateway at $places->[1]", 'sms', "136000000$number");
	is(turned_away(), $times + 2, 'for where it stands');
}
is_deeply([ map { scalar heard_by($_) } qw(mail sms) ], \@heard, 'nobody was connected to');

my $log = $sw->log_text('account');
unlike($log, qr/secret-token-1|\b$code\b/, 'neither tokens nor codes are logged');

# ---- settings that cannot be meant

my $program = "$SingleWindow::Instance::ROOT/build/$sw->{variant}/bin/singlewindow-account";
for my $case ([ 'mail_gateway = http://127.0.0.1/', 'mail_gateway' ], [ 'sms_gateway = http://sms.example/', 'sms_gateway' ], [ 'sms_gateway = file:///etc/passwd', 'sms_gateway' ]) {
	my ($line, $named) = @$case;
	my $file = $sw->var . '/settings.test';
	open my $in, '<', $sw->var . '/settings' or die;
	open my $out, '>', $file or die;
	print {$out} (grep { !/^(mail|sms)_gateway =/ } <$in>), "$line\n";
	close $out;
	my $said = `timeout 20 '$program' '$file' 2>&1`;
	is($? >> 8, 1, "$line: the program does not start");
	like($said, qr/$named/, 'and names the setting');
}

done_testing();
