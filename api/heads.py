"""Answers HEAD as GET; the server leaves the body out."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Heads:
    """ASGI middleware. Checks of proxies and load balancers often ask with HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            # A copy: the server looks at its own to see that no body is wanted.
            scope = dict(scope, method="GET")
        await self._app(scope, receive, send)
