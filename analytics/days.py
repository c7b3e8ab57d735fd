"""One day of a portfolio, a position or any part of one, and the flows of such days.

All amounts of one series are in one currency. Money that comes into the portfolio is positive.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import pairwise

from analytics.bad_input import BadInput, Rule
from analytics.exact import check_amount, check_day
from analytics.periods import Period
from calculator.money import EXACT, ZERO


class Basis(StrEnum):
    """Whether the fees of management and custody lessen a return. The costs of trading always do.

    GIPS Standards Handbook for Firms (2020), glossary: gross-of-fees is reduced by transaction
    costs, net-of-fees by the management fee too.
    https://www.gipsstandards.org/standards/gips-standards-for-firms/gips-standards-handbook-for-firms/
    """

    NET_OF_FEES = "NET_OF_FEES"
    GROSS_OF_FEES = "GROSS_OF_FEES"


class Timing(StrEnum):
    """When on its day a flow comes: before all that the day earns, or after.

    GIPS leaves it to a policy that is kept: http://blog.statpro.com/blog/timing-of-intra-day-cash-flows
    """

    BEGIN = "BEGIN"
    END = "END"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Money, any sign; a market value below zero is owed. `BadInput` for what is no amount."""

    valuation_date: date
    begin_value: Decimal  # market value at the end of the day before
    flow_at_begin: Decimal = ZERO  # external: what trades inside move is no flow
    flow_at_end: Decimal = ZERO
    end_value: Decimal  # market value, the flows of the day included
    fees: Decimal = ZERO  # management and custody, taken out of end_value; a refund is negative

    def __post_init__(self) -> None:
        check_day("valuation_date", self.valuation_date)
        for field in ("begin_value", "flow_at_begin", "flow_at_end", "end_value", "fees"):
            check_amount(field, getattr(self, field))

    @property
    def capital(self) -> Decimal:
        """What the day works with: the denominator of its return. Exact in any context."""
        return EXACT.add(self.begin_value, self.flow_at_begin)

    def gain(self, basis: Basis = Basis.NET_OF_FEES) -> Decimal:
        """What the day earned, the numerator of its return; a loss is negative. Exact."""
        with localcontext(EXACT):
            earned = self.end_value - self.begin_value - self.flow_at_begin - self.flow_at_end
            return earned + self.fees if basis is Basis.GROSS_OF_FEES else earned

    @property
    def is_idle(self) -> bool:
        """Nothing held, nothing flowed, nothing charged."""
        return not (
            self.begin_value
            or self.flow_at_begin
            or self.flow_at_end
            or self.end_value
            or self.fees
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """External money: into the portfolio positive, out of it negative."""

    flow_date: date
    amount: Decimal
    timing: Timing = Timing.END

    def __post_init__(self) -> None:
        check_day("flow_date", self.flow_date)
        check_amount("amount", self.amount)


def check_joined(days: Sequence[Day]) -> None:
    """`BadInput` unless dates ascend and each day begins with what the day before ended with.

    Days may be left out, as weekends are, if nothing changed on them.
    """
    for before, after in pairwise(days):
        if after.valuation_date <= before.valuation_date:
            detail = f"{after.valuation_date} comes after {before.valuation_date}"
            raise BadInput("valuation_date", Rule.DAYS_MUST_ASCEND, detail)
        if after.begin_value != before.end_value:
            detail = (
                f"{after.valuation_date} begins with {after.begin_value}, "
                f"{before.valuation_date} ended with {before.end_value}"
            )
            raise BadInput("begin_value", Rule.VALUES_MUST_JOIN, detail)


def check_flows(flows: Iterable[Flow], period: Period) -> None:
    """`BadInput` for a flow outside the period."""
    for flow in flows:
        if flow.flow_date not in period:
            detail = f"{flow.flow_date} is not in {period.first_day} to {period.last_day}"
            raise BadInput("flow_date", Rule.FLOW_MUST_BE_IN_THE_PERIOD, detail)
