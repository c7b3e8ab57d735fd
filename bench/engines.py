"""The end values of a portfolio by a columnar engine: Polars, over Arrow from PostgreSQL by ADBC.

In whole numbers, as floats would lose cents: prices in hundredths, rates in millionths, which is
all that the prices and rates of this benchmark have. It knows no corrections, no stale or missing
price, no flows and no gains.

DuckDB would read the same Arrow, or rows of PostgreSQL by an extension that is downloaded when it
is first used; reading is what takes the time here.
"""

from decimal import Decimal
from typing import Any

import polars as pl
from adbc_driver_postgresql import dbapi

_PRICES = """
SELECT security_id, price_date AS day, (price * 100)::int8 AS price, currency FROM market_prices
"""
_MOVES = """
SELECT security_id, (transaction_date AT TIME ZONE 'UTC')::date AS day,
    sum(CASE transaction_type WHEN 'BUY' THEN quantity ELSE -quantity END)::int8 AS units
FROM transactions WHERE portfolio_id = '{portfolio_id}' AND status = 'BOOKED' GROUP BY 1, 2
"""
_RATES = "SELECT rate_date AS day, (rate * 1000000)::int8 AS rate FROM fx_rates"
_PLACES = 8


class Engine:
    """A connection, and what is asked over it."""

    def __init__(self, database_url: str) -> None:
        self._connection = dbapi.connect(database_url)

    def close(self) -> None:
        self._connection.close()

    def _read(self, sql: str) -> pl.DataFrame:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            arrow: Any = cursor.fetch_arrow()
            return pl.DataFrame(arrow)

    def prices(self) -> pl.DataFrame:
        """All of them."""
        return self._read(_PRICES)

    def end_values(self, portfolio_id: str) -> list[Decimal]:
        """Of each day, in EUR, of holdings in EUR and USD that have a price on each."""
        held = self._read(_MOVES.format(portfolio_id=portfolio_id)).sort("day")
        held = held.with_columns(pl.col("units").cum_sum().over("security_id"))
        found = (
            self.prices()
            .sort("day")
            .join_asof(held, on="day", by="security_id", check_sortedness=False)
            .join(self._read(_RATES), on="day")
            .with_columns(
                pl.when(pl.col("currency") == "EUR")
                .then(10**6)
                .otherwise(pl.col("rate"))
                .alias("to")
            )
            .group_by("day")
            .agg((pl.col("price") * pl.col("units") * pl.col("to")).sum().alias("value"))
            .sort("day")
        )
        return [Decimal(value).scaleb(-_PLACES) for value in found["value"]]
