"""The HTTP doors of a worker and of the store, each in a thread of its own."""

import socket
import threading

import structlog
import uvicorn
from fastapi import FastAPI

log = structlog.get_logger(__name__)
EXIT_CANNOT_LISTEN = 2


def open_door(api: FastAPI, host: str, port: int) -> None:
    """Serve from a thread of its own, so that a busy loop does not delay answers."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        # Taken by another program, not an address of this machine, or not allowed.
        log.critical("cannot_listen", host=host, port=port, error=str(error))
        raise SystemExit(EXIT_CANNOT_LISTEN) from error
    server = uvicorn.Server(uvicorn.Config(api, log_config=None, access_log=False, lifespan="off"))
    threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
    ).start()
