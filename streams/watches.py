"""Portfolios whose value somebody follows, and what each of them hangs on.

A record that comes is looked up in an index, by security, by the currencies of a rate, and by
portfolio: what nobody follows costs one look, however many hold it.
"""

import asyncio
import threading
import time
import uuid
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from calculator import Pair
from streams.answers import Refusal
from streams.journal import Changes
from streams.lane import Lane
from streams.told import Told

IDLE_SECONDS = 60.0  # kept for who comes back
WATCHES_MAX = 1000
POSITIONS_MAX = 100_000  # of all, of about a kilobyte each

Key = TypeVar("Key", bound=Hashable)


class Watch:
    """One portfolio that is followed, as long as its lane is the same. Lives in the loop that made
    it; `touch` is for any thread."""

    def __init__(self, portfolio_id: str, lane: Lane) -> None:
        self.portfolio_id = portfolio_id
        self.lane = lane
        self.told = Told(uuid.uuid4().hex[:12])
        self.valuing = asyncio.Lock()
        self.next_at = 0.0  # not to be valued before, by the loop's clock
        self.loop = asyncio.get_running_loop()
        self.idle_since = time.monotonic()
        self.securities: frozenset[str] = frozenset()
        self.legs: frozenset[Pair] = frozenset()
        self._followers = 0
        self._is_stale = True
        self._moved = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        return self._followers == 0

    @property
    def size(self) -> int:
        return 0 if self.told.latest is None else len(self.told.latest.positions)

    @property
    def is_stale(self) -> bool:
        """Whether something moved that may change the value, since the last `begin`."""
        return self._is_stale

    def begin(self) -> None:
        """The value is about to be made, of what is read from now on."""
        self._is_stale = False

    def touch(self) -> None:
        if not self._is_stale:
            self._is_stale = True
            with suppress(RuntimeError):  # its loop has ended
                self.loop.call_soon_threadsafe(self._moved.set)

    async def moved(self, seconds: float) -> None:
        """Comes back when it was touched, or later."""
        if not self._is_stale:
            self._moved.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    @contextmanager
    def followed(self) -> Iterator[None]:
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            self.idle_since = time.monotonic()


class _Index(Generic[Key]):
    """Who hangs on what. Read without a lock: sets are replaced, never changed."""

    def __init__(self) -> None:
        self._watches: dict[Key, frozenset[Watch]] = {}

    def touch(self, key: Key) -> None:
        for watch in self._watches.get(key, ()):
            watch.touch()

    def move(self, watch: Watch, before: frozenset[Key], now: frozenset[Key]) -> None:
        for key in now - before:
            self._watches[key] = self._watches.get(key, frozenset()) | {watch}
        for key in before - now:
            left = self._watches[key] - {watch}
            if left:
                self._watches[key] = left
            else:
                del self._watches[key]


class Watches:
    """All of a process. `watch` and `drop` are for the loop of its HTTP, the rest for any thread."""

    def __init__(self) -> None:
        self._of: dict[str, Watch] = {}
        self._securities, self._legs = _Index[str](), _Index[Pair]()
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._of)

    def of_security(self, security_id: str) -> None:
        """A price or the instrument changed."""
        self._securities.touch(security_id)

    def of_rate(self, leg: Pair) -> None:
        """A rate from one currency to another came."""
        self._legs.touch(leg)

    def of_changes(self, changes: Changes) -> None:
        """A batch can be seen."""
        if not self._of:
            return
        for key, _ in changes.changelog:
            if key[:1] in (b"h", b"p"):
                watch = self._of.get(key[1:].partition(b"\0")[0].decode())
                if watch is not None:
                    watch.touch()

    def hang(self, watch: Watch, securities: Iterable[str]) -> None:
        """What it hangs on from now on. Before prices are read: none that comes later is missed."""
        now = frozenset(securities)
        with self._changing:
            if not self._is_there(watch):
                return
            self._securities.move(watch, watch.securities, now)
            watch.securities = now

    def hang_on_rates(self, watch: Watch, legs: Iterable[Pair]) -> None:
        """Likewise, before rates are read."""
        now = frozenset(legs)
        with self._changing:
            if not self._is_there(watch):
                return
            self._legs.move(watch, watch.legs, now)
            watch.legs = now

    def watch(self, portfolio_id: str, lane: Lane) -> Watch:
        """The one of the portfolio, or a new one. Raises Refusal where there are too many."""
        found = self._of.get(portfolio_id)
        loop = asyncio.get_running_loop()
        if found is not None and (found.lane is not lane or found.loop is not loop):
            self.drop(found)
            found = None
        if found is None:
            self.make_room(1)
            found = Watch(portfolio_id, lane)
            self._of[portfolio_id] = found
        return found

    def drop(self, watch: Watch) -> None:
        """Forget it; who still waits for it finds out."""
        with self._changing:
            if self._is_there(watch):
                del self._of[watch.portfolio_id]
                self._securities.move(watch, watch.securities, frozenset())
                self._legs.move(watch, watch.legs, frozenset())

    def make_room(self, more: int = 0) -> None:
        """Forget those that nobody has followed for long, and sooner where there are too many."""
        idle = sorted(
            (watch for watch in self._of.values() if watch.is_idle),
            key=lambda watch: watch.idle_since,
        )
        count = len(self._of) + more
        size = sum(watch.size for watch in self._of.values())
        for watch in idle:
            is_old = time.monotonic() - watch.idle_since > IDLE_SECONDS
            if not is_old and count <= WATCHES_MAX and size <= POSITIONS_MAX:
                break
            self.drop(watch)
            count, size = count - 1, size - watch.size
        if count > WATCHES_MAX or size > POSITIONS_MAX:
            raise Refusal(503, "busy", "too many portfolios are followed here")

    def _is_there(self, watch: Watch) -> bool:
        return self._of.get(watch.portfolio_id) is watch
