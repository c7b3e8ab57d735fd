"""Records that flow while a test does something else."""

import threading
from collections.abc import Iterable, Iterator
from typing import Self

from tests.oracle.events import Message
from tests.system.log import send
from wire.broker import Broker


class Flow(threading.Thread):
    """Sends at an even pace until there is no more, or it is told to end, as it is behind a `with`:
    whatever a test comes to, nothing may flow into the topics of the next."""

    def __init__(self, broker: Broker, messages: Iterable[Message], per_second: float) -> None:
        super().__init__(daemon=True)
        self._broker, self._messages, self._per_second = broker, messages, per_second
        self._ended = threading.Event()

    def run(self) -> None:
        send(self._broker, self._flowing(), self._per_second)

    def _flowing(self) -> Iterator[Message]:
        for message in self._messages:
            if self._ended.is_set():
                return
            yield message

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._ended.set()
        self.join()
