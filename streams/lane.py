"""A lane: the batches of one partition, one after another, each in a fixed order of effects.

    1 book         decode, take, rewind, replay; nothing leaves the process
    2 transaction  results, positions, forwards, dead letters, changelog and progress, in Kafka
    3 state        the same changes in RocksDB, with the offsets they have in the logs
    4 ack          to Faust, for displays of the lag

A crash before the end of 2 leaves nothing. Between 2 and 3 the next take-over reads the rest of
the changelog. Whatever goes wrong ends the process: the books in memory have moved on, and only
the log can say how far the batch came.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

import msgspec
import structlog

from calculator import FxRate, ReliefMethod, Source
from streams import metrics, state
from streams.journal import Changes
from streams.known_cash import KnownCash
from streams.known_rates import KnownRates
from streams.log import Written
from streams.pace import Pace
from streams.settings import NO_CURRENCY
from streams.step import (
    ERRORS,
    FORWARDING_HEADERS,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
    BookingStep,
    Headers,
    InputRecord,
    Outcome,
    OutputRecord,
    forwarded_from,
)
from streams.tables import Table
from streams.transport import Batch
from wire.fields import ID_LENGTH_MAX
from wire.topics import FORWARDED, FX_RATES, INPUTS, INSTRUMENTS, PORTFOLIOS

log = structlog.get_logger(__name__)
EXIT_LANE_FAILED = 70
RATES_MAX = 10_000  # followed in one batch, of those that are of concern
CASH_MAX = 10_000  # securities whose holders are looked for in one batch
EXIT_STATE_NOT_AT_BATCH = 77
_INDEX = {topic.name: index for index, topic in enumerate(INPUTS)}
# Lanes that compute at once only take the interpreter from each other, which costs each event an
# eighth more. So one books at a time, while the others wait for Kafka or the disk.
_booking = threading.Lock()


class SettingChanged(Exception):
    """The books were begun with another value of a setting that they hang on. It is fixed at the
    first start: everything that was booked would have to be booked anew."""

    def __init__(self, name: str, given: str, begun_with: str) -> None:
        super().__init__(f"{name} is {given}, the books were begun with {begun_with}: set it back")


class StateNotAtBatch(Exception):
    """Records came that are not next after the state. Nothing of them was booked; a restart fetches
    from where the state is."""

    def __init__(self, topic: str, state_offset: int, batch_offset: int) -> None:
        super().__init__(f"{topic}: the state is at {state_offset}, the batch at {batch_offset}")


class Log(Protocol):
    """The durable, fenced log of a partition."""

    def commit(self, outcome: Outcome, progress: bytes) -> Written: ...


class Lane:
    """The books of one partition while this process owns it. `handle` runs in one thread at a
    time; `progress` is replaced, never changed, so any thread may read it, and `unsettled`."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        default_method: ReliefMethod,
        table: Table,
        transactions: Log,
        lots_max: int,
        known_rates: KnownRates,
        known_cash: KnownCash,
    ) -> None:
        self.partition = partition
        self.table = table
        self.progress = state.decode_progress(table.get(state.PROGRESS))
        self._method = default_method
        self._known_rates, self._known_cash = known_rates, known_cash
        self._require_settings()
        for topic, at, through in (
            (FX_RATES, self.progress.fx_rates, known_rates.through),
            (INSTRUMENTS, self.progress.instruments, known_cash.through),
        ):
            if at > through:
                raise StateNotAtBatch(topic.name, at, through)
        self.on_booked: Callable[[Changes], object] = lambda _: None  # when it can be seen
        self._looked_through = 0  # rates before this offset are of no concern to these books
        self._log = transactions
        self._step = BookingStep(
            table,
            partition=partition,
            partitions=partitions,
            default_method=default_method,
            lots_max=lots_max,
            rates=known_rates.rates,
            cash_securities=known_cash.securities,
        )
        # Holdings and portfolios whose re-booking is not finished. As of `progress`, and set before
        # it: in the middle of a batch the journal holds one that has its turn for settled.
        self.unsettled = self._step.unfinished
        self._pace = Pace()
        metrics.CACHED_LOTS.labels(partition).set_function(lambda: self._step.journal.cached_lots)
        metrics.UNSETTLED.labels(partition).set_function(lambda: self.unsettled)

    @property
    def has_work(self) -> bool:
        """Whether a re-booking waits, so that `handle` is worth calling without a batch. Not while
        it runs."""
        return self._step.has_work or bool(self._changed_rates()[0] or self._changed_cash()[0])

    @property
    def is_behind_reference(self) -> bool:
        """Whether rates or instruments wait to be passed, be they of concern or not."""
        return (
            self.progress.fx_rates < self._known_rates.through
            or self.progress.instruments < self._known_cash.through
        )

    @property
    def rates_through(self) -> int:
        """All rates before this offset are booked, or of no concern: in `progress` as it is when
        this was read, and later. From any thread."""
        return max(self.progress.fx_rates, self._looked_through)

    @property
    def instruments_through(self) -> int:
        """The same of instruments."""
        progress = self.progress
        changed, through = self._changed_cash()
        return progress.instruments if changed else through

    def _changed_cash(self) -> tuple[list[str], int]:
        """Securities that became cash, or are it no more, and up to which offset these are all."""
        return self._known_cash.since(self.progress.instruments, CASH_MAX)

    def _changed_rates(self) -> tuple[list[FxRate], int]:
        """Rates that may change something here, and up to which offset these are all."""
        start = max(self.progress.fx_rates, self._looked_through)
        if start >= self._known_rates.through:
            return [], start
        changed, through = self._known_rates.since(start, self._step.legs, RATES_MAX)
        if not changed:
            self._looked_through = through
        return changed, through

    def _require_settings(self) -> None:
        begun, rates = self.progress, self._known_rates.rates
        if begun.default_method == "":
            return
        for name, given, before in (
            ("DEFAULT_COST_BASIS_METHOD", self._method.value, begun.default_method),
            ("FX_MAX_AGE_DAYS", rates.max_age_days, begun.fx_max_age_days),
            ("FX_CROSS_CURRENCY", rates.cross_currency, begun.fx_cross_currency),
        ):
            if given != before:
                raise SettingChanged(name, str(given or NO_CURRENCY), str(before or NO_CURRENCY))

    def begin(self) -> None:
        """Fix the settings that the books hang on, which hold for a partition where nothing happens too."""
        if self.progress.default_method == "":
            self.handle([])

    def handle(self, batches: Sequence[Batch]) -> None:
        """Work off these batches as one. Ends the process on any failure."""
        try:
            self._handle(batches)
        except BaseException as error:  # noqa: BLE001 - the process ends
            self.end(error)

    def end(self, error: BaseException) -> NoReturn:
        """End the process, as the books cannot be relied on any more."""
        log.critical(
            "lane_failed", partition=self.partition, as_of=self.progress.as_of,
            error=repr(error), exc_info=error,
        )  # fmt: skip
        is_elsewhere = isinstance(error, StateNotAtBatch)
        os._exit(EXIT_STATE_NOT_AT_BATCH if is_elsewhere else EXIT_LANE_FAILED)

    def _handle(self, batches: Sequence[Batch]) -> None:
        next_offsets = self._next_offsets(batches)
        records = [r for batch in batches for r in _input_records(batch)]
        as_of = self.progress.as_of + 1
        # Looked up before anything is booked, so that what is booked knows all of them.
        changed_rates, fx_rates = self._changed_rates()
        changed_cash, instruments = self._changed_cash()
        ledger = self._step.ledger
        rewinds, taken_back = ledger.rewinds, ledger.taken_back
        with _booking:
            began = time.perf_counter()
            steps = self._pace.steps(has_records=bool(records))
            outcome = self._step.run(records, as_of, steps, changed_rates, changed_cash)
        progress = self._progress_after(outcome, records, next_offsets, as_of)
        progress.fx_rates, progress.instruments = fx_rates, instruments
        encoded = state.encode_record(progress)
        booked = time.perf_counter()
        written = self._log.commit(outcome, encoded)
        committed = time.perf_counter()
        self.table.write(_state_records(outcome, encoded, written))
        stored = time.perf_counter()
        self.unsettled = self._step.unfinished
        self.on_booked(outcome.changes)  # before anybody can be told by `progress`
        self.progress = progress
        self._pace.measured(ledger.steps_taken, stored - began)
        metrics.BATCH_SECONDS.labels("book").observe(booked - began)
        metrics.BATCH_SECONDS.labels("transaction").observe(committed - booked)
        metrics.BATCH_SECONDS.labels("state").observe(stored - committed)
        metrics.REWINDS.inc(ledger.rewinds - rewinds)
        metrics.TAKEN_BACK.inc(ledger.taken_back - taken_back)
        self._report(outcome, len(records), stored - began)

    def _next_offsets(self, batches: Sequence[Batch]) -> tuple[int, int, int]:
        """The progress behind these batches, which must begin where the state ends."""
        offsets = list(self.progress.next_offsets)
        for batch in batches:
            index = _INDEX[batch.topic]
            if batch.before != offsets[index]:
                raise StateNotAtBatch(batch.topic, offsets[index], batch.before)
            offsets[index] = batch.after
        raw, forwarded, portfolios = offsets
        return raw, forwarded, portfolios

    def _progress_after(
        self,
        outcome: Outcome,
        records: Sequence[InputRecord],
        next_offsets: tuple[int, int, int],
        as_of: int,
    ) -> state.Progress:
        counts, before = outcome.counts, self.progress
        read = sum(record.source.topic != PORTFOLIOS.name for record in records)
        assert counts.total == read, "each record is in exactly one of the counts"
        return msgspec.structs.replace(
            before,
            as_of=as_of,
            default_method=self._method.value,
            fx_max_age_days=self._known_rates.rates.max_age_days,
            fx_cross_currency=self._known_rates.rates.cross_currency,
            next_offsets=next_offsets,
            read=before.read + read,
            booked=before.booked + counts.booked,
            duplicate=before.duplicate + counts.duplicate,
            superseded=before.superseded + counts.superseded,
            forwarded=before.forwarded + counts.forwarded,
            dead=before.dead + counts.dead,
        )

    def _report(self, outcome: Outcome, records: int, seconds: float) -> None:
        counts = outcome.counts
        for name in ("booked", "duplicate", "superseded", "forwarded", "dead"):
            metrics.EVENTS.labels(name).inc(getattr(counts, name))
        metrics.RESULTS.inc(len(outcome.changes.results))
        metrics.DEAD_LETTERS.inc(len(outcome.dead))
        for record in outcome.dead:
            _log_dead_letter(record)
        log.debug(
            "batch", partition=self.partition, records=records, seconds=round(seconds, 4),
            results=len(outcome.changes.results), offsets=self.progress.next_offsets,
        )  # fmt: skip

    def touch(self) -> None:
        """Note that this state is in use, though no event comes. Ends the process on failure."""
        try:
            self.table.write([])
        except BaseException as error:  # noqa: BLE001 - the process ends
            self.end(error)

    def close(self) -> None:
        metrics.CACHED_LOTS.remove(self.partition)
        metrics.UNSETTLED.remove(self.partition)
        self.table.close()


