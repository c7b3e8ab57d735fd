from decimal import Decimal

import pytest

from calculator import POOL, Ledger, ReliefMethod, plain
from tests.calculator.trading import (
    booked,
    holding_of,
    lots_of,
    on,
    settled,
    taken,
    terms,
    trade,
)

# Unit costs 10, 30, 20, 30: the dearest twice, so that ties show.
BUYS = [
    trade("A", "BUY", 1, 10, 10),
    trade("B", "BUY", 2, 10, 30),
    trade("C", "BUY", 3, 10, 20),
    trade("D", "BUY", 4, 10, 30),
]


@pytest.mark.parametrize(
    ("method", "lots"),
    [("FIFO", "ABCD"), ("LIFO", "DCBA"), ("HIFO", "BDCA"), ("LOFO", "ACBD")],
)
def test_each_method_is_an_ordering_of_the_lots(method: str, lots: str) -> None:
    ledger = settled(*BUYS, trade("S", "SELL", 9, 35, 40), method=method)
    parts = taken(booked(ledger, "S"))
    assert [(lot_id, quantity) for lot_id, quantity, _ in parts] == [
        (lots[0], "10"), (lots[1], "10"), (lots[2], "10"), (lots[3], "5"),
    ]  # fmt: skip
    assert [(lot_id, quantity) for lot_id, quantity, _ in lots_of(ledger)] == [(lots[3], "5")]


@pytest.mark.parametrize("method", ["FIFO", "LIFO", "HIFO", "LOFO"])
def test_the_open_lots_stand_in_order_of_relief(method: str) -> None:
    ledger = settled(*BUYS, trade("S", "SELL", 9, 40, 40), method=method)
    order = [lot_id for lot_id, _, _ in taken(booked(ledger, "S"))]
    assert [lot_id for lot_id, _, _ in lots_of(settled(*BUYS, method=method))] == order


@pytest.mark.parametrize(("method", "first"), [("FIFO", "A"), ("LIFO", "B"), ("HIFO", "A"),
                                               ("LOFO", "A")])  # fmt: skip
def test_lots_of_one_instant_and_one_cost_are_as_old_as_their_ids(method: str, first: str) -> None:
    buys = [trade("B", "BUY", 1, 10, 10), trade("A", "TRANSFER_IN", 1, 10, 10)]
    ledger = settled(*buys, trade("S", "SELL", 9, 5, 40), method=method)
    assert taken(booked(ledger, "S")) == [(first, "5", "50")]


def test_ids_are_compared_by_code_point() -> None:
    ids = ["b", "a", "B", "A", "10", "9", "_", "-"]
    buys = [trade(transaction_id, "BUY", 1, 1, 1) for transaction_id in ids]
    assert [lot_id for lot_id, _, _ in lots_of(settled(*buys))] == sorted(ids)


@pytest.mark.parametrize(("method", "first"), [("HIFO", "A"), ("LOFO", "B")])
def test_unit_cost_is_in_base_currency_and_contains_the_fee(method: str, first: str) -> None:
    """A costs less in trade currency and before fees, but more in the end."""
    ledger = settled(
        terms(method, "CHF"),
        trade("A", "BUY", 1, 10, 10, fee=10, fx_rate="1"),
        trade("B", "BUY", 2, 10, 12, fx_rate="0.9"),
        trade("S", "SELL", 9, 5, 40, fx_rate="1"),
    )
    assert [lot_id for lot_id, _, _ in taken(booked(ledger, "S"))] == [first]


@pytest.mark.parametrize(("method", "order"), [("HIFO", ["A", "B"]), ("LOFO", ["A", "B"])])
def test_unit_costs_that_differ_behind_the_twelfth_place_are_a_tie(
    method: str, order: list[str]
) -> None:
    buys = [
        trade("A", "BUY", 1, "3", amount="1"),
        trade("B", "BUY", 2, "3000000000000", amount="1000000000000.4"),
    ]
    assert [lot_id for lot_id, _, _ in lots_of(settled(*buys, method=method))] == order


@pytest.mark.parametrize("method", ["HIFO", "LOFO"])
def test_the_unit_cost_is_that_of_the_opening_whatever_roundings_came_since(method: str) -> None:
    """Selling a third of a lot leaves it 0.000000000001 dearer by the unit; its place stays."""
    ledger = settled(
        trade("A", "BUY", 1, 3, amount=10),
        trade("B", "BUY", 2, 3, amount=10),
        trade("S1", "SELL", 3, 1, 40),
        trade("S2", "SELL", 4, 1, 40),
        trade("S3", "SELL", 5, 2, 40),
        method=method,
    )
    sold = [lot_id for sale in ("S1", "S2", "S3") for lot_id, _, _ in taken(booked(ledger, sale))]
    assert sold == ["A", "A", "A", "B"]


