"""The cost of an event in order depends on the lots it touches, not on what went before."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from calculator import Holding, Ledger, Lot, MemoryJournal, OpenLots, ReliefMethod
from tests.calculator.trading import METHODS, settled, take, trade

LOTS = 300
ENTRY_CALLS = Counter(entry=1, put_entry=2, link=1)  # put when taken, and again when booked


class CountingJournal(MemoryJournal):
    """Counts what is asked of it, and does not read every lot to check the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - whatever it is
        attribute = super().__getattribute__(name)
        if callable(attribute) and not name.startswith("_"):
            self.calls[name] += 1
        return attribute

    def put_holding(self, holding: Holding) -> None:
        self.holdings[holding.portfolio_id, holding.security_id] = holding


class CountingLots(OpenLots):
    """Counts the lots that are read."""

    reads = 0

    def __iter__(self) -> Iterator[Lot]:
        for lot in super().__iter__():
            CountingLots.reads += 1
            yield lot


@pytest.fixture(autouse=True)
def _count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calculator.holding.OpenLots", CountingLots)


def a_long_ledger(method: str) -> tuple[Ledger, CountingJournal]:
    journal = CountingJournal()
    ledger = Ledger(journal, ReliefMethod(method))
    take(ledger, *(trade(f"B{day:03}", "BUY", day, 10, day % 7 + 1) for day in range(LOTS)))
    ledger.settle()
    journal.calls.clear()
    CountingLots.reads = 0
    return ledger, journal


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("kind", "quantity", "lots_read"),
    [("BUY", 5, 0), ("DIVIDEND", 5, 0), ("FEE", 5, 0), ("SELL", 10, 1), ("SELL", 35, 4)],
)
def test_an_event_in_order_reads_the_lots_it_relieves_and_only_its_own_entry(
    method: str, kind: str, quantity: int, lots_read: int
) -> None:
    ledger, journal = a_long_ledger(method)
    take(ledger, trade("NEXT", kind, 999, quantity, 5))
    ledger.settle()
    if method == "AVCO":
        lots_read = min(lots_read, 1) if kind != "BUY" else 1  # the pool
    assert CountingLots.reads == lots_read
    assert {name: journal.calls[name] for name in ENTRY_CALLS} == ENTRY_CALLS
    for name in ("orders_from", "orders_below", "replaced", "replaced_orders", "securities"):
        assert not journal.calls[name], name


def test_the_same_calls_whatever_the_length_of_the_journal() -> None:
    ledger, journal = a_long_ledger("HIFO")
    take(ledger, trade("NEXT", "SELL", 999, 15, 5))
    ledger.settle()
    long = Counter(journal.calls)
    ledger = Ledger(short := CountingJournal(), ReliefMethod.HIFO)
    take(ledger, *(trade(f"B{day}", "BUY", day, 10, 1) for day in range(2)))
    ledger.settle()
    short.calls.clear()
    take(ledger, trade("NEXT", "SELL", 999, 15, 5))
    ledger.settle()
    assert short.calls == long


def test_a_late_event_costs_the_entries_behind_it_in_one_pass() -> None:
    ledger, _ = a_long_ledger("FIFO")
    take(ledger, *(trade(f"L{day}", "BUY", LOTS - 5 + day, 1, 1) for day in range(3)))
    ledger.settle()
    assert ledger.rewinds == 1
    assert ledger.taken_back <= 5 + 3


def test_a_batch_of_late_events_is_linear_for_a_shuffled_backlog() -> None:
    """Nothing is in the lots yet, so nothing has to be taken back."""
    events = [trade(f"B{day:03}", "BUY", day, 10, 1) for day in range(LOTS)]
    ledger = settled(*events[::2], *events[1::2])
    assert ledger.taken_back == 0
