"""Takes in what is left of a body that was not all read, before the request is refused."""

import asyncio
from contextlib import suppress
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DISCARDED_BYTES_MAX = 64 * 1024 * 1024
DISCARD_SECONDS_MAX = 5.0


class Remainders:
    """ASGI middleware. Most clients send all before they read an answer, and where the rest is not
    taken in they find the connection reset instead of one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_all_here = False

        async def received() -> Message:
            nonlocal is_all_here
            message = await receive()
            is_all_here = not message.get("more_body", False)
            return message

        async def sent(message: Message) -> None:
            is_refusal = message.get("status", HTTPStatus.OK) >= HTTPStatus.BAD_REQUEST
            if is_refusal and not is_all_here and _waits_for_no_answer(Headers(scope=scope)):
                await _discard(receive)
            await send(message)

        await self._app(scope, received, sent)


def _waits_for_no_answer(headers: Headers) -> bool:
    """Whether a client sends a body that is worth taking in."""
    size = headers.get("content-length", "")
    return "expect" not in headers and (not size.isdecimal() or int(size) <= DISCARDED_BYTES_MAX)


async def _discard(receive: Receive) -> None:
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS_MAX):
            while size <= DISCARDED_BYTES_MAX:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
