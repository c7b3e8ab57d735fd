"""An API with real Kafka and PostgreSQL behind it."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from api.main import create_app
from api.settings import ApiSettings
from cli.servers import Connections
from migrations.upgrade import upgrade
from tests.api.serving import client_of
from wire.topics import INPUTS, RAW_TRANSACTIONS, REFERENCE

PARTITIONS = 8


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert isinstance(port, int)
        return port


@pytest.fixture(scope="module")
def partitions(servers: Connections) -> int:
    """How many partitions the topics of the books have; other tests may have created them."""
    admin = AdminClient({**servers.kafka.options})
    wanted = [
        NewTopic(topic.name, topic.partitions(PARTITIONS), 1, config=topic.config)
        for topic in (*INPUTS, *REFERENCE)
    ]
    for created in admin.create_topics(wanted).values():
        try:
            created.result(10)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise
    # A topic may be created a moment before the broker lists it.
    deadline = time.monotonic() + 10
    while RAW_TRANSACTIONS.name not in (topics := admin.list_topics(timeout=10).topics):
        assert time.monotonic() < deadline, "the topics did not come into being"
        time.sleep(0.05)
    return len(topics[RAW_TRANSACTIONS.name].partitions)


@pytest.fixture(scope="module")
def settings(servers: Connections, partitions: int) -> ApiSettings:
    """Settings without workers, and with a database that was never migrated."""
    return ApiSettings(
        kafka=servers.kafka,
        database_url=servers.database_url,
        partitions=partitions,
        worker_urls=(f"http://127.0.0.1:{closed_port()}",),
        host="127.0.0.1",
        port=0,
    )


@pytest.fixture(scope="module")
def api(settings: ApiSettings) -> Iterator[httpx.Client]:
    """A client of an API that the tests of a module share: others make the topics anew."""
    with client_of(create_app(settings)) as client:
        yield client


@pytest.fixture
def migrated(database_url: str) -> str:
    """The address of a database with our tables and nothing in them."""
    upgrade(database_url)
    return database_url


@pytest.fixture
def history_api(settings: ApiSettings, migrated: str) -> Iterator[httpx.Client]:
    """A client of an API in front of a database of this test alone."""
    with client_of(create_app(replace(settings, database_url=migrated))) as client:
        yield client
