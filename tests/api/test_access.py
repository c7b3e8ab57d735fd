"""Who may do what: every route of the OpenAPI document, asked by every kind of holder."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response

from api import examples
from api.keys import Key, new_key
from api.main import create_app
from api.settings import ApiSettings
from cli.servers import Connections
from migrations.upgrade import upgrade
from tests.api.conftest import PARTITIONS
from tests.api.holders import bearing, executing, hold
from tests.api.serving import client_of, served
from tests.api.stand_in import StandIn, store_member
from tests.conftest import new_database

# -- the rules: what a route takes, and what it answers then to whoever has it

OPEN, READ, WRITE, ADMIN = "open", "read", "write", "admin"
LIVE = (READ, 200, 404)  # the last: to who is for another portfolio
LIST = (READ, 200, 200)  # without a row of it
REPORT = (READ, 404, 404)  # of a portfolio that is not there
INGEST = (WRITE, 202, 403)
FOR_ALL = (WRITE, 202, None)  # only to who is for all portfolios
SYSTEM = (ADMIN, 200, 403)
ALWAYS = (OPEN, 200, 200)
RULES: dict[str, tuple[str, int, int | None]] = {
    "GET /livez": ALWAYS,
    "GET /readyz": ALWAYS,
    "GET /version": SYSTEM,
    "GET /metrics": SYSTEM,
    "GET /portfolios": LIST,
    "GET /portfolios/{portfolio_id}/transactions": LIST,
    "GET /portfolios/{portfolio_id}/disposals": LIST,
    "GET /dead-letters": LIST,
    "GET /portfolios/{portfolio_id}/positions": LIVE,
    "GET /portfolios/{portfolio_id}/positions/{security_id}": LIVE,
    "GET /portfolios/{portfolio_id}/positions/{security_id}/lots": LIVE,
    "GET /portfolios/{portfolio_id}/transactions/{transaction_id}": LIVE,
    "GET /portfolios/{portfolio_id}/valuation": LIVE,
    "GET /portfolios/{portfolio_id}/stream": (READ, 503, 404),  # the worker tells no event
    "GET /portfolios/{portfolio_id}/timeseries": REPORT,
    "GET /portfolios/{portfolio_id}/summary": REPORT,
    "GET /portfolios/{portfolio_id}/concentration": REPORT,
    "POST /portfolios/{portfolio_id}/performance": REPORT,
    "POST /portfolios/{portfolio_id}/performance/mwr": REPORT,
    "POST /ingest/transaction": INGEST,
    "POST /ingest/transactions": INGEST,
    "POST /ingest/portfolios": INGEST,
    "POST /ingest/instruments": FOR_ALL,
    "POST /ingest/market-prices": FOR_ALL,
    "POST /ingest/fx-rates": FOR_ALL,
    "POST /ingest/business-dates": FOR_ALL,
    "GET /instruments": LIST,
    "GET /instruments/{security_id}": LIST,
    "GET /market-prices": LIST,
    "GET /fx-rates": LIST,
    "GET /business-dates": LIST,
}
# What is the same for everybody and in every copy of the program.
PAGES = {"/openapi.json", "/docs", "/docs/oauth2-redirect"}
OWN = examples.PORTFOLIO_ID  # that all requests are about
HAS = {
    "read": {READ},
    "write": {WRITE},
    "admin": {READ, WRITE, ADMIN},
    "own": {READ, WRITE},  # for OWN alone
    "other": {READ, WRITE},  # for another alone
}
BAD = ("no key", "junk", "unknown", "wrong secret", "expired", "revoked")


def expected(rule: tuple[str, int, int | None], holder: str) -> int:
    takes, good, to_others = rule
    if takes == OPEN:
        return good
    if holder in BAD:
        return 401
    if takes not in HAS[holder]:
        return 403
    if to_others is None:
        return 403 if holder in ("own", "other") else good
    return to_others if holder == "other" else good


# -- the requests, as the document says them


def requests(document: dict[str, Any]) -> Iterator[tuple[str, str, str, object]]:
    """The name of each operation with its method, a path that is filled in, and a body."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            filled = re.sub(r"\{\w+\}", OWN, path)
            body = None
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                body = next(iter(content["examples"].values()))["value"]
            yield f"{method.upper()} {path}", method, filled, body


def unruled(document: dict[str, Any]) -> set[str]:
    return {name for name, *_ in requests(document)} ^ set(RULES)


@dataclass(frozen=True)
class Guarded:
    """An API that asks for keys, with everything behind it."""

    client: httpx.Client
    document: dict[str, Any]
    headers: dict[str, dict[str, str]]  # by the kind of holder


