"""How long the values of all portfolios take, into the table `valuations`.

    python -m bench.valuations            # about 6 minutes
    python -m bench.valuations --portfolios 1000 --runs 1

10,000 portfolios of 50 holdings in two currencies, one purchase each, and 1,000 securities with a
price on the day and the day before. Beside it, the limit: PostgreSQL adds up the holdings, and as
many rows go into the table by COPY, with nothing valued in between.
"""

import io
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import click
import psycopg2

from bench.figures import Figure, Report
from bench.machine import describe
from bench.stage import BenchmarkError, Stage
from cli.printing import json_option
from reports import moves
from reports.all_valuations import value_all
from reports.limits import Limits

DAY = date(2024, 6, 3)
SECURITIES = 1_000
TARGET_SECONDS = 60.0
_FILL = """
INSERT INTO portfolios (portfolio_id, base_currency, cost_basis_method, version, as_of)
    SELECT 'P' || p, 'USD', 'FIFO', 1, 1 FROM generate_series(1, %(portfolios)s) AS p;
INSERT INTO market_prices (security_id, price_date, price, currency, version, source_offset)
    SELECT 'S' || s, day, 10 + s %% 90 + 0.25, CASE s %% 2 WHEN 0 THEN 'USD' ELSE 'EUR' END, 1, 0
    FROM generate_series(0, %(securities)s - 1) AS s, unnest(ARRAY[%(day)s, %(day)s - 1]) AS day;
INSERT INTO fx_rates (from_currency, to_currency, rate_date, rate, version, source_offset)
    SELECT 'EUR', 'USD', day, 1.125, 1, 0 FROM unnest(ARRAY[%(day)s, %(day)s - 1]) AS day;
INSERT INTO transactions (portfolio_id, transaction_id, security_id, transaction_type,
    transaction_date, quantity, trade_currency, version, status, base_currency, net_cost,
    net_cost_local, source_topic, source_partition, source_offset, as_of)
    SELECT 'P' || p, 'T' || h, 'S' || s, 'BUY', %(day)s - 10, 1 + h,
        CASE s %% 2 WHEN 0 THEN 'USD' ELSE 'EUR' END, 1, 'BOOKED', 'USD', 1000, 900,
        'raw_transactions', 0, 0, 1
    FROM generate_series(1, %(portfolios)s) AS p, generate_series(0, %(holdings)s - 1) AS h,
        LATERAL (SELECT (p * 7 + h * 13) %% %(securities)s AS s) AS chosen;
"""
# What it must come to, by PostgreSQL's own numbers.
_EXPECTED = """
SELECT count(*), sum(round(quantity * market_prices.price * CASE market_prices.currency WHEN 'EUR' THEN 1.125 ELSE 1 END, 12))
FROM transactions JOIN market_prices USING (security_id) WHERE price_date = %s
"""
_WRITTEN = "SELECT count(*), sum(market_value) FROM valuations WHERE valuation_date = %s"
_COPIED = "COPY (SELECT * FROM valuations) TO STDOUT"


def fill(database_url: str, portfolios: int, holdings: int) -> None:
    given = {
        "portfolios": portfolios, "holdings": holdings, "securities": SECURITIES, "day": DAY,
    }  # fmt: skip
    connection = psycopg2.connect(database_url, options="-c timezone=UTC")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(_FILL, given)
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def seconds(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def figures(database_url: str, runs: int, processes: int) -> list[Figure]:
    connection = psycopg2.connect(database_url, options="-c timezone=UTC")
    connection.autocommit = True
    with connection.cursor() as cursor:

        def one(question: str) -> tuple[int, Decimal]:
            cursor.execute(question, (DAY,))
            row = cursor.fetchone()
            assert row is not None
            return row[0], row[1]

        valued = [
            seconds(lambda: value_all(database_url, DAY, Limits(), processes)) for _ in range(runs)
        ]
        if one(_WRITTEN) != (expected := one(_EXPECTED)):
            raise BenchmarkError(f"the table has {one(_WRITTEN)}, and should have {expected}")
        rows = io.StringIO()
        cursor.copy_expert(_COPIED, rows)

        def limit() -> None:
            cursor.execute(moves.HOLDINGS.format(of=""), (moves.end_of(DAY),))
            cursor.fetchall()
            cursor.execute("TRUNCATE valuations")
            rows.seek(0)
            cursor.copy_expert("COPY valuations FROM STDIN", rows)

        limits = [seconds(limit) for _ in range(runs)]
    connection.close()
    return [
        Figure(name="all valued, and written", unit="s", runs=valued, at_most=TARGET_SECONDS),
        Figure(name="positions a second", unit="", runs=[expected[0] / each for each in valued]),
        Figure(name="limit: added up, read and written alone", unit="s", runs=limits),
    ]


@click.command()
@click.option("--portfolios", default=10_000, show_default=True, type=click.IntRange(2))
@click.option("--holdings", default=50, show_default=True, type=click.IntRange(1, SECURITIES))
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@json_option
def main(portfolios: int, holdings: int, processes: int, runs: int, as_json: bool) -> None:
    """Value all portfolios as `portfolio value --all` does."""
    machine = describe()
    try:
        with Stage() as stage:
            stage.empty_database()
            click.echo("filling ...", err=True)
            fill(stage.connections.database_url, portfolios, holdings)
            found = figures(stage.connections.database_url, runs, processes)
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    Report(machine, {f"{portfolios:,} portfolios of {holdings} holdings": found}).show(
        as_json=as_json
    )


if __name__ == "__main__":
    main()
