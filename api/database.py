"""Connections to PostgreSQL that only read, and what is said where it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import structlog
from psycopg2.errors import UndefinedTable
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

from api.problems import unavailable

log = structlog.get_logger(__name__)
CONNECT_SECONDS_MAX = 3
ANSWER_SECONDS_MAX = 15.0
# Of SQLAlchemy, and of the driver where it is spoken to directly.
_AWAY = (
    OperationalError,
    InterfaceError,
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    TimeoutError,
)


def reader(database_url: str, connections: int, statement_seconds_max: int) -> Engine:
    """Connections that are made when they are needed."""
    # libpq reads the URL itself, as in the migrations.
    return create_engine(
        "postgresql+psycopg2://",
        creator=lambda: psycopg2.connect(
            database_url,
            connect_timeout=CONNECT_SECONDS_MAX,
            application_name="portfolio-api",
            # A server that went without a word must not keep a thread for hours.
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=int(ANSWER_SECONDS_MAX * 1000),
            options=f"-c statement_timeout={statement_seconds_max}s -c timezone=UTC"
            " -c default_transaction_read_only=on",
        ),
        pool_size=connections,
        pool_pre_ping=True,
    )


class Outages:
    """Says why PostgreSQL is away, in the log, once for each reason."""

    def __init__(self) -> None:
        self._told: str | None = None

    @contextmanager
    def refused(self) -> Iterator[None]:
        """A problem 503 where PostgreSQL is away, or not ready for us."""
        try:
            yield
        except _AWAY as error:
            self._tell(str(getattr(error, "orig", error)).strip() or repr(error))
            raise unavailable("database-away", "PostgreSQL does not answer now.") from None
        except (ProgrammingError, psycopg2.ProgrammingError) as error:
            if isinstance(getattr(error, "orig", error), UndefinedTable):
                raise unavailable("database-empty", "The database is not migrated.") from None
            raise
        self._told = None

    def _tell(self, why: str) -> None:
        if why != self._told:
            log.warning("database_away", error=why)
        self._told = why
