# Files as the house wants them: of readable size, in UTF-8 with an end of line at the end, without words of the
# workshop (where it was built, which addresses packages come from), without credentials.
use strict;
use warnings;

my $bad = 0;
sub complain { my ($file, $text) = @_; print "$file: $text\n"; $bad++; return }

my @workshop = (
	[qr{(?<![\w/.])/(?:work|root)/\w}             => 'names a folder of one machine'],
	[qr{\.\./shared\b(?!/(?:base|form|store|web|print|trust|document|service)\b)} => 'names a folder outside the repository'],
	[qr{registry\.\w+\.\w+|deb\.debian\.org|/npm-proxy} => 'names the host of a package registry'],
	[qr{-----BEGIN (?:RSA |EC |ENCRYPTED )?PRIVATE KEY-----} => 'holds a private key'],
);

for my $file (split /\n/, qx(git ls-files -co --exclude-standard)) {
	next if $file =~ /\.(png|jpg|jpeg|pdf|ico|wasm|ttf|woff2?|gz|xlsx|zip)$/ || $file eq 'platform/lint/files.pl' || $file =~ m{^tests/fuzz/corpus/} || !-f $file;
	open my $in, '<:raw', $file or next;
	local $/ = undef;
	my $text = <$in> // '';
	my $lines = ($text =~ tr/\n//);
	complain($file, "$lines lines; at most 600 keep a file readable") if $file =~ m{^(?:shared|modules)/.*\.[ch]$} && $lines > 600;
	complain($file, 'no end of line at the end') if length $text && $text !~ /\n\z/ && $file =~ /\.(c|h|pm|t|pl|js|mjs|vue|json|sql|md|csv)$/;
	complain($file, 'not UTF-8') unless utf8::decode(my $copy = $text);
	complain($file, 'spaces at the end of a line') if $file =~ /\.[ch]$/ && $text =~ /[ \t]\n/;
	for my $rule (@workshop) {
		complain($file, "line " . (1 + (substr($text, 0, $-[0]) =~ tr/\n//)) . " $rule->[1]: $&") if $text =~ $rule->[0];
	}
	if ($file =~ m{^(?:shared|modules)/.*\.[ch]$}) {
		# not for threads, or without a bound
		my $code = $text =~ s{/\*.*?\*/|"(?:[^"\\\n]|\\.)*"}{ $& =~ tr/\n//cdr }gser;
		while ($code =~ /(?<![\w.>])(localtime|gmtime|asctime|ctime|strtok|rand|srand|gethostby\w+|getpwnam|inet_ntoa|setlocale|setenv|putenv|tmpnam|mktemp|sprintf|vsprintf|strcpy|strcat|gets|alloca)\s*\(/g) {
			complain("$file:" . (1 + (substr($code, 0, $-[0]) =~ tr/\n//)), "$1() is not for threads, or has no bound");
		}
	}
	complain($file, 'is larger than 1 MB') if -s $file > 1_000_000;
}
exit($bad ? 1 : 0);
