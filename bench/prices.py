"""Market prices from Kafka to committed rows of PostgreSQL, by a real store on real servers.

Each run has an empty topic and an empty table. The store runs when all prices are sent at once:
first new ones, then a correction of each. Time goes from the first row that is committed to the
last, and the sums of the table are compared with those of what was sent. Beside it, the limit: a
bare consumer of the same topic and COPY into a table with the same primary key.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import click
import psycopg2

from bench import floor
from bench.figures import Figure, Report, of_usage
from bench.floor import Copied, Floor
from bench.load import send_records
from bench.machine import describe
from bench.stage import BenchmarkError, Stage
from bench.system import running
from bench.watch import Span, Watch
from cli.printing import json_option
from cli.servers import ServerError
from wire.reference import OF_MARKET_PRICES
from wire.topics import MARKET_PRICES

PER_SECOND_MIN = 20_000.0  # aimed at
SECURITIES = 2000
FIRST_DAY = date(2020, 1, 1)
NEW, CORRECTION = 1, 2  # versions
COPIED = Copied(
    MARKET_PRICES, MARKET_PRICES.name, OF_MARKET_PRICES.fields,
    ", ".join(OF_MARKET_PRICES.identity),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """New prices, their corrections, and the limit."""

    new: Span
    corrected: Span
    limit: Floor


def run_once(stage: Stage, prices: int) -> Run:
    stage.begin_anew()
    new = measure(stage, prices, NEW)
    limit = floor.measure(stage, prices, has_primary_key=True, copied=COPIED)
    return Run(new, measure(stage, prices, CORRECTION), limit)


def measure(stage: Stage, prices: int, version: int) -> Span:
    """Send this version of all, all lower ones being stored."""
    with running(stage, 0) as system:
        records = (("", value) for value in events(prices, version))
        send_records(stage.connections.kafka, MARKET_PRICES, records)
        span = Watch(
            database_url=stage.connections.database_url,
            table=f"{MARKET_PRICES.name} WHERE version = {version}",
            progress=(
                f"SELECT coalesce(sum(next_offset), 0) - {prices * (version - 1)}"
                f" FROM store_progress WHERE topic = '{MARKET_PRICES.name}'"
            ),
            events=prices,
            require_running=system.require_running,
        ).span(system.kinds())
    check(stage.connections.database_url, prices, version)
    return span


def events(prices: int, version: int) -> Iterator[bytes]:
    """A price of each security on one day, then on the next; no two are the same."""
    for number in range(prices):
        day, security = divmod(number, SECURITIES)
        yield (
            b'{"security_id":"SECURITY-%05d","price_date":"%b","price":"%b","currency":"USD",'
            b'"version":%d}'
            % (
                security,
                (FIRST_DAY + timedelta(day)).isoformat().encode(),
                str(price_of(number, version)).encode(),
                version,
            )
        )


def price_of(number: int, version: int) -> Decimal:
    return Decimal(10_000 + number) / 100 + version


def check(database_url: str, prices: int, version: int) -> None:
    """Raise BenchmarkError where the table is not what was sent."""
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(price), min(version), max(version),"
            f" (SELECT count(*) FROM dead_letters) FROM {MARKET_PRICES.name}"
        )
        found = cursor.fetchall()[0]
    connection.close()
    total = sum((price_of(number, version) for number in range(prices)), Decimal())
    expected = (prices, total, version, version, 0)
    if found != expected:
        raise BenchmarkError(f"the prices are wrong:\nfound    {found}\nexpected {expected}")


def figures(runs: Sequence[Run]) -> dict[str, list[Figure]]:
    limits = [run.limit.events_per_second for run in runs]
    return {
        title: [
            rate("stored", [span.events_per_second for span in spans], PER_SECOND_MIN),
            rate("stored, the second half", [span.second_half for span in spans]),
            rate("cores of their own would do", [alone(span) for span in spans]),
            rate("limit: bare consumer and COPY, primary key", limits),
            *of_usage([span.usage for span in spans], after="a price"),
        ]
        for title, spans in (
            ("new prices", [run.new for run in runs]),
            ("a correction of each", [run.corrected for run in runs]),
        )
    }


def alone(span: Span) -> float:
    """Prices a second that the processor time of the store and of PostgreSQL allows, one after the
    other as they work, whoever else works meanwhile."""
    return 1e6 / (span.usage.cpu_us["store"] + span.usage.cpu_us["postgres"])


def rate(name: str, runs: Sequence[float], at_least: float | None = None) -> Figure:
    return Figure(name=name, unit="prices/s", runs=runs, at_least=at_least)


@click.command()
@click.option(
    "--prices", default=400_000, show_default=True, type=click.IntRange(10_000, 4_000_000)
)
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@json_option
def main(prices: int, runs: int, as_json: bool) -> None:
    """Measure a store from prices in Kafka to committed rows."""
    machine, done = describe(), list[Run]()
    try:
        with Stage() as stage:
            machine["postgresql"] = stage.postgresql_version()
            for run in range(1, runs + 1):
                click.echo(f"run {run} of {runs}", err=True)
                done.append(run_once(stage, prices))
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    Report(machine, figures(done)).show(as_json=as_json)


if __name__ == "__main__":
    main()
