import sys
from pathlib import Path

import pytest

from cli.servers import Connections
from tests.system.events import trade
from tests.system.log import make_topics_anew, send
from tests.system.system import System

SLOW_START = (sys.executable, "-m", "tests.system.slow_start")


@pytest.fixture
def system(servers: Connections, tmp_path: Path) -> System:
    make_topics_anew(servers.kafka_bootstrap)
    return System(servers, "postgresql://none", tmp_path)


def test_a_take_over_that_is_overtaken_by_the_next_worker_does_not_fence_it(
    system: System,
) -> None:
    send(
        system.bootstrap,
        [trade(f"P{n % 40}", f"T{n}", "BUY", "2024-01-01", "1", "1") for n in range(2000)],
    )
    slow = system.worker(SLOW_START)
    slow.start()
    system.wait_until(lambda: "starting" in slow.log_path.read_text(), 30, "it takes over")
    quick = system.worker()
    quick.start()
    try:
        system.wait_until(system.is_booked, 60, "every record is booked")
        # One more of each partition: whoever was fenced meanwhile finds out.
        send(
            system.bootstrap,
            [trade(f"P{n}", f"U{n}", "BUY", "2024-01-01", "1", "1") for n in range(40)],
        )
        system.wait_until(system.is_booked, 60, "every record is booked")
    finally:
        system.stop()
    logs = [worker.log_path.read_text() for worker in system.workers]
    assert all('"serving"' in log for log in logs)
    assert not any("lane_failed" in log for log in logs)
