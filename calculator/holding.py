"""What a portfolio holds of one security: totals, open lots, and how far its journal is booked."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from calculator.booked import Booked
from calculator.cash import CashRole
from calculator.lot import POOL, Disposal, Lot
from calculator.money import ZERO, rounded
from calculator.open_lots import OpenLots
from calculator.relief import ReliefMethod
from calculator.transaction import Kind, Order, Transaction, units

LOWEST: Order = (datetime.min.replace(tzinfo=UTC), -1, "")  # before every entry


class Holding:
    """Mutable on purpose: a ledger folds thousands of entries into one.

    Amounts without `_local` are in the base currency, those with it in the trade currency.
    Cursors say how far the lots agree with the journal. Entries at or above `booked_below` are
    not in the lots (None: all are). Entries at or above `rebook_from` that are in the lots must be
    taken back and booked anew (None: none must). While the newest booked entry is not known, it
    lies below `last_booked_below`, and `last_transaction_date` is None.
    """

    __slots__ = (
        "base_currency",
        "booked",
        "booked_below",
        "cost",
        "cost_local",
        "first_transaction_date",
        "generated",
        "increases",
        "journalled",
        "last",
        "last_booked_below",
        "last_transaction_date",
        "lots",
        "method",
        "portfolio_id",
        "quantity",
        "realized_gain_loss",
        "realized_gain_loss_local",
        "rebook_from",
        "role",
        "security_id",
        "trade_currency",
    )

    def __init__(
        self,
        portfolio_id: str,
        security_id: str,
        method: ReliefMethod,
        base_currency: str | None = None,
        role: CashRole = CashRole.NONE,
    ) -> None:
        self.portfolio_id = portfolio_id
        self.security_id = security_id
        self.journalled = 0  # entries in the journal, whatever their status
        # Cash entries: those in its journal, or, where it is not named cash, those it caused.
        self.generated = 0
        self.last: Order | None = None  # no entry of the journal is above it
        self.reset(method, base_currency, role)

    def reset(
        self, method: ReliefMethod, base_currency: str | None, role: CashRole = CashRole.NONE
    ) -> None:
        """Take back every entry at once: nothing of the journal is booked any more."""
        self.method = method
        self.role = role
        self.base_currency = base_currency  # None: each transaction's own trade currency
        self.trade_currency: str | None = None  # of the first booked increase; of cash, entry
        self.quantity = self.cost = self.cost_local = ZERO
        self.realized_gain_loss = self.realized_gain_loss_local = ZERO
        self.booked = 0  # entries with status BOOKED
        self.increases = 0  # of these, the increases; of cash, all
        self.first_transaction_date: datetime | None = None
        self.last_transaction_date: datetime | None = None
        self.last_booked_below: Order | None = None
        self.lots = OpenLots(method)
        self.rebook_from: Order | None = None
        self.booked_below: Order | None = LOWEST if self.journalled else None

    @property
    def is_settled(self) -> bool:
        """Whether lots and totals show the whole journal."""
        return self.booked_below is None and self.rebook_from is None

    def rewind_to(self, order: Order) -> None:
        """The lots must be taken back to `order`, unless they do not reach it."""
        if self.booked_below is not None and order >= self.booked_below:
            return
        if self.rebook_from is None or order < self.rebook_from:
            self.rebook_from = order

    def assert_conserved(self) -> None:
        """Cost and quantity that came in and did not go out are in the lots, to the last digit.

        The caller works in `EXACT`. Reads every lot.
        """
        assert sum((lot.quantity for lot in self.lots), ZERO) == self.quantity
        assert sum((lot.cost for lot in self.lots), ZERO) == self.cost
        assert sum((lot.cost_local for lot in self.lots), ZERO) == self.cost_local

    def apply(self, transaction: Transaction, booked: Booked) -> None:
        """Fold one booked transaction, the next in booking order, into totals and lots."""
        kind = transaction.transaction_type.kind
        self.booked += 1
        if self.first_transaction_date is None:
            self.first_transaction_date = transaction.transaction_date
        self.last_transaction_date = transaction.transaction_date
        self.last_booked_below = None
        if booked.cash_movement is not None:
            self._apply_to_pool(transaction, booked, booked.cash_movement)
        elif kind is Kind.INCREASE:
            assert booked.lot is not None
            self.lots.put(booked.lot)
            self.increases += 1
            self.trade_currency = self.trade_currency or transaction.trade_currency
            self.quantity += units(transaction)
        elif kind is Kind.DECREASE:
            for disposal in booked.disposals[:-1]:
                self.lots.remove(disposal.lot_id)
            if booked.lot is None:
                self.lots.remove(booked.disposals[-1].lot_id)
            else:
                self.lots.put(booked.lot)
            self.quantity -= units(transaction)
        else:
            return
        self.cost += booked.net_cost
        self.cost_local += booked.net_cost_local
        if booked.realized_gain_loss is not None:
            assert booked.realized_gain_loss_local is not None
            self.realized_gain_loss += booked.realized_gain_loss
            self.realized_gain_loss_local += booked.realized_gain_loss_local

    def undo(
        self,
        transaction: Transaction,
        booked: Booked,
        unit_cost_of: Callable[[Disposal], Decimal],
    ) -> None:
        """Take back the newest entry in the lots, by what it recorded, never by computing anew.

        `unit_cost_of` tells the unit cost at opening of a lot that was relieved to the end.
        """
        kind = transaction.transaction_type.kind
        self.booked -= 1
        self.last_transaction_date = None
        self.last_booked_below = transaction.order if self.booked else None
        if self.booked == 0:
            self.first_transaction_date = None
        if booked.cash_movement is not None:
            self._undo_in_pool(booked, booked.cash_movement)
        elif kind is Kind.INCREASE:
            self._take_back_lot(transaction, booked)
            self.increases -= 1
            if self.increases == 0:
                self.trade_currency = None
            self.quantity -= units(transaction)
        elif kind is Kind.DECREASE:
            for disposal in reversed(booked.disposals):
                self._put_back(disposal, unit_cost_of)
            self.quantity += units(transaction)
        else:
            return
        self.cost -= booked.net_cost
        self.cost_local -= booked.net_cost_local
        if booked.realized_gain_loss is not None:
            assert booked.realized_gain_loss_local is not None
            self.realized_gain_loss -= booked.realized_gain_loss
            self.realized_gain_loss_local -= booked.realized_gain_loss_local

    def _take_back_lot(self, increase: Transaction, booked: Booked) -> None:
        lot = self.lots.find(
            POOL if self.method.pools else increase.transaction_id,
            increase.transaction_date,
            lambda: rounded(booked.net_cost / units(increase)),
        )
        assert lot is not None, "an increase in the lots has its lot"
        left = Lot(
            lot.lot_id,
            lot.acquired_at,
            lot.quantity - units(increase),
            lot.cost_local - booked.net_cost_local,
            lot.cost - booked.net_cost,
            lot.unit_cost,
        )
        if left.quantity:
            assert self.method.pools, "every later relief of the lot was taken back before"
            self.lots.put(left)
        else:
            assert left.cost == left.cost_local == ZERO, "the lot is whole again"
            self.lots.remove(lot.lot_id)

    def _put_back(self, disposal: Disposal, unit_cost_of: Callable[[Disposal], Decimal]) -> None:
        lot = self.lots.find(disposal.lot_id, disposal.acquired_at, lambda: unit_cost_of(disposal))
        if lot is None:
            unit_cost = unit_cost_of(disposal) if self.method.by_unit_cost else ZERO
            quantity, cost_local, cost = disposal.quantity, disposal.cost_local, disposal.cost
        else:
            unit_cost = lot.unit_cost
            quantity = lot.quantity + disposal.quantity
            cost_local = lot.cost_local + disposal.cost_local
            cost = lot.cost + disposal.cost
        self.lots.put(
            Lot(disposal.lot_id, disposal.acquired_at, quantity, cost_local, cost, unit_cost)
        )

    def _apply_to_pool(self, transaction: Transaction, booked: Booked, movement: Decimal) -> None:
        """Of a cash holding: the pool may change its sign, and is then another."""
        if self.lots.get(POOL) is not None:
            self.lots.remove(POOL)
        if booked.lot is not None:
            self.lots.put(booked.lot)
        self.increases += 1
        self.trade_currency = self.trade_currency or transaction.trade_currency
        self.quantity += movement

    def _undo_in_pool(self, booked: Booked, movement: Decimal) -> None:
        """What came in leaves the pool, then what was taken comes back."""
        quantity, cost, cost_local = movement, booked.net_cost, booked.net_cost_local
        for disposal in booked.disposals:
            quantity += disposal.quantity
            cost += disposal.cost
            cost_local += disposal.cost_local
        if quantity:
            pool = self.lots.remove(POOL)
            left = Lot(
                POOL, pool.acquired_at, pool.quantity - quantity, pool.cost_local - cost_local,
                pool.cost - cost, pool.unit_cost,
            )  # fmt: skip
            if left.quantity:
                self.lots.put(left)
            else:
                assert left.cost == left.cost_local == ZERO, "the pool is as it was opened"
        for disposal in booked.disposals:
            self._put_back(disposal, lambda _: ZERO)
        self.increases -= 1
        if self.increases == 0:
            self.trade_currency = None
        self.quantity -= movement
