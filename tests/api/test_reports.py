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
    response = api.get("/portfolios/P1/valuation?on=2024-03-01")
    assert problem_of(response, 503)["type"].endswith("database-empty")


# -- over periods


@pytest.fixture
def daily(filled: httpx.Client, migrated: str) -> httpx.Client:
    """The same, with a price and a rate on each day that something happens."""
    price(
        migrated,
        "ACME",
        "EUR",
        {"2024-01-10": "150", "2024-01-31": "160", "2024-02-01": "170", "2024-02-29": "175"},
    )
    rate(
        migrated,
        "EUR/USD",
        {"2024-01-10": "1.10", "2024-01-31": "1.15", "2024-02-01": "1.20", "2024-02-29": "1.20"},
    )
    return filled


PERIOD = {"from": "2024-02-01", "to": "2024-02-01"}


def test_the_return_of_a_day_on_which_some_is_sold(daily: httpx.Client) -> None:
    answer = daily.post(
        "/portfolios/P1/performance",
        json={"periods": [PERIOD], "contribution": "position", "currency_effect": True},
    )
    assert answer.status_code == 200, answer.text
    [period] = answer.json()["periods"]
    # 100 units at 160 and 1.15 become 60 at 170 and 1.20, and 40 sold for 8,160.
    assert (period["begin_value"], period["end_value"]) == ("18400", "12240")
    assert period["net"]["total_return"] == "0.108695652174"
    assert period["net"]["not_annualized"] == "period_must_exceed_a_year"
    assert period["currency_effect"] == {
        "base": "0.108695652174", "local": "0.0625", "currency": "0.046195652174",
    }  # fmt: skip
    [segment] = period["contributions"]
    assert segment["parts"] == [
        {
            "name": "ACME",
            "contribution": "0.108695652174",
            "local": "0.0625",
            "currency": "0.046195652174",
        }
    ]


def test_the_days_of_a_portfolio(daily: httpx.Client) -> None:
    found = daily.get("/portfolios/P1/timeseries", params={"to": "2024-02-01"}).json()
    days = {day["date"]: day for day in found["days"]}
    assert found["days"][0]["date"] == "2024-01-10"
    first, last = days["2024-01-10"], days["2024-02-01"]
    assert (first["begin_value"], first["flow_at_begin"], first["end_value"]) == (
        "0", "16500", "16500",
    )  # fmt: skip
    assert (last["flow_at_end"], last["realized_gain_loss"]) == ("-8160", "1560")
    assert last["unrealized_gain_loss"] == "2340"
    # Rates hold for seven days, prices go on as stale ones.
    assert days["2024-01-17"]["unvalued"] == 0
    assert days["2024-01-18"]["unvalued"] == 1
    of_one = daily.get("/portfolios/P1/timeseries?to=2024-02-01&security_id=ACME").json()
    assert of_one["days"] == found["days"]
    assert of_one["security_id"] == "ACME"


def test_the_money_weighted_return(history_api: httpx.Client, migrated: str) -> None:
    book(migrated, [trade("B1", "BUY", "2023-01-01", "10", "100")], portfolio("USD"))
    price(migrated, "ACME", "USD", {"2024-01-01": "110"})
    period = {"from": "2023-01-01", "to": "2024-01-01"}
    answer = history_api.post("/portfolios/P1/performance/mwr", json={"periods": [period]})
    [found] = answer.json()["periods"]
    assert (found["begin_value"], found["net_flow"], found["end_value"]) == ("0", "1100", "1100")
    price(migrated, "ACME", "USD", {"2023-01-01": "100"})
    answer = history_api.post("/portfolios/P1/performance/mwr", json={"periods": [period, "SI"]})
    found, _ = answer.json()["periods"]
    assert found["net_flow"] == "1000"
    assert found["xirr"] == "0.1"
    assert found["modified_dietz"] == found["over_period"] == "0.1"


def test_periods_that_have_no_days_say_why(daily: httpx.Client) -> None:
    question = {"to": "2024-03-01", "periods": ["3Y", {"from": "2023-01-01", "to": "2023-12-31"}]}
    for rest in ("performance", "performance/mwr"):
        found = daily.post(f"/portfolios/P1/{rest}", json=question).json()["periods"]
        assert [(each["from"], each["reason"]) for each in found] == [
            (None, "history_must_reach_back"),
            (None, "history_must_have_begun"),
        ]


