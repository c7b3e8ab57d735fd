"""A law that nothing can break says nothing: spoil the calculator, and the law must notice."""

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import Phase, given, settings

from calculator import (
    POOL,
    Booked,
    Disposal,
    Holding,
    Ledger,
    Lot,
    OpenLots,
    Pair,
    Rates,
    Transaction,
    cash_pool,
)
from calculator import booking as booking_module
from calculator import cash_entries as cash_entries_module
from calculator import ledger as ledger_module
from calculator import rate_walks as rate_walks_module
from calculator.cash_entries import CashEntries
from calculator.money import COST_STEP, ZERO, rounded
from calculator.transaction import Order
from tests.laws.histories import LAW, histories
from tests.laws.test_any_order import SEEDS, seeded_shows_the_naive_books, shows_the_naive_books

Spoil = Callable[[pytest.MonkeyPatch], None]


def spoil_rounding(patch: pytest.MonkeyPatch) -> None:
    """Down instead of half-even."""

    def down(amount: Decimal) -> Decimal:
        return amount.quantize(COST_STEP, rounding="ROUND_DOWN")

    patch.setattr(booking_module, "rounded", down)


def spoil_the_remainder(patch: pytest.MonkeyPatch) -> None:
    """Round what is left and give the rest to the sale: off by one step, and it still adds up."""
    relieve = booking_module._relieve

    def relieve_the_rest(
        lots: Iterable[Lot], quantity: Decimal
    ) -> tuple[list[Disposal], Lot | None, Decimal, Decimal]:
        taken, left, cost, cost_local = relieve(lots, quantity)
        if left is None:
            return taken, left, cost, cost_local
        part = taken[-1]
        whole = left.cost + part.cost
        rest = rounded(whole * left.quantity / (left.quantity + part.quantity))
        taken[-1] = part._replace(cost=whole - rest)
        left = Lot(left.lot_id, left.acquired_at, left.quantity, left.cost_local, rest,
                   left.unit_cost)  # fmt: skip
        return taken, left, cost - part.cost + whole - rest, cost_local

    patch.setattr(booking_module, "_relieve", relieve_the_rest)


def spoil_the_last_proceeds(patch: pytest.MonkeyPatch) -> None:
    """Round the last share too, instead of giving it the remainder."""
    spread = booking_module._with_proceeds

    def spread_evenly(
        taken: list[Disposal], quantity: Decimal, proceeds: Decimal, proceeds_local: Decimal
    ) -> tuple[Disposal, ...]:
        parts = spread(taken, quantity, proceeds, proceeds_local)
        share = rounded(proceeds * parts[-1].quantity / quantity)
        return (*parts[:-1], parts[-1]._replace(proceeds=share))

    patch.setattr(booking_module, "_with_proceeds", spread_evenly)


def spoil_the_class(patch: pytest.MonkeyPatch) -> None:
    """Sales of an instant before its purchases."""

    def order(self: Transaction) -> Order:
        return (self.transaction_date, 2 - self.transaction_type.booking_class,
                self.transaction_id)  # fmt: skip

    patch.setattr(Transaction, "order", property(order))


def spoil_ties(patch: pytest.MonkeyPatch) -> None:
    """Of lots with one unit cost the newest first."""

    by_age = OpenLots._place

    def place(self: OpenLots, age: tuple[datetime, str], rank: int | None = None) -> int:
        if rank is None:
            return by_age(self, age)
        first, end = bisect_left(self._unit_costs, rank), bisect_right(self._unit_costs, rank)
        return first + sum(other > age for other in self._queue[first:end])

    patch.setattr(OpenLots, "_place", place)


def spoil_the_rewind(patch: pytest.MonkeyPatch) -> None:
    """Rewind to what lies strictly below the newest: its own correction is never booked."""
    rewind_to = Holding.rewind_to

    def rewind_below(self: Holding, order: Order) -> None:
        if self.last is None or order < self.last:
            rewind_to(self, order)

    patch.setattr(Holding, "rewind_to", rewind_below)


def spoil_the_undo(patch: pytest.MonkeyPatch) -> None:
    """Put back what the units would cost by what is left, not what was recorded."""
    put_back = Holding._put_back

    def put_back_computed(
        self: Holding, disposal: Disposal, unit_cost_of: Callable[[Disposal], Decimal]
    ) -> None:
        lot = self.lots.get(disposal.lot_id)
        if lot is not None:
            cost = rounded(lot.cost / lot.quantity * disposal.quantity)
            disposal = disposal._replace(cost=cost)
        put_back(self, disposal, unit_cost_of)

    patch.setattr(Holding, "_put_back", put_back_computed)


