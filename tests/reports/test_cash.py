"""What portfolios that keep cash earned: what moves within them is no flow."""

from datetime import date
from decimal import Decimal
from functools import partial

import pytest

from analytics.periods import Period
from reports.all_valuations import value_all
from reports.history import read_history
from reports.limits import Limits
from reports.performance import performance
from reports.positions import positions_on
from reports.questions import Asked
from reports.series import SeriesDay, portfolio_days, position_days, read_holdings
from reports.sources import Grouping
from reports.summary import summary
from reports.valuation import Valued, valuation_on
from tests.reports.conftest import looking
from tests.reports.filled import book, portfolio, price, rate, trade

FIRST, LAST = date(2024, 3, 1), date(2024, 3, 6)
PERIOD = Period(FIRST, LAST)
LIMITS = Limits()


def days_of(database_url: str, security_id: str | None = None) -> list[SeriesDay]:
    with looking(database_url) as snapshot:
        history = read_history(snapshot, "P1", LAST, has_local=False)
        holdings = read_holdings(snapshot, history, PERIOD, LIMITS)
        if security_id is None:
            return portfolio_days(holdings)
        return position_days(holdings, security_id)


def flows(days: list[SeriesDay]) -> list[int]:
    return [int(each.day.flow_at_begin + each.day.flow_at_end) for each in days]


def values(days: list[SeriesDay]) -> list[int]:
    return [int(each.day.end_value) for each in days]


def gains(days: list[SeriesDay]) -> list[int]:
    """Whatever was neither there nor came from outside."""
    return [
        int(
            each.day.end_value
            - each.day.begin_value
            - each.day.flow_at_begin
            - each.day.flow_at_end
        )
        for each in days
    ]


def fill(database_url: str, cash: str, settles: str | None = None) -> None:
    """1,000 come in, 6 are bought at 100, one pays 12 less a fee of 2, 2 are sold at 120."""
    price(
        database_url,
        "ACME",
        "USD",
        {"2024-03-02": "100", "2024-03-04": "110", "2024-03-05": "120"},
    )
    book(
        database_url,
        [
            trade("D", "DEPOSIT", "2024-03-01", amount="1000", security_id="CASH_USD"),
            trade("B", "BUY", "2024-03-02", "6", "100", fee="3", settles=settles),
            trade("I", "DIVIDEND", "2024-03-03", amount="12", fee="2"),
            trade("F", "FEE", "2024-03-04", amount="5"),
            trade("S", "SELL", "2024-03-05", "2", "120", fee="1"),
            trade("C", "INTEREST", "2024-03-06", amount="7", security_id="CASH_USD"),
        ],
        portfolio("USD", cash=cash),
    )


def test_what_the_books_pay_from_cash_is_no_flow(migrated: str) -> None:
    fill(migrated, "automatic")
    days = days_of(migrated)
    assert flows(days) == [1000, 0, 0, 0, 0, 0]
    assert values(days) == [1000, 997, 1007, 1062, 1121, 1128]
    assert gains(days) == [0, -3, 10, 55, 59, 7]
    assert [int(each.income) for each in days] == [0, 0, 12, 0, 0, 7]
    assert [int(each.day.fees) for each in days] == [0, 0, 0, 5, 0, 0]


def test_without_cash_all_of_it_is(migrated: str) -> None:
    fill(migrated, "securities_only")
    assert flows(days_of(migrated)) == [1000, 603, -10, 5, -239, -7]


@pytest.mark.parametrize("settles", ["2024-03-04", "2024-03-01", "2024-03-30"])
def test_a_trade_counts_from_its_own_day_whenever_it_settles(migrated: str, settles: str) -> None:
    fill(migrated, "automatic", settles=settles)
    days = days_of(migrated)
    assert flows(days) == [1000, 0, 0, 0, 0, 0]
    assert values(days) == [1000, 997, 1007, 1062, 1121, 1128]
    assert gains(days) == [0, -3, 10, 55, 59, 7]


def valued(database_url: str, day: int) -> Valued:
    with looking(database_url) as snapshot:
        found = valuation_on(snapshot, "P1", date(2024, 3, day), LIMITS)
    assert found is not None
    assert found.total is not None
    return found


@pytest.mark.parametrize(
    ("settles", "day", "held", "owed"),
    [
        ("2024-03-04", 2, {"ACME": 600, "CASH_USD": 1000}, [-603]),
        ("2024-03-04", 4, {"ACME": 660, "CASH_USD": 402}, []),
        ("2024-03-01", 1, {"CASH_USD": 397}, [603]),
        ("2024-03-01", 2, {"ACME": 600, "CASH_USD": 397}, []),
    ],
)
def test_what_is_not_settled_yet_is_part_of_the_total_and_of_no_position(
    migrated: str, settles: str, day: int, held: dict[str, int], owed: list[int]
) -> None:
    fill(migrated, "automatic", settles=settles)
    found = valued(migrated, day)
    assert {each.security_id: each.market_value for each in found.positions} == held
    assert [each.quantity for each in found.unsettled] == owed
    assert found.total is not None
    assert found.total.market_value == sum(held.values()) + sum(owed)
    assert found.total.valued == len(held)
    weights = [each.weight or 0 for each in (*found.positions, *found.unsettled)]
    assert sum(weights) == 1
    with looking(migrated) as snapshot:
        told = summary(snapshot, "P1", Period(FIRST, date(2024, 3, day)), LIMITS)
    assert told is not None
    shares = told.allocation["currency"]
    assert [each.market_value for each in shares] == [found.total.market_value]


