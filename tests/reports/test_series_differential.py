"""The days of portfolios, from PostgreSQL, against a second opinion that knows no columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
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
from tests.oracle.performance import Market, days_of, linked
from tests.reports.conftest import looking
from tests.reports.filled import portfolio, results_of, store, trade

START = date(2024, 1, 1)
DAYS = 12
SECURITIES = {"A": "USD", "B": "EUR", "C": "GBP", "CASH_USD": "USD"}
FIGURES = (
    "begin_value", "flow_at_begin", "flow_at_end", "end_value", "income", "fees", "taxes",
    "realized_gain_loss", "unrealized_gain_loss", "unvalued",
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


@st.composite
def cases(draw: st.DrawFn) -> Case:
    places = draw(PLACES)
    events = []
    for number in range(draw(st.integers(1, 12))):
        security = draw(st.sampled_from(sorted(SECURITIES)))
        kind = draw(
            st.sampled_from(
                ["BUY", "SELL", "TRANSFER_IN", "TRANSFER_OUT", "DIVIDEND", "INTEREST", "FEE", "TAX"]
                if security != "CASH_USD"
                else ["DEPOSIT", "WITHDRAWAL", "INTEREST"]
            )
        )
        has_units = kind not in ("DIVIDEND", "INTEREST", "FEE", "TAX")
        currency = SECURITIES[security]
        day = START + timedelta(days=draw(st.integers(0, DAYS - 1)))
        units = draw(numbers(places, 50)) if has_units else None
        events.append(
            trade(
                f"T{number}",
                kind,
                day.isoformat(),
                None if units is None else format(units, "f"),
                format(draw(numbers(places, 100)), "f") if has_units else None,
                amount=None if has_units else format(draw(numbers(2, 100)), "f"),
                security_id=security,
                currency=currency,
                fee=format(draw(numbers(2, 3)), "f")
                if kind in ("BUY", "SELL", "DIVIDEND")
                else "0",
                fx_rate=format(draw(numbers(6, 2)), "f"),
                hour=draw(st.sampled_from([0, 23])),
            )
        )
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


def fill(database_url: str, case: Case, base: str) -> list[dict[str, Any]]:
    """All of it in place of what was there; the rows of transactions."""
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        tables = (transactions, portfolios, market_prices, fx_rates, instruments)
        cursor.execute("TRUNCATE " + ", ".join(table.name for table in tables))
    connection.close()
    record = portfolio(base)
    rows = results_of(case.events, [record])
    store(database_url, transactions, rows)
    terms = {"base_currency": base, "cost_basis_method": "FIFO", "version": 1, "as_of": 1}
    store(database_url, portfolios, [{"portfolio_id": "P1"} | terms])
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
        each["transaction_date"] = datetime.fromisoformat(row["transaction_date"])
        found.append(each)
    return found


NUMBERS = {column.name for column in transactions.c if str(column.type).startswith("NUMERIC")}


def market_of(case: Case) -> Market:
    prices: dict[str, dict[date, tuple[Decimal, str]]] = {}
    for (name, day), price in case.prices.items():
        prices.setdefault(name, {})[day] = price
    rates: dict[tuple[str, str], dict[date, Decimal]] = {}
    for (one, other, day), rate in case.rates.items():
        rates.setdefault((one, other), {})[day] = rate
    everywhere = {START + timedelta(days=n): (Decimal(1), "USD") for n in range(-3, DAYS + 1)}
    return Market(prices | {"CASH_USD": everywhere}, rates, case.multipliers)


def series(database_url: str, last: date) -> TimeSeries:
    with looking(database_url) as snapshot:
        found = time_series(snapshot, "P1", None, last, None, Limits())
    assert found is not None
    return found


def figures(day: object) -> Mapping[str, Decimal]:
    return {name: Decimal(getattr(day, name)) for name in FIGURES}


def differences(
    told: Mapping[str, Decimal], expected: Mapping[str, Decimal]
) -> dict[str, tuple[Decimal, Decimal]]:
    return {name: (told[name], expected[name]) for name in FIGURES if told[name] != expected[name]}


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases(), base=st.sampled_from(["USD", "EUR"]))
@pytest.mark.timeout(1800)
def test_each_day_is_what_a_second_opinion_makes_of_it(
    migrated: str, case: Case, base: str
) -> None:
    rows = booked(fill(migrated, case, base))
    last = START + timedelta(days=DAYS - 1)
    found = series(migrated, last).days
    if not rows:
        assert found == ()
        return
    first = min(row["transaction_date"].date() for row in rows)
    expected = days_of(rows, market_of(case), base, first, last)
    assert len(found) == len(expected)
    for day, other in zip(found, expected, strict=True):
        assert differences(figures(day), other) == {}, day.date
    check_returns(migrated, last, expected)


def check_returns(database_url: str, last: date, expected: list[dict[str, Decimal]]) -> None:
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
    if not period.net.breaks and len(period.net.segments) == 1:
        assert period.net.total_return == linked(expected)
    if not period.gross.breaks and len(period.gross.segments) == 1:
        assert period.gross.total_return == linked(expected, fees=True)
    with localcontext(EXACT):
        for segment in period.contributions:
            assert sum(each.contribution for each in segment.parts) == segment.total_return
            if segment.local is not None:
                assert sum(each.local or 0 for each in segment.parts) == segment.local
                for each in segment.parts:
                    assert (each.local or 0) + (each.currency or 0) == each.contribution
