"""Whether an event costs the same however long the history behind it, and however many open lots.

    python -m bench.history                        # about 8 minutes with nothing else running
    python -m bench.history --only lengths --chart cost.svg

However long the history, there are 1,000 holdings of about 10 open lots each: they are opened, then
as much is bought as sold. Beside that stand a limit, decoding and booking alone in memory, and a
peer that is right in the plainest way: it folds the holding's history anew at each event.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from bench import open_lots
from bench.books import Books
from bench.calculator import in_memory
from bench.charts import lines
from bench.figures import Figure, Report
from bench.lanes import Cost, as_in_a_worker
from bench.load import Load
from bench.machine import describe
from bench.stage import BenchmarkError
from cli.printing import json_option

OPEN_LOTS = 10
RATIO_MAX = 1.1
PARTS = 5  # of the first events of one holding, and of its last


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    events: int  # of the longest history; the shortest is a hundredth of it
    measured: int  # a round, on each history
    rounds: int
    many_lots: int
    chart: Path | None = None

    @property
    def lengths(self) -> list[int]:
        return [self.events * percent // 100 for percent in (1, 3, 10, 30, 100)]

    @property
    def load(self) -> Load:
        holdings = self.events // (100 * OPEN_LOTS)  # opened by the shortest history
        return Load(
            events=2 * self.events,
            holdings=holdings,
            portfolios=max(1, holdings // 5),
            open_lots=OPEN_LOTS,
        )


# -- the length of the history


@dataclass(frozen=True, slots=True)
class Lengths:
    """Microseconds an event in each round, by the length of the history."""

    lanes: Mapping[int, list[Cost]]
    peer: Mapping[int, list[float]]
    limit: list[float]
    own_threads: float  # of RocksDB, over all of the longest history

    def figures(self) -> list[Figure]:
        shortest, longest = min(self.lanes), max(self.lanes)
        pairs = list(zip(self.lanes[shortest], self.lanes[longest], strict=True))
        ratios = [long.lanes / short.lanes for short, long in pairs]
        strictly = [(long.lanes + self.own_threads) / short.all for short, long in pairs]
        against = f"{longest:,} events against {shortest:,}"
        alone = [
            Figure(name=f"after {n:,} events, the lane alone", unit="us", runs=runs)
            for n, runs in (
                (shortest, [short.lanes for short, _ in pairs]),
                (longest, [long.lanes for _, long in pairs]),
            )
        ]
        return [
            *(
                Figure(name=f"after {n:,} events", unit="us", runs=[cost.all for cost in costs])
                for n, costs in self.lanes.items()
            ),
            *alone,
            Figure(name=f"{against}, the lane alone", unit="times", runs=ratios, at_most=RATIO_MAX),
            Figure(
                name=f"{against}, with RocksDB's own threads over all events",
                unit="times", runs=strictly, at_most=RATIO_MAX,
            ),
            Figure(name="limit: decode and book in memory", unit="us", runs=self.limit),
            *(
                Figure(name=f"peer: fold the holding anew, after {n:,}", unit="us", runs=costs)
                for n, costs in self.peer.items()
            ),
        ]  # fmt: skip

    def draw(self, path: Path) -> None:
        ours = [(n, _rate([cost.all for cost in costs])) for n, costs in self.lanes.items()]
        peer = [(n, _rate(costs)) for n, costs in self.peer.items()]
        series = {"a lane over RocksDB": ours, "folding the holding anew each time": peer}
        title = "Throughput of one core by length of history"
        lines(path, title, "events booked before", "events/s", series, log_x=True)


def _rate(microseconds: Sequence[float]) -> float:
    return 1e6 / statistics.median(microseconds)


@contextmanager
def _books(load: Load, length: int) -> Iterator[Books]:
    """Books of so many events; at the end they are checked."""
    with Books(load) as books:
        books.book(length)
        yield books
        books.check()


def measure_lengths(plan: Plan) -> list[Figure]:
    found = measured_lengths(plan)
    if plan.chart is not None:
        found.draw(plan.chart)
    return found.figures()


def measured_lengths(plan: Plan) -> Lengths:
    """All lengths in turns, close together, so that a busy machine does not meet one alone."""
    lanes: dict[int, list[Cost]] = {length: [] for length in plan.lengths}
    peer: dict[int, list[float]] = {length: [] for length in plan.lengths}
    limit = []
    # What is measured would make a short history another: it is made anew each round.
    kept = [n for n in plan.lengths if n > plan.rounds * plan.measured or n == plan.events]
    with ExitStack() as stack:
        long = {length: stack.enter_context(_books(plan.load, length)) for length in kept}
        for number in range(plan.rounds):
            with ExitStack() as this_round:
                books = {
                    n: long.get(n) or this_round.enter_context(_books(plan.load, n))
                    for n in plan.lengths
                }
                for n in plan.lengths if number % 2 else reversed(plan.lengths):
                    lanes[n].append(books[n].book(plan.measured))
            for n in plan.lengths:
                peer[n].append(fold_seconds(n // plan.load.holdings) * 1e6)
            alone = in_memory(_one_holding(plan.measured))
            limit.append(alone.decode_us + alone.ledger_us)
        return Lengths(lanes, peer, limit, long[plan.events].average.own_threads)


def _one_holding(events: int) -> Load:
    return Load(events=events, holdings=1, portfolios=1, open_lots=OPEN_LOTS)


def fold_seconds(events: int) -> float:
    """What it takes to book all events of a holding in memory, with all decoded already."""
    return in_memory(_one_holding(events)).ledger_us * events / 1e6


# -- one holding


def measure_one_holding(plan: Plan) -> list[Figure]:
    """All events in one holding: what the first cost, and the last."""
    part = min(plan.measured, plan.events // 4) // PARTS
    with Books(_one_holding(plan.events)) as books:
        first = [books.book(part).all for _ in range(PARTS)]
        books.book(plan.events - 2 * PARTS * part)
        last = [books.book(part).all for _ in range(PARTS)]
        books.check()
    title, count = f"one holding of {plan.events:,} transactions", f"{PARTS * part:,}"
    ratios = [after / before for before, after in zip(first, last, strict=True)]
    return [
        Figure(name=f"{title}: the first {count}", unit="us", runs=first),
        Figure(name=f"{title}: the last {count}", unit="us", runs=last),
        Figure(
            name=f"{title}: the last against the first",
            unit="times",
            runs=ratios,
            at_most=RATIO_MAX,
        ),
    ]


def measure_open_lots(plan: Plan) -> list[Figure]:
    return open_lots.measure(plan.many_lots, plan.measured, plan.rounds)


SUBJECTS: dict[str, Callable[[Plan], list[Figure]]] = {
    "lengths": measure_lengths,
    "lots": measure_open_lots,
    "holding": measure_one_holding,
}


@click.command()
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(1000))
@click.option("--measured", default=10_000, show_default=True, type=click.IntRange(100),
              help="Events a round, on each of the books.")  # fmt: skip
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--lots", default=5000, show_default=True, type=click.IntRange(20))
@click.option("--only", multiple=True, type=click.Choice(list(SUBJECTS)), help="Not all of it.")
@click.option("--chart", type=click.Path(path_type=Path), help="Draw throughput by length here.")
@json_option
def main(
    events: int, measured: int, rounds: int, lots: int,
    only: tuple[str, ...], chart: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Compare the cost of an event after long histories and short ones, with many open lots and
    with few."""
    if chart is not None and only and "lengths" not in only:
        raise click.UsageError("--chart is drawn of `lengths`, which --only leaves out")
    as_in_a_worker()
    machine, plan = describe(), Plan(events, measured, rounds, lots, chart)
    figures: list[Figure] = []
    try:
        for name in only or SUBJECTS:
            click.echo(f"{name} ...", err=True)
            figures += SUBJECTS[name](plan)
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    Report(machine, {"CPU of a lane, an event": figures}).show(as_json=as_json)


if __name__ == "__main__":
    main()
