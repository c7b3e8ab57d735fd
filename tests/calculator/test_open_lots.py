from itertools import permutations

import pytest

from calculator import Lot, OpenLots, ReliefMethod
from tests.calculator.trading import a_lot, shown_lots

LOTS = [
    a_lot("A", 1, "1", "10", unit_cost="10"),
    a_lot("B", 2, "1", "30", unit_cost="30"),
    a_lot("C", 3, "1", "20", unit_cost="20"),
    a_lot("D", 4, "1", "30", unit_cost="30"),
]
ORDERS = {"FIFO": "ABCD", "LIFO": "DCBA", "HIFO": "BDCA", "LOFO": "ACBD"}


def ids(lots: OpenLots) -> str:
    return "".join(lot.lot_id for lot in lots)


@pytest.mark.parametrize("method", ORDERS)
def test_lots_come_in_order_of_relief_however_they_were_put(method: str) -> None:
    for arrival in permutations(LOTS):
        lots = OpenLots(ReliefMethod(method))
        for lot in arrival:
            lots.put(lot)
        assert ids(lots) == ORDERS[method]
        assert ids(OpenLots(ReliefMethod(method), arrival)) == ORDERS[method]


def test_unit_costs_are_told_apart_to_the_last_digit() -> None:
    below, above = (f"{10**25}.{digit:012}" for digit in (1, 2))
    lots = [a_lot("A", 1, "1", "1", unit_cost=below), a_lot("B", 2, "1", "1", unit_cost=above)]
    assert ids(OpenLots(ReliefMethod.HIFO, lots)) == "BA"
    assert ids(OpenLots(ReliefMethod.LOFO, lots)) == "AB"


@pytest.mark.parametrize("method", ORDERS)
@pytest.mark.parametrize("gone", "ABCD")
def test_a_lot_can_be_removed_from_anywhere(method: str, gone: str) -> None:
    lots = OpenLots(ReliefMethod(method), LOTS)
    removed = lots.remove(gone)
    assert removed.lot_id == gone
    assert ids(lots) == ORDERS[method].replace(gone, "")
    assert len(lots) == 3
    assert lots.get(gone) is None


@pytest.mark.parametrize("method", ORDERS)
def test_a_lot_put_again_keeps_its_place(method: str) -> None:
    lots = OpenLots(ReliefMethod(method), LOTS)
    lots.put(a_lot("C", 3, "0.5", "10", unit_cost="20"))
    assert ids(lots) == ORDERS[method]
    assert ("C", "0.5", "10") in shown_lots(lots)


@pytest.mark.parametrize("method", ORDERS)
def test_some_lots_can_be_had_in_order_of_relief(method: str) -> None:
    lots = OpenLots(ReliefMethod(method), LOTS)
    some = lots.in_relief_order(["D", "A", "C"])
    assert "".join(lot.lot_id for lot in some) == ORDERS[method].replace("B", "")


def test_touched_says_what_was_put_or_removed_and_how_it_was_before() -> None:
    lots = OpenLots(ReliefMethod.FIFO, LOTS)
    assert lots.touched == {}
    before = {lot.lot_id: lot for lot in lots}
    lots.remove("B")
    lots.put(a_lot("E", 5, "1", "1"))
    lots.put(a_lot("A", 1, "2", "1"))
    lots.put(a_lot("A", 1, "3", "1"))
    assert lots.touched == {"B": before["B"], "E": None, "A": before["A"]}


def test_reading_the_first_lots_never_looks_at_the_others() -> None:
    looked_at: list[str] = []

    class Watched(dict[str, Lot]):
        def __getitem__(self, lot_id: str) -> Lot:
            looked_at.append(lot_id)
            return super().__getitem__(lot_id)

    lots = OpenLots(ReliefMethod.FIFO, LOTS)
    lots._by_id = Watched(lots._by_id)
    first = next(iter(lots))
    assert first is LOTS[0]
    assert looked_at == [first.lot_id]
