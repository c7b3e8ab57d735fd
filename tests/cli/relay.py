"""A stand-in worker that lies: it asks the real ones, and changes what they say."""

import json
from collections.abc import Callable
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response

from cli.workers import Workers
from tests.oracle.murmur2 import partition_of

Change = Callable[[dict[str, Any]], None]


def relay(workers: Workers, path: str, change: Change) -> FastAPI:
    """The answer about `path` changed, every other as it is."""
    lying = FastAPI()

    @lying.get("/portfolios/{portfolio_id}/{rest:path}")
    def ask(request: Request, portfolio_id: str) -> Response:
        owner = workers.owners[partition_of(portfolio_id, 8)]
        answer = httpx.get(owner + request.url.path, timeout=10, trust_env=False)
        content = answer.json()
        if request.url.path == path:
            change(content)
        return Response(json.dumps(content), answer.status_code, media_type="application/json")

    return lying
