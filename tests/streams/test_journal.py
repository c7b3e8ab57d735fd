from collections.abc import Iterator
from decimal import localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calculator import (
    EXACT,
    Entry,
    Holding,
    Journal,
    MemoryJournal,
    Order,
    Portfolio,
    ReliefMethod,
    Transaction,
)
from calculator.holding import LOWEST
from streams import journal as journal_module
from streams.journal import StateJournal
from streams.tables import Table, Tables
from tests.calculator.trading import Event, cancel, terms, trade
from tests.streams.books import SOURCE, Books
from wire import results
from wire.results import decode_result

PORTFOLIOS, SECURITIES = ("P", "P 1"), ("S", "S1", "T")
DAYS, NAMES = 3, ("A", "A.1", "B")

Step = tuple[Any, ...]
holdings = st.tuples(st.sampled_from(PORTFOLIOS), st.sampled_from(SECURITIES))
trades = st.builds(
    lambda name, kind, day, version: trade(name, kind, day, 1, 1, version=version),
    st.sampled_from(NAMES), st.sampled_from(["BUY", "SELL"]), st.integers(-DAYS, DAYS),
    st.integers(1, 9),
)  # fmt: skip
steps = st.one_of(
    st.tuples(st.just("link"), holdings, trades),
    st.tuples(st.just("unlink"), holdings, st.integers(0, 99)),
    st.tuples(st.just("put_replaced"), holdings, trades),
    st.tuples(st.just("drop_replaced"), holdings, st.integers(0, 99)),
    st.tuples(st.just("put_entry"), holdings, trades, st.booleans()),
    st.tuples(st.just("put_holding"), holdings, st.integers(0, 2), st.booleans()),
    st.tuples(st.just("put_portfolio"), st.sampled_from(PORTFOLIOS), st.integers(1, 9)),
    st.tuples(st.just("put_walk"), st.sampled_from(PORTFOLIOS), st.sampled_from(["", "S", None])),
    st.tuples(st.just("look"), trades, st.integers(1, 5)),
    st.tuples(st.just("write")),
    st.tuples(st.just("reload")),
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    table = Tables(tmp_path_factory.mktemp("journal")).open(0)
    yield table
    table.close()


class Twins:
    """The journal in tables and the one in memory, told the same and asked the same."""

    def __init__(self, table: Table) -> None:
        table.write([(key, None) for key in list(table.keys(b""))])
        self.table = table
        self.memory = MemoryJournal()
        self.state = StateJournal(table, lots_max=2)
        self.changed: dict[str, Entry] = {}  # by identity: of two results the last
        self.removed = False  # a holding, in this batch
        self.as_of = 0

    def holding(self, journal: Journal, ids: tuple[str, str]) -> Holding:
        return journal.holding(*ids) or Holding(*ids, ReliefMethod.FIFO)

    def both(self, ids: tuple[str, str]) -> list[tuple[Journal, Holding]]:
        return [(j, self.holding(j, ids)) for j in (self.memory, self.state)]

    # -- told

    def link(self, ids: tuple[str, str], transaction: Transaction) -> None:
        for journal, holding in self.both(ids):
            journal.link(holding, transaction.order)

    def unlink(self, ids: tuple[str, str], number: int) -> None:
        places = self.memory.orders_from(self.holding(self.memory, ids), LOWEST, 99)
        for journal, holding in self.both(ids) if places else []:
            journal.unlink(holding, places[number % len(places)])

    def put_replaced(self, ids: tuple[str, str], transaction: Transaction) -> None:
        for journal, holding in self.both(ids):
            journal.put_replaced(holding, Entry(transaction, SOURCE))

    def drop_replaced(self, ids: tuple[str, str], number: int) -> None:
        replaced = sorted(self.memory.replaced_orders(self.holding(self.memory, ids)))
        for journal, holding in self.both(ids) if replaced else []:
            journal.drop_replaced(holding, replaced[number % len(replaced)])

    def put_entry(self, ids: tuple[str, str], transaction: Transaction, is_cancelled: bool) -> None:
        content = cancel(transaction.transaction_id) if is_cancelled else transaction
        entry = Entry(content, SOURCE)
        self.memory.put_entry(entry)
        self.state.put_entry(entry)
        self.changed.pop(content.transaction_id, None)
        if is_cancelled:  # others wait for their result
            self.changed[content.transaction_id] = entry

    def put_holding(self, ids: tuple[str, str], journalled: int, is_settled: bool) -> None:
        for journal, holding in self.both(ids):
            holding.journalled = journalled
            holding.rebook_from = holding.booked_below = None if is_settled else LOWEST
            journal.put_holding(holding)
        self.removed |= is_settled and not journalled

    def put_portfolio(self, portfolio_id: str, version: int) -> None:
        record = Portfolio(
            portfolio_id=portfolio_id, base_currency="EUR",
            cost_basis_method=ReliefMethod.HIFO, version=version,
        )  # fmt: skip
        for journal in (self.memory, self.state):
            journal.put_portfolio(record)

    def put_walk(self, portfolio_id: str, after: str | None) -> None:
        if self.memory.portfolio(portfolio_id) is not None and (
            after is not None or portfolio_id in self.memory.walks
        ):
            for journal in (self.memory, self.state):
                journal.put_walk(portfolio_id, after)

    def write(self) -> None:
        self.as_of += 1
        with localcontext(EXACT):
            changes = self.state.collect(list(self.changed.values()), self.as_of)
        self.table.write([*changes.changelog, *changes.local])
        self.changed, self.removed = {}, False

    def reload(self) -> None:
        self.write()
        self.state = StateJournal(self.table, lots_max=2)

    # -- asked

    def look(self, transaction: Transaction, limit: int) -> None:
        memory, books = self.memory, self.state
        assert dict(books.unsettled) == memory.unsettled
        assert books.walks == memory.walks
        for portfolio_id in PORTFOLIOS:
            assert books.portfolio(portfolio_id) == memory.portfolio(portfolio_id)
            for after in ("", "S", "S1") if not self.removed else ():
                found = books.securities(portfolio_id, after, limit)
                assert found == memory.securities(portfolio_id, after, limit)
            for security_id in SECURITIES:
                self.look_at((portfolio_id, security_id), transaction.order, limit)
        for name in NAMES:
            assert content(books, name) == content(memory, name)

    def look_at(self, ids: tuple[str, str], order: Order, limit: int) -> None:
        (_, wanted), (_, found) = self.both(ids)
        memory, books = self.memory, self.state
        assert found.journalled == wanted.journalled
        for first in (order, LOWEST):
            assert books.orders_from(found, first, limit) == memory.orders_from(
                wanted, first, limit
            )
        for end in (order, None):
            assert books.orders_below(found, end, limit) == memory.orders_below(wanted, end, limit)
        orders = memory.replaced_orders(wanted)
        assert sorted(books.replaced_orders(found)) == sorted(orders)
        for place in {*orders, order}:
            known, expected = books.replaced(found, place), memory.replaced(wanted, place)
            assert (known and known.content) == (expected and expected.content)


def content(journal: Journal, name: str) -> object:
    entry = journal.entry("P", name)
    return None if entry is None else entry.content


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(steps, max_size=40))
def test_the_journal_in_tables_is_the_one_in_memory(table: Table, steps: list[Step]) -> None:
    twins = Twins(table)
    for name, *arguments in steps:
        getattr(twins, name)(*arguments)
    for end in (twins.write, twins.reload):
        twins.look(trade("A", "BUY", 0, 1, 1), 2)
        end()
    twins.look(trade("A", "BUY", 0, 1, 1), 99)
    assert twins.as_of >= 2


