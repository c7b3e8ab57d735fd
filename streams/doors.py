"""The HTTP doors of a worker and of the store, each in a thread of its own."""

import hmac
import socket
import threading
from http import HTTPStatus

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from wire.workers import PROBLEM, SECRET_HEADER, problem

log = structlog.get_logger(__name__)
EXIT_CANNOT_LISTEN = 2
# Whoever starts processes asks these, and knows no secret.
OPEN = frozenset({"/livez", "/readyz"})


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


def bare_api(title: str, cluster_secret: str | None) -> FastAPI:
    """Answers only who sends the secret; where there is none, everybody."""
    api = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    if cluster_secret is not None:
        api.add_middleware(Guarded, secret=cluster_secret)
    # A path that does not exist is no problem of ours: the API takes such a 404 for an answer
    # about the books, and the store may have the port that was a worker's.
    api.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, _not_allowed)
    return api


async def _not_allowed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = f"{request.method} is not for {request.url.path}"
    body = problem(error.status_code, "method-not-allowed", detail)
    return Response(body, error.status_code, error.headers, PROBLEM)


class Guarded:
    """ASGI middleware: lets in who sends the secret of the cluster."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._secret = secret.encode()
        body = problem(401, "unauthorized", f"{SECRET_HEADER} must be the CLUSTER_SECRET of here")
        self._refusal = Response(body, 401, {"WWW-Authenticate": SECRET_HEADER}, PROBLEM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN or self._is_sent(scope):
            await self._app(scope, receive, send)
        else:
            await self._refusal(scope, receive, send)

    def _is_sent(self, scope: Scope) -> bool:
        given = Headers(scope=scope).get(SECRET_HEADER, "")
        return hmac.compare_digest(given.encode(), self._secret)
