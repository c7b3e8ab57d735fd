from decimal import Decimal
from itertools import combinations, islice, permutations

import pytest

from calculator import Lot, OpenLots, Place, ReliefMethod, place_of
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


class Shelf:
    """A reserve whose lots lie in groups."""

    def __init__(self, method: str, *groups: str) -> None:
        self._method = ReliefMethod(method)
        by_id = {lot.lot_id: lot for lot in LOTS}
        self.groups = [[by_id[name] for name in group] for group in groups]
        self.brought: list[str] = []

    def __len__(self) -> int:
        return sum(map(len, self.groups))

    def _in_order(self) -> list[Lot]:
        return list(OpenLots(self._method, [lot for group in self.groups for lot in group]))

    def first(self) -> Place | None:
        return place_of(self._method, self._in_order()[0]) if self.groups else None

    def bring_first(self) -> list[Lot]:
        return self._bring(self._in_order()[0].lot_id)

    def bring(self, place: Place) -> list[Lot]:
        return self._bring(place[1][1])

    def _bring(self, lot_id: str) -> list[Lot]:
        for group in self.groups:
            if any(lot.lot_id == lot_id for lot in group):
                self.groups.remove(group)
                self.brought.append("".join(lot.lot_id for lot in group))
                return group
        return []


def partly_at_hand(method: str, *groups: str) -> tuple[OpenLots, Shelf]:
    shelf = Shelf(method, *groups)
    at_hand = [lot for lot in LOTS if lot.lot_id not in "".join(groups)]
    return OpenLots(ReliefMethod(method), at_hand, shelf), shelf


@pytest.mark.parametrize("method", ORDERS)
def test_lots_come_in_order_of_relief_wherever_they_are(method: str) -> None:
    for order in permutations("ABCD"):
        for first, last in combinations(range(5), 2):
            groups = ("".join(order[first:last]), "".join(order[last:]))
            lots, _ = partly_at_hand(method, *filter(None, groups))
            assert len(lots) == 4
            assert ids(lots) == ORDERS[method]
            assert len(lots) == len(lots.at_hand) == 4
            assert lots.touched == {}


@pytest.mark.parametrize(("method", "group"), [("FIFO", "CD"), ("LIFO", "AB"), ("HIFO", "AC")])
def test_the_reserve_is_left_alone_until_its_lots_are_next(method: str, group: str) -> None:
    lots, shelf = partly_at_hand(method, group)
    first, second, third = list(islice(lots, 3))
    assert shelf.brought == [group]
    lots, shelf = partly_at_hand(method, group)
    assert list(islice(lots, 2)) == [first, second]
    assert shelf.brought == []
    assert third.lot_id in group


@pytest.mark.parametrize("method", ORDERS)
@pytest.mark.parametrize("name", "ABCD")
def test_a_lot_is_found_in_the_reserve_with_those_it_is_kept_with(method: str, name: str) -> None:
    lots, shelf = partly_at_hand(method, "AB", "CD")
    wanted = next(lot for lot in LOTS if lot.lot_id == name)
    found = lots.find(name, wanted.acquired_at, lambda: wanted.unit_cost)
    assert found is wanted
    assert shelf.brought == ["AB" if name in "AB" else "CD"]
    assert lots.find(name, wanted.acquired_at, lambda: wanted.unit_cost) is wanted
    assert lots.find("X", wanted.acquired_at, lambda: wanted.unit_cost) is None
    assert len(shelf.brought) == 1
    assert ids(lots) == ORDERS[method]


def test_the_unit_cost_is_asked_for_only_where_it_says_where_to_look() -> None:
    def unasked() -> Decimal:
        raise AssertionError

    lots, _ = partly_at_hand("FIFO", "AB")
    assert lots.find("A", LOTS[0].acquired_at, unasked) is LOTS[0]
    assert OpenLots(ReliefMethod.HIFO).find("A", LOTS[0].acquired_at, unasked) is None
    lots, _ = partly_at_hand("HIFO", "AB")
    with pytest.raises(AssertionError):
        lots.find("A", LOTS[0].acquired_at, unasked)


@pytest.mark.parametrize("method", ORDERS)
@pytest.mark.parametrize("kept", [0, 1, 3, 4])
def test_lots_relieved_last_can_be_put_away(method: str, kept: int) -> None:
    lots = OpenLots(ReliefMethod(method), LOTS)
    away = lots.put_away(kept)
    assert "".join(lot.lot_id for lot in away) == ORDERS[method][kept:]
    assert ids(lots) == ORDERS[method][:kept]
    for lot in away:
        lots.put(lot)
    assert ids(lots) == ORDERS[method]


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
