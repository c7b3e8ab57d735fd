"""PostgreSQL as the sink of the store's writer, however long it takes to be there."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import psycopg2
import structlog
from psycopg2 import extensions

from streams import database, rows
from streams.writer import Progress

log = structlog.get_logger(__name__)
RETRY_SECONDS = 0.5
TOLD_EVERY = 20  # tries
# While PostgreSQL is away, has no room, or is not migrated.
_PASSING = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.UndefinedTable,
)
T = TypeVar("T")


class Interrupted(Exception):
    """The sink was told to give up while PostgreSQL was away; nothing was written, or all of it:
    the progress says."""


class PostgresSink:
    """A `streams.writer.Sink`; its calls return when PostgreSQL has done what they say, or raise
    Interrupted where `gives_up` is set while it is away."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._connection: extensions.connection | None = None
        self.gives_up = threading.Event()
        self.answered_at = -math.inf  # when PostgreSQL last did, by the monotonic clock

    def read_progress(self, partitions: Iterable[tuple[str, int]]) -> Progress:
        wanted = list(partitions)
        return self._retried(lambda connection: database.read_progress(connection, wanted))

    def write(self, records: Sequence[Any], *, expected: Progress, progress: Progress) -> None:
        gathered = rows.gather(records)

        def write(connection: extensions.connection) -> None:
            database.write(connection, gathered, expected=expected, progress=progress)

        self._retried(write)

    def _connect(self, database_url: str) -> extensions.connection:
        return database.connect(database_url)

    def _retried(self, call: Callable[[extensions.connection], T]) -> T:
        failed = 0
        while True:
            try:
                if self._connection is None:
                    self._connection = self._connect(self._database_url)
                answer = call(self._connection)
            except _PASSING as error:
                if failed % TOLD_EVERY == 0:
                    log.warning("postgresql_refuses", error=str(error).strip(), failed=failed)
                failed += 1
                self._close()
                if self.gives_up.wait(RETRY_SECONDS):
                    raise Interrupted from error
            else:
                self.answered_at = time.monotonic()
                return answer

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
