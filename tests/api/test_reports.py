"""Reports over HTTP."""

import httpx
import pytest

from tests.api.test_ingest import problem_of
from tests.reports.filled import book, portfolio, price, rate, trade


@pytest.fixture
def filled(history_api: httpx.Client, migrated: str) -> httpx.Client:
    """100 EUR shares, bought at 150 and 1.10, of which 40 are sold at 170 and 1.20; a USD portfolio."""
    book(
        migrated,
        [
            trade("B1", "BUY", "2024-01-10", "100", "150", currency="EUR", fx_rate="1.10"),
            trade("S1", "SELL", "2024-02-01", "40", "170", currency="EUR", fx_rate="1.20"),
        ],
        portfolio("USD"),
    )
    price(migrated, "ACME", "EUR", {"2024-03-01": "180"})
    rate(migrated, "EUR/USD", {"2024-03-01": "1.20"})
    return history_api


def test_positions_on_a_day(filled: httpx.Client) -> None:
    found = filled.get("/portfolios/P1/positions", params={"on": "2024-03-01"}).json()
    assert (found["portfolio_id"], found["on"]) == ("P1", "2024-03-01")
    [position] = found["positions"]
    assert (position["quantity"], position["cost"], position["cost_local"]) == (
        "60", "9900", "9000",
    )  # fmt: skip
    assert position["first_transaction_date"] == "2024-01-10T12:00:00Z"
    assert filled.get("/portfolios/P1/positions?on=2024-01-09").json()["positions"] == []


def test_the_valuation_of_the_worked_example(filled: httpx.Client) -> None:
    found = filled.get("/portfolios/P1/valuation", params={"on": "2024-03-01"}).json()
    [position] = found["positions"]
    assert position["market_value"] == "12960"
    assert position["unrealized_gain_loss"] == "3060"
    assert position["unrealized_gain_loss_local"] == "1800"
    assert position["currency_gain_loss"] == "900"
    assert position["weight"] == "1"
    assert found["total"]["market_value"] == "12960"
    assert found["total"]["quality"] == "valued"


def test_without_a_day_it_is_today(filled: httpx.Client) -> None:
    found = filled.get("/portfolios/P1/valuation").json()
    assert found["on"] > "2024-03-01"
    assert found["positions"][0]["quality"] == "unvalued"  # the rate is too old by now


@pytest.mark.parametrize("rest", ["positions?on=2024-03-01", "valuation?on=2024-03-01"])
def test_what_is_not_there_is_404(filled: httpx.Client, rest: str) -> None:
    assert problem_of(filled.get(f"/portfolios/NO/{rest}"), 404)["detail"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("positions?on=yesterday", "/query/on"),
        ("positions?on=2024-02-30", "/query/on"),
        ("positions?at=2024-02-28", "/query/at"),
        ("valuation?on=1899-12-31", "/query/on"),
        ("valuation?on=2024-02-28&x=1", "/query/x"),
    ],
)
def test_bad_parameters_are_422_and_named(api: httpx.Client, query: str, pointer: str) -> None:
    [error] = problem_of(api.get(f"/portfolios/P1/{query}"), 422)["errors"]
    assert error["pointer"] == pointer


def test_a_database_that_was_never_migrated_is_503(api: httpx.Client) -> None:
    response = api.get("/portfolios/P1/valuation")
    assert problem_of(response, 503)["type"].endswith("database-empty")