def holders(database_url: str) -> dict[str, Key]:
    read = hold(database_url, "read")
    return {
        "read": read,
        "write": hold(database_url, "write"),
        "admin": hold(database_url, "admin"),
        "own": hold(database_url, "read", "write", portfolios=[OWN]),
        "other": hold(database_url, "read", "write", portfolios=["OTHER"]),
        "expired": hold(database_url, "admin", days=-1),
        "revoked": hold(database_url, "admin", is_revoked=True),
        "unknown": new_key(),
        "wrong secret": Key(read.key_id, new_key().secret),
    }


@contextmanager
def everything(settings: ApiSettings, url: str) -> Iterator[ApiSettings]:
    """Settings with a worker that owns all, and answers whatever it is asked."""
    worker = StandIn(PARTITIONS)
    with served(worker.app) as worker_url:
        worker.owners = dict.fromkeys(range(PARTITIONS), worker_url)
        worker.served = set(range(PARTITIONS))
        worker.answers = AnyAnswers()
        yield replace(settings, database_url=url, worker_urls=(worker_url,), api_keys="required")


class AnyAnswers(dict[str, Response]):
    def get(self, path: str, default: object = None) -> Response:
        return Response("{}", media_type="application/json")


@pytest.fixture(scope="module")
def guarded(settings: ApiSettings, servers: Connections) -> Iterator[Guarded]:
    with (
        new_database(servers) as url,
        everything(settings, url) as known,
        client_of(create_app(known)) as client,
    ):
        upgrade(url)
        with executing(url) as database:
            database.execute(
                "INSERT INTO instruments (security_id, instrument_currency, multiplier, version,"
                " source_offset) VALUES (%s, 'USD', 1, 1, 0)",
                (OWN,),
            )
        store = store_member(settings.kafka)
        headers = {name: bearing(key) for name, key in holders(url).items()}
        headers |= {"no key": {}, "junk": {"Authorization": "Bearer x"}}
        yield Guarded(client, client.get("/openapi.json").json(), headers)
        store.close()


def test_every_route_has_a_rule(guarded: Guarded) -> None:
    assert unruled(guarded.document) == set()


@pytest.mark.parametrize("holder", [*BAD, *HAS])
def test_every_route_answers_each_holder_as_its_rule_says(guarded: Guarded, holder: str) -> None:
    found, wanted = {}, {}
    for name, method, path, body in requests(guarded.document):
        answer = guarded.client.request(method, path, json=body, headers=guarded.headers[holder])
        found[name] = answer.status_code
        wanted[name] = expected(RULES[name], holder)
    assert len(found) == len(RULES)
    assert found == wanted


@pytest.mark.parametrize("holder", ["no key", "read"])
def test_head_takes_what_get_takes(guarded: Guarded, holder: str) -> None:
    for name, method, path, _ in requests(guarded.document):
        if method == "get":
            answer = guarded.client.head(path, headers=guarded.headers[holder])
            assert answer.status_code == expected(RULES[name], holder), name


def test_every_refusal_of_a_key_is_the_same(guarded: Guarded) -> None:
    answers = [guarded.client.get("/portfolios", headers=guarded.headers[holder]) for holder in BAD]
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert len({tuple(sorted(a.headers.keys())) for a in answers}) == 1


def test_the_pages_that_are_open_are_known(guarded: Guarded) -> None:
    for path in PAGES:
        assert guarded.client.get(path).status_code == 200


def test_no_route_hides_from_the_document(settings: ApiSettings) -> None:
    assert hidden(create_app(settings)) == PAGES


def hidden(app: FastAPI) -> set[str]:
    """Paths that are answered and not documented."""
    return paths_of(app.routes) - set(app.openapi()["paths"])


def paths_of(routes: list[Any]) -> set[str]:
    found: set[str] = set()
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(
            getattr(route, "original_router", None), "routes", None
        )
        found |= paths_of(inner) if inner else {route.path}
    return found


# -- each of these can fail


async def _answer() -> Response:
    return Response("{}")


ADDED: list[tuple[str, Callable[[FastAPI], object]]] = [
    ("documented", lambda app: app.get("/new")(_answer)),
    ("hidden", lambda app: app.get("/new", include_in_schema=False)(_answer)),
]


@pytest.mark.parametrize(("how", "add"), ADDED)
def test_a_new_route_is_missed_in_the_rules_and_takes_admin_meanwhile(
    settings: ApiSettings, migrated: str, how: str, add: Callable[[FastAPI], object]
) -> None:
    app = create_app(replace(settings, database_url=migrated, api_keys="required"))
    add(app)
    if how == "documented":
        assert unruled(app.openapi()) == {"GET /new"}
    else:
        assert hidden(app) == PAGES | {"/new"}
    with client_of(app) as client:
        statuses = {
            scope: client.get("/new", headers=bearing(hold(migrated, scope))).status_code
            for scope in ("read", "write", "admin")
        }
        assert client.get("/new").status_code == 401
    assert statuses == {"read": 403, "write": 403, "admin": 200}
