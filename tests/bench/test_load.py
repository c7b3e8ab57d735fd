from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest

from bench.load import METHODS, Load, Totals, expected, portfolios, trades, transactions
from calculator import EXACT, Portfolio, Transaction
from tests.oracle.decode import Record
from tests.oracle.fold import expected as expected_by_the_oracle
from wire.portfolios import decode_portfolio
from wire.topics import PORTFOLIOS, RAW_TRANSACTIONS
from wire.transactions import decode_transaction

SMALL = Load(events=3000, holdings=20, portfolios=5)


def test_the_load_is_the_same_each_time_and_another_with_another_seed() -> None:
    events = list(transactions(SMALL))
    assert events == list(transactions(SMALL))
    assert events != list(transactions(replace(SMALL, seed=8)))


def test_the_method_changes_no_trade() -> None:
    assert list(transactions(SMALL)) == list(transactions(replace(SMALL, method="HIFO")))
    assert list(portfolios(SMALL)) != list(portfolios(replace(SMALL, method="HIFO")))


def test_every_record_of_the_load_is_well_formed_and_of_the_size_of_a_real_one() -> None:
    values = [value for _, value in transactions(SMALL)]
    assert all(isinstance(decode_transaction(value), Transaction) for value in values)
    assert all(isinstance(decode_portfolio(v), Portfolio) for _, v in portfolios(SMALL))
    assert 380 <= sum(map(len, values)) / len(values) <= 430


def test_seven_of_ten_trades_buy_and_a_sale_meets_three_lots() -> None:
    load = Load(events=100_000, holdings=300)
    sales = sum(trade.is_sale for trade in trades(load))
    totals = expected(load)
    assert 0.28 < sales / load.events < 0.32
    assert 2.5 < totals.disposals / sales < 3.5
    assert 25 < totals.open_lots / load.holdings < 40


@pytest.mark.parametrize("method", METHODS)
def test_the_fold_of_the_load_is_that_of_the_oracle(method: str) -> None:
    load = replace(SMALL, method=method)
    books = expected_by_the_oracle(
        _records(RAW_TRANSACTIONS.name, transactions(load)),
        _records(PORTFOLIOS.name, portfolios(load)),
    )
    results: list[dict[str, Any]] = [dict(row) for row in books.results.values()]
    positions: list[dict[str, Any]] = [dict(row) for row in books.positions.values()]
    with localcontext(EXACT):
        totals = Totals(
            transactions=sum(result["status"] == "BOOKED" for result in results),
            disposals=sum(len(result["disposals"]) for result in results),
            open_lots=sum(position["open_lots"] for position in positions),
            quantity=sum((position["quantity"] for position in positions), Decimal(0)),
            cost=sum((position["cost"] for position in positions), Decimal(0)),
            realized_gain_loss=sum((p["realized_gain_loss"] for p in positions), Decimal(0)),
        )
    assert expected(load) == totals


def _records(topic: str, messages: Iterable[tuple[str, bytes]]) -> list[Record]:
    return [
        Record(topic, 0, offset, key.encode(), value)
        for offset, (key, value) in enumerate(messages)
    ]
