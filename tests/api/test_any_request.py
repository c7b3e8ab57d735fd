"""Whatever comes in over the socket, the answer is meant."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPResponse
from typing import Any
from urllib.parse import quote_from_bytes, urlsplit

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from api import cursor
from api.main import create_app
from api.settings import ApiSettings
from tests.api.serving import served
from tests.api.test_ingest import buy
from wire.transactions import FIELDS

MEANT = {"owner-away", "not-delivered"}
ROUTES = [
    "/portfolios", "/portfolios/{}/positions", "/portfolios/{}/positions/{}",
    "/portfolios/{}/positions/{}/lots", "/portfolios/{}/transactions/{}",
    "/portfolios/{}/transactions", "/portfolios/{}/valuation", "/portfolios/{}/stream",
    "/portfolios/{}/performance", "/portfolios/{}/performance/mwr", "/portfolios/{}/timeseries",
    "/portfolios/{}/summary", "/portfolios/{}/concentration", "/portfolios/{}/disposals", "/dead-letters",
    "/ingest/transaction", "/ingest/transactions", "/ingest/portfolios",
    "/ingest/instruments", "/ingest/market-prices", "/ingest/fx-rates", "/ingest/business-dates",
    "/instruments", "/instruments/{}", "/market-prices", "/fx-rates", "/business-dates",
    "/livez", "/version", "/metrics", "/docs", "/openapi.json", "/{}", "/{}/{}",
]  # fmt: skip
NAMES = [
    "limit", "cursor", "from", "to", "security_id", "status", "wait", "on", "top", "timeout", "asset_class",
    "country_of_risk", "from_currency", "calendar",
]  # fmt: skip

quoted = st.binary(max_size=20).map(quote_from_bytes)
odd = st.sampled_from(["%00", "%ED%A0%80", "%FF", "%C3%A4", "..", "%2E%2E", "%2F", "%7C", "x" * 129,
                       "P1", "a%20b", "", "+", "%0A", "%", "%u0000", "{}", "%25", "P1%0A"])  # fmt: skip
segments = quoted | odd
instants = st.sampled_from(["2024-01-01", "1900-01-01", "2200-12-31T23:59:59.999999Z", "2024-01-01T00:00:00%2B23:59",
                            "0001-01-01", "9999-12-31T23:59:59Z", "1900-01-01T00:00:00%2B14:00"])  # fmt: skip
numbers = (
    st.integers().map(str)
    | st.floats().map(str)
    | st.sampled_from(["1e999", "NaN", "1_0", "%D9%A1", "0x1"])
)
keys = st.tuples(
    st.none() | st.datetimes(timezones=st.timezones()) | st.datetimes() | st.integers(),
    st.text(max_size=5) | st.integers(),
    st.integers() | st.text(max_size=5),
    st.integers(),
)
cursors = st.builds(
    lambda scope, key, length: cursor.encode(scope, key[:length]),
    st.sampled_from(["portfolios []", "transactions [('portfolio_id', 'P1')]",
                     "disposals [('portfolio_id', 'P1')]", "dead letters []", "market_prices []",
                     "fx_rates []"]),
    keys,
    st.integers(0, 4),
)  # fmt: skip
values = segments | instants | numbers | cursors | st.sampled_from(["applied", "BOOKED"])
queries = st.lists(st.tuples(st.sampled_from(NAMES) | segments, values), max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=9,
)
events = st.builds(
    lambda changes: buy(**changes),
    st.dictionaries(st.sampled_from(sorted(FIELDS)), json_values, max_size=2),
)
bodies = (
    st.binary(max_size=40)
    | json_values.map(lambda value: json.dumps(value).encode())
    | events.map(lambda value: json.dumps(value).encode())
    | st.builds(
        lambda name, items: json.dumps({name: items}).encode(),
        st.sampled_from(["transactions", "portfolios", "market_prices", "instruments", "x"]),
        st.lists(events | json_values, max_size=3),
    )
)  # fmt: skip
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "Content-Encoding", "Accept", "Origin", "X-Any", "Expect"]),
    st.sampled_from(["application/json", "text/plain", "gzip", "*/*", "", "\xff", "a" * 9000]),
    max_size=2,
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    route = draw(st.sampled_from(ROUTES))
    target = route.format(*(draw(segments) for _ in range(route.count("{}"))))
    asked = draw(queries)
    if asked:
        target += "?" + "&".join(f"{name}={value}" for name, value in asked)
    usual = "POST" if route.startswith("/ingest") or "performance" in route else "GET"
    others = st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
    method = draw(st.just(usual) | st.just(usual) | others)
    body = draw(bodies) if method in ("POST", "PUT", "PATCH") else b""
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in draw(headers).items() if name != "Expect"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@pytest.fixture
def address(settings: ApiSettings, migrated: str) -> Iterator[tuple[str, int]]:
    """An API with an empty database and without workers."""
    with served(create_app(replace(settings, database_url=migrated))) as url:
        yield "127.0.0.1", urlsplit(url).port or 0


def answer_to(address: tuple[str, int], request: bytes) -> tuple[int, str, bytes]:
    with socket.create_connection(address, 20) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection, method=request.partition(b" ")[0].decode())
        response.begin()
        return response.status, response.headers.get("content-type", ""), response.read()


@hypothesis.settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(request=requests())
def test_any_request_has_an_answer_that_is_meant(address: tuple[str, int], request: bytes) -> None:
    status, media_type, body = answer_to(address, request)
    if status < 400 or body == b"Invalid HTTP request received.":
        return
    assert media_type == "application/problem+json"
    if body:
        problem: dict[str, Any] = json.loads(body)
        assert status < 500 or problem["type"].rpartition(":")[2] in MEANT
        assert (status in (415, 422)) == bool(problem["errors"])
    else:
        assert request.startswith(b"HEAD")
        assert status < 500 or status == 503
