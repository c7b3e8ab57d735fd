"""Who is refused while there is more of his body finds the reason, not a connection reset."""

import socket
from collections.abc import Sequence

import httpx
import pytest

from api import remainders
from api.settings import ApiSettings
from tests.api.guarded import guarded

LARGE = 40 * 1024 * 1024


def status_told_to(
    client: httpx.Client, path: str, size: int, sent: int, more: Sequence[str] = ()
) -> bytes:
    """To one that sends all it has before it listens, and wants the connection closed."""
    fields = ["Host: api", "Connection: close", f"Content-Length: {size}", *more]
    head = "\r\n".join([f"POST {path} HTTP/1.1", *fields, "\r\n"])
    address = client.base_url.host, client.base_url.port or 80
    with socket.create_connection(address, 20) as connection:
        connection.sendall(head.encode() + b" " * sent)
        told = connection.makefile("rb")
        statuses = [line.split()[1] for line in told if line.startswith(b"HTTP")]
    return next(status for status in statuses if status != b"100")


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/ingest/transaction", [], b"413"),
        ("/ingest/transactions", [], b"413"),
        ("/ingest/transactions", ["Content-Type: text/plain"], b"415"),
        ("/ingest/transactions?what=1", [], b"422"),
        ("/portfolios", [], b"405"),
        ("/nowhere", [], b"404"),
    ],
)
def test_who_sends_much_and_is_refused_is_told_why(
    api: httpx.Client, path: str, more: list[str], status: bytes
) -> None:
    assert status_told_to(api, path, LARGE, LARGE, more) == status


def test_who_has_no_key_is_told_so_or_that_he_comes_too_often(
    settings: ApiSettings, migrated: str
) -> None:
    with guarded(settings, migrated, rate_limit=1) as api:
        told = {status_told_to(api.client, "/ingest/transactions", LARGE, LARGE) for _ in range(5)}
    assert b"401" in told
    assert told <= {b"401", b"429"}


def test_who_stops_in_between_is_told_too(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remainders, "DISCARD_SECONDS_MAX", 0.5)
    assert status_told_to(api, "/ingest/transaction", 100_000, 70_000) == b"413"


@pytest.mark.parametrize(
    ("size", "more"),
    [(100_000, ["Expect: 100-continue"]), (remainders.DISCARDED_BYTES_MAX + 1, [])],
    ids=["it waits for an answer", "it is too much to take in"],
)
def test_who_would_send_more_is_told_at_once(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch, size: int, more: list[str]
) -> None:
    monkeypatch.setattr(remainders, "DISCARD_SECONDS_MAX", 60)
    assert status_told_to(api, "/ingest/transaction", size, 70_000, more) == b"413"
