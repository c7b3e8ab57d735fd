"""Bringing the state of taken-over partitions up to date from the logs.

The changelog holds the books, the results topic the journal. Both are read to their ends, which
are final: the producers of the partitions were started before, so no one else can write. Where
the changelog holds no progress at all it was deleted, and the input topics rebuild everything;
the results topic then only says above which `as_of` to go on.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from calculator import TransactionType
from streams import state
from streams.tables import Table, Tables
from wire.topics import APP_ID, CHANGELOG, COMPLETED, Topic

log = structlog.get_logger(__name__)
_RECORDS_MAX = 10_000
_SECONDS_MAX = 30.0

Record = tuple[bytes, bytes | None, int]  # key, value, offset


_CLASSES = {member.value: member.booking_class for member in TransactionType}


class _Head(msgspec.Struct):
    """What the order of the journal needs of a result."""

    transaction_id: str
    portfolio_id: str
    security_id: str | None
    transaction_type: str
    transaction_date: datetime | None
    as_of: int

    @property
    def place(self) -> bytes | None:
        """The `o` key of the entry; a cancelled one has none."""
        if self.transaction_date is None or self.security_id is None:
            return None
        booking_class = _CLASSES[self.transaction_type]
        order = (self.transaction_date, booking_class, self.transaction_id)
        prefix = state.holding_key(self.portfolio_id, self.security_id, b"o")
        return prefix + b"\0" + state.encode_order(order)


_head = msgspec.json.Decoder(_Head).decode


class Restorer:
    """Restores the partitions of one take-over together."""

    def __init__(self, bootstrap: str, tables: Tables) -> None:
        self._tables = tables
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{APP_ID}-restore",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 20,
                "fetch.message.max.bytes": 4 << 20,
                "queued.max.messages.kbytes": 65_536,
                "log_level": 0,
            }
        )

    def restore(self, partitions: list[int]) -> dict[int, Table]:
        """Open and update these partitions. Blocks; reads only what the state does not hold."""
        tables = {p: self._open(p) for p in partitions}
        places: dict[int, set[bytes]] = {p: set() for p in partitions}
        for p, records in self._read(CHANGELOG, tables, state.CHANGELOG_READ):
            _apply_changelog(tables[p], records, places[p])
        begun = {p: table.get(state.PROGRESS) is not None for p, table in tables.items()}
        for p, records in self._read(COMPLETED, tables, state.RESULTS_READ):
            if begun[p]:
                _apply_results(tables[p], records, places[p])
            else:
                _continue_above(tables[p], records)
        for p in partitions:
            _settle_places(tables[p], places[p])
        self._consumer.close()
        return tables

    def _open(self, partition: int) -> Table:
        """The state on disk, or an empty one where it does not fit the logs."""
        table = self._tables.open(partition)
        for topic, mark in ((CHANGELOG, state.CHANGELOG_READ), (COMPLETED, state.RESULTS_READ)):
            offset = table.offset(mark)
            low, high = self._ends(topic, partition)
            # Below `low` - 1 it could miss what compaction or deletion took since.
            if offset is not None and not low - 1 <= offset < high:
                log.warning("state_outside_log", topic=topic.name, partition=partition)
                table.close()
                return self._tables.open(partition, anew=True)
        return table

    def _ends(self, topic: Topic, partition: int) -> tuple[int, int]:
        place = TopicPartition(topic.name, partition)
        low, high = self._consumer.get_watermark_offsets(place, timeout=_SECONDS_MAX)
        return low, high

    def _read(
        self, topic: Topic, tables: Mapping[int, Table], mark: bytes
    ) -> Iterator[tuple[int, list[Record]]]:
        """(partition, records) of a topic from where each state is to the end of the log."""
        starts = {}
        for p, table in tables.items():
            offset = table.offset(mark)
            low, high = self._ends(topic, p)
            start = low if offset is None else max(offset + 1, low)
            if start < high:
                starts[p] = start
        left = set(starts)
        if not left:
            return
        self._consumer.assign([TopicPartition(topic.name, p, o) for p, o in starts.items()])
        while left:
            read: dict[int, list[Record]] = {}
            message: Any  # the client types keys and offsets of errors and records alike
            for message in self._consumer.consume(_RECORDS_MAX, 0.5):
                error = message.error()
                if error is None:
                    read.setdefault(message.partition(), []).append(
                        (message.key(), message.value(), message.offset())
                    )
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise KafkaException(error)
            yield from read.items()


def _apply_changelog(table: Table, records: list[Record], places: set[bytes]) -> None:
    """Changelog records are the state's own; waiting entries among them yield to later results."""
    writes: dict[bytes, bytes | None] = {}
    for key, value, _ in records:
        kind = key[:1]
        if kind == b"t":
            assert value is not None
            _put_entry(table, key, value, writes, places)
            continue
        if kind == b"x":
            places.add(_place_of_replaced(key))
        writes[key] = value
    writes[state.CHANGELOG_READ] = b"%d" % records[-1][2]
    table.write(writes.items())


def _apply_results(table: Table, records: list[Record], places: set[bytes]) -> None:
    since = state.decode_progress(table.get(state.PROGRESS)).results_since
    writes: dict[bytes, bytes | None] = {}
    for _, value, offset in records:
        assert value is not None
        if offset >= since:
            head = _head(value)
            key = state.entry_key(head.portfolio_id, head.transaction_id)
            _put_entry(table, key, value, writes, places)
    writes[state.RESULTS_READ] = b"%d" % records[-1][2]
    table.write(writes.items())


def _put_entry(
    table: Table,
    key: bytes,
    value: bytes,
    writes: dict[bytes, bytes | None],
    places: set[bytes],
) -> None:
    """Keep the newer of two records of one entry, and note the places in the booking order that
    it has and had."""
    head = _head(value)
    known = writes[key] if key in writes else table.get(key)
    if known is not None:
        known_head = _head(known)
        if known_head.as_of >= head.as_of:
            return
        if known_head.place is not None:
            places.add(known_head.place)
    if head.place is not None:
        places.add(head.place)
    writes[key] = value


def _place_of_replaced(key: bytes) -> bytes:
    return b"o" + key[1:]


def _settle_places(table: Table, places: set[bytes]) -> None:
    """A place stands while its entry has it, or an earlier version of one is in the lots."""
    writes: list[tuple[bytes, bytes | None]] = []
    for place in places:
        portfolio_id, _ = state.ids_of(place)
        order = state.decode_order(place[1:].split(b"\0", 2)[2])
        entry = table.get(state.entry_key(portfolio_id, order[2]))
        stands = (entry is not None and _head(entry).place == place) or table.get(
            b"x" + place[1:]
        ) is not None
        writes.append((place, b"" if stands else None))
    if writes:
        table.write(writes)


def _continue_above(table: Table, records: list[Record]) -> None:
    """Without a changelog nothing is taken from the results but the highest `as_of`. Those that
    follow are of this life, and a later take-over must not mix the two."""
    _, value, offset = records[-1]
    assert value is not None
    progress = state.Progress(as_of=_head(value).as_of, results_since=offset + 1)
    table.write(
        [
            (state.PROGRESS, state.encode_record(progress)),
            (state.RESULTS_READ, b"%d" % offset),
        ]
    )
