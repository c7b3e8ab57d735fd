"""What events cost that come late: a few, one before all others, or all of them in any order.

    python -m bench.late               # about 6 minutes with nothing else running

Every run must end with the books of the run in order, to the last digit, and that one with those of
the independent fold. All re-bookings are counted, also those that go on after the last event.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import chain

import click

from bench.arrivals import (
    PLACES_MAX,
    Arrival,
    in_order,
    late_in_its_holding,
    late_in_the_stream,
    shuffled,
)
from bench.books import Books, fingerprint
from bench.calculator import in_memory
from bench.figures import Figure, Report
from bench.lanes import Message, as_in_a_worker, events_of
from bench.load import BEGIN, Load, Trade, event, portfolio_of
from bench.machine import describe
from bench.stage import BenchmarkError
from cli.printing import json_option
from wire.topics import RAW_TRANSACTIONS

LATE_MAX, SHUFFLED_MAX = 2.0, 3.0  # times the cost in order
FIRST_SECONDS_MAX = 1.0
IN_ORDER = "in order"
ARRIVALS: dict[str, tuple[Arrival, float]] = {
    f"1 % late by up to {PLACES_MAX} places": (late_in_the_stream, LATE_MAX),
    f"1 % late by up to {PLACES_MAX} places of their holding": (late_in_its_holding, LATE_MAX),
    "shuffled": (shuffled, SHUFFLED_MAX),
}
ARRIVALS_OF_ONE_HOLDING = {"shuffled": ARRIVALS["shuffled"]}


def measure_arrivals(
    load: Load, arrivals: Mapping[str, tuple[Arrival, float]], runs: int
) -> Iterator[Figure]:
    """All in turns."""
    costs: dict[str, list[float]] = {name: [] for name in (IN_ORDER, *arrivals)}
    for _ in range(runs):
        cost, books = _book(load, in_order)
        costs[IN_ORDER].append(cost)
        for name, (arrival, _) in arrivals.items():
            cost, found = _book(load, arrival)
            costs[name].append(cost)
            if found != books:
                raise BenchmarkError(f"{name}: the books are not those of the events in order")
    title = f"{load.events:,} events, {load.holdings:,} holding{'s' * (load.holdings > 1)}"
    for name, values in costs.items():
        yield Figure(name=f"{title}, {name}", unit="us", runs=values)
    for name, (_, ratio_max) in arrivals.items():
        ratios = [late / base for base, late in zip(costs[IN_ORDER], costs[name], strict=True)]
        yield Figure(
            name=f"{title}, {name}, against in order", unit="times", runs=ratios, at_most=ratio_max
        )


def _book(load: Load, arrival: Arrival) -> tuple[float, str]:
    """CPU us an event, and what the books are in the end."""
    with Books(load, arrival(load)) as books:
        cost = books.book(load.events)
        books.check()
        return cost.all, fingerprint(books.lanes)


# -- one before all others


def measure_first(entries: int, runs: int) -> Iterator[Figure]:
    """One event after another comes to a long journal, each before all that it holds."""
    load = Load(events=entries, holdings=1, portfolios=1)
    early = [_purchase(load, days) for days in range(1, runs + 1)]
    with Books(load) as books:
        books.book(entries)
        seconds, cpu_seconds = [], []
        for message in early:
            cpu_seconds.append(sum(books.lanes.book([message])))
            seconds.append(books.lanes.elapsed_seconds)
        found = fingerprint(books.lanes)
    with Books(load, chain(reversed(early), events_of(load))) as books:
        books.book(entries + runs)
        if fingerprint(books.lanes) != found:
            raise BenchmarkError("the books are not those of the events in order")
    alone = [in_memory(load).ledger_us * entries / 1e6 for _ in range(runs)]
    title = f"one event before {entries:,} of its holding"
    yield Figure(name=f"{title}: elapsed", unit="s", runs=seconds, at_most=FIRST_SECONDS_MAX)
    yield Figure(name=f"{title}: CPU", unit="s", runs=cpu_seconds)
    yield Figure(name="limit: to book as many in memory, once", unit="s", runs=alone)


def _purchase(load: Load, days: int) -> Message:
    """So many days before the load begins; under FIFO it changes every sale behind it."""
    portfolio_id = portfolio_of(load, 0)
    trade = Trade(10**8 + days, 0, False, 123_0000, 45_0000, 100)
    value = event(trade, portfolio_id, BEGIN - timedelta(days=days))
    return RAW_TRANSACTIONS.name, portfolio_id, value


@click.command()
@click.option("--events", default=200_000, show_default=True, type=click.IntRange(100))
@click.option("--holdings", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--entries", default=10_000, show_default=True, type=click.IntRange(10),
              help="Of the journal before which one event comes.")  # fmt: skip
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@json_option
def main(events: int, holdings: int, entries: int, runs: int, as_json: bool) -> None:
    """Compare late and shuffled events with the same in order."""
    as_in_a_worker()
    machine = describe()
    many = Load(events=events, holdings=holdings, portfolios=max(1, holdings // 5))
    one = Load(events=events, holdings=1, portfolios=1)
    try:
        figures = [
            *measure_arrivals(many, ARRIVALS, runs),
            *measure_arrivals(one, ARRIVALS_OF_ONE_HOLDING, runs),
            *measure_first(entries, runs),
        ]
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    Report(machine, {"CPU of a lane, all re-bookings included": figures}).show(as_json=as_json)


if __name__ == "__main__":
    main()
