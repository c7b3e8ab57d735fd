"""What lots add up to."""

from collections.abc import Iterable
from decimal import Decimal

from calculator import Lot

Sums = tuple[Decimal, Decimal, Decimal]
NOTHING: Sums = Decimal(0), Decimal(0), Decimal(0)


def sums(lots: Iterable[Lot]) -> Sums:
    """(quantity, cost, cost_local) of lots. The caller works in `EXACT`."""
    quantity, cost, cost_local = NOTHING
    for lot in lots:
        quantity += lot.quantity
        cost += lot.cost
        cost_local += lot.cost_local
    return quantity, cost, cost_local
