"""`portfolio migrate`, and what is said of a database that cannot be migrated."""

from pathlib import Path

import psycopg2
import pytest

from cli.servers import Connections, down, running, up
from cli.servers.processes import start_bound
from cli.settings import Settings
from migrations.upgrade import current, upgrade
from tests.cli.portfolio import UNSET, Portfolio
from tests.system.system import free_port


@pytest.fixture
def elsewhere(tmp_path: Path, servers: Connections, database_url: str) -> Portfolio:
    """Servers of others, with an empty database."""
    return Portfolio(
        {
            "DATA_DIR": str(tmp_path),
            "KAFKA_BOOTSTRAP": servers.kafka.bootstrap,
            "DATABASE_URL": database_url,
            "API_PORT": str(free_port()),
        }
    )


def execute(database_url: str, statement: str) -> None:
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def test_the_tables_are_made_once(elsewhere: Portfolio) -> None:
    first = elsewhere.json("migrate")
    assert (first["before"], first["revision"]) == (
        None,
        current(elsewhere.environment["DATABASE_URL"]),
    )
    again = elsewhere.json("migrate")
    assert again["before"] == again["revision"] == first["revision"]


def test_an_embedded_database_is_migrated_whether_kafka_runs_or_not(
    data_dir: Path, servers: Connections
) -> None:
    with_kafka = {"DATA_DIR": str(data_dir), "KAFKA_BOOTSTRAP": servers.kafka.bootstrap}
    settings = Settings.from_environment(UNSET | with_kafka, dotenv=data_dir / ".env")
    up(settings, start=start_bound)
    assert list(running(settings)) == ["postgres"]
    assert Portfolio({"DATA_DIR": str(data_dir)}).json("migrate")["revision"] is not None
    down(settings)


def test_a_database_that_is_away_is_said_without_its_password(elsewhere: Portfolio) -> None:
    url = f"postgresql://me:secret@127.0.0.1:{free_port()}/books"
    said = Portfolio(elsewhere.environment | {"DATABASE_URL": url})("migrate", code=1).stderr
    assert said.startswith("Error: PostgreSQL: ")
    assert "refused" in said
    assert "secret" not in said


def test_up_says_why_a_database_cannot_be_used(
    elsewhere: Portfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.servers.embedded.EXTERNAL_TIMEOUT_SECONDS", 1.0)
    url = elsewhere.environment["DATABASE_URL"] + "_not_there"
    said = Portfolio(elsewhere.environment | {"DATABASE_URL": url})("up", code=1).stderr
    assert "DATABASE_URL: " in said
    assert 'not_there" does not exist' in said


@pytest.mark.parametrize("command", [("migrate",), ("up",), ("reset", "--yes")])
def test_a_database_that_a_newer_program_migrated_is_left_alone(
    elsewhere: Portfolio, command: tuple[str, ...]
) -> None:
    url = elsewhere.environment["DATABASE_URL"]
    upgrade(url)
    execute(url, "UPDATE alembic_version SET version_num = 'f00d'")
    said = elsewhere(*command, code=1).stderr
    assert "the database is at revision f00d, which this program does not know" in said
    assert current(url) == "f00d"
