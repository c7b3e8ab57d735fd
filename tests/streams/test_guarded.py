"""A worker and a store with a secret answer who sends it."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import httpx
import pytest
import uvloop
from fastapi import FastAPI

from streams import live, standing, store
from streams.doors import OPEN, Guarded
from streams.membership import Membership
from streams.settings import StoreSettings
from streams.tables import Table
from streams.transport import BatchConsumer
from tests.streams.asked import P, Worker, assert_refused, paths
from wire.broker import Broker
from wire.workers import SECRET_HEADER

SECRET = "s3cret-of-the-cluster"
SENT = {SECRET_HEADER: SECRET}
WRONG: list[dict[str, str]] = [
    {},
    {SECRET_HEADER: ""},
    {SECRET_HEADER: SECRET + "x"},
    {SECRET_HEADER: SECRET[:-1]},
]
NOWHERE = ["/", "/none", "//livez", "/livez/"]
METHODS = ["GET", "POST", "HEAD", "OPTIONS"]
ROUTES = {
    "/owners", "/livez", "/readyz", "/status", "/metrics", "/applied", "/results", "/portfolios",
    "/portfolios/{portfolio_id}/positions", "/portfolios/{portfolio_id}/positions/{security_id}",
    "/portfolios/{portfolio_id}/positions/{security_id}/lots",
    "/portfolios/{portfolio_id}/transactions/{transaction_id}",
    "/portfolios/{portfolio_id}/valuation", "/portfolios/{portfolio_id}/valuation/next",
}  # fmt: skip
NO_BROKER = Broker(bootstrap="127.0.0.1:1")
STORE_ROUTES = {"/livez", "/readyz", "/metrics"}


@pytest.fixture
def guarded(table: Table) -> Worker:
    return Worker(table, SECRET)


def test_the_routes_of_a_worker_are_known(guarded: Worker) -> None:
    app: object = guarded
    routes = live.create_api(app).routes  # type: ignore[arg-type]
    assert {getattr(route, "path", None) for route in routes} == ROUTES


@pytest.mark.parametrize(
    "path", [re.sub(r"\{\w+\}", P, route) for route in sorted(ROUTES)] + NOWHERE
)
@pytest.mark.parametrize("method", METHODS)
def test_without_the_secret_nothing_is_said_but_whether_it_lives(
    guarded: Worker, path: str, method: str
) -> None:
    for headers in WRONG:
        assert_open_or_refused(path, asyncio.run(guarded.ask(method, path, headers=headers)))


def assert_open_or_refused(path: str, answer: httpx.Response) -> None:
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

    assert ask(app, "GET", "/x", {}).status_code == 401
    assert asked == []
    assert ask(app, "GET", "/x", SENT).status_code == 200
    assert asked == ["x"]


def ask(api: FastAPI, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    async def answer() -> httpx.Response:
        door = httpx.ASGITransport(api)
        async with httpx.AsyncClient(transport=door, base_url="http://here") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(answer())


# -- the store


def door_of_a_store(secret: str | None) -> FastAPI:
    """Of one that has no partition yet, so that Kafka is not asked where they end."""
    return standing.create_api(NO_BROKER, lambda: standing.OK, dict, secret)


def test_the_routes_of_a_store_are_known() -> None:
    routes = door_of_a_store(SECRET).routes
    assert {getattr(route, "path", None) for route in routes} == STORE_ROUTES


@pytest.mark.parametrize("path", sorted(STORE_ROUTES) + NOWHERE)
@pytest.mark.parametrize("method", METHODS)
def test_without_the_secret_a_store_says_nothing_but_whether_it_is_well(
    path: str, method: str
) -> None:
    for headers in WRONG:
        assert_open_or_refused(path, ask(door_of_a_store(SECRET), method, path, headers))


def test_a_store_answers_who_sends_the_secret_as_one_without_answers_everybody() -> None:
    for path in STORE_ROUTES:
        assert ask(door_of_a_store(SECRET), "GET", path, SENT).status_code == 200, path
        assert ask(door_of_a_store(None), "GET", path, {}).status_code == 200, path


def test_a_method_that_is_not_for_a_path_of_a_store_is_a_problem() -> None:
    assert_refused(ask(door_of_a_store(None), "POST", "/livez", {}), 405, "method-not-allowed")


@pytest.mark.parametrize(("secret", "status"), [(SECRET, 401), (None, 200)])
def test_a_store_opens_its_door_with_the_secret_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str | None, status: int
) -> None:
    opened: list[FastAPI] = []
    reference = SimpleNamespace(start=lambda: None)
    app = SimpleNamespace(standing=lambda: standing.OK, stored=dict, reference=reference)
    monkeypatch.setattr(store, "open_door", lambda api, host, port: opened.append(api))
    monkeypatch.setattr(store, "create_app", lambda settings: app)
    for name in ("Folder", "create_topics"):
        monkeypatch.setattr(store, name, lambda *_: None)
    # `run` would leave these changed in the process of the tests.
    monkeypatch.setattr(uvloop, "install", lambda: None)
    monkeypatch.setattr(Membership, "folder", None)
    monkeypatch.setattr(BatchConsumer, "batch_records_max", BatchConsumer.batch_records_max)

    def run_process(app: object) -> NoReturn:
        raise SystemExit

    monkeypatch.setattr(store, "run_process", run_process)
    with pytest.raises(SystemExit):
        store.run(
            StoreSettings(
                kafka=NO_BROKER, database_url="postgresql://127.0.0.1:1/none", data_dir=tmp_path,
                partitions=8, http_host="127.0.0.1", http_port=1, cluster_secret=secret,
            )
        )  # fmt: skip
    [door] = opened
    assert ask(door, "GET", "/metrics", {}).status_code == status
    assert ask(door, "GET", "/metrics", SENT).status_code == 200
