"""The store process: results, positions, portfolios and dead letters into PostgreSQL, and beside
them reference data (`streams.reference`).

Its own Faust app and consumer group, so that PostgreSQL may be slow or away without holding up
the books. Rows and progress move in one PostgreSQL transaction, and work is resumed from that
progress: exactly once, and an emptied database refills by itself.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

import mode
import structlog
import uvloop
from faust.types.tuples import TP

from streams import metrics, standing
from streams.doors import open_door
from streams.fetched import Positions
from streams.inbox import Inbox, Pause
from streams.membership import Folder, FolderRefused, Membership
from streams.memory import share_one_arena
from streams.process import run_process
from streams.recovery import Application, application_options
from streams.reference import ReferenceReader
from streams.settings import StoreSettings
from streams.sink import Interrupted, PostgresSink
from streams.topics import TopicsMismatch, create_topics
from streams.transport import Batch, BatchConsumer
from streams.writer import ProgressMoved, Writer
from wire.topics import RESULTS, STORE_APP_ID

log = structlog.get_logger(__name__)
EXIT_STORE_FAILED = 70
EXIT_NOT_QUIET = 71
EXIT_SETTING = 2
RECORDS_MAX = 8000  # of one PostgreSQL transaction
QUEUE_BATCHES = 32
IDLE_SECONDS = 0.5
# 500 records at a time cost twice the processor time of 4,000.
PAUSE = Pause(0.05, 0.1)
SILENCE_SECONDS_MAX = 10.0  # it is asked each half second, but for a long write


class StoreApp(Application):
    """One writer over all partitions that the group gives to this process."""

    def __init__(self, settings: StoreSettings) -> None:
        super().__init__(
            STORE_APP_ID,
            **application_options(
                settings.kafka,
                store="memory://",
                datadir=str(settings.data_dir),
                topic_partitions=settings.partitions,
                broker_session_timeout=settings.session_seconds,
                agent_supervisor=mode.CrashingSupervisor,
            ),
        )
        self.settings = settings
        self.inbox = Inbox(
            batches_max=QUEUE_BATCHES, records_max=RECORDS_MAX, pause=PAUSE,
            is_current=self.is_current,
        )  # fmt: skip
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._sink = PostgresSink(settings.database_url)
        self.reference = ReferenceReader(settings.kafka, settings.database_url)
        self._writer = Writer(self._sink)
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_paused = True

    # -- standing, from any thread

    def standing(self) -> str:
        """OK, or what it waits for."""
        answered_at = min(self._sink.answered_at, self.reference.answered_at)
        if time.monotonic() - answered_at > SILENCE_SECONDS_MAX:
            return "waiting for PostgreSQL"
        return "joining" if self._is_paused else standing.OK

    def progress(self) -> dict[TP, int]:
        """The next offset of each partition that is ours."""
        return {TP(*place): offset for place, offset in self._writer.progress.items()}

    def stored(self) -> dict[TP, int]:
        """Likewise, with the topics of reference data."""
        reference = {TP(*place): offset for place, offset in self.reference.progress.items()}
        return self.progress() | reference

    # -- ownership

    async def take_over(self, assigned: set[TP]) -> dict[TP, int]:
        self._sink.gives_up.clear()
        with suppress(Interrupted):  # by a revocation, after which this counts no more
            await self._in_thread(self._writer.take_over, assigned)
        log.info("took_over", partitions=len(assigned))
        return self.progress()

    def serve(self, assigned: set[TP]) -> None:
        self._is_paused = False

    async def quiesce(self) -> None:
        self._is_paused = True
        self._sink.gives_up.set()
        try:
            await asyncio.wait_for(self._idle.wait(), self.settings.session_seconds)
        except TimeoutError:
            log.critical("writer_did_not_end")
            os._exit(EXIT_NOT_QUIET)

    # -- writing

    async def write_for_ever(self) -> None:
        """Write what is queued, several batches a transaction."""
        while True:
            events = await self.inbox.gather(IDLE_SECONDS) or []
            if self._is_paused:
                continue
            self._idle.clear()
            try:
                await self._work(events)
            except Interrupted:
                pass  # whoever is next goes on from what is stored
            except BaseException as error:
                log.critical("store_failed", error=repr(error), exc_info=error)
                os._exit(EXIT_STORE_FAILED)
            finally:
                self._idle.set()

    async def _work(self, events: Sequence[Any]) -> None:
        try:
            if events:
                await self.inbox.work_off(events, partial(self._in_thread, self._write))
                return
            if await self._in_thread(self._look_after):
                return
        except ProgressMoved:
            pass
        await self._start_over()

    async def _in_thread(self, call: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    async def _start_over(self) -> None:
        """The database is at another place than we left it: go there."""
        await self._in_thread(self._writer.take_over, set(self._writer.progress))
        progress = self.progress()
        log.warning("progress_moved", progress=sum(progress.values()))
        await self.batches.seek_to(progress)

    # -- in the writer's thread

    def _write(self, batches: Sequence[Batch]) -> None:
        began = time.perf_counter()
        stored = self._writer.write(batches)
        metrics.STORE_SECONDS.observe(time.perf_counter() - began)
        metrics.STORED.inc(stored)
        log.debug("stored", records=stored)

    def _look_after(self) -> bool:
        """What is to do while nothing comes. False when the database is not where this process
        left it."""
        if not self._writer.is_where_it_was_left():
            return False
        if self.inbox.is_empty:
            self._writer.pass_markers(Positions.at)
        return True


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
            await app.inbox.put(event)

    @app.task  # type: ignore[untyped-decorator]
    async def write() -> None:
        await app.write_for_ever()

    return app


def run(settings: StoreSettings) -> NoReturn:
    """Run a store until it is told to stop. Waits for Kafka and PostgreSQL."""
    share_one_arena()
    # A second one in the same folder is no harm, and goes without.
    with suppress(FolderRefused):
        Membership.folder = Folder(settings.data_dir)
    try:
        # Its consumer would not notice topics that are created after it joined.
        create_topics(settings.kafka, settings.partitions)
    except TopicsMismatch as error:
        log.critical("refused", error=str(error))
        raise SystemExit(EXIT_SETTING) from error
    uvloop.install()
    BatchConsumer.batch_records_max = 4000
    app = create_app(settings)
    if settings.http_port is not None:
        door = standing.create_api(
            settings.kafka, app.standing, app.stored, settings.cluster_secret
        )
        open_door(door, settings.http_host, settings.http_port)
    app.reference.start()
    run_process(app)
