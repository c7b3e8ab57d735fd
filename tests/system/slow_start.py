"""A worker whose transaction logs start slowly in its first take-over.

python -m tests.system.slow_start worker ...
"""

import sys
import time
from typing import Any

from cli.main import main
from streams import app
from streams.log import TransactionLog
from wire.broker import Broker

SECONDS = 1.5
_slow: set[int] = set(range(8))


class SlowLog(TransactionLog):
    def __init__(self, broker: Broker, partition: int) -> None:
        if partition in _slow:
            _slow.remove(partition)
            sys.stdout.write('{"event": "starting"}\n')
            sys.stdout.flush()
            time.sleep(SECONDS)
        super().__init__(broker, partition)


if __name__ == "__main__":
    changed: Any = app
    changed.TransactionLog = SlowLog
    main()
