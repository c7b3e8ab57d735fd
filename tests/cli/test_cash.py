"""Instruments from a file that make cash of what was traded, and `verify` that knows it."""

import json

import pytest

from calculator import Rates, ReliefMethod
from cli.lag import wait_until_applied
from cli.servers import connections
from cli.verify import check as check_module
from tests.cli.portfolio import Portfolio

INSTRUMENTS = """security_id,instrument_currency,asset_class,product_type,version
FUND,USD,Equity,,2
FUND,USD,,Cash,1
ACCOUNT,USD,Bond,CASH,3
ACCOUNT,USD,Bond,,3
"""


@pytest.fixture(scope="module")
def booked(running: Portfolio, tmp_path_factory: pytest.TempPathFactory) -> Portfolio:
    folder = tmp_path_factory.mktemp("files")

    record = {
        "portfolio_id": "P", "base_currency": "USD", "cost_basis_method": "FIFO",
        "cash_management": "automatic",
    }  # fmt: skip
    running.ingest(folder / "portfolios.jsonl", json.dumps(record))
    trades = [
        {"portfolio_id": "P", "security_id": security_id, "transaction_id": security_id,
         "transaction_type": "BUY", "transaction_date": "2024-01-06", "quantity": "100",
         "price": "2", "trade_currency": "USD"}
        for security_id in ("FUND", "ACCOUNT")
    ]  # fmt: skip
    running.ingest(folder / "transactions.jsonl", "\n".join(map(json.dumps, trades)))
    running.ingest(folder / "instruments.csv", INSTRUMENTS)
    return running


def test_what_is_cash_by_its_instrument_moves_no_other_cash(booked: Portfolio) -> None:
    positions = booked.json("positions", "P")["positions"]
    assert {each["security_id"]: (each["quantity"], each["cost"]) for each in positions} == {
        "ACCOUNT": ("100", "100"), "FUND": ("100", "200"), "CASH_USD": ("-200", "-200"),
    }  # fmt: skip
    assert booked.json("status")["lag"] == {"book": 0, "store": 0}


def test_verify_books_with_the_instruments_too(
    booked: Portfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert booked.json("verify")["differences"] == 0
    monkeypatch.setattr(check_module, "read_cash_securities", lambda *_: {"FUND"})
    workers = wait_until_applied(booked.settings, 60)
    found = check_module.check(
        connections(booked.settings), workers, 8, ReliefMethod.FIFO, Rates("USD", 7), 99
    )
    wrong = {(one.key, one.column) for one in found.differences}
    assert wrong >= {("P ACCOUNT", "gross_cost"), ("P ACCOUNT~cash", ""), ("P FUND~cash", "")}
