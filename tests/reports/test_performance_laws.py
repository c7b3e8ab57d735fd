"""What must hold of returns whatever was traded: said of whole answers, from PostgreSQL."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from functools import partial

import psycopg2
import pytest

from analytics.contribution import SegmentContributions, Split
from analytics.money_weighted import NoRate
from analytics.periods import Horizon, Period
from calculator import EXACT, Transaction
from reports.limits import Limits
from reports.money_weighted import money_weighted
from reports.performance import Performance, performance
from reports.questions import Asked
from reports.sources import Grouping
from tests.reports.conftest import looking
from tests.reports.filled import book, instrument, portfolio, price, rate, trade

START = date(2024, 1, 1)
LAST = START + timedelta(days=39)
WHOLE = Period(START, LAST)
SECURITIES = {"A": "USD", "B": "EUR", "C": "EUR"}


def history(seed: int) -> list[Transaction]:
    """Purchases of all on the first day, then anything, so that there is always some capital."""
    draws = random.Random(seed)
    events = [
        trade(f"B-{name}", "BUY", START.isoformat(), "1000", "50", security_id=name,
              currency=currency, fx_rate="1.1")
        for name, currency in SECURITIES.items()
    ]  # fmt: skip
    for number in range(40):
        name = draws.choice(sorted(SECURITIES))
        kind = draws.choice(["BUY", "SELL", "DIVIDEND", "FEE", "TAX", "TRANSFER_IN"])
        has_units = kind in ("BUY", "SELL", "TRANSFER_IN")
        day = START + timedelta(days=draws.randrange(1, 40))
        events.append(
            trade(
                f"T{number}",
                kind,
                day.isoformat(),
                str(draws.randrange(1, 20)) if has_units else None,
                str(draws.randrange(40, 60)) if has_units else None,
                amount=None if has_units else str(draws.randrange(1, 50)),
                security_id=name,
                currency=SECURITIES[name],
                fx_rate=f"1.{draws.randrange(10, 30)}",
            )
        )
    return events


def add_market(database_url: str, seed: int, factor: int = 1) -> None:
    draws = random.Random(seed)
    for name, currency in SECURITIES.items():
        days = {
            (START + timedelta(days=n)).isoformat(): str(
                Decimal(draws.randrange(4000, 6000) * factor) / 100
            )
            for n in range(-1, 40)
        }
        price(database_url, name, currency, days)
        instrument(database_url, name, currency, sector="S" + name)
    rates = {
        (START + timedelta(days=n)).isoformat(): f"1.{draws.randrange(10, 30)}"
        for n in range(-1, 40)
    }
    rate(database_url, "EUR/USD", rates)


def clear(database_url: str) -> None:
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE transactions, portfolios, market_prices, fx_rates, instruments")
    connection.close()


Fill = Callable[[list[Transaction], int], None]


@pytest.fixture
def fill(migrated: str) -> Fill:
    def filled(events: list[Transaction], factor: int = 1) -> None:
        clear(migrated)
        book(migrated, events, portfolio("USD"))
        add_market(migrated, 7, factor)

    return filled


def ask(database_url: str, *periods: Period, grouping: Grouping | None = None) -> Performance:
    asked = Asked(to=LAST, periods=periods or (WHOLE,), contribution=grouping, currency_effect=True)
    with looking(database_url) as snapshot:
        found = performance(snapshot, "P1", asked, Limits())
    assert found is not None
    return found


def totals(found: Performance) -> list[Decimal]:
    returns = []
    for period in found.periods:
        assert period.net is not None
        assert period.net.total_return is not None
        returns.append(period.net.total_return)
    return returns


def rates_of(database_url: str) -> tuple[Decimal | None, Decimal | None]:
    with looking(database_url) as snapshot:
        found = money_weighted(snapshot, "P1", Asked(to=LAST, periods=(WHOLE,)), Limits())
    assert found is not None
    return found.periods[0].xirr, found.periods[0].modified_dietz


@pytest.mark.parametrize("seed", range(3))
def test_scaling_all_money_leaves_returns(migrated: str, fill: Fill, seed: int) -> None:
    events = history(seed)
    fill(events, 1)
    before, rates = ask(migrated).periods, rates_of(migrated)
    assert rates[0] is not None
    scaled = [
        replace(
            event,
            price=None if event.price is None else event.price * 8,
            gross_transaction_amount=None
            if event.gross_transaction_amount is None
            else event.gross_transaction_amount * 8,
        )
        for event in events
    ]
    fill(scaled, 8)
    after = ask(migrated).periods
    assert (after[0].net, after[0].currency_effect) == (before[0].net, before[0].currency_effect)
    assert rates_of(migrated) == rates
    assert after[0].end_value == 8 * (before[0].end_value or 0)


@pytest.mark.parametrize("seed", range(3))
def test_splitting_a_period_and_linking_gives_the_whole(
    migrated: str, fill: Fill, seed: int
) -> None:
    fill(history(seed), 1)
    middle = START + timedelta(days=17)
    parts = Period(START, middle), Period(middle + timedelta(days=1), LAST)
    whole, first, second = totals(ask(migrated, WHOLE, *parts))
    with localcontext(EXACT):
        linked = (1 + first) * (1 + second) - 1
        assert abs(linked - whole) < Decimal("1e-11")  # each is rounded to 12 places
    assert whole != 0


@pytest.mark.parametrize("grouping", Grouping)
def test_contributions_sum_to_the_return(migrated: str, fill: Fill, grouping: Grouping) -> None:
    fill(history(4), 1)
    [period] = ask(migrated, grouping=grouping).periods
    [segment] = period.contributions
    assert sums_up(segment)
    assert period.net is not None
    assert segment.total_return == period.net.total_return
    effect = period.currency_effect
    assert effect is not None
    assert (effect.base, effect.local, effect.currency) == (
        segment.total_return, segment.local, segment.currency,
    )  # fmt: skip
    assert effect.local != 0 != effect.currency


def sums_up(segment: SegmentContributions) -> bool:
    """Over the parts, and in each of them."""
    parts = segment.parts
    sums = (
        sum(each.contribution for each in parts),
        sum(each.local or 0 for each in parts),
        sum(each.currency or 0 for each in parts),
    )
    assert sums == (segment.total_return, segment.local, segment.currency)
    each_one = [(each.local or 0) + (each.currency or 0) == each.contribution for each in parts]
    return all(each_one)


def test_each_segment_of_several_months_sums_up_by_itself(migrated: str) -> None:
    """Half a year in euros and dollars with flows and a dividend, all sold in May, bought again."""
    months = [f"2024-{month:02}-15" for month in range(1, 13)]
    price(migrated, "A", "USD", {day: str(50 + 3 * n) for n, day in enumerate(months)})
    price(migrated, "B", "EUR", {day: str(60 - 2 * n) for n, day in enumerate(months)})
    days = [(date(2024, 1, 10) + timedelta(days=n)).isoformat() for n in range(0, 356, 5)]
    rate(migrated, "EUR/USD", {day: f"1.{10 + n}" for n, day in enumerate(days)})
    of_b = partial(trade, security_id="B", currency="EUR", fx_rate="1.25")
    book(
        migrated,
        [
            trade("A1", "BUY", "2024-01-15", "10", "50", security_id="A"),
            of_b("B1", "BUY", "2024-01-15", "10", "60"),
            of_b("B2", "BUY", "2024-02-20", "4", "59"),
            of_b("B3", "DIVIDEND", "2024-03-20", amount="30"),
            of_b("B4", "SELL", "2024-04-02", "3", "57"),
            trade("A2", "SELL", "2024-05-03", "10", "61", security_id="A"),
            of_b("B5", "SELL", "2024-05-03", "11", "54"),
            of_b("B6", "FEE", "2024-05-10", amount="5"),
            of_b("B7", "BUY", "2024-06-03", "10", "52"),
            trade("A3", "BUY", "2024-08-01", "10", "70", security_id="A"),
        ],
        portfolio("USD"),
    )
    asked = Asked(
        to=date(2024, 12, 31), periods=(Period(date(2024, 1, 15), date(2024, 12, 31)),),
        contribution=Grouping.POSITION, currency_effect=True,
    )  # fmt: skip
    with looking(migrated) as snapshot:
        found = performance(snapshot, "P1", asked, Limits())
    assert found is not None
    assert found.periods[0].currency_effect is None
    first, second = found.periods[0].contributions
    assert sums_up(first)
    assert sums_up(second)
    assert first.local != second.local


def test_a_dividend_in_a_currency_without_a_rate_is_local_at_its_own(migrated: str) -> None:
    """500 yen at 0.01 are 5 dollars, on 100 of another holding: no rate is known of any day."""
    price(migrated, "A", "USD", {"2024-03-01": "100"})
    of_yen = partial(trade, security_id="Y", currency="JPY", fx_rate="0.01")
    book(
        migrated,
        [
            trade("A", "BUY", "2024-03-01", "1", "100", security_id="A"),
            of_yen("Y1", "BUY", "2024-03-01", "1", "700"),
            of_yen("Y2", "SELL", "2024-03-02", "1", "800"),
            of_yen("Y3", "DIVIDEND", "2024-03-05", amount="500"),
        ],
        portfolio("USD"),
    )
    asked = Asked(
        to=LAST, periods=(Period(date(2024, 3, 4), date(2024, 3, 8)),),
        contribution=Grouping.CURRENCY, currency_effect=True,
    )  # fmt: skip
    with looking(migrated) as snapshot:
        found = performance(snapshot, "P1", asked, Limits())
    assert found is not None
    five = Decimal("0.05")
    assert found.periods[0].currency_effect == Split(base=five, local=five, currency=Decimal(0))
    [segment] = found.periods[0].contributions
    yen, dollars = segment.parts
    assert (yen.name, yen.local, yen.currency) == ("JPY", five, Decimal(0))
    assert (dollars.local, dollars.currency) == (Decimal(0), Decimal(0))


def test_a_dividend_after_the_sale_breaks_the_position_and_not_its_portfolio(migrated: str) -> None:
    price(migrated, "A", "USD", {"2024-03-01": "100"})
    price(migrated, "D", "USD", {"2024-03-01": "50"})
    book(
        migrated,
        [
            trade("A", "BUY", "2024-03-01", "1", "100", security_id="A"),
            trade("D1", "BUY", "2024-03-01", "2", "50", security_id="D"),
            trade("D2", "SELL", "2024-03-04", "2", "50", security_id="D"),
            trade("D3", "DIVIDEND", "2024-03-06", amount="5", security_id="D"),
        ],
        portfolio("USD"),
    )
    answers = []
    for security_id in ("D", None):
        asked = Asked(
            to=date(2024, 3, 8), security_id=security_id, periods=(Horizon.SINCE_INCEPTION,)
        )
        with looking(migrated) as snapshot:
            found = performance(snapshot, "P1", asked, Limits())
        assert found is not None
        assert found.periods[0].net is not None
        answers.append(found.periods[0].net)
    alone, together = answers
    assert [(each.capital, each.gain) for each in alone.breaks] == [(Decimal(0), Decimal(5))]
    assert alone.total_return is None
    assert together.breaks == ()
    assert together.total_return == Decimal("0.05")


def test_a_flow_of_nothing_changes_nothing(migrated: str, fill: Fill) -> None:
    events = history(5)
    fill(events, 1)
    before, rates = ask(migrated).periods, rates_of(migrated)
    nothing = [
        trade("Z1", "DIVIDEND", "2024-01-20", amount="0", security_id="A"),
        trade("Z2", "FEE", "2024-01-21", amount="0", security_id="A"),
        trade("Z3", "TRANSFER_IN", "2024-01-22", "1", "50", security_id="D"),
        trade("Z4", "TRANSFER_OUT", "2024-01-22", "1", security_id="D", hour=13),
    ]
    fill([*events, *nothing], 1)
    # What nobody knows the value of for a day is told, and counts for nothing.
    assert ask(migrated).periods == tuple(replace(each, unvalued_days=1) for each in before)
    assert rates_of(migrated) == rates


def test_the_order_of_arrival_changes_nothing(migrated: str, fill: Fill) -> None:
    events = history(6)
    fill(events, 1)
    before = ask(migrated, grouping=Grouping.POSITION)
    for seed in range(3):
        shuffled = list(events)
        random.Random(seed).shuffle(shuffled)
        fill(shuffled, 1)
        assert ask(migrated, grouping=Grouping.POSITION) == before


def test_a_day_that_loses_a_tenth_has_no_rate_a_year_and_takes_none_from_other_periods(
    migrated: str,
) -> None:
    book(migrated, [trade("B", "BUY", "2024-01-01", "1", "100")], portfolio("USD"))
    price(migrated, "ACME", "USD", {"2024-01-01": "100", "2024-02-01": "90"})
    asked = Asked(to=date(2024, 2, 1), periods=(Horizon.MONTH_TO_DATE, Horizon.SINCE_INCEPTION))
    with looking(migrated) as snapshot:
        found = money_weighted(snapshot, "P1", asked, Limits())
    assert found is not None
    day, whole = found.periods
    assert (day.xirr, day.over_period, day.no_rate) == (None, None, NoRate.RATE_MUST_FIT)
    assert day.modified_dietz == Decimal("-0.1")
    assert whole.xirr is not None
    assert whole.xirr < 0
