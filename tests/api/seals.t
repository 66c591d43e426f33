#!/usr/bin/perl
# What is issued carries the signature of its agency: looked at from outside, by poppler's pdfsig with the authority in NSS.
use strict;
use warnings;
use utf8;
use File::Temp qw(tempdir);
use Test::More;

use SingleWindow::Instance;
use SingleWindow::Export;
use SingleWindow::Import qw(nonmep_body mep_body make_of act_on document_of register_mep);
use SingleWindow::Origin qw(register_origin file_goods issued_certificate);

my $dir = tempdir(CLEANUP => 1);
my $sw = SingleWindow::Instance->start;
my %who = (applicant => $sw->signed_in('demo_admin'), first => $sw->signed_in('demo_first'), second => $sw->signed_in('demo_second'), office => $sw->signed_in('demo_office'));

sub run { my ($command) = @_; my $said = qx($command 2>&1); utf8::decode($said); return $said }
sub written { my ($name, $bytes) = @_; open my $out, '>:raw', "$dir/$name" or die; print $out $bytes; close $out; return "$dir/$name" }
sub looked_at { return run("pdfsig -nssdir '$dir/nss' '" . written('look.pdf', $_[0]) . "'") }

mkdir "$dir/nss";
run("certutil -N -d '$dir/nss' --empty-password && certutil -A -n authority -t CT,C,C -i '" . $sw->var . "/authority/authority.pem' -d '$dir/nss'");

sub sealed {
	my ($what, $answer) = @_;
	is($answer->status, 200, "$what: issued");
	my $said = looked_at($answer->content);
	like($said, qr/Signature is Valid/, "$what: its signature is valid");
	like($said, qr/Certificate is Trusted/, "$what: by a certificate of the authority");
	like($said, qr/Total document signed/, "$what: of the whole file");
	like($said, qr/ETSI\.CAdES\.detached/, "$what: as PAdES has it");
	like($said, qr/Demo issuing agency \(not real\)/, "$what: of the demo's agencies, and called so");
	unlike($said, qr/Signature #2/, "$what: once");
	like(run("pdftotext '$dir/look.pdf' -"), qr/\w/, "$what: its text can be read");
	return $answer->content;
}

sub licence { my ($module, $id) = @_; return $who{applicant}->get("/api/$module/documents/$id/print/licence.pdf") }
sub issue {
	my ($module, $form, $body, @steps) = @_;
	my $made = make_of($who{applicant}, $module, $form, $body);
	die $made->text unless $made->status == 201;
	my $id = $made->json->{document}{id};
	for (@steps) { my $done = act_on($who{ $_->[0] }, $module, $id, $_->[1]); die $done->text unless $done->ok }
	wait_until(sub { licence($module, $id)->status == 200 }) or die 'no licence was made';
	return $id;
}

my $id = bring_to(\%who, 'PRINTED');
my $pdf = sealed('export licence', licence('export', $id));

# ---- a byte
my $changed = $pdf;
substr($changed, index($changed, 'stream') + 40, 1) ^= "\x01";
like(looked_at($changed), qr/Digest Mismatch/, 'a changed byte is seen');
my $longer = $pdf . "\n% more\n";
unlike(looked_at($longer), qr/Total document signed/, 'and that something was added');
my ($room) = $pdf =~ m{/Contents <([0-9A-F]+)>};
written('cms.der', pack 'H*', $room);
my $attributes = run("openssl cms -cmsout -print -noout -inform DER -in '$dir/cms.der'");
unlike($attributes, qr/signingTime/, 'no time within the CMS: the dictionary has it');
like($attributes, qr/signingCertificateV2/, 'but the digest of the certificate');
like($pdf, qr{/M \(D:20260903020000Z\)}, 'the portal\'s clock says when');

my $again = licence('export', $id);
is($again->content, $pdf, 'everybody gets the same bytes');

# ---- what is no licence
my $form = $who{applicant}->get("/api/export/documents/$id/print/application.pdf");
like(looked_at($form->content), qr/does not contain any signatures/, 'an application form is not sealed');

# ---- the others
my $nonmep = issue('nonmep', 'nonmep_licence', nonmep_body(), [ applicant => 'submit' ], [ first => 'first_pass' ], [ second => 'second_pass' ]);
sealed('non-MEP licence', licence('nonmep', $nonmep));
register_mep($who{applicant}, $who{office});
sealed('MEP licence', licence('mep', issue('mep', 'mep_licence', mep_body(), [ applicant => 'submit' ], [ office => 'approve' ])));
my $ccpit = $sw->signed_in('demo_ccpit');
register_origin($who{applicant});
my $certificate = issued_certificate($who{applicant}, $ccpit, 'C', undef);
act_on($who{applicant}, 'origin', $certificate->{id}, 'print'); # is counted
sealed('certificate of origin', $who{applicant}->get("/api/origin/documents/$certificate->{id}/print/certificate.pdf"));
$sw->stop;

# ---- without seals
my $bare = SingleWindow::Instance->start(settings => { seals => '' });
%who = (applicant => $bare->signed_in('demo_admin'), first => $bare->signed_in('demo_first'), second => $bare->signed_in('demo_second'));
$id = bring_to(\%who, 'PRINTED');
like(looked_at(licence('export', $id)->content), qr/does not contain any signatures/, 'no seal configured: unsealed');
$bare->stop;

my $strict = SingleWindow::Instance->start(settings => { seals => '', seals_required => 1 });
%who = (applicant => $strict->signed_in('demo_admin'), first => $strict->signed_in('demo_first'), second => $strict->signed_in('demo_second'));
$id = bring_to(\%who, 'APPROVED');
ok(wait_until(sub { $strict->log_text('export') =~ /there is no seal of AA, and seals_required is set/ }), 'seals_required: the log says whose is missing');
isnt(licence('export', $id)->status, 200, 'and there is no licence');

done_testing;
