"""When rows can be seen in PostgreSQL: a reader that asks again and again, and says since when.

The store has one transaction after another, and each moves `store_progress`, whose rows so carry
its number (`xmin`). Once a reader meets the number of a transaction there, it sees all rows of
that transaction and of those before. So a question about a few rows that always costs the same
tells of every row when it came in sight: never too early, and too late by no more than the time
between three answers.
"""

import threading
import time
from bisect import bisect_left
from types import TracebackType
from typing import Any, Self

import psycopg2

ASK_SECONDS = 0.005
_NEWEST = "SELECT coalesce(max(xmin::text::bigint), 0) FROM store_progress"
# The number of a trade is the end of its id.
_ROWS = """\
SELECT number, transaction
FROM (SELECT right(transaction_id, 9)::int, xmin::text::bigint FROM transactions)
    AS rows (number, transaction)
WHERE number >= %s
"""


class Sight:
    """Asks, in a thread of its own, within a `with` block."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg2.connect(database_url)
        self._connection.autocommit = True
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._newest: list[int] = []  # store transactions, each higher than the one before
        self._seen_at: list[float] = []  # when each of them was, by perf_counter
        self.longest_gap_seconds = 0.0  # between two answers

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._connection.close()

    def _look(self) -> None:
        before = time.perf_counter()
        with self._connection.cursor() as cursor:
            is_last = False
            while not is_last:
                is_last = self._ended.wait(ASK_SECONDS)  # and asks once more, for what came last
                cursor.execute(_NEWEST)
                ((newest,),) = cursor.fetchall()
                now = time.perf_counter()
                self.longest_gap_seconds = max(self.longest_gap_seconds, now - before)
                before = now
                if not self._newest or newest > self._newest[-1]:
                    self._newest.append(newest)
                    self._seen_at.append(now)

    def seen_at(self, transaction: int) -> float:
        """When the rows of this store transaction were in sight."""
        return self._seen_at[bisect_left(self._newest, transaction)]


def count_rows(database_url: str) -> int:
    """Of the transactions that are stored."""
    return int(_ask(database_url, "SELECT count(*) FROM transactions")[0][0])


def transactions_by_trade(database_url: str, first: int) -> dict[int, int]:
    """Which store transaction wrote the row of each trade from `first` on; the last, where several
    did."""
    return {
        int(number): int(transaction) for number, transaction in _ask(database_url, _ROWS, first)
    }


def _ask(database_url: str, question: str, *parameters: object) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(question, parameters)
        rows = cursor.fetchall()
    connection.close()
    return rows
