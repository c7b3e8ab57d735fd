"""Counts and times requests by route."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Measure:
    """ASGI middleware. The route is its template: ids do not make new time series."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "portfolio_api_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "portfolio_api_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ["method", "route"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, is_stream = 500, False
        started = time.perf_counter()

        async def sent(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = _STREAM in message["headers"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if route != "none" else "any"
            self._requests.labels(method, route, status).inc()
            # How long somebody stays on a stream says nothing of how soon there are answers.
            if not is_stream:
                self._seconds.labels(method, route).observe(time.perf_counter() - started)
