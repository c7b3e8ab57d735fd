"""A worker or a store that kills itself before or behind a durable effect, as the environment says.

    CRASH_AT="behind log" CRASH_AFTER=3 python -m tests.faults.crashing worker ...

The third time that it comes there, it writes `crash at behind log` and ends by SIGKILL.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg2
from psycopg2 import extensions

from cli.main import main
from streams import database
from streams.log import TransactionLog
from streams.tables import Table

OF_A_WORKER = (
    "before init", "behind init",  # the writer before is fenced
    "before log", "inside log", "behind log",  # inside: all is delivered, nothing committed
    "before state", "behind state",
)  # fmt: skip
OF_A_STORE = ("before sink", "inside sink", "behind sink")

_left = int(os.environ.get("CRASH_AFTER", "1"))


def reach(point: str) -> None:
    global _left
    if point != os.environ.get("CRASH_AT"):
        return
    _left -= 1
    if _left == 0:
        sys.stdout.write(f"crash at {point}\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def around(effect: Callable[..., Any], name: str) -> Callable[..., Any]:
    def reached(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it takes
        reach(f"before {name}")
        answer = effect(*arguments, **options)
        reach(f"behind {name}")
        return answer

    return reached


class Connection(extensions.connection):
    """To PostgreSQL. The store commits by leaving a `with`, which calls this."""

    writes = False  # not only what is read or made ready in a transaction too

    def commit(self) -> None:
        if self.writes:
            reach("inside sink")
        super().commit()


def lock(cursor: Any, progress: Any) -> Any:  # noqa: ANN401
    cursor.connection.writes = True
    return _lock(cursor, progress)


def finish(log: Any) -> None:  # noqa: ANN401
    log._producer.flush(10)
    reach("inside log")
    _finish(log)


_finish, _lock = TransactionLog._finish, database._lock

if __name__ == "__main__":
    changed: Any = TransactionLog
    changed.__init__ = around(TransactionLog.__init__, "init")
    changed.commit = around(TransactionLog.commit, "log")
    changed._finish = finish
    changed = Table
    changed.write = around(Table.write, "state")
    changed = database
    changed.write = around(database.write, "sink")
    changed._lock = lock
    changed = psycopg2
    changed.connect = partial(psycopg2.connect, connection_factory=Connection)
    main()
