"""A lane without its servers: what booking costs in process, stage by stage.

Eight lanes over RocksDB take the load in batches as they would come from Kafka. What they would
publish is turned into rows as the store does it, and neither Kafka nor PostgreSQL is there.
"""

import cProfile
import gc
import json
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import click

from bench.load import METHODS, PARTITIONS, Load, expected, portfolios, transactions
from calculator import ReliefMethod, Source
from streams import rows
from streams.step import BookingStep, InputRecord, Outcome
from streams.tables import Table, Tables
from wire.partitioner import partition_of
from wire.topics import COMPLETED, PORTFOLIOS, POSITIONS, RAW_TRANSACTIONS

EVENTS_A_BATCH = 2000
RECORDS_STORED_AT_ONCE = 8000
STEPS_MAX = 5000
LOTS_MAX = 400_000  # kept decoded by a worker
Message = tuple[str, str, bytes]  # topic, portfolio_id, value


class Published(NamedTuple):
    """A record as the store reads it."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int = 0


class Clock:
    """Processor seconds by stage, in the order in which the stages first came."""

    def __init__(self, profile: cProfile.Profile | None) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._profile = profile

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.process_time()
        with nullcontext() if self._profile is None else self._profile:
            yield
        self.seconds[name] += time.process_time() - began


class Lane:
    """One partition's books and where they are kept."""

    def __init__(self, partition: int, table: Table, clock: Clock) -> None:
        self._partition = partition
        self._table = table
        self._clock = clock
        self._as_of = self._offset = 0
        self._step = BookingStep(
            table,
            partition=partition,
            partitions=PARTITIONS,
            default_method=ReliefMethod.FIFO,
            lots_max=LOTS_MAX // PARTITIONS,
        )

    def handle(self, messages: list[Message]) -> list[Published]:
        self._as_of += 1
        with self._clock.stage("booking step"):
            records = [self._record(*message) for message in messages]
            outcome = self._step.run(records, self._as_of, STEPS_MAX)
        with self._clock.stage("RocksDB"):
            self._table.write([*outcome.changes.changelog, *outcome.changes.local])
        return list(published(outcome))

    def _record(self, topic: str, portfolio_id: str, value: bytes) -> InputRecord:
        self._offset += 1
        source = Source(topic, self._partition, self._offset)
        return InputRecord(source, False, portfolio_id.encode(), value, [], 0)


def published(outcome: Outcome) -> Iterator[Published]:
    assert not outcome.dead
    assert not outcome.forwarded
    for key, value, is_first in outcome.changes.results:
        yield Published(COMPLETED.name, key, value, [(rows.FIRST, b"")] if is_first else [])
    for position_key, position in outcome.changes.positions:
        yield Published(POSITIONS.name, position_key, position, [])


@dataclass(frozen=True, slots=True)
class Steps:
    """Processor time is for one event."""

    cpu_us: dict[str, float]
    is_right: bool


def measure(load: Load, folder: Path, profile: cProfile.Profile | None) -> Steps:
    clock, tables = Clock(profile), Tables(folder)
    lanes = [Lane(p, tables.open(p), clock) for p in range(PARTITIONS)]
    results = disposals = 0
    waiting: list[Published] = []
    for partition, messages in _batches(load):
        waiting += lanes[partition].handle(messages)
        if len(waiting) >= RECORDS_STORED_AT_ONCE:
            counts = _store(waiting, clock)
            results, disposals = results + counts[0], disposals + counts[1]
            waiting = []
    counts = _store(waiting, clock)
    results, disposals = results + counts[0], disposals + counts[1]
    totals = expected(load)
    return Steps(
        {name: seconds / load.events * 1e6 for name, seconds in clock.seconds.items()},
        (results, disposals) == (totals.transactions, totals.disposals),
    )


def _store(records: list[Published], clock: Clock) -> tuple[int, int]:
    """Make the rows; return how many transactions and disposals there are."""
    with clock.stage("rows for PostgreSQL"):
        gathered = rows.gather(records)
    return gathered.new_transactions.count(b"\n"), gathered.new_disposals.count(b"\n")


def _batches(load: Load) -> Iterator[tuple[int, list[Message]]]:
    """(partition, messages), each as soon as it is full."""
    batches: list[list[Message]] = [[] for _ in range(PARTITIONS)]
    for topic, messages in (
        (PORTFOLIOS.name, portfolios(load)),
        (RAW_TRANSACTIONS.name, transactions(load)),
    ):
        for portfolio_id, value in messages:
            partition = partition_of(portfolio_id, PARTITIONS)
            batches[partition].append((topic, portfolio_id, value))
            if len(batches[partition]) == EVENTS_A_BATCH:
                yield partition, batches[partition]
                batches[partition] = []
    yield from ((partition, batch) for partition, batch in enumerate(batches) if batch)


@click.command()
@click.option("--events", default=200_000, show_default=True, type=click.IntRange(1))
@click.option("--method", default="FIFO", show_default=True, type=click.Choice(METHODS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--profile", is_flag=True, help="Also print which functions take longest.")
def main(events: int, method: str, as_json: bool, profile: bool) -> None:
    """Book the load in process and say what each stage costs."""
    # As in a worker: the collector would walk every cached lot again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 1000)
    profiler = cProfile.Profile() if profile else None
    with tempfile.TemporaryDirectory() as folder:
        steps = measure(Load(events=events, method=method), Path(folder), profiler)
    if as_json:
        click.echo(json.dumps(steps.cpu_us))
    else:
        click.echo(f"a lane without its servers, {method}, CPU us an event")
        for name, microseconds in steps.cpu_us.items():
            click.echo(f"  {name:24}{microseconds:6.1f}")
    if profiler is not None:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
    if not steps.is_right:
        raise click.ClickException("the results are not those of the independent fold")


if __name__ == "__main__":
    main()
