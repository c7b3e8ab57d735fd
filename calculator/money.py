"""Exact money: the one decimal context, the one rounding, the one limit."""

from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    InvalidOperation,
    Overflow,
)

# A share cost x taken / quantity, each of at most 38 digits with 12 places, is a tie at the 12th
# place or at least 10^-51 away from one. 100 digits, at most 26 of them before the point, never
# turn one into the other before `rounded` decides.
EXACT = Context(
    prec=100,
    rounding=ROUND_HALF_EVEN,
    traps=[FloatOperation, InvalidOperation, DivisionByZero, Overflow],
)
ZERO = Decimal(0)
ONE = Decimal(1)
COST_STEP = Decimal("1e-12")
AMOUNT_LIMIT = Decimal("1e26")  # every amount and total stays below it, taken absolutely


def rounded(amount: Decimal) -> Decimal:
    """Half-even to 12 places. The caller works in `EXACT`."""
    return amount.quantize(COST_STEP)


def cost_steps(amount: Decimal) -> int:
    """How many COST_STEPs a rounded amount is. In any context."""
    return int(amount.scaleb(12, EXACT))


def plain(amount: Decimal) -> str:
    """The amount as text without exponent, trailing zeros or a negative zero."""
    text = str(amount)
    if "E" in text:
        text = format(amount, "f")
    if text[-1] == "0":
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return "0" if text == "-0" else text
    return text
