import socket

import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from streams.doors import EXIT_CANNOT_LISTEN, open_door


def refusal(host: str, port: int) -> str:
    with capture_logs() as logs, pytest.raises(SystemExit) as ended:
        open_door(FastAPI(), host, port)
    assert ended.value.code == EXIT_CANNOT_LISTEN
    [said] = logs
    assert (said["event"], said["host"], said["port"]) == ("cannot_listen", host, port)
    return str(said["error"])


def test_a_port_that_is_taken_is_said_and_ends_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "in use" in refusal("127.0.0.1", taken.getsockname()[1])


def test_an_address_of_another_machine_is_not_called_taken() -> None:
    assert "assign" in refusal("192.0.2.1", 8080)
