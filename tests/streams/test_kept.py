from collections.abc import Callable
from decimal import Decimal, localcontext
from itertools import pairwise
from random import Random

import pytest

from calculator import EXACT, Booked, Entry, Holding, Lot, MemoryJournal, ReliefMethod
from streams import state
from streams.kept import Cache, KeptHolding, size_of_entry, size_of_holding
from streams.tables import Table
from tests.calculator.trading import METHODS, Event, on, one_by_one, terms, trade
from tests.streams.books import Books, pages_in
from tests.streams.memory import MemoryTable

LOTS = 400
BY_LOT = [method for method in METHODS if not method.pools]


def purchases(count: int = LOTS, first: int = 0) -> list[Event]:
    prices = Random(f"prices {first}")
    return [
        trade(f"B{n}", "BUY", n, 10, prices.randrange(1, 1_000))
        for n in range(first, first + count)
    ]


def with_lots(table: Table, method: ReliefMethod, count: int = LOTS) -> Books:
    books = Books(table)
    books.book(terms(method), *purchases(count))
    return books


def memory_lots(method: ReliefMethod, *events: Event) -> list[Lot]:
    journal = one_by_one(terms(method), *events).journal
    assert isinstance(journal, MemoryJournal)
    return list(journal.holdings["P", "S"].lots)


@pytest.mark.parametrize("method", METHODS)
def test_a_record_holds_few_lots_however_many_the_holding_has(
    table: Table, method: ReliefMethod
) -> None:
    books = Books(table)
    books.book(terms(method))
    for number, purchase in enumerate(purchases(200), 1):
        books.book(purchase)
        stored = books.stored()
        open_lots = 1 if method.pools else number
        assert len(stored.holding.lots) <= state.INLINE_MAX
        assert stored.paged.lots == sum(map(len, books.pages().values()))
        assert len(stored.holding.lots) + stored.paged.lots == open_lots


@pytest.mark.parametrize("method", METHODS)
def test_lots_are_found_again_after_a_restart_whatever_was_sold(
    table: Table, method: ReliefMethod
) -> None:
    dice = Random(method.value)
    history = purchases()
    for n in range(60):
        sold = dice.choice([1, 5, 10, 25, 160])
        history.append(trade(f"S{n}", "SELL", LOTS + n, sold, 7))
    books = with_lots(table, method)
    for number, sale in enumerate(history[LOTS:]):
        books.book(sale)
        if number % 20 == 19:
            books.reload()
    assert books.lots() == memory_lots(method, *history)
    holding = books.journal.holding("P", "S")
    assert holding is not None
    assert list(holding.lots) == books.lots()


@pytest.mark.parametrize("method", BY_LOT)
def test_an_event_reads_the_pages_of_the_lots_it_takes_and_no_other(
    table: Table, method: ReliefMethod
) -> None:
    books = with_lots(table, method)
    events: list[Event] = [trade(f"S{n}", "SELL", LOTS + n, 23, 7) for n in range(40)]
    for event in events:
        books.reload()
        before = books.pages()
        written = pages_in(books.book(event))
        # A sale of 23 takes from three lots or four, each of which may lie in a page of its own.
        assert len([key for key, value in written.items() if value is None]) <= 4
        holding = books.journal.holding("P", "S")
        assert holding is not None
        assert len(holding.lots.at_hand) <= state.INLINE_BESIDE_PAGES_MAX
        assert len([key for key in before if key not in books.pages()]) <= 4


@pytest.mark.parametrize("method", BY_LOT)
def test_a_page_is_written_only_once_in_a_while(table: Table, method: ReliefMethod) -> None:
    books = with_lots(table, method)
    written: list[bytes | None] = []
    for event in purchases(200, first=1_000):
        written += pages_in(books.book(event)).values()
    assert None not in written  # nothing is read to take lots in
    assert len(written) == pytest.approx(200 / state.PAGE_SIZE, abs=2)


@pytest.mark.parametrize("method", BY_LOT)
def test_trading_moves_a_lot_from_page_to_page_a_few_times_at_most(
    table: Table, method: ReliefMethod
) -> None:
    books = with_lots(table, method)
    written = 0
    for number, purchase in enumerate(purchases(400, first=LOTS)):
        sale = trade(f"S{number}", "SELL", LOTS + number, 10, 7)
        written += len(pages_in(books.book(purchase, sale)))
    assert written < 400


def test_the_lots_relieved_next_lie_inline(table: Table) -> None:
    books = Books(table)
    books.book(terms(ReliefMethod.HIFO), *purchases())
    inline = {lot.lot_id for lot in books.stored().holding.lots}
    # When lots are moved away, they are those that are relieved last.
    assert [lot.lot_id for lot in books.lots()[: len(inline)]] == [
        lot.lot_id for lot in books.stored().holding.lots
    ]
    assert state.INLINE_BESIDE_PAGES_MAX // 3 <= len(inline) < state.INLINE_BESIDE_PAGES_MAX


