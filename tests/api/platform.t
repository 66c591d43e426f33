#!/usr/bin/perl
# What stands around the programs: nginx's answers, headers, and that a killed service comes back and leaves nothing.
use strict;
use warnings;
use utf8;
use Test::More;

use SingleWindow::Instance;

my $sw = SingleWindow::Instance->start;
my $client = $sw->client;

my $home = $client->get('/');
is($home->status, 200, 'the home page is there');
like($home->header('Content-Type'), qr{^text/html}, 'as HTML');
is($home->header('Cache-Control'), 'no-cache', 'and is asked for anew each time');
like($home->header('Content-Security-Policy'), qr/default-src 'self'.*frame-ancestors 'none'/, 'with a content security policy');
is($home->header('X-Content-Type-Options'), 'nosniff', 'nosniff');
is($home->header('Referrer-Policy'), 'no-referrer', 'no referrer');
unlike($home->header('Server'), qr/\d/, 'no version of the server');

my $old = $sw->client(agent => 'Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko')->get('/');
like($old->text, qr/您的浏览器版本过低/, 'a browser that is too old gets a page that says so');

my $missing = $client->get('/nowhere');
is($missing->status, 404, 'an unknown address is 404');
like($missing->text, qr/找不到页面/, 'with a page in Chinese');

my $api = $client->get('/api/nobody/x');
is($api->status, 404, 'an unknown module is 404');
is($api->header('Content-Type'), 'application/problem+json', 'as a problem');
is($api->json->{message}{zh}, '没有这个地址。', 'that is told in Chinese');
ok($api->header('Content-Security-Policy'), 'with the usual headers');

is($client->get($_)->status, 404, "$_ is not to be had from outside")
	for '/internal/export/outbox/claim', '/internal', '/%69nternal/export/x', '/api/../internal/export/x', '//internal/export/x';

my $large = $client->post('/api/nobody/x', 'x' x (2 * 1024 * 1024 + 1), 'X-CSRF-Token' => undef);
is($large->status, 413, 'too large a body is 413');
like($large->json->{message}{zh}, qr/1 MB/, 'and says how much is allowed');

my ($form) = map { s{.*/}{}r } glob "$SingleWindow::Instance::ROOT/schema/forms/*.json";
my $definition = $client->get("/forms/$form");
is($definition->status, 200, "the definition $form is there");
like($definition->header('Cache-Control'), qr/immutable/, 'and may be kept for ever');
is($client->get('/forms/../../Makefile')->status, 400, 'nothing else of the checkout is there');
is($client->get('/forms../sql/')->status, 404, 'by no trick');

like($sw->raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " . ('a' x 40000) . "\r\n\r\n"), qr{^HTTP/1\.1 431 .*application/problem\+json}s,
	'headers without end are refused');

is($sw->internal('GET', '/internal/nobody/x')->status, 404, 'the internal side answers on its socket');

for my $service ('redis', 'nginx') {
	my $pid = $sw->kill($service);
	isnt($sw->wait_for($service, not => $pid, seconds => 5), $pid, "$service is back after kill -9");
}
# a worker of the killed nginx may end a connection that it still holds
my $served = 0;
for (1 .. 100) { last if $served = $sw->client->get('/')->status == 200; select undef, undef, undef, 0.05 }
ok($served, 'and serves');

my ($module) = grep { !/^(nginx|redis|postgres)$/ } map { s{.*/}{}r } glob $sw->var . '/service/*';
SKIP: {
	skip 'no program is built yet', 4 unless $module;
	$sw->down($module);
	my $gone = $client->get("/api/$module/health");
	is($gone->status, 502, "$module is down: 502");
	is($gone->header('Retry-After'), 2, 'come back soon');
	is($gone->json->{status}, 502, 'as a problem');
	$sw->up($module);
	my $pid = $sw->kill($module);
	isnt($sw->wait_for($module, not => $pid, seconds => 5), $pid, "$module is back after kill -9");
}

done_testing;
