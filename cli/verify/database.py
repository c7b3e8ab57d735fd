"""What PostgreSQL says, as rows."""

from collections.abc import Collection
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from calculator import Source
from cli.verify.report import Row
from cli.verify.rows import CONTENT, DISPOSAL, OUTCOME, PORTFOLIO, POSITION, SOURCE

TRANSACTION_COLUMNS = (*CONTENT, *OUTCOME, *SOURCE, "as_of")
DISPOSAL_COLUMNS = ("security_id", "disposed_at", *DISPOSAL, "as_of")
POSITION_COLUMNS = (*POSITION, "as_of")
PORTFOLIO_COLUMNS = (*PORTFOLIO, "as_of")
LOT_COLUMNS = ("acquired_at", "opened_quantity", "quantity", "cost", "cost_local")
TABLES = ("transactions", "lot_disposals", "positions", "portfolios")
CONNECT_SECONDS_MAX = 10
Rows = dict[Any, Row]


class Database:
    """One state of the database, however long the reading takes."""

    def __init__(self, url: str) -> None:
        # Everything read here is large. After a load, and before PostgreSQL has looked at its
        # tables, it would take them for small and join the view of the lots row by row.
        self._connection = psycopg2.connect(
            url, connect_timeout=CONNECT_SECONDS_MAX, options="-c enable_nestloop=off"
        )
        self._connection.set_session(ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)

    def close(self) -> None:
        self._connection.close()

    def transactions(self, portfolio_ids: Collection[str]) -> Rows:
        keys = ("portfolio_id", "transaction_id")
        return self._rows("transactions", keys, TRANSACTION_COLUMNS, portfolio_ids)

    def count_of_transactions(self) -> int:
        """Rows, of all portfolios."""
        ((count,),) = self._all("SELECT count(*) FROM transactions")
        return int(count)

    def disposals(self, portfolio_ids: Collection[str]) -> Rows:
        keys = ("portfolio_id", "transaction_id", "lot_id")
        return self._rows("lot_disposals", keys, DISPOSAL_COLUMNS, portfolio_ids)

    def positions(self, portfolio_ids: Collection[str]) -> Rows:
        keys = ("portfolio_id", "security_id")
        return self._rows("positions", keys, POSITION_COLUMNS, portfolio_ids)

    def lots(self, portfolio_ids: Collection[str]) -> Rows:
        keys = ("portfolio_id", "security_id", "lot_id")
        return self._rows("lots", keys, LOT_COLUMNS, portfolio_ids)

    def portfolios(self, portfolio_ids: Collection[str]) -> Rows:
        return {
            key[0]: row
            for key, row in self._rows(
                "portfolios", ("portfolio_id",), PORTFOLIO_COLUMNS, portfolio_ids
            ).items()
        }

    def dead_letters(self) -> dict[Source, Row]:
        """key, value, and the errors as (field, rule) pairs."""
        found: dict[Source, Row] = {}
        for topic, partition, offset, key, value, errors in self._all(
            'SELECT topic, partition, "offset", key, value, errors FROM dead_letters'
        ):
            pairs = tuple((error["field"], error["rule"]) for error in errors)
            found[Source(topic, partition, offset)] = (_bytes(key), _bytes(value), pairs)
        return found

    def reference(self, table: str, keys: tuple[str, ...], columns: tuple[str, ...]) -> Rows:
        """All rows of one kind of reference data."""
        found = self._all(f"SELECT {', '.join((*keys, *columns))} FROM {table}")
        return {row[: len(keys)]: row[len(keys) :] for row in found}

    def portfolio_ids(self, table: str) -> set[str]:
        """Of every row."""
        return {row[0] for row in self._all(f"SELECT DISTINCT portfolio_id FROM {table}")}

    def _rows(
        self,
        table: str,
        keys: tuple[str, ...],
        columns: tuple[str, ...],
        portfolio_ids: Collection[str],
    ) -> Rows:
        wanted = ", ".join((*keys, *columns))
        found = self._all(
            f"SELECT {wanted} FROM {table} WHERE portfolio_id = ANY(%s)", (list(portfolio_ids),)
        )
        return {row[: len(keys)]: row[len(keys) :] for row in found}

    def _all(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()


def _bytes(value: memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)
