"""A worker that is frozen in the middle of a transaction, and wakes up when others have its books."""

import signal

import psutil
from confluent_kafka import IsolationLevel

from streams.ends import Ends, open_below
from streams.lane import EXIT_LANE_FAILED
from tests.faults.crashing import OF_A_WORKER
from tests.faults.test_crash_points import CRASHING
from tests.oracle.events import generate
from tests.system import log
from tests.system.events import trade
from tests.system.log import PARTITIONS, send
from tests.system.system import Part, System
from wire.topics import CHANGELOG, COMPLETED

EVENTS = 400  # before it is frozen, and as many behind its back
POINT = "inside log"
# The first batch of each partition is none of records.
FIRST_WITH_RESULTS = str(PARTITIONS + 1)
FROZEN_SECONDS_MAX, TAKE_OVER_SECONDS_MAX = 30.0, 45.0


def is_begun(system: System) -> bool:
    """Whether every partition has had its first batch."""
    written = log.read(system.kafka, CHANGELOG.name)
    return {message.partition() for message in written} == set(range(PARTITIONS))


def is_frozen(worker: Part) -> bool:
    assert worker.process is not None
    return psutil.Process(worker.process.pid).status() == psutil.STATUS_STOPPED


def open_transactions(system: System) -> list[tuple[str, int]]:
    """Partitions of results with records that are neither committed nor aborted."""
    places = [(COMPLETED.name, p) for p in range(PARTITIONS)]
    ends = Ends(system.kafka)
    return open_below(ends, ends.patiently(places, IsolationLevel.READ_UNCOMMITTED))


def test_a_worker_frozen_inside_a_transaction_is_fenced_by_the_broker_alone(
    system: System,
) -> None:
    assert POINT in OF_A_WORKER
    # Of one partition: no other transaction is open, which might fail first and for its age. And
    # each batch of them has results.
    purchases = [trade("F", f"T{n}", "BUY", "2024-01-01", "1", "1") for n in range(EVENTS)]
    frozen, other = system.worker(), system.worker()
    frozen.program = CRASHING
    frozen.settings = {
        "CRASH_AT": POINT, "CRASH_AFTER": FIRST_WITH_RESULTS, "CRASH_BY": "SIGSTOP",
    }  # fmt: skip
    del system.urls[0]  # of the one that will not answer
    frozen.start()
    system.store.start()
    system.wait_until(lambda: is_begun(system), 60, "every partition is begun")
    send(system.kafka, purchases)
    system.wait_until(lambda: is_frozen(frozen), FROZEN_SECONDS_MAX, "it is frozen")
    assert frozen.said().count(f"crash at {POINT}") == 1
    assert open_transactions(system)
    other.start()
    system.wait_until(system.is_booked, TAKE_OVER_SECONDS_MAX, "the other one has booked it all")
    assert open_transactions(system) == []
    send(system.kafka, generate(seed=101, events=EVENTS, portfolios=40))
    # It goes on with its commit, and nobody has told it to end.
    frozen.stop(signal.SIGCONT)
    assert frozen.exit_code == EXIT_LANE_FAILED, frozen.said()[-3000:]
    assert "_FENCED" in frozen.said()
    system.wait_settled()
    assert "lane_failed" not in other.said()
    assert system.differences() == []
    assert system.miscounted() == []
