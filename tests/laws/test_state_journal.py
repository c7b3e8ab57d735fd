"""The same law over the worker's state, with restarts: between any two batches the process may
end, and goes on from what it wrote."""

from random import Random

import pytest

from calculator import Entry, Holding, Portfolio, Rates, RateUse, ReliefMethod, Transaction
from streams import state
from streams.pages import open_pages
from streams.rate_uses import use_key, use_value
from tests.calculator.trading import Event, terms, trade
from tests.laws.compare import Ids, assert_shown
from tests.laws.seeded import CASH, a_history, some_rates
from tests.streams.books import Books
from tests.streams.memory import MemoryTable
from wire.results import decode_result

SEEDS = 1500


class Stored:
    """Books over a table in memory, and what the table says of them."""

    def __init__(self, method: ReliefMethod, lots_max: int, rates: Rates | None = None) -> None:
        self.table = MemoryTable()
        self.books = Books(self.table, lots_max=lots_max, method=method, rates=rates)

    def finish(self) -> None:
        for _ in range(10_000):
            if not self.books.has_work:
                return
            self.books.book(steps=3)
        raise AssertionError("no end")

    def entries(self) -> dict[Ids, Entry]:
        stored = (decode_result(v) for k, v in self.table.values.items() if k[:1] == b"t")
        return {(e.content.portfolio_id, e.content.transaction_id): e for e in stored}

    def holdings(self) -> dict[Ids, Holding]:
        found = {}
        for key, value in self.table.values.items():
            if key[:1] == b"h":
                ids = state.ids_of(key)
                stored = state.decode_holding(*ids, value)
                open_pages(self.table, stored)
                found[ids] = stored.holding
        return found


def assert_stored_is_naive(stored: Stored, events: list[Event]) -> None:
    entries = stored.entries()
    assert_shown(stored.books.ledger, entries, stored.holdings(), events)
    uses = {k: v for k, v in stored.table.values.items() if k[:1] == b"f"}
    assert uses == {
        use_key(pair, RateUse.of(entry.content)): use_value(entry.applied_fx_rate)
        for entry in entries.values()
        if isinstance(entry.content, Transaction) and (pair := entry.rate_pair) is not None
    }
    held = {k for k in stored.table.values if k[:1] == b"s"}
    assert held == {state.holder_key(*ids) for ids in stored.holdings()}


def with_more_terms(random: Random, events: list[Event]) -> list[Event]:
    """Records come between all the others, so that one finds what another has begun."""
    for version in range(10, 10 + random.choice((0, 0, 3, 8))):
        record = Portfolio(
            portfolio_id=random.choice("PPQ"),
            base_currency=random.choice(("USD", "USD", "EUR")),
            cost_basis_method=random.choice((ReliefMethod.FIFO, ReliefMethod.LIFO)),
            version=version,
            cash_management=random.choice(CASH),
        )
        events.insert(random.randrange(len(events) + 1), record)
    return events


@pytest.mark.parametrize("part", range(2))
def test_whatever_the_batches_slices_restarts_and_caches_the_state_is_that_of_the_sorted_fold(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 0
    for seed in range(part * SEEDS // 2, (part + 1) * SEEDS // 2):
        random = Random(f"state {seed}")
        inline_max = random.choice((2, 3, 48))
        monkeypatch.setattr(state, "INLINE_MAX", inline_max)
        monkeypatch.setattr(state, "INLINE_BESIDE_PAGES_MAX", random.choice((1, inline_max)))
        monkeypatch.setattr(state, "PAGE_SIZE", random.choice((1, 2)))
        lots_max = random.choice((0, 1, 3, 1000))
        stored = Stored(random.choice(list(ReliefMethod)), lots_max, some_rates(random))
        events = with_more_terms(random, a_history(random, random.choice((2, 4, 12))))
        rest = list(events)
        while rest:
            size = random.choice((1, 1, 2, 5))
            stored.books.book(*rest[:size], steps=random.choice((0, 0, 1, 2, 3, 7)))
            del rest[:size]
            if random.random() < 0.3:
                left += stored.books.has_work
                stored.books.reload()
        stored.finish()
        assert_stored_is_naive(stored, events)
        kinds = {key[:1] for key in stored.table.values}
        assert not kinds & {b"x", b"r", b"w", b"c"}, "nothing is left of what was under way"
    assert left > 100, "restarts came in the middle of re-bookings"


@pytest.mark.parametrize("is_restarted", [False, True])
def test_terms_that_change_and_change_back_leave_no_lot_of_a_cancelled_purchase(
    is_restarted: bool,
) -> None:
    stored = Stored(ReliefMethod.FIFO, lots_max=1000)
    bought = trade("B1", "BUY", 1, 1, 2)
    moved = trade("B1", "BUY", 1, 1, 2, security="T", version=2)
    events: list[Event] = [terms("FIFO"), bought, moved, terms("LIFO", version=2)]
    stored.books.book(*events[:2], steps=10)
    stored.books.book(moved, steps=0)
    stored.books.book(*events[3:], steps=1)
    if is_restarted:
        stored.books.reload()
    more: list[Event] = [terms("FIFO", version=3), trade("B2", "BUY", 2, 1, 2)]
    stored.books.book(*more, steps=10)
    stored.finish()
    assert_stored_is_naive(stored, events + more)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_last_date_is_looked_up_again_after_a_restart_in_the_middle(is_restarted: bool) -> None:
    stored = Stored(ReliefMethod.FIFO, lots_max=1000)
    refused: list[Event] = [trade(f"R{day}", "SELL", day, 99, 1) for day in range(3, 20)]
    events = [trade("A", "BUY", 1, 1, 1), trade("B", "BUY", 30, 1, 1), *refused]
    stored.books.book(*events, steps=100)
    gone = trade("B", "BUY", 30, 1, 1, security="T", version=2)
    stored.books.book(gone, steps=1)
    while stored.books.has_work:
        if is_restarted:
            stored.books.reload()
        stored.books.book(steps=2)
    assert_stored_is_naive(stored, [*events, gone])
