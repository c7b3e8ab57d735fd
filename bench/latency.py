"""How long an event takes from POST to its committed row, and to the live tables, by the load.

An open loop: requests are due at an even pace, however long the system takes to answer, and every
event counts from the moment at which it was due, so that waiting in front of a busy system counts
as well. Each rate goes to the API of a whole system, by default small requests of ten events over
many connections. Beside it, at the same rate, the floor: see `bench.echo`. Requests overtake each
other, so some events come late and some results are corrected; in the end all books are compared
with the independent fold.
"""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import click
import uvloop

from bench import echo
from bench.charts import lines
from bench.end_to_end import check
from bench.figures import Figure, Report, of_usage
from bench.load import PARTITIONS, Load, expected, portfolios, send_records, transactions
from bench.machine import Snapshot, Usage, describe
from bench.posting import Door, at_even_pace, require
from bench.sight import Sight, count_rows, transactions_by_trade
from bench.stage import BenchmarkError, Stage
from bench.system import System, running
from cli.lag import behind_the_store
from cli.printing import json_option
from cli.servers import ServerError
from wire.topics import PORTFOLIOS

RATES = (500, 1000, 2000, 5000)
CONNECTIONS_MAX = 64
# Events that are posted alone and answered when the live tables have them: enough for a 99th
# percentile over a run, too few to be a load of their own.
SAMPLES_PER_SECOND = 10
ROW_MS_MAX, LIVE_MS_MAX = 250.0, 100.0  # aimed at, of 99 in 100
SETTLED_SECONDS_MAX = 120.0
REST_SECONDS = 1.0
CHARTED = [
    f"POST to {where}, {share}"
    for where in ("committed row", "live tables")
    for share in ("p50", "p99")
]
APPLIED = "/ingest/transaction?wait=applied&timeout=60"


@dataclass(slots=True)
class Posted:
    """What one rate showed, in seconds since each event was due."""

    sent_late: list[float] = field(default_factory=list)  # requests, by this process
    accepted: list[float] = field(default_factory=list)  # requests
    live: list[float] = field(default_factory=list)  # events of the sample
    row: list[float] = field(default_factory=list)  # events, as their row is in the end
    sent_again: int = 0
    resolution: float = 0.0  # rows were looked for at least that often


class Plan(NamedTuple):
    """What to measure."""

    rates: tuple[int, ...]
    seconds: int
    warm_up_seconds: int
    runs: int
    workers: int
    at_once: int  # events a request

    @property
    def events(self) -> int:
        measured = sum(self.rates) * self.seconds * self.runs
        return measured + max(self.rates) * self.warm_up_seconds


class Step(NamedTuple):
    """One rate in one run."""

    posted: Posted
    usage: Usage
    floor: echo.Echo


class Poster:
    """Posts events when they are due, and notes when that was and when they were applied."""

    def __init__(
        self, door: Door, values: Sequence[bytes], at_once: int, per_second: float
    ) -> None:
        self._door, self._values, self._at_once = door, values, at_once
        self._seconds = at_once / per_second
        self._sampled_each = max(1, round(1 / self._seconds / SAMPLES_PER_SECOND))
        self.due: dict[int, float] = {}  # by request
        self.posted = Posted()

    async def post_all(self) -> None:
        requests = len(self._values) // self._at_once
        await at_even_pace(requests, self._seconds, self._post)
        self.posted.sent_again = self._door.sent_again

    async def _post(self, number: int, due: float) -> None:
        self.due[number] = due
        self.posted.sent_late.append(time.perf_counter() - due)
        first = number * self._at_once
        values = self._values[first : first + self._at_once]
        if number % self._sampled_each:
            await self._post_list(values, due)
        else:
            await asyncio.gather(
                self._post_list(values[:-1], due), self._post_sampled(values[-1], due)
            )

    async def _post_list(self, values: Sequence[bytes], due: float) -> None:
        body = b'{"transactions":[%b]}' % b",".join(values)
        require(await self._door.post("/ingest/transactions", body), 202)
        self.posted.accepted.append(time.perf_counter() - due)

    async def _post_sampled(self, value: bytes, due: float) -> None:
        require(await self._door.post(APPLIED, value), 200)
        self.posted.live.append(time.perf_counter() - due)


class Course:
    """A system that is posted to, one rate after another."""

    def __init__(self, stage: Stage, system: System, load: Load, at_once: int) -> None:
        self._stage, self._system, self._at_once = stage, system, at_once
        self._events = (value for _, value in transactions(load))
        self._first = 0  # number of the next trade

    def measure(self, per_second: int, seconds: int) -> Step:
        values = self._next(per_second, seconds)
        posted, usage = self._post(values, per_second)
        return Step(posted, usage, echo.measure(self._stage, values, self._at_once, per_second))

    def warm_up(self, per_second: int, seconds: int) -> None:
        """Let the broker compile, which takes most of a core at first, and everybody connect."""
        if seconds:
            self._post(self._next(per_second, seconds), per_second)

    def _next(self, per_second: int, seconds: int) -> list[bytes]:
        """Whole requests."""
        requests = per_second * seconds // self._at_once
        return list(islice(self._events, requests * self._at_once))

    def _post(self, values: list[bytes], per_second: int) -> tuple[Posted, Usage]:
        url, kinds = self._stage.connections.database_url, self._system.kinds()
        gc.collect()
        gc.freeze()
        with Sight(url) as sight:
            begin = Snapshot.take(kinds, {"bench": time.process_time()})
            try:
                poster = uvloop.run(post(self._system.api_url, values, self._at_once, per_second))
            except BenchmarkError:
                self._system.require_running()  # a process that is gone says more
                raise
            self._wait_for_rows(self._first + len(values))
            end = Snapshot.take(kinds, {"bench": time.process_time()})
        for number, transaction in transactions_by_trade(url, self._first).items():
            due = poster.due[(number - self._first) // self._at_once]
            poster.posted.row.append(sight.seen_at(transaction) - due)
        poster.posted.resolution = sight.longest_gap_seconds
        self._first += len(values)
        return poster.posted, Usage.between(begin, end, len(values))

    def _wait_for_rows(self, count: int) -> None:
        """Asks rarely: it costs as much as there are rows."""
        deadline = time.monotonic() + SETTLED_SECONDS_MAX
        while (found := count_rows(self._stage.connections.database_url)) < count:
            self._system.require_running()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"only {found} of {count} transactions are stored")
            time.sleep(REST_SECONDS)

    def check(self) -> None:
        """Compare what is stored in the end with the independent fold of all that was posted."""
        while behind_the_store(self._stage.connections, PARTITIONS):
            self._system.require_running()
            time.sleep(REST_SECONDS)
        check(self._stage.connections.database_url, expected(Load(events=self._first)))


