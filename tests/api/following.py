"""A worker that has something to tell, and who reads what the API makes of it."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from fastapi import FastAPI, Request, Response

from tests.api.conftest import PARTITIONS
from tests.api.stand_in import problem


class Said(NamedTuple):
    """One event, as it arrived."""

    kind: str
    id: str
    data: str
    at: float


class Teller:
    """A worker that owns everything, and whose events are what a test tells."""

    def __init__(self) -> None:
        self.url = ""
        self.refusal: tuple[int, str] | None = None
        self.after: list[str] = []  # what it was asked
        self.asking = 0  # questions that it holds back
        self._events: list[tuple[str, str, str]] = []
        self.app = FastAPI(openapi_url=None)
        self.app.get("/owners")(self._owners)
        self.app.get("/portfolios/{portfolio_id}/valuation/next")(self._next)

    def tell(self, kind: str, event_id: str, data: str) -> None:
        self._events.append((kind, event_id, data))

    def _owners(self) -> dict[str, Any]:
        return {"partitions": PARTITIONS, "owners": dict.fromkeys(range(PARTITIONS), self.url)}

    async def _next(self, request: Request, after: str) -> Response:
        timeout = float(request.query_params["timeout"])
        self.after.append(after)
        self.asking += 1
        try:
            until = time.monotonic() + timeout
            while True:
                if self.refusal is not None:
                    return problem(*self.refusal)
                if (found := self._behind(after)) is not None:
                    kind, event_id, data = found
                    body = f'{{"event":"{kind}","id":"{event_id}","data":{data}}}'
                    return Response(body, media_type="application/json")
                if time.monotonic() >= until:
                    return Response("null", 202, media_type="application/json")
                await asyncio.sleep(0.005)
        finally:
            self.asking -= 1

    def _behind(self, after: str) -> tuple[str, str, str] | None:
        ids = [event_id for _, event_id, _ in self._events]
        at = ids.index(after) + 1 if after in ids else 0
        return self._events[at] if at < len(self._events) else None


class Reader:
    """Reads a stream line by line."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments: list[str] = []
        self._events = self._read(response.iter_lines())

    def _read(self, lines: Iterator[str]) -> Iterator[Said]:
        fields: dict[str, str] = {}
        for line in lines:
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                yield Said(fields["event"], fields["id"], fields["data"], time.monotonic())
                fields = {}

    def next(self) -> Said:
        return next(self._events)

    def rest(self) -> list[Said]:
        """All until its end."""
        return list(self._events)


@contextmanager
def reading(
    client: httpx.Client,
    portfolio_id: str = "P1",
    last_event_id: str | None = None,
    **headers: str,
) -> Iterator[Reader]:
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    with client.stream("GET", f"/portfolios/{portfolio_id}/stream", headers=headers) as response:
        yield Reader(response)


def problem_in(reader: Reader) -> tuple[int, str, str]:
    """Status, kind and detail of a stream that is none."""
    found = json.loads(reader.response.read())
    assert reader.response.headers["content-type"] == "application/problem+json"
    return reader.response.status_code, found["type"].rpartition(":")[2], found["detail"]
