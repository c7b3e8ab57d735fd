"""Where a peer stores its results, and whether what it stored is right."""

from decimal import Decimal
from typing import NamedTuple

import psycopg2

from bench.load import Totals
from bench.stage import BenchmarkError

# The fields of an event, and after them what came of it.
_TABLE = """\
CREATE TABLE {name} (
    transaction_id text PRIMARY KEY,
    portfolio_id text NOT NULL,
    instrument_id text,
    security_id text NOT NULL,
    transaction_date timestamptz NOT NULL,
    settlement_date date,
    transaction_type text NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    gross_transaction_amount numeric NOT NULL,
    trade_fee numeric NOT NULL,
    trade_currency text NOT NULL,
    currency text NOT NULL,
    version integer NOT NULL,
    gross_cost numeric NOT NULL,
    net_cost numeric NOT NULL,
    realized_gain_loss numeric NOT NULL,
    open_quantity numeric NOT NULL,
    open_cost numeric NOT NULL
)
"""
# What a table that is upserted into commonly has as well.
_TIMES = """\
ALTER TABLE {name}
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now()
"""
# What is open is what the last transaction of a holding left; their ids are in order.
_SUMS = """\
SELECT count(*), sum(realized_gain_loss), sum(open_quantity) FILTER (WHERE is_last),
    sum(open_cost) FILTER (WHERE is_last)
FROM (
    SELECT realized_gain_loss, open_quantity, open_cost,
        lead(transaction_id) OVER holding IS NULL AS is_last
    FROM {name}
    WINDOW holding AS (PARTITION BY portfolio_id, security_id ORDER BY transaction_id)
) AS results
"""


class Sums(NamedTuple):
    """What of the totals can be seen in the rows of a peer."""

    rows: int
    realized_gain_loss: Decimal
    quantity: Decimal
    cost: Decimal


def create(database_url: str, name: str, *, has_times: bool = False) -> None:
    """An empty table; with times, its rows say when they came and when they were changed."""
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(_TABLE.format(name=name))
        if has_times:
            cursor.execute(_TIMES.format(name=name))
    connection.close()


def sums(database_url: str, name: str) -> Sums:
    """Over all rows."""
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(_SUMS.format(name=name))
        found = Sums(*cursor.fetchall()[0])
    connection.close()
    return found


def check(database_url: str, name: str, totals: Totals) -> None:
    """Raise BenchmarkError where a sum is not that of the independent fold, to the last digit."""
    found = sums(database_url, name)
    expected = Sums(totals.transactions, totals.realized_gain_loss, totals.quantity, totals.cost)
    if found != expected:
        raise BenchmarkError(f"{name} is wrong:\nfound    {found}\nexpected {expected}")