# -- what a batch hands over


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    table = Tables(tmp_path).open(0)
    yield Books(table)
    table.close()


def test_an_event_in_order_is_one_result_and_its_share_of_a_holding(books: Books) -> None:
    books.book(trade("A", "BUY", 1, 10, 5))
    changes = books.book(trade("B", "SELL", 2, 4, 6))
    assert len(changes.results) == len(changes.positions) == len(changes.changelog) == 1
    assert changes.changelog[0][0][:1] == b"h"
    assert sorted(key[:1] for key, _ in changes.local) == [b"o", b"t"]


def test_only_the_first_result_of_a_transaction_says_so(books: Books) -> None:
    first = books.book(trade("A", "BUY", 1, 10, 5))
    again = books.book(trade("A", "BUY", 1, 11, 5, version=2))
    cancelled = books.book(cancel("A", 3))
    assert [is_first for _, _, is_first in first.results] == [True]
    assert [is_first for _, _, is_first in again.results + cancelled.results] == [False, False]


def test_an_entry_without_a_result_goes_to_the_changelog(books: Books) -> None:
    books.book(*(trade(f"B{n}", "BUY", n, 1, 1) for n in range(9)))
    waiting = books.book(trade("LATE", "BUY", -1, 1, 1), steps=2)
    assert waiting.results == []
    assert b"tP\0LATE" in dict(waiting.changelog)
    books.reload()
    done = books.book(steps=99)
    assert [value for _, value, _ in done.results if b'"LATE"' in value]
    assert b"tP\0LATE" not in dict(done.changelog)


