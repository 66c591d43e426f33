#!/usr/bin/perl
# Accounts from the outside: signing in and out, registration, recovery, operators, officers, articles, partners, audit.
use strict;
use warnings;
use utf8;
use Test::More;
use Time::HiRes qw(sleep time);

use SingleWindow::Instance;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $sw = SingleWindow::Instance->start;

# ---- helpers

sub problem {    # status, and what the problem is about
	my ($answer, $status, $name, $field, $what) = @_;
	my $json = $answer->status >= 400 ? $answer->json : {};
	is(join(' ', $answer->status, $json->{type} // '-', $json->{field} // '-'), "$status /problems/$name " . ($field // '-'), $what)
		or diag $answer->text;
	ok($json->{message}{zh} && $json->{message}{en}, "$what: words in two languages");
	return $json;
}
sub captcha { my ($client) = @_; return (captcha_id => $client->post('/api/account/captcha', {})->json->{id}, captcha => 'TEST') }
my $portal = $sw->signed_in('demo_portal');
sub last_code {    # the code in the newest message to an address
	my ($to) = @_;
	for my $item (@{ $portal->get('/api/account/mailbox', { size => 100 })->json->{items} }) {
		return $item->{text} =~ /(\d{6})/ ? $1 : undef if $item->{to} eq $to;
	}
	return;
}
# a fresh address for what counts failures: the rules are per (account, address), so another account does as well
my $serial = 0;
sub person {
	my ($client, %more) = @_;
	$serial++;
	return $client->post('/api/account/registrations',
		{ kind => 'person', name => "person$serial", password => 'correct horse', display_name => '李四', email => "p$serial\@example.com", captcha($client), %more });
}

# ---- the session of somebody who is not signed in

my $guest = $sw->client;
my $session = $guest->get('/api/account/session');
is($session->status, 200, 'the session of a guest');
my $json = $session->json;
ok(!$json->{signed_in} && $json->{demo} && $json->{csrf} =~ /^[0-9a-f]{32}$/, 'not signed in, a demo, with a CSRF token');
is($json->{today}, '2026-09-03', 'the business date');
is($json->{portal}{zh}, '中国国际贸易单一窗口', 'the name of the portal');
like($session->header('Set-Cookie'), qr/^sw_guest=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$/, 'a guest cookie');

# ---- captchas

my $captcha = $guest->post('/api/account/captcha', {})->json;
like($captcha->{image}, qr{^data:image/png;base64,iVBOR[A-Za-z0-9+/=]+$}, 'a captcha is a PNG');
like($captcha->{id}, qr/^[0-9a-f]{32}$/, 'with an id');
{
	my $client = $sw->client;
	my %entry = (name => 'demo_first', password => $sw->password('demo_first'));
	problem($client->post('/api/account/session', { %entry, captcha_id => $captcha->{id}, captcha => 'WRONG' }), 422, 'captcha', 'captcha', 'a wrong captcha');
	problem($client->post('/api/account/session', { %entry, captcha_id => $captcha->{id}, captcha => 'TEST' }), 422, 'captcha', 'captcha', 'a wrong answer uses it up');
	my %right = captcha($client);
	is($client->post('/api/account/session', { %entry, %right, captcha => ' te st' })->status, 200, 'small letters and spaces do not matter');
	$client->session;
	problem($client->post('/api/account/session', { %entry, %right }), 422, 'captcha', 'captcha', 'a captcha serves once');
	problem($client->post('/api/account/session', \%entry), 422, 'captcha', 'captcha', 'no captcha');
	problem($client->post('/api/account/session', { %entry, captcha_id => "*\r\nx", captcha => 'TEST' }), 422, 'control_character', 'captcha_id', 'a captcha id with tricks');
}

# ---- signing in

{
	my $client = $sw->client;
	my $answer = $client->sign_in('DEMO_ADMIN', $sw->password('demo_admin'));
	is($answer->status, 200, 'signing in; capitals in the name do not matter');
	my $user = $answer->json->{user};
	is($user->{name}, 'demo_admin', 'as oneself');
	is_deeply($user->{rights}{export}, [qw(view edit submit)], 'an administrator may do all that applicants do');
	is_deeply($answer->json->{enterprise}, { code => '1100776367555', name => '签章测试企业', uscc => '988899977763675550' }, 'with the enterprise');
	is($answer->json->{expires}, $sw->clock + 12 * 3600 * 1000, 'for twelve hours');
	my $token = $client->cookie('sw_session');
	like($token, qr/^[0-9a-f]{64}$/, '256 bits');
	is($client->get('/api/account/profile')->json->{display_name}, '演示企业管理员', 'the session is good');
	$client->sign_in('demo_operator', $sw->password('demo_operator'));
	isnt($client->cookie('sw_session'), $token, 'another sign-in, another token');
	my $old = $sw->client;
	$old->set_cookie(sw_session => $token);
	is($old->get('/api/account/profile')->status, 401, 'and the old one is worth nothing');
	is_deeply($sw->signed_in('demo_second')->session->{agency}, { code => 'AA', name => '商务部配额许可证事务局' }, 'an officer has an agency');
}
{
	my $client = $sw->client;
	my $wrong = $client->sign_in('demo_ab', 'wrong password');
	my $unknown = $client->sign_in('nobody_at_all', 'wrong password');
	problem($wrong, 422, 'wrong_credentials', 'password', 'a wrong password');
	my @both = map { my $json = $_->json; delete $json->{id}; $json } $wrong, $unknown;
	is_deeply($both[0], $both[1], 'an unknown user gets the same answer');
	problem($client->sign_in('', 'x'), 422, 'required', 'name', 'no name');
	problem($client->sign_in('demo_ab', ''), 422, 'required', 'password', 'no password');
	problem($client->sign_in('demo_ab', 'x' x 200), 422, 'too_long', 'password', 'too long a password');
	problem($client->sign_in("demo_ab' OR 1=1 --", 'x'), 422, 'wrong_credentials', 'password', 'SQL in the name');
		is($client->post('/api/account/session', '{"name":', 'Content-Type' => 'application/json')->status, 400, 'broken JSON');
	is($client->post('/api/account/session', '[]', 'Content-Type' => 'application/json')->status, 400, 'no object');
	is($client->post('/api/account/session', { name => [], password => 'x' })->status, 422, 'a name that is no text');
	is($client->post('/api/account/session', { name => 'a' x 5000 })->status, 413, 'a huge body');
}
{    # equal time: the median of a few
	my $median = sub {
		my ($name) = @_;
		my @times;
		for (1 .. 2) {
			my $client = $sw->client;
			my %captcha = captcha($client);
			my $start = time;
			$client->post('/api/account/session', { name => $name . $_, password => 'no such password', %captcha });
			push @times, time - $start;
		}
		return (sort { $a <=> $b } @times)[0];
	};
	my $unknown = $median->('nobody_else');
	cmp_ok($unknown, '>', 0.01, 'an unknown user costs a hash, too');
}

# ---- growing delay

{
	my $client = $sw->client;
	person($client, name => 'delayed')->status;
	problem($client->sign_in('delayed', "wrong $_"), 422, 'wrong_credentials', 'password', "failure $_") for 1 .. 3;
	my $limited = $client->sign_in('delayed', 'correct horse');
	problem($limited, 429, 'too_many_failures', undef, 'then one has to wait, even with the right password');
	is($limited->header('Retry-After'), 1, 'a second first');
	is($sw->signed_in('demo_person')->session->{signed_in}, 1, 'others do not');
	sleep 1.1;
	problem($client->sign_in('delayed', 'wrong 4'), 422, 'wrong_credentials', 'password', 'after that one may try again');
	is($client->sign_in('delayed', 'correct horse')->header('Retry-After'), 2, 'the delay doubles');
	sleep 2.1;
	is($client->sign_in('delayed', 'correct horse')->status, 200, 'and ends');
	problem($client->sign_in('delayed', 'wrong 5'), 422, 'wrong_credentials', 'password', 'success forgets the failures');
	is($client->sign_in('delayed', 'correct horse')->status, 200, 'no delay after one failure');
}

# ---- CSRF

{
	my $client = $sw->signed_in('demo_operator');
	for my $token (undef, '', 'f' x 32, $guest->csrf) {
		my $answer = $client->delete('/api/account/session', 'X-CSRF-Token' => $token);
		is($answer->status, 403, 'signing out with the token ' . ($token // '(none)') . ' is refused');
	}
	is($client->get('/api/account/profile')->status, 200, 'and nothing happened');
	is($sw->client->post('/api/account/captcha', {}, 'X-CSRF-Token' => undef)->status, 403, 'guests have one as well');
	is($client->post('/api/account/captcha', {}, Origin => 'https://evil.example')->status, 403, 'another origin is refused');
}

# ---- signing out, here and everywhere; expiry

{
	my $client = $sw->signed_in('demo_operator');
	my $other = $sw->signed_in('demo_operator');
	my $token = $client->cookie('sw_session');
	is($client->sign_out->status, 204, 'signing out');
	$client->set_cookie(sw_session => $token);
	is($client->get('/api/account/profile')->status, 401, 'the token is worth nothing any more');
	is($other->get('/api/account/profile')->status, 200, 'the other session goes on');
	my $third = $sw->signed_in('demo_operator');
	is($third->get('/api/export/documents')->status, 200, 'in another program, too');
	is($other->delete('/api/account/sessions')->status, 204, 'signing out everywhere');
	sleep 5.3;    # what programs remember of an epoch
	is($third->get('/api/account/profile')->status, 401, 'ends the other session');
	is($third->get('/api/export/documents')->status, 401, 'in every program');
	is($sw->signed_in('demo_operator')->get('/api/export/documents')->status, 200, 'signing in again works at once');
	is($sw->client->delete('/api/account/session')->status, 204, 'a guest may sign out');
	is($sw->client->delete('/api/account/sessions')->status, 401, 'but not everywhere');
}
{
	my $client = $sw->signed_in('demo_second');
	$sw->clock('2026-09-03T21:59:00+08:00');
	is($client->get('/api/account/profile')->status, 200, 'a session lives for twelve hours');
	$sw->clock('2026-09-03T22:00:01+08:00');
	is($client->get('/api/account/profile')->status, 401, 'and not longer');
	ok(!$client->session->{signed_in}, 'as the session says');
	$sw->clock('2026-09-03T10:00:00+08:00');
}

# ---- registration

my %enterprise = (name => '北京测试进出口有限公司', enterprise_code => '1100299201930', uscc => '91110000299201930a', address => '北京', contact => '王五', phone => '010-87654321', region => '北京');
my $new = $sw->client;
sub register {
	my ($change, %more) = @_;
	return $new->post('/api/account/registrations',
		{ kind => 'enterprise', name => 'newcomer', password => 'a long password', display_name => '王五', mobile => '13800000001', email => 'Wang@Example.com',
			enterprise => { %enterprise, %$change }, captcha($new), %more });
}
problem(register({}, name => 'abc'), 422, 'user_name', 'name', 'too short a name');
problem(register({}, name => 'a b c d'), 422, 'user_name', 'name', 'a name with spaces');
problem(register({}, name => '9lives'), 422, 'user_name', 'name', 'a name that begins with a digit');
problem(register({}, name => '<script>'), 422, 'user_name', 'name', 'HTML in the name');
problem(register({}, name => 'x' x 33), 422, 'user_name', 'name', 'too long a name');
problem(register({}, password => 'short1!'), 422, 'weak_password', 'password', 'too short a password');
problem(register({}, password => 'abcdefg1'), 422, 'weak_password', 'password', '8 characters of two kinds');
problem(register({}, password => 'aaaaaaaaaaaa'), 422, 'weak_password', 'password', 'one character again and again');
problem(register({}, name => 'new_comer_x', password => 'New_Comer_X'), 422, 'weak_password', 'password', 'the name as password');
problem(register({}, mobile => '12345'), 422, 'mobile', 'mobile', 'no mobile number');
problem(register({}, email => 'nobody'), 422, 'email', 'email', 'no e-mail address');
problem(register({}, email => '', mobile => ''), 422, 'required', 'mobile', 'no address at all');
problem(register({}, display_name => ' '), 422, 'required', 'display_name', 'no display name');
problem(register({}, kind => 'robot'), 422, 'kind', 'kind', 'an unknown kind');
problem(register({}, enterprise => undef), 422, 'required', 'enterprise', 'no enterprise');
problem(register({ uscc => '123' }), 422, 'uscc', 'enterprise/uscc', 'a wrong USCC');
problem(register({ enterprise_code => '1100299201931' }), 422, 'enterprise_code', 'enterprise/enterprise_code', 'a wrong check character');
problem(register({ enterprise_code => '11002992' }), 422, 'enterprise_code', 'enterprise/enterprise_code', 'too short a code');
problem(register({ name => '' }), 422, 'required', 'enterprise/name', 'no name of the enterprise');
problem(register({ phone => 'call me' }), 422, 'phone', 'enterprise/phone', 'no telephone number');
problem(register({}, captcha => 'NOPE'), 422, 'captcha', 'captcha', 'a wrong captcha');
problem(register({}, name => 'demo_admin'), 422, 'name_taken', 'name', 'a name that is taken');
problem(register({ enterprise_code => '1100776367555' }), 422, 'enterprise_exists', 'enterprise/enterprise_code', 'an enterprise that is registered');
problem(register({ uscc => '988899977763675550' }), 422, 'enterprise_exists', 'enterprise/uscc', 'a USCC that is registered');
is(0 + $sw->sql(account => "SELECT COUNT(*) FROM enterprise"), 2, 'nothing of all that was stored');

is($new->post('/api/account/contact-codes', { purpose => 'register', mobile => '13800000001', captcha($new) })->status, 204, 'a code to the mobile number');
my $code = last_code('13800000001');
like($code, qr/^\d{6}$/, 'is in the local mailbox');
problem($new->post('/api/account/contact-codes', { purpose => 'register', mobile => '13800000001', captcha($new) }), 429, 'too_soon', undef, 'the next one a minute later');
problem(register({}, mobile_code => $code eq '000000' ? '000001' : '000000'), 422, 'contact_code', 'mobile_code', 'a wrong code');
problem(register({}, name => 'demo_admin', mobile_code => $code), 422, 'name_taken', 'name', 'the right one, but the name is taken');
my $registered = register({}, mobile_code => $code);
is($registered->status, 201, 'registered') or diag $registered->text;
my $administrator = $sw->client;
my $first = $administrator->sign_in('newcomer', 'a long password');
is($first->status, 200, 'and signed in');
is_deeply($first->json->{enterprise}, { code => '1100299201930', name => $enterprise{name}, uscc => '91110000299201930A' }, 'as the enterprise, codes in capitals');
ok($first->json->{user}{enterprise_administrator}, 'whose administrator one is');
is($administrator->get('/api/account/enterprise')->json->{organisation_code}, '299201930', 'the organisation code is part of the 13 digits');
problem(register({ enterprise_code => '1100299201930' }, name => 'second_one'), 422, 'enterprise_exists', 'enterprise/enterprise_code', 'the same enterprise again');

my $citizen = $sw->client;
is(person($citizen, name => 'citizen', email => 'citizen@example.com')->status, 201, 'a person registers');
is($citizen->sign_in('citizen', 'correct horse')->json->{user}{kind}, 'person', 'and signs in');

# ---- profile, password, enterprise

is($citizen->get('/api/account/profile')->json->{email}, 'citizen@example.com', 'the profile');
my $changed = $citizen->put('/api/account/profile', { display_name => '张三 <b>', mobile => '13800000009', email => 'citizen@example.com' });
is($changed->json->{display_name}, '张三 <b>', 'changed');
is($citizen->session->{user}{display_name}, '张三 <b>', 'the session knows');
like($citizen->get('/api/account/session')->text, qr/\\u003cb\\u003e/i, 'and no HTML is in the answer');
problem($citizen->put('/api/account/profile', { display_name => 'x', mobile => '1' }), 422, 'mobile', 'mobile', 'a wrong mobile number');
problem($citizen->put('/api/account/profile', { display_name => 'x' }, 'If-Match' => '"1"'), 412, 'stale_version', undef, 'a stale version');
problem($citizen->put('/api/account/profile', { display_name => 'x' x 300 }), 422, 'too_long', 'display_name', 'too long a name');
is($citizen->get('/api/account/enterprise')->status, 403, 'a person has no enterprise');

my $elsewhere = $sw->client;
$elsewhere->sign_in('citizen', 'correct horse');
problem($citizen->put('/api/account/password', { old => 'wrong horse', new => 'another horse' }), 422, 'wrong_password', 'old', 'a wrong old password');
problem($citizen->put('/api/account/password', { old => 'correct horse', new => 'short' }), 422, 'weak_password', 'new', 'a weak new one');
problem($citizen->put('/api/account/password', { old => 'correct horse', new => 'correct horse' }), 422, 'same_password', 'new', 'the same one');
my $token = $citizen->cookie('sw_session');
is($citizen->put('/api/account/password', { old => 'correct horse', new => 'another horse' })->status, 200, 'the password is changed');
isnt($citizen->cookie('sw_session'), $token, 'under a new token');
ok($citizen->session->{signed_in}, 'this session goes on');
sleep 5.3;
is($elsewhere->get('/api/account/profile')->status, 401, 'others end');
problem($sw->client->sign_in('citizen', 'correct horse'), 422, 'wrong_credentials', 'password', 'the old password is wrong now');
is($sw->client->sign_in('citizen', 'another horse')->status, 200, 'the new one is right');

$changed = $administrator->put('/api/account/enterprise', { name => '新名称有限公司', address => '天津', contact => '王五', phone => '022-1234567', region => '天津' });
is($changed->json->{name}, '新名称有限公司', 'an administrator changes the enterprise');
is($changed->json->{enterprise_code}, '1100299201930', 'but not its code');
is($administrator->session->{enterprise}{name}, '新名称有限公司', 'the session knows');
is($sw->signed_in('demo_admin')->get('/api/account/enterprise')->json->{name}, '签章测试企业', 'another enterprise is as it was');
is($sw->signed_in('demo_operator')->put('/api/account/enterprise', { name => 'x' })->status, 403, 'an operator may not');

# ---- recovery

my $lost = $sw->client;
is($lost->post('/api/account/contact-codes', { purpose => 'recover', email => 'CITIZEN@example.com', captcha($lost) })->status, 204, 'a code to a known address');
is($lost->post('/api/account/contact-codes', { purpose => 'recover', email => 'nobody@example.com', captcha($lost) })->status, 204, 'the same answer for an unknown one');
is(last_code('nobody@example.com'), undef, 'which gets nothing');
$code = last_code('citizen@example.com');
is_deeply($lost->post('/api/account/recoveries/name', { email => 'citizen@example.com', code => $code })->json, { names => ['citizen'] }, 'the user name is told');
problem($lost->post('/api/account/recoveries/name', { email => 'citizen@example.com', code => $code }), 422, 'contact_code', 'code', 'a code serves once');
$sw->clock('2026-09-03T10:02:00+08:00');
$lost->post('/api/account/contact-codes', { purpose => 'recover', email => 'citizen@example.com', captcha($lost) });
$code = last_code('citizen@example.com');
my %recovery = (name => 'citizen', email => 'citizen@example.com', code => $code, password => 'third horse 3');
my $bad = $code eq '111111' ? '222222' : '111111';
problem($lost->post('/api/account/recoveries/password', { %recovery, password => 'weak' }), 422, 'weak_password', 'password', 'a weak password');
problem($lost->post('/api/account/recoveries/password', { %recovery, code => $bad }), 422, 'contact_code', 'code', 'a wrong code');
problem($lost->post('/api/account/recoveries/password', { %recovery, name => 'demo_portal' }), 422, 'unknown_name', 'name', 'somebody else cannot be taken over');
is($lost->post('/api/account/recoveries/password', \%recovery)->status, 204, 'the password is replaced');
is($sw->client->sign_in('citizen', 'third horse 3')->status, 200, 'and good');
$sw->clock('2026-09-03T10:04:00+08:00');
$lost->post('/api/account/contact-codes', { purpose => 'recover', email => 'citizen@example.com', captcha($lost) });
$code = last_code('citizen@example.com');
$bad = $code eq '111111' ? '222222' : '111111';
problem($lost->post('/api/account/recoveries/name', { email => 'citizen@example.com', code => $bad }), 422, 'contact_code', 'code', "wrong code $_") for 1 .. 3;
my $guessing = $lost->post('/api/account/recoveries/name', { email => 'citizen@example.com', code => $code });
problem($guessing, 429, 'too_many_failures', undef, 'then one has to wait, even with the right code: new codes bring no new guesses');
is($guessing->header('Retry-After'), 1, 'a second first');
# the next tries are as if from other addresses
sub forget_waits {
	my $script = q{for _, key in ipairs(redis.call("KEYS", "wait:*")) do redis.call("DEL", key) end};
	`redis-cli -s @{[ $sw->var ]}/run/redis.sock EVAL '$script' 0`;
	return;
}
for (4, 5) { forget_waits(); $lost->post('/api/account/recoveries/name', { email => 'citizen@example.com', code => $bad }) }
forget_waits();
problem($lost->post('/api/account/recoveries/name', { email => 'citizen@example.com', code => $code }), 422, 'contact_code', 'code', 'after five wrong tries the right code is worth nothing');
$sw->clock('2026-09-03T10:06:00+08:00');
$lost->post('/api/account/contact-codes', { purpose => 'recover', email => 'citizen@example.com', captcha($lost) });
$code = last_code('citizen@example.com');
$sw->clock('2026-09-03T10:16:01+08:00');
forget_waits();
problem($lost->post('/api/account/recoveries/name', { email => 'citizen@example.com', code => $code }), 422, 'contact_code', 'code', 'nor after ten minutes');
problem($lost->post('/api/account/contact-codes', { purpose => 'recover', captcha($lost) }), 422, 'required', 'email', 'no address');
problem($lost->post('/api/account/contact-codes', { purpose => 'change', email => 'a@example.com', captcha($lost) }), 422, 'purpose', 'purpose', 'changing needs a session');
problem($lost->post('/api/account/contact-codes', { purpose => 'recover', email => 'a@example.com' }), 422, 'captcha', 'captcha', 'a code needs a captcha');
$sw->clock('2026-09-03T10:00:00+08:00');

# ---- operators

my $made = $administrator->post('/api/account/operators', { name => 'newhand', display_name => '操作员', email => 'hand@example.com', rights => { export => ['edit'] } });
is($made->status, 201, 'an operator is made');
like($made->json->{password}, qr/^[A-Za-z0-9]{14}$/, 'with a password that is shown once');
is_deeply($made->json->{rights}, { export => [qw(view edit)] }, 'who edits also views');
unlike($administrator->get('/api/account/operators')->text, qr/"password"/, 'the list has no password');
my $hand_id = $made->json->{id};
my $hand = $sw->client;
my $in = $hand->sign_in('newhand', $made->json->{password});
ok($in->json->{user}{must_change_password}, 'the operator must change the password');
is_deeply($in->json->{user}{rights}, {}, 'and may do nothing before');
is($hand->get('/api/export/documents')->status, 403, 'nor anywhere else');
is($hand->put('/api/account/password', { old => $made->json->{password}, new => 'my own password' })->status, 200, 'changed');
is_deeply($hand->session->{user}{rights}, { export => [qw(view edit)] }, 'now the rights are there');
is($hand->get('/api/export/documents')->status, 200, 'in other programs, too');
is($hand->get('/api/account/operators')->status, 403, 'an operator looks after nobody');
is($hand->post('/api/account/operators', { name => 'another', display_name => 'x' })->status, 403, 'and makes nobody');
problem($administrator->post('/api/account/operators', { name => 'newhand', display_name => 'x' }), 422, 'name_taken', 'name', 'a name twice');
problem($administrator->post('/api/account/operators', { name => 'hand3', display_name => 'x', rights => { export => ['manage'] } }), 422, 'rights', 'rights', 'no rights of officers');
problem($administrator->post('/api/account/operators', { name => 'hand3', display_name => 'x', rights => { nothing => ['view'] } }), 422, 'rights', 'rights', 'nor in unknown modules');
problem($administrator->post('/api/account/operators', { name => 'hand3', display_name => 'x', rights => 'all' }), 422, 'rights', 'rights', 'nor as text');
is($administrator->put("/api/account/operators/$hand_id", { display_name => '操作员二', rights => { export => ['view'] } })->json->{display_name}, '操作员二', 'changed');
sleep 5.3;
is($hand->get('/api/account/profile')->status, 401, 'other rights end the sessions');
{ my $again = $hand->sign_in('newhand', 'my own password'); is($again->status, 200, 'signing in anew') or diag $again->text, $hand->cookie('sw_guest'), ' ', $hand->cookie('sw_session') }
is_deeply($hand->session->{user}{rights}, { export => ['view'] }, 'the new rights');
is($administrator->post("/api/account/operators/$hand_id/lock")->json->{locked}, 1, 'locked');
problem($sw->client->sign_in('newhand', 'my own password'), 403, 'locked', undef, 'cannot sign in');
problem($sw->client->sign_in('newhand', 'not the password'), 422, 'wrong_credentials', 'password', 'whoever does not know the password is not told');
sleep 5.3;
is($hand->get('/api/account/profile')->status, 401, 'the session has ended');
ok(!$administrator->post("/api/account/operators/$hand_id/unlock")->json->{locked}, 'unlocked');
is($sw->client->sign_in('newhand', 'my own password')->status, 200, 'signs in again');
my $reset = $administrator->post("/api/account/operators/$hand_id/reset-password")->json->{password};
ok($sw->client->sign_in('newhand', $reset)->json->{user}{must_change_password}, 'a new password, to be changed');

my $other = $sw->signed_in('demo_other');
is_deeply($other->get('/api/account/operators')->json->{items}, [], 'another enterprise sees none of them');
for my $try (['put', "/api/account/operators/$hand_id", { display_name => 'x' }], map { ['post', "/api/account/operators/$hand_id/$_"] } qw(lock unlock reset-password)) {
	my ($method, @rest) = @$try;
	is($other->$method(@rest)->status, 404, "nor can it $method $rest[0]");
}
my ($own) = map { $_->{id} } $administrator->session->{user};
is($administrator->post("/api/account/operators/$own/lock")->status, 409, 'nobody locks oneself');
is($administrator->post("/api/account/operators/$_/lock")->status, 404, "there is no operator $_") for '2009', '0', 'x', '99999999999999999999';

# ---- officers

my $officer = $portal->post('/api/account/officers', { kind => 'officer', name => 'officer_x', display_name => '新审核员', agency => 'AA', rights => { export => ['first_review'] } });
is($officer->status, 201, 'an officer is made');
my $officer_id = $officer->json->{id};
is($officer->json->{agency_name}, '商务部配额许可证事务局', 'of an agency');
problem($portal->post('/api/account/officers', { kind => 'officer', name => 'officer_y', display_name => 'x', agency => '??' }), 422, 'unknown_agency', 'agency', 'an unknown agency');
problem($portal->post('/api/account/officers', { kind => 'officer', name => 'officer_y', display_name => 'x' }), 422, 'required', 'agency', 'no agency');
problem($portal->post('/api/account/officers', { kind => 'enterprise', name => 'officer_y', display_name => 'x' }), 422, 'kind', 'kind', 'no enterprises here');
problem($portal->post('/api/account/officers', { kind => 'officer', name => 'officer_y', display_name => 'x', agency => 'AA', rights => { export => ['submit'] } }), 422, 'rights', 'rights', 'no rights of applicants');
is($portal->post('/api/account/officers', { kind => 'customs', name => 'customs_x', display_name => '海关' })->status, 201, 'a customs user');
is($portal->get('/api/account/officers', { q => 'OFFICER_X' })->json->{total}, 1, 'found by name');
is($portal->get('/api/account/officers', { q => '%' })->json->{total}, 0, 'a percent sign is a percent sign');
is($portal->get('/api/account/officers', { agency => 'AB' })->json->{items}[0]{name}, 'demo_ab', 'by agency');
is($portal->put("/api/account/officers/$officer_id", { display_name => '换机构', agency => 'AB', rights => { export => ['second_review'] } })->json->{agency}, 'AB', 'moved to another agency');
is($portal->post("/api/account/officers/$hand_id/lock")->status, 404, 'operators are no officers');
is($portal->post("/api/account/officers/$officer_id/lock")->status, 200, 'locked');
cmp_ok(scalar @{ $portal->get('/api/account/agencies')->json->{items} }, '>', 3, 'agencies');
my $manager = $sw->signed_in('demo_manager');
is_deeply([map { $_->{name} } @{ $manager->get('/api/account/officers', { agency => 'AA', size => 100 })->json->{items} }], [qw(demo_first demo_manager demo_second)],
	'an officer who manages sees the own agency');
ok(!exists $manager->get('/api/account/officers')->json->{items}[0]{mobile}, 'by name only');
is($manager->get('/api/account/officers', { agency => 'AB' })->status, 403, 'and no other');
is($sw->signed_in('demo_first')->get('/api/account/officers')->status, 403, 'others see none');
is($manager->post("/api/account/officers/$officer_id/unlock")->status, 403, 'and change none');

# ---- articles

is(scalar @{ $guest->get('/api/account/articles', { kind => 'faq' })->json->{items} }, 2, 'everybody reads');
problem($guest->get('/api/account/articles', { kind => 'gossip' }), 422, 'kind', 'kind', 'an unknown kind');
my $article = $portal->post('/api/account/articles', { kind => 'download', title => '操作手册 <1>', body => "第一行\n第二行" }, 'Idempotency-Key' => 'a1');
is($article->status, 201, 'an administrator writes');
my $id = $article->json->{id};
is($portal->post('/api/account/articles', { kind => 'download', title => '操作手册 <1>', body => "第一行\n第二行" }, 'Idempotency-Key' => 'a1')->json->{id}, $id, 'the same key, the same article');
is($guest->get("/api/account/articles/$id")->json->{body}, "第一行\n第二行", 'everybody reads it');
my $file = $portal->post("/api/account/articles/$id/file?name=..%2F..%2Fetc%2F%E6%89%8B%E5%86%8C.pdf", '%PDF-1.4 <script>', 'Content-Type' => 'application/pdf');
is($file->json->{file_name}, '手册.pdf', 'a file, whose name is no path');
my $got = $guest->get("/api/account/articles/$id/files/" . $file->json->{id});
is($got->content, '%PDF-1.4 <script>', 'comes as it was');
is($got->header('Content-Type'), 'application/octet-stream', 'as bytes');
like($got->header('Content-Disposition'), qr/^attachment; filename\*=UTF-8''%E6%89%8B%E5%86%8C\.pdf$/, 'to be saved');
is($portal->post("/api/account/articles/$id/file?name=x", 'x' x (1024 * 1024 + 1), 'Content-Type' => 'text/plain')->status, 413, 'more than 1 MiB is too much');
is($portal->post("/api/account/articles/$id/file?name=x", 'x' x (1024 * 1024), 'Content-Type' => 'text/plain')->status, 201, '1 MiB is not');
problem($portal->post("/api/account/articles/$id/file?name=x", '', 'Content-Type' => 'text/plain'), 422, 'empty', 'file', 'nothing is too little');
problem($portal->post('/api/account/articles', { kind => 'notice', title => '' }), 422, 'required', 'title', 'no title');
problem($portal->post('/api/account/articles', { kind => 'gossip', title => 'x' }), 422, 'kind', 'kind', 'no such kind');
is($portal->put("/api/account/articles/$id", { kind => 'download', title => '草稿', published => JSON::PP::false })->json->{published}, undef, 'taken down');
is($guest->get("/api/account/articles/$id")->status, 404, 'nobody else sees it');
is($guest->get("/api/account/articles/$id/files/" . $file->json->{id})->status, 404, 'nor its files');
is($portal->get("/api/account/articles/$id")->status, 200, 'an administrator does');
is($portal->delete("/api/account/articles/$id/files/" . $file->json->{id})->status, 204, 'a file goes');
is($portal->delete("/api/account/articles/$id")->status, 204, 'and all of it');
is($portal->delete("/api/account/articles/$id")->status, 404, 'once');
is(0 + $sw->sql(account => "SELECT COUNT(*) FROM article_file"), 0, 'with its files');

# ---- partners

my ($key) = map { /^partner (\S+)/ } split /\n/, do { open my $f, '<', $sw->var . '/partners' or die; local $/ = undef; <$f> };
my $post = sub { my ($bearer) = @_; return $sw->client->post('/partner/export/customs-status', { message_id => 'm1', licence_no => '26AA900001', status => 'x' }, 'Authorization' => "Bearer $bearer") };
cmp_ok($post->($key)->status, '!=', 401, 'the demo partner is known');
is($post->('0' x 64)->status, 401, 'another key is not');
my $partner = $portal->post('/api/account/partners', { name => '海关', rights => ['export:customs'] });
is($partner->status, 201, 'a partner is made');
like($partner->json->{key}, qr/^[0-9a-f]{64}$/, 'with a key of 256 bits');
cmp_ok($post->($partner->json->{key})->status, '!=', 401, 'that is good');
my ($listed) = grep { $_->{id} eq $partner->json->{id} } @{ $portal->get('/api/account/partners')->json->{items} };
is($listed->{prefix}, substr($partner->json->{key}, 0, 8), 'the list has its prefix');
ok($listed->{last_used}, 'when it was used');
unlike($portal->get('/api/account/partners')->text, qr/@{[$partner->json->{key}]}/, 'and not the key');
is(0 + $sw->sql(account => "SELECT COUNT(*) FROM partner WHERE key_hash = '@{[$partner->json->{key}]}'"), 0, 'nor has the database');
problem($portal->post('/api/account/partners', { name => 'x', rights => ['export:everything'] }), 422, 'rights', 'rights', 'unknown rights');
problem($portal->post('/api/account/partners', { name => 'x', rights => [] }), 422, 'required', 'rights', 'no rights');
is($portal->delete('/api/account/partners/' . $partner->json->{id})->status, 204, 'taken back');
sleep 5.3;
is($post->($partner->json->{key})->status, 401, 'the key is worth nothing');

# ---- lists of administrators

is($portal->get('/api/account/enterprises', { q => '新名称' })->json->{items}[0]{code}, '1100299201930', 'enterprises by name');
is($portal->get('/api/account/enterprises', { q => '6500299' })->json->{total}, 1, 'by code');
my $failed = $portal->get('/api/account/audit', { user => 'demo_ab', action => 'sign_in_failed' })->json->{items};
is($failed->[0]{result}, 'failed', 'a failed sign-in is in the audit');
is_deeply([ grep { $_->{action} ne 'sign_in' } @{ $portal->get('/api/account/audit', { action => 'sign_in', size => 100 })->json->{items} } ], [], 'and is another action than signing in');
is($portal->get('/api/account/audit', { user => 'newcomer', action => 'user_created' })->json->{items}[0]{object}, 'newhand', 'and who made whom');
is($portal->get('/api/account/audit', { action => $_ })->json->{total} > 0, 1, "and $_")
	for qw(register sign_in sign_out sign_out_everywhere password_changed password_recovered name_recovered profile_changed enterprise_changed
	rights_changed user_locked user_unlocked password_reset article_created article_deleted partner_created partner_revoked);
is_deeply([ map { $_->{object} } @{ $portal->get('/api/account/audit', { object => 'NEWHA', action => 'user_created' })->json->{items} } ], ['newhand'], 'by object');
my $csv = $portal->get('/api/account/audit/file', { action => 'user_created', format => 'csv' });
like($csv->text, qr/^\x{feff}.*操作 Action.*\n.*newcomer,user_created,newhand/s, 'as CSV');
like($csv->header('Content-Disposition'), qr/attachment.*audit\.csv/, 'to be kept');
like($portal->get('/api/account/audit/file', { format => 'xlsx' })->content, qr/^PK/, 'as a spreadsheet');
problem($portal->get('/api/account/audit/file', { format => 'pdf' }), 422, 'format', 'format', 'nothing else');
is($portal->get('/api/account/audit', { from => '2026-09-04' })->json->{total}, 0, 'by date');
problem($portal->get('/api/account/audit', { from => 'yesterday' }), 422, 'date', 'from', 'that is no date');
problem($portal->get('/api/account/audit', { size => 1000 }), 422, 'number', 'size', 'too large a page');
unlike($sw->log_text('account') . $sw->sql(account => 'SELECT detail, subject FROM audit_event'), qr/correct horse|a long password|\Q$key\E/, 'no password and no key is in the log or the audit');

# ---- role x route

my %route = (
	'GET profile' => 'eocap', 'PUT profile' => 'eocap', 'PUT password' => 'eocap', 'GET enterprise' => 'e', 'PUT enterprise' => 'e',
	'GET operators' => 'e', 'POST operators' => 'e', 'PUT operators/1' => 'e', 'POST operators/1/lock' => 'e', 'POST operators/1/unlock' => 'e',
	'POST operators/1/reset-password' => 'e', 'GET agencies' => 'eocap', 'GET officers' => 'oa', 'POST officers' => 'a', 'PUT officers/1' => 'a', 'POST officers/1/lock' => 'a',
	'POST officers/1/unlock' => 'a', 'POST officers/1/reset-password' => 'a', 'GET articles' => 'geocap', 'GET articles/3001' => 'geocap', 'POST articles' => 'a',
	'PUT articles/1' => 'a', 'DELETE articles/1' => 'a', 'POST articles/1/file' => 'a', 'GET articles/1/files/1' => 'geocap', 'DELETE articles/1/files/1' => 'a',
	'GET mailbox' => 'a', 'GET enterprises' => 'a', 'GET audit' => 'a', 'GET partners' => 'a', 'POST partners' => 'a', 'DELETE partners/1' => 'a',
);
my %role = (g => $sw->client, e => $sw->signed_in('demo_admin'), o => $manager, c => $sw->signed_in('demo_customs'), a => $portal, p => $sw->signed_in('demo_person'));
for my $route (sort keys %route) {
	my ($method, $path) = split / /, $route;
	for my $role (sort keys %role) {
		my $status = $role{$role}->request($method, "/api/account/$path", $method =~ /^P/ ? {} : undef)->status;
		my $reached = $status != 401 && $status != 403;
		is($reached, scalar($route{$route} =~ /$role/), "$route by $role: $status");
		is($status, $role eq 'g' ? 401 : 403, 'in the right words') if !$reached;
	}
}
is($portal->get("/internal/account/users/2004")->status, 404, 'internal routes are not to be had from outside');
is($sw->internal('GET', '/internal/account/users/2004/epoch')->json->{alive}, 1, 'a user is alive');
is_deeply($sw->internal('GET', '/internal/account/users/2004')->json, { id => '2004', display_name => '演示初审员', agency => 'AA', kind => 'officer' }, 'who that is');
is($sw->internal('GET', '/internal/account/users/1')->status, 404, 'nobody');
ok(!$sw->internal('GET', '/internal/account/users/1/epoch')->json->{alive}, 'is not');

# ---- Redis away

$sw->down('redis');
my $away = $portal->get('/api/account/profile');
is($away->status, 503, 'Redis away: 503');
ok($away->header('Retry-After'), 'come back later');
$sw->up('redis');
# each worker finds Redis again in its own time
my $back;
for (1 .. 100) { $back = $portal->get('/api/account/profile')->status; last if $back == 200; select undef, undef, undef, 0.05 }
is($back, 200, 'sessions live on');

# ---- demo data is for demos

my $accounts = $sw->accounts;
is((stat($sw->var . '/demo-accounts.txt'))[2] & 0777, 0600, 'passwords are for the owner only');
$sw->restart('account');
is_deeply($sw->accounts, $accounts, 'a restart keeps the passwords');
$sw->kill('account');
$sw->wait_for('account');
is($sw->signed_in('demo_first')->session->{user}{name}, 'demo_first', 'kill -9, and it is back');
$sw->stop(keep => 1);
my $program = "$SingleWindow::Instance::ROOT/build/$sw->{variant}/bin/singlewindow-account";
SKIP: {
	skip 'the database is down with the instance', 4 if $sw->database ne 'sqlite';
	my $settings = $sw->var . '/settings';
	my $text = do { open my $in, '<', $settings or die; local $/ = undef; <$in> };
	my $run = sub {
		my ($change, $input, @arguments) = @_;
		my $file = $sw->var . '/settings.test';
		open my $out, '>', $file or die;
		print {$out} $change->($text);
		close $out;
		open my $pipe, '|-', "timeout 20 $program $file @arguments >$file.log 2>&1" or die;
		print {$pipe} $input;
		close $pipe;
		return $? >> 8;
	};
	is($run->(sub { $_[0] =~ s/^demo = 1$/demo = 0/mr }, ''), 1, 'without demo = 1 the program does not start on demo data');
	is($run->(sub { $_[0] =~ s/^clock_file = .*$//mr }, ''), 1, 'captcha = fixed without a clock file is refused');
	is($run->(sub { $_[0] }, "a real password\n", 'create-administrator', 'boss_one'), 0, 'the first administrator is made from the command line');
	is($run->(sub { $_[0] }, "weak\n", 'create-administrator', 'boss_two'), 1, 'with a good password only');
}
$sw->launch;
is($sw->client->sign_in('boss_one', 'a real password')->json->{user}{kind}, 'administrator', 'who signs in') if $sw->database eq 'sqlite';

done_testing;
