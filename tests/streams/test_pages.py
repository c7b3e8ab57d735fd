from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, localcontext
from random import Random

import msgspec
import pytest

from calculator import EXACT, Lot, OpenLots, ReliefMethod, place_of
from streams import state
from streams.pages import PagedLots
from tests.calculator.trading import METHODS, a_lot
from tests.streams.memory import MemoryTable

PREFIX = state.page_prefix("P", "S")
BY_LOT = [method for method in METHODS if not method.pools]
SIZE = state.PAGE_SIZE


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    with localcontext(EXACT):
        yield


def lots_of(method: ReliefMethod, count: int, seed: int = 0) -> list[Lot]:
    """In order of relief."""
    dice = Random(seed)
    lots = [
        a_lot(f"B{seed}.{n}", n, str(n + 1), "10.50", unit_cost=str(dice.randrange(9)))
        for n in range(count)
    ]
    return list(OpenLots(method, lots))


class Shelf:
    """Pages over a table, written after each use or read anew from what is written."""

    def __init__(self, method: ReliefMethod) -> None:
        self.method = method
        self.table = MemoryTable()
        self.pages = PagedLots(self.table, PREFIX, method)

    def written(self) -> dict[bytes, bytes | None]:
        records = list(self.pages.records())
        assert len(dict(records)) == len(records), "each key once"
        self.table.write(records)
        return dict(records)

    def put(self, lots: Sequence[Lot]) -> None:
        self.pages.put(lots)
        self.written()

    def read_anew(self) -> None:
        self.pages = PagedLots(self.table, PREFIX, self.method, self.pages.paged)

    def drained(self) -> list[Lot]:
        lots = OpenLots(self.method, (), self.pages)
        return list(lots)


def test_a_page_is_what_any_decoder_reads_as_its_lots() -> None:
    lots = lots_of(ReliefMethod.FIFO, SIZE)
    page = state.encode_page(lots)
    assert [lot[0] for lot in msgspec.msgpack.decode(page)] == [lot.lot_id for lot in lots]
    assert state.decode_page(page) == lots


@pytest.mark.parametrize("method", BY_LOT)
@pytest.mark.parametrize("is_read_anew", [False, True])
def test_pages_that_overlap_are_read_in_order_of_relief(
    method: ReliefMethod, *, is_read_anew: bool
) -> None:
    shelf = Shelf(method)
    lots = [lots_of(method, 3 * SIZE, seed) for seed in range(4)]
    for some in lots:
        shelf.put(some)
    assert len(shelf.table.values) == 4 * 3
    assert len(shelf.pages) == 4 * 3 * SIZE
    if is_read_anew:
        shelf.read_anew()
    assert shelf.drained() == list(OpenLots(method, [lot for some in lots for lot in some]))
    assert shelf.pages.paged == state.Paged()
    assert shelf.pages.first() is None
    assert set(shelf.written().values()) == {None}
    assert not shelf.table.values


@pytest.mark.parametrize("method", BY_LOT)
def test_what_pages_are_first_is_known_whatever_was_put_and_brought(method: ReliefMethod) -> None:
    dice, shelf = Random(5), Shelf(method)
    held: list[Lot] = []
    for seed in range(120):
        if dice.random() < 0.5:
            some = lots_of(method, dice.randrange(1, 2 * SIZE), seed)
            held += some
            shelf.pages.put(some)
            shelf.written()
        elif held and dice.random() < 0.5:
            wanted = dice.choice(held)
            brought = shelf.pages.bring(place_of(method, wanted))
            assert wanted in brought
            held = [lot for lot in held if lot not in brought]
        elif held:
            brought = shelf.pages.bring_first()
            assert next(iter(OpenLots(method, held))) in brought
            held = [lot for lot in held if lot not in brought]
        if dice.random() < 0.5:
            shelf.written()
        if dice.random() < 0.1:
            shelf.written()
            shelf.read_anew()
        first = next(iter(OpenLots(method, held)), None)
        assert shelf.pages.first() == (None if first is None else place_of(method, first))
        assert shelf.pages.paged.lots == len(held)
        assert shelf.pages.paged.quantity == sum(lot.quantity for lot in held)


