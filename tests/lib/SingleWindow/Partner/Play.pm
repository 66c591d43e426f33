package SingleWindow::Partner::Play;

# What a partner decides, and where a document therefore ends: both depend on the document's number alone, and the second is written down
# apart from the first, so that a test knows the end without asking anybody.
#
#   Applications of export licences, by the last digit of the application number:
#     0 8 9 both reviews pass       1 returned once              2 the second review returns once     3 withdrawn
#     4 the agency's own number     5 withdrawal refused         6 revoked when customs has it        7 returned for good
#   Licences at customs, by the digit before it (one that is revoked is only stored):
#     0 5 stored    1 6 STORE_FAILED first, all of it written off    2 7 two declarations, one reserved before
#     3 8 CENTRE_FAILED first, a write-off, corrected    4 9 SEND_FAILED first, reserved
#   Certificates of origin, by the last digit:
#     0 4 8 approved    1 5 9 returned once    2 6 taken back once    3 7 approved under a number of CCPIT

use strict;
use warnings;
use utf8;

use Exporter 'import';

our @EXPORT_OK = qw(decisions receipts clearance expected asks own_number);

sub digits { my ($no) = @_; my ($tail) = $no =~ /(\d{2})$/; return reverse split //, $tail }

my @LICENCE = qw(plain returned second_returned withdrawn own_number refused revoked ended plain plain);
my @CERTIFICATE = qw(plain returned taken_back own_number);
my @CUSTOMS = qw(stored all two corrected reserved);

sub way { my ($module, $no) = @_; my ($last) = digits($no); return $module eq 'origin' ? $CERTIFICATE[ $last % 4 ] : $LICENCE[$last] }
sub customs_way { my ($no) = @_; my ($last, $before) = digits($no); return $LICENCE[$last] eq 'revoked' ? 'stored' : $CUSTOMS[ $before % 5 ] }

sub own_number { my ($module, $no) = @_; my ($tail) = $no =~ /(\d{6})$/; return $module eq 'origin' ? "CP/$tail" : "OWN$tail" }

# What the applicant does after submitting: 'withdraw', 'take_back' or nothing.
sub asks { my ($module, $no) = @_; return { withdrawn => 'withdraw', refused => 'withdraw', taken_back => 'take_back' }->{ way($module, $no) } }

# ---- the authority: [action, opinion, licence number] ..., for the n-th Application or Request (`what`) of a document

sub decisions {
	my ($module, $no, $what, $n) = @_;
	my $way = way($module, $no);
	my @pass = $module eq 'origin' ? ([ 'approve', '' ]) : ([ 'first_pass', '同意' ], [ 'second_pass', '' ]);
	return ([ 'cancel_refuse', '请继续 & <审核>' ], @pass) if $what eq 'withdraw' && $way eq 'refused';
	return ([ 'cancel_consent', '' ]) if $what eq 'withdraw';
	return () if $what ne 'submit';
	return () if asks($module, $no) && $n == 1;
	return ([ $module eq 'origin' ? 'return' : 'first_return', "请补充\n合同" ]) if ($way eq 'returned' && $n == 1) || $way eq 'ended';
	return ([ 'first_pass', '' ], [ 'second_return', '价格?' ], @pass) if $way eq 'second_returned';
	$pass[-1][2] = own_number($module, $no) if $way eq 'own_number';
	return @pass;
}

# ---- customs

# Status of the Receipt for the n-th attempt of a Licence.
sub receipts {
	my ($no, $attempt) = @_;
	return 'STORED' if $attempt > 1;
	return { all => 'STORE_FAILED', corrected => 'CENTRE_FAILED', reserved => 'SEND_FAILED' }->{ customs_way($no) } // 'STORED';
}

# What happens to a licence that is stored: [kind, declaration, quantity] ...
sub clearance {
	my ($no, $quantity) = @_;
	my $way = customs_way($no);
	my ($tail) = $no =~ /(\d{6})$/;
	my ($one, $two) = map { sprintf '%017d%d', $tail, $_ } 1, 2;
	return ([ 'WriteOff', $one, $quantity ]) if $way eq 'all';
	return ([ 'Reservation', $one, 5 ], [ 'WriteOff', $one, 4 ], [ 'WriteOff', $two, 3 ]) if $way eq 'two';
	return ([ 'WriteOff', $one, 6 ], [ 'Adjustment', $one, 5 ]) if $way eq 'corrected';
	return ([ 'Reservation', $one, 7 ]) if $way eq 'reserved';
	return ();
}

# ---- the end: { state, customs, used, reserved, balance, licence (its number, where it is not ours), actions => those of others }

my %END = (
	plain => [ 'PRINTED', [qw(first_pass second_pass issued)] ], own_number => [ 'PRINTED', [qw(first_pass second_pass issued)] ],
	returned => [ 'PRINTED', [qw(first_return first_pass second_pass issued)] ], second_returned => [ 'PRINTED', [qw(first_pass second_return first_pass second_pass issued)] ],
	refused => [ 'PRINTED', [qw(cancel_refuse first_pass second_pass issued)] ], revoked => [ 'REVOKED', [qw(first_pass second_pass issued revoke)] ],
	withdrawn => [ 'CANCELLED', ['cancel_consent'] ], ended => [ 'FIRST_RETURNED', ['first_return'] ],
);
my %CUSTOMS_END = ( # state, used, reserved, actions
	stored => [ 'STORED', 0, 0, ['customs_stored'] ], all => [ 'WRITTEN_OFF', -1, 0, [qw(customs_store_failed customs_stored customs_written_off)] ],
	two => [ 'WRITTEN_OFF', 7, 0, [qw(customs_stored customs_written_off customs_written_off)] ],
	corrected => [ 'WRITTEN_OFF', 5, 0, [qw(customs_centre_failed customs_stored customs_written_off)] ], reserved => [ 'STORED', 0, 7, ['customs_stored'] ],
);

sub expected {
	my ($module, $no, $quantity) = @_;
	my $way = way($module, $no);
	my $own = $way eq 'own_number' ? own_number($module, $no) : undef;
	return { state => 'APPROVED', customs => '', licence => $own, issued => 1, actions => [ ($way eq 'returned' ? 'return' : ()), 'approve', 'issued' ] } if $module eq 'origin';
	my ($state, $actions) = @{ $END{$way} };
	my $issued = $state eq 'PRINTED' || $state eq 'REVOKED';
	return { state => $state, customs => '', used => 0, reserved => 0, balance => 0, issued => 0, actions => $actions } unless $issued;
	my ($customs, $used, $reserved, $more) = @{ $CUSTOMS_END{ customs_way($no) } };
	$used = $quantity if $used < 0;
	my @all = ((grep { $_ ne 'revoke' } @$actions), @$more, $state eq 'REVOKED' ? 'revoke' : ());
	return { state => $state, customs => $customs, used => $used, reserved => $reserved, balance => $state eq 'REVOKED' ? 0 : $quantity - $used - $reserved, licence => $own, issued => 1, actions => \@all };
}

1;
