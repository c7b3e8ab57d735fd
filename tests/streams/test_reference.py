"""Where the reader of reference data stands, whatever Kafka delivers."""

from typing import Any

import pytest
from confluent_kafka import KafkaError

from streams import reference
from streams.reference import PLACES, ReferenceReader
from wire.broker import Broker

PRICES, RATES = "market_prices", "fx_rates"


class Delivered:
    """A message as the client gives it out."""

    def __init__(self, topic: str, offset: int, error: int | None = None) -> None:
        self._topic, self._offset = topic, offset
        self._error = None if error is None else KafkaError(error)

    def error(self) -> KafkaError | None:
        return self._error

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, 5

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"


def end(topic: str, offset: int) -> Delivered:
    return Delivered(topic, offset, KafkaError._PARTITION_EOF)


@pytest.fixture
def reader() -> ReferenceReader:
    reader = ReferenceReader(Broker(bootstrap="nowhere:1"), "postgresql://nowhere")
    reader.stand_at(dict.fromkeys(PLACES, 0) | {(PRICES, 0): 10})
    return reader


def batches(reader: ReferenceReader, *messages: Any) -> list[tuple[str, list[int], int, int]]:  # noqa: ANN401
    return [
        (batch.topic, [record.offset for record in batch.value], batch.before, batch.after)
        for batch in reader.batches(messages)
    ]


def test_records_are_gathered_by_topic_from_where_the_last_ended(reader: ReferenceReader) -> None:
    assert sorted(
        batches(reader, Delivered(PRICES, 10), Delivered(RATES, 0), Delivered(PRICES, 13))
    ) == [(RATES, [0], 0, 1), (PRICES, [10, 13], 10, 14)]
    assert batches(reader, Delivered(PRICES, 14)) == [(PRICES, [14], 14, 15)]


def test_markers_before_an_end_are_passed(reader: ReferenceReader) -> None:
    assert batches(reader, Delivered(PRICES, 10), end(PRICES, 12)) == [(PRICES, [10], 10, 12)]
    assert batches(reader, end(PRICES, 15)) == [(PRICES, [], 12, 15)]


def test_an_end_where_the_reader_is_moves_nothing(reader: ReferenceReader) -> None:
    assert batches(reader, end(PRICES, 10), end(RATES, 0)) == []


def test_what_passes_by_itself_is_waited_for(reader: ReferenceReader) -> None:
    assert batches(reader, Delivered(PRICES, 0, KafkaError._TRANSPORT)) == []


class Stopped(Exception):
    pass


def test_an_offset_that_the_log_does_not_have_ends_the_process(
    reader: ReferenceReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(why: str) -> None:
        raise Stopped(why)

    monkeypatch.setattr(reference, "stop_on_hole", stop)
    with pytest.raises(Stopped, match="its topic does not reach"):
        batches(reader, Delivered(PRICES, 9, KafkaError._AUTO_OFFSET_RESET))
