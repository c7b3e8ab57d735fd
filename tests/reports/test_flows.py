"""What is a flow and what is a gain, where a value is not known or a trade brings its own rate."""

from datetime import date
from decimal import Decimal
from functools import partial

import pytest

from analytics.periods import Period
from reports.limits import Limits
from reports.performance import PeriodReturn, performance
from reports.questions import Asked
from reports.sources import Grouping
from reports.summary import summary
from reports.timeseries import TimeSeriesDay, time_series
from tests.reports.conftest import looking
from tests.reports.filled import book, portfolio, price, rate, said, trade

LAST = date(2024, 3, 5)
LIMITS = Limits()
odd = partial(trade, security_id="ODD")  # has no price
euros = partial(trade, security_id="CASH_EUR", currency="EUR")
IN = trade("D", "DEPOSIT", "2024-03-01", amount="20000", security_id="CASH_USD")
ACME = {"2024-03-01": "100"}


def days_of(database_url: str, security_id: str | None = None) -> list[TimeSeriesDay]:
    with looking(database_url) as snapshot:
        found = time_series(snapshot, "P1", None, LAST, security_id, LIMITS)
    assert found is not None
    return list(found.days)


def flows(database_url: str) -> list[int]:
    return [int(day.flow_at_begin + day.flow_at_end) for day in days_of(database_url)]


def returns(database_url: str, contribution: Grouping | None = None) -> PeriodReturn:
    period = Period(date(2024, 3, 1), LAST)
    question = Asked(to=LAST, periods=(period,), contribution=contribution)
    with looking(database_url) as snapshot:
        found = performance(snapshot, "P1", question, LIMITS)
    assert found is not None
    return found.periods[0]


def net(database_url: str) -> Decimal | None:
    found = returns(database_url)
    assert found.net is not None
    return found.net.total_return


def gross(database_url: str) -> Decimal | None:
    found = returns(database_url)
    assert found.gross is not None
    return found.gross.total_return


@pytest.mark.parametrize("price_day", ["2024-03-04", None])
def test_what_is_bought_without_a_price_is_no_loss(migrated: str, price_day: str | None) -> None:
    if price_day is not None:
        price(migrated, "ODD", "USD", {price_day: "100"})
    bought = odd("B", "BUY", "2024-03-02", "100", "100")
    book(migrated, [IN, bought], portfolio("USD", cash="automatic"))
    come_back = 10_000 if price_day is not None else 0
    assert flows(migrated) == [20_000, -10_000, 0, come_back, 0]
    assert net(migrated) == 0


def test_what_is_sold_without_a_price_is_no_gain(migrated: str) -> None:
    came = odd("T", "TRANSFER_IN", "2024-03-01", "50", "10")
    sold = odd("S", "SELL", "2024-03-03", "50", "100", fee="7")
    book(migrated, [IN, came, sold], portfolio("USD", cash="automatic"))
    assert flows(migrated) == [20_000, 0, 4_993, 0, 0]
    assert net(migrated) == 0


def test_what_something_without_a_price_earns_or_costs_is_neither(migrated: str) -> None:
    came = odd("T", "TRANSFER_IN", "2024-03-01", "50", "10")
    paid = odd("I", "DIVIDEND", "2024-03-03", amount="100")
    cost = odd("F", "FEE", "2024-03-04", amount="30")
    book(migrated, [IN, came, paid, cost], portfolio("USD", cash="automatic"))
    assert flows(migrated) == [20_000, 0, 100, -30, 0]
    assert net(migrated) == gross(migrated) == 0
    assert [int(day.fees) for day in days_of(migrated)] == [0, 0, 0, 30, 0]


@pytest.mark.parametrize("cash", ["securities_only", "explicit", "automatic"])
def test_a_fee_of_something_without_a_value_lessens_neither_return(
    migrated: str, cash: str
) -> None:
    price(migrated, "ACME", "USD", ACME)
    events = [
        trade("B", "TRANSFER_IN", "2024-03-01", "100", "100"),
        odd("T", "TRANSFER_IN", "2024-03-01", "1", "1"),
        odd("F", "FEE", "2024-03-03", amount="100"),
    ]
    book(migrated, events, portfolio("USD", cash=cash))
    assert gross(migrated) == net(migrated) == 0


@pytest.mark.parametrize("cash", ["securities_only", "explicit", "automatic"])
def test_units_that_come_and_go_in_kind_without_a_price_gain_nothing(
    migrated: str, cash: str
) -> None:
    price(migrated, "ACME", "USD", ACME)
    events = [
        trade("B", "TRANSFER_IN", "2024-03-01", "100", "100"),
        odd("T", "TRANSFER_IN", "2024-03-03", "50", "1", hour=9),
        odd("S", "SELL", "2024-03-03", "50", "100", hour=10),
    ]
    book(migrated, events, portfolio("USD", cash=cash))
    assert net(migrated) == 0
    assert [day.unvalued for day in days_of(migrated)] == [0, 0, 1, 0, 0]


def test_what_leaves_in_kind_on_a_day_without_a_rate_loses_nothing(migrated: str) -> None:
    price(migrated, "ACME", "USD", ACME)
    price(migrated, "ODD", "EUR", ACME)
    rate(migrated, "EUR/USD", {"2024-02-24": "1.1"})
    events = [
        trade("B", "TRANSFER_IN", "2024-02-24", "100", "100"),
        odd("T", "TRANSFER_IN", "2024-02-24", "100", "1", currency="EUR", fx_rate="1.1"),
        odd("W", "TRANSFER_OUT", "2024-03-04", "100", "1", currency="EUR", fx_rate="1.1"),
    ]
    book(migrated, events, portfolio("USD"))
    assert net(migrated) == 0


