# 状态推送: subscriptions, and what is delivered by mail, SMS and webhook, through gateways that fail, hang, answer late and die.
use strict;
use warnings;
use utf8;
use Test::More;
use Digest::SHA qw(hmac_sha256_base64);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use SingleWindow::Counterpart;
use SingleWindow::Export;
use SingleWindow::Instance;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my %gate = map { ($_ => SingleWindow::Counterpart->new($_ eq 'mail' ? 'smtp' : 'http')) } qw(mail sms hook slow other wechat);
my $sw = SingleWindow::Instance->start(settings => { gateway_private => 1, mail_gateway => "smtp://127.0.0.1:$gate{mail}{port}", mail_from => 'noreply@portal.example',
	sms_gateway => $gate{sms}->url, sms_token => 'token-of-sms', wechat_gateway => $gate{wechat}->url, wechat_link => 'https://weixin.example/bind?code=', portal_zh => '测试门户' });
my $admin = $sw->signed_in('demo_admin');
my $operator = $sw->signed_in('demo_operator');
my $other = $sw->signed_in('demo_other');
my $officer = $sw->signed_in('demo_first');
my $portal = $sw->signed_in('demo_portal');
$sw->sql(account => "UPDATE user_account SET email = 'admin\@enterprise.example', mobile = '13800000001' WHERE name = 'demo_admin'");

