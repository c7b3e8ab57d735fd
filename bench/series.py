"""How long the daily series and all standard periods of a large portfolio take, and other ways.

    python -m bench.series          # about 2 minutes

One portfolio with 200 holdings in two currencies, 20,000 trades and ten years of daily prices:
730,600 of them. Nothing of ours is warm; PostgreSQL has read it all before.
"""

import io
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate

import click
import psycopg2

from analytics.periods import Period
from api.server import spare_collector
from bench.engines import Engine
from bench.figures import Figure, Report
from bench.machine import describe
from bench.stage import BenchmarkError, Stage
from calculator.money import COST_STEP, EXACT, ONE, ZERO
from cli.printing import json_option
from reports.history import read_history
from reports.limits import Limits
from reports.performance import performance
from reports.price_days import read_price_days
from reports.questions import Asked
from reports.series import SeriesDay, portfolio_days, read_holdings
from reports.snapshot import Snapshot, snapshot

FIRST = date(2015, 1, 1)
TARGET_MS = 300.0
PORTFOLIO = "P1"
TRADE = (
    "portfolio_id", "transaction_id", "security_id", "transaction_type", "transaction_date",
    "quantity", "trade_currency", "version", "status", "base_currency", "net_cost",
    "net_cost_local", "realized_gain_loss", "realized_gain_loss_local", "source_topic",
    "source_partition", "source_offset", "as_of",
)  # fmt: skip


def fill(database_url: str, holdings: int, trades: int, days: int) -> None:
    """Prices and rates that wander, and purchases with sales among them."""
    draws = random.Random(1)
    dates = [FIRST + timedelta(days=number) for number in range(days)]
    cents = [draws.randrange(1000, 50_000) for _ in range(holdings)]
    prices, rates, booked = io.StringIO(), io.StringIO(), io.StringIO()
    for day in dates:
        rates.write(f"USD\tEUR\t{day}\t0.{draws.randrange(800_000, 999_999)}\t1\t0\n")
        for number in range(holdings):
            cents[number] = max(100, cents[number] + draws.randrange(-50, 52))
            price = f"{cents[number] // 100}.{cents[number] % 100:02}"
            prices.write(f"S{number:03}\t{day}\t{price}\t{_currency(number)}\t1\t0\n")
    for number in range(trades):
        is_sale = number >= holdings and draws.randrange(10) < 4
        units, cost = draws.randrange(1, 100), draws.randrange(1000, 90_000)
        signed = -cost if is_sale else cost
        gain = "3.5" if is_sale else r"\N"
        row = (
            PORTFOLIO, f"T{number:06}", f"S{number % holdings:03}", "SELL" if is_sale else "BUY",
            f"{dates[number * days // trades]} 10:00+00", units, _currency(number % holdings), 1,
            "BOOKED", "EUR", signed, signed, gain, gain, "raw_transactions", 0, number, 1,
        )  # fmt: skip
        booked.write("\t".join(map(str, row)) + "\n")
    _copy(database_url, "market_prices", prices,
          ("security_id", "price_date", "price", "currency", "version", "source_offset"))  # fmt: skip
    _copy(database_url, "fx_rates", rates,
          ("from_currency", "to_currency", "rate_date", "rate", "version", "source_offset"))  # fmt: skip
    _copy(database_url, "transactions", booked, TRADE)


def _currency(number: int) -> str:
    return "USD" if number % 2 else "EUR"


def _copy(database_url: str, table: str, rows: io.StringIO, columns: Sequence[str]) -> None:
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    rows.seek(0)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", rows)
        cursor.execute(f"VACUUM ANALYZE {table}")
        if table == "market_prices":
            cursor.execute("VACUUM ANALYZE market_price_months")
    connection.close()


def series(state: Snapshot, last: date) -> list[SeriesDay]:
    history = read_history(state, PORTFOLIO, last, has_local=False)
    assert history.inception is not None
    return portfolio_days(read_holdings(state, history, Period(history.inception, last), Limits()))