@pytest.mark.parametrize("method", BY_LOT)
def test_pages_without_lots_are_removed(table: Table, method: ReliefMethod) -> None:
    books = with_lots(table, method)
    assert len(books.keys(b"l")) == len(books.pages()) > 8
    books.book(trade("S", "SELL", LOTS, 10 * LOTS - 5, 7))
    assert len(books.lots()) == 1
    assert books.stored().paged.lots == sum(map(len, books.pages().values()))
    books.book(trade("S2", "SELL", LOTS + 1, 5, 7))
    assert books.keys(b"l") == []
    assert books.lots() == []


@pytest.mark.parametrize(("before", "after"), list(pairwise([*METHODS, ReliefMethod.FIFO])))
def test_a_changed_method_leaves_no_page_of_the_old_one(
    table: Table, before: ReliefMethod, after: ReliefMethod
) -> None:
    books = with_lots(table, before)
    books.book(terms(after, version=2), steps=100)
    books.reload()  # in the middle of the re-booking
    books.settle()
    assert books.lots() == memory_lots(after, *purchases())
    assert sum(map(len, books.pages().values())) == books.stored().paged.lots
    assert (books.keys(b"l") == []) == after.pools


def test_a_holding_without_entries_leaves_nothing_behind(table: Table) -> None:
    books = with_lots(table, ReliefMethod.FIFO, 60)
    moved = [trade(f"B{n}", "BUY", n, 1, 1, security="ELSEWHERE", version=2) for n in range(60)]
    books.book(*moved)
    assert books.table.get(state.holding_key("P", "S")) is None
    assert books.pages() == {}
    assert not [key for key in books.keys(b"o") if state.ids_of(key)[1] == "S"]


# -- conservation


def with_other_lot(books: Books) -> tuple[bytes, bytes]:
    stored = books.stored()
    first = next(iter(stored.holding.lots))
    other = Lot(
        first.lot_id, first.acquired_at, first.quantity, first.cost_local,
        first.cost + Decimal("1E-12"), first.unit_cost,
    )  # fmt: skip
    stored.holding.lots.put(other)
    return state.holding_key("P", "S"), state.encode_holding(stored.holding, 1, stored.paged)


def with_other_total(name: str) -> Callable[[Books], tuple[bytes, bytes]]:
    def change(books: Books) -> tuple[bytes, bytes]:
        stored = books.stored()
        with localcontext(EXACT):
            setattr(stored.holding, name, getattr(stored.holding, name) + Decimal("1E-12"))
        return state.holding_key("P", "S"), state.encode_holding(stored.holding, 1, stored.paged)

    return change


def with_other_pages(name: str) -> Callable[[Books], tuple[bytes, bytes]]:
    def change(books: Books) -> tuple[bytes, bytes]:
        stored = books.stored()
        with localcontext(EXACT):
            more = getattr(stored.paged, name) + Decimal("1E-12")
        paged = stored.paged._replace(**{name: more})
        return state.holding_key("P", "S"), state.encode_holding(stored.holding, 1, paged)

    return change


def with_page(change: Callable[[list[Lot]], list[Lot]]) -> Callable[[Books], tuple[bytes, bytes]]:
    def changed(books: Books) -> tuple[bytes, bytes]:
        key, lots = next(iter(books.pages().items()))
        return key, state.encode_page(change(lots))

    return changed


def without_page(books: Books) -> tuple[bytes, None]:
    return max(books.pages()), None


TAMPERED = {
    "one inline lot": with_other_lot,
    "the quantity": with_other_total("quantity"),
    "the cost": with_other_total("cost"),
    "the local cost": with_other_total("cost_local"),
    "the quantity in pages": with_other_pages("quantity"),
    "the cost in pages": with_other_pages("cost"),
    "the local cost in pages": with_other_pages("cost_local"),
}
TAMPERED_PAGES = {
    "one lot of a page": with_page(lambda lots: [*lots[1:], lots_with_more(lots[0])]),
    "a page less a lot": with_page(lambda lots: lots[1:]),
    "a page too few": without_page,
}


def lots_with_more(lot: Lot) -> Lot:
    more = lot.quantity + Decimal("1E-12")
    return Lot(lot.lot_id, lot.acquired_at, more, lot.cost_local, lot.cost, lot.unit_cost)


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=list(TAMPERED))
def test_books_that_do_not_add_up_are_not_written(
    table: Table, tamper: Callable[[Books], tuple[bytes, bytes | None]]
) -> None:
    books = with_lots(table, ReliefMethod.FIFO, 150)
    table.write([tamper(books)])
    books.reload()
    with pytest.raises(AssertionError, match="is conserved"):
        books.book(trade("S", "SELL", LOTS, 1, 1))


@pytest.mark.parametrize("tamper", TAMPERED_PAGES.values(), ids=list(TAMPERED_PAGES))
def test_pages_that_do_not_add_up_end_the_books_when_they_are_read(
    table: Table, tamper: Callable[[Books], tuple[bytes, bytes | None]]
) -> None:
    books = with_lots(table, ReliefMethod.FIFO, 150)
    table.write([tamper(books)])
    books.reload()
    with pytest.raises(AssertionError, match=r"is conserved|in one place|what was put"):
        books.book(trade("S", "SELL", LOTS, 1_499, 1))