my $path = '/api/exchange/subscriptions';
sub subscribe { my ($client, %wish) = @_; return $client->post($path, { module => 'export', scope => 'enterprise', %wish }) }
sub submitted { my ($client) = @_; my $id = complete($client // $admin); my $answer = act($client // $admin, $id, 'submit'); die $answer->text unless $answer->ok; return $id }
sub took { my ($gate) = @_; return grep { $_->{took} } $gate{$gate}->heard }
sub deliveries { my ($client, %query) = @_; return @{ $client->get('/api/exchange/deliveries', { size => 100, %query })->json->{items} } }
sub text_of { my ($mail) = @_; my ($body) = $mail->{message} =~ /\r\n\r\n(.*)/s; my $text = decode_base64($body); utf8::decode($text); return $text }
my $minutes = 0;
sub minutes { $minutes += $_[0]; return $sw->clock(sprintf '2026-09-%02dT%02d:%02d:00+08:00', 3 + int((600 + $minutes) / 1440), int((600 + $minutes) / 60) % 24, (600 + $minutes) % 60) }

# ---- subscribing
is(subscribe($admin, way => 'mail')->status, 201, 'by mail, to the address of the profile');
is(subscribe($admin, way => 'sms', scope => 'user')->status, 201, 'by SMS');
my $hook = subscribe($admin, way => 'webhook', address => $gate{hook}->url, forms => ['export_licence']);
is($hook->status, 201, 'by webhook');
like($hook->json->{secret}, qr/^whsec_[A-Za-z0-9+\/]{32}$/, 'whose secret is told');
my @once = ($path, { module => 'export', scope => 'enterprise', way => 'mail' }, 'Idempotency-Key' => 'k1');
$sw->sql(account => "UPDATE user_account SET email = '' WHERE name = 'demo_other'");
is($other->post(@once)->status, 422, 'a profile without an address has none to send to');
$sw->sql(account => "UPDATE user_account SET email = 'other\@enterprise.example' WHERE name = 'demo_other'");
is($other->post(@once)->json->{id}, $other->post(@once)->json->{id}, 'who asks again with the same key has one subscription');
$other->delete("$path/" . $other->get($path)->json->{items}[0]{id});
my $list = $admin->get($path)->json->{items};
is_deeply([ map { "$_->{way} $_->{address} $_->{state}" } @$list ], [ 'webhook ' . $gate{hook}->url . ' active', 'sms 13800000001 active', 'mail admin@enterprise.example active' ], 'the list of them');
unlike($admin->get($path)->text, qr/whsec_/, 'without the secret');
is_deeply($operator->get($path)->json->{items}, [], 'of nobody else');
is(subscribe($officer, way => 'mail')->status, 403, 'officers have the desk');
for ([ { way => 'pigeon' }, 'way' ], [ { way => 'mail', scope => 'world' }, 'scope' ], [ { way => 'mail', module => 'nothing' }, 'module' ], [ { way => 'mail', scope => 'document' }, 'document_no' ],
	[ { way => 'webhook', address => 'ftp://x/' }, 'address' ], [ { way => 'webhook', address => 'https://user@host/' }, 'address' ], [ { way => 'webhook', address => "https://host/a b" }, 'address' ],
	[ { way => 'mail', forms => ['A B'] }, 'forms' ], [ { way => 'wechat' }, 'address' ]) {
	my $answer = subscribe($admin, %{ $_->[0] });
	is($answer->status . ' ' . ($answer->json->{field} // ''), "422 $_->[1]", 'refused: ' . JSON::PP->new->canonical->encode($_->[0]));
}

# ---- a number that is not the profile's is confirmed by a code
my $refused = subscribe($operator, way => 'sms', address => '13911112222', code => '000000');
is($refused->status . ' ' . $refused->json->{field}, '422 code', 'another number without its code is refused');
$operator->post('/api/account/contact-codes', { purpose => 'subscribe', mobile => '13911112222', captcha_id => $operator->post('/api/account/captcha')->json->{id}, captcha => 'TEST' });
wait_until(sub { scalar took('sms') });
my ($code) = JSON::PP->new->utf8->decode((took('sms'))[0]{body})->{text} =~ /(\d{6})/;
is(subscribe($operator, way => 'sms', address => '13911112222', code => $code, language => 'en')->status, 201, 'with it, it is taken');
is(subscribe($operator, way => 'sms', address => '13911112222', code => $code)->status, 422, 'which serves once');

# ---- WeChat is bound by a link that serves once
my ($bind) = $other->post('/api/exchange/wechat', {})->json->{link} =~ m{^https://weixin\.example/bind\?code=([0-9a-f]{32})$};
ok($bind, 'a link to bind WeChat');
my @gateway = ('Authorization' => 'Bearer ' . partner_key($sw), 'X-CSRF-Token' => undef);
is($sw->client->post('/partner/exchange/wechat', { code => 'x', address => 'o-1' }, @gateway)->status, 422, 'another code binds nothing');
is($sw->client->post('/partner/exchange/wechat', { code => $bind, address => 'o-1' }, @gateway)->status, 204, 'the gateway says who has followed it');
is($sw->client->post('/partner/exchange/wechat', { code => $bind, address => 'o-2' }, @gateway)->status, 422, 'once');
ok($other->get($path)->json->{wechat_bound} && !$admin->get($path)->json->{wechat_bound}, 'which the list of subscriptions knows');
is(subscribe($other, way => 'wechat', scope => 'user')->status, 201, 'then it can be subscribed by');
submitted($other);
ok(wait_until(sub { took('wechat') == 1 }), 'and tells');
is(JSON::PP->new->utf8->decode((took('wechat'))[0]{body})->{to}, 'o-1', 'that person');
is($other->delete('/api/exchange/wechat')->status, 204, 'unbound');
is($other->get($path)->json->{items}[0]{state}, 'cancelled', 'subscriptions by it end');
is(subscribe($other, way => 'wechat', scope => 'user')->json->{field}, 'address', 'and there is none to subscribe by');
is($other->delete('/api/exchange/wechat')->status, 404, 'unbound once');

# ---- every way
my $id = submitted();
my $number = $admin->get("/api/export/documents/$id")->json->{document}{application_no};
ok(wait_until(sub { took('mail') == 1 && took('sms') == 3 && took('hook') == 1 }), 'what happened goes out by every way');
my ($mail) = took('mail');
like($mail->{message}, qr/^To: <admin\@enterprise\.example>\r$/m, 'the mail to its address');
like(text_of($mail), qr/【测试门户】您的.*（$number）状态已变为“待初审”。/, 'saying what');
my @sms = map { JSON::PP->new->utf8->decode($_->{body}) } (took('sms'))[ 1, 2 ];
is_deeply([ sort map { $_->{to} } @sms ], [qw(13800000001 13911112222)], 'SMS to both numbers');
like((grep { $_->{to} eq '13911112222' } @sms)[0]{text}, qr/the state of your .* $number is now/, 'in the language asked for');
is((took('sms'))[1]{head}{authorization}, 'Bearer token-of-sms', 'with the token of the gateway');
my ($called) = took('hook');
my $event = JSON::PP->new->utf8->decode($called->{body});
is_deeply([ $event->{type}, @{ $event->{data} }{qw(module form document from to application_no)} ], [ 'document.status_changed', 'export', 'export_licence', $id, 'DRAFT', 'PENDING_FIRST', $number ], 'the webhook says what');
my $at = $admin->get("/api/export/documents/$id")->json->{document};
my ($submit) = grep { $_->{action} eq 'submit' } @{ $admin->get("/api/export/documents/$id/events")->json->{events} };
is_deeply([ @{ $event->{data} }{qw(form_no opinion sequence)} ], [ $at->{form_no}, '', $submit->{sequence} ], 'with the form number, and by which event of the document');
my ($key) = $hook->json->{secret} =~ /^whsec_(.*)/;
my $signature = hmac_sha256_base64(join('.', @{ $called->{head} }{qw(webhook-id webhook-timestamp)}, $called->{body}), decode_base64($key));
is($called->{head}{'webhook-signature'}, "v1,$signature=", 'and is signed');
ok(wait_until(sub { (grep { $_->{state} eq 'sent' } deliveries($admin)) == 3 }), 'the log says that they were sent');
is(scalar deliveries($operator), 1, 'to each of them their own');
is(scalar deliveries($portal), 5, 'to administrators all');
is((grep { $_->{way} ne 'wechat' } deliveries($other)), 0, 'to others nothing');

# ---- scopes
my $theirs = submitted($operator);
ok(wait_until(sub { took('mail') == 2 }), "of the enterprise: a colleague's too");
wait_until(sub { !grep { $_->{state} eq 'waiting' } deliveries($portal) });
is((grep { $_->{way} eq 'sms' && $_->{address} eq '13800000001' } deliveries($admin)), 1, "of the user: only one's own");
my $watched = complete($other);
my $no = $other->get("/api/export/documents/$watched")->json->{document}{application_no};
subscribe($other, way => 'webhook', scope => 'document', document_no => $no, address => $gate{other}->url);
submitted($other);
act($other, $watched, 'submit');
ok(wait_until(sub { took('other') }), 'of a document');
is_deeply([ map { JSON::PP->new->utf8->decode($_->{body})->{data}{document} } took('other') ], [$watched], 'that one and no other');

# ---- what a reviewer says goes to programs
my $returned = submitted();
act($officer, $returned, 'first_return', '请补充"合同"' . '<' x 1900);
ok(wait_until(sub { grep { my $data = JSON::PP->new->utf8->decode($_->{body})->{data}; $data->{document} eq $returned && $data->{opinion} eq '请补充"合同"' . '<' x 1900 } took('hook') }), 'an opinion of the greatest length comes by webhook');
wait_until(sub { !grep { $_->{state} eq 'waiting' } deliveries($portal) });

# ---- an hour without gateways: nothing is lost, nothing comes twice
my %before = map { ($_ => scalar took($_)) } qw(mail sms hook);
$_->down for @gate{qw(mail sms)};
$gate{hook}->does('refuse');
my @ids = map { submitted() } 1 .. 3;
ok(wait_until(sub { (grep { $_->{state} eq 'waiting' && $_->{attempts} } deliveries($admin)) >= 3 }), 'what does not go out waits');
for (1 .. 12) { minutes(5); select undef, undef, undef, 0.3 }
is((grep { $_->{state} eq 'failed' } deliveries($portal)), 0, 'an hour later nothing is given up');
$_->up for @gate{qw(mail sms)};
$gate{hook}->does('take');
minutes(61);
ok(wait_until(sub { $sw->client; !grep { $_->{state} eq 'waiting' } deliveries($portal) }, 30), 'when they are there again all goes out');
is_deeply({ map { ($_ => took($_) - $before{$_}) } qw(mail hook) }, { mail => 3, hook => 3 }, 'each once');
is(took('sms') - $before{sms}, 6, 'to each number');

# ---- a gateway that takes and does not say so gets the same id again
$gate{hook}->does('cut');
my $count = took('hook');
submitted();
wait_until(sub { took('hook') == $count + 1 });
ok(wait_until(sub { grep { $_->{way} eq 'webhook' && $_->{attempts} == 1 && $_->{state} eq 'waiting' && $_->{answer} } deliveries($admin) }), 'an answer that was lost');
$gate{hook}->does('take');
minutes(2);
ok(wait_until(sub { took('hook') == $count + 2 }), 'is asked for again');
my @two = (took('hook'))[ -2, -1 ];
is($two[0]{head}{'webhook-id'}, $two[1]{head}{'webhook-id'}, 'under the same id');

# ---- the program dies while it sends
$gate{hook}->does('hang');
$count = $gate{hook}->heard;
submitted();
ok(wait_until(sub { $gate{hook}->heard > $count }), 'while something is being sent');
my $pid = $sw->kill('exchange');
$sw->wait_for('exchange', not => $pid);
$gate{hook}->does('take');
$sw->sql(exchange => 'UPDATE delivery SET lease = 0'); # a minute later
ok(wait_until(sub { !grep { $_->{state} eq 'waiting' } deliveries($portal) }, 30), 'after the program was killed it is sent');
@two = ($gate{hook}->heard)[ -2, -1 ];
is($two[0]{head}{'webhook-id'}, $two[1]{head}{'webhook-id'}, 'again under the same id');

# ---- one that hangs holds up nobody else
subscribe($admin, way => 'webhook', address => $gate{slow}->url);
$gate{slow}->does('hang');
$count = took('mail');
submitted() for 1 .. 3;
ok(wait_until(sub { took('mail') == $count + 3 }, 9), 'mail goes out while a webhook hangs');
$gate{slow}->does('gone');

# ---- an event that comes twice makes nothing twice
wait_until(sub { !grep { $_->{state} eq 'waiting' && $_->{address} ne $gate{slow}->url } deliveries($portal) });
$count = deliveries($portal);
$sw->down('exchange');
$id = submitted();
my $columns = 'id, document, owner, creator, agency, form, application_no, licence_no, machine, from_state, to_state, at';
my @row = split /\|/, $sw->sql(export => "SELECT $columns FROM status_event");
chomp @row;
$sw->up('exchange');
$sw->wait_for('exchange');
ok(wait_until(sub { deliveries($portal) > $count }), 'what happened while the program was away comes when it is there');
wait_until(sub { !($sw->sql(export => 'SELECT COUNT(*) FROM status_event') + 0) });
$count = deliveries($portal);
my $values = join ', ', map { "'$_'" } @row;
$sw->sql(export => "INSERT INTO status_event ($columns) VALUES ($values)");
$sw->internal('POST', '/internal/exchange/wake/export', '{}');
ok(wait_until(sub { !($sw->sql(export => 'SELECT COUNT(*) FROM status_event') + 0) }), 'the same event again is taken');
is(scalar deliveries($portal), $count, 'and makes nothing');

# ---- replay, cancelling, the end
minutes(2);
my ($sent) = grep { $_->{way} eq 'mail' && $_->{state} eq 'sent' } deliveries($admin);
$count = took('mail');
is($operator->post("/api/exchange/deliveries/$sent->{id}/retry", {})->status, 404, "another's is not sent again");
is($admin->post("/api/exchange/deliveries/$sent->{id}/retry", {})->status, 204, "one's own is, when asked");
ok(wait_until(sub { took('mail') == $count + 1 }), 'from the log');
my ($subscription) = grep { $_->{way} eq 'mail' } @{ $admin->get($path)->json->{items} };
is($operator->delete("$path/$subscription->{id}")->status, 404, 'nobody cancels for another');
is($admin->delete("$path/$subscription->{id}")->status, 204, 'a subscription is cancelled');
is($admin->delete("$path/$subscription->{id}")->status, 404, 'once');
$count = took('mail');
my $hooks = took('hook');
submitted();
ok(wait_until(sub { took('hook') > $hooks }), 'others go on');
is(took('mail'), $count, 'it is told nothing more');
$sw->sql(account => "DELETE FROM right_grant WHERE account = (SELECT id FROM user_account WHERE name = 'demo_operator') AND module = 'export'");
submitted();
ok(wait_until(sub { grep { $_->{state} eq 'dropped' && $_->{answer} =~ /view this module/ } deliveries($portal) }), 'nor is who may not view the module any more');
$sw->sql(account => "UPDATE user_account SET state = 'locked', epoch = epoch + 1 WHERE name = 'demo_operator'");
$count = took('sms');
submitted();
ok(wait_until(sub { grep { $_->{state} eq 'dropped' && $_->{answer} =~ /sign in/ } deliveries($portal) }), 'nor is who may not sign in any more');
minutes(61);
ok(wait_until(sub { grep { $_->{state} eq 'dropped' && $_->{answer} eq 'status 410' } deliveries($portal) }, 30), 'a webhook that says that it is gone is left alone');

# ---- the log is kept for a while
my $kept = $sw->sql(exchange => 'SELECT count(*) FROM delivery WHERE finished > 0') + 0;
ok($kept > 5, 'what was delivered stands in the log');
$sw->clock('2027-10-20T10:00:00+08:00');
ok(wait_until(sub { $sw->sql(exchange => "SELECT count(*) FROM delivery WHERE finished > 0 AND finished < 1790000000000") + 0 == 0 }, 20), 'and is forgotten after 400 days');
done_testing();
