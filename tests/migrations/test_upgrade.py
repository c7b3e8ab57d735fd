"""The versions, run on a real server: they make what schema.py says, once, both ways."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg2 import extensions
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from migrations.schema import LOTS_VIEW, metadata
from migrations.upgrade import current, downgrade, empty, upgrade

# Everything in a namespace that compare_metadata may overlook: orders, collations, storage, views.
CATALOG = """
SELECT 'column', a.attrelid::regclass::text, a.attnum::text, a.attname::text,
    format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
    coalesce(l.collname, '-')::text, coalesce(pg_get_expr(d.adbin, d.adrelid), '-')
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relnamespace = 'public'::regnamespace
LEFT JOIN pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
    AND c.relname <> 'alembic_version'
UNION ALL
SELECT 'relation', c.relname, c.relkind::text, coalesce(c.reloptions::text, '-'),
    CASE c.relkind
        WHEN 'v' THEN pg_get_viewdef(c.oid)
        WHEN 'i' THEN pg_get_indexdef(c.oid)
        ELSE '-'
    END, '', '', ''
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'alembic_version%'
    AND c.relkind <> 't'
ORDER BY 1, 2, 3, 4
"""


@contextmanager
def connected(database_url: str) -> Iterator[Connection]:
    engine = create_engine(
        "postgresql+psycopg2://",
        creator=lambda: psycopg2.connect(database_url),
        poolclass=NullPool,
    )
    with engine.begin() as connection:
        yield connection


def differences(database_url: str) -> list[Any]:
    with connected(database_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))


def catalog(database_url: str) -> list[tuple[str, ...]]:
    with connected(database_url) as connection:
        return [tuple(row) for row in connection.execute(text(CATALOG))]


def make_from_schema(database_url: str) -> None:
    with connected(database_url) as connection:
        metadata.create_all(connection)
        connection.execute(text(LOTS_VIEW))


def drop_all(database_url: str) -> None:
    with connected(database_url) as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


def relations(database_url: str) -> set[str]:
    return {row[1] for row in catalog(database_url)}


def test_the_versions_add_up_to_the_schema(database_url: str) -> None:
    upgrade(database_url)
    assert differences(database_url) == []
    by_versions = catalog(database_url)
    drop_all(database_url)
    make_from_schema(database_url)
    assert by_versions == catalog(database_url)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE transactions DROP COLUMN detail",
        "ALTER TABLE positions ADD COLUMN note text",
        "ALTER TABLE lot_disposals ALTER COLUMN proceeds TYPE numeric(20, 2)",
        "ALTER TABLE lot_disposals ALTER COLUMN cost DROP NOT NULL",
        "DROP INDEX transactions_newest_first",
        "DROP TABLE dead_letters",
    ],
)
def test_a_database_that_differs_from_the_schema_is_found(database_url: str, change: str) -> None:
    upgrade(database_url)
    with connected(database_url) as connection:
        connection.execute(text(change))
    assert differences(database_url) != []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE transactions RENAME CONSTRAINT transactions_pkey TO another",
        'ALTER TABLE positions ALTER COLUMN trade_currency TYPE text COLLATE "C"',
        "ALTER TABLE positions SET (fillfactor = 80)",
        "ALTER TABLE api_keys ALTER COLUMN portfolios TYPE text",
        "CREATE OR REPLACE VIEW lots AS SELECT * FROM ("
        + LOTS_VIEW.split(" AS\n", 1)[1]
        + ") AS l",
    ],
)
def test_what_alembic_overlooks_shows_in_the_catalog(database_url: str, change: str) -> None:
    upgrade(database_url)
    before = catalog(database_url)
    with connected(database_url) as connection:
        connection.execute(text(change))
    assert catalog(database_url) != before


def test_down_and_up_again_leaves_the_same_database(database_url: str) -> None:
    assert current(database_url) is None
    upgrade(database_url)
    before = catalog(database_url)
    assert current(database_url) == "0007"
    downgrade(database_url, "base")
    assert current(database_url) is None
    assert relations(database_url) == set()
    upgrade(database_url)
    assert catalog(database_url) == before


def test_the_version_of_the_keys_can_be_taken_back_alone(database_url: str) -> None:
    upgrade(database_url, "0001")
    before = catalog(database_url)
    upgrade(database_url, "0002")
    assert "api_keys" in relations(database_url)
    downgrade(database_url, "0001")
    assert catalog(database_url) == before


def test_reference_data_that_is_taken_back_is_stored_again_from_the_start(
    database_url: str,
) -> None:
    upgrade(database_url, "0002")
    before = catalog(database_url)
    upgrade(database_url)
    with connected(database_url) as connection:
        connection.execute(
            text("INSERT INTO store_progress VALUES ('positions', 0, 7), ('fx_rates', 0, 7)")
        )
    downgrade(database_url, "0002")
    assert catalog(database_url) == before
    with connected(database_url) as connection:
        topics = connection.execute(text("SELECT topic FROM store_progress")).scalars().all()
    assert topics == ["positions"]


KEEPS_KEYS = """
INSERT INTO store_progress VALUES ('positions', 0, 7);
INSERT INTO api_keys (key_id, name, secret_sha256, scopes) VALUES ('k', 'n', '', '{read}')
"""


def test_an_emptied_database_has_no_row_but_the_keys(database_url: str) -> None:
    empty(database_url)  # also where nothing was there
    with connected(database_url) as connection:
        connection.execute(text(KEEPS_KEYS))
    empty(database_url)
    with connected(database_url) as connection:
        tables = {table: f"SELECT count(*) FROM {table}" for table in metadata.tables}
        counts = {table: connection.execute(text(sql)).scalar() for table, sql in tables.items()}
    assert counts == dict.fromkeys(metadata.tables, 0) | {"api_keys": 1}
    assert current(database_url) == "0007"


def test_an_upgrade_of_a_database_that_is_up_to_date_changes_nothing(database_url: str) -> None:
    upgrade(database_url)
    with connected(database_url) as connection:
        connection.execute(text("INSERT INTO store_progress VALUES ('positions', 0, 7)"))
    upgrade(database_url)
    with connected(database_url) as connection:
        assert connection.execute(text("SELECT next_offset FROM store_progress")).scalar() == 7


def test_upgrades_at_the_same_time_all_succeed(database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(upgrade, database_url) for _ in range(4)]:
            done.result(timeout=30)
    assert current(database_url) == "0007"
    assert differences(database_url) == []


def test_a_failed_upgrade_leaves_nothing_behind(database_url: str) -> None:
    with connected(database_url) as connection:
        connection.execute(text("CREATE TABLE dead_letters (mine int)"))
    with pytest.raises(Exception, match='relation "dead_letters" already exists'):
        upgrade(database_url)
    assert relations(database_url) == {"dead_letters"}
    assert current(database_url) is None


def test_the_version_can_be_read_while_an_upgrade_runs(database_url: str) -> None:
    with connected(database_url) as other:
        other.execute(text("SELECT pg_advisory_xact_lock(5140277310)"))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(current, database_url).result(timeout=10) is None


def planned(cursor: extensions.cursor, query: str) -> str:
    cursor.execute("EXPLAIN (COSTS OFF) " + query)
    return "\n".join(row[0] for row in cursor.fetchall())


def test_history_is_read_in_the_order_of_an_index(database_url: str) -> None:
    upgrade(database_url)
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        newest_first = "transaction_date DESC NULLS LAST, transaction_id"
        plan = planned(
            cursor,
            f"SELECT * FROM transactions WHERE portfolio_id = 'P' ORDER BY {newest_first} LIMIT 9",
        )
        assert "Index Scan using transactions_newest_first" in plan
        assert "Sort" not in plan
        plan = planned(
            cursor,
            "SELECT * FROM transactions WHERE portfolio_id = 'P' AND status = 'PENDING'"
            f" ORDER BY {newest_first} LIMIT 9",
        )
        assert "Index Scan using transactions_not_booked" in plan
        assert "Sort" not in plan
        plan = planned(
            cursor,
            "SELECT * FROM dead_letters ORDER BY"
            ' received_at DESC, topic, partition, "offset" LIMIT 9',
        )
        assert "Index Scan using dead_letters_newest_first" in plan
        assert "Sort" not in plan
        for where, index in (
            ("", "market_prices_newest_first"),
            ("WHERE security_id = 'S'", "market_prices_pkey"),
        ):
            plan = planned(
                cursor,
                f"SELECT * FROM market_prices {where}"
                " ORDER BY price_date DESC, security_id LIMIT 9",
            )
            assert f"using {index}" in plan
            assert "Sort" not in plan
    connection.close()
