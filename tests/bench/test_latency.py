import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench.latency import CHARTED, percentile
from tests.bench.test_benchmarks import printed


def test_a_rate_shows_rows_live_tables_and_the_floor_beside_them(tmp_path: Path) -> None:
    chart = tmp_path / "latency.svg"
    found = printed(
        "bench.latency", "--rate", "200", "--seconds", "2", "--warm-up", "0", "--runs", "1",
        "--workers", "1", "--chart", str(chart),
    )  # fmt: skip
    (figures,) = found["groups"].values()
    by_name = {figure["name"]: figure for figure in figures}
    for name in CHARTED:
        assert by_name[name]["median"] > 0
    assert by_name["POST to committed row, p99"]["at_most"] == 250
    assert by_name["POST to live tables, p99"]["at_most"] == 100
    assert by_name["floor: and COPY, p50"]["median"] > 0
    assert by_name["POST to committed row, p50"]["median"] <= by_name[CHARTED[1]]["median"]
    assert {"machine", "python", "kafka", "postgresql"} <= set(found["machine"])
    assert ElementTree.parse(chart).getroot().tag.endswith("svg")


@pytest.mark.parametrize(("percent", "found"), [(50, 50), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_is_one_of_the_values(percent: int, found: int) -> None:
    assert percentile(range(100, 0, -1), percent) == found
