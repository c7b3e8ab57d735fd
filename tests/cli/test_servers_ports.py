"""Ports that are taken, and addresses that are not ours, with real listeners."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cli import parts
from cli.servers import ServerError, ports
from cli.servers.embedded import Files, prepare
from cli.settings import Settings
from tests.conftest import settings_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    prepare(Files(tmp_path))
    return settings_of(tmp_path)


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.create_server((ports.LOOPBACK, port)):
        yield


def test_parts_keep_their_ports_from_start_to_start(settings: Settings) -> None:
    workers, store = parts.worker_ports(settings, 2), parts.store_port(settings)
    assert len({*workers, store}) == 3
    assert parts.worker_ports(settings, 3)[:2] == workers
    assert parts.store_port(settings) == store


def test_a_worker_or_store_whose_port_was_taken_gets_another_and_keeps_that(
    settings: Settings,
) -> None:
    first, second = parts.worker_ports(settings, 2)
    store = parts.store_port(settings)
    with taken(first), taken(store):
        moved = parts.worker_ports(settings, 2)
        assert moved[0] not in (first, second, store)
        assert moved[1] == second
        assert parts.store_port(settings) not in (store, *moved)
    assert parts.worker_ports(settings, 2) == moved


def test_the_port_of_a_server_is_demanded_because_others_were_told_of_it(
    settings: Settings,
) -> None:
    file = Files(settings.data_dir).ports
    port = ports.demand(file, "kafka")
    with taken(port), pytest.raises(ServerError, match=f"port {port}, which kafka used before"):
        ports.demand(file, "kafka")
    assert ports.demand(file, "kafka") == port


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("nowhere.invalid", "the API cannot listen at nowhere.invalid: .*: set API_HOST"),
        ("a..b", "the API cannot listen at a..b: .*: set API_HOST"),
        ("192.0.2.1", "192.0.2.1 is no address of this machine: set API_HOST"),
    ],
)
def test_a_host_that_is_not_ours_is_told_apart_from_a_port_that_is_taken(
    settings: Settings, host: str, said: str
) -> None:
    with pytest.raises(ServerError, match=said):
        parts.demand_api_port(replace(settings, api_host=host))


def test_a_port_that_only_others_may_take_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")  # as for port 80 and an ordinary account

    monkeypatch.setattr(ports, "try_to_listen", refuse)
    with pytest.raises(ServerError, match="this account may not listen on port 80"):
        parts.demand_api_port(replace(settings, api_port=80))
