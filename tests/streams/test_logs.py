import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging
import structlog
from streams.logs import configure
configure(*{settings!r})
log = structlog.get_logger("ours")
log.debug("small")
log.warning("dead_letter", portfolio="P 1", offset=2**40, errors=[{{"field": "x"}}])
logging.getLogger("somebody").warning("said %s\\nin two lines", 1)
logging.getLogger("faust").info("noise")
logging.getLogger("streams.app").info("[^Starting]")
try:
    1 / 0
except ZeroDivisionError as error:
    log.critical("failed", exc_info=error)
"""


def told(level: str, log_format: str | None) -> list[str]:
    """What a process with these settings writes to its stderr, which is a pipe."""
    program = PROGRAM.format(settings=(level, log_format))
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert process.stdout == ""
    return process.stderr.splitlines()


@pytest.mark.parametrize("log_format", ["json", None])
def test_on_a_pipe_each_line_is_an_object_whatever_is_said_by_whom(log_format: str | None) -> None:
    ours, theirs, failed = (json.loads(line) for line in told("INFO", log_format))
    assert (ours["event"], ours["level"], ours["logger"]) == ("dead_letter", "warning", "ours")
    assert (ours["portfolio"], ours["offset"], ours["errors"]) == ("P 1", 2**40, [{"field": "x"}])
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["logger"]) == ("said 1\nin two lines", "somebody")
    assert "ZeroDivisionError" in failed["exception"]


def test_people_may_have_lines_that_they_can_read() -> None:
    line = told("INFO", "text")[0]
    assert "dead_letter" in line
    assert "portfolio" in line
    assert not line.startswith("{")


def test_the_level_says_what_is_told() -> None:
    assert "small" in told("DEBUG", "json")[0]
    assert len(told("CRITICAL", "json")) == 1
