"""The days of portfolios, from PostgreSQL, against a second opinion that knows no columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.bad_input import BadInput, Rule
from analytics.periods import Period
from calculator import EXACT, Transaction
from migrations.schema import fx_rates, instruments, market_prices, portfolios, transactions
from reports.limits import Limits
from reports.performance import performance
from reports.questions import Asked
from reports.sources import Grouping
from reports.timeseries import TimeSeries, time_series
from tests.oracle.market import Instrument, Market, Price
from tests.oracle.performance import Day, Portfolio
from tests.oracle.rates import Quotes
from tests.oracle.rates import Rule as RateRule
from tests.oracle.returns import gross_gain, linked
from tests.reports.conftest import looking
from tests.reports.filled import portfolio, results_of, store, trade

START = date(2024, 1, 1)
DAYS = 12
SECURITIES = {"A": "USD", "B": "EUR", "C": "GBP", "CASH_USD": "USD"}
CASH = ("securities_only", "explicit", "automatic")
OF_CASH = ("DEPOSIT", "WITHDRAWAL", "INTEREST", "FEE", "TAX", "BUY", "SELL")
OF_OTHERS = (
    "BUY", "SELL", "TRANSFER_IN", "TRANSFER_OUT", "DIVIDEND", "INTEREST", "FEE", "TAX",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    events: list[Transaction]
    prices: dict[tuple[str, date], tuple[Decimal, str]]
    rates: dict[tuple[str, str, date], Decimal]
    multipliers: dict[str, Decimal]


def numbers(places: int, largest: int) -> st.SearchStrategy[Decimal]:
    return st.integers(1, largest * 10**places).map(lambda n: Decimal(n).scaleb(-places))


PLACES = st.sampled_from([0, 2, 4, 12])
dates = st.integers(-2, DAYS).map(lambda n: START + timedelta(days=n))


def traded(draw: st.DrawFn, number: int, places: int) -> Transaction:
    security = draw(st.sampled_from(sorted(SECURITIES)))
    is_cash = security == "CASH_USD"
    kind = draw(st.sampled_from(OF_CASH if is_cash else OF_OTHERS))
    has_units = kind not in ("DIVIDEND", "INTEREST", "FEE", "TAX")
    day = START + timedelta(days=draw(st.integers(0, DAYS - 1)))
    settles = draw(st.sampled_from([None, None, day, day + timedelta(days=2)]))
    # Cash that goes toward zero needs no rate, and may be left waiting for one.
    has_rate = not (is_cash and draw(st.booleans()))

    def text(places: int, largest: int, is_given: bool = True) -> str | None:
        return format(draw(numbers(places, largest)), "f") if is_given else None

    return trade(
        f"T{number}",
        kind,
        day.isoformat(),
        text(places, 50, has_units),
        text(places, 100, has_units),
        amount=text(2, 100, not has_units),
        security_id=security,
        currency=SECURITIES[security],
        fee=text(2, 3, kind in ("BUY", "SELL", "DIVIDEND")) or "0",
        fx_rate=text(6, 2, has_rate),
        settles=None if settles is None else settles.isoformat(),
        hour=draw(st.sampled_from([0, 23])),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    places = draw(PLACES)
    events = [traded(draw, number, places) for number in range(draw(st.integers(1, 12)))]
    priced = st.tuples(st.sampled_from(["A", "B", "C"]), dates)
    some = draw(st.dictionaries(priced, numbers(places, 100), max_size=20))
    prices = {
        key: (price, draw(st.sampled_from([SECURITIES[key[0]], SECURITIES[key[0]], "USD"])))
        for key, price in some.items()
    }
    pairs = st.sampled_from([("EUR", "USD"), ("USD", "EUR"), ("USD", "GBP"), ("GBP", "EUR")])
    rates = draw(
        st.dictionaries(
            st.tuples(pairs, dates).map(lambda each: (*each[0], each[1])),
            numbers(draw(st.sampled_from([1, 4, 12])), 2),
            max_size=10,
        )
    )
    multipliers = draw(st.dictionaries(st.sampled_from(["A", "B"]), numbers(2, 10)))
    return Case(events, prices, rates, multipliers)


def fill(database_url: str, case: Case, base: str, cash: str) -> list[dict[str, Any]]:
    """All of it in place of what was there; the rows of transactions."""
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        tables = (transactions, portfolios, market_prices, fx_rates, instruments)
        cursor.execute("TRUNCATE " + ", ".join(table.name for table in tables))
    connection.close()
    record = portfolio(base, cash=cash)
    rows = results_of(case.events, [record])
    store(database_url, transactions, rows)
    terms = {"base_currency": base, "cost_basis_method": "FIFO", "version": 1, "as_of": 1}
    store(database_url, portfolios, [{"portfolio_id": "P1", "cash_management": cash} | terms])
    in_force = {"version": 1, "source_offset": 0}
    store(
        database_url,
        market_prices,
        (
            {"security_id": name, "price_date": day, "price": price, "currency": currency}
            | in_force
            for (name, day), (price, currency) in case.prices.items()
        ),
    )
    store(
        database_url,
        fx_rates,
        (
            {"from_currency": one, "to_currency": other, "rate_date": day, "rate": rate} | in_force
            for (one, other, day), rate in case.rates.items()
        ),
    )
    store(
        database_url,
        instruments,
        (
            {"security_id": name, "instrument_currency": SECURITIES[name], "multiplier": multiplier}
            | in_force
            for name, multiplier in case.multipliers.items()
        ),
    )
    return rows


def booked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the numbers that PostgreSQL keeps; an amount that was not given is what the books make
    of it."""
    found = []
    for row in rows:
        if row["status"] != "BOOKED":
            continue
        each = dict(row)
        for name, value in row.items():
            if isinstance(value, str) and name in NUMBERS:
                each[name] = Decimal(value)
        for name in ("transaction_date", "settlement_date"):
            if row[name] is not None:
                each[name] = datetime.fromisoformat(row[name])
        found.append(each)
    return found


