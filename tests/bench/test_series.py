import pytest

from bench import series
from bench.stage import BenchmarkError
from migrations.upgrade import upgrade


def test_what_is_timed_is_right(database_url: str) -> None:
    upgrade(database_url)
    series.fill(database_url, 4, 60, 40)
    found = series.figures(database_url, 4, 40, 1)
    assert {figure.name for figure in found} >= {"all standard periods", "daily series"}
    assert [figure.at_most for figure in found[:2]] == [300, 300]


def test_what_is_wrong_is_not_timed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(database_url)
    series.fill(database_url, 4, 60, 40)
    monkeypatch.setattr(series, "plain_values", lambda state, last: [])
    with pytest.raises(BenchmarkError, match="Decimals"):
        series.figures(database_url, 4, 40, 1)


def test_what_polars_says_otherwise_is_not_timed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(database_url)
    series.fill(database_url, 4, 60, 40)
    monkeypatch.setattr("bench.engines.Engine.end_values", lambda engine, portfolio_id: [])
    with pytest.raises(BenchmarkError, match="Polars"):
        series.figures(database_url, 4, 40, 1)