async def post(url: str, values: Sequence[bytes], at_once: int, per_second: float) -> Poster:
    door = Door(url, CONNECTIONS_MAX)
    poster = Poster(door, values, at_once, per_second)
    await poster.post_all()
    await door.close()
    return poster


def figures(steps: Sequence[Step]) -> list[Figure]:
    """Of one rate, over all runs."""
    posted, floors = [step.posted for step in steps], [step.floor for step in steps]
    return [
        *percentiles("POST to committed row", [p.row for p in posted], ROW_MS_MAX),
        *percentiles("POST to live tables", [p.live for p in posted], LIVE_MS_MAX),
        *percentiles("POST to its answer", [p.accepted for p in posted]),
        *percentiles("floor: bare producer to consumer", [floor.echoed for floor in floors]),
        *percentiles("floor: and COPY", [floor.committed for floor in floors]),
        *percentiles("posted late, which counts", [p.sent_late for p in posted]),
        Figure(
            name="rows looked for at least every",
            unit="ms",
            runs=[p.resolution * 1e3 for p in posted],
        ),
        Figure(name="requests sent again after 503", unit="", runs=[p.sent_again for p in posted]),
        *of_usage([step.usage for step in steps]),
    ]


def percentiles(
    name: str, runs: Sequence[Sequence[float]], at_most: float | None = None
) -> list[Figure]:
    """The middle and the 99th of 100, in milliseconds; the latter is what is aimed at."""
    return [
        Figure(name=f"{name}, p50", unit="ms", runs=[percentile(run, 50) * 1e3 for run in runs]),
        Figure(
            name=f"{name}, p99", unit="ms", runs=[percentile(run, 99) * 1e3 for run in runs],
            at_most=at_most,
        ),
    ]  # fmt: skip


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest of them that so many percent do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def draw(path: Path, report: Report, rates: Sequence[int]) -> None:
    """Latency against load."""
    by_name = [{figure.name: figure for figure in report.groups[title(rate)]} for rate in rates]
    series = {
        name: [(rate, found[name].median) for rate, found in zip(rates, by_name, strict=True)]
        for name in CHARTED
    }
    lines(path, "Latency by load", "events a second", "ms since an event was due", series)


def title(rate: int) -> str:
    return f"{rate:,} events/s"


def measure(plan: Plan) -> Report:
    """All rates in turn on one system, run after run."""
    load, machine = Load(events=plan.events), describe()
    steps: dict[int, list[Step]] = {rate: [] for rate in plan.rates}
    with Stage() as stage:
        machine["postgresql"] = stage.postgresql_version()
        stage.begin_anew()
        send_records(stage.connections.kafka, PORTFOLIOS, portfolios(load))
        with running(stage, plan.workers, has_api=True) as system:
            system.wait_until_ready()
            course = Course(stage, system, load, plan.at_once)
            course.warm_up(max(plan.rates), plan.warm_up_seconds)
            for run in range(1, plan.runs + 1):
                for rate in plan.rates:
                    click.echo(f"run {run} of {plan.runs}, {title(rate)}", err=True)
                    steps[rate].append(course.measure(rate, plan.seconds))
            course.check()
    return Report(machine, {title(rate): figures(steps[rate]) for rate in plan.rates})


@click.command()
@click.option(
    "--rate", "rates", default=RATES, show_default=True, multiple=True,
    type=click.IntRange(10), help="Events a second; may be given several times.",
)  # fmt: skip
@click.option(
    "--at-once", default=10, show_default=True, type=click.IntRange(2, 1000),
    help="Events a request.",
)  # fmt: skip
@click.option("--seconds", default=20, show_default=True, type=click.IntRange(1), help="Each rate.")
@click.option(
    "--warm-up", "warm_up_seconds", default=30, show_default=True, type=click.IntRange(0),
    help="Seconds at the highest rate, before.",
)  # fmt: skip
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 8))
@click.option("--chart", type=click.Path(path_type=Path, dir_okay=False), help="An SVG to draw.")
@json_option
def main(chart: Path | None, as_json: bool, **plan: Any) -> None:  # noqa: ANN401 - the options
    """Measure a whole system at fixed rates."""
    planned = Plan(**plan)
    if min(planned.rates) * planned.seconds < planned.at_once:
        raise click.UsageError("The lowest rate does not fill one request.")
    try:
        report = measure(planned)
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    report.show(as_json=as_json)
    if chart is not None:
        draw(chart, report, planned.rates)


if __name__ == "__main__":
    main()
