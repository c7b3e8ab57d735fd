from datetime import date
from decimal import Decimal, localcontext

from psycopg2 import connect

from calculator.money import EXACT
from reports.limits import Limits
from reports.market import Missing
from reports.valuation import Quality, Valued, ValuedPosition, _fraction, valuation_on
from tests.reports.conftest import looking
from tests.reports.filled import book, instrument, portfolio, price, rate, said, trade

DAY = "2024-03-01"


def valued(database_url: str, day: str = DAY, limits: Limits | None = None) -> Valued:
    with looking(database_url) as snapshot:
        found = valuation_on(snapshot, "P1", date.fromisoformat(day), limits or Limits())
    assert found is not None
    return found


def only(found: Valued) -> ValuedPosition:
    [position] = found.positions
    return position


def hold_euros(database_url: str) -> None:
    """60 left of 100, for 9,000 EUR and 9,900 USD."""
    book(
        database_url,
        [
            trade("B1", "BUY", "2024-01-10", "100", "150", currency="EUR", fx_rate="1.10"),
            trade("S1", "SELL", "2024-02-01", "40", "170", currency="EUR", fx_rate="1.20"),
        ],
        portfolio("USD"),
    )


def test_a_euro_security_in_a_dollar_portfolio_gains_by_price_and_by_rate(migrated: str) -> None:
    hold_euros(migrated)
    price(migrated, "ACME", "EUR", {DAY: "180", "2024-02-29": "179"})
    rate(migrated, "EUR/USD", {DAY: "1.20", "2024-02-29": "1.19"})
    found = valued(migrated)
    position = only(found)
    assert said(position.market_value, position.market_value_local) == (12_960, 10_800)
    assert said(position.unrealized_gain_loss, position.unrealized_gain_loss_local) == (
        3_060,
        1_800,
    )
    assert said(position.price_gain_loss, position.currency_gain_loss) == (2_160, 900)
    assert said(position.weight, position.quality) == (1, Quality.VALUED)
    assert position.day_change_local == 60
    assert position.day_change == Decimal("12960") - 60 * 179 * Decimal("1.19")
    total = found.total
    assert total is not None
    assert said(total.market_value, total.cost, total.unrealized_gain_loss) == (
        12_960,
        9_900,
        3_060,
    )
    assert total.quality is Quality.VALUED


def test_an_old_price_is_shown_as_stale_and_none_is_never_zero(migrated: str) -> None:
    book(
        migrated,
        [
            trade("B1", "BUY", "2024-01-10", "1", "10", security_id="OLD"),
            trade("B2", "BUY", "2024-01-10", "2", "10", security_id="NEVER"),
            trade("B3", "BUY", "2024-01-10", "3", "10", security_id="GOOD"),
        ],
        portfolio("USD"),
    )
    price(migrated, "OLD", "USD", {"2024-02-22": "11"})
    price(migrated, "GOOD", "USD", {"2024-02-23": "12"})
    found = valued(migrated)
    by_id = {each.security_id: each for each in found.positions}
    assert said(by_id["OLD"].quality, by_id["OLD"].market_value) == (Quality.STALE, 11)
    assert by_id["OLD"].reasons == (Missing.PRICE_MUST_BE_RECENT,)
    assert said(by_id["NEVER"].quality, by_id["NEVER"].market_value) == (Quality.UNVALUED, None)
    assert by_id["NEVER"].reasons == (Missing.PRICE_MUST_BE_KNOWN,)
    assert by_id["NEVER"].weight is None
    assert by_id["GOOD"].quality is Quality.VALUED
    assert found.total is not None
    assert said(found.total.market_value, found.total.cost) == (47, 40)
    assert said(found.total.valued, found.total.stale, found.total.unvalued) == (1, 1, 1)
    assert said(found.total.quality, found.total.cost_unvalued) == (Quality.UNVALUED, 20)
    assert sum(each.weight or 0 for each in found.positions) == 1
    patient = valued(migrated, limits=Limits(price_max_age_days=8))
    assert {each.quality for each in patient.positions} == {Quality.VALUED, Quality.UNVALUED}


def test_without_a_rate_the_local_value_alone_is_known(migrated: str) -> None:
    hold_euros(migrated)
    price(migrated, "ACME", "EUR", {DAY: "180"})
    rate(migrated, "EUR/USD", {"2024-02-22": "1.20"})  # eight days
    position = only(valued(migrated))
    assert said(position.market_value, position.market_value_local) == (None, 10_800)
    assert said(position.quality, position.reasons) == (
        Quality.UNVALUED,
        (Missing.FX_RATE_MUST_BE_KNOWN,),
    )
    patient = only(valued(migrated, limits=Limits(fx_max_age_days=8)))
    assert said(patient.market_value, patient.fx_rate_date) == (12_960, date(2024, 2, 22))


