"""The `portfolio` command as a test calls it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from cli.main import main


@dataclass(frozen=True)
class Portfolio:
    """Commands in one DATA_DIR, run inside the test process."""

    environment: dict[str, str]

    @property
    def data_dir(self) -> Path:
        return Path(self.environment["DATA_DIR"])

    def __call__(self, *arguments: str | Path, code: int = 0) -> Result:
        """Run it; it must end with this exit code."""
        # What the developer's shell sets is none of the test's business.
        ours = dict.fromkeys(SETTINGS, "") | self.environment
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], env=ours)
        told = f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
        assert result.exit_code == code, told
        return result

    def json(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self(*arguments, "--json", code=code).stdout)
        return said

    def process_environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        return kept | self.environment


SETTINGS = (
    "KAFKA_BOOTSTRAP",
    "DATABASE_URL",
    "DATA_DIR",
    "PARTITIONS",
    "API_HOST",
    "API_PORT",
    "WORKER_URLS",
    "DEFAULT_COST_BASIS_METHOD",
    "LOG_LEVEL",
    "LOG_FORMAT",
)
