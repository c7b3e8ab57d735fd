"""At which rates a series of payments is worth nothing: all of them, and no other.

With one payment c after d days for each term, and y the value today of 1 tomorrow, the present
value is f(y) = sum c y^d, y > 0: a polynomial with few terms and large exponents. Its positive
roots y are the rates y^-365 - 1 > -1. How many there are is

- not more than the sign changes of c, and of the same parity (Descartes' rule of signs);
- not more below any y > 0 than the sign changes of the partial sums of c y^d from the first day on
  (Laguerre), and not more above it than those from the last on. At y = 1 the first is Norstrom's
  criterion; at a root it is whether the project is pure, which most portfolios are. Nor than those
  of the partial sums of partial sums, day by day, as often as one likes: the bound comes down;
- found by Rolle's theorem, where these do not decide: between two roots of y^-t f(y) its
  derivative has one, and if t is where the signs of c change, the derivative changes sign once less.

G. Polya and G. Szego, Problems and Theorems in Analysis II, part five, chapter 1;
G. J. O. Jameson, Counting zeros of generalized polynomials, Math. Gazette 90 (2006), 223-234,
https://www.maths.lancs.ac.uk/~jameson/zeros.pdf; C. J. Norstrom, A mathematical criterion for
nonnegative internal rates of return, J. Financial and Quantitative Analysis 7 (1972), 1899-1904,
https://doi.org/10.2307/2329806. All functions expect the caller in `WIDE`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from itertools import accumulate, pairwise

from calculator.money import EXACT, ONE, ZERO

# As EXACT; a factor per day, to the power of decades of days, needs more room for the exponent.
WIDE = Context(
    prec=EXACT.prec,
    rounding=EXACT.rounding,
    Emin=MIN_EMIN,
    Emax=MAX_EMAX,
    traps=[signal for signal, is_trapped in EXACT.traps.items() if is_trapped],
)
# A sum this small beside its terms is zero: what 100 digits leave of a sum of many that is.
NOTHING = Decimal("1e-60")
# Roots are known to this part of themselves. The value at an extremum is then known to its square.
ROOT_STEP = Decimal("1e-45")
WINDOW = Decimal("0.0625")
TURNS_MAX = 60  # sign changes for which 100 digits were seen to be as good as 500
DAYS_MAX = 40_000  # of usual exponents; only how fast roots are found depends on it


@dataclass(frozen=True, slots=True)
class Term:
    """One payment, or what a derivative made of it."""

    exponent: int  # days since the first
    coefficient: Decimal


def gathered(payments: Iterable[tuple[int, Decimal]]) -> list[Term]:
    """Payments of one day added up, in order of days, without those that come to nothing."""
    by_day: dict[int, Decimal] = {}
    for day, amount in payments:
        by_day[day] = by_day.get(day, ZERO) + amount
    first = min((day for day, amount in by_day.items() if amount), default=0)
    return [Term(d - first, amount) for d, amount in sorted(by_day.items()) if amount]


def sign_changes(numbers: Iterable[Decimal]) -> int:
    """Zeros do not count."""
    signs = [number > 0 for number in numbers if number]
    return sum(one != next_one for one, next_one in pairwise(signs))


def present_values(terms: Sequence[Term], y: Decimal) -> list[Decimal]:
    """c y^d of each term, divided by the power of the first."""
    power = ONE
    exponent = terms[0].exponent
    values = []
    for term in terms:
        if term.exponent != exponent:
            power *= y ** (term.exponent - exponent)
            exponent = term.exponent
        values.append(term.coefficient * power)
    return values


def value_at(terms: Sequence[Term], y: Decimal) -> Decimal:
    """The present value, divided by the first power; exactly 0 where it is next to NOTHING."""
    values = present_values(terms, y)
    total = sum(values, ZERO)
    size = sum((abs(value) for value in values), ZERO)
    return ZERO if abs(total) <= NOTHING * size else total


def sign_at(terms: Sequence[Term], y: Decimal) -> int:
    """Of the present value: -1, 0 or 1."""
    value = value_at(terms, y)
    return (value > 0) - (value < 0)


def bounds(terms: Sequence[Term], y: Decimal, orders: int) -> Iterator[int]:
    """How many roots there can be, below `y` and above it together: by partial sums, by those of
    partial sums, and so on, never rising. `y` is no root itself."""
    values = present_values(terms, y)
    by_day = [ZERO] * (terms[-1].exponent - terms[0].exponent + 1)
    for term, value in zip(terms, values, strict=True):
        by_day[term.exponent - terms[0].exponent] = value
    sides = [by_day, by_day[::-1]]
    last_sums: tuple[list[Decimal], ...] = ([], [])
    for _ in range(orders):
        sides = [list(accumulate(side)) for side in sides]
        # After the last day the sums go on; by those of lower order one sees how often they turn.
        yield sum(sign_changes([*s, *after]) for s, after in zip(sides, last_sums, strict=True))
        for side, after in zip(sides, last_sums, strict=True):
            after.insert(0, side[-1])


def roots_if_all(
    terms: Sequence[Term], places: Iterable[Decimal], orders: int = 1
) -> list[Decimal] | None:
    """The roots that a scan of these places finds, ascending; None if there may be others.

    A place that is a root itself says nothing of its order, and is passed over.
    """
    inner = [place for place in sorted(places) if sign_at(terms, place)]
    if not inner:
        return None
    scanned = [below(terms, inner[0]), *inner, above(terms, inner[-1])]
    found = [
        (one, two) for one, two in pairwise(scanned) if sign_at(terms, one) != sign_at(terms, two)
    ]
    most = sign_changes(term.coefficient for term in terms)
    for bound in (bound for place in inner for bound in bounds(terms, place, orders)):
        if most <= len(found):
            break
        most = min(most, bound)
    return [root_between(terms, *each) for each in found] if most == len(found) else None


def root_between(terms: Sequence[Term], low: Decimal, high: Decimal) -> Decimal:
    """The one between two places at which the signs differ, to ROOT_STEP of itself.

    A window around where the secant crosses zero; half of the rest, where the root is not in it.
    The windows narrow as fast as secants become good, and the signs at both ends always differ.
    """
    ends = {low: value_at(terms, low), high: value_at(terms, high)}
    # By how much a secant misses goes with the square of its width.
    part = min(WINDOW, DAYS_MAX * (high / low - 1))
    while (width := high - low) > ROOT_STEP * low:
        crossing = low - ends[low] * width / (ends[high] - ends[low])
        window = max(width * part, ROOT_STEP * low / 4)
        for place in (crossing - window, crossing + window, (low + high) / 2):
            if not low < place < high:
                continue
            ends[place] = value_at(terms, place)
            if not ends[place]:
                return place
            is_below = (ends[place] > 0) == (ends[low] > 0)
            low, high = (place, high) if is_below else (low, place)
            if high - low <= 3 * window:
                break
        part = part * part if high - low <= 3 * window else WINDOW
    return (low + high) / 2


def below(terms: Sequence[Term], start: Decimal) -> Decimal:
    """A place below the only root that is below `start`, or any if there is none."""
    return _far(terms, start, terms[0].coefficient, ONE / 2)


def above(terms: Sequence[Term], start: Decimal) -> Decimal:
    """A place above the only root that is above `start`, or any if there is none."""
    return _far(terms, start, terms[-1].coefficient, Decimal(2))


def _far(terms: Sequence[Term], start: Decimal, last: Decimal, factor: Decimal) -> Decimal:
    """Away from `start` in growing steps, to where the sign is the one that it keeps for ever."""
    # From one day to the next a rate that is not absurd changes little: the first step is small.
    step = factor ** (ONE / 365)
    place = start * step
    while sign_at(terms, place) * last <= 0:
        step *= step
        place *= step
    return place


def all_roots(terms: Sequence[Term]) -> list[Decimal] | None:
    """Each positive root once, ascending, whatever its order; to ROOT_STEP of itself.

    Terms that ascend, none of them zero. Two roots nearer to each other than about 10^-30 of
    themselves count as one. None beyond TURNS_MAX sign changes.
    """
    chain = [terms]  # each but the first made of the one before it
    while turn := _first_turn(chain[-1]):
        if len(chain) > TURNS_MAX:
            return None
        chain.append([Term(t.exponent, t.coefficient * (2 * t.exponent - turn)) for t in chain[-1]])
    roots: list[Decimal] = []
    for each in reversed(chain[:-1]):
        roots = _roots_between(each, roots)
    return roots


def _first_turn(terms: Sequence[Term]) -> int:
    """Twice a time between the first two days at which the signs change; 0 if they do not."""
    for one, two in pairwise(terms):
        if (one.coefficient > 0) != (two.coefficient > 0):
            return one.exponent + two.exponent
    return 0


def _roots_between(terms: Sequence[Term], extrema: Sequence[Decimal]) -> list[Decimal]:
    first, last = (extrema[0], extrema[-1]) if extrema else (ONE, ONE)
    places = [below(terms, first), *extrema, above(terms, last)]
    signs = [sign_at(terms, place) for place in places]
    roots = [place for place, sign in zip(places, signs, strict=True) if sign == 0]
    for (one, two), (sign, next_sign) in zip(pairwise(places), pairwise(signs), strict=True):
        if sign * next_sign < 0:
            roots.append(root_between(terms, one, two))
    return sorted(roots)
