"""How long partitions stand still when a worker comes, goes, crashes, or crashes and comes back.

    python -m bench.rebalance

Transactions flow evenly into every partition. Of each partition the longest time between two
batches of results is taken, from the moment of the change until all is served again: what its
users wait for. Beside it the limits that are aimed at.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import click

from bench.figures import Figure, Report
from bench.load import PARTITIONS
from bench.machine import describe
from bench.stage import Stage
from cli.printing import json_option
from tests.oracle.events import Message
from tests.oracle.murmur2 import partition_of
from tests.system.events import trade
from tests.system.flow import Flow
from tests.system.log import read
from tests.system.system import Part, System
from wire.broker import Broker
from wire.topics import COMPLETED

PER_SECOND = 160.0
SERVED_SECONDS_MAX = 60.0
REST_SECONDS = 3.0
SESSION_SECONDS = 10.0
LIMITS = {
    "a worker joins": None,
    "a worker leaves": 3.0,
    "a worker crashes": SESSION_SECONDS + 5,
    "a worker crashes and is started again": None,
}


def trades() -> Iterator[Message]:
    """One after the other into each partition in turn, without end."""
    portfolios = [
        next(f"P{n}" for n in range(1000) if partition_of(f"P{n}", PARTITIONS) == partition)
        for partition in range(PARTITIONS)
    ]
    for number in count():
        portfolio = portfolios[number % PARTITIONS]
        yield trade(portfolio, f"T{number}", "BUY", "2024-01-01", "1", "1", f"S{number % 50}")


def longest_standstill(broker: Broker, since: float, until: float) -> float:
    """Seconds, over all partitions, by the times at which results were written."""
    times: dict[int, list[float]] = {partition: [since] for partition in range(PARTITIONS)}
    for message in read(broker, COMPLETED.name):
        at = message.timestamp()[1] / 1000
        if since <= at <= until:
            times[message.partition()].append(at)
    return max(
        later - earlier
        for of_one in times.values()
        for earlier, later in zip(of_one, [*of_one[1:], until], strict=True)
    )


@contextmanager
def two_workers(stage: Stage) -> Iterator[System]:
    stage.begin_anew()
    folder = stage.folder / "rebalance"
    folder.mkdir()
    system = System(stage.connections, stage.connections.database_url, folder)
    try:
        system.worker().start()
        system.wait_until(system.is_serving, SERVED_SECONDS_MAX, "all is served")
        yield system
    finally:
        system.stop()
        shutil.rmtree(folder)


def measure(system: System, change: Callable[[], None], workers: int) -> float:
    """The longest standstill while this many workers come to serve all partitions."""
    since = time.time()
    change()
    system.wait_until(lambda: system.serving() == workers, SERVED_SECONDS_MAX, "all is served")
    time.sleep(REST_SECONDS)
    return longest_standstill(system.kafka, since, time.time() - 1)


def run_once(stage: Stage) -> dict[str, float]:
    with two_workers(stage) as system, Flow(system.kafka, trades(), PER_SECOND):
        time.sleep(REST_SECONDS)
        second: Part = system.worker()
        found = {
            "a worker joins": measure(system, second.start, 2),
            "a worker leaves": measure(system, second.stop, 1),
        }
        measure(system, second.start, 2)

        def crash_and_start() -> None:
            second.kill()
            second.start()

        found["a worker crashes and is started again"] = measure(system, crash_and_start, 2)
        found["a worker crashes"] = measure(system, second.kill, 1)
    return found


@click.command()
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@json_option
def main(runs: int, as_json: bool) -> None:
    """Two workers on real servers, each change once a run."""
    machine = describe()
    with Stage() as stage:
        results = []
        for number in range(1, runs + 1):
            click.echo(f"run {number} of {runs} ...", err=True)
            results.append(run_once(stage))
    figures = [
        Figure(name=change, unit="s", runs=[result[change] for result in results], at_most=limit)
        for change, limit in LIMITS.items()
    ]
    title = "Without progress, in the partition that waits longest"
    Report(machine, {title: figures}).show(as_json=as_json)


if __name__ == "__main__":
    main()
