"""Reads the bodies of requests: bounded, and lists cut into the bytes of their elements."""

import re
from http import HTTPStatus

import msgspec
from fastapi import Request
from starlette.datastructures import Headers

from api.problems import Problem, ProblemError, RequestRule, invalid, pointer, too_large
from wire.fields import Rule, printable

LIST_BYTES_MAX = 8 * 1024 * 1024
LIST_LENGTH_MAX = 10_000

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)
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
    # Before the first of it is read: who expects a word then sends nothing.
    if announces_more(request.headers, bytes_max):
        raise _too_long(bytes_max)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise _too_long(bytes_max)
    return bytes(body)


def announces_more(headers: Headers, bytes_max: int) -> bool:
    size = headers.get("content-length", "")
    return size.isdecimal() and int(size) > bytes_max


def _too_long(bytes_max: int) -> Problem:
    message = f"the body has more than {bytes_max} bytes"
    return too_large(ProblemError(pointer(), Rule.MESSAGE_MUST_FIT, message))


def _check_headers(request: Request) -> None:
    media_type = request.headers.get("content-type", "application/json")
    charset = _CHARSET.search(media_type)
    is_utf8 = charset is None or charset[1].lower() in ("utf-8", "utf8")
    if media_type.partition(";")[0].strip().lower() != "application/json" or not is_utf8:
        rule = RequestRule.CONTENT_TYPE_MUST_BE_APPLICATION_JSON
        raise _unsupported("content-type", rule, "application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        rule = RequestRule.CONTENT_ENCODING_MUST_BE_IDENTITY
        raise _unsupported("content-encoding", rule, "identity")


def _unsupported(header: str, rule: RequestRule, wanted: str) -> Problem:
    error = ProblemError(pointer("header", header), rule, f"send it as {wanted}, or leave it out")
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return Problem(status, "unsupported-media-type", f"Only {wanted} is read.", [error])


def list_elements(body: bytes, name: str) -> list[bytes]:
    """The elements of {NAME: [...]}, each as the bytes it was sent as."""
    member = _only_member(body, name)
    try:
        elements = _read_list(member)
    except msgspec.ValidationError:
        raise _broken((name,), RequestRule.FIELD_MUST_BE_A_LIST, "it is not a JSON list") from None
    if not elements:
        raise _broken((name,), RequestRule.LIST_MUST_NOT_BE_EMPTY, "there is nothing in it")
    if len(elements) > LIST_LENGTH_MAX:
        message = f"{len(elements)} elements are more than {LIST_LENGTH_MAX}"
        raise too_large(ProblemError(pointer(name), RequestRule.LIST_MUST_FIT, message))
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
