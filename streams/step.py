"""The booking step: records of one partition in, changes out. It knows no broker.

It decodes, routes and takes every record, then lets the ledger settle: one rewind for each
holding, however many late events a batch holds. No effect leaves the process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import localcontext
from typing import Any

import msgspec

from calculator import (
    EXACT,
    Cancellation,
    FxRate,
    Ledger,
    Pair,
    Portfolio,
    Rates,
    ReliefMethod,
    Source,
    Taken,
    Transaction,
)
from streams.journal import Changes, StateJournal
from streams.reading import Reader
from wire.fields import FieldError, Malformed, Rule, errors_json
from wire.partitioner import partition_of
from wire.portfolios import decode_portfolio
from wire.topics import PORTFOLIOS, RAW_TRANSACTIONS
from wire.transactions import decode_transaction

Headers = list[tuple[str, Any]]  # a value is bytes or None
SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET = "source-topic", "source-partition", "source-offset"
ERRORS, AS_OF = "errors", "as-of"
FORWARDING_HEADERS = 3  # put behind those of a record that is forwarded
# Kafka refuses records that are too large, and what was compressed on its way in is not on its way
# out. Far above every event; what is larger stays where the headers say.
PART_BYTES_MAX = 8 << 20
_FORWARDED_FROM = (RAW_TRANSACTIONS.name, PORTFOLIOS.name)
_PARTITIONS_END, _OFFSETS_END = 1 << 31, 1 << 63  # as Kafka counts them
_CONFLICT = FieldError(
    "version",
    Rule.VERSION_MUST_BE_HIGHER_TO_CORRECT,
    "this version is known with other content; a correction needs a higher one",
)
FORWARDED_TWICE = FieldError(
    "portfolio_id",
    Rule.PARTITION_MUST_BE_THAT_OF_THE_PORTFOLIO,
    "the record was forwarded once and is in a wrong partition again",
)


class InputRecord(msgspec.Struct, frozen=True):
    """One record of an input topic; `source` is where it was before any forwarding."""

    source: Source
    is_forwarded: bool
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int  # milliseconds since 1970, of the record at `source`; -1: it has none


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A record to send on as it came, with headers that say where from."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int  # that of the record it was made of

    @classmethod
    def of(cls, record: InputRecord, partition: int, headers: Headers) -> "OutputRecord":
        """`headers` come behind the record's own, so that the last of a name is ours."""
        own = record.headers
        if sum(len(name) + len(value or b"") for name, value in own) > PART_BYTES_MAX:
            own = []
        key, value = bounded(record.key), bounded(record.value)
        return cls(partition, key, value, own + headers, record.timestamp)


@dataclass(slots=True)
class Counts:
    """What became of transactions; each record is in exactly one."""

    booked: int = 0
    duplicate: int = 0
    superseded: int = 0
    forwarded: int = 0
    dead: int = 0

    @property
    def total(self) -> int:
        return self.booked + self.duplicate + self.superseded + self.forwarded + self.dead


@dataclass(slots=True)
class Outcome:
    """Everything one batch does."""

    changes: Changes
    counts: Counts
    dead: list[OutputRecord] = field(default_factory=list)
    forwarded: list[OutputRecord] = field(default_factory=list)


def bounded(part: bytes | None) -> bytes | None:
    """A key or value as it is sent on: None where it is larger than PART_BYTES_MAX."""
    return None if part is not None and len(part) > PART_BYTES_MAX else part


def source_headers(source: Source) -> Headers:
    return [
        (SOURCE_TOPIC, source.topic.encode()),
        (SOURCE_PARTITION, b"%d" % source.partition),
        (SOURCE_OFFSET, b"%d" % source.offset),
    ]


def forwarded_from(headers: Headers) -> Source | None:
    """Where a forwarded record was before, by the headers that were put behind its own. None: they
    name no place that we forward from, and it would go into results, where text that is no topic
    and numbers that are no offset would stop every reader."""
    named = dict(headers[-FORWARDING_HEADERS:])
    try:
        topic = named[SOURCE_TOPIC].decode()
        partition, offset = int(named[SOURCE_PARTITION]), int(named[SOURCE_OFFSET])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    is_place = 0 <= partition < _PARTITIONS_END and 0 <= offset < _OFFSETS_END
    return Source(topic, partition, offset) if is_place and topic in _FORWARDED_FROM else None