def spoil_the_days_of_a_rate(patch: pytest.MonkeyPatch) -> None:
    """A late rate is for its own day alone."""
    start = rate_walks_module._start

    def start_on_its_day(rates: Rates, used: rate_walks_module._UsedDays, rate_date: date) -> None:
        start(Rates(rates.cross_currency, 0), used, rate_date)

    patch.setattr(rate_walks_module, "_start", start_on_its_day)


def spoil_the_other_leg(patch: pytest.MonkeyPatch) -> None:
    """A rate is taken for one of its own two currencies alone."""
    legs = Rates.legs

    def first_legs(self: Rates, currency: str, base_currency: str) -> Iterable[Pair]:
        is_walk = sys._getframe(1).f_code.co_name == "start_walks"
        return list(legs(self, currency, base_currency))[: 2 if is_walk else None]

    patch.setattr(Rates, "legs", first_legs)


def spoil_the_overdraft(patch: pytest.MonkeyPatch) -> None:
    """What crosses zero takes all of it from the pool that was."""

    def taken(held: Decimal, movement: Decimal) -> Decimal:
        return -movement if held * movement < 0 else ZERO

    patch.setattr(cash_pool, "_taken", taken)


def spoil_the_undo_of_cash(patch: pytest.MonkeyPatch) -> None:
    """A pool that comes back is as old as what closed it."""
    undo = Holding._undo_in_pool

    def undo_in_pool(self: Holding, booked: Booked, movement: Decimal) -> None:
        undo(self, booked, movement)
        pool = self.lots.get(POOL)
        if pool is not None and booked.lot is not None:
            self.lots.remove(POOL)
            self.lots.put(replace(pool, acquired_at=booked.lot.acquired_at))

    patch.setattr(Holding, "_undo_in_pool", undo_in_pool)


def spoil_the_withdrawal_of_cash_entries(patch: pytest.MonkeyPatch) -> None:
    """A cash entry outlives the version that caused it."""
    patch.setattr(CashEntries, "withdraw", lambda *_: None)


def spoil_the_order_of_settling(patch: pytest.MonkeyPatch) -> None:
    """Cash is settled once, before the holdings that are re-booked move it."""
    go_on = Ledger._go_on

    def go_on_and_forget(self: Ledger) -> None:
        go_on(self)
        self._cash.touched.clear()

    patch.setattr(Ledger, "_go_on", go_on_and_forget)


def spoil_the_walks_of_cash(patch: pytest.MonkeyPatch) -> None:
    """An instrument counts for what comes behind it."""
    patch.setattr(ledger_module, "start_cash_walks", lambda *_: None)


def spoil_the_withdrawal_of_what_became_cash(patch: pytest.MonkeyPatch) -> None:
    """What is cash never caused any."""
    patch.setattr(cash_entries_module, "is_named_cash", lambda _: True)


def spoil_cash_that_moves_cash(patch: pytest.MonkeyPatch) -> None:
    """What cash holdings withdraw when they are booked anew is not settled."""

    def settle_what_was_touched(self: Ledger) -> None:
        for key in list(self._cash.touched):
            self._settle_holding(self._holding(*key))
        self._cash.touched.clear()

    patch.setattr(Ledger, "_settle_cash", settle_what_was_touched)


def seeded_law() -> None:
    for seed in range(SEEDS):
        seeded_shows_the_naive_books(seed)


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_rounding,
        spoil_the_remainder,
        spoil_the_last_proceeds,
        spoil_the_class,
        spoil_ties,
        spoil_the_rewind,
        spoil_the_undo,
        spoil_the_days_of_a_rate,
        spoil_the_other_leg,
        spoil_the_overdraft,
        spoil_the_undo_of_cash,
        spoil_the_withdrawal_of_cash_entries,
        spoil_the_order_of_settling,
        spoil_the_walks_of_cash,
        spoil_the_withdrawal_of_what_became_cash,
        spoil_cash_that_moves_cash,
    ],
)
def test_the_law_over_seeded_histories_notices(
    spoil: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch)
    with pytest.raises(AssertionError):
        seeded_law()


@pytest.mark.parametrize("spoil", [spoil_rounding, spoil_the_class, spoil_the_rewind])
def test_the_law_under_hypothesis_notices(spoil: Spoil, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch)
    law = settings(LAW, phases=[Phase.generate])(given(histories())(shows_the_naive_books))
    with pytest.raises(AssertionError):
        law()
