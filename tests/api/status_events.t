# Every change of state is one event, in the transaction of the change: claimed by one, acknowledged, gone.
use strict;
use warnings;
use utf8;
use Test::More;
use SingleWindow::Instance;
use SingleWindow::Export;

my $sw = SingleWindow::Instance->start;
$sw->down('exchange'); # which would take them
my $applicant = $sw->signed_in('demo_admin');
my %who = (applicant => $applicant, first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'), manager => $sw->signed_in('demo_manager'));

sub claimed { return [ sort { $a->{id} <=> $b->{id} } @{ $sw->internal('POST', '/internal/export/events/claim?count=' . ($_[0] // 500), '{}')->json->{events} } ] }
sub taken { return $sw->internal('POST', '/internal/export/events/ack', JSON::PP::encode_json({ ids => [ map { $_->{id} } @_ ] }))->status }
sub steps { return [ map { "$_->{machine} $_->{from} $_->{to}" } @_ ] }

is_deeply(claimed(), [], 'nothing has happened yet');

my $id = complete($applicant);
save($applicant, $id, body(base => { contract_no => 'TEST1235' }));
is_deeply(claimed(), [], 'making and saving a draft is no event');

act($applicant, $id, 'submit');
my $events = claimed();
my $row = $applicant->get("/api/export/documents/$id")->json->{document};
is_deeply(steps(@$events), ['main DRAFT PENDING_FIRST'], 'submitting is one');
is_deeply({ map { ($_ => $events->[0]{$_}) } qw(document form application_no form_no licence_no agency opinion at) },
	{ document => $id, form => 'export_licence', application_no => $row->{application_no}, form_no => $row->{form_no}, licence_no => '', agency => 'AA', opinion => '', at => $sw->clock }, 'it says of which document, and when');
like($events->[0]{owner} . ' ' . $events->[0]{creator}, qr/^\d+ \d+$/, 'and whose');
is_deeply(claimed(), [], 'what one has claimed no other gets');
is(taken(@$events), 204, 'what was taken is acknowledged');
is($sw->sql(export => 'SELECT COUNT(*) FROM status_event') + 0, 0, 'and gone');

is(act($applicant, $id, 'submit')->status, 409, 'what is refused');
is_deeply(claimed(), [], 'is no event');

act($who{first}, $id, 'first_pass', '同意');
act($who{second}, $id, 'second_pass', '同意');
wait_until(sub { $applicant->get("/api/export/documents/$id")->json->{document}{state} eq 'PRINTED' });
$events = claimed();
is_deeply(steps(@$events), [ 'main PENDING_FIRST PENDING_SECOND', 'main PENDING_SECOND APPROVED', 'main APPROVED PRINTED', 'customs  NOT_ARRIVED' ],
	'review and issue, what the portal does itself, too; every machine its own, in order');
is($events->[2]{licence_no}, licence_of($applicant, $id), 'with the number that it has then');
my %said = map { ($_->{sequence} => $_->{opinion}) } @{ $applicant->get("/api/export/documents/$id/events")->json->{events} };
is_deeply([ map { $_->{opinion} } @$events ], [ map { $said{ $_->{sequence} } } @$events ], 'with what was said, as the events of the document tell');
is($events->[0]{opinion}, '同意', '... by the reviewer');
is($events->[2]{sequence}, $events->[3]{sequence}, 'what changes together is of one event');
taken(@$events);

my @many = map { complete($applicant) } 1 .. 60;
my $job = $applicant->post('/api/export/batch', { action => 'submit', ids => \@many });
wait_until(sub { $applicant->get('/api/export/jobs/' . $job->json->{job})->json->{state} eq 'done' });
is(scalar @{ claimed(40) }, 40, 'of a large batch as many as asked for');
is(scalar @{ claimed(40) }, 20, 'and then the rest');

is($sw->internal('POST', '/internal/export/events/claim?count=501', '{}')->status, 422, 'more than 500 at once are not to be had');
is($sw->internal('POST', '/internal/export/events/ack', '{"ids":[]}')->status, 422, 'nor is nothing acknowledged');
is($applicant->post('/internal/export/events/claim', {})->status, 404, 'and from outside nothing at all');
done_testing();
