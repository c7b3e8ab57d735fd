import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from confluent_kafka import Producer

from cli.servers import Connections
from migrations.upgrade import upgrade
from streams.app import EXIT_SETTING, EXIT_UNDECIDED
from streams.rows import FIRST
from tests.system import log
from tests.system.events import portfolio, trade
from tests.system.flow import Flow
from tests.system.log import make_topics_anew, send
from tests.system.system import System
from wire.topics import CHANGELOG, COMPLETED

REBALANCES = 3
SLOW_START = (sys.executable, "-m", "tests.system.slow_start")


@pytest.fixture
def system(servers: Connections, tmp_path: Path) -> Iterator[System]:
    """Empty topics, no store, and nothing running yet."""
    make_topics_anew(servers.kafka)
    system = System(servers, "postgresql://none", tmp_path)
    yield system
    system.stop()
    assert system.holes() == []


def test_a_take_over_that_is_overtaken_by_the_next_worker_does_not_fence_it(
    system: System,
) -> None:
    send(
        system.kafka,
        [trade(f"P{n % 40}", f"T{n}", "BUY", "2024-01-01", "1", "1") for n in range(2000)],
    )
    slow = system.worker()
    slow.program = SLOW_START
    slow.start()
    system.wait_until(lambda: "starting" in slow.said(), 30, "it takes over")
    quick = system.worker()
    quick.start()
    system.wait_until(system.is_booked, 60, "every record is booked")
    # One more of each partition: whoever was fenced meanwhile finds out.
    send(
        system.kafka,
        [trade(f"P{n}", f"U{n}", "BUY", "2024-01-01", "1", "1") for n in range(40)],
    )
    system.wait_until(system.is_booked, 60, "every record is booked")
    both = (slow, quick)
    system.wait_until(lambda: all('"serving"' in one.said() for one in both), 60, "both serve")
    assert not any("lane_failed" in one.said() for one in both)


def test_a_fetch_that_goes_on_behind_a_rebalance_is_no_hole_in_the_log(system: System) -> None:
    workers = [system.worker() for _ in range(2)]
    for worker in workers:
        worker.program = (sys.executable, "-m", "tests.system.forgetful")
        worker.start()
    system.wait_until(lambda: system.serving() == 2, 60, "both serve")
    trades = [trade(f"P{n % 40}", f"T{n}", "BUY", "2024-01-01", "1", "1") for n in range(100_000)]
    with Flow(system.kafka, trades, 2_000.0):
        for number in range(REBALANCES):
            system.look_after()
            leaving = workers[number % 2]
            leaving.stop()
            leaving.start()
            system.wait_until(lambda: system.serving() == 2, 60, "both serve")
    assert system.holes() == []


def test_of_a_backlog_everything_is_booked_once_under_the_terms_that_came_with_it(
    system: System,
) -> None:
    portfolios = [f"P{n}" for n in range(40)]
    trades = [
        trade(portfolios[n % 40], f"T{n:04}", "BUY", "2024-01-01", "1", "1") for n in range(8000)
    ]
    send(system.kafka, trades)
    send(system.kafka, [portfolio(one, "USD", "HIFO") for one in portfolios])
    worker = system.worker()
    worker.program = (sys.executable, "-m", "tests.system.patient")
    worker.start()
    system.wait_until(system.is_booked, 60, "every record is booked")
    written = log.read(system.kafka, COMPLETED.name)
    assert len(written) == len(trades)
    assert all(message.headers() == [(FIRST, b"")] for message in written)


def test_a_killed_worker_comes_back_before_its_session_ends(system: System) -> None:
    worker = system.worker()
    worker.start()
    system.wait_until(system.is_serving, 60, "every partition is served")
    worker.kill()
    worker.start()
    system.wait_until(system.is_serving, 60, "every partition is served again")
    [left] = [line for line in worker.said().splitlines() if "left_for" in line]
    assert json.loads(left)["was_member"] is True


def test_a_second_worker_in_the_same_folder_is_refused_and_the_first_goes_on(
    system: System,
) -> None:
    first = system.worker()
    first.start()
    system.wait_until(system.is_serving, 60, "every partition is served")
    second = system.worker(folder=system.state_of(0))
    second.start()
    assert second.process is not None
    assert second.process.wait(60) == EXIT_SETTING
    assert "give each one a folder of its own" in second.said()
    assert first.said().count("took_over") == 1


def test_another_default_method_is_refused_where_no_record_ever_came(system: System) -> None:
    def is_fixed() -> bool:
        written = log.read(system.kafka, CHANGELOG.name)
        return {message.partition() for message in written} == set(range(log.PARTITIONS))

    first = system.worker()
    first.start()
    system.wait_until(is_fixed, 60, "every partition has its method")
    first.stop()
    other = system.worker()
    other.settings = {"DEFAULT_COST_BASIS_METHOD": "LIFO"}
    other.start()
    assert other.process is not None
    assert other.process.wait(60) == EXIT_SETTING
    assert "set it back" in other.said()


def test_a_worker_does_not_write_behind_a_transaction_whose_end_is_lost(system: System) -> None:
    # Open for longer than the test.
    options = {"transactional.id": "lost", "transaction.timeout.ms": 600_000}
    lost = Producer({**system.kafka.options, **options})
    lost.init_transactions()
    lost.begin_transaction()
    lost.produce(CHANGELOG.name, b"", b"key", 3)
    lost.flush()
    worker = system.worker()
    worker.program = (sys.executable, "-m", "tests.system.impatient")
    worker.start()
    assert worker.process is not None
    assert worker.process.wait(60) == EXIT_UNDECIDED
    assert f"{CHANGELOG.name} 3" in worker.said()
    assert f"{CHANGELOG.name} 2" not in worker.said()
    lost.abort_transaction()
    worker.start()
    system.wait_until(system.is_serving, 60, "every partition is served")


def shut(database_url: str) -> None:
    """End all sessions, and let nobody open one."""
    server, _, name = database_url.rpartition("/")
    admin = psycopg2.connect(f"{server}/postgres")
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
    admin.close()


def test_a_store_leaves_in_good_order_though_postgresql_is_away(
    system: System, database_url: str
) -> None:
    upgrade(database_url)
    with System(system.servers, database_url, system.folder) as system:
        system.store.start()
        system.wait_until(lambda: "took_over" in system.store.said(), 60, "the store is ready")
        shut(database_url)
        system.wait_until(
            lambda: "postgresql_refuses" in system.store.said(), 60, "the store notices"
        )
        system.store.stop()
        assert system.store.exit_code == 0
