import json
import shutil
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from streams import answers, pace
from streams import lane as lane_module
from streams.lane import Lane
from streams.tables import Table, Tables
from tests.oracle.compare import differences
from tests.oracle.events import Mess, generate, of_topic, records
from tests.oracle.fold import expected
from tests.streams.lanes import (
    PARTITIONS,
    Logs,
    MemoryLog,
    MemoryRestorer,
    NoLog,
    dump,
    lane_over,
    next_batches,
)
from wire.topics import ALL, CHANGELOG, COMPLETED, DEAD_LETTER, POSITIONS, Topic

EVENTS = 1_500
Row = dict[str, Any]


class Crash(BaseException):
    """The end of a process."""


class Cluster:
    """Workers that own one partition each, and whatever can happen to them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = Random(f"chaos {seed}")
        self.logs = Logs()
        self.folder = folder
        self.owners: list[Owner] = []
        self.crashes = dict.fromkeys(("before", "behind", "fenced", "moved", "disk"), 0)

    def happens(self, what: str, share: float) -> bool:
        happened = self.rng.random() < share
        self.crashes[what] += happened
        return happened

    def work_off(self) -> None:
        self.owners = [Owner(self, number) for number in range(PARTITIONS)]
        while any(owner.work() for owner in self.rng.sample(self.owners, PARTITIONS)):
            pass

    def all(self, topic: Topic) -> list[Any]:
        return [m for p in range(PARTITIONS) for m in self.logs.read(topic, p)]

    def newest_results(self) -> list[Row]:
        newest: dict[tuple[str, str], Row] = {}
        for message in self.all(COMPLETED):
            row = json.loads(message.value)
            key = row["portfolio_id"], row["transaction_id"]
            assert key not in newest or row["as_of"] > newest[key]["as_of"]
            newest[key] = row
        return list(newest.values())

    def positions(self) -> dict[bytes, bytes]:
        newest = {message.key: message.value for message in self.all(POSITIONS)}
        return {key: value for key, value in newest.items() if value is not None}

    def lots(self) -> dict[tuple[str, str], list[Row]]:
        found = {}
        for value in self.positions().values():
            row = json.loads(value)
            ids = row["portfolio_id"], row["security_id"]
            owner = next(o for o in self.owners if value in dict.fromkeys(o.positions()))
            answer = answers.lots(owner.table.snapshot(), owner.number, *ids)
            found[ids] = json.loads(answer)["lots"]
        return found

    def dead(self) -> list[tuple[str, int, int]]:
        named = [dict(message.headers) for message in self.all(DEAD_LETTER)]
        return [
            (n["source-topic"].decode(), int(n["source-partition"]), int(n["source-offset"]))
            for n in named
        ]


class CrashingLog(MemoryLog):
    """Refuses whoever is not the newest owner, as the broker does."""

    def __init__(self, cluster: Cluster, owner: "Owner") -> None:
        super().__init__(cluster.logs, owner.number)
        self.cluster, self.owner, self.epoch = cluster, owner, owner.epoch

    def fail(self, stage: str) -> None:
        if self.epoch != self.owner.epoch:
            self.cluster.crashes["fenced"] += 1
            raise Crash
        if self.cluster.happens(stage, 0.08):
            if stage == "before":  # what was written of it was aborted, and leaves holes
                for topic in (CHANGELOG, COMPLETED):
                    for _ in range(self.cluster.rng.randrange(9)):
                        self.logs.mark(topic, self.partition)
            raise Crash


class Owner:
    """The worker that owns a partition, and those that did."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self.cluster, self.number = cluster, number
        self.epoch = self.disk = 0
        self.zombie: Lane | None = None
        self.take_over()

    def take_over(self) -> None:
        self.epoch += 1
        log = CrashingLog(self.cluster, self)
        tables = Tables(self.cluster.folder / f"{self.number}-{self.disk}")
        restorer = MemoryRestorer(self.cluster.logs, tables, records_max=13)
        self.table: Table = restorer.restore({self.number: log})[self.number]
        self.lane = lane_over(self.table, log, partition=self.number, lots_max=30)

    def move(self) -> None:
        """To another disk, while the one before does not know; that disk may be of any age."""
        self.zombie, left = self.lane, self.disk
        self.disk = self.cluster.rng.randrange(4)
        if self.disk == left:
            self.disk = left + 1
        self.take_over()

    def work(self) -> bool:
        """One batch; whether there was anything to do."""
        rng = self.cluster.rng
        batches = next_batches(self.cluster.logs, self.lane, rng.choice([1, 3, 20]))
        if not batches and not self.lane.has_work:
            return False
        if self.zombie is not None:
            zombie, self.zombie = self.zombie, None
            with pytest.raises(Crash):
                zombie.handle(next_batches(self.cluster.logs, zombie, 5))
            zombie.table.close()
        try:
            self.lane.handle([b for b in batches if rng.random() < 0.8])
        except Crash:
            self.table.close()
            if self.cluster.happens("disk", 0.3):
                shutil.rmtree(self.cluster.folder / f"{self.number}-{self.disk}")
            self.take_over()
        if self.cluster.happens("moved", 0.06):
            self.move()
        return True

    def positions(self) -> list[bytes | None]:
        return [message.value for message in self.cluster.logs.read(POSITIONS, self.number)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_crashes_at_every_step_and_owners_that_do_not_know_it_leave_the_books_of_a_sort_and_fold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    def end(code: int) -> None:
        raise Crash

    monkeypatch.setattr(lane_module, "os", SimpleNamespace(_exit=end))
    monkeypatch.setattr(pace, "STEPS_MAX", 20)
    monkeypatch.setattr(lane_module, "log", Mock())
    cluster = Cluster(tmp_path, seed)
    arrived = records(generate(seed, EVENTS, mess=Mess(late=[1.0, 0.05][seed % 2])))
    topics = {topic.name: topic for topic in ALL}
    for record in arrived:
        cluster.logs.append(topics[record.topic], record.partition, record.key, record.value)
    cluster.work_off()
    assert min(cluster.crashes.values()) > 2
    transactions, portfolios = (
        of_topic(arrived, name) for name in ("raw_transactions", "portfolios")
    )
    assert not differences(
        expected(transactions, portfolios),
        results=cluster.newest_results(),
        positions=[json.loads(value) for value in cluster.positions().values()],
        lots=cluster.lots(),
        dead=cluster.dead(),
    )
    progress = [owner.lane.progress for owner in cluster.owners]
    assert sum(p.read - p.forwarded for p in progress) == EVENTS
    for owner in cluster.owners:
        restorer = MemoryRestorer(cluster.logs, Tables(tmp_path / "fresh"))
        fresh = restorer.restore({owner.number: NoLog()})
        assert dump(fresh[owner.number]) == dump(owner.table)
        fresh[owner.number].close()
