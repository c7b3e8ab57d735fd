"""Where a page begins, as text that only fits the list and the filters it was made for."""

import base64
import binascii
import zlib
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from api.problems import ProblemError, RequestRule, invalid

CHECKSUM_BYTES = 4

Key = TypeVar("Key", bound=tuple[Any, ...])


def encode(scope: str, key: Sequence[object]) -> str:
    payload = msgspec.json.encode(key)
    return base64.urlsafe_b64encode(_checksum(scope, payload) + payload).decode().rstrip("=")


def decode(scope: str, cursor: str, key_type: type[Key]) -> Key:
    """The key; a problem 422 if it is not exactly what `encode` made for this scope."""
    try:
        joined = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True
        )
        checksum, payload = joined[:CHECKSUM_BYTES], joined[CHECKSUM_BYTES:]
        if checksum != _checksum(scope, payload):
            raise _foreign()
        # Whoever knows the scope can make a checksum that fits, so the payload may be anything.
        key: Key = msgspec.json.decode(payload, type=key_type)
    except (binascii.Error, UnicodeError, msgspec.MsgspecError):
        raise _foreign() from None
    if encode(scope, key) != cursor:
        raise _foreign()
    return key


def _checksum(scope: str, payload: bytes) -> bytes:
    return zlib.crc32(payload, zlib.crc32(scope.encode())).to_bytes(CHECKSUM_BYTES, "big")


def _foreign() -> Exception:
    message = "the cursor is not the `next` of an answer with the same filters"
    return invalid([ProblemError("/query/cursor", RequestRule.CURSOR_MUST_BE_FROM_NEXT, message)])
