"""A worker that is broken in a way that looks right until something goes wrong.

BROKEN="offset before outputs" CRASH_AT=between CRASH_AFTER=12 python -m tests.faults.broken ...
"""

import os
from typing import Any

from cli.main import main
from streams import app
from streams.journal import Changes
from streams.log import TransactionLog, Written
from streams.step import Counts, Outcome
from tests.faults.crashing import reach


class OffsetFirst(TransactionLog):
    """The progress over the inputs is committed, and then what was made of them."""

    def commit(self, outcome: Outcome, progress: bytes) -> Written:
        super().commit(Outcome(Changes(), Counts()), progress)
        reach("between")
        return super().commit(outcome, progress)


class Repeating(TransactionLog):
    """Takes a commit whose answer was lost for one that failed, and makes it again."""

    def commit(self, outcome: Outcome, progress: bytes) -> Written:
        super().commit(outcome, progress)
        written = super().commit(outcome, progress)
        if outcome.changes.results:
            reach("between")
        return written


BROKEN: dict[str, type[TransactionLog]] = {
    "offset before outputs": OffsetFirst,
    "a batch repeated after an unknown commit": Repeating,
}

if __name__ == "__main__":
    changed: Any = app
    changed.TransactionLog = BROKEN[os.environ["BROKEN"]]
    main()
