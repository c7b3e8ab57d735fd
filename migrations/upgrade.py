"""Moves a database to a version; each call is one PostgreSQL transaction, one at a time.

Every call raises psycopg2.Error where PostgreSQL is away or does not let us.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from migrations.errors import UnknownRevision
from migrations.schema import DERIVED

CONNECT_SECONDS_MAX = 10
# Any number will do, as long as nobody else locks the same one in this database.
ADVISORY_LOCK = 5_140_277_310


@contextmanager
def _transaction(database_url: str) -> Iterator[Connection]:
    # libpq reads the URL itself, so that whatever the store can connect to can be migrated.
    engine = create_engine(
        "postgresql+psycopg2://",
        creator=lambda: psycopg2.connect(database_url, connect_timeout=CONNECT_SECONDS_MAX),
        poolclass=NullPool,
    )
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        if error.orig is None:
            raise
        raise error.orig from error


def _locked(connection: Connection) -> Config:
    # Alembic reads the version once the lock is held: a second upgrade then finds nothing to do.
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    config = Config(attributes={"connection": connection})
    # A % in the path is no interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    _demand_known(connection, config)
    return config


def _demand_known(connection: Connection, config: Config) -> None:
    found = MigrationContext.configure(connection).get_current_heads()
    known = {version.revision for version in ScriptDirectory.from_config(config).walk_revisions()}
    if unknown := set(found) - known:
        raise UnknownRevision(
            f"the database is at revision {', '.join(sorted(unknown))}, which this program does "
            "not know: a newer one migrated it"
        )


def upgrade(database_url: str, revision: str = "head") -> None:
    """Brings the database up to `revision`, from nothing or from any older one."""
    with _transaction(database_url) as connection:
        command.upgrade(_locked(connection), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Takes the database back to `revision`; "base" leaves it without any of our tables."""
    with _transaction(database_url) as connection:
        command.downgrade(_locked(connection), revision)


def empty(database_url: str) -> None:
    """Brings the database up to date, without a row of what the topics fill."""
    with _transaction(database_url) as connection:
        command.upgrade(_locked(connection), "head")
        connection.execute(text("TRUNCATE " + ", ".join(table.name for table in DERIVED)))


def current(database_url: str) -> str | None:
    """The revision the database is at; None where nothing was ever migrated."""
    with _transaction(database_url) as connection:
        return MigrationContext.configure(connection).get_current_revision()
