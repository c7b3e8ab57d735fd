"""Keys as PostgreSQL has them, remembered for a moment.

For REMEMBERED_SECONDS a key is taken as it was read: so long a revoked one may still come in, and
so long those go on who came in before PostgreSQL went away. One that is in use is read again
behind the requests from REFRESHED_SECONDS on, so that nobody waits for it, and an outage finds it
fresh. What is not remembered cannot be told good from bad while PostgreSQL is away: 503.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from api import database
from api.keys import Access, Key, Scope
from api.problems import Problem, unavailable
from migrations.schema import api_keys

REMEMBERED_SECONDS = 30.0
REFRESHED_SECONDS = 10.0
PAUSE_SECONDS = 1.0  # after PostgreSQL gave no answer, until it is asked again
# Connections of its own: a long question about history must not keep everybody out.
CONNECTIONS_MAX = 2
LOOK_UP_SECONDS_MAX = 3
LOOK_UPS_MAX = 100  # at the same time; whoever tries keys out fills no memory


@dataclass(frozen=True, slots=True)
class _Kept:
    """A key as it was read. Of keys that are not there nothing is remembered: there are as many
    as somebody likes to try."""

    secret_sha256: bytes
    access: Access
    expires_at: datetime | None
    is_revoked: bool
    read_at: float

    @property
    def age_seconds(self) -> float:
        return time.monotonic() - self.read_at

    def access_by(self, key: Key) -> Access | None:
        if not key.is_known_by(self.secret_sha256) or self.is_revoked:
            return None
        if self.expires_at is not None and self.expires_at <= datetime.now(UTC):
            return None
        return self.access


class Keyring:
    """What the holders of keys may do. Used from one event loop, and never holds it up."""

    def __init__(self, database_url: str) -> None:
        self._engine = database.reader(database_url, CONNECTIONS_MAX, LOOK_UP_SECONDS_MAX)
        self._outages = database.Outages()
        self._threads = ThreadPoolExecutor(CONNECTIONS_MAX, thread_name_prefix="keys")
        self._kept: dict[str, _Kept] = {}
        self._look_ups: dict[str, asyncio.Task[_Kept | None]] = {}
        self._paused_until = 0.0

    def close(self) -> None:
        for task in self._look_ups.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    def recall(self, key: Key) -> Access | None:
        """What the key may do, if it is remembered as a good one."""
        kept = self._remembered(key.key_id)
        if kept is None:
            return None
        if kept.age_seconds > REFRESHED_SECONDS and self._may_ask:
            self._begin(key.key_id)
        return kept.access_by(key)

    async def find(self, key: Key) -> Access | None:
        """What the key may do; None: it is no good. A problem 503 where that cannot be known."""
        kept = self._remembered(key.key_id)
        if kept is None:
            if not self._may_ask:
                raise unavailable("database-away", "Keys cannot be looked up now.")
            # Others may wait for the same one.
            kept = await asyncio.shield(self._begin(key.key_id))
        return None if kept is None else kept.access_by(key)

    def _remembered(self, key_id: str) -> _Kept | None:
        kept = self._kept.get(key_id)
        return kept if kept is not None and kept.age_seconds <= REMEMBERED_SECONDS else None

    @property
    def _may_ask(self) -> bool:
        return time.monotonic() >= self._paused_until and len(self._look_ups) < LOOK_UPS_MAX

    def _begin(self, key_id: str) -> asyncio.Task[_Kept | None]:
        task = self._look_ups.get(key_id)
        if task is None:
            task = self._look_ups[key_id] = asyncio.create_task(self._look_up(key_id))
            task.add_done_callback(_heard)
        return task

    async def _look_up(self, key_id: str) -> _Kept | None:
        try:
            with self._outages.refused():
                reading = asyncio.get_running_loop().run_in_executor(
                    self._threads, self._read, key_id
                )
                kept = await asyncio.wait_for(reading, LOOK_UP_SECONDS_MAX + 1)
        except Problem:
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            raise
        finally:
            del self._look_ups[key_id]
        if kept is None:
            self._kept.pop(key_id, None)
        else:
            self._kept[key_id] = kept
        return kept

    def _read(self, key_id: str) -> _Kept | None:
        # Before the row is read: what changes meanwhile is not taken for older than it is.
        read_at = time.monotonic()
        with self._engine.connect() as connection:
            found = select(api_keys).where(api_keys.c.key_id == key_id)
            row = connection.execute(found).one_or_none()
        if row is None:
            return None
        scopes = frozenset(scope for scope in Scope if scope in row.scopes)
        portfolios = None if row.portfolios is None else frozenset(row.portfolios)
        return _Kept(
            bytes(row.secret_sha256),
            Access(scopes, portfolios),
            row.expires_at,
            row.revoked_at is not None,
            read_at,
        )


def _heard(task: asyncio.Task[_Kept | None]) -> None:
    """Behind a request nobody waits for the error, and the next one meets it again."""
    if not task.cancelled():
        task.exception()
