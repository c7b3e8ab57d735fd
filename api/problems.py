"""Errors as RFC 9457 problems, whoever raises them: our routes, FastAPI, or nobody we know.

`pointer` is a JSON pointer into the body, or `/path/NAME`, `/query/NAME` and `/header/NAME` for
what is not in the body. The empty pointer is the whole body.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

MEDIA_TYPE = "application/problem+json"
ERRORS_SHOWN_MAX = 100

# How pydantic calls what is wrong with a parameter: our rule, and the message.
_OF_PARAMETERS = {
    "extra_forbidden": ("parameter_must_be_known", "there is no such parameter"),
    "literal_error": ("parameter_must_be_one_of_its_values", "it is not {expected}"),
    "int_parsing": ("parameter_must_be_an_integer", "it is no whole number"),
    "int_parsing_size": ("parameter_must_be_an_integer", "it has too many digits"),
    "float_parsing": ("parameter_must_be_a_number", "it is no number"),
    "finite_number": ("parameter_must_be_a_number", "it is no finite number"),
    "greater_than": ("parameter_must_be_in_range", "it is not more than {gt:g}"),
    "greater_than_equal": ("parameter_must_be_in_range", "it is less than {ge}"),
    "less_than_equal": ("parameter_must_be_in_range", "it is more than {le:g}"),
    "string_too_long": ("parameter_must_fit", "it has more than {max_length} characters"),
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
    # What is not pydantic's is a rule of ours already.
    rule, message = _OF_PARAMETERS.get(error["type"], (error["type"], error["msg"]))
    if error["type"] in _OF_PARAMETERS:
        message = message.format(**error.get("ctx", {}))
    return ProblemError(pointer(*error["loc"]), rule, message)