def test_the_rate_of_a_trade_gains_nothing_where_cash_is_kept(migrated: str) -> None:
    """It says 1.20 where the market says 1.10."""
    rate(migrated, "EUR/USD", {"2024-03-01": "1.1"})
    price(migrated, "ACME", "EUR", ACME)
    price(migrated, "OTHER", "USD", {"2024-03-01": "100", "2024-03-03": "115"})
    events = [
        IN,
        euros("E", "DEPOSIT", "2024-03-01", amount="10000", fx_rate="1.1"),
        trade("O", "BUY", "2024-03-01", "200", "100", security_id="OTHER"),
        trade("B", "BUY", "2024-03-02", "100", "100", currency="EUR", fx_rate="1.2"),
        trade("F", "FEE", "2024-03-02", amount="100", currency="EUR", fx_rate="1.5"),
    ]  # fmt: skip
    book(migrated, events, portfolio("USD", cash="automatic"))
    assert flows(migrated) == [31_000, 0, 0, 0, 0]
    found = returns(migrated, contribution=Grouping.POSITION)
    assert found.contributions is not None
    [segment] = found.contributions
    told = {part.name: round(part.contribution, 6) for part in segment.parts}
    assert told["OTHER"] == round(Decimal(3000) / 31_000, 6)
    assert told["ACME"] == round(Decimal(-110) / 31_000, 6)
    assert told["CASH_EUR"] == told["CASH_USD"] == 0


def test_a_trade_and_what_pays_it_cancel_whatever_rate_it_brings(migrated: str) -> None:
    rate(migrated, "EUR/USD", {"2024-03-01": "1.1"})
    price(migrated, "ACME", "EUR", ACME)
    events = [
        euros("E", "DEPOSIT", "2024-03-01", amount="10000", fx_rate="1.1"),
        trade("B", "BUY", "2024-03-02", "100", "100", currency="EUR", fx_rate="1.2"),
        euros("W", "WITHDRAWAL", "2024-03-02", amount="10000"),
    ]
    book(migrated, events, portfolio("USD", cash="explicit"))
    assert flows(migrated) == [11_000, 0, 0, 0, 0]
    assert net(migrated) == 0


@pytest.mark.parametrize("cash", ["explicit", "automatic"])
def test_what_foreign_cash_costs_and_earns_is_of_its_rate(migrated: str, cash: str) -> None:
    rate(migrated, "EUR/USD", {"2024-03-01": "1.1"})
    events = [
        euros("E", "DEPOSIT", "2024-03-01", amount="10000", fx_rate="1.1"),
        euros("F", "FEE", "2024-03-03", amount="1000"),
        euros("T", "TAX", "2024-03-04", amount="100"),
    ]
    book(migrated, events, portfolio("USD", cash=cash))
    days = days_of(migrated)
    assert [int(day.fees) for day in days] == [0, 0, 1100, 0, 0]
    assert [int(day.taxes) for day in days] == [0, 0, 0, 110, 0]
    assert gross(migrated) == Decimal("-0.011111111111")  # the tax, of what the fee left
    with looking(migrated) as snapshot:
        told = summary(snapshot, "P1", Period(date(2024, 3, 1), LAST), LIMITS)
    assert told is not None
    assert said(told.fees, told.taxes) == (1100, 110)


def test_what_is_paid_on_a_day_without_a_rate_is_part_of_no_amount(migrated: str) -> None:
    events = [
        euros("E", "DEPOSIT", "2024-03-01", amount="10000", fx_rate="1.1"),
        euros("F", "FEE", "2024-03-03", amount="1000"),
    ]
    book(migrated, events, portfolio("USD", cash="explicit"))
    days = days_of(migrated)
    assert [int(day.fees) for day in days] == [0] * 5
    assert [day.unvalued for day in days] == [1] * 5


def test_income_that_goes_to_cash_by_another_transaction_is_no_capital(migrated: str) -> None:
    price(migrated, "ACME", "USD", {"2024-03-01": "100", "2024-03-03": "60"})
    events = [
        trade("B", "TRANSFER_IN", "2024-03-01", "100", "100"),
        trade("I", "DIVIDEND", "2024-03-03", amount="5000"),
        trade("C", "DEPOSIT", "2024-03-03", amount="5000", security_id="CASH_USD"),
    ]
    book(migrated, events, portfolio("USD", cash="explicit"))
    assert net(migrated) == Decimal("0.1")


def test_a_period_that_ends_before_the_last_transaction_is_answered(migrated: str) -> None:
    price(migrated, "ACME", "USD", ACME)
    events = [
        trade("B", "BUY", "2024-03-01", "100", "100"),
        trade("L", "BUY", "2024-03-05", "100", "100"),
        trade("F", "FEE", "2024-03-05", amount="1"),
    ]
    book(migrated, events, portfolio("USD"))
    question = Asked(to=LAST, periods=(Period(date(2024, 3, 1), date(2024, 3, 3)),))
    with looking(migrated) as snapshot:
        found = performance(snapshot, "P1", question, LIMITS)
    assert found is not None
    assert found.periods[0].end_value == 10_000