def test_what_is_not_settled_yet_has_a_row_among_all_values(migrated: str) -> None:
    fill(migrated, "automatic", settles="2024-03-04")
    written = value_all(migrated, date(2024, 3, 3), LIMITS, processes=1)
    assert (written.portfolios, written.positions) == (1, 2)
    with looking(migrated) as snapshot:
        rows = snapshot.rows("SELECT security_id, market_value FROM valuations")
    assert dict(rows) == {"ACME": 600, "CASH_USD": 1010, "CASH_USD~unsettled": -603}


def test_of_the_cash_holding_itself_all_that_moves_it_flows_but_what_it_earns(
    migrated: str,
) -> None:
    fill(migrated, "automatic")
    days = days_of(migrated, "CASH_USD")
    assert flows(days) == [1000, -603, 10, -5, 239, 0]
    assert gains(days) == [0, 0, 0, 0, 0, 7]


@pytest.mark.parametrize("cash", ["explicit", "automatic"])
def test_fees_and_taxes_of_cash_lower_it_on_any_day(migrated: str, cash: str) -> None:
    book(
        migrated,
        [
            trade("D", "DEPOSIT", "2024-03-01", amount="100", security_id="CASH_USD"),
            trade("F", "FEE", "2024-03-02", amount="30", security_id="CASH_USD"),
            trade("T", "TAX", "2024-03-03", amount="90", security_id="CASH_USD"),
            trade("W", "SELL", "2024-03-04", "10", "1", security_id="CASH_USD"),
        ],
        portfolio("USD", cash=cash),
    )
    with looking(migrated) as snapshot:
        held = [positions_on(snapshot, "P1", date(2024, 3, day)) for day in (1, 2, 3, 4)]
    quantities = [int(each.positions[0].quantity) for each in held if each is not None]
    assert quantities == [100, 70, -20, -30]
    costs = [int(each.positions[0].cost) for each in held if each is not None]
    assert costs == quantities
    days = days_of(migrated)
    assert flows(days) == [100, 0, 0, -10, 0, 0]
    assert gains(days) == [0, -30, -90, 0, 0, 0]


def test_activity_is_what_came_in(migrated: str) -> None:
    fill(migrated, "automatic")
    with looking(migrated) as snapshot:
        found = summary(snapshot, "P1", PERIOD, LIMITS)
    assert found is not None
    counts = {each.transaction_type: each.count for each in found.activity}
    assert counts == dict.fromkeys(("BUY", "DEPOSIT", "DIVIDEND", "FEE", "INTEREST", "SELL"), 1)
    assert found.total is not None
    assert found.total.market_value == 1128


def test_foreign_cash_gains_by_its_rate(migrated: str) -> None:
    rate(migrated, "EUR/USD", {"2024-03-01": "1.1", "2024-03-03": "1.2"})
    price(migrated, "ACME", "EUR", {"2024-03-01": "10"})
    book(
        migrated,
        [
            trade("D", "DEPOSIT", "2024-03-01", amount="1000", security_id="CASH_EUR",
                  currency="EUR", fx_rate="1.1"),
            trade("B", "BUY", "2024-03-02", "50", "10", currency="EUR", fx_rate="1.1"),
        ],
        portfolio("USD", cash="automatic"),
    )  # fmt: skip
    days = days_of(migrated)
    assert flows(days) == [1100, 0, 0, 0, 0, 0]
    assert values(days) == [1100, 1100, 1200, 1200, 1200, 1200]
    assert sum(each.day.end_value - each.day.begin_value for each in days) == Decimal(1200)


def test_a_dividend_is_rounded_as_the_cash_is_that_it_becomes(migrated: str) -> None:
    """0.333... less 0.111... at 1.5: net of fees it is rounded once, or a tiny portfolio gains by
    it what no part of it does."""
    rate(migrated, "EUR/USD", {"2024-03-01": "1.5", "2024-03-03": "1.5"})
    price(migrated, "ACME", "EUR", {"2024-03-01": "0.01"})
    of_euros = partial(trade, currency="EUR", fx_rate="1.5")
    book(
        migrated,
        [
            of_euros("D", "DEPOSIT", "2024-03-01", amount="0.03", security_id="CASH_EUR"),
            of_euros("B", "BUY", "2024-03-02", "1", "0.01"),
            of_euros("I", "DIVIDEND", "2024-03-03", amount="0.333333333333", fee="0.111111111111"),
        ],
        portfolio("USD", cash="automatic"),
    )
    asked = Asked(to=LAST, periods=(PERIOD,), contribution=Grouping.POSITION)
    with looking(migrated) as snapshot:
        found = performance(snapshot, "P1", asked, LIMITS)
    assert found is not None
    [segment] = found.periods[0].contributions
    assert sum(each.contribution for each in segment.parts) == segment.total_return
