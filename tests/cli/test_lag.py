"""Offsets on a real broker: what is committed, what is behind, what is read."""

import random
from collections.abc import Callable

import psycopg2
import pytest
from confluent_kafka import Producer

from cli.lag import behind_the_books, behind_the_store, end_offsets
from cli.servers import Connections, ServerError
from cli.verify.reading import read
from cli.workers import Workers, WorkerStatus
from migrations.upgrade import upgrade
from streams.topics import Admin
from tests.system.log import make_topics_anew
from wire.topics import COMPLETED, RAW_TRANSACTIONS, REFERENCE

PLACE = (COMPLETED.name, 3)
NOBODY = Workers([], {})


@pytest.fixture
def found(servers: Connections, database_url: str) -> Connections:
    make_topics_anew(servers.kafka)
    return Connections(servers.kafka, database_url)


@pytest.fixture
def write(found: Connections) -> Callable[[int, bool], None]:
    """A transaction of so many records, committed or not."""
    producer = Producer({**found.kafka.options, "transactional.id": "test"})
    producer.init_transactions(30)

    def write(records: int, is_committed: bool) -> None:
        producer.begin_transaction()
        for number in range(records):
            producer.produce(PLACE[0], b"%d" % number, b"key", PLACE[1])
        producer.flush(10)
        if is_committed:
            producer.commit_transaction(10)
        else:
            producer.abort_transaction(10)

    return write


def test_only_committed_records_are_read_and_markers_at_the_end_do_not_hang_it(
    found: Connections, write: Callable[[int, bool], None]
) -> None:
    write(3, True)
    write(2, False)
    write(1, True)
    write(4, False)
    ends = end_offsets(Admin(found.kafka), [PLACE])
    assert ends == {PLACE: 3 + 2 + 1 + 4 + 4}  # each transaction ends in a marker
    assert [m.value() for m in read(found.kafka, ends)] == [b"0", b"1", b"2", b"0"]


def test_what_came_behind_the_end_is_not_read(
    found: Connections, write: Callable[[int, bool], None]
) -> None:
    write(3, True)
    ends = end_offsets(Admin(found.kafka), [PLACE])
    write(5, True)
    assert len(list(read(found.kafka, ends))) == 3


def test_nothing_is_read_of_empty_topics(found: Connections) -> None:
    assert list(read(found.kafka, {PLACE: 0})) == []


@pytest.mark.parametrize(
    ("compression", "block", "headers"),
    [
        ("zstd", random.Random(1).randbytes(200_000), 225),
        ("zstd", random.Random(1).randbytes(200_000), 600),
        ("gzip", bytes(200_000), 600),
        ("lz4", bytes(200_000), 600),
    ],
    ids=["zstd_45_MB", "zstd_120_MB", "gzip_120_MB", "lz4_120_MB"],
)
def test_a_record_is_read_that_unpacks_to_more_than_a_client_takes_by_default(
    found: Connections, compression: str, block: bytes, headers: int
) -> None:
    producer = Producer(
        {
            **found.kafka.options,
            "compression.type": compression,
            "message.max.bytes": 1_000_000_000,
        }
    )
    producer.produce(COMPLETED.name, b"{}", b"key", 3, headers=[("h", block)] * headers)
    assert producer.flush(30) == 0
    ends = end_offsets(Admin(found.kafka), [PLACE])
    (message,) = read(found.kafka, ends)
    assert message.value() == b"{}"


def test_the_store_is_behind_by_what_its_progress_does_not_cover(
    found: Connections, write: Callable[[int, bool], None]
) -> None:
    upgrade(found.database_url)
    write(3, True)
    assert behind_the_store(found, 8) == 4
    connection = psycopg2.connect(found.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO store_progress VALUES (%s, %s, 4)", PLACE)
    connection.close()
    assert behind_the_store(found, 8) == 0


def test_reference_data_that_is_not_stored_is_counted(found: Connections) -> None:
    upgrade(found.database_url)
    producer = Producer({**found.kafka.options})
    for topic in REFERENCE:
        producer.produce(topic.name, b"{}", b"key", 0)
    producer.flush(10)
    assert behind_the_store(found, 8) == len(REFERENCE) == 4
    connection = psycopg2.connect(found.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO store_progress VALUES ('fx_rates', 0, 1)")
    connection.close()
    assert behind_the_store(found, 8) == 3


def test_what_a_transaction_wrote_is_counted_before_the_log_shows_its_commit(
    found: Connections,
) -> None:
    upgrade(found.database_url)
    producer = Producer({**found.kafka.options, "transactional.id": "test"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(PLACE[0], b"{}", b"key", PLACE[1])
    producer.flush(10)
    assert behind_the_store(found, 8) == 1
    producer.abort_transaction()


def test_of_partitions_that_nobody_serves_the_group_tells_how_far_they_are(
    found: Connections,
) -> None:
    producer = Producer({**found.kafka.options})
    for partition in (0, 0, 5):
        producer.produce(RAW_TRANSACTIONS.name, b"{}", b"key", partition)
    producer.flush(10)
    status = WorkerStatus(1, "http://127.0.0.1:1", [5], {}, lag=7, unsettled=0)
    assert behind_the_books(found, NOBODY, 8) == 3
    assert behind_the_books(found, Workers([status], {5: status.url}), 8) == 7 + 2


def test_what_a_worker_does_not_know_is_not_taken_for_nothing(found: Connections) -> None:
    status = WorkerStatus(1, "http://127.0.0.1:1", list(range(8)), {}, lag=None, unsettled=0)
    with pytest.raises(ServerError, match="workers cannot learn from it how much waits"):
        behind_the_books(found, Workers([status], dict.fromkeys(range(8), status.url)), 8)


def test_a_database_without_tables_is_told_plainly(found: Connections) -> None:
    with pytest.raises(ServerError, match='PostgreSQL: relation "store_progress" does not exist'):
        behind_the_store(found, 8)