NUMBERS = {column.name for column in transactions.c if str(column.type).startswith("NUMERIC")}


def market_of(case: Case) -> Market:
    prices: dict[str, dict[date, Price]] = {}
    for (name, day), price in case.prices.items():
        prices.setdefault(name, {})[day] = Price(day, *price)
    quotes = Quotes({key: Fraction(rate) for key, rate in case.rates.items()}, RateRule())
    instruments = {name: Instrument(each) for name, each in case.multipliers.items()}
    return Market(prices, quotes, instruments)


def series(database_url: str, last: date) -> TimeSeries:
    with looking(database_url) as snapshot:
        found = time_series(snapshot, "P1", None, last, None, Limits())
    assert found is not None
    return found


def differences(told: object, expected: Mapping[str, Any]) -> dict[str, tuple[object, object]]:
    # Which fees lessened a return is not told.
    told_of = {name: each for name, each in expected.items() if name != "counted_fees"}
    both = {name: (getattr(told, name), each) for name, each in told_of.items()}
    return {name: (one, other) for name, (one, other) in both.items() if one != other}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases(), base=st.sampled_from(["USD", "EUR"]), cash=st.sampled_from(CASH))
@pytest.mark.timeout(1800)
def test_each_day_is_what_a_second_opinion_makes_of_it(
    migrated: str, case: Case, base: str, cash: str
) -> None:
    rows = booked(fill(migrated, case, base, cash))
    last = START + timedelta(days=DAYS + 1)
    found = series(migrated, last).days
    if not rows:
        assert found == ()
        return
    expected = Portfolio(rows, market_of(case), base, last, cash).days()
    assert len(found) == len(expected)
    for day, other in zip(found, expected, strict=True):
        assert differences(day, other) == {}, day.date
    check_returns(migrated, last, expected)


def check_returns(database_url: str, last: date, expected: list[Day]) -> None:
    asked = Asked(
        to=last,
        periods=(Period(START, last),),
        contribution=Grouping.POSITION,
        currency_effect=True,
    )
    with looking(database_url) as snapshot:
        try:
            told = performance(snapshot, "P1", asked, Limits())
        except BadInput as error:
            # Next to no capital, and a gain that is none: nothing else is refused.
            if error.rule is not Rule.RETURN_MUST_FIT:
                raise
            return
    assert told is not None
    [period] = told.periods
    assert period.net is not None
    assert period.gross is not None
    assert period.net.total_return == linked(expected)["total_return"]
    assert period.gross.total_return == linked(expected, gross_gain)["total_return"]
    with localcontext(EXACT):
        for segment in period.contributions:
            assert sum(each.contribution for each in segment.parts) == segment.total_return
            if segment.local is not None:
                assert sum(each.local or 0 for each in segment.parts) == segment.local
                for each in segment.parts:
                    assert (each.local or 0) + (each.currency or 0) == each.contribution
