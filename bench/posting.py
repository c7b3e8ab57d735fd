"""POST over connections that stay open: cheap enough to run beside what it measures.

An ordinary client takes as long to send a small request as the API to answer it.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.stage import BenchmarkError

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_BUSY = 503
_PAUSE_SECONDS = 0.05


class Answer(NamedTuple):
    """What the server said."""

    status: int
    body: bytes


class Door:
    """One HTTP/1.1 server, and the connections to it that nobody uses just now."""

    def __init__(self, url: str, connections_max: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._free: list[Connection] = []
        self._gate = asyncio.Semaphore(connections_max)
        self.sent_again = 0  # requests that were refused for the moment

    async def close(self) -> None:
        for _, writer in self._free:
            writer.close()
            await writer.wait_closed()

    async def post(self, path: str, body: bytes) -> Answer:
        """The answer, once the server is not too busy to give one."""
        request = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        while True:
            async with self._gate:
                answer = await self._exchange(request)
            if answer.status != _BUSY:
                return answer
            self.sent_again += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _exchange(self, request: bytes) -> Answer:
        while self._free:
            # The server may have closed it meanwhile, for having been idle.
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                return await self._over(self._free.pop(), request)
        return await self._over(await asyncio.open_connection(self._host, self._port), request)

    async def _over(self, connection: Connection, request: bytes) -> Answer:
        reader, writer = connection
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(size)
        except BaseException:
            writer.close()
            raise
        self._free.append(connection)
        return Answer(int(head.split(b" ", 2)[1]), body)


def require(answer: Answer, status: int) -> None:
    if answer.status != status:
        raise BenchmarkError(f"the API says {answer.status}: {answer.body.decode()}")


async def at_even_pace(
    count: int, between_seconds: float, call: Callable[[int, float], Coroutine[Any, Any, None]]
) -> None:
    """Call with each number below `count` and the moment at which it is due, by perf_counter,
    however long the calls take: an open loop. Returns when all calls have."""
    began, tasks = time.perf_counter(), []
    for number in range(count):
        due = began + number * between_seconds
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(call(number, due)))
    await asyncio.gather(*tasks)
