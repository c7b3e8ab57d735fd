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

from analytics.bad_input import BadInput, Rule
from analytics.days import Flow, Timing, check_flows
from analytics.exact import check_amount, check_day, rounded_return
from analytics.periods import ONE_DAY, Period
from analytics.rate_roots import WIDE, all_roots, gathered, roots_if_all, sign_changes
from analytics.solver import solved_rate
from analytics.time_weighted import DAYS_PER_YEAR
from calculator.money import AMOUNT_LIMIT, EXACT, ONE

NEAR = Decimal("1e-13")  # how far from the solver's float its root may be, as a part of the factor
CHANGES_FEW = 8  # of sign: to find all roots then takes less than to find bounds
ORDERS = 32  # of partial sums, until one gives up
# Rates a year at which one looks for others, where there may be any.
SCANNED = ("-0.99", "-0.9", "-0.5", "-0.2", "0", "0.1", "0.3", "1", "3", "10", "100", "10000")


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
    # There may be rates, of which no criterion says how many: see `rate_roots.TURNS_MAX`.
    SIGN_CHANGES_MUST_BE_FEWER = "sign_changes_must_be_fewer"
    RATE_MUST_FIT = "rate_must_fit"  # below 10^26, and above -1 in 12 digits


@dataclass(frozen=True, slots=True)
class OneRoot:
    """The rate a year, a fraction, half-even to 12 places: there is no other that fits."""

    rate: Decimal


@dataclass(frozen=True, slots=True)
class NoRoot:
    """No rate that fits makes the payments worth nothing, or none can be told."""

    reason: NoRate


@dataclass(frozen=True, slots=True)
class SeveralRoots:
    """All rates a year that fit, ascending: none is better than another."""

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
        near = _around(_solved(payments))
        roots = roots_if_all(terms, near)
        if roots is None and changes > CHANGES_FEW:
            places = [*near, *(_factor(Decimal(rate)) for rate in SCANNED)]
            roots = roots_if_all(terms, places, ORDERS)
        if roots is None:
            roots = all_roots(terms)
        if roots is None:
            return NoRoot(NoRate.SIGN_CHANGES_MUST_BE_FEWER)
        return _answer([_rate(root) for root in roots])


def _answer(rates: Sequence[Decimal]) -> Answer:
    fitting = sorted(rate for rate in rates if rate < AMOUNT_LIMIT)
    with localcontext(EXACT):
        # A loss of some eight per cent in a day is, over a year, of all but 10^-13.
        told = tuple(rate for rate in map(rounded_return, fitting) if rate > -1)
    if len(told) > 1:
        return SeveralRoots(told)
    if told:
        return OneRoot(told[0])
    return NoRoot(NoRate.RATE_MUST_FIT if rates else NoRate.PRESENT_VALUE_MUST_REACH_ZERO)


def _solved(payments: Sequence[Payment]) -> Decimal:
    """The daily discount factor by the solver; 1 if it found none."""
    rate = solved_rate([(each.payment_date, each.amount) for each in payments])
    return ONE if rate is None or not -1 < rate < AMOUNT_LIMIT else _factor(rate)


def _around(place: Decimal) -> tuple[Decimal, Decimal]:
    """A root that the solver found is between these, and they are hardly roots themselves."""
    return place * (1 - NEAR), place * (1 + NEAR)


def _factor(rate: Decimal) -> Decimal:
    return (1 + rate) ** (ONE / -DAYS_PER_YEAR)


def _rate(factor: Decimal) -> Decimal:
    return factor**-DAYS_PER_YEAR - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Invested:
    """The part of a period on which there was money; flows at the end of their day."""

    period: Period
    begin_value: Decimal
    flows: Sequence[Flow]
    end_value: Decimal


def as_invested(
    period: Period, begin_value: Decimal, flows: Sequence[Flow], end_value: Decimal
) -> Invested | None:
    """From the first flow on, where the period begins with nothing, and to the last one, where it
    ends with nothing: days without money neither earn nor lessen what was earned.

    The same payments, so the same rate. Flows in order of time, one a day, at its end. None where
    no day is left: all flows are of one.
    https://en.wikipedia.org/wiki/Modified_Dietz_method, adjustments for the holding period
    """
    inner = list(flows)
    first_day, last_day = period.first_day, period.last_day
    if not begin_value and inner:
        first = inner.pop(0)
        first_day, begin_value = first.flow_date + ONE_DAY, first.amount
    if not end_value and inner:
        last = inner.pop()
        last_day, end_value = last.flow_date, last.amount.copy_negate()
    if last_day < first_day:
        return None
    return Invested(
        period=Period(first_day, last_day),
        begin_value=begin_value,
        flows=inner,
        end_value=end_value,
    )


def over_days(rate: Decimal, days: int) -> Decimal:
    """What a rate a year gives in so many days: (1 + rate)^(days / 365) - 1.

    For periods of less than a year, whose rate of a year nobody earned (see
    `time_weighted.annualized`). `BadInput` for a rate of -1 or less.
    """
    check_amount("rate", rate)
    if rate <= -1:
        raise BadInput("rate", Rule.RETURN_MUST_EXCEED_MINUS_ONE, str(rate))
    with localcontext(EXACT):
        return rounded_return((1 + rate) ** (Decimal(days) / DAYS_PER_YEAR) - 1)
