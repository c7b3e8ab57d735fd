"""The `portfolio` command as a test calls it."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from cli.lag import wait_until_applied
from cli.main import main
from cli.servers.processes import Command, Process, start_bound
from cli.settings import Settings
from wire.broker import Broker

# All that the settings know.
VARIABLES = {field.name.upper() for field in fields(Settings)} - {"KAFKA"} | {
    f"KAFKA_{field.name.upper()}" for field in fields(Broker)
}
# What the developer's shell sets is none of a test's business. Nor is what `.env` says: it is read
# from the current folder, so commands run in one that has none.
ELSEWHERE = Path("/")
UNSET = dict.fromkeys(VARIABLES, "") | {
    "PARTITIONS": "8",
    "API_HOST": "127.0.0.1",
    "API_KEYS": "auto",
    "RATE_LIMIT": "0",
    "STREAMS_MAX": "200",
    "DEFAULT_COST_BASIS_METHOD": "FIFO",
    "PRICE_MAX_AGE_DAYS": "7",
    "FX_MAX_AGE_DAYS": "7",
    "FX_CROSS_CURRENCY": "USD",
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "json",
}


@dataclass(frozen=True)
class Portfolio:
    """Commands under these settings."""

    environment: dict[str, str]

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(UNSET | self.environment, dotenv=Path(os.devnull))

    def __call__(self, *arguments: str | Path, code: int = 0) -> Result:
        """Run it inside the test process; it must end with this exit code."""
        environment = UNSET | self.environment
        with chdir(ELSEWHERE):
            result = CliRunner().invoke(main, [str(one) for one in arguments], env=environment)
        told = f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
        assert result.exit_code == code, told
        return result

    def json(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self(*arguments, "--json", code=code).stdout)
        return said

    def ingest(self, path: Path, text: str) -> None:
        """A file of these lines, until the books have them."""
        path.write_text(text)
        self("ingest", path)
        wait_until_applied(self.settings, 60)

    def start(self, log: Path, *arguments: str) -> Process:
        """Run it as a process that ends with the test process, however that ends."""
        return start_bound(
            Command(
                name=arguments[0],
                argv=[sys.executable, "-P", "-m", "cli.main", *arguments],
                log=log,
                directory=ELSEWHERE,
                environment={**os.environ, **UNSET, **self.environment},
            )
        )


def until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