def test_lofo_and_hifo_come_back_to_a_lot_when_a_better_one_is_gone() -> None:
    ledger = settled(
        trade("A", "BUY", 1, 10, 10),
        trade("S1", "SELL", 2, 4, 40),
        trade("B", "BUY", 3, 2, 30),
        trade("S2", "SELL", 4, 3, 40),
        method="HIFO",
    )
    assert taken(booked(ledger, "S2")) == [("B", "2", "60"), ("A", "1", "10")]


# -- average cost


def test_average_cost_takes_its_share_of_the_pool() -> None:
    ledger = settled(*BUYS, trade("S", "SELL", 9, 10, 40), method="AVCO")
    assert taken(booked(ledger, "S")) == [(POOL, "10", "225")]
    assert lots_of(ledger) == [(POOL, "30", "675")]
    assert plain(booked(ledger, "S").realized_gain_loss or Decimal(0)) == "175"


def test_a_sale_before_the_next_purchase_takes_the_average_of_its_day() -> None:
    ledger = settled(*BUYS[:2], trade("S", "SELL", 2, 10, 40), *BUYS[2:], method="AVCO")
    assert taken(booked(ledger, "S")) == [(POOL, "10", "200")]
    assert lots_of(ledger) == [(POOL, "30", "700")]


def test_the_remainder_of_the_average_stays_in_the_pool() -> None:
    ledger = settled(
        trade("A", "BUY", 1, 3, amount=100),
        trade("S1", "SELL", 2, 1, 40),
        trade("S2", "SELL", 3, 1, 40),
        trade("S3", "SELL", 4, 1, 40),
        method="AVCO",
    )
    costs = [cost for sale in ("S1", "S2", "S3") for _, _, cost in taken(booked(ledger, sale))]
    assert costs == ["33.333333333333", "33.333333333334", "33.333333333333"]


def test_a_pool_keeps_the_date_of_the_increase_that_opened_it() -> None:
    ledger = settled(*BUYS, trade("S", "SELL", 9, 39, 40), method="AVCO")
    (pool,) = holding_of(ledger).lots
    assert (pool.lot_id, pool.acquired_at) == (POOL, on(1))
    assert booked(ledger, "S").disposals[0].acquired_at == on(1)


def test_a_pool_that_was_empty_takes_the_date_of_the_increase_that_fills_it_anew() -> None:
    ledger = settled(
        *BUYS,
        trade("S1", "SELL", 9, 40, 40),
        trade("E", "BUY", 10, 7, 10),
        trade("F", "BUY", 11, 7, 10),
        trade("S2", "SELL", 12, 4, 40),
        method="AVCO",
    )
    assert booked(ledger, "S1").disposals[0].acquired_at == on(1)
    assert booked(ledger, "S2").disposals[0].acquired_at == on(10)
    (pool,) = holding_of(ledger).lots
    assert (pool.lot_id, pool.acquired_at, plain(pool.quantity)) == (POOL, on(10), "10")


def test_a_pool_that_is_empty_leaves_no_lot() -> None:
    ledger = settled(*BUYS, trade("S", "SELL", 9, 40, 40), method="AVCO")
    assert lots_of(ledger) == []


def test_a_pool_that_is_not_empty_after_all_has_its_old_date() -> None:
    """The sale that emptied it is corrected to leave one unit: the pool was never empty."""
    ledger = settled(
        trade("A", "BUY", 1, 10, 10),
        trade("S", "SELL", 2, 10, 40),
        trade("B", "BUY", 3, 10, 20),
        method="AVCO",
    )
    (pool,) = holding_of(ledger).lots
    assert pool.acquired_at == on(3)
    ledger.take(trade("S", "SELL", 2, 9, 40, version=2))
    ledger.settle()
    (pool,) = holding_of(ledger).lots
    assert (pool.acquired_at, plain(pool.quantity), plain(pool.cost)) == (on(1), "11", "210")


def test_a_transaction_named_like_the_pool_is_an_ordinary_lot() -> None:
    ledger = settled(trade(POOL, "BUY", 1, 10, 10), trade("B", "BUY", 2, 10, 20))
    assert lots_of(ledger) == [(POOL, "10", "100"), ("B", "10", "200")]


@pytest.mark.parametrize("method", ReliefMethod)
def test_a_holding_sold_whole_has_spent_its_whole_cost_under_every_method(method: str) -> None:
    ledger = settled(*BUYS, trade("S", "SELL", 9, 40, 40), method=method)
    assert plain(booked(ledger, "S").net_cost) == "-900"
    assert plain(holding_of(ledger).cost) == "0"


def test_the_methods_are_the_five_and_know_themselves() -> None:
    assert [method.value for method in ReliefMethod] == ["FIFO", "LIFO", "HIFO", "LOFO", "AVCO"]
    assert [method.value for method in ReliefMethod if method.by_unit_cost] == ["HIFO", "LOFO"]
    assert [method.value for method in ReliefMethod if method.pools] == ["AVCO"]
    assert Ledger().default_method is ReliefMethod.FIFO
