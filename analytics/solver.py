"""A rate by a solver in floats: fast, and close if it is right. Nobody may rely on it alone.

It can find nothing where there is a rate, and something else where there are several:
https://github.com/Anexen/pyxirr/issues/20 and https://github.com/Anexen/pyxirr/issues/24
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from pyxirr import xirr


def solved_rate(payments: Sequence[tuple[date, Decimal]]) -> Decimal | None:
    """The yearly rate by ACT/365 that the solver found, or None; it is not checked here."""
    dates = [day for day, _ in payments]
    rate = xirr(dates, [float(amount) for _, amount in payments], silent=True)
    found = Decimal("NaN" if rate is None else repr(rate))
    return found if found.is_finite() else None
