"""The commands that ask what a portfolio is worth and earned, in front of a real API."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.main import create_app
from api.settings import ApiSettings
from cli.days import today
from cli.servers import Connections
from migrations.upgrade import upgrade
from tests.api.serving import client_of
from tests.cli.portfolio import Portfolio
from tests.conftest import new_database
from tests.reports.filled import book, instrument, portfolio, price, rate, trade

DAY = "2024-03-01"
# P1 is the worked example with a dividend and a fee; P2 pays a fee after all is sold; P3 has no
# record and two base currencies; P4 holds what nobody priced.
TRADES = [
    trade("B1", "BUY", "2024-01-10", "100", "150", currency="EUR", fx_rate="1.10"),
    trade("D1", "DIVIDEND", "2024-01-20", currency="EUR", fx_rate="1.10", amount="50"),
    trade("F1", "FEE", "2024-01-21", currency="EUR", fx_rate="1.10", amount="15"),
    trade("S1", "SELL", "2024-02-01", "40", "170", currency="EUR", fx_rate="1.20"),
    trade("B2", "BUY", "2024-01-10", "10", "100", portfolio_id="P2", security_id="FUND"),
    trade("S2", "SELL", "2024-01-20", "10", "110", portfolio_id="P2", security_id="FUND"),
    trade("F2", "FEE", "2024-01-25", portfolio_id="P2", security_id="FUND", amount="7"),
    trade("B3", "BUY", "2024-01-10", "1", "1", portfolio_id="P3"),
    trade("B4", "BUY", "2024-01-10", "1", "1", portfolio_id="P3", security_id="X", currency="EUR"),
    trade("B5", "BUY", "2024-01-10", "3", "10", portfolio_id="P4", security_id="NOBODY-PRICED"),
    trade("B6", "BUY", "2024-01-10", "2", "100", portfolio_id="P4", security_id="FUND"),
]
RECORDS = [portfolio("USD", portfolio_id=f"P{number}") for number in (1, 2, 4)]


@pytest.fixture(scope="module")
def database(servers: Connections) -> Iterator[str]:
    with new_database(servers) as url:
        upgrade(url)
        book(url, TRADES, *RECORDS)
        price(url, "ACME", "EUR", {"2024-01-10": "150", "2024-02-01": "170", DAY: "180"})
        price(url, "FUND", "USD", {"2024-01-10": "100", "2024-01-20": "110", "2024-02-20": "105"})
        price(url, "INDEX", "USD", {"2024-01-31": "1000", "2024-02-29": "1010"})
        days = [f"2024-01-{day:02}" for day in range(10, 32)]
        rate(url, "EUR/USD", dict.fromkeys(days, "1.10"))
        days = [f"2024-02-{day:02}" for day in range(1, 30)] + [DAY]
        rate(url, "EUR/USD", dict.fromkeys(days, "1.20"))
        instrument(url, "ACME", "EUR", asset_class="Equity", issuer="Acme SE")
        yield url


@pytest.fixture(scope="module")
def client(servers: Connections, database: str) -> Iterator[httpx.Client]:
    settings = ApiSettings(
        kafka=servers.kafka,
        database_url=database,
        partitions=8,
        worker_urls=(),
        host="127.0.0.1",
        port=0,
    )
    with client_of(create_app(settings)) as client:
        yield client


@pytest.fixture
def asking(client: httpx.Client, tmp_path: Path) -> Portfolio:
    return Portfolio({"DATA_DIR": str(tmp_path), "API_PORT": str(client.base_url.port)})


def shown(asking: Portfolio, *arguments: str) -> str:
    """What people see on a pipe: without a control character."""
    said = asking(*arguments).stdout
    assert [letter for letter in said if letter < " " and letter != "\n"] == []
    return said


def cells(said: str, name: str) -> list[str]:
    """The row of a table that begins with the name."""
    [row] = [line for line in said.splitlines() if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in row.strip("│").split("│")]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("value", "P1", "--on", DAY), f"valuation?on={DAY}"),
        (("value", "P4", "--on", DAY), f"valuation?on={DAY}"),
        (("value", "P3", "--on", DAY), f"valuation?on={DAY}"),
        (("positions", "P1", "--on", "2024-01-31"), "positions?on=2024-01-31"),
        (("summary", "P1", "--to", DAY), f"summary?to={DAY}"),
        (
            ("summary", "P1", "--from", "2024-02-01", "--to", DAY),
            f"summary?from=2024-02-01&to={DAY}",
        ),
        (("concentration", "P1", "--on", DAY, "--top", "1"), f"concentration?on={DAY}&top=1"),
    ],
)
def test_json_is_what_the_api_answers(
    asking: Portfolio, client: httpx.Client, arguments: tuple[str, ...], path: str
) -> None:
    answer = client.get(f"/portfolios/{arguments[1]}/{path}")
    assert answer.status_code == 200
    assert asking.json(*arguments) == answer.json()


@pytest.mark.parametrize(
    ("arguments", "question", "path"),
    [
        ((), {}, ""),
        (("--to", DAY), {"to": DAY}, ""),
        (("--period", "ytd", "--period", "SI"), {"periods": ["YTD", "SI"]}, ""),
        (
            ("--from", "2024-02-01", "--to", DAY, "--benchmark", "INDEX"),
            {"to": DAY, "periods": [{"from": "2024-02-01", "to": DAY}], "benchmark": "INDEX"},
            "",
        ),
        (
            ("--from", "2024-02-01"),
            {"periods": [{"from": "2024-02-01", "to": today().isoformat()}]},
            "",
        ),
        (
            ("--to", DAY, "--breakdown", "monthly", "--security", "ACME"),
            {"to": DAY, "periods": ["SI"], "breakdown": "MONTHLY", "security_id": "ACME"},
            "",
        ),
        (
            ("--to", DAY, "--contribution", "issuer", "--currency-effect"),
            {"to": DAY, "contribution": "issuer", "currency_effect": True},
            "",
        ),
        (
            ("--to", DAY, "--mwr", "--security", "ACME"),
            {"to": DAY, "security_id": "ACME"},
            "/mwr",
        ),
    ],
)
def test_options_of_performance_are_the_question_to_the_api(
    asking: Portfolio,
    client: httpx.Client,
    arguments: tuple[str, ...],
    question: dict[str, object],
    path: str,
) -> None:
    answer = client.post(f"/portfolios/P1/performance{path}", json=question)
    assert answer.status_code == 200
    assert asking.json("performance", "P1", *arguments) == answer.json()


def test_the_value_of_the_worked_example_is_shown_with_a_chart(asking: Portfolio) -> None:
    said = shown(asking, "value", "P1", "--on", DAY)
    assert cells(said, "ACME") == [
        "ACME", "60", "180 EUR", "12,960.00", "100.00 %", "3,060.00", "720.00", "valued",
    ]  # fmt: skip
    assert cells(said, "total")[3] == "12,960.00"
    gains = "unrealized gain 3,060.00: 2,160.00 by prices, 900.00 by currencies"
    assert f"cost 9,900.00, {gains}" in said
    assert "value since 2024-01-10, in USD" in said
    assert "│ 13,000" in said.partition("value since")[2]  # its axis


def test_what_is_stale_or_without_a_value_is_said(asking: Portfolio) -> None:
    said = shown(asking, "value", "P4", "--on", DAY)
    assert cells(said, "FUND")[-1] == "stale: price_must_be_recent (2024-02-20)"
    assert cells(said, "NOBODY-PRICED")[3:] == ["", "", "", "", "unvalued: price_must_be_known"]
    assert cells(said, "total")[-1] == "unvalued"
    assert "positions: 0 valued, 1 stale, 1 unvalued" in said
    assert "A cost of 30.00 has no value, and is in no figure above." in said
    assert (
        "have stale positions, and 52 have unvalued ones, whose worth is not in the value." in said
    )
    assert "A cost of 30.00 has no value" in shown(asking, "summary", "P4", "--to", DAY)
    assert "the worst is unvalued" in shown(asking, "concentration", "P4", "--on", DAY)
    earned = shown(asking, "performance", "P4", "--to", DAY, "--period", "SI")
    assert "SI: 28 stale days; 52 unvalued days" in earned
    assert "one without a price or rate is in no figure" in earned
    rate_of_money = shown(asking, "performance", "P4", "--to", DAY, "--period", "SI", "--mwr")
    assert "SI: 28 stale days; 52 unvalued days" in rate_of_money


def test_several_base_currencies_have_no_total(asking: Portfolio) -> None:
    said = shown(asking, "value", "P3", "--on", DAY)
    assert "No total: holdings are kept in several base currencies" in said
    assert "value since" not in said
    result = asking("performance", "P3", code=1)
    assert "several base currencies" in result.stderr


def test_returns_are_shown_with_what_came_of_fees_and_a_chart(asking: Portfolio) -> None:
    said = shown(asking, "performance", "P1", "--to", DAY, "--period", "SI", "--period", "1Y")
    # 16,500 less the fee of 16.5, and 55 of income; to 20,400 on 1 February, then 180 for 170.
    row = cells(said, "SI")
    assert row[1:5] == ["2024-01-10", DAY, "0.00", "12,960.00"]
    answer = asking.json("performance", "P1", "--to", DAY, "--period", "SI")["periods"][0]
    for place, kind in ((5, "net"), (7, "gross")):
        exact = float(answer[kind]["total_return"])
        assert row[place] == f"{exact * 100:.2f} %"
    assert row[5] != row[7]
    assert "1Y: history_must_reach_back" in said
    assert "│ 25 %" in said.partition("cumulative return, 2024-01-10 to 2024-03-01")[2]
    said = shown(asking, "performance", "P1", "--to", "2024-01-01", "--period", "SI")
    assert "SI: history_must_have_begun" in said
    assert "cumulative" not in said


def test_a_broken_period_is_shown_as_one(asking: Portfolio) -> None:
    said = shown(asking, "performance", "P2", "--to", "2024-01-31", "--period", "SI")
    row = cells(said, "SI")
    assert row[5:] == ["", "", ""] or row[5] == ""
    assert "SI: broken" in said
    assert "SI is broken on 2024-01-25 (capital 0.00, gain -7.00)" in said
    assert "SI is linked 2024-01-10 to 2024-01-20: 10.00 %" in said
    assert "parts have no return: gaps." in said


def test_a_benchmark_is_a_second_line_and_what_it_lacks_is_said(asking: Portfolio) -> None:
    of_february = ("performance", "P1", "--from", "2024-02-01", "--to", "2024-02-29")
    said = shown(asking, *of_february, "--benchmark", "INDEX")
    assert cells(said, "explicit")[8] == "1.00 %"
    assert "++ net   xx benchmark" in said
    said = shown(asking, *of_february[:2], "--to", DAY, "--period", "SI", "--benchmark", "INDEX")
    assert "SI: no price of the benchmark at begin or end" in said


def test_parts_and_contributions_are_tables_that_sum_up(asking: Portfolio) -> None:
    asked = ("performance", "P1", "--to", DAY, "--breakdown", "monthly", "--currency-effect")
    said = shown(asking, *asked, "--contribution", "issuer")
    assert [line.split()[1] for line in said.splitlines() if line.startswith("│ 2024-")] == [
        "2024-01-10", "2024-02-01", "2024-03-01",
    ]  # fmt: skip
    total = cells(said, "SI")[5]
    assert f"SI, who brought {total}" in said
    assert cells(said, "Acme SE")[1] == total


def test_money_weighted_returns_are_shown(asking: Portfolio) -> None:
    said = shown(asking, "performance", "P1", "--to", DAY, "--period", "SI", "--mwr")
    answer = asking.json("performance", "P1", "--to", DAY, "--period", "SI", "--mwr")["periods"][0]
    assert cells(said, "SI")[6] == f"{float(answer['xirr']) * 100:,.2f} %"
    said = shown(asking, "performance", "P1", "--to", "2024-01-10", "--period", "YTD", "--mwr")
    assert "modified_dietz" in said


def test_the_summary_and_the_concentration_are_shown(asking: Portfolio) -> None:
    said = shown(asking, "summary", "P1", "--to", DAY)
    assert "market value 12,960.00" in said
    assert "income 55.00, fees 16.50, taxes 0.00, realized gain 1,560.00" in said
    assert cells(said, "Equity")[:3] == ["Equity", "12,960.00", "100.00 %"]
    assert cells(said, "SELL") == ["SELL", "1", "8,160.00"]
    said = shown(asking, "concentration", "P1", "--on", DAY)
    assert cells(said, "Acme SE")[1] == "100.00 %"
    assert "Herfindahl index 1.0000, as of 1.0 equal ones" in said
    assert "Nothing in it has a value." in shown(
        asking, "concentration", "P1", "--on", "2020-01-01"
    )


def test_positions_of_a_day_have_no_open_lots(asking: Portfolio) -> None:
    said = shown(asking, "positions", "P1", "--on", "2024-01-31")
    assert "positions of P1 on 2024-01-31" in said
    assert cells(said, "ACME")[:3] == ["ACME", "100", "16500"]
    assert "open_lots" not in said


FUTURE = "2199-01-01"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("value", "NOBODY", "--on", DAY), 1, "portfolio NOBODY is not known"),
        (("value", "P1"), 1, "No worker answers"),  # it is live
        (("value", "P 1  "), 1, "single spaces inside"),
        (("performance", "NOBODY"), 1, "portfolio NOBODY is not known"),
        (("performance", "NOBODY", "--mwr"), 1, "portfolio NOBODY is not known"),
        (("performance", "P1", "--security", "NOTHING"), 1, "P1 holds no NOTHING"),
        (("performance", "P1", "--security", "NOTHING", "--mwr"), 1, "P1 holds no NOTHING"),
        (("performance", "P1", "--benchmark", "NOTHING"), 1, "--benchmark: no price of NOTHING"),
        (("performance", "P1", "--benchmark", "a  b"), 1, "/query/security_id: 'a  b' is not"),
        (
            ("performance", "P1", "--from", "1901-01-01", "--to", "2024-01-01"),
            2,
            "'--from': from 1901-01-01 to 2024-01-01 are more than 36600 days",
        ),
        (("performance", "P1", "--from", "1901-01-01"), 2, "'--from': from 1901-01-01 to "),
        (("summary", "P1", "--from", "1901-01-01"), 2, "'--from': from 1901-01-01 to "),
        (("summary", "NOBODY"), 1, "portfolio NOBODY is not known"),
        (("concentration", "NOBODY"), 1, "portfolio NOBODY is not known"),
        (("value",), 2, "either a PORTFOLIO_ID or --all"),
        (("value", "P1", "--all"), 2, "either a PORTFOLIO_ID or --all"),
        (("value", "P1", "--on", "2024-02-30"), 2, "'--on': '2024-02-30' is not in the calendar"),
        (("value", "P1", "--on", "01.02.2024"), 2, "'--on': '01.02.2024' is not YYYY-MM-DD"),
        (("value", "P1", "--on", FUTURE), 2, f"'--on': {FUTURE} is after today"),
        (("positions", "P1", "--on", FUTURE), 2, f"'--on': {FUTURE} is after today"),
        (("summary", "P1", "--to", FUTURE), 2, f"'--to': {FUTURE} is after today"),
        (("summary", "P1", "--from", DAY, "--to", "2024-02-01"), 2, "'--to': 2024-02-01 is bef"),
        (("performance", "P1", "--from", "yesterday"), 2, "'--from': 'yesterday' is not YYYY-MM-D"),
        (("performance", "P1", "--to", FUTURE), 2, f"'--to': {FUTURE} is after today"),
        (
            ("performance", "P1", "--from", DAY, "--to", "2024-02-01"),
            2,
            f"'--to': 2024-02-01 is before {DAY}",
        ),
        (("performance", "P1", "--period", "2Y"), 2, "'--period': '2Y' is not one of"),
        (("performance", "P1", "--breakdown", "hourly"), 2, "'--breakdown'"),
        (("performance", "P1", "--mwr", "--benchmark", "INDEX"), 2, "--benchmark is of time-w"),
        (("performance", "P1", "--mwr", "--breakdown", "daily"), 2, "--breakdown is of time-w"),
        (("concentration", "P1", "--top", "0"), 2, "'--top'"),
    ],
)
def test_what_cannot_be_asked_is_named(
    asking: Portfolio, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = asking(*arguments, code=code)
    assert said in result.stderr
    assert result.stdout == ""
    assert said in asking.json(*arguments, code=code)["error"]


def test_without_an_api_it_is_said_where_it_should_be(tmp_path: Path) -> None:
    alone = Portfolio({"DATA_DIR": str(tmp_path), "API_PORT": "1"})
    assert "does not answer" in alone("value", "P1", code=1).stderr
    assert "does not answer" in alone.json("performance", "P1", code=1)["error"]
