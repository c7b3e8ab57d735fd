"""Takes in what is left of a body when a request was refused before all of it was read."""

import asyncio
from contextlib import suppress
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.body import announces_more

DISCARDED_BYTES_MAX = 64 * 1024 * 1024
DISCARD_SECONDS_MAX = 5.0


class Remainders:
    """ASGI middleware. Most clients send all before they read an answer. Where the server closes a
    connection with something unread on it, they find it reset instead of a refusal, which is sent
    at once; then the rest is taken in, and the answer ends. The 500 of what nobody foresaw is sent
    outside of any middleware, and so of this."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_asked_for = "expect" not in headers  # who expects a word sends nothing before
        is_all_here = is_refusal = is_held_open = False

        async def received() -> Message:
            nonlocal is_all_here, is_asked_for
            is_asked_for = True
            message = await receive()
            is_all_here = not message.get("more_body", False)
            return message

        async def sent(message: Message) -> None:
            nonlocal is_refusal, is_held_open
            if message["type"] == "http.response.start":
                is_refusal = message["status"] >= HTTPStatus.BAD_REQUEST and not is_all_here
                if is_refusal and not is_asked_for:
                    # It may send the body still, which would be taken for its next request.
                    MutableHeaders(scope=message)["connection"] = "close"
            elif is_refusal and is_asked_for and not announces_more(headers, DISCARDED_BYTES_MAX):
                is_held_open = True
                message = {**message, "more_body": True}
            await send(message)

        await self._app(scope, received, sent)
        if is_held_open:
            await _discard(receive)
            await send({"type": "http.response.body"})


async def _discard(receive: Receive) -> None:
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS_MAX):
            while size <= DISCARDED_BYTES_MAX:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
