"""Waits for what is new in the value of a portfolio, for those who follow it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from streams.answers import Refusal
from streams.app import WorkerApp
from streams.ownership import kept, lane_of, require_kept
from streams.told import Event
from streams.valuations import Valuation, held, require_known, valuation_of
from streams.watches import Watch
from wire.partitioner import partition_of

# However many follow a portfolio, and however large it is: from one valuation to the next goes by
# this time, and several times what the last one took. The lanes want the interpreter too.
PAUSE_SECONDS = 0.2
REST_PER_WORK = 4
_OWNER_SECONDS = 0.5  # so often who waits looks whether the partition is still here


class Following:
    """Of one worker. Valuations are made in a thread of their own, one after another."""

    def __init__(self, app: WorkerApp) -> None:
        self._app = app
        self._watches = app.watches
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="following")

    async def next(self, portfolio_id: str, after: str, seconds: float) -> Event | None:
        """What to tell who knows the event `after`, as soon as there is something; None after so
        many seconds. Raises Refusal."""
        loop = asyncio.get_running_loop()
        partition = partition_of(portfolio_id, self._app.settings.partitions)
        until = loop.time() + seconds
        while True:
            watch = self._watches.watch(portfolio_id, lane_of(self._app, partition))
            with watch.followed():
                if await self._is_up_to_date(watch, after):
                    require_kept(self._app, watch.lane)
                    event = watch.told.since(after)
                    if event is not None or loop.time() >= until:
                        return event
                    await watch.moved(min(until - loop.time(), _OWNER_SECONDS))
                else:
                    if loop.time() >= until:
                        return None
                    await asyncio.sleep(min(until, watch.next_at) - loop.time())

    async def _is_up_to_date(self, watch: Watch, after: str) -> bool:
        """Whether it is, or has just been made so. Who knows nothing yet need not wait for that."""
        async with watch.valuing:
            if not self._is_outdated(watch):
                return True
            if watch.told.knows(after) and watch.loop.time() < watch.next_at:
                return False
            await self._value(watch)
            return True

    def _is_outdated(self, watch: Watch) -> bool:
        latest = watch.told.latest
        return latest is None or watch.is_stale or latest.on != self._app.market.today()

    async def _value(self, watch: Watch) -> None:
        began = watch.loop.time()
        watch.begin()
        try:
            valuation = await watch.loop.run_in_executor(self._thread, self._valued, watch)
        except BaseException:
            # Whatever there was to see was not seen.
            watch.touch()
            if watch.told.latest is None:
                self._watches.drop(watch)
            raise
        finally:
            ended = watch.loop.time()
            watch.next_at = ended + max(PAUSE_SECONDS, REST_PER_WORK * (ended - began))
        watch.told.take(valuation)
        try:
            self._watches.make_room()
        except Refusal:
            self._watches.drop(watch)
            raise

    def _valued(self, watch: Watch) -> Valuation:
        """In the thread."""
        app, watches = self._app, self._watches
        with kept(app, watch.lane.partition) as lane:
            if lane is not watch.lane:
                raise Refusal(503, "rebalancing", "the partition moved")
            require_known(app.market)
            found = held(lane, watch.portfolio_id, app.market)
            watches.hang(watch, (each.security_id for each in found.holdings))
            return valuation_of(
                found,
                app.market,
                lambda pairs: watches.hang_on_rates(watch, app.market.legs(pairs)),
            )
