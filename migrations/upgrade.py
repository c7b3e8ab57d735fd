"""Moves a database to a version; each call is one PostgreSQL transaction, one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

# Any number will do, as long as nobody else locks the same one in this database.
ADVISORY_LOCK = 5_140_277_310


@contextmanager
def _transaction(database_url: str) -> Iterator[Connection]:
    # libpq reads the URL itself, so that whatever the store can connect to can be migrated.
    engine = create_engine(
        "postgresql+psycopg2://",
        creator=lambda: psycopg2.connect(database_url),
        poolclass=NullPool,
    )
    with engine.begin() as connection:
        yield connection


def _locked(connection: Connection) -> Config:
    # Alembic reads the version once the lock is held: a second upgrade then finds nothing to do.
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    config = Config(attributes={"connection": connection})
    # A % in the path is no interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Brings the database up to `revision`, from nothing or from any older one."""
    with _transaction(database_url) as connection:
        command.upgrade(_locked(connection), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Takes the database back to `revision`; "base" leaves it without any of our tables."""
    with _transaction(database_url) as connection:
        command.downgrade(_locked(connection), revision)


def current(database_url: str) -> str | None:
    """The revision the database is at; None where nothing was ever migrated."""
    with _transaction(database_url) as connection:
        return MigrationContext.configure(connection).get_current_revision()
