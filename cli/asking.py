"""Questions to the API, with its problems turned into messages for people."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click
import httpx

from calculator import cause_of
from cli import addresses
from cli.settings import Settings
from wire.fields import Broken, id_text

ANSWER_SECONDS_MAX = 20.0
PAGE_ITEMS_MAX = 1000  # the API gives no more at once


class NotFound(click.ClickException):
    """The API knows nothing of that name."""


class Unanswerable(click.ClickException):
    """What is known gives no answer to this question; others may have one."""


_REFUSALS: dict[int, type[click.ClickException]] = {
    httpx.codes.NOT_FOUND: NotFound,
    httpx.codes.CONFLICT: Unanswerable,
}


class Api:
    """The API of this system; every method raises ClickException where there is no answer."""

    def __init__(self, settings: Settings) -> None:
        self.url = addresses.addresses(settings).api
        key = settings.api_key
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(timeout=ANSWER_SECONDS_MAX, headers=headers, trust_env=False)
        self._has_key = key is not None

    def close(self) -> None:
        self._client.close()

    def get(self, *parts: str, **parameters: str | int | None) -> dict[str, Any]:
        """The answer about `/part/part`; parameters that are None are not sent."""
        given = {name.rstrip("_"): value for name, value in parameters.items() if value is not None}
        return self._answer("GET", parts, params=given)

    def find(self, *parts: str) -> dict[str, Any] | None:
        """As `get`; None of what there is not."""
        try:
            return self.get(*parts)
        except NotFound:
            return None

    def post(self, *parts: str, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question that is sent as a body."""
        return self._answer("POST", parts, json=question)

    def _answer(
        self,
        method: str,
        parts: tuple[str, ...],
        params: Mapping[str, str | int] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        for part in parts:
            broken = id_text(cause_of(part) or part)
            if isinstance(broken, Broken):
                raise click.ClickException(broken.message)
        answer = self._sent(method, self.url + _path(parts), params=params, json=json)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            why = "does not take the one of API_KEY" if self._has_key else "API_KEY has none"
            raise click.ClickException(
                f"the API at {self.url} asks for a key, and {why}: see `portfolio keys --help`"
            )
        if answer.status_code != httpx.codes.OK:
            refusal = _REFUSALS.get(answer.status_code, click.ClickException)
            raise refusal(_problem(answer))
        content: dict[str, Any] = answer.json()
        return content

    def _sent(self, method: str, url: str, **what: Any) -> httpx.Response:  # noqa: ANN401
        try:
            return self._client.request(method, url, **what)
        except UnicodeEncodeError as error:
            raise click.ClickException(f"{error.object!r} is not UTF-8") from error
        except httpx.HTTPError as error:
            raise click.ClickException(
                f"the API at {self.url} does not answer: is `portfolio up` running? ({error})"
            ) from error

    def items(
        self, *parts: str, at_most: int | None = None, **parameters: str | int | None
    ) -> Iterator[dict[str, Any]]:
        """A whole list, or its first so many, page by page."""
        cursor, left = None, at_most
        while left is None or left > 0:
            limit = PAGE_ITEMS_MAX if left is None else min(left, PAGE_ITEMS_MAX)
            page = self.get(*parts, **parameters, limit=limit, cursor=cursor)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return
            if left is not None:
                left -= len(page["items"])


def _path(parts: tuple[str, ...]) -> str:
    # An id may be `..`, which a client would resolve.
    quoted = (quote(part, safe="") if part.strip(".") else "%2E" * len(part) for part in parts)
    return "/" + "/".join(quoted)


def _problem(answer: httpx.Response) -> str:
    try:
        problem: Mapping[str, Any] = answer.json()
        detail = problem["detail"]
        errors = [f"{error['pointer']}: {error['message']}" for error in problem["errors"]]
    except (ValueError, KeyError, TypeError):
        return f"the API answered {answer.status_code}: {answer.text[:500]}"
    return "\n".join([str(detail), *errors])
