"""Answers HEAD as GET; the server leaves the body out."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

_IS_HEAD = "portfolio.is_head"


def is_head(request: Request) -> bool:
    """Whether nobody wants the body."""
    return _IS_HEAD in request.scope


class Heads:
    """ASGI middleware. Checks of proxies and load balancers often ask with HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            # A copy: the server looks at its own to see that no body is wanted.
            scope = dict(scope, method="GET", **{_IS_HEAD: True})
        await self._app(scope, receive, send)
