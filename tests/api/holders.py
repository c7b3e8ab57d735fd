"""Holders of keys: rows of `api_keys`, and what each sends."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import cursor

from api.keys import Key, new_key

INSERT = """
INSERT INTO api_keys (key_id, name, secret_sha256, scopes, portfolios, expires_at, revoked_at)
VALUES (%s, 'test', %s, %s, %s, now() + make_interval(days => %s),
    CASE WHEN %s THEN now() END)
"""


def hold(
    database_url: str,
    *scopes: str,
    portfolios: list[str] | None = None,
    days: int | None = None,
    is_revoked: bool = False,
) -> Key:
    """A new key; days below 0: it expired."""
    key = new_key()
    kept = key.key_id, key.secret_sha256, list(scopes), portfolios, days, is_revoked
    with executing(database_url) as database:
        database.execute(INSERT, kept)
    return key


def revoke(database_url: str, key: Key) -> None:
    with executing(database_url) as database:
        database.execute("UPDATE api_keys SET revoked_at = now() WHERE key_id = %s", (key.key_id,))


def bearing(key: Key) -> dict[str, str]:
    """The headers of a request."""
    return {"Authorization": f"Bearer {key.text}"}


@contextmanager
def executing(database_url: str) -> Iterator[cursor]:
    """A cursor whose every statement is committed at once."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as opened:
        yield opened
    connection.close()


@contextmanager
def away(server_url: str, database_url: str) -> Iterator[None]:
    """For the time of the block nobody can connect to the database, or go on in it."""
    name = database_url.rpartition("/")[2]
    with executing(server_url) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        yield
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
