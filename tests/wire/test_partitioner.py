"""Portfolios are placed as Java's producer and other clients place their keys."""

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from confluent_kafka import KafkaError, Message, Producer
from hypothesis import given
from hypothesis import strategies as st

from wire.partitioner import murmur2, partition_of


# github.com/apache/kafka: clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java
@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_the_java_client(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


@given(st.binary(max_size=200))
def test_the_hash_is_that_of_aiokafka(key: bytes) -> None:
    assert murmur2(key) == murmur2_of_aiokafka(key)


def test_partitions_are_those_of_librdkafka_with_murmur2() -> None:
    placed: dict[str, int] = {}

    def note(error: KafkaError | None, message: Message) -> None:
        assert error is None
        key, partition = message.key(), message.partition()
        assert key is not None
        assert partition is not None
        placed[key.decode()] = partition

    # librdkafka's own broker of pretence; its topics have 4 partitions.
    producer = Producer(
        {"bootstrap.servers": "-", "test.mock.num.brokers": 1, "partitioner": "murmur2_random"}
    )
    for number in range(200):
        producer.produce("t", b"", f"portfolio {number}".encode(), on_delivery=note)
    assert producer.flush(30) == 0
    assert placed == {f"portfolio {n}": partition_of(f"portfolio {n}", 4) for n in range(200)}
    assert set(placed.values()) == {0, 1, 2, 3}


@given(st.text("AZaz09._:@- é", min_size=1), st.integers(1, 64))
def test_a_partition_is_one_of_those_there_are(portfolio_id: str, partitions: int) -> None:
    assert 0 <= partition_of(portfolio_id, partitions) < partitions
