"""Runs ASGI applications on free ports, as they run outside of tests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from api.server import Server

START_SECONDS_MAX = 10.0


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of the application, which ends with the block."""
    server = Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS_MAX
    while not server.started:
        assert thread.is_alive(), "the server ended while it started"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@contextmanager
def client_of(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the application, served for the time of the block."""
    with served(app) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        yield client
