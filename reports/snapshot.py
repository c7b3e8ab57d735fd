"""A connection whose questions see one and the same state of the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Cursor(Protocol):
    """What is used of a cursor of psycopg2."""

    def execute(self, query: str, vars: Sequence[Any] | None = ..., /) -> None: ...
    def fetchall(self) -> list[Row]: ...
    def copy_expert(self, sql: str, file: Any, size: int = ..., /) -> Any: ...  # noqa: ANN401
    def mogrify(self, query: str, args: Sequence[Any] | None = ..., /) -> bytes: ...


class Snapshot:
    """One transaction. Numbers come as Decimal, instants in UTC."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def rows(self, query: str, *parameters: object) -> list[Row]:
        self.cursor.execute(query, parameters)
        return self.cursor.fetchall()

    def row(self, query: str, *parameters: object) -> Row:
        """The only one."""
        [row] = self.rows(query, *parameters)
        return row


@contextmanager
def snapshot(connection: Any) -> Iterator[Snapshot]:  # noqa: ANN401 - psycopg2's, or a pool's
    """A read-only transaction on a connection that is in none."""
    with connection.cursor() as cursor:
        try:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield Snapshot(cursor)
        finally:
            connection.rollback()
