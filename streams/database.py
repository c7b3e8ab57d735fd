"""One batch of records into PostgreSQL: all of it in one transaction, and only once.

`store_progress` is locked first and moves with the rows. Whoever comes second, a store that lost
its partitions or one that starts again after a lost answer, finds it moved and writes nothing.
"""

import io
from collections.abc import Iterable, Sequence

import psycopg2
from psycopg2 import errors, extensions

from streams.rows import (
    DEAD_LETTER_COLUMNS,
    DISPOSAL_COLUMNS,
    PORTFOLIO_COLUMNS,
    POSITION_COLUMNS,
    TRANSACTION_COLUMNS,
    Rows,
)
from streams.writer import Progress, ProgressMoved

CONNECT_SECONDS_MAX = 5
SILENCE_SECONDS_MAX = 15
_COLUMNS: dict[str, Sequence[str]] = {
    "transactions": TRANSACTION_COLUMNS,
    "lot_disposals": DISPOSAL_COLUMNS,
    "positions": POSITION_COLUMNS,
    "portfolios": PORTFOLIO_COLUMNS,
    "dead_letters": DEAD_LETTER_COLUMNS,
}


_KEYS = {
    "transactions": ("portfolio_id", "transaction_id"),
    "positions": ("portfolio_id", "security_id"),
    "portfolios": ("portfolio_id",),
}


def _upsert(table: str) -> str:
    """Insert what is staged, or replace the row with it; never a newer row by an older one."""
    columns, key = _COLUMNS[table], _KEYS[table]
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    names = ", ".join(columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM staged_{table}"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}, updated_at = now()"
        f" WHERE {table}.as_of <= excluded.as_of"
    )


def _insert_from_stage(table: str, rest: str) -> str:
    columns = _COLUMNS[table]
    values = ", ".join(f"staged.{name}" for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} {rest}"


_UPSERT = {table: _upsert(table) for table in _KEYS}

# A result replaces all disposals of its transaction; one that is older than the stored result
# leaves them as they are. After the upsert a transaction's as_of says whether it was replaced.
_REPLACE_DISPOSALS = (
    "DELETE FROM lot_disposals AS stored USING staged_transactions AS staged"
    " WHERE stored.portfolio_id = staged.portfolio_id"
    " AND stored.transaction_id = staged.transaction_id AND stored.as_of <= staged.as_of; "
) + _insert_from_stage(
    "lot_disposals",
    "FROM staged_lot_disposals AS staged"
    " JOIN transactions AS stored USING (portfolio_id, transaction_id)"
    " WHERE stored.as_of = staged.as_of",
)
# A tombstone has no as_of and needs none: each record is stored once, in the order of the topic.
_REMOVE_POSITIONS = (
    "DELETE FROM positions AS stored"
    " USING unnest(%s::text[], %s::text[]) AS removed (portfolio_id, security_id)"
    " WHERE stored.portfolio_id = removed.portfolio_id"
    " AND stored.security_id = removed.security_id"
)
_REMOVE_TRANSACTIONS = "; ".join(
    f"DELETE FROM {table} AS stored"
    " USING unnest(%(portfolios)s::text[], %(transactions)s::text[])"
    " AS removed (portfolio_id, transaction_id)"
    " WHERE stored.portfolio_id = removed.portfolio_id"
    " AND stored.transaction_id = removed.transaction_id"
    for table in ("lot_disposals", "transactions")
)
_INSERT_DEAD_LETTERS = _insert_from_stage(
    "dead_letters", "FROM staged_dead_letters AS staged ON CONFLICT DO NOTHING"
)

_BEGIN_PROGRESS = (
    "INSERT INTO store_progress (topic, partition, next_offset)"
    " SELECT topic, partition, 0 FROM unnest(%s::text[], %s::int[]) AS given (topic, partition)"
    " ON CONFLICT DO NOTHING"
)
_LOCK_PROGRESS = (
    "SELECT stored.topic, stored.partition, stored.next_offset FROM store_progress AS stored"
    " JOIN unnest(%s::text[], %s::int[]) AS given (topic, partition) USING (topic, partition)"
    " ORDER BY stored.topic, stored.partition FOR UPDATE OF stored"
)
_MOVE_PROGRESS = (
    "UPDATE store_progress AS stored SET next_offset = moved.next_offset, updated_at = now()"
    " FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS moved (topic, partition, next_offset)"
    " WHERE stored.topic = moved.topic AND stored.partition = moved.partition"
)


def connect(database_url: str) -> extensions.connection:
    """A connection that `write` can use: with tables of its own, where batches are staged."""
    connection = psycopg2.connect(
        database_url,
        application_name="portfolio-store",
        connect_timeout=CONNECT_SECONDS_MAX,
        # A server that went without a word must not keep the store waiting for hours.
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=SILENCE_SECONDS_MAX * 1000,
        # A store that went without a word must not keep its locks.
        options=f"-c idle_in_transaction_session_timeout={SILENCE_SECONDS_MAX}s",
    )
    with connection, connection.cursor() as cursor:
        for table, columns in _COLUMNS.items():
            cursor.execute(
                f"CREATE TEMPORARY TABLE staged_{table} ON COMMIT DELETE ROWS"
                f" AS SELECT {', '.join(columns)} FROM {table} WITH NO DATA"
            )
    return connection


