"""Prices that are kept a month in a row are those of `market_prices`, whatever happens to these."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import psycopg2
import pytest

from calculator import EXACT
from reports.price_days import EPOCH, on_each_day, read_price_days, span
from tests.reports.conftest import looking
from tests.reports.filled import price

FIRST, LAST = date(2023, 12, 1), date(2024, 3, 31)


def write(database_url: str, *statements: str) -> None:
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def kept(database_url: str, names: Sequence[str]) -> dict[tuple[str, date], tuple[Decimal, str]]:
    with looking(database_url) as snapshot:
        found = read_price_days(snapshot, names, FIRST, LAST)
    return {
        (name, EPOCH + timedelta(days=int(day))): (
            Decimal(int(whole)).scaleb(-prices.price.places, EXACT),
            currency.decode(),
        )
        for name, prices in found.items()
        for day, whole, currency in zip(
            prices.days, prices.price.whole, prices.currencies, strict=True
        )
    }


def rows(database_url: str) -> dict[tuple[str, date], tuple[Decimal, str]]:
    with looking(database_url) as snapshot:
        found = snapshot.rows("SELECT security_id, price_date, price, currency FROM market_prices")
    return {(name, day): (amount, currency) for name, day, amount, currency in found}


def test_prices_are_the_same_however_they_were_written(migrated: str) -> None:
    draws = random.Random(3)
    for _ in range(30):
        name, day = draws.choice("AB"), FIRST + timedelta(days=draws.randrange(100))
        amount = draws.choice(["1", "12.34", "0.000000000001", "999999999999999.999999999999"])
        currency = draws.choice(["USD", "EUR"])
        write(
            migrated,
            "INSERT INTO market_prices (security_id, price_date, price, currency, version,"
            f" source_offset) VALUES ('{name}', '{day}', {amount}, '{currency}', 1, 0)"
            " ON CONFLICT (security_id, price_date) DO UPDATE SET price = excluded.price,"
            " currency = excluded.currency",
        )
    assert len(rows(migrated)) > 20
    assert kept(migrated, "AB") == rows(migrated)
    write(migrated, "DELETE FROM market_prices WHERE price_date < '2024-01-15'")
    assert 0 < len(rows(migrated)) < 25
    assert kept(migrated, "AB") == rows(migrated)
    write(migrated, "TRUNCATE market_prices")
    assert kept(migrated, "AB") == {}


def test_a_price_that_is_corrected_often_takes_no_more_room(migrated: str) -> None:
    price(migrated, "A", "USD", {"2024-01-10": "1", "2024-01-11": "2"})
    write(migrated, *(f"UPDATE market_prices SET price = {n}" for n in range(3, 200)))
    assert kept(migrated, "A") == rows(migrated)
    with looking(migrated) as snapshot:
        [row] = snapshot.rows("SELECT octet_length(entries) FROM market_price_months")
    assert row[0] <= 62 * 23


def test_the_last_price_before_a_span_holds_in_it_however_old(migrated: str) -> None:
    price(migrated, "A", "USD", {"2020-05-05": "1", "2020-05-06": "2", "2024-03-30": "3"})
    days = span(FIRST, LAST)
    with looking(migrated) as snapshot:
        found = on_each_day(read_price_days(snapshot, ["A"], FIRST, LAST)["A"], days)
    assert found.is_known.all()
    assert found.price.whole.tolist() == [2] * (len(days) - 2) + [3, 3]
    assert found.age_days[0] == (FIRST - date(2020, 5, 6)).days


def test_a_month_may_have_prices_after_the_first_day_alone(migrated: str) -> None:
    price(migrated, "A", "USD", {"2023-10-31": "1", "2023-12-03": "2"})
    days = span(FIRST, LAST)
    with looking(migrated) as snapshot:
        found = on_each_day(read_price_days(snapshot, ["A"], FIRST, LAST)["A"], days)
    assert found.price.whole.tolist()[:3] == [1, 1, 2]


@pytest.mark.parametrize("names", [[], ["NO"]])
def test_what_has_no_price_is_not_known(migrated: str, names: list[str]) -> None:
    days = span(FIRST, LAST)
    with looking(migrated) as snapshot:
        assert read_price_days(snapshot, names, FIRST, LAST) == {}
    assert not on_each_day(None, days).is_known.any()
