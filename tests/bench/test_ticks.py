from typing import Any

import pytest

from bench.stage import BenchmarkError
from bench.ticks import version_in
from tests.bench.test_benchmarks import printed


def test_ticks_are_told_and_shown_beside_the_floor() -> None:
    found = printed(
        "bench.ticks", "--portfolios", "50", "--securities", "1000", "--ticks", "3", "--runs", "1"
    )
    ticks, kept = (
        {figure["name"]: figure for figure in figures} for figures in found["groups"].values()
    )
    for name in ("until a stream tells", "until GET shows it"):
        assert ticks[f"{name}, p99"]["at_most"] == 100
        assert ticks[f"{name}, p50"]["median"] > 0
    assert ticks["floor: bare consumer, p50"]["median"] > 0
    assert ticks["CPU: workers"]["median"] >= 0
    assert kept["prices read and kept, the broker apart"]["median"] > 0
    assert kept["prices of two days"]["median"] >= 0


def test_a_value_that_is_wrong_ends_it() -> None:
    position = {"price": "3"}
    good: dict[str, Any] = {"positions": [position], "total": {"market_value": "30"}}
    assert version_in(good) == 3
    with pytest.raises(BenchmarkError, match="the value is wrong"):
        version_in(good | {"total": {"market_value": "20"}})
    nothing: dict[str, Any] = {"positions": [{"price": None}], "total": {"market_value": "0"}}
    assert version_in(nothing) == 0
