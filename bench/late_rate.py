"""What a rate costs that many transactions wait for, that is corrected, or that is of no concern.

    python -m bench.late_rate          # about 2 minutes with nothing else running

Of 200,000 transactions 10,000, of a thousand holdings, need the rate of one day. The books that a
late rate leaves must be those of the rate known before, to the last digit.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain

import click

from bench.books import Books, fingerprint
from bench.figures import Figure, Report
from bench.lanes import Cost, Message, as_in_a_worker, events_of
from bench.load import BEGIN, Load, Trade, event, portfolio_of
from bench.machine import describe
from bench.stage import BenchmarkError
from calculator import FxRate
from cli.printing import json_option
from wire.topics import RAW_TRANSACTIONS

DAY = (BEGIN + timedelta(days=34 * 365)).date()  # behind all others
REBOOKED_MAX = 2.0  # times what it cost to book them with the rate known before
OF_NO_CONCERN = 100_000
OF_NO_CONCERN_SECONDS_MAX = 1.0


def waiting(load: Load, count: int) -> Iterator[Message]:
    """Purchases in euros, ten of a holding, that bring no rate to the dollars of their portfolio."""
    moment = datetime(DAY.year, DAY.month, DAY.day, tzinfo=BEGIN.tzinfo)
    for number in range(count):
        holding = load.holdings + number // 10
        trade = Trade(10**8 + number, holding, False, 100_0000, 45_0000, 100)
        portfolio_id = portfolio_of(load, holding)
        value = event(trade, portfolio_id, moment + timedelta(seconds=number))
        value = value.replace(b'"USD"', b'"EUR"')
        yield RAW_TRANSACTIONS.name, portfolio_id, value


def rate(amount: str, version: int = 1, day: date = DAY, currency: str = "EUR") -> FxRate:
    return FxRate(
        from_currency=currency, to_currency="USD", rate_date=day, rate=Decimal(amount),
        version=version,
    )  # fmt: skip


def _run(load: Load, count: int) -> dict[str, float]:
    """CPU us a transaction that the rate is for, by what happened to it."""
    messages = list(waiting(load, count))

    def of_each(cost: Cost) -> float:
        return cost.of_each(count).all

    found: dict[str, float] = {}
    with Books(load, chain(events_of(load), messages)) as books:
        books.book(load.events)
        books.lanes.follow([rate("1.1")])
        found["booked with the rate known before"] = books.book(count).all
        before = fingerprint(books.lanes)
    with Books(load, chain(events_of(load), messages)) as books:
        books.book(load.events)
        found["taken in without one"] = books.book(count).all
        found["booked anew when it comes"] = of_each(books.lanes.follow([rate("1.1")]))
        if fingerprint(books.lanes) != before:
            raise BenchmarkError("a late rate leaves other books than one that was known before")
        again = [rate("1.1", version=2)]
        found["looked at when a higher version says the same"] = of_each(books.lanes.follow(again))
        found["booked anew when it is corrected"] = of_each(
            books.lanes.follow([rate("1.2", version=3)])
        )
        others = [rate("1", day=BEGIN.date() + timedelta(days=n)) for n in range(OF_NO_CONCERN)]
        cost = books.lanes.follow([*others[:12_000], *_foreign(OF_NO_CONCERN - 12_000)])
        found["no concern"] = cost.all
        if fingerprint(books.lanes) == before:
            raise BenchmarkError("a corrected rate leaves the books as they were")
    return found


def _foreign(count: int) -> list[FxRate]:
    """Of pairs that nothing is traded in."""
    day = BEGIN.date()
    return [
        rate("1", day=day + timedelta(days=n // 10), currency=f"X{chr(65 + n % 10)}X")
        for n in range(count)
    ]


def measure(load: Load, count: int, runs: int) -> list[Figure]:
    all_runs = [_run(load, count) for _ in range(runs)]
    seconds = [found.pop("no concern") for found in all_runs]
    first, anew = "booked with the rate known before", "booked anew when it comes"
    return [
        *(
            Figure(name=name, unit="us", runs=[found[name] for found in all_runs])
            for name in all_runs[0]
        ),
        Figure(
            name=f"{anew}, against {first}", unit="times",
            runs=[found[anew] / found[first] for found in all_runs], at_most=REBOOKED_MAX,
        ),
        Figure(
            name=f"{OF_NO_CONCERN:,} rates of no concern, eight lanes", unit="s of CPU",
            runs=seconds, at_most=OF_NO_CONCERN_SECONDS_MAX,
        ),
    ]  # fmt: skip


@click.command()
@click.option("--events", default=190_000, show_default=True, type=click.IntRange(100))
@click.option("--waiting", "count", default=10_000, show_default=True, type=click.IntRange(10))
@click.option("--holdings", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@json_option
def main(events: int, count: int, holdings: int, runs: int, as_json: bool) -> None:
    """Compare re-booking by a late rate with booking in the first place."""
    as_in_a_worker()
    load = Load(events=events, holdings=holdings, portfolios=max(1, holdings // 5))
    try:
        figures = measure(load, count, runs)
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    title = f"{count:,} transactions beside {events:,} others, CPU of a lane for each"
    Report(describe(), {title: figures}).show(as_json=as_json)


if __name__ == "__main__":
    main()