def test_a_holding_is_marked_while_it_is_not_settled_and_has_no_new_position(books: Books) -> None:
    books.book(*(trade(f"B{n}", "BUY", n, 1, 1) for n in range(9)))
    waiting = books.book(trade("LATE", "BUY", -1, 1, 1), steps=2)
    assert dict(waiting.changelog)[b"rP\0S"] == b""
    assert waiting.positions == []
    done = books.book(steps=99)
    assert dict(done.changelog)[b"rP\0S"] is None
    assert len(done.positions) == 1


def test_a_holding_whose_last_transaction_is_cancelled_has_a_tombstone(books: Books) -> None:
    books.book(trade("A", "BUY", 1, 10, 5))
    assert books.book(cancel("A")).positions == [(b"P|S", None)]


def test_a_holding_that_came_and_went_in_one_batch_is_never_heard_of(books: Books) -> None:
    changes = books.book(trade("A", "BUY", 1, 10, 5), cancel("A"))
    assert changes.positions == []
    assert [key for key, _ in changes.changelog] == []


def test_a_portfolio_is_published_when_its_record_changes_and_not_while_it_is_walked(
    books: Books,
) -> None:
    history: list[Event] = [trade(f"B{n}", "BUY", n, 1, 1, security=f"S{n}") for n in range(5)]
    books.book(*history)
    first = books.book(terms("LIFO"), steps=2)
    assert [key for key, _ in first.portfolios] == [b"P"]
    assert b"pP" in dict(first.changelog)
    assert dict(first.changelog)[b"rP\0"] == b""
    books.reload()
    assert books.journal.walks == {"P": "S1"}
    then = books.book(steps=99)
    assert then.portfolios == []
    assert dict(then.changelog)[b"rP\0"] is None
    assert books.journal.walks == {}


def test_nothing_of_a_batch_remains_in_the_next(books: Books) -> None:
    books.book(trade("A", "BUY", 1, 10, 5))
    empty = books.book()
    assert (empty.results, empty.positions, empty.changelog, empty.local) == ([], [], [], [])


# -- entries that are taken back and booked anew, some a batch


def begin_late(books: Books) -> None:
    """Nine purchases, and one before them; the last three are taken back by now."""
    books.book(*(trade(f"B{n}", "BUY", n, 1, 1) for n in range(9)))
    books.book(trade("LATE", "BUY", -1, 1, 1), steps=3)
    assert books.has_work


@pytest.mark.parametrize(
    ("disposals_max", "reads"), [(journal_module.READ_DISPOSALS_MAX, 10), (6, 18)]
)
def test_what_is_taken_back_is_read_once_within_a_bound(
    books: Books, monkeypatch: pytest.MonkeyPatch, disposals_max: int, reads: int
) -> None:
    found: list[bytes] = []

    def decode(value: bytes) -> Entry:
        found.append(value)
        return decode_result(value)

    monkeypatch.setattr(journal_module, "READ_DISPOSALS_MAX", disposals_max)
    books.reload()
    monkeypatch.setattr(results, "decode_result", decode)
    begin_late(books)
    while books.has_work:
        assert 0 < books.journal._read.size <= disposals_max
        books.book(steps=3)
    assert len(found) == reads
    assert books.journal._read.size == 0
    holding = books.journal.holding("P", "S")
    assert holding is not None
    assert holding.quantity == 10


def test_a_version_that_comes_while_another_is_taken_back_is_booked(books: Books) -> None:
    begin_late(books)
    books.book(trade("B8", "BUY", 8, 5, 1, version=2), steps=1)
    assert books.has_work
    books.book(steps=1)
    entry = books.journal.entry("P", "B8")
    assert entry is not None
    assert entry.content.version == 2
    books.settle()
    holding = books.journal.holding("P", "S")
    assert holding is not None
    assert holding.quantity == 14
