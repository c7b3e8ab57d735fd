"""How much memory a worker takes that keeps 1,000,000 open lots of 100,000 holdings.

    python -m bench.memory                     # about 8 minutes with nothing else running
    python -m bench.memory --worker-runs 0     # without Kafka and PostgreSQL

The lots are bought, then one event of eleven goes on to buy and sell. What is resident is looked at
on the way: in a process of its own that has the lanes of a worker and its caches, and in a real
worker on real servers. Beside it the limit: the lots as they are stored.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import click
import psutil

from bench.books import Books, stored_bytes
from bench.end_to_end import check, watch_of
from bench.figures import Figure, Report
from bench.lanes import as_in_a_worker
from bench.load import Load, expected, send
from bench.machine import describe
from bench.stage import BenchmarkError, Stage
from bench.system import running
from cli.printing import json_option
from cli.servers import ServerError
from streams.memory import share_one_arena

OPEN_LOTS = 10
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)  # of all events: where to look
MEBIBYTE = 1 << 20
RESIDENT_MAX = 1024.0  # MiB, aimed at
AIMED_AT_LOTS = 1_000_000  # with up to so many open


@dataclass(frozen=True, slots=True)
class Looks:
    """MiB resident, after each of the shares."""

    resident: list[float]
    peak: float  # MiB, at any moment
    stored: float = 0.0  # MiB of holdings and lots on disk, before RocksDB compresses them


def load_of(holdings: int) -> Load:
    lots = holdings * OPEN_LOTS
    return Load(
        events=lots * 11 // 10,
        holdings=holdings,
        portfolios=max(1, holdings // 10),
        open_lots=OPEN_LOTS,
    )


def _resident(pid: int | None = None) -> float:
    return float(psutil.Process(pid).memory_info().rss) / MEBIBYTE


def _peak(pid: int) -> float:
    """The most that a process had resident since it began."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return float(line.split()[1]) / 1024  # kB


def _counts(load: Load) -> list[int]:
    return [int(load.events * share) for share in SHARES]


def measure_lanes(load: Load) -> Looks:
    """Lanes in this process, which does nothing else before or after."""
    share_one_arena()
    as_in_a_worker()
    with Books(load) as books:
        resident = [_resident()]
        counts = _counts(load)
        for before, count in pairwise(counts):
            books.book(count - before)
            resident.append(_resident())
        peak = _peak(os.getpid())  # what comes now reads everything at once
        stored = stored_bytes(books.lanes) / MEBIBYTE
        books.check()
    return Looks(resident, peak, stored)


def measure_worker(load: Load) -> Looks:
    """A worker process between Kafka and a store."""
    totals = expected(load)
    with Stage() as stage:
        stage.begin_anew()
        send(stage.connections.kafka, load)
        with running(stage, 1) as system:
            (worker,) = system.kinds()["workers"]
            watch = watch_of(stage, system, load.events)
            resident = []
            with watch.cursor() as cursor:
                for count in _counts(load):
                    watch.wait_for(cursor, max(1, count))
                    resident.append(_resident(worker))
            peak = _peak(worker)
        check(stage.connections.database_url, totals)
    return Looks(resident, peak)


def _figures(what: str, load: Load, looks: list[Looks]) -> Iterator[Figure]:
    if not looks:
        return
    for n, count in enumerate(_counts(load)):
        resident = [look.resident[n] for look in looks]
        yield Figure(name=f"{what}, {max(1, count):,} events", unit="MiB", runs=resident)
    peaks = [look.peak for look in looks]
    at_most = RESIDENT_MAX if load.holdings * OPEN_LOTS <= AIMED_AT_LOTS else None
    yield Figure(name=f"{what}, at its peak", unit="MiB", runs=peaks, at_most=at_most)


def measure(load: Load, runs: int, worker_runs: int) -> Iterator[Figure]:
    lanes = [_alone(load) for _ in _counted("lanes", runs)]
    yield from _figures("lanes", load, lanes)
    if lanes:
        stored = [look.stored for look in lanes]
        yield Figure(name="limit: holdings and lots as they are stored", unit="MiB", runs=stored)
    workers = [measure_worker(load) for _ in _counted("worker", worker_runs)]
    yield from _figures("worker", load, workers)


def _alone(load: Load) -> Looks:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measure_lanes, (load,))


def _counted(what: str, runs: int) -> Iterator[int]:
    for number in range(1, runs + 1):
        click.echo(f"{what}, run {number} of {runs} ...", err=True)
        yield number


@click.command()
@click.option("--holdings", default=100_000, show_default=True, type=click.IntRange(10))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(0))
@click.option("--worker-runs", default=3, show_default=True, type=click.IntRange(0))
@json_option
def main(holdings: int, runs: int, worker_runs: int, as_json: bool) -> None:
    """Look at what is resident while holdings of 10 open lots each are booked."""
    machine, load = describe(), load_of(holdings)
    try:
        figures = list(measure(load, runs, worker_runs))
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    title = f"Resident with {holdings * OPEN_LOTS:,} open lots of {holdings:,} holdings"
    Report(machine, {title: figures}).show(as_json=as_json)


if __name__ == "__main__":
    main()
