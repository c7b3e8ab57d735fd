import json

import pytest

from bench.figures import Figure, Report, of_usage
from bench.machine import Usage

FAST = Figure(name="rows", unit="events/s", runs=[90.0, 110.0, 120.0], at_least=100.0)
SLOW = Figure(name="first row", unit="s", runs=[7.25], at_most=5.0)


def test_a_target_is_reached_by_the_median() -> None:
    assert FAST.is_reached
    assert not SLOW.is_reached
    assert Figure(name="rows", unit="", runs=[1.0]).is_reached is None


def test_a_figure_stands_between_its_lowest_and_highest_and_beside_its_target() -> None:
    assert FAST.row() == ["rows", "events/s", "110", "90.0 to 120", "at least 100", "yes"]
    assert SLOW.row() == ["first row", "s", "7.25", "7.25 to 7.25", "at most 5.00", "NO"]


def test_programs_get_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    Report({"python": "3"}, {"store": [FAST]}).show(as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["machine"] == {"python": "3"}
    [figure] = printed["groups"]["store"]
    assert figure["runs"] == [90, 110, 120]
    assert figure["is_reached"] is True


def test_processor_time_is_shown_by_kind_and_in_all() -> None:
    usages = [Usage(1.0, {"store": 2.0, "broker": 3.0}, 0.5, 0.25, 0.0)]
    found = {figure.name: figure.median for figure in of_usage(usages)}
    assert found["CPU: store"] == 2
    assert found["CPU: all"] == 5
    assert found["cores used by others"] == 0.25
