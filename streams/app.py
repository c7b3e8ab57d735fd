"""The worker's Faust app: its topics, its table, and the lanes of the partitions it owns."""

import asyncio
import gc
import os
import time
from collections.abc import Sequence
from typing import Any

import mode
import structlog
from faust.types.tuples import TP

from calculator import FxRate, Rates
from reports.limits import Limits
from streams import metrics
from streams.ends import Ends, Undecided, demand_decided
from streams.fetched import Positions
from streams.global_table import GlobalTable
from streams.known_prices import Today
from streams.known_rates import KnownRates
from streams.lane import Lane, SettingChanged
from streams.log import TransactionLog
from streams.market import KnownMarket
from streams.membership import Membership, now
from streams.pump import Pump
from streams.recovery import Application, application_options
from streams.restore import Restorer
from streams.settings import WorkerSettings
from streams.state import LayoutError
from streams.tables import Tables
from streams.watches import Watches
from wire.reference import OF_FX_RATES
from wire.topics import APP_ID, CHANGELOG, INPUTS, PORTFOLIOS

log = structlog.get_logger(__name__)
EXIT_NOT_QUIET = 71
EXIT_UNDECIDED = 76
EXIT_NOT_CO_PARTITIONED = 79
EXIT_SETTING = 2


class WorkerApp(Application):
    """Owns the lanes of this process. All methods run in Faust's loop unless they say so."""

    def __init__(self, settings: WorkerSettings) -> None:
        super().__init__(
            APP_ID,
            **application_options(
                settings.kafka,
                store="partitions://",
                datadir=str(settings.data_dir / "faust"),
                topic_partitions=settings.partitions,
                broker_session_timeout=settings.session_seconds,
                canonical_url=settings.url,
                agent_supervisor=mode.CrashingSupervisor,
            ),
        )
        self.settings = settings
        self.pumps: dict[int, Pump] = {}
        self.served: frozenset[int] = frozenset()  # partitions that may answer questions
        self.has_joined = False  # the group, at least once
        self.alive_at = now()  # moved by the watchdog
        self._tables = Tables(settings.data_dir / "state", settings.partitions)
        self._rates = KnownRates(Rates(settings.fx_cross_currency, settings.fx_max_age_days))
        self.watches = Watches()
        self._rates_table = GlobalTable(settings.kafka, OF_FX_RATES, self._keep_rate)
        self.market = KnownMarket(
            settings.kafka, self._rates, self._rates_table, _limits(settings), Today(),
            self.watches.of_security,
        )  # fmt: skip
        self._logs_are_started = asyncio.Event()
        self._logs_are_started.set()

    @property
    def may_answer(self) -> bool:
        """Whether this process surely still owns what it serves. From any thread."""
        at, session = now(), self.settings.session_seconds
        return (
            not self.rebalancing
            and at - Membership.confirmed_at < session - 2
            and at - self.alive_at < session / 2
        )

    def owners(self) -> dict[int, str]:
        """Partition -> URL of the worker that owns it, by the newest assignment. Any thread."""
        return {
            partition: str(url).rstrip("/")
            for url, topics in self.router.external_topics_metadata().items()
            for partition in topics.get(INPUTS[0].name, ())
        }

    def _keep_rate(self, offset: int, rate: FxRate) -> None:
        self._rates.keep(offset, rate)
        self.watches.of_rate((rate.from_currency, rate.to_currency))

    async def on_start(self) -> None:
        self._follow_tables(asyncio.get_running_loop())
        self._rates_table.start()
        self.market.start()
        await super().on_start()

    def _follow_tables(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let lanes look when rates or instruments that concern them have moved."""

        def moved() -> None:
            """In the reader's thread."""
            self._rates.move(self._rates_table.through)
            loop.call_soon_threadsafe(self._wake_lanes)

        def instruments_moved() -> None:
            """Hundreds of thousands come that are no cash, and concern no lane."""
            if self.market.cash.move(self.market.instruments_table.through):
                loop.call_soon_threadsafe(self._wake_lanes)

        self._rates_table.on_move(moved)
        self.market.instruments_table.on_move(instruments_moved)

    def _wake_lanes(self) -> None:
        for pump in self.pumps.values():
            pump.wake()

    async def take_over(self, assigned: set[TP]) -> dict[TP, int]:
        began = time.monotonic()
        partitions = self._co_partitions(assigned)
        self.served = frozenset()
        for pump in self.pumps.values():
            pump.close()
        self.pumps.clear()
        gc.collect()
        logs = await self._start_logs(partitions)
        restorer, ends = Restorer(self.settings.kafka, self._tables), Ends(self.settings.kafka)
        try:
            await asyncio.to_thread(demand_decided, ends, partitions)
            tables = await asyncio.to_thread(restorer.restore, logs)
            # Read first, so that nothing of a backlog is booked twice: under the terms of a
            # portfolio without a record, or without a rate, and then under those of the record.
            first = [TP(PORTFOLIOS.name, partition) for partition in partitions]
            known = await asyncio.to_thread(ends.patiently, first)
            await asyncio.to_thread(self._rates_table.read_to_end, ends)
            await asyncio.to_thread(self.market.demand_all, ends)
            for partition, transactions in logs.items():
                lots_max = self.settings.cached_lots_max // len(partitions)
                lane = Lane(
                    partition, self.settings.partitions, self.settings.default_method,
                    tables[partition], transactions, lots_max, self._rates, self.market.cash,
                )  # fmt: skip
                lane.on_booked = self.watches.of_changes
                self.pumps[partition] = Pump(lane, self.is_current)
        except (SettingChanged, LayoutError) as error:
            log.critical("refused", error=str(error))
            os._exit(EXIT_SETTING)
        except Undecided as error:
            log.critical("transaction_undecided", error=str(error))
            os._exit(EXIT_UNDECIDED)
        self.batches.read_first(known)
        log.info("took_over", partitions=partitions, seconds=round(time.monotonic() - began, 3))
        return {
            TP(topic.name, partition): pump.lane.progress.next_offsets[index]
            for partition, pump in self.pumps.items()
            for index, topic in enumerate(INPUTS)
        }

    def _co_partitions(self, assigned: set[TP]) -> list[int]:
        """The partitions assigned, which must be the same of every input and the changelog."""
        of_inputs = [{tp.partition for tp in assigned if tp.topic == t.name} for t in INPUTS]
        of_changelog = {
            tp.partition for tp in self.consumer.assignment() if tp.topic == CHANGELOG.name
        }
        if any(partitions != of_changelog for partitions in of_inputs):
            log.critical("not_co_partitioned", inputs=of_inputs, changelog=of_changelog)
            os._exit(EXIT_NOT_CO_PARTITIONED)
        return sorted(of_changelog)

    async def _start_logs(self, partitions: Sequence[int]) -> dict[int, TransactionLog]:
        """A log that starts late would fence the next owner of its partition, so that a
        revocation waits until all have started (`quiesce`)."""
        self._logs_are_started.clear()
        try:
            logs = await asyncio.gather(
                *(
                    asyncio.to_thread(TransactionLog, self.settings.kafka, partition)
                    for partition in partitions
                )
            )
            return dict(zip(partitions, logs, strict=True))
        finally:
            self._logs_are_started.set()

    def serve(self, assigned: set[TP]) -> None:
        self.has_joined = True
        for pump in self.pumps.values():
            pump.start()
        self.served = frozenset(self.pumps)
        metrics.SERVED.set(len(self.served))
        log.info("serving", partitions=sorted(self.served))

    async def quiesce(self) -> None:
        self.served = frozenset()
        metrics.SERVED.set(0)
        for pump in self.pumps.values():
            pump.stop()
        running = [self._logs_are_started, *(pump.idle for pump in self.pumps.values())]
        try:
            await asyncio.wait_for(
                asyncio.gather(*(event.wait() for event in running)),
                self.settings.session_seconds,
            )
        except TimeoutError:
            log.critical("lanes_did_not_end")
            os._exit(EXIT_NOT_QUIET)


def _limits(settings: WorkerSettings) -> Limits:
    return Limits(
        price_max_age_days=settings.price_max_age_days,
        fx_max_age_days=settings.fx_max_age_days,
        cross_currency=settings.fx_cross_currency,
    )


def create_app(settings: WorkerSettings) -> WorkerApp:
    """The Faust app with its agent and table; nothing runs yet."""
    app = WorkerApp(settings)
    inputs = app.topic(
        *(topic.name for topic in INPUTS),
        key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw",
    )  # fmt: skip
    # For its changelog, which is assigned with the inputs; records are written by the lanes, and
    # read by the restorer.
    Positions.unread.add(CHANGELOG.name)
    app.Table("state", key_type=bytes, value_type=bytes, partitions=settings.partitions)

    @app.agent(inputs)
    async def book(stream: Any) -> None:
        async for event in stream.noack().events():
            pump = app.pumps.get(event.message.partition)
            if pump is not None and app.is_current(event.message):
                await pump.put(event)

    return app
