"""Gain divided by average capital: the return of a period of which only the flows are known.

P. O. Dietz, Pension Funds: Measuring Investment Performance, 1966.
https://en.wikipedia.org/wiki/Modified_Dietz_method
"""

from collections.abc import Sequence
from decimal import Decimal, localcontext

from analytics.days import Flow, Timing, check_flows
from analytics.exact import check_amount, rounded_return
from analytics.periods import Period
from calculator.money import EXACT, ZERO


def modified_dietz(
    period: Period, begin_value: Decimal, flows: Sequence[Flow], end_value: Decimal
) -> Decimal | None:
    """(end - begin - sum F) / (begin + sum w F), w the part of the period that F was there.

    Of n days, a flow at the end of the k-th has w = (n - k) / n, one at its begin 1 / n more.
    A fraction, half-even to 12 places, not annualized; None where average capital is not positive.
    `BadInput` for values that are no amounts and for flows outside the period.
    """
    check_amount("begin_value", begin_value)
    check_amount("end_value", end_value)
    check_flows(flows, period)
    with localcontext(EXACT):
        weighted = (flow.amount * _days_there(flow, period) for flow in flows)
        # Multiplied by the days instead of dividing each weight: one division, one rounding.
        capital_days = begin_value * period.days + sum(weighted, ZERO)
        gain = end_value - begin_value - sum((flow.amount for flow in flows), ZERO)
        return rounded_return(gain * period.days / capital_days) if capital_days > 0 else None


def _days_there(flow: Flow, period: Period) -> int:
    return (period.last_day - flow.flow_date).days + (flow.timing is Timing.BEGIN)
