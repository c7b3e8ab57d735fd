"""A worker or a store that kills itself before or behind a durable effect, as the environment says.

    CRASH_AT="behind log" CRASH_AFTER=3 python -m tests.faults.crashing worker ...

The third time that it comes there, it writes `crash at behind log` and ends by SIGKILL. With
CRASH_BY=SIGSTOP it is frozen there instead, and then it is told by nobody but the broker: its
watchdog is off, and its transaction does not time out while it is frozen.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg2
from confluent_kafka import Producer
from psycopg2 import extensions

from cli.main import main
from streams import database, log, worker
from streams.app import WorkerApp
from streams.log import TransactionLog
from streams.membership import now
from streams.tables import Table

OF_A_WORKER = (
    "before init", "behind init",  # the writer before is fenced
    "before log", "inside log", "behind log",  # inside: all is delivered, nothing committed
    "before state", "behind state",
)  # fmt: skip
OF_A_STORE = ("before sink", "inside sink", "behind sink")

FROZEN_SECONDS_MAX = 60

_left = int(os.environ.get("CRASH_AFTER", "1"))
_by = signal.Signals[os.environ.get("CRASH_BY", "SIGKILL")]


def reach(point: str) -> None:
    global _left
    if point != os.environ.get("CRASH_AT"):
        return
    _left -= 1
    if _left == 0:
        sys.stdout.write(f"crash at {point}\n")
        sys.stdout.flush()
        # Of this thread: a signal of the process may let it go on a while, into the commit.
        signal.pthread_kill(threading.get_ident(), _by)


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


def finish(transactions: Any) -> None:  # noqa: ANN401
    transactions._producer.flush(10)
    reach("inside log")
    _finish(transactions)


def patient_producer(options: dict[str, Any]) -> Producer:
    """One whose open transaction the broker ends for the next owner, and not for its age."""
    return Producer(options | {"transaction.timeout.ms": FROZEN_SECONDS_MAX * 1000})


def watch_nothing(app: WorkerApp) -> None:
    """In the place of the watchdog: the process looks as if it had been scheduled all the time."""
    while True:
        app.alive_at = now()
        time.sleep(0.2)


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
    if _by == signal.SIGSTOP:
        changed = log
        changed.Producer = patient_producer
        changed = worker
        changed._watch = watch_nothing
    main()