def test_books_that_add_up_are_written(table: Table) -> None:
    books = with_lots(table, ReliefMethod.FIFO, 150)
    books.reload()
    assert books.book(trade("S", "SELL", LOTS, 1, 1)).results


@pytest.mark.parametrize("count", [3, 150])
def test_a_lot_changed_in_memory_alone_is_noticed(table: Table, count: int) -> None:
    books = with_lots(table, ReliefMethod.FIFO, count)
    holding = books.journal.holding("P", "S")
    assert holding is not None
    lot = next(iter(holding.lots))
    holding.lots.put(lots_with_more(lot))
    with pytest.raises(AssertionError, match="quantity is conserved"):
        books.book(trade("S", "BUY", LOTS, 1, 1))


# -- the cache


def kept(security: str, lots: int) -> KeptHolding:
    holding = Holding("P", security, ReliefMethod.FIFO)
    for n in range(lots):
        holding.lots.put(Lot(f"T{n}", on(n), Decimal(1), Decimal(1), Decimal(1), Decimal(0)))
    return KeptHolding(MemoryTable(), holding)


def test_the_cache_drops_what_was_used_longest_ago_to_stay_within_its_bound() -> None:
    cache = Cache(20, size_of_holding)
    for name in "ABC":
        cache.put(("P", name), kept(name, 5))
    assert cache.get(("P", "A")) is not None
    cache.put(("P", "D"), kept("D", 5))
    assert cache.get(("P", "B")) is None
    assert [name for name in "ABCD" if cache.get(("P", name))] == ["A", "C", "D"]
    assert cache.size == 3 * 6


def test_the_cache_counts_a_holding_that_grew_by_its_new_size() -> None:
    cache = Cache(20, size_of_holding)
    cache.put(("P", "A"), kept("A", 2))
    cache.put(("P", "A"), kept("A", 9))
    assert cache.size == 10
    cache.drop(("P", "A"))
    cache.drop(("P", "A"))
    assert cache.size == 0


def test_a_holding_larger_than_the_bound_is_not_cached_and_takes_the_place_of_no_other() -> None:
    cache = Cache(20, size_of_holding)
    cache.put(("P", "A"), kept("A", 5))
    cache.put(("P", "B"), kept("B", 2))
    cache.put(("P", "B"), kept("B", 20))
    assert cache.get(("P", "A")) is not None
    assert cache.get(("P", "B")) is None
    assert cache.size == 6


def test_only_the_lots_at_hand_count(table: Table) -> None:
    books = with_lots(table, ReliefMethod.FIFO)
    assert books.journal.cached_lots <= state.INLINE_BESIDE_PAGES_MAX + 1


@pytest.mark.parametrize("lots_max", [0, 40, 1_000])
def test_books_do_not_depend_on_how_much_is_cached(table: Table, lots_max: int) -> None:
    books = Books(table, lots_max=lots_max)
    dice = Random(3)
    history = [
        trade(f"T{n}", "BUY" if n % 3 else "SELL", dice.randrange(90), 3, 2, security=f"S{n % 7}")
        for n in range(210)
    ]
    for start in range(0, 210, 10):
        books.book(*history[start : start + 10])
        assert books.journal.cached_lots <= lots_max
    memory = one_by_one(*history).journal
    for security in (f"S{n}" for n in range(7)):
        held, wanted = books.journal.holding("P", security), memory.holding("P", security)
        assert held is not None
        assert wanted is not None
        assert list(held.lots) == list(wanted.lots)
        assert held.realized_gain_loss == wanted.realized_gain_loss


def sold(books: Books) -> Entry:
    entry = books.journal.entry("P", "SALE")
    assert entry is not None
    assert isinstance(entry.outcome, Booked)
    assert len(entry.outcome.disposals) == 9
    return entry


def test_entries_are_kept_within_a_bound_of_their_disposals(table: Table) -> None:
    books = Books(table)
    books.book(*purchases(9), trade("SALE", "SELL", 20, 90, 1))
    sale, purchase = sold(books), books.journal.entry("P", "B0")
    assert purchase is not None
    cache = Cache(12, size_of_entry)  # those of the sale, and its own three
    for name in ("B0", "B1"):
        cache.put(("P", name), purchase)
    assert cache.size == 6
    cache.put(("P", "SALE"), sale)
    assert (cache.get(("P", "B0")), cache.get(("P", "SALE"))) == (None, sale)
    assert cache.size == 12
    sale.outcome = None  # it changes, and is dropped as what it was
    cache.drop(("P", "SALE"))
    cache.drop(("P", "SALE"))
    assert cache.size == 0


def test_an_entry_too_large_for_the_bound_is_not_kept(table: Table) -> None:
    books = Books(table)
    books.book(*purchases(9), trade("SALE", "SELL", 20, 90, 1))
    cache = Cache(11, size_of_entry)
    cache.put(("P", "SALE"), sold(books))
    assert cache.get(("P", "SALE")) is None
    assert cache.size == 0
