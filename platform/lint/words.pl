# The words of the pages (web/src/messages): both languages have the same keys with the same values to fill in, each key once, English
# without Chinese; and a key that a page names is there.
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

my $bad = 0;
sub complain { print "@_\n"; $bad++; return }
sub text_of { my ($file) = @_; open my $in, '<', $file or die "$file: $!\n"; local $/ = undef; return scalar <$in> }

my %words;
for my $language (qw(zh en)) {
	for my $file (glob "web/src/messages/$language/*.js") {
		my $text = text_of($file);
		while ($text =~ /^  "([^"]+)": "((?:[^"\\]|\\.)*)"/gm) {
			complain("$file: $1 stands in another file or line, too") if exists $words{$language}{$1};
			$words{$language}{$1} = $2;
			complain("$file: $1 is not in English") if $language eq 'en' && $2 =~ /\p{Han}/;
		}
	}
}
my ($zh, $en) = @words{qw(zh en)};
complain("web/src/messages: $_ is there in one language only") for grep { !exists $zh->{$_} || !exists $en->{$_} } sort keys %{ { %$zh, %$en } };
sub places { return join ' ', sort { $a cmp $b } keys %{ { map { $_ => 1 } $_[0] =~ /\{(\w+)\}/g } } }
complain("web/src/messages: $_ has other values to fill in in the other language") for grep { exists $en->{$_} && places($zh->{$_}) ne places($en->{$_}) } sort keys %$zh;

for my $file (split /\n/, qx(git ls-files -co --exclude-standard -- 'web/src/*.vue' 'web/src/*.js' ':!web/src/messages')) {
	my $text = text_of($file);
	while ($text =~ /(?<![\w.])t\('([^']+)'(?! \+)/g) { complain("$file: there is no word for $1") unless exists $zh->{$1} }
}
exit($bad ? 1 : 0);
