"""Errors as RFC 9457 problems, whoever raises them: our routes, FastAPI, or nobody we know.

`pointer` is a JSON pointer into the body, or `/path/NAME`, `/query/NAME` and `/header/NAME` for
what is not in the body. The empty pointer is the whole body.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

MEDIA_TYPE = "application/problem+json"
ERRORS_SHOWN_MAX = 100


class RequestRule(StrEnum):
    """Why a request is refused, phrased as the requirement; what is wrong with the events in it has
    the rules of events."""

    CONTENT_TYPE_MUST_BE_APPLICATION_JSON = "content_type_must_be_application_json"
    CONTENT_ENCODING_MUST_BE_IDENTITY = "content_encoding_must_be_identity"
    FIELD_MUST_BE_A_LIST = "field_must_be_a_list"
    LIST_MUST_NOT_BE_EMPTY = "list_must_not_be_empty"
    LIST_MUST_FIT = "list_must_fit"
    PORTFOLIO_MUST_BE_OF_THE_KEY = "portfolio_must_be_of_the_key"

    PARAMETER_MUST_BE_KNOWN = "parameter_must_be_known"
    PARAMETER_MUST_BE_GIVEN_ONCE = "parameter_must_be_given_once"
    PARAMETER_MUST_BE_ONE_OF_ITS_VALUES = "parameter_must_be_one_of_its_values"
    PARAMETER_MUST_BE_AN_INTEGER = "parameter_must_be_an_integer"
    PARAMETER_MUST_BE_A_NUMBER = "parameter_must_be_a_number"
    PARAMETER_MUST_BE_IN_RANGE = "parameter_must_be_in_range"
    PARAMETER_MUST_FIT = "parameter_must_fit"
    CURSOR_MUST_BE_FROM_NEXT = "cursor_must_be_from_next"


NO_SUCH_PARAMETER = "there is no such parameter"
# By what pydantic calls it: what is wrong with a parameter.
_OF_PARAMETERS = {
    "extra_forbidden": (RequestRule.PARAMETER_MUST_BE_KNOWN, NO_SUCH_PARAMETER),
    "literal_error": (RequestRule.PARAMETER_MUST_BE_ONE_OF_ITS_VALUES, "it is not {expected}"),
    "greater_than": (RequestRule.PARAMETER_MUST_BE_IN_RANGE, "it is not more than {gt:g}"),
    "greater_than_equal": (RequestRule.PARAMETER_MUST_BE_IN_RANGE, "it is less than {ge}"),
    "less_than_equal": (RequestRule.PARAMETER_MUST_BE_IN_RANGE, "it is more than {le:g}"),
    "string_too_long": (
        RequestRule.PARAMETER_MUST_FIT,
        "it has more than {max_length} characters",
    ),
}


def pointer(*steps: str | int) -> str:
    """RFC 6901."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


class ProblemError(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request."""

    pointer: str
    rule: str
    message: str


class Problem(Exception):
    """Ends a request with this problem instead of its answer."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        errors: Iterable[ProblemError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers

    def response(self) -> Response:
        content = {
            "type": f"urn:portfolio:problem:{self.kind}",
            "title": self.kind.replace("-", " ").capitalize(),
            "status": self.status.value,
            "detail": self.detail,
            "errors": self.errors,
        }
        return Response(
            msgspec.json.encode(content), self.status.value, self.headers, media_type=MEDIA_TYPE
        )


def invalid(errors: Iterable[ProblemError], broken: int | None = None) -> Problem:
    """422: it could be read, and breaks rules; as many as `broken`, where not all are listed."""
    listed = tuple(errors)
    broken = len(listed) if broken is None else broken
    shown = listed[:ERRORS_SHOWN_MAX]
    detail = "1 rule is broken." if broken == 1 else f"{broken} rules are broken."
    if broken > len(shown):
        detail += f" ({broken - len(shown)} more errors are left off)"
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, shown)


def forbidden(detail: str, errors: Iterable[ProblemError] = ()) -> Problem:
    """403: the key is good, and not for this."""
    return Problem(HTTPStatus.FORBIDDEN, "forbidden", detail, errors)


def not_found(detail: str) -> Problem:
    """404: nothing has this identity."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found", detail)


def conflict(kind: str, detail: str) -> Problem:
    """409: as things are it cannot be answered."""
    return Problem(HTTPStatus.CONFLICT, kind, detail)


def too_large(error: ProblemError) -> Problem:
    """413: more than is read at once."""
    detail = "The request is too large."
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail, [error])


def unavailable(kind: str, detail: str) -> Problem:
    """503: the part that should answer is away; the same request may succeed soon."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, kind, detail, headers={"Retry-After": "1"})


def install(app: FastAPI) -> None:
    """Make every error of the app a problem."""

    @app.exception_handler(Problem)
    async def ours(_: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def of_parameters(_: Request, error: RequestValidationError) -> Response:
        return invalid(map(_of_parameter, error.errors())).response()

    @app.exception_handler(HTTPException)
    async def of_routing(_: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        kind = status.phrase.lower().replace(" ", "-")
        return Problem(status, kind, status.description + ".", headers=error.headers).response()

    @app.exception_handler(ClientDisconnect)
    async def of_nobody(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> Response:
        # The server logs the exception; its text may say too much for an answer.
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return Problem(status, "internal-error", "This is our fault; the log says why.").response()


def _of_parameter(error: Mapping[str, Any]) -> ProblemError:
    rule, message = error["type"], error["msg"]  # of our own readers they are ours
    if rule in _OF_PARAMETERS:
        rule, template = _OF_PARAMETERS[rule]
        message = template.format(**error.get("ctx", {}))
    return ProblemError(pointer(*error["loc"]), rule, message)
