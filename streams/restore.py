"""Bringing the state of taken-over partitions up to date from the logs.

The changelog holds the books, the results topic the journal. Both are read to their ends, which
are final: the producers of the partitions were started before, so no one else can write. Where
the changelog holds no progress at all it was deleted, and the input topics rebuild everything;
what was published then only says above which `as_of` to go on, and
what to withdraw of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from calculator import Order, RateUse, Status
from streams import state
from streams.leftovers import Leftovers, Publisher
from streams.rate_uses import use_key
from streams.tables import Table, Tables
from wire.broker import Broker
from wire.topics import APP_ID, CHANGELOG, COMPLETED, PORTFOLIOS_CURRENT, POSITIONS, Topic
from wire.transactions import TYPES

log = structlog.get_logger(__name__)
_RECORDS_MAX = 10_000
_POLL_SECONDS = 0.05  # the client waits so long even when it is at the end of all logs
_SECONDS_MAX = 30.0

Record = tuple[bytes, bytes | None, int]  # key, value, offset


class _Head(msgspec.Struct):
    """What the order of the journal and the index of rates need of a result."""

    transaction_id: str
    portfolio_id: str
    security_id: str | None
    transaction_type: str
    transaction_date: datetime | None
    trade_currency: str | None
    status: str | None
    base_currency: str | None
    as_of: int
    applied_fx_rate: str | None = None

    @property
    def place(self) -> bytes | None:
        """The `o` key of the entry; a cancelled one has none."""
        if self.transaction_date is None or self.security_id is None:
            return None
        prefix = state.holding_key(self.portfolio_id, self.security_id, b"o")
        return prefix + b"\0" + state.encode_order(self._order(self.transaction_date))

    def _order(self, moment: datetime) -> Order:
        return moment, TYPES[self.transaction_type].booking_class, self.transaction_id

    @property
    def use(self) -> bytes | None:
        """The `f` key of the entry, where it was booked and a rate was looked up for it."""
        is_pending = self.status == Status.PENDING  # for want of a rate, as nothing else is
        if self.transaction_date is None or (self.applied_fx_rate is None and not is_pending):
            return None
        currency, base_currency = self.trade_currency, self.base_currency
        assert self.security_id is not None
        assert currency is not None
        if currency == base_currency or base_currency is None:
            return None
        use = RateUse(self.portfolio_id, self.security_id, self._order(self.transaction_date))
        return use_key((currency, base_currency), use)


class _Published(msgspec.Struct):
    as_of: int


class _LifeBefore:
    """What books without a changelog published."""

    def __init__(self) -> None:
        self.as_of = 0  # the highest
        self.last_result: int | None = None  # its offset
        self.leftovers = Leftovers()


_head = msgspec.json.Decoder(_Head).decode
_published = msgspec.json.Decoder(_Published).decode


class Restorer:
    """Restores the partitions of one take-over together."""

    def __init__(self, broker: Broker, tables: Tables) -> None:
        self._tables = tables
        self._consumer = Consumer(
            {
                **broker.options,
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

    def restore(self, logs: Mapping[int, Publisher]) -> dict[int, Table]:
        """Open and update the partitions of these logs, which fence all other writers. Blocks;
        reads only what the state does not hold."""
        tables = {p: self._open(p) for p in logs}
        lives = {p: _life(table) for p, table in tables.items()}
        unknown = self._read_books(tables)
        for p, table in tables.items():
            if p in unknown or lives[p] not in (None, _life(table)):
                log.warning("state_of_another_life", partition=p)
                table.close()
                tables[p] = self._tables.open(p, anew=True)
                self._read_books({p: tables[p]})
        self._read_journal({p: table for p, table in tables.items() if _life(table) is not None})
        self._begin_anew({p: table for p, table in tables.items() if _life(table) is None}, logs)
        self._consumer.close()
        return tables

    def _read_books(self, tables: Mapping[int, Table]) -> set[int]:
        """Return the partitions whose state ends with a record that no reader of the log meets:
        its transaction was aborted after all, or it was compacted away, which looks the same."""
        marks = {p: table.offset(state.CHANGELOG_READ) for p, table in tables.items()}
        unknown = {p for p, mark in marks.items() if mark is not None}
        behind = {p: None if mark is None else mark - 1 for p, mark in marks.items()}
        for p, records in self._read(CHANGELOG, behind):
            if records[0][2] == marks[p]:
                unknown.discard(p)
            _apply_changelog(tables[p], records)
        return unknown

    def _read_journal(self, tables: Mapping[int, Table]) -> None:
        starts = {p: table.offset(state.RESULTS_READ) for p, table in tables.items()}
        for p, records in self._read(COMPLETED, starts):
            _apply_results(tables[p], records)

    def _begin_anew(self, tables: Mapping[int, Table], logs: Mapping[int, Publisher]) -> None:
        """Without a changelog nothing is taken from what was published but the highest `as_of`,
        and cash entries and positions are withdrawn. Results that follow are of this life, and a later take-over
        must not mix the two. Cut off at any point, it begins once more."""
        for p, before in self._read_lives_before(tables).items():
            withdrawn = before.leftovers.withdraw(logs[p], before.as_of + 1)
            if withdrawn is not None:
                before.as_of, before.last_result = before.as_of + 1, withdrawn
            if before.as_of:
                since = 0 if before.last_result is None else before.last_result + 1
                progress = state.Progress(as_of=before.as_of, results_since=since)
                writes = [(state.PROGRESS, state.encode_record(progress))]
                if since:
                    writes.append((state.RESULTS_READ, b"%d" % (since - 1)))
                tables[p].write(writes)

    def _read_lives_before(self, partitions: Iterable[int]) -> dict[int, "_LifeBefore"]:
        lives = {p: _LifeBefore() for p in partitions}
        for topic in (COMPLETED, POSITIONS, PORTFOLIOS_CURRENT):
            for p, records in self._read(topic, dict.fromkeys(lives)):
                before, values = lives[p], [value for _, value, _ in records if value is not None]
                if values:
                    before.as_of = max(before.as_of, _published(values[-1]).as_of)
                if topic is COMPLETED:
                    before.last_result = records[-1][2]
                    before.leftovers.meet_results(values)
                elif topic is POSITIONS:
                    before.leftovers.meet_positions((key, value) for key, value, _ in records)
        return lives

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
        self, topic: Topic, marks: Mapping[int, int | None]
    ) -> Iterator[tuple[int, list[Record]]]:
        """(partition, records) of a topic from behind each mark to the end of the log."""
        starts = {}
        for p, offset in marks.items():
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
            for message in self._consumer.consume(_RECORDS_MAX, _POLL_SECONDS):
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


def _life(table: Table) -> int | None:
    """What tells books that were made anew from the input topics from those before; None where
    there are no books."""
    value = table.get(state.PROGRESS)
    return None if value is None else state.decode_progress(value).results_since


class _Update:
    """What some records of a log change in a state, written at once with what follows from it for
    the booking order. A take-over that is cut off leaves nothing half done."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._writes: dict[bytes, bytes | None] = {}
        self._places: set[bytes] = set()  # in doubt: an entry had them, or an earlier version

    def get(self, key: bytes) -> bytes | None:
        return self._writes[key] if key in self._writes else self._table.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        self._writes[key] = value
        if key[:1] == b"x":
            self._places.add(b"o" + key[1:])
        elif key[:1] == b"h":
            held = state.holder_key(*state.ids_of(key))
            self._writes[held] = None if value is None else b""

    def put_entry(self, key: bytes, value: bytes) -> None:
        """Keep the newer of two records of one entry."""
        head = _head(value)
        known = self.get(key)
        if known is not None:
            known_head = _head(known)
            if known_head.as_of >= head.as_of:
                return
            if (left := known_head.place) is not None:
                self._places.add(left)
            if (forgotten := known_head.use) is not None:
                self._writes[forgotten] = None
        if (place := head.place) is not None:
            self._writes[place] = b""
        if (use := head.use) is not None:
            self._writes[use] = (head.applied_fx_rate or "").encode()
        self._writes[key] = value

    def write(self, mark: bytes, offset: int) -> None:
        for place in self._places:
            self._writes[place] = b"" if self._stands(place) else None
        self._writes[mark] = b"%d" % offset
        self._table.write(self._writes.items())

    def _stands(self, place: bytes) -> bool:
        """A place stands while its entry has it, or an earlier version of one is in the lots."""
        portfolio_id, _ = state.ids_of(place)
        order = state.decode_order(place[1:].split(b"\0", 2)[2])
        entry = self.get(state.entry_key(portfolio_id, order[2]))
        if entry is not None and _head(entry).place == place:
            return True
        return self.get(b"x" + place[1:]) is not None


def _apply_changelog(table: Table, records: list[Record]) -> None:
    """Changelog records are the state's own; waiting entries among them yield to later results."""
    update = _Update(table)
    for key, value, _ in records:
        if key[:1] == b"t":
            assert value is not None
            update.put_entry(key, value)
        else:
            update.put(key, value)
    update.write(state.CHANGELOG_READ, records[-1][2])


def _apply_results(table: Table, records: list[Record]) -> None:
    since = _life(table)
    assert since is not None
    update = _Update(table)
    for _, value, offset in records:
        assert value is not None
        if offset >= since:
            head = _head(value)
            update.put_entry(state.entry_key(head.portfolio_id, head.transaction_id), value)
    update.write(state.RESULTS_READ, records[-1][2])
