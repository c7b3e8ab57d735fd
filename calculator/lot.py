"""Tax lots: what is still held, and what each decrease took."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from calculator.money import EXACT

POOL = "POOL"  # lot_id of the one lot of an average-cost holding


@dataclass(frozen=True, slots=True)
class Lot:
    """Units acquired together, wholly or partly still held, with their *total* cost."""

    lot_id: str  # transaction_id of the increase that opened it, or POOL
    acquired_at: datetime
    quantity: Decimal  # units
    cost_local: Decimal  # trade currency, for all `quantity` units, fees included
    cost: Decimal  # base currency, at the rate of the acquisition
    unit_cost: Decimal  # base currency per unit when opened; zero where no method asks for it
    # A store keeps the lot's encoding here, so that a lot is encoded once in its life.
    encoded: object = field(default=None, compare=False, repr=False)


class Disposal(NamedTuple):
    """What one decrease took of one lot; proceeds and gains only where it is a sale."""

    lot_id: str
    acquired_at: datetime
    quantity: Decimal  # units
    cost: Decimal  # base currency
    cost_local: Decimal  # trade currency
    proceeds: Decimal | None = None  # base currency, after the sale's fee
    proceeds_local: Decimal | None = None  # trade currency, after the sale's fee

    @property
    def realized_gain_loss(self) -> Decimal | None:
        """Base currency; a gain is positive."""
        return None if self.proceeds is None else EXACT.subtract(self.proceeds, self.cost)

    @property
    def realized_gain_loss_local(self) -> Decimal | None:
        """Trade currency; a gain is positive."""
        if self.proceeds_local is None:
            return None
        return EXACT.subtract(self.proceeds_local, self.cost_local)
