package SingleWindow::Browser;

# Runs one of tests/browser/*.mjs, which prints TAP, against an instance of its own. See tests/README.md.

use strict;
use warnings;

use SingleWindow::Instance;

# run($script, %options of SingleWindow::Instance->start, environment => { NAME => value },
# prepare => sub { my ($instance) = @_; ... }): the whole .t program. `prepare` may set %ENV for the script.
sub run {
	my ($class, $script, %option) = @_;
	my $root = $SingleWindow::Instance::ROOT;
	for my $needed ("$root/web/dist/index.html", "$root/tests/browser/node_modules/playwright-core") {
		die "$needed is not there: make web, or make test, builds it\n" unless -e $needed;
	}
	my $environment = delete $option{environment} // {};
	my $prepare = delete $option{prepare};
	my $sw = SingleWindow::Instance->start(%option);
	$prepare->($sw) if $prepare;
	local %ENV = (%ENV, SW_URL => $sw->url, SW_VAR => $sw->var, SW_CLOCK => $sw->{clock} // '', %$environment);
	system 'node', "$root/tests/browser/$script";
	my $code = $? >> 8 || $? & 127;
	# what the programs logged explains a failure
	print STDERR map { "# $_:\n" . ($sw->log_text($_) =~ s/^/#   /mgr) } grep { $code && $_ !~ /^(redis|postgres)$/ }
		map { s{.*/}{}r } glob $sw->var . '/service/*';
	$sw->stop;
	exit $code;
}

1;
