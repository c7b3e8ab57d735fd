"""How much of a linked return each part of the portfolio brought, so that the parts sum to it.

    C_part = sum over the days of  gain_part / capital_total * (1 + r linked up to the day before)

sums over the parts to the linked return itself, since the linked return grows on each day by that
day's return times what was linked before. R. Litterman, Modern Investment Management (2003),
chapter 19, formulas 19.50 to 19.53; A. Frongello, Linking Single Period Attribution Results,
J. of Performance Measurement (2002), is the same without a benchmark.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from analytics.days import Basis, Day, total_of
from analytics.exact import adding_up, check_amount, check_positive, rounded_return
from analytics.periods import Period
from analytics.time_weighted import day_returns, runs
from calculator.money import EXACT, ONE, ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """Of one segment. Fractions, half-even to 12 places; the sum of `parts` is `total_return`."""

    period: Period
    total_return: Decimal
    parts: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDay:
    """A day of a part in base currency, and what its own currency says of it."""

    day: Day
    gain_local: Decimal  # net of fees, in the part's own currency
    rate_at_begin: Decimal  # base currency per unit of it, at the end of the day before

    def __post_init__(self) -> None:
        check_amount("gain_local", self.gain_local)
        check_positive("rate_at_begin", self.rate_at_begin)

    def local_gain_in_base(self, basis: Basis) -> Decimal:
        """What the day had gained in base currency, had the rate stood still. Exact."""
        with localcontext(EXACT):
            gain = self.gain_local * self.rate_at_begin
            return gain + self.day.fees if basis is Basis.GROSS_OF_FEES else gain


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A return in base currency: `local` + `currency` is `base`, to the last digit.

    `currency` has the product of both: what the rate did to begin value and gain alike.
    """

    base: Decimal
    local: Decimal
    currency: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitContributions:
    """Of one segment; the sum of the `base` of the parts is `total_return`."""

    period: Period
    total_return: Decimal
    parts: Mapping[str, Split]


def contributions(
    parts: Mapping[str, Sequence[Day]], basis: Basis = Basis.NET_OF_FEES
) -> list[Contributions]:
    """Of each segment of the whole, as `time_weighted.linked` cuts it.

    All parts in one currency. What moves between two of them is a flow of both, with the same
    timing. `BadInput` for days that do not join, in a part or in the sum of all.
    """
    gains = {
        name: {day.valuation_date: day.gain(basis) for day in days} for name, days in parts.items()
    }
    with localcontext(EXACT):
        found = []
        for run in _weighted_runs(parts.values(), basis):
            exact = {name: run.sum_of(gains[name]) for name in parts}
            # Not the sum of the parts: beside a tie that might be rounded to the other side.
            total_return = rounded_return(run.exact_return)
            found.append(
                Contributions(
                    period=run.period,
                    total_return=total_return,
                    parts=adding_up(total_return, exact),
                )
            )
        return found


def split_contributions(
    parts: Mapping[str, Sequence[LocalDay]], basis: Basis = Basis.NET_OF_FEES
) -> list[SplitContributions]:
    """As `contributions`, each part split into what it brought locally and by its currency.

    Local: the gain in the part's own currency at the rate of the day's begin, over the capital of
    the whole, which is weight times local return. Currency: the rest. D. Karnosky and B. Singer,
    Global Asset Management and Performance Attribution (1994), without their cash rates.
    """
    local_gains = {
        name: {each.day.valuation_date: each.local_gain_in_base(basis) for each in days}
        for name, days in parts.items()
    }
    days_of = {name: [each.day for each in days] for name, days in parts.items()}
    with localcontext(EXACT):
        found = []
        runs_of_whole = _weighted_runs(days_of.values(), basis)
        for run, whole in zip(runs_of_whole, contributions(days_of, basis), strict=True):
            split = {}
            for name, base in whole.parts.items():
                local = rounded_return(run.sum_of(local_gains[name]))
                split[name] = Split(base=base, local=local, currency=base - local)
            found.append(
                SplitContributions(
                    period=whole.period, total_return=whole.total_return, parts=split
                )
            )
        return found


def split_return(base_return: Decimal, local_return: Decimal) -> Split:
    """The currency effect of a return: base - local = r_fx * (1 + r_local).

    Since 1 + base = (1 + local)(1 + r_fx), CFA Institute, Currency Management: An Introduction,
    https://www.cfainstitute.org/insights/professional-learning/refresher-readings. Fractions.
    """
    check_amount("base_return", base_return)
    check_amount("local_return", local_return)
    with localcontext(EXACT):
        base, local = rounded_return(base_return), rounded_return(local_return)
        return Split(base=base, local=local, currency=base - local)


@dataclass(frozen=True, slots=True)
class _WeightedRun:
    """The days of a segment, and what a gain of one on each adds to the linked return."""

    period: Period
    exact_return: Decimal
    weights: Mapping[date, Decimal]

    def sum_of(self, gains: Mapping[date, Decimal]) -> Decimal:
        return sum(
            (gains[day] * weight for day, weight in self.weights.items() if day in gains), ZERO
        )


def _weighted_runs(parts: Iterable[Sequence[Day]], basis: Basis) -> list[_WeightedRun]:
    """The caller works in `EXACT`."""
    found = []
    for run in runs(day_returns(total_of(parts), basis)):
        linked_before = ONE
        weights = {}
        for each in run:
            assert each.exact_return is not None
            if not each.day.is_idle:
                weights[each.day.valuation_date] = linked_before / each.day.capital
                linked_before *= 1 + each.exact_return
        period = Period(run[0].day.valuation_date, run[-1].day.valuation_date)
        found.append(_WeightedRun(period, linked_before - 1, weights))
    return found
