"""Who is refused while there is more of his body finds the reason, not a connection reset."""

import re
import socket
import time
from collections.abc import Sequence

import httpx
import pytest

from api import remainders
from api.settings import ApiSettings
from tests.api.guarded import guarded

LARGE = 12 * 1024 * 1024  # more than the buffers of both sides take
CLOSE = "Connection: close"
EXPECT = "Expect: 100-continue"


class Caller:
    """A client that sends what it is told to, and listens when it is told to."""

    def __init__(self, client: httpx.Client) -> None:
        address = client.base_url.host, client.base_url.port or 80
        self.connection = socket.create_connection(address, 20)
        self._told = self.connection.makefile("rb")

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, path: str, size: int, sent: int, *more: str) -> None:
        """The head of a POST with a body of `size` bytes, and so many of them."""
        fields = ["Host: api", f"Content-Length: {size}", *more]
        head = "\r\n".join([f"POST {path} HTTP/1.1", *fields, "\r\n"])
        self.connection.sendall(head.encode() + b" " * sent)

    def answer(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next answer, whose body is passed over."""
        status = int(self._told.readline().split()[1])
        headers = dict[str, str]()
        while line := self._told.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        self._told.read(int(headers.get("content-length", 0)))
        return status, headers

    def is_hung_up(self) -> bool:
        return self._told.read() == b""


def status_told_to(
    client: httpx.Client, path: str, size: int, sent: int, more: Sequence[str] = ()
) -> int:
    """To one that sends all it has before it listens, and wants the connection closed."""
    with Caller(client) as caller:
        caller.send(path, size, sent, CLOSE, *more)
        status, _ = caller.answer()
        assert caller.is_hung_up()
    return status


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/ingest/transaction", [], 413),
        ("/ingest/transactions", [], 413),
        ("/ingest/transactions", ["Content-Type: text/plain"], 415),
        ("/ingest/transactions?what=1", [], 422),
        ("/portfolios", [], 405),
        ("/nowhere", [], 404),
    ],
)
def test_who_sends_much_and_is_refused_is_told_why(
    api: httpx.Client, path: str, more: list[str], status: int
) -> None:
    assert status_told_to(api, path, LARGE, LARGE, more) == status


def test_who_has_no_key_is_told_so_and_who_comes_too_often_as_well(
    settings: ApiSettings, migrated: str
) -> None:
    with guarded(settings, migrated, rate_limit=1) as api:
        assert status_told_to(api.client, "/ingest/transactions", LARGE, LARGE) == 401
        # A second gives another try, also between the two.
        told = [told_to_one_in_a_hurry(api.client) for _ in range(5)]
    assert 429 in told
    assert set(told) <= {401, 429}


def told_to_one_in_a_hurry(client: httpx.Client) -> int:
    while client.get("/version").status_code != 429:
        pass
    return status_told_to(client, "/ingest/transactions", LARGE, LARGE)


@pytest.mark.parametrize("more", [[], [CLOSE]], ids=["which stays open", "which closes"])
@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/nowhere", 1_000_000, 404), ("/ingest/transaction", 100_000, 413),
     ("/nowhere", remainders.DISCARDED_BYTES_MAX + 1, 404)],
)  # fmt: skip
def test_who_stops_in_between_is_told_at_once(
    api: httpx.Client, path: str, size: int, status: int, more: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(remainders, "DISCARD_SECONDS_MAX", 15)
    with Caller(api) as caller:
        began = time.monotonic()
        caller.send(path, size, 10, *more)
        assert caller.answer()[0] == status
        assert time.monotonic() - began < 5


def test_the_rest_is_waited_for_in_bounds(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remainders, "DISCARD_SECONDS_MAX", 0.5)
    assert status_told_to(api, "/nowhere", 1_000_000, 10) == 404


def test_what_is_too_much_to_take_in_is_not_waited_for(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remainders, "DISCARD_SECONDS_MAX", 15)
    began = time.monotonic()
    assert status_told_to(api, "/nowhere", remainders.DISCARDED_BYTES_MAX + 1, 10) == 404
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("path", "size", "status"), [("/nowhere", 100, 404), ("/ingest/transaction", 100_000, 413)]
)
def test_who_asks_before_he_sends_is_refused_before_he_does(
    api: httpx.Client, path: str, size: int, status: int
) -> None:
    with Caller(api) as caller:
        caller.send(path, size, 0, EXPECT)
        told, headers = caller.answer()
        assert told == status
        # Nobody could tell the body, if it came, from another request.
        assert headers["connection"] == "close"
        assert caller.is_hung_up()


def test_who_asks_before_he_sends_and_is_let_is_told_why_it_was_refused(api: httpx.Client) -> None:
    with Caller(api) as caller:
        caller.send("/ingest/transactions", 100_000, 0, EXPECT, CLOSE)
        assert caller.answer()[0] == 100
        caller.connection.sendall(b"[" * 100_000)
        assert caller.answer()[0] == 422


def test_chunks_without_end_are_told_to_be_too_much(api: httpx.Client) -> None:
    with Caller(api) as caller:
        caller.connection.sendall(
            b"POST /ingest/transaction HTTP/1.1\r\nHost: api\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 65_536 + b"\r\n") * 300
        )
        assert caller.answer()[0] == 413


def test_who_keeps_the_connection_asks_on_behind_a_refusal(api: httpx.Client) -> None:
    with Caller(api) as caller:
        for _ in range(2):
            caller.send("/ingest/transaction", LARGE, LARGE)
            assert caller.answer()[0] == 413
        caller.send("/nowhere", 0, 0)
        assert caller.answer()[0] == 404
        caller.connection.sendall(b"GET /livez HTTP/1.1\r\nHost: api\r\n\r\n")
        assert caller.answer()[0] == 200


def test_refusals_are_not_timed_with_what_follows_them(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remainders, "DISCARD_SECONDS_MAX", 2)
    assert status_told_to(api, "/ingest/portfolios", 50_000_000, 10) == 413
    shown = api.get("/metrics").text
    [seconds] = re.findall(r'_seconds_sum\{.*route="/ingest/portfolios"\} (\S+)', shown)
    assert float(seconds) < 1
