"""At which rates a series of payments is worth nothing: all of them, and no other.

With one payment c after d days for each term, and y the value today of 1 tomorrow, the present
value is f(y) = sum c y^d, y > 0: a polynomial with few terms and large exponents. Its positive
roots y are the rates y^-365 - 1 > -1. How many there are is

- not more than the sign changes of c, and of the same parity (Descartes' rule of signs);
- not more below any y > 0 than the sign changes of the partial sums of c y^d from the first on,
  and not more above it than those from the last on (Laguerre). At y = 1 the first is Norstrom's
  criterion; at a root it is whether the project is pure, which nearly all portfolios are.
- found by Rolle's theorem, where these do not decide: between two roots of y^-t f(y) its
  derivative has one, and if t is where the signs of c change, the derivative changes sign once less.

G. J. O. Jameson, Counting zeros of generalized polynomials, Math. Gazette 90 (2006), 223-234,
https://www.maths.lancs.ac.uk/~jameson/zeros.pdf; C. J. Norstrom, A mathematical criterion for
nonnegative internal rates of return, J. Financial and Quantitative Analysis 7 (1972), 1899-1904,
https://doi.org/10.2307/2329806. All functions expect the caller in `WIDE`.
"""

from collections.abc import Iterable, Sequence
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


def sign_at(terms: Sequence[Term], y: Decimal) -> int:
    """Of the present value: -1, 0 or 1."""
    values = present_values(terms, y)
    total = sum(values, ZERO)
    size = sum((abs(value) for value in values), ZERO)
    return 0 if abs(total) <= NOTHING * size else 1 if total > 0 else -1


def most_roots(terms: Sequence[Term], y: Decimal) -> int | None:
    """Laguerre's bound on the number of roots, those below `y` and those above it together.

    None where it does not say: `y` is a root itself, and of an order that is not known.
    """
    if sign_at(terms, y) == 0:
        return None
    values = present_values(terms, y)
    return sign_changes(accumulate(values)) + sign_changes(accumulate(reversed(values)))


def bisected(terms: Sequence[Term], low: Decimal, high: Decimal, step: Decimal) -> Decimal:
    """The root between two places at which the signs differ, to the part `step` of itself."""
    sign = sign_at(terms, low)
    while high - low > step * low:
        middle = (low + high) / 2
        found = sign_at(terms, middle)
        if found == 0:
            return middle
        low, high = (middle, high) if found == sign else (low, middle)
    return (low + high) / 2


def bracket(terms: Sequence[Term], start: Decimal = ONE) -> tuple[Decimal, Decimal]:
    """Below and above all roots, and below and above `start`: there the ends decide the sign."""
    first = 1 if terms[0].coefficient > 0 else -1
    last = 1 if terms[-1].coefficient > 0 else -1
    return _far(terms, start, first, ONE / 2), _far(terms, start, last, Decimal(2))


def _far(terms: Sequence[Term], start: Decimal, sign: int, factor: Decimal) -> Decimal:
    """Away from `start` in growing steps, to where partial sums from that end have one sign."""
    # From one day to the next a rate that is not absurd changes little: the first step is small.
    step = factor ** (ONE / 365)
    y = start * step
    while True:
        values = present_values(terms, y)
        partial = accumulate(values if factor < 1 else reversed(values))
        if sign_at(terms, y) == sign and sign_changes(partial) == 0:
            return y
        step *= step
        y *= step


def all_roots(terms: Sequence[Term]) -> list[Decimal]:
    """Each positive root once, ascending, whatever its order; to ROOT_STEP of itself.

    Terms that ascend, none of them zero. Two roots nearer to each other than about 10^-30 of
    themselves count as one. Takes the square of the number of sign changes, times the terms.
    """
    turns = [
        one.exponent + two.exponent  # twice t, which is between two days
        for one, two in pairwise(terms)
        if (one.coefficient > 0) != (two.coefficient > 0)
    ]
    if not turns:
        return []
    derivative = [
        Term(term.exponent, term.coefficient * (2 * term.exponent - turns[0])) for term in terms
    ]
    extrema = all_roots(derivative)
    low, high = bracket(terms, extrema[0] if extrema else ONE)
    if extrema:
        high = bracket(terms, extrema[-1])[1]
    places = [low, *extrema, high]
    signs = [sign_at(terms, place) for place in places]
    roots = [place for place, sign in zip(places, signs, strict=True) if sign == 0]
    for (one, two), (sign, next_sign) in zip(pairwise(places), pairwise(signs), strict=True):
        if sign * next_sign < 0:
            roots.append(bisected(terms, one, two, ROOT_STEP))
    return sorted(roots)
