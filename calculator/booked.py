"""What one booked transaction did."""

from dataclasses import dataclass, field
from decimal import Decimal

from calculator.lot import Disposal, Lot


@dataclass(frozen=True, slots=True)
class Booked:
    """Costs and gains of one transaction. Amounts with `_local` are in the trade currency, the
    others in the base currency. Costs of a decrease are minus the cost relieved; gains are None
    but for a sale, and positive where the sale won."""

    gross_cost: Decimal  # before fees
    net_cost: Decimal  # fees included
    realized_gain_loss: Decimal | None
    gross_cost_local: Decimal
    net_cost_local: Decimal
    realized_gain_loss_local: Decimal | None
    disposals: tuple[Disposal, ...] = ()  # in order of relief
    # The lot as it stands afterwards: the one opened (or the pool), or what a decrease left of
    # the last lot it took from. Not part of the result, so two results compare without it.
    lot: Lot | None = field(default=None, compare=False, repr=False)
    cash_movement: Decimal | None = None  # signed units that a cash holding moved; else None
