"""The comparison that finds nothing wrong with the design finds it in designs that are wrong."""

import sys

import pytest

from tests.cli.portfolio import until
from tests.faults.broken import BROKEN
from tests.oracle.compare import differences
from tests.oracle.events import generate
from tests.system.log import send
from tests.system.system import PORTFOLIO, System

# Of the first, eight are the first batches of the partitions, which have no outputs.
CRASH_AFTER = dict(zip(BROKEN, ("12", "2"), strict=True))


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_order_of_effects_is_caught(system: System, way: str) -> None:
    messages = generate(seed=91, events=400)
    worker = system.worker()
    worker.program = (sys.executable, "-m", "tests.faults.broken")
    worker.settings = {"BROKEN": way, "CRASH_AT": "between", "CRASH_AFTER": CRASH_AFTER[way]}
    worker.start()
    system.store.start()
    system.wait_until(lambda: "serving" in worker.said(), 60, "every partition is served")
    send(system.kafka, messages)
    until(lambda: worker.has_ended, 60)
    assert "crash at between" in worker.said()
    worker.program, worker.settings = (str(PORTFOLIO),), {}
    worker.start()
    system.wait_settled()
    assert not is_right(system)


def is_right(system: System) -> bool:
    try:
        return not differences(system.expected(), results=system.newest_results())
    except AssertionError:
        return False  # one of them is there twice
