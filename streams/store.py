"""The store process: results, positions, portfolios and dead letters into PostgreSQL.

Its own Faust app and consumer group, so that PostgreSQL may be slow or away without holding up
the books. Rows and progress move in one PostgreSQL transaction, and work is resumed from that
progress: exactly once, and an emptied database refills by itself.
"""

import asyncio
import math
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, cast

import mode
import psycopg2
import structlog
import uvloop
from faust.types.tuples import TP

from streams import database, metrics, rows, standing
from streams.doors import open_door
from streams.process import run_process
from streams.recovery import Application, application_options
from streams.settings import StoreSettings
from streams.topics import TopicsMismatch, create_topics
from streams.transport import Batch, BatchConsumer, Positions
from wire.topics import RESULTS

log = structlog.get_logger(__name__)
APP_ID = "portfolio-store"
EXIT_STORE_FAILED = 70
EXIT_NOT_QUIET = 71
EXIT_SETTING = 2
RECORDS_MAX = 8000  # of one PostgreSQL transaction, but for a batch that is longer by itself
QUEUE_BATCHES = 32
IDLE_SECONDS = 0.5
RETRY_SECONDS = 0.5
TOLD_EVERY = 20  # tries
_PASSING = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.UndefinedTable,
)
SILENCE_SECONDS_MAX = 10.0  # it is asked each half second, but for a long write


