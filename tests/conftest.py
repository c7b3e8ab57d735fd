"""Servers that tests share: one Kafka and one PostgreSQL for the whole session."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg2
import pytest

from cli.servers import Connections, down, up
from cli.servers.processes import start_bound
from cli.settings import Settings

ROOT = Path(__file__).parents[1]
LOCAL = ROOT / ".local"
LONG_SECONDS_MAX = 3600
LONGEST_FIRST = ("bench", "faults", "simulation", "system", "cli", "api", "streams")


def empty_data_dir(name: str) -> Path:
    """A new DATA_DIR of this test process, with the jars that were fetched once for all.

    Not under pytest's tmp_path: the account that runs PostgreSQL for root cannot enter it.
    """
    folder = LOCAL / f"test-{os.getpid()}-{name}"
    folder.mkdir(parents=True)
    (LOCAL / "cache").mkdir(exist_ok=True)
    (folder / "cache").symlink_to(LOCAL / "cache")
    return folder


def settings_of(data_dir: Path) -> Settings:
    return Settings.from_environment({"DATA_DIR": str(data_dir)}, dotenv=Path(os.devnull))


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """An empty DATA_DIR of this test alone; the test stops what it starts there."""
    folder = empty_data_dir(uuid.uuid4().hex)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def servers() -> Iterator[Connections]:
    """Both servers, empty at first; they end with the test process, however that ends."""
    for folder in LOCAL.glob("test-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[1])):
            shutil.rmtree(folder)
    data_dir = empty_data_dir("session")
    settings = settings_of(data_dir)
    yield up(settings, start=start_bound)
    down(settings)
    shutil.rmtree(data_dir)


@contextmanager
def new_database(servers: Connections) -> Iterator[str]:
    """The address of an empty database that ends with the block."""
    name = f"test_{uuid.uuid4().hex}"
    admin = psycopg2.connect(servers.database_url)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield servers.database_url.rpartition("/")[0] + "/" + name
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()


@pytest.fixture
def database_url(servers: Connections) -> Iterator[str]:
    """The address of an empty database of this test alone."""
    with new_database(servers) as url:
        yield url


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="run the tests of faults and load at their full size"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Folders whose tests start processes come first: a short test waits less for a long one."""
    if config.getoption("--long"):
        for item in items:
            item.add_marker(pytest.mark.timeout(LONG_SECONDS_MAX))

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(ROOT).parts[1]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=place)


@pytest.fixture
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether a test that has two sizes is to run at the larger one."""
    return bool(request.config.getoption("--long"))
