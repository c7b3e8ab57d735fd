from collections.abc import Callable
from decimal import Decimal, localcontext
from itertools import pairwise
from random import Random

import pytest

from calculator import EXACT, Holding, Lot, MemoryJournal, ReliefMethod
from streams import state
from streams.kept import HoldingCache, KeptHolding
from streams.tables import Table
from tests.calculator.trading import METHODS, Event, on, one_by_one, terms, trade
from tests.streams.books import Books, pages_in

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
        assert len(stored.inline) <= state.INLINE_MAX
        assert len(stored.inline) + sum(map(len, books.pages().values())) == open_lots


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
def test_an_event_rewrites_the_pages_whose_lots_it_changed_and_no_other(
    table: Table, method: ReliefMethod
) -> None:
    books = with_lots(table, method)
    events: list[Event] = [trade(f"S{n}", "SELL", LOTS + n, 23, 7) for n in range(40)]
    events += purchases(60, first=1_000)
    before = books.pages()
    for event in events:
        written = pages_in(books.book(event))
        after = books.pages()
        changed = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
        assert written.keys() == changed
        assert len(written) <= 4  # a sale of 23 takes from three lots or four
        before = after


def test_a_purchase_into_a_large_holding_writes_a_page_only_once_in_a_while(table: Table) -> None:
    books = with_lots(table, ReliefMethod.FIFO)
    written = [len(pages_in(books.book(event))) for event in purchases(200, first=1_000)]
    assert set(written) == {0, 2}  # the larger part of what may lie inline, at once
    assert sum(written) <= 200 // state.PAGE_SIZE + 2


def test_the_lots_relieved_next_lie_inline(table: Table) -> None:
    books = with_lots(table, ReliefMethod.HIFO)
    inline = {lot.lot_id for lot in books.stored().inline}
    # Each time that lots are moved away, they are those that are relieved last.
    first = [lot.lot_id for lot in books.lots()[: state.INLINE_MAX // 3]]
    assert set(first) <= inline


@pytest.mark.parametrize("method", BY_LOT)
def test_pages_without_lots_are_removed(table: Table, method: ReliefMethod) -> None:
    books = with_lots(table, method)
    assert len(books.keys(b"l")) == len(books.pages()) > 8
    books.book(trade("S", "SELL", LOTS, 10 * LOTS - 5, 7))
    assert sum(map(len, books.pages().values())) + len(books.stored().inline) == 1
    books.book(trade("S2", "SELL", LOTS + 1, 5, 7))
    assert books.keys(b"l") == []
    assert books.stored().inline == []


@pytest.mark.parametrize(("before", "after"), list(pairwise([*METHODS, ReliefMethod.FIFO])))
def test_a_changed_method_leaves_no_page_of_the_old_one(
    table: Table, before: ReliefMethod, after: ReliefMethod
) -> None:
    books = with_lots(table, before)
    old = books.pages().keys()
    books.book(terms(after, version=2), steps=100)
    books.reload()  # in the middle of the re-booking
    books.settle()
    assert not old & books.pages().keys()
    assert books.lots() == memory_lots(after, *purchases())
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
    first, *others = stored.inline
    other = Lot(
        first.lot_id, first.acquired_at, first.quantity, first.cost_local,
        first.cost + Decimal("1E-12"), first.unit_cost,
    )  # fmt: skip
    value = state.encode_holding(stored.holding, 1, stored.pages_end, [other, *others])
    return state.holding_key("P", "S"), value


def with_other_total(name: str) -> Callable[[Books], tuple[bytes, bytes]]:
    def change(books: Books) -> tuple[bytes, bytes]:
        stored = books.stored()
        with localcontext(EXACT):
            setattr(stored.holding, name, getattr(stored.holding, name) + Decimal("1E-12"))
        value = state.encode_holding(stored.holding, 1, stored.pages_end, stored.inline)
        return state.holding_key("P", "S"), value

    return change


def with_page(change: Callable[[list[Lot]], list[Lot]]) -> Callable[[Books], tuple[bytes, bytes]]:
    return lambda books: (
        state.page_key("P", "S", 1),
        state.encode_page(change(books.pages()[1])),
    )


def without_page(books: Books) -> tuple[bytes, None]:
    return state.page_key("P", "S", 1), None


def with_page_twice(books: Books) -> tuple[bytes, bytes]:
    return state.page_key("P", "S", 99), state.encode_page(books.pages()[1])


TAMPERED = {
    "one inline lot": with_other_lot,
    "the quantity": with_other_total("quantity"),
    "the cost": with_other_total("cost"),
    "the local cost": with_other_total("cost_local"),
    "one lot of a page": with_page(lambda lots: [*lots[1:], lots_with_more(lots[0])]),
    "a page less a lot": with_page(lambda lots: lots[1:]),
    "a page too few": without_page,
    "a page twice": with_page_twice,
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
    with pytest.raises(AssertionError, match=r"is conserved|in one place"):
        books.book(trade("S", "SELL", LOTS, 1, 1))


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
    return KeptHolding(holding)


def test_the_cache_drops_what_was_used_longest_ago_to_stay_within_its_bound() -> None:
    cache = HoldingCache(lots_max=20)
    for name in "ABC":
        cache.put(("P", name), kept(name, 5))
    assert cache.get(("P", "A")) is not None
    cache.put(("P", "D"), kept("D", 5))
    assert cache.get(("P", "B")) is None
    assert [name for name in "ABCD" if cache.get(("P", name))] == ["A", "C", "D"]
    assert cache.lots == 3 * 6


def test_the_cache_counts_a_holding_that_grew_by_its_new_size() -> None:
    cache = HoldingCache(lots_max=20)
    cache.put(("P", "A"), kept("A", 2))
    cache.put(("P", "A"), kept("A", 9))
    assert cache.lots == 10
    cache.drop(("P", "A"))
    cache.drop(("P", "A"))
    assert cache.lots == 0


def test_a_holding_larger_than_the_bound_is_cached_alone_until_another_is_used() -> None:
    cache = HoldingCache(lots_max=20)
    cache.put(("P", "A"), kept("A", 5))
    cache.put(("P", "B"), kept("B", 20))
    assert cache.get(("P", "A")) is None
    assert cache.get(("P", "B")) is not None
    cache.put(("P", "A"), kept("A", 5))
    assert cache.get(("P", "B")) is None
    assert cache.lots == 6


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
        # The holding used last is kept, whatever its size.
        known = (books.journal.holding("P", f"S{n}") for n in range(7))
        largest = max(len(holding.lots) + 1 for holding in known if holding is not None)
        assert books.journal.cached_lots <= max(lots_max, largest)
    memory = one_by_one(*history).journal
    for security in (f"S{n}" for n in range(7)):
        held, wanted = books.journal.holding("P", security), memory.holding("P", security)
        assert held is not None
        assert wanted is not None
        assert list(held.lots) == list(wanted.lots)
        assert held.realized_gain_loss == wanted.realized_gain_loss
