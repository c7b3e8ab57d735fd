"""All partitions of the booking step without Kafka: real state, batches of any size."""

import json
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

from calculator import ReliefMethod, Source
from streams import state
from streams.answers import lots as live_lots
from streams.step import BookingStep, InputRecord, OutputRecord
from streams.tables import Table, Tables
from tests.oracle.decode import Record

PARTITIONS = 8
Row = dict[str, Any]


class Partition:
    """One booking step with its state and everything that it published."""

    def __init__(self, number: int, tables: Tables) -> None:
        self.number = number
        self.tables = tables
        self.table: Table = tables.open(number)
        self.as_of = 0
        self.results: list[bytes] = []
        self.positions: dict[bytes, bytes | None] = {}
        self.dead: list[OutputRecord] = []
        self.forwarded: list[OutputRecord] = []
        self.counts = dict.fromkeys(("booked", "duplicate", "superseded", "forwarded", "dead"), 0)
        self.start()

    def start(self, lots_max: int = 1000) -> None:
        self.step = BookingStep(
            self.table,
            partition=self.number,
            partitions=PARTITIONS,
            default_method=ReliefMethod.FIFO,
            lots_max=lots_max,
        )

    def restart(self) -> None:
        """As after a crash behind the last batch: only the state on disk is left."""
        self.table.close()
        self.table = self.tables.open(self.number)
        self.start()

    def run(self, records: list[InputRecord], steps: int) -> None:
        self.as_of += 1
        outcome = self.step.run(records, self.as_of, steps)
        changes = outcome.changes
        progress = state.encode_record(state.Progress(as_of=self.as_of))
        self.table.write([*changes.changelog, *changes.local, (state.PROGRESS, progress)])
        self.results += [value for _, value, _ in changes.results]
        self.positions.update(changes.positions)
        self.dead += outcome.dead
        self.forwarded += outcome.forwarded
        for name in self.counts:
            self.counts[name] += getattr(outcome.counts, name)


class Partitions:
    """Takes messages as they would lie in the topics and shows what came of them."""

    def __init__(self, folder: Path, rng: Random) -> None:
        tables = Tables(folder)
        self.rng = rng
        self.all = [Partition(number, tables) for number in range(PARTITIONS)]

    def run(self, records: Iterable[Record], batch_max: int, steps: int) -> None:
        waiting: list[list[InputRecord]] = [[] for _ in self.all]
        for r in records:
            source = Source(r.topic, r.partition, r.offset)
            waiting[r.partition].append(InputRecord(source, False, r.key, r.value, [], 0))
            if self.rng.random() < 1 / batch_max:
                self.book(r.partition, waiting, steps)
        while any(waiting) or any(p.step.has_work for p in self.all):
            for p in self.all:
                self.book(p.number, waiting, max(steps, 50))

    def book(self, number: int, waiting: list[list[InputRecord]], steps: int) -> None:
        partition = self.all[number]
        batch, waiting[number] = waiting[number], []
        partition.run(batch, steps)
        for record in partition.forwarded:
            headers = dict(record.headers)
            source = Source(
                headers["source-topic"].decode(),
                int(headers["source-partition"]),
                int(headers["source-offset"]),
            )
            waiting[record.partition].append(
                InputRecord(source, True, record.key, record.value, [], 0)
            )
        partition.forwarded.clear()
        if self.rng.random() < 0.02:
            partition.restart()

    def results(self) -> list[Row]:
        newest: dict[tuple[str, str], Row] = {}
        for partition in self.all:
            for value in partition.results:
                row = json.loads(value)
                key = row["portfolio_id"], row["transaction_id"]
                if key not in newest or row["as_of"] > newest[key]["as_of"]:
                    newest[key] = row
        return list(newest.values())

    def positions(self) -> list[Row]:
        return [json.loads(v) for p in self.all for v in p.positions.values() if v is not None]

    def lots(self) -> dict[tuple[str, str], list[Row]]:
        found = {}
        for partition in self.all:
            for key in partition.positions:
                portfolio_id, security_id = key.decode().split("|")
                if partition.positions[key] is not None:
                    answer = live_lots(
                        partition.table.snapshot(), partition.number, portfolio_id, security_id
                    )
                    found[portfolio_id, security_id] = json.loads(answer)["lots"]
        return found

    def dead(self) -> list[tuple[str, int, int]]:
        places = []
        for partition in self.all:
            for record in partition.dead:
                headers = dict(record.headers)
                assert json.loads(headers["errors"])
                places.append(
                    (
                        headers["source-topic"].decode(),
                        int(headers["source-partition"]),
                        int(headers["source-offset"]),
                    )
                )
        return places