class BookingStep:
    """The books of one partition. Plain calls, in one thread, one batch after another."""

    def __init__(
        self,
        db: Reader,
        *,
        partition: int,
        partitions: int,
        default_method: ReliefMethod,
        lots_max: int,
        rates: Rates | None = None,
        cash_securities: set[str] | None = None,
    ) -> None:
        self._partition = partition
        self._partitions = partitions
        self._as_of = 0  # of the batch that is booked
        self.journal = StateJournal(db, lots_max)
        self.ledger = Ledger(self.journal, default_method, rates, cash_securities)

    @property
    def has_work(self) -> bool:
        """Whether re-bookings wait that need no further record."""
        return bool(self.unfinished)

    @property
    def unfinished(self) -> int:
        """Holdings and portfolios whose re-booking is not finished, and days of rates and
        securities to walk."""
        journal = self.journal
        walks = len(journal.rate_uses.walks) + len(journal.holders.walks)
        return len(journal.unsettled) + len(journal.walks) + walks

    @property
    def legs(self) -> set[Pair]:
        """The (from, to) of all rates that a transaction here was booked with or may wait for."""
        rates = self.ledger.rates
        return {leg for pair in self.journal.rate_uses.pairs for leg in rates.legs(*pair)}

    def run(
        self,
        records: Sequence[InputRecord],
        as_of: int,
        steps: int,
        changed_rates: Sequence[FxRate] = (),
        changed_cash: Sequence[str] = (),
    ) -> Outcome:
        """Book a batch, and follow rates that came in force, and securities that became cash or
        are it no more; `steps` bounds what is re-booked of longer histories meanwhile."""
        outcome = Outcome(Changes(), Counts())
        self._as_of = as_of
        with localcontext(EXACT):
            taken = [
                (record, content)
                for record in records
                if (content := self._readable(record, outcome)) is not None
            ]
            self.journal.prefetch(
                (content.portfolio_id, content.transaction_id)
                for _, content in taken
                if not isinstance(content, Portfolio)
            )
            for record, content in taken:
                self._take(record, content, outcome)
            self.ledger.follow_rates(changed_rates)
            self.ledger.follow_cash(changed_cash)
            changed = self.ledger.settle(steps)
            outcome.changes = self.journal.collect(changed, as_of)
        return outcome

    def _readable(
        self, record: InputRecord, outcome: Outcome
    ) -> Transaction | Cancellation | Portfolio | None:
        """The content of a record that belongs here; the others go their ways."""
        is_portfolio = record.source.topic == PORTFOLIOS.name
        content: Transaction | Cancellation | Portfolio | Malformed
        if is_portfolio:
            content = decode_portfolio(record.value)
        else:
            content = decode_transaction(record.value)
        if isinstance(content, Malformed):
            self._bury(record, content, outcome)
            return None
        partition = partition_of(content.portfolio_id, self._partitions)
        if partition == self._partition:
            return content
        if record.is_forwarded:
            self._bury(record, Malformed((FORWARDED_TWICE,)), outcome)
            return None
        headers = source_headers(record.source)
        outcome.forwarded.append(OutputRecord.of(record, partition, headers))
        if not is_portfolio:
            outcome.counts.forwarded += 1
        return None

    def _take(
        self,
        record: InputRecord,
        content: Transaction | Cancellation | Portfolio,
        outcome: Outcome,
    ) -> None:
        if isinstance(content, Portfolio):
            taken = self.ledger.take_portfolio(content)
            if taken is Taken.JOURNALLED:
                self.journal.put_portfolio_source(content.portfolio_id, record.source)
            elif taken is Taken.CONFLICT:
                self._bury(record, Malformed((_CONFLICT,)), outcome)
            return
        match self.ledger.take(content, record.source):
            case Taken.JOURNALLED:
                outcome.counts.booked += 1
            case Taken.DUPLICATE:
                outcome.counts.duplicate += 1
            case Taken.SUPERSEDED:
                outcome.counts.superseded += 1
            case Taken.CONFLICT:
                self._bury(record, Malformed((_CONFLICT,)), outcome)

    def _bury(self, record: InputRecord, malformed: Malformed, outcome: Outcome) -> None:
        headers = [
            (AS_OF, b"%d" % self._as_of),
            *source_headers(record.source),
            (ERRORS, errors_json(malformed.errors)),
        ]
        outcome.dead.append(OutputRecord.of(record, self._partition, headers))
        if record.source.topic != PORTFOLIOS.name:
            outcome.counts.dead += 1
