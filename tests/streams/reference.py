"""Records of reference data as tests write them, and what counts of them, decided one by one."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from streams.in_force import AnyKind
from wire.fields import Malformed
from wire.reference import OF_MARKET_PRICES, Identity

TIMESTAMP = 1_700_000_000_123


class Sent(NamedTuple):
    """A record of the log."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def price(security_id: str = "A", **changes: object) -> dict[str, object]:
    event: dict[str, object] = {
        "security_id": security_id, "price_date": "2024-01-31", "price": "1.5", "currency": "USD",
    }  # fmt: skip
    return event | changes


def log(
    events: Iterable[Mapping[str, object] | bytes],
    kind: AnyKind = OF_MARKET_PRICES,
    *,
    start: int = 0,
) -> list[Sent]:
    """The events in the order of a log, from this offset."""
    values = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in events]
    return [
        Sent(kind.name, 0, offset, TIMESTAMP, b"key", value)
        for offset, value in enumerate(values, start)
    ]


def expected(kind: AnyKind, records: Iterable[Sent]) -> tuple[dict[Identity, Any], list[int]]:
    """What is in force after all of them with its offset, and the offsets of dead letters."""
    in_force: dict[Identity, Any] = {}
    dead = []
    for record in records:
        content = kind.decode(record.value)
        if isinstance(content, Malformed):
            dead.append(record.offset)
            continue
        identity = kind.identity_of(content)
        known, _ = in_force.get(identity, (None, 0))
        if known is None or content.version > known.version:
            in_force[identity] = content, record.offset
        elif content.version == known.version and content != known:
            dead.append(record.offset)
    return in_force, dead