def plain_values(state: Snapshot, last: date) -> list[Decimal]:
    """The end values alone, one Decimal at a time, of prices as they come from PostgreSQL."""
    history = read_history(state, PORTFOLIO, last, has_local=False)
    rates = {row[0]: row[1] for row in state.rows("SELECT rate_date, rate FROM fx_rates")}
    found: dict[date, Decimal] = {}
    prices = state.rows(
        "SELECT security_id, price_date, price, currency FROM market_prices WHERE price_date <= %s",
        last,
    )
    held = {
        name: (
            [move.day for move in each.moves],
            list(accumulate((move.units for move in each.moves), EXACT.add, initial=ZERO)),
        )
        for name, each in history.holdings.items()
    }
    for name, day, price, currency in prices:
        days, units = held[name]
        rate = ONE if currency == "EUR" else rates[day]
        value = EXACT.multiply(EXACT.multiply(units[bisect_right(days, day)], price), rate)
        rounded = value.quantize(COST_STEP, context=EXACT)
        found[day] = EXACT.add(found.get(day, ZERO), rounded)
    return [found[day] for day in sorted(found)]


def measured(name: str, runs: int, work: Callable[[], object], at_most: float | None) -> Figure:
    spent = []
    for _ in range(runs):
        before = time.perf_counter()
        work()
        spent.append((time.perf_counter() - before) * 1e3)
    return Figure(name=name, unit="ms", runs=spent, at_most=at_most)


def figures(database_url: str, holdings: int, days: int, runs: int) -> list[Figure]:
    last = FIRST + timedelta(days=days - 1)
    names = [f"S{number:03}" for number in range(holdings)]
    connection = psycopg2.connect(database_url, options="-c timezone=UTC")

    def asking(question: Callable[[Snapshot], object]) -> Callable[[], object]:
        def ask() -> object:
            with snapshot(connection) as state:
                return question(state)

        return ask

    def rows(state: Snapshot) -> object:
        return state.cursor.copy_expert(
            "COPY (SELECT security_id, price_date, price FROM market_prices) TO STDOUT BINARY",
            io.BytesIO(),
        )

    def by_day(state: Snapshot) -> object:
        return state.rows("SELECT price_date, sum(price * 7) FROM market_prices GROUP BY 1")

    with snapshot(connection) as state:
        ours = [each.day.end_value for each in series(state, last)]
        if ours != plain_values(state, last):
            raise BenchmarkError("the columns do not say what Decimals say")
    engine = Engine(database_url)
    if ours != engine.end_values(PORTFOLIO):
        engine.close()
        raise BenchmarkError("the columns do not say what Polars says")
    spare_collector()  # as the API does
    found = [
        measured("all standard periods", runs,
                 asking(lambda state: performance(state, PORTFOLIO, Asked(to=last), Limits())),
                 TARGET_MS),
        measured("daily series", runs, asking(lambda state: series(state, last)), TARGET_MS),
        measured("of that: prices, a month in a row", runs,
                 asking(lambda state: read_price_days(state, names, FIRST, last)), None),
        measured("instead: prices row by row, COPY", runs, asking(rows), None),
        measured("instead: prices row by row, Arrow", runs, engine.prices, None),
        measured("instead: the end values alone, Polars over Arrow", runs,
                 lambda: engine.end_values(PORTFOLIO), None),
        measured("instead: sums by day in SQL, one quantity for all", runs, asking(by_day), None),
        measured("instead: the end values alone, in Decimals", 1,
                 asking(lambda state: plain_values(state, last)), None),
    ]  # fmt: skip
    connection.close()
    engine.close()
    return found


@click.command()
@click.option("--holdings", default=200, show_default=True, type=click.IntRange(2, 999))
@click.option("--trades", default=20_000, show_default=True, type=click.IntRange(10))
@click.option("--days", default=3653, show_default=True, type=click.IntRange(2))
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1))
@json_option
def main(holdings: int, trades: int, days: int, runs: int, as_json: bool) -> None:
    """Time the reports of one large portfolio, against plainer ways to the same figures."""
    machine = describe()
    try:
        with Stage() as stage:
            stage.empty_database()
            click.echo("filling ...", err=True)
            fill(stage.connections.database_url, holdings, trades, days)
            found = figures(stage.connections.database_url, holdings, days, runs)
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    Report(machine, {"One portfolio": found}).show(as_json=as_json)


if __name__ == "__main__":
    main()
