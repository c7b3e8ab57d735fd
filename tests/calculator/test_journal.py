import pytest

from calculator import Entry, MemoryJournal, Source, Status
from tests.calculator.trading import (
    cancel,
    holding_of,
    lots_of,
    on,
    one_by_one,
    settled,
    status,
    take,
    trade,
)

BUYS = [trade(f"B{day}", "BUY", day, 1, 10) for day in range(5)]


def test_an_entry_has_the_status_of_its_outcome() -> None:
    ledger = settled(
        trade("B", "BUY", 1, 1, 10),
        trade("S", "SELL", 2, 9, 10),
        trade("C", "BUY", 3, 1, 10),
        cancel("C"),
    )
    assert [status(ledger, name) for name in "BSC"] == ["BOOKED", "REJECTED", "CANCELLED"]
    assert Entry(BUYS[0]).status is None
    assert Entry(cancel("B")).status is Status.CANCELLED


def test_an_entry_remembers_where_its_version_came_from() -> None:
    ledger = settled()
    ledger.take(BUYS[0], Source("raw_transactions", 3, 14))
    ledger.take(trade("B0", "BUY", 0, 2, 10, version=2), Source("raw_transactions", 3, 15))
    ledger.take(BUYS[0], Source("raw_transactions", 3, 16))
    ledger.settle()
    entry = ledger.journal.entry("P", "B0")
    assert entry is not None
    assert entry.source == ("raw_transactions", 3, 15)


def test_only_the_first_version_of_a_transaction_is_new() -> None:
    ledger = settled(BUYS[0])
    entry = ledger.journal.entry("P", "B0")
    assert entry is not None
    assert entry.is_new
    take(ledger, trade("B0", "BUY", 0, 2, 10, version=2))
    entry = ledger.journal.entry("P", "B0")
    assert entry is not None
    assert not entry.is_new


@pytest.mark.parametrize("limit", [1, 3, 99])
def test_places_are_read_upwards_from_one_and_downwards_from_below_one(limit: int) -> None:
    ledger = settled(*BUYS)
    journal, holding = ledger.journal, holding_of(ledger)
    orders = [buy.order for buy in BUYS]
    assert journal.orders_from(holding, orders[2], limit) == orders[2:][:limit]
    assert journal.orders_below(holding, orders[2], limit) == orders[1::-1][:limit]
    assert journal.orders_below(holding, None, limit) == orders[::-1][:limit]
    between = (on(2), 9, "")
    assert journal.orders_from(holding, between, limit) == orders[3:][:limit]


def test_a_place_is_linked_once_and_can_be_given_up() -> None:
    ledger = settled(*BUYS)
    journal, holding = ledger.journal, holding_of(ledger)
    journal.link(holding, BUYS[2].order)
    assert len(journal.orders_below(holding, None, 99)) == 5
    journal.unlink(holding, BUYS[2].order)
    assert BUYS[2].order not in journal.orders_below(holding, None, 99)


def test_a_holding_whose_transactions_are_all_cancelled_is_gone() -> None:
    ledger = one_by_one(*BUYS, *(cancel(buy.transaction_id) for buy in BUYS))
    assert ledger.journal.holding("P", "S") is None
    assert isinstance(ledger.journal, MemoryJournal)
    assert ledger.journal.holdings == {}


def test_a_holding_of_zero_units_stays_as_long_as_it_has_transactions() -> None:
    ledger = one_by_one(BUYS[0], trade("S", "SELL", 1, 1, 10))
    assert lots_of(ledger) == []
    assert holding_of(ledger).journalled == 2


def test_a_holding_with_nothing_but_a_refused_transaction_is_there() -> None:
    ledger = one_by_one(trade("S", "SELL", 1, 1, 10))
    assert holding_of(ledger).booked == 0
    assert holding_of(ledger).first_transaction_date is None


def test_securities_are_listed_in_order_after_one() -> None:
    ledger = settled(*(trade(f"B{s}", "BUY", 1, 1, 1, security=s) for s in "DACB"))
    assert ledger.journal.securities("P", "", 3) == ["A", "B", "C"]
    assert ledger.journal.securities("P", "B", 9) == ["C", "D"]
    assert ledger.journal.securities("Q", "", 9) == []
