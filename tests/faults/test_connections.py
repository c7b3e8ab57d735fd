"""Connections that are slow, come in pieces, are reset, or lose the answer to a commit."""

import shutil
import struct
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from cli.servers import Connections, down, kafka, up
from cli.servers.processes import start_bound
from migrations.upgrade import upgrade
from streams.topics import create_topics
from tests.conftest import empty_data_dir, settings_of
from tests.faults.proxy import Connection, Proxy, ReplyLost, Resetting, Sliced, Slow, Trouble
from tests.oracle.events import Message, generate
from tests.system.log import PARTITIONS, send
from tests.system.system import System, free_port
from wire.broker import Broker

EVENTS, PER_SECOND = 600, 150.0
LOST = 3
END_TRANSACTION = 26  # the number of this request in Kafka's protocol
LAG_SECONDS_MAX = 60


class Proxied(NamedTuple):
    """A system that reaches its servers through proxies."""

    system: System
    kafka: Proxy
    postgres: Proxy


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    data_dir = empty_data_dir(f"proxied-{free_port()}")
    settings = settings_of(data_dir)
    to_kafka, to_postgres = Proxy(), Proxy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka, "_properties", listening_behind(to_kafka, kafka._properties))
        found = up(settings, start=start_bound)
    server, _, name = found.database_url.rpartition("/")
    address, _, port = server.rpartition(":")
    to_postgres.server_port = int(port)
    upgrade(found.database_url)
    create_topics(found.kafka, PARTITIONS)
    url = f"{address}:{to_postgres.port}/{name}"
    through = Connections(Broker(bootstrap=f"127.0.0.1:{to_kafka.port}"), url)
    with System(through, url, tmp_path_factory.mktemp("proxied")) as system:
        system.worker().start()
        system.store.start()
        system.wait_until(system.is_serving, 60, "every partition is served")
        yield Proxied(system, to_kafka, to_postgres)
    down(settings)
    to_kafka.close()
    to_postgres.close()
    shutil.rmtree(data_dir)


def listening_behind(proxy: Proxy, properties: Any) -> Any:  # noqa: ANN401
    """The broker's settings with one more listener, whose clients are sent to the proxy."""
    proxy.server_port = free_port()

    def changed(data: Path, broker_port: int, controller_port: int) -> str:
        text: str = properties(data, broker_port, controller_port)
        values = dict(line.split("=", 1) for line in text.splitlines())
        values["listeners"] += f",PROXIED://127.0.0.1:{proxy.server_port}"
        values["advertised.listeners"] += f",PROXIED://127.0.0.1:{proxy.port}"
        values["listener.security.protocol.map"] += ",PROXIED:PLAINTEXT"
        return "".join(f"{name}={value}\n" for name, value in values.items())

    return changed


@pytest.fixture(scope="module")
def messages() -> Iterator[Message]:
    return iter(generate(seed=81, events=20 * EVENTS, portfolios=40))


def commits_in_postgresql(connection: Connection, data: bytes) -> bool:
    """Only what was written: rows come by COPY, and progress is read in transactions too."""
    connection.unread += data
    if b"COMMIT" not in connection.unread and b"ROLLBACK" not in connection.unread:
        return False
    transaction, connection.unread = connection.unread, b""
    return b"COPY" in transaction and b"ROLLBACK" not in transaction


def commits_in_kafka(connection: Connection, data: bytes) -> bool:
    """Requests are a length and what it counts, which begins with the number of the request."""
    connection.unread += data
    found = False
    while len(connection.unread) >= 6:
        length, number = struct.unpack_from(">ih", connection.unread)
        if len(connection.unread) < 4 + length:
            break
        found |= number == END_TRANSACTION
        connection.unread = connection.unread[4 + length :]
    return found


def check(proxied: Proxied, some: list[Message], kafka: Trouble, postgres: Trouble) -> None:
    system = proxied.system
    sending = threading.Thread(target=send, args=(system.kafka, some, PER_SECOND), daemon=True)
    proxied.kafka.trouble, proxied.postgres.trouble = kafka, postgres
    sending.start()
    until = time.monotonic() + len(some) / PER_SECOND
    while time.monotonic() < until:
        system.look_after()
        time.sleep(0.1)
    proxied.kafka.trouble, proxied.postgres.trouble = Trouble(), Trouble()
    sending.join()
    system.wait_settled(LAG_SECONDS_MAX)
    assert system.differences() == []
    assert system.miscounted() == []


@pytest.mark.parametrize(
    ("kafka", "postgres"),
    [(Slow(0.02), Slow(0.02)), (Sliced(100), Sliced(7))],
    ids=["slow", "in pieces"],
)
def test_slow_connections_and_those_that_come_in_pieces_change_nothing(
    proxied: Proxied, messages: Iterator[Message], kafka: Trouble, postgres: Trouble
) -> None:
    check(proxied, list(islice(messages, EVENTS)), kafka, postgres)
    assert proxied.system.statuses() is not None


def test_connections_that_are_reset_in_the_middle_lose_nothing(
    proxied: Proxied, messages: Iterator[Message]
) -> None:
    kafka, postgres = Resetting(Random(1), 0.003), Resetting(Random(2), 0.05)
    check(proxied, list(islice(messages, EVENTS)), kafka, postgres)
    assert min(kafka.times, postgres.times) >= 1


def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_made_twice(
    proxied: Proxied, messages: Iterator[Message]
) -> None:
    kafka = ReplyLost(commits_in_kafka, LOST)
    postgres = ReplyLost(commits_in_postgresql, LOST)
    check(proxied, list(islice(messages, EVENTS)), kafka, postgres)
    assert max(kafka.left, postgres.left) <= 0  # below where several were on their way
