import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bench.posting import Answer, Door, at_even_pace, require
from bench.stage import BenchmarkError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def door_to(serve: Serve) -> AsyncIterator[Door]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    door = Door(f"http://127.0.0.1:{port}", 2)
    yield door
    await door.close()
    server.close()


async def take(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.partition(b"Length: ")[2].split(b"\r\n")[0]))


def answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def test_what_is_refused_for_the_moment_is_sent_again_over_the_same_connection() -> None:
    statuses, connections = [503, 202], 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while statuses:
            body = await take(reader)
            writer.write(answer(statuses.pop(0), body))
        writer.close()

    async def post() -> tuple[Answer, int]:
        async with door_to(serve) as door:
            return await door.post("/", b"{}"), door.sent_again

    assert asyncio.run(post()) == (Answer(202, b"{}"), 1)
    assert connections == 1


def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, await take(reader)))
        writer.close()

    async def post() -> list[Answer]:
        async with door_to(serve) as door:
            return [await door.post("/", body) for body in (b"one", b"two")]

    assert asyncio.run(post()) == [Answer(200, b"one"), Answer(200, b"two")]


def test_an_open_loop_does_not_wait_for_answers() -> None:
    due = []

    async def call(number: int, moment: float) -> None:
        due.append(moment)
        await asyncio.sleep(0.2)

    began = time.perf_counter()
    asyncio.run(at_even_pace(5, 0.01, call))
    assert time.perf_counter() - began < 0.9
    assert due[4] - due[0] == pytest.approx(0.04)


def test_another_answer_than_the_one_that_is_needed_ends_a_benchmark() -> None:
    with pytest.raises(BenchmarkError, match="422: no"):
        require(Answer(422, b"no"), 202)
