"""Readers of reference data that come, end and meet at any moment: each record counts once."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import in_force
from streams.reference import ReferenceReader
from streams.writer import Progress, ProgressMoved, Writer
from tests.streams.reference import Sent, expected, log, price
from tests.streams.test_reference import Delivered, end
from wire.broker import Broker
from wire.reference import OF_MARKET_PRICES, Identity

TOPIC = OF_MARKET_PRICES.name
PLACE = (TOPIC, 0)


class Ended(Exception):
    """Where a process was killed."""


class Database:
    """A sink in memory, with the rules of the real one: all or nothing, from where it is."""

    def __init__(self) -> None:
        self.empty()
        self.ends_behind_commit = False

    def empty(self) -> None:
        self.rows: dict[Identity, Any] = {}
        self.dead: list[int] = []
        self.progress: Progress = {}

    def read_progress(self, partitions: Iterable[tuple[str, int]]) -> Progress:
        return {place: self.progress.get(place, 0) for place in partitions}

    def write(self, records: Sequence[Any], *, expected: Progress, progress: Progress) -> None:
        found = self.read_progress(progress)
        if found != expected:
            raise ProgressMoved(expected, found)
        for kind, arrivals in in_force.gather(records).arrivals.items():
            stored = {key: content for key, (content, _) in self.rows.items()}
            decided = in_force.decide(kind, arrivals, stored)
            self.dead += [int(letter.split("\t")[2]) for letter in decided.dead_letters]
            for key, (record, content) in decided.changed.items():
                self.rows[key] = content, record.offset
        for letter in in_force.gather(records).dead_letters:
            self.dead.append(int(letter.split("\t")[2]))
        self.progress |= progress
        if self.ends_behind_commit:
            self.ends_behind_commit = False
            raise Ended


class Message(Delivered):
    def __init__(self, sent: Sent) -> None:
        super().__init__(sent.topic, sent.offset)
        self._value = sent.value

    def value(self) -> Any:  # noqa: ANN401 - as the client types it
        return self._value


class Kafka:
    """A consumer of a log that does not grow."""

    def __init__(self, records: Sequence[Sent], at_once: int) -> None:
        self._records, self._at_once = records, at_once
        self._at = 0

    def assign(self, places: Iterable[TopicPartition]) -> None:
        [self._at] = [place.offset for place in places if place.topic == TOPIC]

    def consume(self, _: int, __: float) -> list[Any]:
        found = self._records[self._at : self._at + self._at_once]
        self._at += len(found)
        messages: list[Any] = [Message(record) for record in found]
        return messages or [end(TOPIC, self._at)]


def reader_over(database: Database) -> ReferenceReader:
    reader = ReferenceReader(Broker(bootstrap="nowhere:1"), "postgresql://nowhere")
    reader._writer = Writer(database)
    return reader


class Life:
    """One process after another."""

    def __init__(self, database: Database, records: Sequence[Sent], at_once: int) -> None:
        self._database, self._records, self._at_once = database, records, at_once
        self.begin()

    def begin(self) -> None:
        consumer: Any = Kafka(self._records, self._at_once)
        self._consumer = consumer
        self._reader = reader_over(self._database)
        self._reader._start_over(self._consumer)

    def step(self) -> None:
        try:
            self._reader._looked_at = 0.0
            self._reader._step(self._consumer)
        except Ended:
            self.begin()


EVENTS = st.builds(
    price,
    st.sampled_from("AB"),
    price=st.sampled_from(["1", "2", "-1"]),
    version=st.integers(1, 3),
) | st.just(b"{")
HAPPENINGS = st.sampled_from(["first", "second", "killed", "answer lost", "emptied"])


@settings(max_examples=300)
@given(
    st.lists(EVENTS, max_size=12), st.lists(HAPPENINGS, max_size=20), st.integers(1, 4),
    st.integers(1, 4),
)  # fmt: skip
def test_whatever_happens_each_record_counts_once(
    events: list[Any], happenings: list[str], at_once: int, at_once_of_the_other: int
) -> None:
    records, database = log(events), Database()
    first = Life(database, records, at_once)
    second = Life(database, records, at_once_of_the_other)
    for happening in happenings:
        match happening:
            case "first":
                first.step()
            case "second":
                second.step()
            case "killed":
                first.begin()
            case "answer lost":
                database.ends_behind_commit = True
                first.step()
            case _:
                database.empty()
    database.ends_behind_commit = False
    for _ in range(3 * len(records) + 6):
        first.step()
        second.step()
    in_order, dead = expected(OF_MARKET_PRICES, records)
    assert database.rows == in_order
    assert sorted(database.dead) == dead
    assert database.progress.get(PLACE, 0) == len(records)


def test_a_reader_that_goes_on_where_it_was_would_count_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The law above can fail: here the progress is not compared."""
    records, database = log([price(), price(price="2")]), Database()

    def careless(self: Database, records: Sequence[Any], **progress: Progress) -> None:
        Database_write(self, records, expected=self.read_progress(progress["progress"]),
                       progress=progress["progress"])  # fmt: skip

    Database_write = Database.write  # noqa: N806
    monkeypatch.setattr(Database, "write", careless)
    first, second = Life(database, records, 2), Life(database, records, 2)
    first.step()
    second.step()
    assert database.dead == [1, 1]