class _Names(msgspec.Struct):
    portfolio_id: str | None = None
    transaction_id: str | None = None


_decode_names = msgspec.json.Decoder(_Names).decode


def _log_dead_letter(record: OutputRecord) -> None:
    """Names as far as the record can be read; the place is that of the original."""
    try:
        names = _decode_names(record.value or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        names = _Names()
    headers = dict(record.headers)
    log.warning(
        "dead_letter",
        portfolio=names.portfolio_id and names.portfolio_id[:ID_LENGTH_MAX],
        transaction=names.transaction_id and names.transaction_id[:ID_LENGTH_MAX],
        topic=headers[SOURCE_TOPIC].decode(), partition=int(headers[SOURCE_PARTITION]),
        offset=int(headers[SOURCE_OFFSET]), errors=json.loads(headers[ERRORS]),
    )  # fmt: skip


def _input_records(batch: Batch) -> list[InputRecord]:
    topic, partition = batch.topic, batch.partition
    records: Any = batch.value
    if topic == FORWARDED.name:
        return [_forwarded_record(topic, partition, record) for record in records]
    return [
        InputRecord(
            Source(topic, partition, r.offset), False, r.key, r.value, list(r.headers), r.timestamp
        )
        for r in records
    ]


def _forwarded_record(topic: str, partition: int, record: Any) -> InputRecord:
    """A record as it was before the forwarding. One that somebody else wrote to the topic speaks
    for itself."""
    headers: Headers = list(record.headers)
    source = forwarded_from(headers)
    if source is None:
        source = Source(topic, partition, record.offset)
    else:
        headers = headers[:-FORWARDING_HEADERS]
    return InputRecord(source, True, record.key, record.value, headers, record.timestamp)


def _state_records(
    outcome: Outcome, progress: bytes, written: Written
) -> list[tuple[bytes, bytes | None]]:
    records = [*outcome.changes.changelog, *outcome.changes.local]
    records.append((state.PROGRESS, progress))
    records.append((state.CHANGELOG_READ, b"%d" % written.changelog))
    if written.results is not None:
        records.append((state.RESULTS_READ, b"%d" % written.results))
    return records
