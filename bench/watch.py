"""From the first committed row to the last: how everyone who stores results is measured."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2

from bench.machine import Snapshot, Usage
from bench.stage import BenchmarkError

POLL_SECONDS = 0.05
STALL_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Span:
    """Rates are in events/s, `usage.cpu_us` is for one event."""

    events_per_second: float
    second_half: float  # of the same, without the start
    usage: Usage
    seconds_to_first_row: float  # from the start of the processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Looks at how many results are stored, without asking much."""

    database_url: str
    table: str  # a row for each event
    progress: str  # a query for how many there are at most, until all are there
    events: int
    require_running: Callable[[], None]

    def span(self, kinds: Mapping[str, Iterable[int]]) -> Span:
        """Wait for all rows, from the start of the processes on; those of a kind count together."""
        started_at = time.perf_counter()
        with self.cursor() as cursor:
            self.wait_for(cursor, 1)
            begin, before = Snapshot.take(kinds), self._rows(cursor)
            half_rows, half_at = self.wait_for(cursor, self.events // 2), time.perf_counter()
            self.wait_for(cursor, self.events)
            end = Snapshot.take(kinds)
        measured = self.events - before
        if measured <= 0:
            raise BenchmarkError("all was stored at once: take more events")
        return Span(
            events_per_second=measured / (end.at - begin.at),
            second_half=(self.events - half_rows) / (end.at - half_at),
            usage=Usage.between(begin, end, measured),
            seconds_to_first_row=begin.at - started_at,
        )

    @contextmanager
    def cursor(self) -> Iterator[psycopg2.extensions.cursor]:
        """What `wait_for` asks with: a connection of its own, which ends with the block."""
        connection = psycopg2.connect(self.database_url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def wait_for(self, cursor: psycopg2.extensions.cursor, events: int) -> int:
        """Wait until at least so many are stored; return how many are."""
        last, moved_at = -1, time.monotonic()
        while (now := self._stored(cursor)) < events:
            if now != last:
                last, moved_at = now, time.monotonic()
            self.require_running()
            if time.monotonic() - moved_at > STALL_SECONDS_MAX:
                raise BenchmarkError(f"nothing happens after {now} of {self.events} results")
            time.sleep(POLL_SECONDS)
        return now

    def _stored(self, cursor: psycopg2.extensions.cursor) -> int:
        """Counting takes long, so the rows are not counted before all may be there."""
        reached = _number(cursor, self.progress)
        return reached if reached < self.events else self._rows(cursor)

    def _rows(self, cursor: psycopg2.extensions.cursor) -> int:
        return _number(cursor, f"SELECT count(*) FROM {self.table}")


def _number(cursor: psycopg2.extensions.cursor, query: str) -> int:
    cursor.execute(query)
    ((number,),) = cursor.fetchall()
    return int(number)
