# What a document is made of stands in schema/forms and nowhere else: no name of a field in C, SQL or the front end.
# Free are the names that are columns of the suite's own tables (the definitions' `index` and number columns). What must
# be named all the same is in field-names.allowed, each with its reason.
use strict;
use warnings;
use JSON::PP;

my (%field, %column, %allowed, %used);
my $bad = 0;

sub blocks {
	my ($file, @blocks) = @_;
	for my $block (@blocks) {
		$field{ $_->{name} } //= $file for grep { $_->{name} } @{ $block->{fields} // [] };
		blocks($file, @{ $block->{blocks} // [] }, @{ $block->{variants} // [] });
	}
}

for my $file (glob 'schema/forms/*.json') {
	open my $in, '<:raw', $file or die "$file: $!";
	local $/ = undef;
	my $definition = eval { JSON::PP->new->utf8->relaxed->decode(<$in>) } or do { print "$file: $@"; exit 1 };
	blocks($file, @{ $definition->{blocks} // [] });
	$column{$_} = 1 for keys %{ $definition->{index} // {} }, map { $_->{column} // () } values %{ $definition->{numbers} // {} };
}
$column{$_} = 1 for qw(id form version state enterprise creator agency applied issued valid_until year created updated);

open my $list, '<', 'platform/lint/field-names.allowed' or die $!;
while (<$list>) {
	next if /^\s*(#|$)/;
	my ($name, $place, $reason) = /^(\S+)\s+(\S+)\s+(\S.*)$/ or do { print "field-names.allowed:$.: name, place, reason\n"; $bad++; next };
	$allowed{$name}{$place} = $.;
}

sub found {
	my ($file, $line, $name) = @_;
	return if $column{$name};
	for my $place (keys %{ $allowed{$name} // {} }) {
		if (index($file, $place) == 0) { $used{$name}{$place} = 1; return }
	}
	print "$file:$line: \"$name\" is a field of $field{$name}; say it in the definition, or give a reason in platform/lint/field-names.allowed\n";
	$bad++;
}

sub lines_before { my ($text, $position) = @_; return 1 + (substr($text, 0, $position) =~ tr/\n//) }

for my $file (split /\n/, qx(git ls-files -co --exclude-standard -- 'shared/*.[ch]' 'modules/*.[ch]' 'schema/sql/*.sql' 'web/src/*')) {
	next unless $file =~ /\.(c|h|sql|js|mjs|ts|vue)$/;
	open my $in, '<:raw', $file or next;
	local $/ = undef;
	my $text = <$in>;
	# comments may say what they like; their lines stay
	$text =~ s{/\*.*?\*/}{ $& =~ tr/\n//cdr }gse;
	$text =~ s{(?<![:"'])//[^\n]*}{}g;
	$text =~ s{--[^\n]*}{}g if $file =~ /sql$/;
	if ($file =~ /\.[ch]$/) {
		while ($text =~ /"((?:[^"\\\n]|\\.)*)"/g) {
			my ($string, $at) = ($1, $-[0]);
			my @words = $string =~ /\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE|ORDER BY|VALUES|FROM)\b/ ? $string =~ /\b([a-z]\w+)\b/g
				: $string =~ m{^[\w/.]+$} ? split m{[/.]}, $string : ();
			found($file, lines_before($text, $at), $_) for grep { $field{$_} } @words;
		}
	} elsif ($file =~ /\.sql$/) {
		while ($text =~ /\b([a-z]\w+)\b/g) { found($file, lines_before($text, $-[0]), $1) if $field{$1} }
	} else {
		# 'name' "name" `name`, object.name, { name: }
		while ($text =~ /(?:(['"`])([a-z]\w*)\1|\.([a-z]\w*)\b(?!\s*\()|[{,]\s*([a-z]\w*)\s*:)/g) {
			my ($name) = grep { defined } $2, $3, $4;
			found($file, lines_before($text, $-[0]), $name) if $field{$name};
		}
	}
}
for my $name (sort keys %allowed) {
	for my $place (sort keys %{ $allowed{$name} }) {
		print "note: field-names.allowed:$allowed{$name}{$place}: $name is not in $place (any more)\n" unless $used{$name}{$place};
	}
}
exit($bad ? 1 : 0);
