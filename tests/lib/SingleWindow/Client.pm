package SingleWindow::Client;

# An HTTP client as a browser would be: keeps cookies, sends the CSRF token with what changes something. It follows no
# redirects and never dies of an answer. See tests/README.md.

use strict;
use warnings;
use utf8;

use Carp qw(croak);
use HTTP::Tiny;
use JSON::PP ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);

# HTTP::Tiny writes head and body apart: without this the body waits 40 ms for the answer to the head's segment.
{
	no warnings 'redefine';
	my $connect = \&HTTP::Tiny::Handle::connect;
	*HTTP::Tiny::Handle::connect = sub { my $handle = $connect->(@_); setsockopt $handle->{fh}, IPPROTO_TCP, TCP_NODELAY, 1; return $handle };
}

my $JSON = JSON::PP->new->utf8->canonical->allow_nonref;

sub new {
	my ($class, %option) = @_;
	return bless {
		url    => $option{url},
		cookie => {},
		csrf   => undef,
		http   => HTTP::Tiny->new(
			agent        => $option{agent} // 'single-window-tests',
			timeout      => $option{timeout} // 30,
			max_redirect => 0,
			keep_alive   => 1,
			no_proxy     => ['127.0.0.1'],
		),
	}, $class;
}

# get($path, [\%query], %headers); post and put take data: a reference goes out as JSON, a string as it is (its type is
# then given as a 'Content-Type' header), undef as no body. A header with the value undef is left out: post($path,
# $data, 'X-CSRF-Token' => undef) sends no token.
sub get {
	my ($self, $path, @rest) = @_;
	if (ref $rest[0] eq 'HASH') {
		my $query = shift @rest;
		$path .= ($path =~ /\?/ ? '&' : '?') . $self->{http}->www_form_urlencode($query) if %$query;
	}
	return $self->request('GET', $path, undef, @rest);
}
sub head   { my ($self, $path, @rest) = @_; return $self->request('HEAD', $path, undef, @rest) }
sub delete { my ($self, $path, @rest) = @_; return $self->request('DELETE', $path, undef, @rest) }
sub post   { my ($self, $path, @rest) = @_; return $self->request('POST', $path, @rest) }
sub put    { my ($self, $path, @rest) = @_; return $self->request('PUT', $path, @rest) }

sub request {
	my ($self, $method, $path, $data, %header) = @_;
	my %send = map { defined $header{$_} ? ($_ => $header{$_}) : () } keys %header;
	my $content;
	if (ref $data) {
		$content = $JSON->encode($data);
		$send{'Content-Type'} //= 'application/json' unless exists $header{'Content-Type'};
	} elsif (defined $data) {
		$content = $data;
		utf8::encode($content) if utf8::is_utf8($content);
	}
	if ($method !~ /^(GET|HEAD)$/ && !exists $header{'X-CSRF-Token'} && $path =~ m{^/api/}) {
		$self->session unless defined $self->{csrf};
		$send{'X-CSRF-Token'} = $self->{csrf} if defined $self->{csrf};
	}
	$send{Cookie} //= join '; ', map { "$_=$self->{cookie}{$_}" } sort keys %{ $self->{cookie} } if %{ $self->{cookie} };
	my $raw = $self->{http}->request($method, $self->{url} . $path,
		{ headers => \%send, defined $content ? (content => $content) : () });
	$self->_remember($raw);
	return SingleWindow::Response->new($raw);
}

sub _remember {
	my ($self, $raw) = @_;
	my $lines = $raw->{headers}{'set-cookie'} // return;
	for my $line (ref $lines ? @$lines : $lines) {
		my ($name, $value, $attributes) = $line =~ /^\s*([^=;\s]+)=([^;]*)(.*)$/ or next;
		if ($value eq '' || $attributes =~ /max-age=(?:0|-\d+)\b/i) { delete $self->{cookie}{$name} }
		else                                                         { $self->{cookie}{$name} = $value }
	}
}

# The state of the session, with a CSRF token that is remembered.
sub session {
	my ($self) = @_;
	my $answer = $self->get('/api/account/session');
	my $json = $answer->status == 200 ? $answer->json : {};
	$self->{csrf} = $json->{csrf};
	return $json;
}

# Signs in, solving the captcha as tests may (`captcha = fixed`). The answer to POST /api/account/session.
sub sign_in {
	my ($self, $name, $password, %more) = @_;
	$self->session;
	my $captcha = $self->post('/api/account/captcha');
	my %captcha = $captcha->status < 300 ? (captcha_id => $captcha->json->{id}, captcha => 'TEST') : ();
	my $answer = $self->post('/api/account/session', { name => $name, password => $password, %captcha, %more });
	$self->{csrf} = $answer->json->{csrf} if $answer->status == 200;
	return $answer;
}

sub sign_out { my ($self) = @_; my $answer = $self->delete('/api/account/session'); $self->{csrf} = undef; return $answer }

sub csrf   { return $_[0]{csrf} }
sub cookie { my ($self, $name) = @_; return $self->{cookie}{$name} }
sub set_cookie { my ($self, $name, $value) = @_; $self->{cookie}{$name} = $value; return }

package SingleWindow::Response;

sub new     { my ($class, $raw) = @_; return bless { raw => $raw }, $class }
sub status  { return $_[0]{raw}{status} }
sub ok      { return $_[0]{raw}{status} =~ /^2/ }
sub content { return $_[0]{raw}{content} }                      # bytes
sub text    { my $text = $_[0]{raw}{content}; utf8::decode($text); return $text }
sub header  {
	my ($self, $name) = @_;
	my $value = $self->{raw}{headers}{ lc $name };
	return ref $value ? (wantarray ? @$value : join ', ', @$value) : $value;
}
sub headers { return $_[0]{raw}{headers} }

# The body as a structure; a body that is no JSON is an error that shows it.
sub json {
	my ($self) = @_;
	return $self->{json} //= do {
		my $value = eval { $JSON->decode($self->{raw}{content}) };
		Carp::croak('no JSON but (' . ($self->{raw}{status} // 'no answer') . '): ' . ($self->{raw}{content} // '')) if $@;
		$value;
	};
}

1;