def read_progress(
    connection: extensions.connection, partitions: Iterable[tuple[str, int]]
) -> Progress:
    """Where to go on in each of the partitions; 0 where nothing was stored yet."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT topic, partition, next_offset FROM store_progress")
        stored = {(topic, partition): offset for topic, partition, offset in cursor.fetchall()}
    return {partition: stored.get(partition, 0) for partition in partitions}


def write(
    connection: extensions.connection, rows: Rows, *, expected: Progress, progress: Progress
) -> None:
    """Store the rows of the records from `expected` up to `progress`, or nothing at all."""
    try:
        _write(connection, rows, expected, progress)
    except errors.UniqueViolation:
        # A result is called the first of its transaction and is not: the books were made anew
        # from the input topics while PostgreSQL kept its rows.
        _write(connection, _with_nothing_new(rows), expected, progress)


def _with_nothing_new(rows: Rows) -> Rows:
    return Rows(
        transactions=rows.new_transactions + rows.transactions,
        disposals=rows.new_disposals + rows.disposals,
        positions=rows.positions,
        removed_positions=rows.removed_positions,
        removed_transactions=rows.removed_transactions,
        portfolios=rows.portfolios,
        dead_letters=rows.dead_letters,
    )


def _write(
    connection: extensions.connection, rows: Rows, expected: Progress, progress: Progress
) -> None:
    with connection, connection.cursor() as cursor:
        lock_progress(cursor, expected, progress)
        _copy(cursor, "transactions", "transactions", rows.new_transactions)
        _copy(cursor, "lot_disposals", "lot_disposals", rows.new_disposals)
        if rows.transactions:
            _stage(cursor, "lot_disposals", rows.disposals)
            _stage(cursor, "transactions", rows.transactions)
            cursor.execute(f"{_UPSERT['transactions']}; {_REPLACE_DISPOSALS}")
        if rows.removed_transactions:
            portfolios, transactions = zip(*rows.removed_transactions, strict=True)
            removed = {"portfolios": list(portfolios), "transactions": list(transactions)}
            cursor.execute(_REMOVE_TRANSACTIONS, removed)
        if rows.removed_positions:
            portfolios, securities = zip(*rows.removed_positions, strict=True)
            cursor.execute(_REMOVE_POSITIONS, (list(portfolios), list(securities)))
        if rows.positions:
            _stage(cursor, "positions", rows.positions)
            cursor.execute(_UPSERT["positions"])
        if rows.portfolios:
            _stage(cursor, "portfolios", rows.portfolios)
            cursor.execute(_UPSERT["portfolios"])
        insert_dead_letters(cursor, rows.dead_letters)
        move_progress(cursor, progress)


def insert_dead_letters(cursor: extensions.cursor, text: bytes) -> None:
    """The rows that this text for COPY is; those that are there already stay."""
    if text:
        _stage(cursor, "dead_letters", text)
        cursor.execute(_INSERT_DEAD_LETTERS)


def lock_progress(cursor: extensions.cursor, expected: Progress, progress: Progress) -> None:
    """Keep everybody else from storing what comes before `progress` until the transaction ends;
    ProgressMoved where somebody has done so."""
    found = _lock(cursor, progress)
    if any(offset != expected[partition] for partition, offset in found.items()):
        raise ProgressMoved(expected, found)


def move_progress(cursor: extensions.cursor, progress: Progress) -> None:
    cursor.execute(_MOVE_PROGRESS, _columns_of(progress))


def _lock(cursor: extensions.cursor, progress: Progress) -> Progress:
    topics, partitions, _ = _columns_of(progress)
    cursor.execute(_LOCK_PROGRESS, (topics, partitions))
    if cursor.rowcount < len(progress):
        cursor.execute(_BEGIN_PROGRESS, (topics, partitions))
        cursor.execute(_LOCK_PROGRESS, (topics, partitions))
    return {(topic, partition): offset for topic, partition, offset in cursor.fetchall()}


def _columns_of(progress: Progress) -> tuple[list[str], list[int], list[int]]:
    # In one order for everybody, so that two stores wait for each other and not in a circle.
    ordered = sorted(progress)
    return [t for t, _ in ordered], [p for _, p in ordered], [progress[key] for key in ordered]


def _stage(cursor: extensions.cursor, table: str, text: bytes) -> None:
    _copy(cursor, f"staged_{table}", table, text)


def _copy(cursor: extensions.cursor, target: str, table: str, text: bytes) -> None:
    copy(cursor, target, _COLUMNS[table], text)


def copy(cursor: extensions.cursor, target: str, columns: Iterable[str], text: bytes) -> None:
    """Put the rows that this text is into the table."""
    if text:
        statement = f"COPY {target} ({', '.join(columns)}) FROM STDIN"
        cursor.copy_expert(statement, io.BytesIO(text), 1 << 20)
