import pytest

from bench import valuations
from bench.stage import BenchmarkError
from migrations.upgrade import upgrade


def test_what_is_timed_is_right(database_url: str) -> None:
    upgrade(database_url)
    valuations.fill(database_url, 7, 5)
    [valued, rate, limit] = valuations.figures(database_url, 2, 1)
    assert valued.at_most == 60
    assert len(valued.runs) == len(limit.runs) == 2
    assert [round(runs) for runs in rate.runs] == [round(35 / each) for each in valued.runs]


def test_what_is_wrong_is_not_timed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(database_url)
    valuations.fill(database_url, 3, 2)
    monkeypatch.setattr(valuations, "value_all", lambda *_: None)
    with pytest.raises(BenchmarkError, match="should have"):
        valuations.figures(database_url, 1, 1)
