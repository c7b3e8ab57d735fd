"""A batch of reference data into PostgreSQL: all of it in one transaction, and only once."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from typing import Any

from psycopg2 import extensions

from streams import database
from streams.in_force import AnyKind, Batch, decide, lines
from streams.writer import Progress
from wire.reference import KINDS, Identity, Record

_SQL_TYPES: dict[Any, str] = {str: "text", date: "date"}


def _columns(kind: AnyKind) -> tuple[str, ...]:
    return (*kind.fields, "source_offset")


def _select(kind: AnyKind) -> str:
    """What is in force of the identities given, a list for each of their fields."""
    types = {field.name: _SQL_TYPES.get(field.type) for field in fields(kind.content)}
    given = ", ".join(f"%s::{types[name]}[]" for name in kind.identity)
    identity = ", ".join(kind.identity)
    return (
        f"SELECT {', '.join(kind.fields)} FROM {kind.name}"
        f" JOIN unnest({given}) AS given ({identity}) USING ({identity})"
    )


def _upsert(kind: AnyKind) -> str:
    columns = _columns(kind)
    names = ", ".join(columns)
    changes = ", ".join(
        f"{name} = excluded.{name}" for name in columns if name not in kind.identity
    )
    return (
        f"INSERT INTO {kind.name} ({names}) SELECT {names} FROM staged_{kind.name}"
        f" ON CONFLICT ({', '.join(kind.identity)}) DO UPDATE SET {changes}, updated_at = now()"
        f" WHERE {kind.name}.version < excluded.version"
    )


_SELECT = {kind: _select(kind) for kind in KINDS}
_UPSERT = {kind: _upsert(kind) for kind in KINDS}


def connect(database_url: str) -> extensions.connection:
    """A connection that `write` can use: with tables of its own, where batches are staged."""
    connection = database.connect(database_url)
    with connection, connection.cursor() as cursor:
        for kind in KINDS:
            cursor.execute(
                f"CREATE TEMPORARY TABLE staged_{kind.name} ON COMMIT DELETE ROWS"
                f" AS SELECT {', '.join(_columns(kind))} FROM {kind.name} WITH NO DATA"
            )
    return connection


def write(
    connection: extensions.connection, batch: Batch, *, expected: Progress, progress: Progress
) -> None:
    """Store what counts of the records from `expected` up to `progress`, or nothing at all."""
    with connection, connection.cursor() as cursor:
        # Whoever holds it is the only one that writes these tables, so what is read stays so.
        database.lock_progress(cursor, expected, progress)
        letters = list(batch.dead_letters)
        for kind, arrivals in batch.arrivals.items():
            identities = {kind.identity_of(content) for _, content in arrivals}
            decided = decide(kind, arrivals, _stored(cursor, kind, identities))
            letters += decided.dead_letters
            if decided.changed:
                text = lines(kind, decided.changed.values())
                database.copy(cursor, f"staged_{kind.name}", _columns(kind), text)
                cursor.execute(_UPSERT[kind])
        database.insert_dead_letters(cursor, "".join(letters).encode())
        database.move_progress(cursor, progress)


def _stored(
    cursor: extensions.cursor, kind: AnyKind, identities: Iterable[Identity]
) -> dict[Identity, Record]:
    cursor.execute(_SELECT[kind], [_array(values) for values in zip(*identities, strict=True)])
    found = (kind.content(**dict(zip(kind.fields, row, strict=True))) for row in cursor.fetchall())
    return {kind.identity_of(content): content for content in found}


def _array(values: Iterable[object]) -> str:
    """A list as PostgreSQL reads it. Ids, codes and days have nothing in them to be escaped, and
    one text for all is much cheaper than a text for each."""
    return "{" + ",".join(f'"{value}"' for value in values) + "}"
