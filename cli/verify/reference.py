"""Reference data, read again: what must be in force, and what must be a dead letter.

One kind after another, as prices may be many. The log's order decides, so nothing is left open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.groups import Place
from cli.verify.books import CONFLICT
from cli.verify.database import Database, Rows
from cli.verify.inputs import parts_of, source_of, unreadable
from cli.verify.reading import read
from cli.verify.report import Report
from wire.broker import Broker
from wire.fields import Malformed
from wire.reference import KINDS, Identity, Kind, Record

AnyKind = Kind[Any]


@dataclass(slots=True)
class Standing:
    """What the log of one kind amounts to."""

    in_force: dict[Identity, tuple[Record, int]] = field(default_factory=dict)  # and its offset
    dead: Rows = field(default_factory=dict)  # key, value and errors, by where the record is


def compare_reference(
    broker: Broker, ends: Mapping[Place, int], database: Database, report: Report
) -> Rows:
    """Compare the table of each kind; return the dead letters that there must be."""
    dead: Rows = {}
    for kind in KINDS:
        place = kind.name, 0
        standing = fold(kind, broker, {place: ends[place]})
        columns = columns_of(kind)
        expected = {
            identity: (*(getattr(content, name) for name in columns[:-1]), offset)
            for identity, (content, offset) in standing.in_force.items()
        }
        stored = database.reference(kind.name, kind.identity, columns)
        report.compare(f"table {kind.name}", columns, expected, stored)
        dead |= standing.dead
    return dead


def columns_of(kind: AnyKind) -> tuple[str, ...]:
    """What is compared of a row beside its identity."""
    return (*(name for name in kind.fields if name not in kind.identity), "source_offset")


def fold(kind: AnyKind, broker: Broker, ends: Mapping[Place, int]) -> Standing:
    standing = Standing()
    in_force = standing.in_force
    for message in read(broker, ends):
        source, content = source_of(message), kind.decode(message.value())
        if isinstance(content, Malformed):
            refused = unreadable(message, content)
            standing.dead[source] = (refused.key, refused.value, refused.errors)
            continue
        identity = kind.identity_of(content)
        known, _ = in_force.get(identity, (None, 0))
        if known is None or content.version > known.version:
            in_force[identity] = content, source.offset
        elif content.version == known.version and content != known:
            standing.dead[source] = (*parts_of(message), CONFLICT)
    return standing
