# Dependencies run one way, down the list: a folder of shared/ may include what stands in its row, and nothing else.
# Nothing in shared/ knows the name of a module, and shared/form stays pure: no files, clock, threads, network.
use strict;
use warnings;

my %may = (
	base     => [],
	store    => ['base'],
	form     => ['base'],
	print    => ['base', 'form'],
	trust    => ['base'],
	web      => ['base'],
	exchange => ['base', 'form'],
	document => ['base', 'store', 'form', 'trust', 'exchange'],
	service  => ['base', 'store', 'form', 'print', 'trust', 'web', 'exchange', 'document'],
);
my @shared = sort keys %may;
my %impure = map { $_ => 1 } qw(pthread.h threads.h time.h sys/time.h unistd.h fcntl.h sys/stat.h dirent.h sys/socket.h poll.h signal.h);
my @modules = grep { !/^(?:ekey|folders)$/ } map { m{^modules/([^/]+)$} ? $1 : () } glob 'modules/*'; # these are no programs of the suite, and the words mean other things, too
my $bad = 0;

sub complain { my ($file, $line, $text) = @_; print "$file:$line: $text\n"; $bad++; return }

for my $file (split /\n/, qx(git ls-files -co --exclude-standard -- 'shared/*.[ch]' 'modules/*.[ch]')) {
	my ($side, $folder) = $file =~ m{^(shared|modules)/([^/]+)/} or next;
	if ($side eq 'shared' && !$may{$folder}) {
		complain($file, 1, "shared/$folder is not a folder of the library: @shared");
		next;
	}
	open my $in, '<', $file or next;
	while (my $line = <$in>) {
		if ($line =~ /^\s*#\s*include\s+"([^"]+)"/) {
			my $path = $1;
			my ($target) = $path =~ m{^([^/]+)/};
			if ($side eq 'modules') {
				next if !defined $target && -e "modules/$folder/$path";
				complain($file, $., "\"$path\": a module includes shared folders and its own files") unless defined $target && $may{$target};
			} elsif (!defined $target) {
				complain($file, $., "\"$path\": say the folder, \"$folder/$path\"");
			} elsif ($target ne $folder && !grep { $_ eq $target } @{ $may{$folder} }) {
				complain($file, $., "\"$path\": $folder may include " . (join(', ', @{ $may{$folder} }) || 'nothing but itself'));
			}
		} elsif ($side eq 'shared' && $folder eq 'form' && $line =~ /^\s*#\s*include\s+<([^>]+)>/ && $impure{$1}) {
			complain($file, $., "<$1>: form is pure, without files, clock and threads; the caller hands such things in");
		} elsif ($side eq 'shared' && $file =~ /\.c$/) {
			for my $module (@modules) {
				next if $module =~ /^(?:account|exchange)$/; # parts of the house: every program asks the one who is calling, and tells the other what has changed
				complain($file, $., "\"$module\": shared/ does not know the names of modules") if $line =~ m{"(?:/(?:api|internal|partner)/)?\Q$module\E(?:/[^"]*)?"};
			}
		}
	}
}
exit($bad ? 1 : 0);
