from collections.abc import Iterable, Iterator
from decimal import Decimal, localcontext

import msgspec
import pytest

from calculator import EXACT, Lot, OpenLots, ReliefMethod
from streams import state
from streams.pages import PagedLots
from tests.calculator.trading import a_lot

LOTS = [a_lot(f"B{n}", n, str(n + 1), "10.50", unit_cost="3") for n in range(state.INLINE_MAX + 1)]
KEPT_INLINE = state.INLINE_MAX // 3


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    with localcontext(EXACT):
        yield


def with_more(lot: Lot) -> Lot:
    more = lot.quantity + Decimal("0.000001")
    return Lot(lot.lot_id, lot.acquired_at, more, lot.cost_local, lot.cost, lot.unit_cost)


def paged(lots: Iterable[Lot] = LOTS) -> tuple[PagedLots, OpenLots]:
    """Lots of which some lie in pages already, and nothing has happened since."""
    open_lots = OpenLots(ReliefMethod.FIFO, lots)
    made = PagedLots(7, open_lots)
    assert written(made, open_lots)
    return made, open_lots


def written(paged_lots: PagedLots, lots: OpenLots) -> dict[int, list[Lot] | None]:
    pages = dict(paged_lots.follow(lots))
    lots.touched.clear()
    return {n: None if page is None else state.decode_page(page) for n, page in pages.items()}


def test_a_page_is_what_any_decoder_reads_as_its_lots() -> None:
    page = state.encode_page(LOTS)
    assert [lot[0] for lot in msgspec.msgpack.decode(page)] == [lot.lot_id for lot in LOTS]
    assert state.decode_page(page) == LOTS


def test_lots_relieved_last_go_into_whole_pages_that_are_numbered_on() -> None:
    lots = OpenLots(ReliefMethod.FIFO, LOTS)
    made = PagedLots(7, lots)
    size = state.PAGE_SIZE
    assert written(made, lots) == {7: LOTS[-size:], 8: LOTS[-2 * size : -size]}
    assert made.end == 9
    assert list(made.inline.values()) == LOTS[: -2 * size]
    assert len(made) == len(LOTS)


def test_what_does_not_change_is_not_written_again() -> None:
    made, lots = paged()
    assert written(made, lots) == {}


@pytest.mark.parametrize("number", [len(LOTS) - n for n in (1, 8, state.PAGE_SIZE)])
def test_a_lot_that_changes_takes_its_own_place_in_its_page(number: int) -> None:
    made, lots = paged()
    other = with_more(LOTS[number])
    lots.put(other)
    first = len(LOTS) - state.PAGE_SIZE
    wanted = [*LOTS[first:number], other, *LOTS[number + 1 :]]
    assert written(made, lots) == {7: wanted}


@pytest.mark.parametrize("number", [len(LOTS) - n for n in (1, 8, state.PAGE_SIZE)])
def test_a_lot_that_goes_leaves_the_others_of_its_page(number: int) -> None:
    made, lots = paged()
    lots.remove(LOTS[number].lot_id)
    first = len(LOTS) - state.PAGE_SIZE
    assert written(made, lots) == {7: [*LOTS[first:number], *LOTS[number + 1 :]]}
    assert len(made) == len(lots)


def test_what_happens_to_the_others_writes_no_page() -> None:
    made, lots = paged()
    lots.remove("B0")
    lots.put(with_more(LOTS[1]))
    lots.put(a_lot("NEW", 900, "1", "1"))
    lots.put(a_lot("PASSING", 901, "1", "1"))
    lots.remove("PASSING")
    assert written(made, lots) == {}
    assert set(made.inline) == {f"B{n}" for n in range(1, KEPT_INLINE + 1)} | {"NEW"}


def test_a_page_without_lots_ends() -> None:
    made, lots = paged()
    for lot in LOTS[-state.PAGE_SIZE :]:
        lots.remove(lot.lot_id)
    assert written(made, lots) == {7: None}
    assert list(made.pages) == [8]


@pytest.mark.parametrize("count", [3, 32])
def test_pages_as_they_were_written_before_are_read_and_changed(count: int) -> None:
    old = msgspec.msgpack.encode([state.encoded_lot(lot) for lot in LOTS[:count]])
    lots = OpenLots(ReliefMethod.FIFO, LOTS[:count])
    made = PagedLots(5, [], {4: state.decode_page(old)})
    lots.remove(LOTS[1].lot_id)
    assert written(made, lots) == {4: [LOTS[0], *LOTS[2:count]]}
    assert made.end == 5


def test_a_lot_whose_page_holds_it_otherwise_is_noticed() -> None:
    made, lots = paged()
    lots.remove(LOTS[-1].lot_id)
    lots.touched[LOTS[-1].lot_id] = with_more(LOTS[-1])
    with pytest.raises(AssertionError, match="in its page"):
        list(made.follow(lots))
