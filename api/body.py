"""Reads the bodies of requests: bounded, and lists cut into the bytes of their elements."""

import re
from http import HTTPStatus

import msgspec
from fastapi import Request

from api.problems import Problem, ProblemError, invalid, pointer, too_large
from wire.fields import Rule, printable

LIST_BYTES_MAX = 8 * 1024 * 1024
LIST_LENGTH_MAX = 10_000

# A JSON object of one member, up to its value, and what may follow the value.
_HEAD = re.compile(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*')
_TAIL = re.compile(rb"\s*\}\s*")
# An escape that is one half of a surrogate pair, without the other; msgspec calls it truncated.
_HIGH, _LOW = rb"u[dD][89abAB][0-9a-fA-F]{2}", rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF_A_PAIR = re.compile(rb"\\(?<!\\\\)(?:%b(?!\\%b)|(?<!\\%b\\)%b)" % (_HIGH, _LOW, _HIGH, _LOW))
_read_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The body as it was sent; too much of it is refused before it is all here."""
    _check_headers(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            message = f"the body has more than {bytes_max} bytes"
            raise too_large(ProblemError(pointer(), Rule.MESSAGE_MUST_FIT, message))
    return bytes(body)


def _check_headers(request: Request) -> None:
    media_type = request.headers.get("content-type", "application/json").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise _unsupported("content-type", "application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported("content-encoding", "identity")


def _unsupported(header: str, wanted: str) -> Problem:
    rule = f"{header.replace('-', '_')}_must_be_{wanted.replace('/', '_')}"
    error = ProblemError(pointer("header", header), rule, f"send it as {wanted}, or leave it out")
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return Problem(status, "unsupported-media-type", f"Only {wanted} is read.", [error])


def list_elements(body: bytes, name: str) -> list[bytes]:
    """The elements of {NAME: [...]}, each as the bytes it was sent as."""
    member = _only_member(body, name)
    try:
        elements = _read_list(member)
    except msgspec.ValidationError:
        raise _broken((name,), "field_must_be_a_list", "it is not a JSON list") from None
    if not elements:
        raise _broken((name,), "list_must_not_be_empty", "there is nothing in it")
    if len(elements) > LIST_LENGTH_MAX:
        message = f"{len(elements)} elements are more than {LIST_LENGTH_MAX}"
        raise too_large(ProblemError(pointer(name), "list_must_fit", message))
    return [bytes(element) for element in elements]


def _only_member(body: bytes, name: str) -> msgspec.Raw:
    try:
        members = _read_members(body)
    except msgspec.ValidationError as error:
        raise _broken((), Rule.MESSAGE_MUST_BE_AN_OBJECT, str(error)) from None
    except UnicodeDecodeError as error:
        raise _broken((), Rule.MESSAGE_MUST_BE_UTF8, str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        if half := _HALF_A_PAIR.search(body):
            message = f"{half[0].decode()} is half of a surrogate pair"
            raise _broken((), Rule.MESSAGE_MUST_BE_UTF8, message) from None
        raise _broken((), Rule.MESSAGE_MUST_BE_JSON, str(error)) from None
    for unknown in members.keys() - {name}:
        raise _broken((printable(unknown),), Rule.FIELD_MUST_BE_KNOWN, "there is no such field")
    if name not in members:
        raise _broken((name,), Rule.FIELD_MUST_BE_GIVEN, "the field is absent")
    head = _HEAD.match(body)
    assert head, "msgspec found an object with a member"
    if not _TAIL.fullmatch(body, head.end() + len(memoryview(members[name]))):
        # Of two members msgspec keeps the last, and then something else follows the first.
        raise _broken((name,), Rule.FIELD_MUST_BE_GIVEN_ONCE, "the field is given twice")
    return members[name]


def _broken(steps: tuple[str, ...], rule: str, message: str) -> Problem:
    return invalid([ProblemError(pointer(*steps), rule, message)])