def test_a_price_in_another_currency_is_converted(migrated: str) -> None:
    hold_euros(migrated)
    price(migrated, "ACME", "GBP", {DAY: "150"})
    rate(migrated, "EUR/USD", {DAY: "1.20"})
    assert only(valued(migrated)).reasons == (Missing.FX_RATE_MUST_BE_KNOWN,)
    rate(migrated, "EUR/GBP", {DAY: "0.8"})
    position = only(valued(migrated))
    assert said(position.market_value_local, position.market_value) == (
        60 * 150 / Decimal("0.8"),
        13_500,
    )
    assert said(position.price, position.price_currency) == (150, "GBP")


def test_rates_are_inverted_and_crossed(migrated: str) -> None:
    book(
        migrated,
        [trade("B1", "BUY", "2024-01-10", "1", "1", currency="JPY", fx_rate="0.01")],
        portfolio("EUR"),
    )
    price(migrated, "ACME", "JPY", {DAY: "3000"})
    rate(migrated, "USD/JPY", {DAY: "150"})
    rate(migrated, "EUR/USD", {DAY: "1.25", "2024-02-29": "9"})
    assert only(valued(migrated)).fx_rate == Decimal("0.005333333333")
    assert only(valued(migrated)).market_value == Decimal("15.999999999")
    without = only(valued(migrated, limits=Limits(cross_currency=None)))
    assert without.reasons == (Missing.FX_RATE_MUST_BE_KNOWN,)
    rate(migrated, "EUR/JPY", {DAY: "160"})
    assert only(valued(migrated)).fx_rate == Decimal("0.00625")


def test_the_multiplier_of_an_instrument_counts_and_money_costs_one(migrated: str) -> None:
    book(
        migrated,
        [
            trade("B1", "BUY", "2024-01-10", "1000", amount="990", security_id="BOND"),
            trade("D1", "DEPOSIT", "2024-01-10", amount="50", security_id="CASH_USD"),
            trade("D2", "DEPOSIT", "2024-01-10", amount="30", security_id="SAVINGS"),
        ],
        portfolio("USD"),
    )
    instrument(migrated, "BOND", "USD", multiplier=Decimal("0.01"), asset_class="Fixed income")
    instrument(migrated, "SAVINGS", "USD", asset_class="Cash")
    price(migrated, "BOND", "USD", {DAY: "99.5"})
    by_id = {each.security_id: each for each in valued(migrated).positions}
    assert by_id["BOND"].market_value == 995
    assert said(by_id["CASH_USD"].market_value, by_id["SAVINGS"].market_value) == (50, 30)
    assert by_id["CASH_USD"].price_date == date(2024, 3, 1)
    assert {each.quality for each in by_id.values()} == {Quality.VALUED}


def test_a_late_price_shows_in_the_next_answer(migrated: str) -> None:
    hold_euros(migrated)
    rate(migrated, "EUR/USD", {DAY: "1.20"})
    assert only(valued(migrated)).market_value is None
    price(migrated, "ACME", "EUR", {"2024-02-29": "180"})
    assert only(valued(migrated)).market_value == 12_960
    with connect(migrated) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE market_prices SET price = 190, version = 2")
    connection.close()
    assert only(valued(migrated)).market_value == 13_680


def test_holdings_of_several_base_currencies_have_no_total(migrated: str) -> None:
    book(
        migrated,
        [
            trade("B1", "BUY", "2024-01-10", "1", "10", security_id="A"),
            trade("B2", "BUY", "2024-01-10", "1", "10", security_id="B", currency="EUR"),
        ],
    )
    price(migrated, "A", "USD", {DAY: "11"})
    price(migrated, "B", "EUR", {DAY: "12"})
    found = valued(migrated)
    assert said(found.base_currency, found.total) == (None, None)
    assert [each.market_value for each in found.positions] == [11, 12]
    assert {each.weight for each in found.positions} == {None}


def test_a_change_of_next_to_nothing_is_no_fraction_and_takes_nobody_the_total() -> None:
    assert fraction("1e15", "0.000000000001") is None
    assert fraction("3", "2") == Decimal("1.5")
    assert fraction("3", "0") is None


def fraction(change: str, before: str) -> Decimal | None:
    with localcontext(EXACT):
        return _fraction(Decimal(change), Decimal(before))
