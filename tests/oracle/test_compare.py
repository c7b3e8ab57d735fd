"""The comparison finds every kind of difference, and none between two spellings of one value."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.booking import Row
from tests.oracle.compare import (
    agrees,
    detail_agrees,
    differences,
    disposal_rows,
    newest,
    said_again,
)
from tests.oracle.decode import Record
from tests.oracle.fold import expected

BOOKS = expected(
    [
        Record("raw_transactions", 0, offset, b"P", json.dumps(value).encode())
        for offset, value in enumerate(
            [
                {
                    "transaction_id": f"T{offset}",
                    "portfolio_id": "P",
                    "security_id": "S",
                    "transaction_type": kind,
                    "transaction_date": f"2024-01-0{offset + 1}",
                    "quantity": quantity,
                    "price": "1.5",
                    "trade_currency": "USD",
                }
                for offset, (kind, quantity) in enumerate(
                    [("BUY", 4), ("BUY", 6), ("SELL", 5), ("SELL", 6)]
                )
            ]
            + [{}]
        )
    ],
    [
        Record(
            "portfolios",
            0,
            0,
            b"P",
            b'{"portfolio_id":"P","base_currency":"USD","cost_basis_method":"FIFO"}',
        )
    ],
)


def as_json(value: object) -> object:
    """A value of the books as a program would show it in JSON."""
    match value:
        case list():
            return [json_row(item) for item in value]
        case Decimal():
            return f"{value.normalize():f}"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return value


def json_row(row: Row) -> Row:
    return {name: as_json(value) for name, value in row.items()}


def shown() -> dict[str, Any]:
    """Everything, right in every place."""
    return {
        "results": [json_row(row) for row in BOOKS.results.values()],
        "transactions": [dict(row) for row in BOOKS.results.values()],
        "disposals": [dict(row) for row in disposal_rows(BOOKS)],
        "positions": [json_row(row) for row in BOOKS.positions.values()],
        "lots": {key: [json_row(lot) for lot in lots] for key, lots in BOOKS.lots.items()},
        "lots_view": [dict(lot) for lots in BOOKS.lots.values() for lot in lots],
        "portfolios": [json_row(row) for row in BOOKS.portfolios.values()],
        "dead": [("raw_transactions", 0, 4)],
    }


def test_books_do_not_differ_from_themselves() -> None:
    assert differences(BOOKS, **shown()) == []


def change(row: Row, **columns: object) -> None:
    row.update(columns)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda all: change(all["results"][0], net_cost="6.0"), "result P / T0: net_cost"),
        (lambda all: change(all["results"][0], net_cost=6), "result P / T0: net_cost"),
        (lambda all: change(all["results"][0], status="REJECTED"), "result P / T0: status"),
        (lambda all: all["results"].pop(), "result P / T3: missing"),
        (lambda all: all["results"].append(all["results"][0]), "result P / T0: twice"),
        (lambda all: all["lots_view"].append(all["lots_view"][0]), "lot P / S / T1: twice"),
        (lambda all: all["results"][1].pop("reason"), "result P / T1: reason is not shown"),
        (lambda all: change(all["results"][3], detail="too many"), "result P / T3: detail"),
        (lambda all: change(all["results"][0], detail="fine"), "result P / T0: detail"),
        (lambda all: all["results"][2]["disposals"].pop(), "disposals: expected 2"),
        (lambda all: all["transactions"].pop(0), "transaction P / T0: missing"),
        (lambda all: change(all["disposals"][1], cost=Decimal(9)), "disposal P / T2 / T1: cost"),
        (lambda all: change(all["positions"][0], open_lots=2), "position P / S: open_lots"),
        (lambda all: all["positions"].append({"portfolio_id": "P", "security_id": "X"}), "P / X"),
        (lambda all: all["lots"].clear(), "lots of P / S: missing"),
        (lambda all: change(all["lots"]["P", "S"][0], quantity="4"), "lot 0: quantity"),
        (lambda all: change(all["lots_view"][0], opened_quantity=Decimal(7)), "opened_quantity"),
        (lambda all: change(all["portfolios"][0], name="N"), "portfolio P: name"),
        (lambda all: all["dead"].clear(), "dead letter ('raw_transactions', 0, 4): missing"),
        (lambda all: all["dead"].append(("portfolios", 0, 0)), "0, 0): unexpected"),
        (lambda all: all["dead"].append(all["dead"][0]), "0, 4): twice"),
    ],
)
def test_each_difference_is_named(spoil: Callable[[Any], object], found: str) -> None:
    everything = shown()
    spoil(everything)
    (difference,) = differences(BOOKS, **everything)
    assert found in difference


def test_disposals_in_another_order_differ() -> None:
    results = shown()["results"]
    results[2]["disposals"].reverse()
    found = differences(BOOKS, results=results)
    assert "result P / T2: disposal 0: lot_id expected T0, got 'T1'" in found


def test_no_disposals_and_an_empty_list_of_them_are_the_same() -> None:
    results = shown()["results"]
    results[0]["disposals"] = None
    assert differences(BOOKS, results=results) == []


@pytest.mark.parametrize("text", ["1.0", "01", "1E0", "+1", " 1", "-0", "1.", "nan", ""])
def test_only_the_canonical_text_of_a_number_agrees(text: str) -> None:
    assert not agrees(Decimal(1), text)
    assert not agrees(Decimal(0), text)


def test_values_agree_as_json_and_as_python() -> None:
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert agrees(Decimal("-0.50"), "-0.5")
    assert agrees(Decimal(0), "0")
    assert agrees(Decimal("0.50"), Decimal("0.500000000000"))
    assert agrees(noon, "2024-01-01T12:00:00Z")
    assert agrees(noon, noon.astimezone(timezone(timedelta(hours=2))))
    assert not agrees(noon, "2024-01-01T12:00:00+00:00")
    assert not agrees(noon, noon.replace(tzinfo=None))
    assert agrees(date(2024, 1, 1), "2024-01-01")
    assert agrees(3, "3")
    assert not agrees(1, True)
    assert not agrees(Decimal(1), 1.0)
    assert not agrees(None, "")


def test_a_detail_names_both_quantities_in_any_words() -> None:
    wanted: Row = {"reason": "quantity_must_not_exceed_holding", "detail": "12.5 10"}
    assert detail_agrees(wanted, "sold 12.5, held 10.")
    assert not detail_agrees(wanted, "sold 112.5, held 10")


def test_the_newest_result_is_the_one_of_the_highest_as_of() -> None:
    rows: list[Row] = [{"t": "A", "as_of": 9}, {"t": "A", "as_of": 10}, {"t": "B", "as_of": "1"}]
    assert newest(rows, ["t"]) == [rows[1], rows[2]]


def test_a_result_is_said_again_where_its_as_of_does_not_grow() -> None:
    def result(transaction_id: str, as_of: int) -> Row:
        return {"portfolio_id": "P", "transaction_id": transaction_id, "as_of": as_of}

    once = [result("A", 1), result("B", 1), result("A", 3)]
    assert said_again(once) == []
    assert said_again([*once, result("A", 2)]) == ["result P / A: twice"]
    assert said_again([*once, result("A", 3)]) == ["result P / A: twice"]
