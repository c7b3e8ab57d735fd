"""Refusals that bookings of every kind share."""

from decimal import Decimal

from calculator.money import AMOUNT_LIMIT, plain
from calculator.rejection import Reason, Rejection


def rate_unknown(currency: str, base_currency: str) -> Rejection:
    return Rejection(
        Reason.FX_RATE_MUST_BE_KNOWN, f"needs the rate from {currency} to {base_currency}"
    )


def another_currency(currency: str, held_in: str) -> Rejection:
    return Rejection(
        Reason.TRADE_CURRENCY_MUST_MATCH_THE_HOLDING, f"traded in {currency}, held in {held_in}"
    )


def too_large(*amounts: Decimal) -> Rejection | None:
    """None where all of them fit."""
    for amount in amounts:
        # Without abs(), which would make a new number for each.
        if amount >= AMOUNT_LIMIT or amount <= -AMOUNT_LIMIT:
            return Rejection(
                Reason.AMOUNT_MUST_FIT,
                f"an amount or total would be {plain(amount)}, which must stay below 10^26",
            )
    return None
