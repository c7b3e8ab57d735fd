"""Exchange rates from a file to the books, as commands tell of them and `verify` counts them."""

import json
from pathlib import Path

import pytest

from calculator import Rates, ReliefMethod
from cli.lag import wait_until_applied
from cli.servers import connections
from cli.verify.check import check
from tests.cli.portfolio import Portfolio

TRADES = [
    {"transaction_id": "B", "transaction_type": "BUY", "transaction_date": "2024-01-06",
     "quantity": "100", "price": "150", "trade_currency": "EUR"},
    {"transaction_id": "S", "transaction_type": "SELL", "transaction_date": "2024-02-01",
     "quantity": "40", "price": "170", "trade_currency": "EUR", "fx_rate": "1.20"},
    {"transaction_id": "C", "transaction_type": "BUY", "transaction_date": "2024-01-06",
     "quantity": "1", "price": "8", "trade_currency": "CHF", "security_id": "OTHER"},
]  # fmt: skip
RATES = """from_currency,to_currency,rate_date,rate,version
EUR,USD,2024-01-05,1.10,1
EUR,GBP,2024-01-05,0.8,1
GBP,CHF,2024-01-05,1.25,1
EUR,USD,2024-01-05,1.05,1
"""


@pytest.fixture(scope="module")
def booked(running: Portfolio, tmp_path_factory: pytest.TempPathFactory) -> Portfolio:
    folder = tmp_path_factory.mktemp("files")

    record = {"portfolio_id": "P", "base_currency": "USD", "cost_basis_method": "FIFO"}
    running.ingest(folder / "portfolios.jsonl", json.dumps(record))
    trades = [{"portfolio_id": "P", "security_id": "ACME"} | trade for trade in TRADES]
    running.ingest(folder / "transactions.jsonl", "\n".join(map(json.dumps, trades)))
    assert running.json("explain", "P", "B")["transaction"]["status"] == "PENDING"
    running.ingest(folder / "fx_rates.csv", RATES)
    return running


def test_a_rate_of_a_file_books_what_waited_and_is_told_with_its_day(booked: Portfolio) -> None:
    said = booked.json("explain", "P", "B")
    assert said["transaction"]["applied_fx_rate"] == "1.1"
    assert said["rates"] == [
        {"from_currency": "EUR", "to_currency": "USD", "rate_date": "2024-01-05", "rate": "1.1"}
    ]
    shown = booked("explain", "P", "B").stdout
    assert "rate EUR to USD" in shown
    assert "1.1 of 2024-01-05: 1.1 EUR to USD" in shown
    [position] = [
        one for one in booked.json("positions", "P")["positions"] if one["security_id"] == "ACME"
    ]
    assert (position["cost"], position["cost_local"]) == ("9900", "9000")


def test_one_that_was_brought_or_is_missing_is_told_without_a_source(booked: Portfolio) -> None:
    brought, missing = (booked.json("explain", "P", name) for name in "SC")
    assert (brought["transaction"]["applied_fx_rate"], brought["rates"]) == (None, [])
    assert brought["transaction"]["fx_rate"] == "1.2"
    assert (missing["transaction"]["status"], missing["rates"]) == ("PENDING", [])


def test_verify_books_with_the_rates_too(booked: Portfolio) -> None:
    report = booked.json("verify")
    assert report["differences"] == 0
    settings = booked.settings
    workers = wait_until_applied(settings, 60)
    found = check(connections(settings), workers, 8, ReliefMethod.FIFO, Rates(None, 0), 99)
    wrong = {(one.key, one.column) for one in found.differences}
    assert ("P B", "status") in wrong
    crossed = check(connections(settings), workers, 8, ReliefMethod.FIFO, Rates("GBP", 7), 99)
    assert crossed.is_good, "neither way of going through pounds is whole"


def test_the_rate_is_in_the_list_of_transactions(booked: Portfolio) -> None:
    items = booked.json("transactions", "P")["items"]
    assert {one["transaction_id"]: one["applied_fx_rate"] for one in items} == {
        "B": "1.1", "S": None, "C": None,
    }  # fmt: skip


def test_what_a_trade_moved_of_cash_is_told_with_it_and_leads_back(
    booked: Portfolio, tmp_path: Path
) -> None:
    terms = {"base_currency": "USD", "cost_basis_method": "FIFO", "cash_management": "automatic"}
    record = {"portfolio_id": "K"} | terms
    trade = TRADES[1] | {
        "portfolio_id": "K",
        "security_id": "ACME",
        "settlement_date": "2024-02-05",
    }
    purchase = trade | {"transaction_id": "K1", "transaction_type": "BUY"}
    for line in (record, purchase):
        booked.ingest(tmp_path / "line.jsonl", json.dumps(line))
    entry = booked.json("explain", "K", "K1")["cash_entry"]
    assert (entry["cash_movement"], entry["security_id"]) == ("-6800", "CASH_EUR")
    shown = booked("explain", "K", "K1").stdout
    assert "its cash entry       -6800 EUR on 2024-02-05: K1~cash" in shown
    assert "caused by            K1" in booked("explain", "K", "K1~cash").stdout
    assert booked.json("explain", "K", "K1~cash")["cash_entry"] is None
    assert booked.json("explain", "P", "B")["cash_entry"] is None
