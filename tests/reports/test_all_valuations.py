import json
from datetime import date
from decimal import Decimal

import psycopg2
from click.testing import CliRunner

from cli.main import main
from reports.all_valuations import Written, value_all
from reports.limits import Limits
from reports.valuation import Quality, valuation_on
from tests.reports.conftest import looking
from tests.reports.filled import book, portfolio, price, rate, trade

DAY = date(2024, 3, 1)
COLUMNS = (
    "security_id", "quantity", "cost", "market_value", "market_value_local",
    "unrealized_gain_loss", "price_gain_loss", "currency_gain_loss", "weight", "day_change",
)  # fmt: skip


def fill(database_url: str) -> None:
    names = [f"P{number}" for number in range(9)]
    events = [
        trade(f"{kind}-{security}", kind, "2024-01-10", str(number + 3), "10", security_id=security,
              portfolio_id=name, currency=currency, fx_rate="1.1")
        for number, name in enumerate(names)
        for security, currency in (("A", "USD"), ("B", "EUR"), ("NEVER", "USD"))
        for kind in ("BUY", *(["SELL"] if number == 4 and security == "A" else []))
    ]  # fmt: skip
    book(database_url, events, *(portfolio("USD", portfolio_id=name) for name in names))
    price(database_url, "A", "USD", {"2024-02-29": "11", "2024-03-01": "12"})
    price(database_url, "B", "EUR", {"2024-02-20": "13"})
    rate(database_url, "EUR/USD", {"2024-02-29": "1.2", "2024-03-01": "1.25"})


def rows(database_url: str) -> dict[str, list[tuple[object, ...]]]:
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT portfolio_id, {', '.join(COLUMNS)}, quality, reasons FROM valuations"
            " WHERE valuation_date = %s ORDER BY 1, 2",
            (DAY,),
        )
        found: dict[str, list[tuple[object, ...]]] = {}
        for name, *rest in cursor.fetchall():
            found.setdefault(name, []).append(tuple(rest))
    connection.close()
    return found


def test_the_table_says_of_each_portfolio_what_its_valuation_says(migrated: str) -> None:
    fill(migrated)
    # P4 sold its A again.
    expected = Written(portfolios=9, positions=26, unvalued=9)
    assert value_all(migrated, DAY, Limits()) == expected
    found = rows(migrated)
    assert len(found) == 9
    for name, told in found.items():
        with looking(migrated) as snapshot:
            valued = valuation_on(snapshot, name, DAY, Limits())
        assert valued is not None
        assert told == [
            (*(getattr(each, column) for column in COLUMNS), each.quality.value, list(each.reasons))
            for each in valued.positions
        ]
    price(migrated, "NEVER", "USD", {"2024-03-01": "1"})
    assert value_all(migrated, DAY, Limits(), processes=1).unvalued == 0
    assert len(rows(migrated)) == 9


def test_the_command_says_what_it_wrote(migrated: str) -> None:
    fill(migrated)
    environment = {"DATABASE_URL": migrated}
    arguments = ["value", "--all", "--on", "2024-03-01", "--json"]
    with CliRunner().isolated_filesystem():
        done = CliRunner().invoke(main, arguments, env=environment)
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {
        "on": "2024-03-01", "portfolios": 9, "positions": 26, "unvalued": 9,
    }  # fmt: skip
    assert len(rows(migrated)) == 9
    assert CliRunner().invoke(main, ["value"], env=environment).exit_code == 2


def test_an_absurd_price_leaves_the_others_their_values(migrated: str) -> None:
    largest = "900000000000000"
    book(
        migrated,
        [
            trade("B1", "BUY", "2024-01-10", "1", "10", security_id="A", portfolio_id="P1"),
            trade("B2", "BUY", "2024-01-10", largest, "1", security_id="BIG", portfolio_id="P1"),
        ],
        portfolio("USD", portfolio_id="P1"),
    )
    price(migrated, "A", "USD", {"2024-03-01": "12"})
    price(migrated, "BIG", "USD", {"2024-03-01": largest})
    assert value_all(migrated, DAY, Limits()) == Written(1, 2, 1)
    with looking(migrated) as snapshot:
        found = valuation_on(snapshot, "P1", DAY, Limits())
    assert found is not None
    assert found.total is not None
    assert found.total.market_value == 12
    assert found.total.quality is Quality.UNVALUED
    assert [each.reasons for each in found.positions] == [(), ("value_must_fit",)]


def test_long_and_short_that_nearly_cancel_have_values_and_no_weights(migrated: str) -> None:
    all_but_nothing = "999999999999999.999999999998"
    price(migrated, "A", "USD", {"2024-02-29": "999999999999999.999999999999"})
    book(
        migrated,
        [
            trade("B", "BUY", "2024-01-10", "1", "1", security_id="A"),
            trade("W", "WITHDRAWAL", "2024-01-10", all_but_nothing, security_id="CASH_USD"),
        ],
        portfolio("USD", cash="explicit"),
    )
    assert value_all(migrated, DAY, Limits()) == Written(1, 2, 0)
    with looking(migrated) as snapshot:
        found = valuation_on(snapshot, "P1", DAY, Limits())
    assert found is not None
    assert [each.weight for each in found.positions] == [None, None]
    assert found.total is not None
    assert found.total.market_value == Decimal("1e-12")
