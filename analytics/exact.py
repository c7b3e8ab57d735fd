"""Amounts are checked on their way in, returns are rounded on their way out.

In between all work is done in `calculator.money.EXACT`, a context of 100 digits.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from analytics.bad_input import BadInput, Rule
from calculator.money import AMOUNT_LIMIT, COST_STEP, ZERO, rounded

_DIGITS = AMOUNT_LIMIT.adjusted()  # before the point


def check_amount(field: str, amount: object) -> None:
    """Any sign. `BadInput` unless a finite Decimal below 10^26, taken absolutely."""
    if type(amount) is Decimal and amount.is_finite() and amount.adjusted() < _DIGITS:
        return  # long series have a hundred thousand
    if not isinstance(amount, Decimal):
        detail = f"{type(amount).__name__} {amount!r}"
        raise BadInput(field, Rule.AMOUNT_MUST_BE_A_DECIMAL, detail)
    if not amount.is_finite():
        raise BadInput(field, Rule.AMOUNT_MUST_BE_FINITE, str(amount))
    if amount.copy_abs() >= AMOUNT_LIMIT:
        raise BadInput(field, Rule.AMOUNT_MUST_FIT, f"{amount} is not below {AMOUNT_LIMIT}")


def check_positive(field: str, amount: Decimal) -> None:
    """As `check_amount`, and above zero."""
    check_amount(field, amount)
    if amount <= 0:
        raise BadInput(field, Rule.AMOUNT_MUST_BE_POSITIVE, str(amount))


def check_day(field: str, day: object) -> None:
    """A datetime is a date to Python, but two of them can be on one day."""
    if not isinstance(day, date) or isinstance(day, datetime):
        raise BadInput(field, Rule.DAY_MUST_BE_A_DATE, f"{type(day).__name__} {day!r}")


def rounded_amount(field: str, exact_amount: Decimal) -> Decimal:
    """Money, half-even to 12 places; `BadInput` from 10^26. The caller works in `EXACT`."""
    check_amount(field, exact_amount)
    return rounded(exact_amount) + ZERO  # no negative zero


def rounded_return(exact_return: Decimal) -> Decimal:
    """A fraction (0.01 is one per cent), half-even to 12 places. The caller works in `EXACT`.

    `BadInput` from 10^26: money was divided by next to nothing.
    """
    if exact_return.copy_abs() >= AMOUNT_LIMIT:
        raise BadInput("return", Rule.RETURN_MUST_FIT, f"{exact_return:.3E}")
    return rounded(exact_return) + ZERO


def adding_up(
    total: Decimal, exact_parts: Mapping[str, Decimal], slack: Decimal = COST_STEP
) -> dict[str, Decimal]:
    """Parts rounded half-even to 12 places that sum to the rounded `total` to the last digit.

    What rounding leaves over goes to the part that is largest absolutely, where it changes the
    least in proportion; of equals, to the first by name. A convention: no standard has one.
    More than rounding, `slack` at most, is never left over: who has parts of something else is
    wrong, and a part must not hide it. The caller works in `EXACT`.
    """
    left_over = total - sum(exact_parts.values(), ZERO)
    assert left_over.copy_abs() <= slack, f"the parts are {left_over:.3E} short of {total}"
    parts = {name: rounded_return(part) for name, part in exact_parts.items()}
    if parts:
        largest = min(exact_parts, key=lambda name: (-exact_parts[name].copy_abs(), name))
        parts[largest] += total - sum(parts.values(), ZERO)
    return parts
