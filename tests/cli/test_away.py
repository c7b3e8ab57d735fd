"""What the commands say where nothing runs."""

from pathlib import Path

import pytest

from tests.cli.portfolio import Portfolio
from tests.system.system import free_port


@pytest.fixture
def alone(tmp_path: Path) -> Portfolio:
    """A DATA_DIR in which nothing was ever started."""
    return Portfolio({"DATA_DIR": str(tmp_path), "API_PORT": str(free_port())})


def test_status_does_not_take_what_nobody_says_for_nothing(alone: Portfolio) -> None:
    said = alone.json("status", code=1)
    assert set(said["inputs"].values()) == {None}
    assert said["lag"] == {"book": None, "store": None}
    shown = alone("status", code=1).stdout
    assert "? read, ? booked" in shown
    assert "is not running: `portfolio up` starts everything" in shown


@pytest.mark.parametrize(
    ("question", "code", "said"),
    [
        (("positions", "P1"), 1, "is `portfolio up` running?"),
        (("verify",), 1, "is not running: `portfolio up`"),
        (("ingest", "/dev/null"), 1, "is not running: `portfolio up`"),
        (("ingest", "/dev/null", "--dry-run"), 1, "/dev/null is empty"),
        (("reset",), 2, "say --yes"),
        (("lots", "P1"), 2, "Missing argument 'SECURITY_ID'"),
        (("nothing",), 2, "No such command 'nothing'"),
    ],
)
def test_a_program_that_asks_can_read_the_error(
    alone: Portfolio, question: tuple[str, ...], code: int, said: str
) -> None:
    answer = alone.json(*question, code=code)
    assert set(answer) == {"error"}
    assert said in answer["error"]
    result = alone(*question, code=code)
    assert said in result.stderr
    assert result.stdout == ""


def test_a_setting_that_is_wrong_can_be_read_by_a_program(tmp_path: Path) -> None:
    wrong = Portfolio({"DATA_DIR": str(tmp_path), "API_PORT": "x"})
    assert "API_PORT must be" in wrong.json("status", code=2)["error"]


@pytest.mark.parametrize("id_", ["a/b", "", "a  b", "x" * 129])
def test_what_is_no_id_is_told_by_the_rule_of_ids(alone: Portfolio, id_: str) -> None:
    said = alone("lots", "P1", id_, code=1).stderr
    assert "is not 1 to 128 characters of A-Z a-z 0-9 . _ : @ -" in said
