"""A worker with a secret answers who sends it."""

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI

from streams import live
from streams.doors import OPEN, Guarded
from streams.tables import Table
from tests.streams.asked import P, Worker, paths
from wire.workers import SECRET_HEADER

SECRET = "s3cret-of-the-cluster"
SENT = {SECRET_HEADER: SECRET}
ROUTES = {
    "/owners", "/livez", "/readyz", "/status", "/metrics", "/applied", "/results", "/portfolios",
    "/portfolios/{portfolio_id}/positions", "/portfolios/{portfolio_id}/positions/{security_id}",
    "/portfolios/{portfolio_id}/positions/{security_id}/lots",
    "/portfolios/{portfolio_id}/transactions/{transaction_id}",
}  # fmt: skip


@pytest.fixture
def guarded(table: Table) -> Worker:
    return Worker(table, SECRET)


def test_the_routes_of_a_worker_are_known(guarded: Worker) -> None:
    app: object = guarded
    routes = live.create_api(app).routes  # type: ignore[arg-type]
    assert {getattr(route, "path", None) for route in routes} == ROUTES


@pytest.mark.parametrize(
    "path",
    [re.sub(r"\{\w+\}", P, route) for route in sorted(ROUTES)]
    + ["/", "/none", "//livez", "/livez/"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
def test_without_the_secret_nothing_is_said_but_whether_it_lives(
    guarded: Worker, path: str, method: str
) -> None:
    wrong: list[dict[str, str]] = [
        {},
        {SECRET_HEADER: ""},
        {SECRET_HEADER: SECRET + "x"},
        {SECRET_HEADER: SECRET[:-1]},
    ]
    for headers in wrong:
        answer = asyncio.run(guarded.ask(method, path, headers=headers))
        if path in OPEN:
            assert answer.status_code != 401
        else:
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert SECRET not in answer.text


def test_with_the_secret_it_answers_as_one_without(guarded: Worker) -> None:
    guarded.trade("T0")
    guarded.book()
    for path in [*paths(), "/owners", "/metrics", "/readyz"]:
        assert guarded.get(path, **SENT).status_code == 200, path
    body = b'{"partition":0,"identities":[]}'
    assert asyncio.run(guarded.ask("POST", "/results", body, SENT)).json() == {"results": []}


def test_a_worker_without_a_secret_asks_for_none(worker: Worker) -> None:
    worker.trade("T0")
    worker.book()
    for path in paths():
        assert worker.get(path).status_code == 200


def test_what_is_behind_the_guard_is_not_even_asked() -> None:
    app, asked = FastAPI(), []
    app.add_middleware(Guarded, secret=SECRET)

    @app.get("/{rest:path}")
    async def answer(rest: str) -> str:
        asked.append(rest)
        return rest

    async def ask(**headers: str) -> int:
        door = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=door, base_url="http://here") as client:
            return (await client.get("/x", headers=headers)).status_code

    assert asyncio.run(ask()) == 401
    assert asked == []
    assert asyncio.run(ask(**SENT)) == 200
    assert asked == ["x"]
