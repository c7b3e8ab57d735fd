"""A worker whose transaction logs start slowly in its first take-over.

python -m tests.system.slow_start worker ...
"""

import sys
import time
from typing import Any

from cli.main import main
from streams.app import WorkerApp
from streams.log import TransactionLog

SECONDS = 1.5
_start_log = WorkerApp._start_log
_slow: set[int] = set(range(8))


def _start_slowly(self: Any, partition: int) -> TransactionLog:  # noqa: ANN401
    if partition in _slow:
        _slow.remove(partition)
        sys.stdout.write('{"event": "starting"}\n')
        sys.stdout.flush()
        time.sleep(SECONDS)
    return _start_log(self, partition)


if __name__ == "__main__":
    WorkerApp._start_log = _start_slowly  # type: ignore[method-assign]
    main()
