"""Asks the workers what they own and how far they are."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec

from wire.workers import SECRET_HEADER

T = TypeVar("T")
ANSWER_SECONDS_MAX = 5.0
COUNTS = ("read", "booked", "duplicate", "superseded", "forwarded", "dead")


class WorkerStatus(msgspec.Struct, frozen=True):
    """What one worker says of itself."""

    pid: int
    url: str
    partitions: list[int]  # those it serves now
    inputs: dict[str, int]  # COUNTS, over these partitions
    lag: int | None  # records not yet booked, and holdings still being re-booked; None: not known
    unsettled: int  # of these, the holdings


class _Owners(msgspec.Struct):
    partitions: int
    owners: dict[int, str]


@dataclass(frozen=True, slots=True)
class Workers:
    """All workers that answer."""

    statuses: list[WorkerStatus]
    owners: dict[int, str]  # partition -> url of the worker that serves it
    refusing: list[str] = field(default_factory=list)  # urls of those that want another secret
    headers: dict[str, str] = field(default_factory=dict, repr=False)  # of questions to them

    def unserved(self, partitions: int) -> list[int]:
        return [partition for partition in range(partitions) if partition not in self.owners]

    def refusals(self) -> list[str]:
        return [f"the worker {url} asks for another CLUSTER_SECRET" for url in self.refusing]

    def inputs(self) -> dict[str, int]:
        return {name: sum(s.inputs[name] for s in self.statuses) for name in COUNTS}


def ask_workers(first_urls: Iterable[str], cluster_secret: str | None) -> Workers:
    """Ask those given and those they know of; who does not answer is left out."""
    headers = {} if cluster_secret is None else {SECRET_HEADER: cluster_secret}
    refusing: list[str] = []
    with httpx.Client(timeout=ANSWER_SECONDS_MAX, headers=headers, trust_env=False) as client:
        waiting = [address for url in first_urls for address in _addresses(url)]
        seen: set[str] = set()
        found: dict[str, WorkerStatus] = {}
        while waiting:
            url = waiting.pop(0)
            if url in seen:
                continue
            seen.add(url)
            try:
                status = _read(client, url, "/status", WorkerStatus)
                owners = _read(client, url, "/owners", _Owners)
            except (httpx.HTTPError, msgspec.MsgspecError) as error:
                if _is_refusal(error):
                    refusing.append(url)
                continue
            # By its own name: one worker may be known under several.
            found[status.url] = status
            waiting += owners.owners.values()
    statuses = sorted(found.values(), key=lambda status: status.url)
    owned = {p: status.url for status in statuses for p in status.partitions}
    return Workers(statuses, owned, refusing, headers)


def _is_refusal(error: Exception) -> bool:
    if not isinstance(error, httpx.HTTPStatusError):
        return False
    return error.response.status_code == httpx.codes.UNAUTHORIZED


def _read(client: httpx.Client, url: str, path: str, what: type[T]) -> T:
    return msgspec.json.decode(client.get(url + path).raise_for_status().content, type=what)


def _addresses(url: str) -> list[str]:
    """A name that resolves to several addresses stands for all of them."""
    parts = urlsplit(url)
    try:
        infos = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError:
        return []
    hosts = dict.fromkeys(str(info[4][0]) for info in infos)
    return [
        urlunsplit(parts._replace(netloc=f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
        for host in hosts
        for port in [parts.port or 80]
    ]
