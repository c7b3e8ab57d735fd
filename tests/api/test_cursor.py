import base64
import zlib

import pytest

from api import cursor
from api.history import DEAD_LETTERS, TRANSACTIONS
from api.problems import Problem

SCOPE = "transactions []"


def forged(payload: bytes) -> str:
    """A cursor whose checksum fits: it is no secret."""
    checksum = zlib.crc32(payload, zlib.crc32(SCOPE.encode())).to_bytes(4, "big")
    return base64.urlsafe_b64encode(checksum + payload).decode().rstrip("=")


@pytest.mark.parametrize("key", [[None, "T1"], ["2024-01-01T00:00:00Z", "T1"]])
def test_what_was_encoded_is_decoded(key: list[object]) -> None:
    assert forged(b'[null,"T1"]') == cursor.encode(SCOPE, (None, "T1"))
    decoded = cursor.decode(SCOPE, cursor.encode(SCOPE, key), TRANSACTIONS.key_type)
    assert decoded[1] == "T1"


@pytest.mark.parametrize(
    "payload",
    [
        b'[null,"\xff"]', b'[null,"\\ud800"]', b'[null,"\\u0000"]', b"\xff", b"", b"[", b"{}",
        b"[null,null]", b'[null,"T",1]', b' [null,"T"]', b'["2024-01-01","T"]', b"[" * 1000,
        b'["2024-01-01T00:00:00","T"]', b'[1e400,"T"]',
    ],
)  # fmt: skip
def test_a_forged_cursor_is_refused_as_any_other(payload: bytes) -> None:
    with pytest.raises(Problem) as refusal:
        cursor.decode(SCOPE, forged(payload), TRANSACTIONS.key_type)
    assert [error.rule for error in refusal.value.errors] == ["cursor_must_be_from_next"]


@pytest.mark.parametrize("offset", [b"-1", b"9223372036854775808", b"1.5", b'"1"'])
def test_an_offset_that_no_database_has_is_refused(offset: bytes) -> None:
    payload = b'["2024-01-01T00:00:00Z","t",0,' + offset + b"]"
    with pytest.raises(Problem):
        cursor.decode(SCOPE, forged(payload), DEAD_LETTERS.key_type)