class StoreApp(Application):
    """One writer over all partitions that the group gives to this process."""

    def __init__(self, settings: StoreSettings) -> None:
        super().__init__(
            APP_ID,
            **application_options(
                broker=f"batches://{settings.kafka_bootstrap}",
                store="memory://",
                datadir=str(settings.data_dir),
                topic_partitions=settings.partitions,
                broker_session_timeout=settings.session_seconds,
                agent_supervisor=mode.CrashingSupervisor,
            ),
        )
        self.settings = settings
        self.queue: asyncio.Queue[Any] = asyncio.Queue(QUEUE_BATCHES)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._connection: Any = None
        self._progress: dict[TP, int] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_paused = True
        self._answered_at = -math.inf  # when PostgreSQL last did

    # -- standing, from any thread

    def standing(self) -> str:
        """OK, or what it waits for."""
        if time.monotonic() - self._answered_at > SILENCE_SECONDS_MAX:
            return "waiting for PostgreSQL"
        return "joining" if self._is_paused else standing.OK

    def progress(self) -> dict[TP, int]:
        """The next offset of each partition that is ours."""
        return dict(self._progress)

    # -- ownership

    async def take_over(self, assigned: set[TP]) -> dict[TP, int]:
        loop = asyncio.get_running_loop()
        self._progress = await loop.run_in_executor(self._thread, self._read_progress, assigned)
        log.info("took_over", partitions=len(assigned))
        return dict(self._progress)

    def serve(self, assigned: set[TP]) -> None:
        self._is_paused = False

    async def quiesce(self) -> None:
        self._is_paused = True
        try:
            await asyncio.wait_for(self._idle.wait(), self.settings.session_seconds)
        except TimeoutError:
            log.critical("writer_did_not_end")
            os._exit(EXIT_NOT_QUIET)

    # -- writing

    async def write_for_ever(self) -> None:
        """Write what is queued, several batches a transaction."""
        while True:
            events = await self._next_events()
            if self._is_paused:
                continue
            self._idle.clear()
            try:
                if events:
                    await self._in_thread(self._write, [event.message for event in events])
                    for event in events:
                        event.ack()
                elif not await self._in_thread(self._look_after):
                    await self._start_over()
            except database.ProgressMoved:
                await self._start_over()
            except BaseException as error:
                log.critical("store_failed", error=repr(error), exc_info=error)
                os._exit(EXIT_STORE_FAILED)
            finally:
                self._idle.set()

    async def _in_thread(self, call: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    async def _next_events(self) -> list[Any]:
        try:
            events = [await asyncio.wait_for(self.queue.get(), IDLE_SECONDS)]
        except TimeoutError:
            return []
        count = len(events[0].value)
        while count < RECORDS_MAX and not self.queue.empty():
            events.append(self.queue.get_nowait())
            count += len(events[-1].value)
        return [event for event in events if event.message.epoch == self.consumer.epoch]

    async def _start_over(self) -> None:
        """The database is at another place than we left it: go there."""
        assigned = set(self._progress)
        self._progress = await self._in_thread(self._read_progress, assigned)
        log.warning("progress_moved", progress=sum(self._progress.values()))
        await self.consumer.seek_to(dict(self._progress))

    # -- in the writer's thread

    def _connected(self) -> Any:
        """The connection, however long PostgreSQL and its tables take to be there."""
        waited = 0
        while self._connection is None:
            try:
                self._connection = database.connect(self.settings.database_url)
            except psycopg2.Error as error:
                if waited % TOLD_EVERY == 0:
                    log.warning("waiting_for_postgresql", error=str(error).strip())
                waited += 1
                time.sleep(RETRY_SECONDS)
        return self._connection

    def _retried(self, call: Any) -> Any:
        """The call's answer, repeated while PostgreSQL is away, has no room, or is not migrated."""
        failed = 0
        while True:
            try:
                answer = call(self._connected())
            except _PASSING as error:
                if failed % TOLD_EVERY == 0:
                    log.warning("postgresql_refuses", error=str(error).strip(), failed=failed)
                failed += 1
                self._connection.close()
                self._connection = None
                time.sleep(RETRY_SECONDS)
            else:
                self._answered_at = time.monotonic()
                return answer

    def _read_progress(self, assigned: set[TP]) -> dict[TP, int]:
        def read(connection: Any) -> database.Progress:
            return database.read_progress(connection, _by_name(dict.fromkeys(assigned, 0)))

        stored = self._retried(read)
        return {tp: stored[tp.topic, tp.partition] for tp in assigned}

    def _write(self, batches: Sequence[Batch]) -> None:
        records = [
            record
            for batch in batches
            for record in cast(Any, batch.value)
            if record.offset >= self._progress[batch.tp]
        ]
        after: dict[TP, int] = {}
        for batch in batches:
            at = after.get(batch.tp, self._progress[batch.tp])
            assert batch.before <= at, "no record is passed over"
            after[batch.tp] = max(batch.after, at)
        began = time.perf_counter()
        self._move(rows.gather(records), after)
        metrics.STORE_SECONDS.observe(time.perf_counter() - began)
        metrics.STORED.inc(len(records))
        log.debug("stored", records=len(records))

    def _move(self, gathered: rows.Rows, after: dict[TP, int]) -> None:
        """Write and move the progress; a commit whose answer was lost is found by its progress."""
        before = {tp: self._progress[tp] for tp in after}

        def write(connection: Any) -> None:
            try:
                database.write(
                    connection, gathered, expected=_by_name(before), progress=_by_name(after)
                )
            except database.ProgressMoved as moved:
                if moved.found != _by_name(after):
                    raise

        self._retried(write)
        self._progress.update(after)

    def _look_after(self) -> bool:
        """While nothing comes: move behind trailing transaction markers, so that the lag reads 0.
        False when the database is not where this process left it."""
        if self._read_progress(set(self._progress)) != self._progress:
            return False
        behind = {
            tp: place[1]
            for tp, at in self._progress.items()
            if (place := Positions.at.get(tp)) and place[0] <= at < place[1]
        }
        if behind and self.queue.empty():
            self._move(rows.gather([]), behind)
        return True


def _by_name(offsets: dict[TP, int]) -> dict[tuple[str, int], int]:
    return {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}


def create_app(settings: StoreSettings) -> StoreApp:
    """The Faust app with its agent; nothing runs yet."""
    app = StoreApp(settings)
    Positions.compacted.update(
        topic.name for topic in RESULTS if topic.config["cleanup.policy"] == "compact"
    )
    results = app.topic(
        *(topic.name for topic in RESULTS),
        key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw",
    )  # fmt: skip

    @app.agent(results)
    async def store(stream: Any) -> None:
        async for event in stream.noack().events():
            await app.queue.put(event)

    @app.task  # type: ignore[untyped-decorator]
    async def write() -> None:
        await app.write_for_ever()

    return app


def run(settings: StoreSettings) -> NoReturn:
    """Run a store until it is told to stop. Waits for Kafka and PostgreSQL."""
    try:
        # Its consumer would not notice topics that are created after it joined.
        create_topics(settings.kafka_bootstrap, settings.partitions)
    except TopicsMismatch as error:
        log.critical("refused", error=str(error))
        raise SystemExit(EXIT_SETTING) from error
    uvloop.install()
    BatchConsumer.batch_records_max = 4000
    app = create_app(settings)
    if settings.http_port is not None:
        door = standing.create_api(settings.kafka_bootstrap, app.standing, app.progress)
        open_door(door, settings.http_host, settings.http_port)
    run_process(app)
