#!/usr/bin/perl
# A licence type that the suite has never seen is dropped in as a definition and a layout: form, list, validation, review, numbering,
# print and published shapes work with no line of C, SQL or JavaScript added.
use strict;
use warnings;
use utf8;
use Test::More;
use JSON::PP ();

use SingleWindow::Instance;
use SingleWindow::Export;

my $root = root_with_unseen();
my $sw = SingleWindow::Instance->start(settings => { root => $root });
my %who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'));
my $operator = $who{applicant};

my %forms = map { $_->{form} => $_ } @{ $operator->get('/api/export/forms')->json->{forms} };
is($forms{unseen_permit}{title}{zh}, '演示许可', 'the module offers it');
my $new = $operator->post('/api/export/unseen_permit/new', {})->json->{body};
is($new->{head}{start}, '2026-09-03', 'a new one starts with its defaults');

sub permit {
	my (%change) = @_;
	return { head => { purpose => 'civil', agency => 'AA', country => '142', start => '2026-08-31', %{ $change{head} // {} } },
		items => $change{items} // { variant => 'solid', rows => [ { item_name => 'n', parts => [ { part_name => 'a', part_weight => '1.5', marks => [ { mark => 'X1' } ] } ] } ] },
		$change{safety} ? (safety => $change{safety}) : () };
}
sub make { return $operator->post('/api/export/documents', { form => 'unseen_permit', body => permit(@_) }) }

my $made = make();
is($made->status, 201, 'it is saved');
is($made->json->{document}{application_no}, 'UP260001', 'numbered by its own format');
is($made->json->{body}{head}{end}, '2026-11-30', 'computed');
is($made->json->{body}{head}{weight}, '1.5', 'over nested rows');
my $id = $made->json->{document}{id};
my $lab = make(head => { purpose => 'lab' }, items => { variant => 'liquid', rows => [ { item_name => 'w' } ] })->json->{document}{id};
my $refused = act($operator, $lab, 'submit');
is($refused->status, 422, 'what is missing stops it');
is(join(' ', sort map { "$_->{field}:$_->{rule}" } @{ $refused->json->{errors} }), 'head/lab_name:required head/weight:R-UP-1 safety/keeper:required safety:sheet_required', 'by field and rule');

# ---- a reference to a licence of the same owner
my $licence = bring_to(\%who, 'PRINTED');
my $referring = make(head => { licence => $licence });
is($referring->json->{body}{head}{licence_goods}, '硫酸二钠', 'a reference picks values from the document it names');
my $draft = complete($operator);
is(make(head => { licence => $draft })->json->{errors}[0]{field}, 'head/licence', 'one in another state is refused');
is(make(head => { licence => '12' })->json->{errors}[0]{rule}, 'reference', 'and one that is not there');

# ---- review with one step, second machine, numbers with a range
is(act($operator, $id, 'submit')->json->{document}{state}, 'WAITING', 'it is submitted');
is(act($operator, $id, 'ask_withdraw')->json->{document}{state_withdraw}, 'ASKED', 'a second machine runs beside the first');
is(act($who{first}, $id, 'agree_withdraw')->json->{document}{state}, 'BACK', 'and its effect sets the first');
is(act($operator, $id, 'submit')->json->{document}{state}, 'WAITING', 'submitted again');
is(act($who{first}, $id, 'back')->status, 422, 'a return needs an opinion here too');
is(act($who{first}, $id, 'grant')->json->{document}{licence_no}, '26UP01', 'granted and numbered');
my $heavy = make(items => { variant => 'solid', rows => [ { item_name => 'n', parts => [ { part_name => 'a', part_weight => '100' } ] } ] })->json->{document}{id};
act($operator, $heavy, 'submit');
my $guarded = act($who{first}, $heavy, 'grant');
is($guarded->status . ' ' . $guarded->json->{message}{zh}, '409 总重量达到100千克的由上级机构批准。', 'an action whose guard does not hold says why not');
for my $n (2, 3) {
	my $other = make()->json->{document}{id};
	act($operator, $other, 'submit');
	is(act($who{first}, $other, 'grant')->json->{document}{licence_no}, "26UP0$n", "number $n");
}
my $fourth = make()->json->{document}{id};
act($operator, $fourth, 'submit');
my $exhausted = act($who{first}, $fourth, 'grant');
is($exhausted->status, 409, 'an exhausted range is an error');
like($exhausted->json->{message}{zh}, qr/编号已用完/, 'that says so');
is($operator->get("/api/export/documents/$fourth")->json->{document}{state}, 'WAITING', 'and changes nothing');
my ($full) = grep { $_->{form} eq 'unseen_permit' && $_->{exhausted} } @{ $sw->signed_in('demo_portal')->get('/api/export/admin/series')->json->{series} };
is_deeply([ @{ $full // {} }{qw(value last left)} ], [ '3', '3', '0' ], 'and the portal administrator sees which series it is');

# ---- list, print
is($operator->get('/api/export/documents', { form => 'unseen_permit' })->json->{total}, '7', 'its list counts its own');
is($operator->get('/api/export/documents', { form => 'unseen_permit', application_no => '0001' })->json->{items}[0]{id}, $id, 'its filters work');
my $pdf = $operator->get("/api/export/documents/$id/print/permit.pdf");
open my $file, '>', "$root/permit.pdf"; binmode $file; print {$file} $pdf->content; close $file;
my $text = `pdftotext -layout $root/permit.pdf -`;
utf8::decode($text);
like($text, qr/演示许可 UP260001/, 'it prints');
like($text, qr/民用 civil 1\.5kg/, 'with the names of codes and choices');

# ---- published shapes: what we accept they accept
sub written { my ($name, $content) = @_; open my $out, '>', "$root/$name" or die; binmode $out; print {$out} $content; close $out; return "$root/$name" }
for my $form ('unseen_permit', 'export_licence') {
	my $xsd = $sw->client->get("/api/export/forms/$form/xsd");
	is($xsd->status, 200, "the XML Schema of $form is published");
	written("$form.xsd", $xsd->content);
	is(system("xmllint --noout $root/$form.xsd 2>&1"), 0, 'and is well-formed');
	my $document = $form eq 'export_licence' ? $licence : $id;
	my $xml = $operator->get("/api/export/documents/$document/xml");
	is($xml->status, 200, 'a document as XML');
	written("$form.xml", $xml->content);
	my $said = `xmllint --noout --schema $root/$form.xsd $root/$form.xml 2>&1`;
	is($?, 0, "xmllint accepts it") or diag $said;
	written("bad.xml", $xml->content =~ s{<(Country|ImportCountry)>}{<Nowhere>x</Nowhere><$1>}r);
	isnt(system("xmllint --noout --schema $root/$form.xsd $root/bad.xml 2>/dev/null"), 0, 'and rejects an element that is not there');
	my $schema = $sw->client->get("/api/export/forms/$form/json-schema");
	is($schema->json->{type}, 'object', 'the JSON Schema is published');
}

# ---- a new version of a definition
{
	my $json = JSON::PP->new->utf8->canonical;
	my $next = do { open my $in, '<', "$root/schema/forms/unseen_permit.1.json" or die; local $/; $json->decode(scalar <$in>) };
	@{$next}{qw(version effective_from)} = (2, '2026-10-01');
	my ($head) = grep { $_->{name} eq 'head' } @{ $next->{blocks} };
	@{ $head->{fields} } = grep { $_->{name} ne 'country' } @{ $head->{fields} };
	push @{ $head->{fields} }, { name => 'contact', label => { zh => '联系人', en => 'Contact' }, type => 'text', max => 20, required => 'submit' };
	delete $next->{index}{country};
	@{ $next->{rules} } = grep { $_->{id} ne 'R-UP-3' } @{ $next->{rules} };
	written('schema/forms/unseen_permit.2.json', $json->encode($next));
	my ($draft, $submitted) = map { make()->json->{document}{id} } 1 .. 2;
	act($operator, $submitted, 'submit');
	$sw->restart('export');
	is($operator->get("/api/export/documents/$draft")->json->{form_version}, 1, 'until its day comes nothing changes');

	$sw->clock('2026-10-02T10:00:00+08:00');
	%who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'));
	$operator = $who{applicant};
	my $opened = $operator->get("/api/export/documents/$draft")->json;
	is("$opened->{form_version} $opened->{moved_from}", '2 1', 'a draft moves to the new version when it is opened');
	ok(!exists $opened->{body}{head}{country}, 'without what that no longer has');
	my $missing = act($operator, $draft, 'submit');
	is(join(' ', map { "$_->{field}:$_->{rule}" } @{ $missing->json->{errors} }), 'head/contact:required', 'one that nobody has opened is submitted by the new version, too');
	my $body = permit(head => { contact => '张三' });
	delete $body->{head}{country};
	is(save($operator, $draft, $body)->status, 200, 'completed, it is saved under the new version');
	is(act($operator, $draft, 'submit')->json->{form_version}, 2, 'and then keeps it');
	my $reviewed = $operator->get("/api/export/documents/$submitted")->json;
	is($reviewed->{form_version}, 1, 'what was submitted before stays as it was');
	is(act($who{first}, $submitted, 'back', '请补充')->json->{document}{state}, 'BACK', 'and is reviewed so');
	is(act($operator, $submitted, 'submit')->status, 422, 'once returned, it too is submitted by the new version');
}

done_testing();
