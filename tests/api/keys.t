#!/usr/bin/perl
# Electronic keys of accounts (R-KEY-1, R-KEY-2): binding, unbinding, signing in, revoking; and what is refused, with nothing stored.
# The keys here are files (SingleWindow::Signer); with real cards: ekey_control.t and tests/browser/ekey_flow.t.
use strict;
use warnings;
use utf8;
use Test::More;
use Time::HiRes qw(sleep);

use SingleWindow::Instance;
use SingleWindow::Signer;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $sw = SingleWindow::Instance->start;
my ($operator, $other, $administrator) = map { $sw->signed_in("demo_$_") } qw(operator other portal);
my ($uscc, $foreign) = map { $_->session->{enterprise}{uscc} } $operator, $other;
my $count = sub { $sw->sql('account', 'SELECT count(*) FROM ekey') + 0 };
my $challenge = sub { my ($client) = @_; $client->post('/api/account/keys/challenge', {})->json->{challenge} };
my $signer = sub { SingleWindow::Signer->new($sw, uscc => $uscc, @_) };

sub refused {
	my ($answer, $status, $name, $what) = @_;
	my $before = $count->();
	is($answer->status . ' ' . ($answer->json->{type} =~ s{.*/}{}r), "$status $name", $what);
	like($answer->json->{message}{zh} // '', qr/\p{Han}/, "... told in Chinese: $name");
	is($count->(), $before, '... and nothing is stored');
	return;
}

# ---- binding

is_deeply([ @{ $operator->get('/api/account/keys')->json }{qw(items required)} ], [ [], JSON::PP::false ], 'at first there is no key, and a demo does not demand one');
my %key = map { $_ => $signer->(algorithm => $_) } qw(RSA-2048 P-256 SM2);
for my $algorithm (sort keys %key) {
	my $answer = $key{$algorithm}->bind($operator, label => "key $algorithm");
	is($answer->status, 201, "a key with $algorithm is bound");
	my ($item) = grep { $_->{algorithm} eq $algorithm } @{ $answer->json->{items} };
	is(join('|', @{$item}{qw(label holder state)}), "key $algorithm|$uscc|active", '... and listed with its holder');
}
refused($key{'P-256'}->bind($operator), 409, 'key_bound', 'twice it is not bound');
refused($key{'P-256'}->bind($other), 409, 'key_wrong_holder', 'nor by another enterprise');
my $colleague = $sw->signed_in('demo_admin');
refused($key{'P-256'}->bind($colleague), 409, 'key_bound_elsewhere', 'nor by a colleague while it is bound');
refused($signer->(uscc => $foreign)->bind($operator), 409, 'key_wrong_holder', 'a key of another enterprise');
refused($signer->(validity => ['--expired'])->bind($operator), 409, 'key_expired', 'an expired certificate');
refused($signer->(validity => [ '--from', '2030-01-01' ])->bind($operator), 409, 'key_not_yet_valid', 'one of the future');
my $list_read = sub { my ($value) = @_; sleep 1.1; $value };    # a list is looked at again after a second
my $revoked = $list_read->($signer->()->revoke);
refused($revoked->bind($operator), 409, 'key_revoked', 'one on the revocation list');

# an authority that nobody trusts
my $stranger = $sw->var . '/stranger';
system("$SingleWindow::Instance::ROOT/platform/authority", 'make', $stranger) == 0 or die 'no authority';
refused($signer->(authority => $stranger)->bind($operator), 409, 'key_unknown_authority', 'one of an unknown authority');

my $good = $signer->();
my $text = $challenge->($operator);
my @answers = map { $good->answer($_, $text) } qw(9A 9C);
my $bind = sub { my ($client, %change) = @_; $client->post('/api/account/keys', { challenge => $text, signatures => \@answers, %change }) };
refused($bind->($operator, signatures => [ $answers[0] ]), 422, 'signature_unreadable', 'one signature where two are due');
refused($bind->($operator, signatures => [ @answers, $answers[0] ]), 422, 'signature_unreadable', 'three');
refused($bind->($operator, signatures => [ $answers[0], { %{ $answers[1] }, certificate => 'AAAA' } ]), 422, 'certificate_unreadable', 'a broken certificate');
refused($bind->($operator, signatures => [ $answers[0], { %{ $answers[1] }, certificate => 'A' x 20000 } ]), 422, 'signature_unreadable', 'one that is too long');
refused($bind->($operator, signatures => 'none'), 422, 'signature_unreadable', 'no list');
refused($bind->($other), 409, 'challenge_over', "another user's challenge");
refused($bind->($operator), 409, 'challenge_over', '... which is used up by that');
$text = $challenge->($operator);
@answers = map { $good->answer($_, $text) } qw(9A 9C);
refused($bind->($operator, signatures => [ $answers[0], { %{ $answers[1] }, signature => $answers[0]{signature} } ]), 409, 'signature_wrong', "the other slot's signature");
$text = $challenge->($operator);
@answers = map { $good->answer($_, $text) } qw(9A 9C);
refused($bind->($operator, challenge => $text =~ s/nonce: ./nonce: 0/r =~ s/time:/time: /r), 409, 'challenge_over', 'an altered challenge');
$text = $operator->post('/api/account/session/challenge', {})->json->{challenge};
@answers = map { $good->answer($_, $text) } qw(9A 9C);
refused($bind->($operator), 409, 'challenge_over', 'a challenge of signing in');
$text = $challenge->($operator);
like($text, qr/\Asingle window key challenge\nportal: \Q@{[ $sw->url ]}\E\nuse: bind\nnonce: [0-9a-f]{64}\ntime: \S+\n\z/, 'a challenge names the portal and what it is for');
@answers = map { $good->answer($_, $text) } qw(9A 9C);
is($bind->($operator)->status, 201, 'the good one is bound');
refused($bind->($operator), 409, 'challenge_over', 'a replayed challenge');
my ($nonce) = $text =~ /nonce: (\w+)/;
is($sw->sql('account', "SELECT count(*) FROM key_challenge WHERE nonce = '$nonce'") + 0, 1, '... also if Redis brought old data back: the database knows it');
is($operator->post('/api/account/keys', { challenge => $text, signatures => \@answers }, 'X-CSRF-Token' => 'x')->status, 403, 'without the CSRF token nothing is bound');

# ---- signing in

my $guest = $sw->client;
$guest->session;
my $answer = $good->sign_in($guest);
is($answer->status . ' ' . $answer->json->{user}{name}, '200 demo_operator', 'the key signs its user in');
is($guest->get('/api/account/keys')->status, 200, '... with a session');
my $last = $sw->sql('account', "SELECT detail FROM audit_event WHERE action = 'sign_in' ORDER BY id DESC LIMIT 1");
like($last, qr/^key/, '... and the audit says how');

my $visitor = sub { my $client = $sw->client; $client->session; $client };
my $fresh = $visitor->();
refused($signer->()->sign_in($fresh), 409, 'key_not_bound', 'a key that nobody has bound signs nobody in');
$text = $fresh->post('/api/account/session/challenge', {})->json->{challenge};
my $said = $good->answer('9A', $text);
my $enter = sub { my (%change) = @_; $fresh->post('/api/account/session/key', { challenge => $text, signature => { %$said, %change } }) };
refused($enter->(signature => $good->answer('9C', $text)->{signature}), 409, 'signature_wrong', 'a signature of the other slot');
refused($enter->(), 409, 'challenge_over', '... and the challenge is over');
$text = $fresh->post('/api/account/session/challenge', {})->json->{challenge};
$said = $good->answer('9A', $text);
is($enter->()->status, 200, 'the right one');
$fresh = $visitor->();
refused($enter->(), 409, 'challenge_over', 'replayed from elsewhere it is worth nothing');
$text = $visitor->()->post('/api/account/session/challenge', {})->json->{challenge};
$said = $good->answer('9A', $text);
$sw->clock('2026-09-03T10:00:00+08:00');
is($enter->()->status, 200, 'a challenge is good for whoever holds the key');

$sw->sql('account', "UPDATE user_account SET state = 'locked' WHERE name = 'demo_operator'");
refused($good->sign_in($visitor->()), 403, 'locked', 'a locked account');
$sw->sql('account', "UPDATE user_account SET state = 'active' WHERE name = 'demo_operator'");
refused($list_read->($key{'P-256'}->revoke)->sign_in($visitor->()), 409, 'key_revoked', 'what its authority revokes signs nobody in any more');

# ---- the list, unbinding

my $ending = $signer->(validity => [ '--until', '2026-09-20' ]);
my ($item) = grep { $_->{label} eq 'soon' } @{ $ending->bind($operator, label => 'soon')->json->{items} };
is("$item->{state} $item->{days_left}", 'expiring 16', 'a key that ends within 30 days is told');
is($other->delete("/api/account/keys/$item->{id}")->status, 404, "another user's key cannot be unbound");
$sw->clock('2026-09-21T10:00:00+08:00');
refused($ending->sign_in($visitor->()), 409, 'key_expired', 'later it has ended');
$operator = $sw->signed_in('demo_operator');
is((grep { $_->{label} eq 'soon' } @{ $operator->get('/api/account/keys')->json->{items} })[0]{state}, 'expired', '... and the list says so');
$sw->clock('2026-09-03T10:00:00+08:00');
($operator, $other, $administrator) = map { $sw->signed_in("demo_$_") } qw(operator other portal);
is($operator->delete("/api/account/keys/$item->{id}")->status, 204, 'the own can');
is($operator->delete("/api/account/keys/$item->{id}")->status, 404, '... once');
refused($ending->sign_in($visitor->()), 409, 'key_not_bound', '... and signs nobody in any more');
is($ending->bind($operator)->status, 201, '... but can be bound again');

# ---- administrators

my $list = $administrator->get('/api/account/admin/keys', { q => 'demo_operator', state => 'active' })->json;
is($list->{total}, scalar(grep { $_->{state} =~ /^(active|expiring)$/ } @{ $operator->get('/api/account/keys')->json->{items} }), 'an administrator finds the keys of a user');
is($list->{items}[0]{user}, 'demo_operator', '... with whose they are');
is($operator->get('/api/account/admin/keys')->status, 403, 'nobody else sees them');
($item) = grep { $_->{algorithm} eq 'RSA-2048' } @{ $list->{items} };
is($operator->post("/api/account/admin/keys/$item->{id}/revoke", { reason => 'x' })->status, 403, 'nor revokes');
is($administrator->post("/api/account/admin/keys/$item->{id}/revoke", {})->status, 422, 'a revocation wants a reason');
is($administrator->post("/api/account/admin/keys/$item->{id}/revoke", { reason => '遗失' })->status, 204, 'with one it is done');
is($administrator->post("/api/account/admin/keys/$item->{id}/revoke", { reason => '遗失' })->status, 404, '... once');
is($sw->sql('account', "SELECT epoch FROM user_account WHERE name = 'demo_operator'") + 0, 2, '... and the sessions of its user end');
refused($key{'RSA-2048'}->sign_in($visitor->()), 409, 'key_not_bound', 'it signs nobody in');
$operator = $sw->signed_in('demo_operator');
refused($key{'RSA-2048'}->bind($operator), 409, 'key_revoked', 'and is never bound again');
is(join(' ', map { "$_->{state} $_->{reason}" } grep { $_->{algorithm} eq 'RSA-2048' } @{ $operator->get('/api/account/keys')->json->{items} }), 'revoked 遗失', 'the user is told why');

my $person = $sw->signed_in('demo_person');
is(SingleWindow::Signer->new($sw, name => $person->session->{user}{display_name})->bind($person)->status, 201, 'a natural person binds a key with the own name');
refused(SingleWindow::Signer->new($sw, name => '别人')->bind($person), 409, 'key_wrong_holder', '... and no other');
is($sw->signed_in('demo_first')->get('/api/account/keys')->status, 403, 'officers have no keys');

done_testing;
