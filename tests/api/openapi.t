#!/usr/bin/perl
# The interface as OpenAPI 3.1: complete, the same as the routes and as the manual; other people's validator accepts it, and a client
# that was generated from it, in another language, makes, submits and reads an application.
use strict;
use warnings;
use utf8;
use Test::More;
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use JSON::PP ();

use SingleWindow::Export;
use SingleWindow::Instance;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $root = $SingleWindow::Instance::ROOT;
my $tools = "$root/tests/erp/node_modules";
-e "$tools/.bin/openapi-ts" or die "tests/erp has no node_modules: make test installs them\n";

sub read_text { my ($path) = @_; open my $file, '<:encoding(UTF-8)', $path or die "$path: $!"; local $/ = undef; return scalar <$file> }

my $sw = SingleWindow::Instance->start(settings => { root => root_with_unseen() });
my $answer = $sw->client->get('/api/openapi.json');
is($answer->status, 200, 'everybody may read it');
my $api = $answer->json;
is($api->{openapi}, '3.1.0', 'OpenAPI 3.1');
my @programs = map { $_->{name} } @{ $api->{tags} };
is($programs[-1], 'exchange', 'it has the exchange program');
my @modules = @programs[ 0 .. $#programs - 1 ];
ok((grep { $_ eq 'export' } @modules) && (grep { $_ eq 'origin' } @modules), 'and every module');

# ---- the same as the manual

sub shape { my ($path) = @_; $path =~ s/:[a-z_]+(\.pdf)?|\{[a-z_]+\}/*/g; return $path }
# routes in the first column of the tables of a manual
sub told_in {
	my ($manual) = @_;
	my %told;
	for my $row (grep { /^\| `/ } split /\n/, $manual) {
		my ($cell) = $row =~ /^\| (.*?[^\\]) \|/;
		my @methods;
		for my $piece ($cell =~ /`([^`]*)`/g) {
			if ($piece =~ m{^(GET|POST|PUT|DELETE)$}) { push @methods, $1 }
			elsif ($piece =~ m{^(GET|POST|PUT|DELETE) (/[^\s?`]*)}) { $told{"$_ " . shape($2)} = 1 for @methods, $1; @methods = () }
		}
	}
	delete @told{ grep { m{ /partner/} } keys %told };
	return %told;
}
sub described_of {
	my ($program) = @_;
	my %described;
	for my $path (keys %{ $api->{paths} }) {
		my ($own) = $path =~ m{^/api/$program(/.*)} or next;
		$described{ uc($_) . ' ' . shape($own) } = 1 for grep { /^(get|post|put|delete)$/ } keys %{ $api->{paths}{$path} };
	}
	return %described;
}
my ($manual) = read_text("$root/shared/service/README.md") =~ /(.*?)^## Accounts/ms;
my %told = told_in($manual);
for my $module (@modules) {
	my %described = described_of($module);
	is_deeply([ sort grep { !$told{$_} } keys %described ], [], "the manual has every route of $module");
	# what is left is not for enterprises
	my @others = grep { !$described{$_} } sort keys %told;
	is_deeply([ grep { !m{^\w+ /(queue|admin|desk|unknown-write-offs)} } @others ],
		[ 'GET /codes', 'GET /codes/*/csv', 'POST /codes/*', 'POST /documents/*/claim', 'POST /documents/*/reassign', 'POST /documents/*/release' ], "and $module every route of the manual");
}
my %described = described_of('exchange');
%told = told_in((split /^## The partner gateway$/m, read_text("$root/modules/exchange/README.md"))[0]); # whose routes are for administrators
is_deeply([ sort grep { !$told{$_} } keys %described ], [], 'the manual of the exchange program has every route of its');
is_deeply([ sort grep { !$described{$_} } keys %told ], [ 'DELETE /wechat', 'POST /wechat' ], 'and all that take keys are described');
my %ids;
$ids{$_}++ for map { map { $_->{operationId} } grep { ref eq 'HASH' } values %$_ } values %{ $api->{paths} };
is(scalar(grep { $_ > 1 } values %ids), 0, 'every operation has a name of its own');
is_deeply($api->{paths}{'/api/export/documents'}{post}{'x-right'}, 'edit', 'rights are those of the route');
ok($api->{components}{schemas}{unseen_dual_use} || $api->{components}{schemas}{unseen_import}, 'a definition that was dropped in is there');

# ---- a key sees the same

my $admin = $sw->signed_in('demo_admin');
my $made = $admin->post('/api/account/api-keys', { name => 'ERP', rights => { export => [qw(view edit submit)] }, expires => '2027-01-01' })->json;
my @wrong;
for my $path (sort keys %{ $api->{paths} }) {
	next unless $path =~ m{^/api/(?:export|exchange)/};
	(my $called = $path) =~ s/\{(\w+)\}/$1 eq 'form' ? 'export_licence' : $1 eq 'id' || $1 eq 'n' ? 1 : 'x'/ge;
	for my $method (grep { /^(get|post|put|delete)$/ } keys %{ $api->{paths}{$path} }) {
		my $got = $sw->client->request(uc $method, $called, $method eq 'get' || $method eq 'delete' ? undef : {}, Authorization => "Bearer $made->{key}", 'X-CSRF-Token' => undef, 'If-Match' => '*');
		push @wrong, "$method $path: " . $got->status if $got->status =~ /^(401|403|405|5..)$/;
	}
}
is_deeply(\@wrong, [], 'a key with all rights reaches every operation');

# ---- other people's tools

my $folder = tempdir(CLEANUP => 1);
my $put = sub { my ($name, $bytes) = @_; open my $file, '>', "$folder/$name" or die $!; print $file $bytes; close $file or die $! };
$put->('openapi.json', $answer->content);
my $said = `node $root/tests/erp/validate.mjs $folder/openapi.json 2>&1`;
is($?, 0, 'a validator accepts it') or diag $said;
$put->('broken.json', $answer->content =~ s/"operationId":"[^"]*"/"operationId":7/r);
`node $root/tests/erp/validate.mjs $folder/broken.json 2>&1`;
isnt($?, 0, '... and not everything');

symlink $tools, "$folder/node_modules" or die $!;
copy("$root/tests/erp/$_", $folder) or die "$_: $!" for qw(client.ts package.json tsconfig.json);
$said = `cd $folder && node_modules/.bin/openapi-ts -i openapi.json -o generated -c \@hey-api/client-fetch 2>&1`;
is($?, 0, 'a client is generated from it') or diag $said;
# Node wants the endings of modules written; the generator leaves them out
for my $name (glob "$folder/generated/*.ts") { my $text = read_text($name); $text =~ s{(from '\./[\w.]+)'}{$1.js'}g; utf8::encode($text); $put->("generated/" . ($name =~ m{([^/]*)$})[0], $text) }
$said = `cd $folder && node_modules/.bin/tsc -p . 2>&1`;
is($?, 0, 'and compiled with its types') or diag $said;
my $body = JSON::PP->new->utf8->canonical->encode(body());
open my $run, '-|', 'node', "$folder/client.js", $sw->url, $made->{key}, $body or die $!;
my $line = do { local $/ = undef; <$run> };
close $run;
my $told = eval { JSON::PP->new->utf8->decode($line) } or diag $line;
is($told->{state}, 'PENDING_FIRST', 'the generated client submits an application');
is($told->{read}, $admin->get("/api/export/documents/$told->{id}")->json->{document}{application_no}, '... and reads it');
is($told->{goods}{hs_code}, '2833110000', '... with its body');
is_deeply([ @{$told}{qw(file early field unknown)} ], [ '01', 409, 'base/year', 404 ], 'files, refusals with their field, what is not there');
is_deeply($told->{listed}, [ $told->{id} ], 'the list, filtered');
is_deeply($told->{bulk}, [ [ '1', JSON::PP::true, '' ], [ '2', JSON::PP::false, 'base/customs_port' ] ], 'two in bulk, one of them broken');
is($told->{tried}, 'DRAFT', 'a dry run');
is_deeply($told->{events}, [qw(submit attach create)], 'what happened');
is_deeply($told->{collected}, [ $told->{id}, 'PENDING_FIRST', 0, 'sent' ], 'it subscribes to a queue, collects from it, acknowledges');

done_testing();
