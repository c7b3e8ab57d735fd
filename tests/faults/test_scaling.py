"""Workers come, go, are restarted one after the other and crash, while records flow."""

import json
from collections.abc import Iterable

from tests.oracle.events import Mess, generate
from tests.system import log
from tests.system.flow import Flow
from tests.system.system import Part, System
from wire.topics import COMPLETED, POSITIONS

# Enough for more than four minutes; the test says so where they end before it does.
EVENTS, PER_SECOND = 40_000, 150.0
WORKERS, WORKERS_LONG = 3, 4
SERVED_SECONDS_MAX = 60.0


def await_serving(system: System, count: int) -> None:
    system.wait_until(
        lambda: system.serving() == count, SERVED_SECONDS_MAX, f"{count} workers serve everything"
    )


def leave(system: System, worker: Part, left: int) -> None:
    worker.stop()
    assert worker.exit_code == 0, worker.said()[-3000:]
    await_serving(system, left)


def batches(system: System, topic: str) -> list[tuple[int, int]]:
    """Of each record its partition and the batch that wrote it, in the order of the log."""
    return [
        (message.partition(), json.loads(message.value())["as_of"])
        for message in log.read(system.kafka, topic)
        if message.value() is not None
    ]


def gone_back(written: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where the batches of a partition are not one after the other: with a second writer there
    would be one of before."""
    found, last = [], dict.fromkeys(range(log.PARTITIONS), 0)
    for partition, as_of in written:
        if as_of < last[partition]:
            found.append((partition, as_of))
        last[partition] = as_of
    return found


def test_a_batch_of_before_is_found_in_a_log() -> None:
    right = [(0, 1), (1, 7), (0, 2), (0, 2), (0, 5), (1, 8)]
    assert gone_back(right) == []
    assert gone_back([*right, (0, 4), (1, 8), (0, 6)]) == [(0, 4)]


def test_workers_that_come_go_and_crash_leave_the_books_as_they_are(
    system: System, is_long: bool
) -> None:
    messages = generate(seed=81, events=EVENTS, portfolios=60, mess=Mess(late=0.05))
    system.store.start()
    count = WORKERS_LONG if is_long else WORKERS
    workers = [system.worker() for _ in range(count)]
    with Flow(system.kafka, messages, PER_SECOND) as flow:
        for running, worker in enumerate(workers, 1):
            worker.start()
            await_serving(system, running)
        for worker in workers if is_long else workers[:1]:
            leave(system, worker, count - 1)
            worker.start()
            await_serving(system, count)
        workers[0].kill()
        await_serving(system, count - 1)
        for left, worker in enumerate(workers[1:-1]):
            leave(system, worker, count - 2 - left)
        for worker in workers[:-1]:
            worker.start()
        await_serving(system, count)
        assert flow.is_alive(), "nothing flowed at the end"
    system.wait_settled()
    assert not [worker.said() for worker in workers if "lane_failed" in worker.said()]
    assert system.differences() == []
    assert system.miscounted() == []
    assert [gone_back(batches(system, topic.name)) for topic in (COMPLETED, POSITIONS)] == [[], []]