def test_a_holding_that_begins_later_has_no_days_as_its_portfolio_has_none(
    daily: httpx.Client, migrated: str
) -> None:
    book(migrated, [trade("B2", "BUY", "2024-03-05", "1", "10", security_id="LATE")])
    for security_id in ({}, {"security_id": "LATE"}):
        question = {"to": "2024-01-09", "periods": ["SI", "YTD"], **security_id}
        for rest in ("performance", "performance/mwr"):
            answer = daily.post(f"/portfolios/P1/{rest}", json=question)
            assert answer.status_code == 200, answer.text
            assert answer.json()["inception"] is None
            reasons = [each["reason"] for each in answer.json()["periods"]]
            assert reasons == ["history_must_have_begun"] * 2
        parameters = {"to": "2024-01-09", **security_id}
        assert daily.get("/portfolios/P1/timeseries", params=parameters).json()["days"] == []
    refused = daily.post("/portfolios/P1/performance", json={"security_id": "NEVER"})
    assert problem_of(refused, 404)["detail"]


def test_a_portfolio_at_a_glance(daily: httpx.Client) -> None:
    found = daily.get("/portfolios/P1/summary?to=2024-03-01").json()
    assert (found["from"], found["to"]) == ("2024-01-01", "2024-03-01")
    assert found["total"]["market_value"] == "12960"
    assert found["allocation"]["currency"] == [
        {"name": "EUR", "market_value": "12960", "weight": "1", "positions": 1}
    ]
    assert found["allocation"]["sector"][0]["name"] == "UNKNOWN"
    assert (found["realized_gain_loss"], found["unrealized_gain_loss"]) == ("1560", "3060")
    assert found["activity"] == [
        {"transaction_type": "BUY", "count": 1, "amount": "16500"},
        {"transaction_type": "SELL", "count": 1, "amount": "8160"},
    ]


def test_how_much_is_in_one_thing(daily: httpx.Client) -> None:
    found = daily.get("/portfolios/P1/concentration?on=2024-03-01").json()
    assert found["by_position"]["herfindahl_index"] == "1"
    assert found["by_issuer"]["largest"] == [{"name": "ACME", "share": "1"}]
    empty = daily.get("/portfolios/P1/concentration?on=2024-01-01").json()
    assert (empty["by_position"], empty["by_issuer"]) == (None, None)


def test_holdings_of_several_base_currencies_have_no_return(
    history_api: httpx.Client, migrated: str
) -> None:
    book(
        migrated,
        [
            trade("B1", "BUY", "2024-01-10", "1", "10", security_id="A"),
            trade("B2", "BUY", "2024-01-10", "1", "10", security_id="B", currency="EUR"),
        ],
    )
    refused = problem_of(history_api.post("/portfolios/P1/performance", json={}), 409)
    assert refused["type"].endswith("several-base-currencies")
    assert history_api.get("/portfolios/P1/timeseries").status_code == 409
    alone = history_api.post("/portfolios/P1/performance", json={"security_id": "A"})
    assert alone.json()["base_currency"] == "USD"
    assert history_api.get("/portfolios/P1/concentration").json()["by_position"] is None


def test_what_began_too_long_ago_is_409_and_answered_by_explicit_days(
    history_api: httpx.Client, migrated: str
) -> None:
    book(migrated, [trade("B", "BUY", "1900-01-01", "1", "10")], portfolio("USD"))
    answer = history_api.get("/portfolios/P1/timeseries")
    assert problem_of(answer, 409)["type"].endswith("too-many-days")
    asked = {"periods": ["SI", "MTD", {"from": "2024-01-01", "to": "2024-01-31"}]}
    for path in ("/portfolios/P1/performance", "/portfolios/P1/performance/mwr"):
        assert history_api.post(path, json={}).status_code == 200
        periods = history_api.post(path, json=asked).json()["periods"]
        reasons = [each["reason"] for each in periods]
        assert reasons == ["period_must_not_exceed_a_century", None, None]
        long_ago = {"periods": [{"from": "1900-01-01", "to": "2024-01-31"}]}
        problem = problem_of(history_api.post(path, json=long_ago), 422)
        assert problem["errors"][0]["pointer"].startswith("/periods/0")


def test_an_answer_that_takes_too_long_does_not_blame_postgresql(
    history_api: httpx.Client, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.database.ANSWER_SECONDS_MAX", 0)
    problem = problem_of(history_api.get("/portfolios/P1/valuation?on=2024-01-31"), 503)
    assert problem["type"].endswith("answer-late")
