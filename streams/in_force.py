"""Which records of reference data count: the rules of versions, in the order of the log.

A higher version replaces a lower one, whichever comes first. Of two contents under one version
the first in the log stays, and the other is a dead letter.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from calculator import Source, plain
from streams.rows import NULL, Letter, copy_text, letter_line
from wire.fields import FieldError, Malformed, Rule, errors_json
from wire.reference import KINDS, Identity, Kind, Record

AnyKind = Kind[Any]
BY_TOPIC: dict[str, AnyKind] = {kind.name: kind for kind in KINDS}
CONFLICT = FieldError(
    "version",
    Rule.VERSION_MUST_BE_HIGHER_TO_CORRECT,
    "this version is known with other content; a correction needs a higher one",
)


class Arrived(Letter, Protocol):
    """What is read of a record, named as aiokafka names it."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


Arrival = tuple[Arrived, Record]


@dataclass(slots=True)
class Batch:
    """Records in the order of their logs: those that can be read, and the rest."""

    arrivals: dict[AnyKind, list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    dead_letters: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Decided:
    """What a batch does to one table."""

    changed: dict[Identity, Arrival] = field(default_factory=dict)
    dead_letters: list[str] = field(default_factory=list)


def gather(records: Iterable[Arrived]) -> Batch:
    """Read them; what cannot be read becomes a dead letter."""
    batch = Batch()
    for record in records:
        kind = BY_TOPIC[record.topic]
        content = kind.decode(record.value)
        if isinstance(content, Malformed):
            batch.dead_letters.append(_letter(record, content.errors))
        else:
            batch.arrivals[kind].append((record, content))
    return batch


def decide(
    kind: AnyKind, arrivals: Iterable[Arrival], stored: Mapping[Identity, Record]
) -> Decided:
    """What comes of records of one kind where `stored` is in force before them."""
    standing, decided = dict(stored), Decided()
    for record, content in arrivals:
        identity = kind.identity_of(content)
        known = standing.get(identity)
        if known is None or known.version < content.version:
            standing[identity] = content
            decided.changed[identity] = (record, content)
        elif known.version == content.version and known != content:
            decided.dead_letters.append(_letter(record, (CONFLICT,)))
    return decided


def lines(kind: AnyKind, arrivals: Iterable[Arrival]) -> bytes:
    """Rows as text for COPY: the fields of the kind, and the offset."""
    texts = [
        "\t".join([*(_cell(getattr(content, name)) for name in kind.fields), f"{record.offset}\n"])
        for record, content in arrivals
    ]
    # In the order of the primary key, nearly: PostgreSQL then goes once along the index.
    return "".join(sorted(texts)).encode()


def _cell(value: object) -> str:
    match value:
        case str():
            return copy_text(value)
        case None:
            return NULL
        case Decimal():
            return plain(value)
        case date():
            return value.isoformat()
        case _:  # a number, or True and False, which PostgreSQL knows
            return str(value)


def _letter(record: Arrived, errors: Iterable[FieldError]) -> str:
    source = Source(record.topic, record.partition, record.offset)
    return letter_line(source, record, errors_json(errors), None)