@pytest.mark.parametrize("method", BY_LOT)
def test_a_lot_that_is_not_there_brings_nothing(method: ReliefMethod) -> None:
    shelf = Shelf(method)
    lots = lots_of(method, 2 * SIZE)
    shelf.put([*lots[:5], *lots[6:]])
    assert shelf.pages.bring(place_of(method, lots[5])) == []
    assert shelf.pages.bring(place_of(method, a_lot("Z", -9, "1", "1", unit_cost="99"))) == []
    assert shelf.written() == {}
    assert shelf.pages.bring(place_of(method, lots[4])) != []


def test_a_look_at_the_first_reads_one_page() -> None:
    reads: list[bytes] = []

    class Watched(MemoryTable):
        def get(self, key: bytes | list[bytes]) -> bytes | list[bytes | None] | None:
            assert isinstance(key, bytes)
            reads.append(key)
            return super().get(key)

    shelf = Shelf(ReliefMethod.FIFO)
    shelf.put(lots_of(ReliefMethod.FIFO, 20 * SIZE))
    shelf.table = Watched(shelf.table.values)
    shelf.read_anew()
    assert shelf.pages.first() is not None
    assert reads == []
    assert len(shelf.pages.bring_first()) == SIZE
    assert len(reads) == 1


def test_pages_of_another_beginning_take_the_place_of_all() -> None:
    shelf = Shelf(ReliefMethod.FIFO)
    lots = lots_of(ReliefMethod.FIFO, 2 * SIZE)
    shelf.put(lots)
    first, second = shelf.table.values
    shelf.pages.start_anew(ReliefMethod.FIFO)
    assert (len(shelf.pages), shelf.pages.first()) == (0, None)
    shelf.pages.put(lots[:SIZE])
    # The one that is there again is not removed, whichever record comes last.
    assert shelf.written() == {second: None, first: state.encode_page(lots[:SIZE])}
    assert shelf.drained() == lots[:SIZE]


def with_more(lot: Lot) -> Lot:
    more = lot.quantity + Decimal("1E-12")
    return Lot(lot.lot_id, lot.acquired_at, more, lot.cost_local, lot.cost, lot.unit_cost)


SPOILED: dict[str, Callable[[MemoryTable], None]] = {
    "a page is missing": lambda table: table.write([(max(table.values), None)]),
    "the first page is missing": lambda table: table.write([(min(table.values), None)]),
    "all pages are missing": lambda table: table.write([(key, None) for key in table.values]),
    "a page has a lot less": lambda table: table.write(
        [(key, state.encode_page(state.decode_page(value)[1:])) for key, value in first_of(table)]
    ),
    "a lot is another": lambda table: table.write(
        [
            (key, state.encode_page([*map(with_more, state.decode_page(value))]))
            for key, value in first_of(table)
        ]
    ),
    "a page is there twice": lambda table: table.write(
        [(PREFIX + 2 * first_place(key), value) for key, value in first_of(table)]
    ),
}


def first_place(key: bytes) -> bytes:
    method = ReliefMethod.FIFO
    return state.encode_place(method, state.decode_places(method, key.removeprefix(PREFIX))[0])


def first_of(table: MemoryTable) -> list[tuple[bytes, bytes]]:
    return sorted(table.values.items())[:1]


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=list(SPOILED))
def test_pages_that_do_not_hold_what_was_put_into_them_are_noticed(
    spoil: Callable[[MemoryTable], None],
) -> None:
    shelf = Shelf(ReliefMethod.FIFO)
    shelf.put(lots_of(ReliefMethod.FIFO, 3 * SIZE))
    spoil(shelf.table)
    shelf.read_anew()
    with pytest.raises(AssertionError, match=r"in one place|what was put into them"):
        shelf.drained()
