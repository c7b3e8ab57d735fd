"""The rate that an investor's own money earned: XIRR, by ACT/365, with all its roots or none.

    sum amount_i / (1 + r)^(days_i / 365) = 0,  r > -1

GIPS Standards Handbook for Firms (2020), money-weighted return.
https://www.gipsstandards.org/standards/gips-standards-for-firms/gips-standards-handbook-for-firms/
https://support.microsoft.com/en-us/office/xirr-function-de1242ec-6477-445b-b11b-a303ad9adc9d
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum

from analytics.days import Flow, Timing, check_flows
from analytics.exact import check_amount, check_day, rounded_return
from analytics.periods import ONE_DAY, Period
from analytics.rate_roots import (
    WIDE,
    Term,
    above,
    all_roots,
    below,
    gathered,
    most_roots,
    root_between,
    sign_at,
    sign_changes,
)
from analytics.solver import solved_rate
from analytics.time_weighted import DAYS_PER_YEAR
from calculator.money import AMOUNT_LIMIT, EXACT, ONE, ZERO

# How far from the solver's float the root may be, as a part of the daily factor; the first will do.
NEAR = (Decimal("1e-15"), Decimal("1e-12"), Decimal("1e-9"), Decimal("1e-6"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """The investor's side: what is paid in is negative, what comes back is positive, as in Excel."""

    payment_date: date
    amount: Decimal

    def __post_init__(self) -> None:
        check_day("payment_date", self.payment_date)
        check_amount("amount", self.amount)


class NoRate(StrEnum):
    """The requirement for a rate that the payments do not meet."""

    PAYMENTS_MUST_HAVE_BOTH_SIGNS = "payments_must_have_both_signs"
    PRESENT_VALUE_MUST_REACH_ZERO = "present_value_must_reach_zero"
    RATE_MUST_FIT = "rate_must_fit"  # below 10^26


@dataclass(frozen=True, slots=True)
class OneRoot:
    """The rate a year, a fraction, half-even to 12 places: there is no other above -1."""

    rate: Decimal


@dataclass(frozen=True, slots=True)
class NoRoot:
    """No rate above -1 and below 10^26 makes the payments worth nothing."""

    reason: NoRate


@dataclass(frozen=True, slots=True)
class SeveralRoots:
    """All rates a year between -1 and 10^26, ascending: none is better than another."""

    rates: tuple[Decimal, ...]


Answer = OneRoot | NoRoot | SeveralRoots


def money_weighted(
    period: Period, begin_value: Decimal, flows: Sequence[Flow], end_value: Decimal
) -> Answer:
    """The rate of a period: its begin value is paid in as it begins, its end value comes back.

    The begin of a day is the end of the day before. The rate is of a year however short the period
    is; `over_days` makes a return of it. `BadInput` for values that are no amounts and for flows
    outside the period.
    """
    check_amount("begin_value", begin_value)
    check_amount("end_value", end_value)
    check_flows(flows, period)
    begin = Payment(payment_date=period.begin_date, amount=begin_value.copy_negate())
    end = Payment(payment_date=period.last_day, amount=end_value)
    return xirr([begin, *(_payment(flow) for flow in flows), end])


def _payment(flow: Flow) -> Payment:
    is_at_begin = flow.timing is Timing.BEGIN
    day = flow.flow_date - ONE_DAY if is_at_begin else flow.flow_date
    return Payment(payment_date=day, amount=flow.amount.copy_negate())


def xirr(payments: Sequence[Payment]) -> Answer:
    """Every rate at which the payments are worth nothing. Their order does not matter.

    How many there are is known before a solver is asked (`rate_roots`), and its float is only
    where the exact search begins: so a solver that fails or finds nothing changes no answer.
    """
    with localcontext(WIDE):
        terms = gathered((each.payment_date.toordinal(), each.amount) for each in payments)
        changes = sign_changes(term.coefficient for term in terms)
        if changes == 0:
            return NoRoot(NoRate.PAYMENTS_MUST_HAVE_BOTH_SIGNS)
        near = _solved(payments)
        bounds = [changes]
        for place in (ONE, near):
            bound = most_roots(terms, place)
            bounds += [] if bound is None else [bound]
        if min(bounds) > 1:
            rates = [_rate(root) for root in all_roots(terms)]
        elif min(bounds) == 1:
            rates = [_rate(root_between(terms, *_around(terms, near)))]
        else:
            rates = []
        return _answer(rates)


def _answer(rates: Sequence[Decimal]) -> Answer:
    fitting = sorted(rate for rate in rates if rate < AMOUNT_LIMIT)
    with localcontext(EXACT):
        told = tuple(rounded_return(rate) for rate in fitting)
    if len(told) > 1:
        return SeveralRoots(told)
    if told:
        return OneRoot(told[0])
    return NoRoot(NoRate.RATE_MUST_FIT if rates else NoRate.PRESENT_VALUE_MUST_REACH_ZERO)


def _solved(payments: Sequence[Payment]) -> Decimal:
    """The daily discount factor by the solver, or 1; a hair off, lest it be the root itself."""
    rate = solved_rate([(each.payment_date, each.amount) for each in payments])
    if rate is None or not -1 < rate < AMOUNT_LIMIT:
        rate = ZERO
    return (1 + rate) ** (ONE / -DAYS_PER_YEAR) * (ONE + NEAR[0] / 7)


def _around(terms: Sequence[Term], near: Decimal) -> tuple[Decimal, Decimal]:
    """Two factors between which the one root is: close to the solver's, if that was right."""
    for step in NEAR:
        low, high = near * (1 - step), near * (1 + step)
        if sign_at(terms, low) * sign_at(terms, high) < 0:
            return low, high
    return below(terms, near), above(terms, near)


def _rate(factor: Decimal) -> Decimal:
    return factor**-DAYS_PER_YEAR - 1


def over_days(rate: Decimal, days: int) -> Decimal:
    """What a rate a year gives in so many days: (1 + rate)^(days / 365) - 1.

    For periods of less than a year, whose rate of a year nobody earned: see `time_weighted.annualized`.
    """
    with localcontext(EXACT):
        return rounded_return((1 + rate) ** (Decimal(days) / DAYS_PER_YEAR) - 1)
