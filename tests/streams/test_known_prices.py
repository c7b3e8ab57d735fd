"""What a process keeps of prices and instruments, against all that came."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.instruments import Instrument
from reports.prices import Price
from streams.known_cash import KnownCash
from streams.known_prices import KnownInstruments, KnownPrices, Today, instrument_of, price_on
from wire import reference

TODAY = date(2024, 3, 1)
DAY = timedelta(1)


def price(age: int, amount: int, version: int = 1) -> reference.MarketPrice:
    """Of so many days ago."""
    return reference.MarketPrice(
        security_id="S", price_date=TODAY - age * DAY, price=Decimal(amount), currency="USD",
        version=version,
    )  # fmt: skip


def known(*prices: reference.MarketPrice, today: date = TODAY) -> KnownPrices:
    found = KnownPrices(lambda: today, lambda _: None)
    for offset, each in enumerate(prices):
        found.keep(offset, each)
    return found


def by_all(prices: Sequence[reference.MarketPrice], day: date) -> Price | None:
    """The latest on or before the day, of all prices that ever came."""
    in_force: dict[date, reference.MarketPrice] = {}
    for each in prices:
        before = in_force.get(each.price_date)
        if before is None or before.version < each.version:
            in_force[each.price_date] = each
    days = [each for each in in_force if each <= day]
    found = in_force[max(days)] if days else None
    return None if found is None else Price(found.price_date, found.price, found.currency)


def shown(prices: KnownPrices, day: date) -> Price | None:
    return price_on(prices.packed("S"), day)


@given(
    st.lists(st.builds(price, st.integers(-2, 5), st.integers(0, 9), st.integers(1, 3))),
    st.integers(0, 20),
    st.integers(0, 3),
)
def test_today_and_the_day_before_show_what_all_prices_would(
    prices: list[reference.MarketPrice], at: int, days: int
) -> None:
    """Also when days go by between one record and the next."""
    today = TODAY
    found = KnownPrices(lambda: today, lambda _: None)
    for number, each in enumerate(prices):
        if number == at:
            today += days * DAY
        found.keep(number, each)
    for day in (today, today - DAY, today + DAY):
        assert shown(found, day) == by_all(prices, day)


def test_no_more_is_kept_than_that() -> None:
    found = known(*(price(age, abs(age)) for age in range(-1, 400)))
    few = known(price(-1, 1), price(0, 0), price(1, 1))
    assert len(found.packed("S") or b"") == len(few.packed("S") or b"")
    assert shown(found, TODAY - 2 * DAY) is None, "which nobody asks for"


def test_only_what_changes_something_is_told() -> None:
    told: list[str] = []
    found = KnownPrices(lambda: TODAY, told.append)
    for each in (price(0, 1), price(0, 2), price(1, 1), price(9, 9), price(1, 2, version=2)):
        found.keep(0, each)
    assert len(told) == 3
    assert shown(found, TODAY) == Price(TODAY, Decimal(1), "USD")
    assert shown(found, TODAY - DAY) == Price(TODAY - DAY, Decimal(2), "USD")


@pytest.mark.parametrize("text", ["0", "0.000000000001", "123456789012345.123456789012"])
def test_a_price_is_kept_to_the_last_digit(text: str) -> None:
    sent = reference.MarketPrice(
        security_id="S", price_date=TODAY, price=Decimal(text), currency="JPY"
    )
    assert shown(known(sent), TODAY) == Price(TODAY, Decimal(text), "JPY")


def test_a_clock_that_is_set_back_brings_no_day_back() -> None:
    moments = [datetime(2024, 3, day, tzinfo=UTC) for day in (1, 2, 1, 3)]
    today = Today(lambda: moments.pop(0))
    assert [today() for _ in range(4)] == [date(2024, 3, day) for day in (1, 2, 2, 3)]


def instrument(name: str, version: int = 1, asset_class: str | None = None) -> reference.Instrument:
    return reference.Instrument(
        security_id="S", instrument_currency="EUR", name=name, version=version,
        asset_class=asset_class, product_type="Account",
    )  # fmt: skip


def test_of_an_instrument_the_highest_version_counts_and_of_two_the_first() -> None:
    told: list[str] = []
    cash = KnownCash()
    found = KnownInstruments(told.append, cash)
    sent = [instrument("A", 2), instrument("B", 2), instrument("C", 1)]
    for each in sent:
        found.keep(0, each)
    assert instrument_of("S", found.packed("S")).name == "A"
    assert (told, cash.securities) == (["S"], set())
    found.keep(7, instrument("D", 3, "Cash"))
    found.keep(8, instrument("E", 3))
    cash.move(9)
    assert (cash.securities, cash.since(7, 9), cash.since(8, 9)) == ({"S"}, (["S"], 9), ([], 9))
    shown = instrument_of("S", found.packed("S"))
    assert (shown.name, shown.is_cash, shown.cash_currency) == ("D", True, "EUR")
    assert (shown.product_type, shown.multiplier) == ("Account", Decimal(1))
    assert told == ["S", "S"]
    assert instrument_of("NONE", found.packed("NONE")) == Instrument("NONE")
