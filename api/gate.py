"""Who may come in: a key is asked for where the API listens beyond this machine, or is told to.

Every route passes here. What is open stands below; what a route takes goes by its group; a route
of no group, such as a new one, takes `admin`.
"""

import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers

from api.keyring import Keyring
from api.keys import EVERYTHING, Access, Key, Scope, read_key
from api.limits import Limits
from api.problems import Problem, forbidden
from api.settings import ApiSettings
from wire.workers import SECRET_HEADER

# Whoever starts containers asks these, and has no key.
OPEN = frozenset({"/livez", "/readyz"})
# Prometheus has no key either, but may have the secret of the cluster, as it needs it for workers.
SCRAPED = "/metrics"
TAKES = {
    "ingest": Scope.WRITE,
    "live tables": Scope.READ,
    "history": Scope.READ,
    "reports": Scope.READ,
}


class Gate:
    """A dependency of the whole application: lets a request in, or ends it with a problem."""

    def __init__(self, settings: ApiSettings, keyring: Keyring) -> None:
        self._needs_keys = settings.needs_keys
        self._cluster_secret = settings.cluster_secret
        self._keyring = keyring
        self._limits = Limits(settings.rate_limit)

    async def __call__(self, request: Request) -> None:
        route = request.scope["route"]
        if route.path in OPEN or (route.path == SCRAPED and self._is_of_the_cluster(request)):
            return
        access = await self._access(request)
        scope = scope_of(route.tags)
        if not access.has(scope):
            raise forbidden(f"This takes a key with the scope {scope}.")
        request.state.access = access

    async def is_still_good(self, request: Request) -> bool:
        """Whether the key of a request that was let in, and goes on, is as good as it was. While
        that cannot be known, it is."""
        if not self._needs_keys:
            return True
        key = presented(request.headers)
        if key is None:
            return False
        access = self._keyring.recall(key)
        if access is None:
            try:
                access = await self._keyring.find(key)
            except Problem:
                return True
        was: Access = request.state.access
        return access == was

    async def _access(self, request: Request) -> Access:
        address = request.client.host if request.client else ""
        if not self._needs_keys:
            self._limits.charge(address)
            return EVERYTHING
        key = presented(request.headers)
        access = None if key is None else self._keyring.recall(key)
        if key is not None and access is not None:
            self._limits.charge(key.key_id)
            return access
        # Who tries keys out is held up before PostgreSQL is asked.
        self._limits.charge(address)
        access = None if key is None else await self._keyring.find(key)
        if access is None:
            raise _unauthorized()
        return access

    def _is_of_the_cluster(self, request: Request) -> bool:
        given, secret = request.headers.get(SECRET_HEADER), self._cluster_secret
        if given is None or secret is None:
            return False
        return hmac.compare_digest(given.encode(), secret.encode())


def scope_of(tags: list[str]) -> Scope:
    """What a route with these tags takes."""
    return next((TAKES[tag] for tag in tags if tag in TAKES), Scope.ADMIN)


def presented(headers: Headers) -> Key | None:
    """The key that a request came with; None where it came with none, or with what cannot be one."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return read_key(credentials.strip())
    return read_key(headers.get("x-api-key", ""))


async def _access_of(request: Request) -> Access:
    access: Access = request.state.access
    return access


# For routes that belong to portfolios.
Allowed = Annotated[Access, Depends(_access_of)]


def _unauthorized() -> Problem:
    """The same whatever is wrong with a key: a guess learns nothing."""
    detail = "A key that is good is needed, as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
    challenge = {"WWW-Authenticate": "Bearer"}
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=challenge)
