import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.end_to_end import check
from bench.load import METHODS, Load, expected
from bench.stage import BenchmarkError
from migrations.upgrade import upgrade

ROOT = Path(__file__).parents[2]


def printed(module: str, *arguments: str) -> dict[str, Any]:
    """The figures of a benchmark, which ended well."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--json", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_events_go_from_kafka_to_committed_rows_and_peers_and_limits_stand_beside_them() -> None:
    figures = printed(
        "bench.end_to_end", "--events", "12000", "--workers", "2", "--runs", "1",
        "--peer-sink", "upsert", "--peer-warm", "--plain-events", "1000",
    )  # fmt: skip
    (run,) = figures["runs"]
    assert figures["events_per_second"]["2"]["median"] == run["span"]["events_per_second"]
    spans = figures["peers"] | {"ours": [run["span"]]}
    assert {title: set(span["usage"]["cpu_us"]) for title, (span,) in spans.items()} == {
        "ours": {"workers", "store", "broker", "postgres"},
        "Kafka Streams, upserting sink, cold JVM": {"peer", "broker", "postgres"},
        "Kafka Streams, upserting sink, warm JVM": {"peer", "broker", "postgres"},
        "ordinary Faust": {"faust", "broker", "postgres"},
    }
    assert all(span["events_per_second"] > 0 for (span,) in spans.values())
    assert all(min(span["usage"]["cpu_us"].values()) >= 0 for (span,) in spans.values())
    assert set(run["floors"]) == {"unindexed", "primary key"}
    assert all(floor["events_per_second"] > 0 for floor in run["floors"].values())
    assert run["alone"]["events_per_second"] > 0
    assert {"machine", "python", "kafka", "postgresql", "packages"} <= set(figures["machine"])


@pytest.mark.parametrize("method", METHODS)
def test_the_calculator_alone_comes_to_the_books_of_the_load(method: str) -> None:
    alone = figures_in(printed("bench.calculator", "--events", "2000", "--method", method))
    assert alone.keys() == {"events/s", "decode", "ledger"}
    assert all(len(runs) == 3 and min(runs) > 0 for runs in alone.values())


def test_a_lane_without_its_servers_says_what_each_stage_costs() -> None:
    figures = figures_in(printed("bench.step", "--events", "2000", "--runs", "2"))
    assert figures.keys() == {
        "booking step", "RocksDB", "rows for PostgreSQL", "RocksDB's own threads",
        "limit: decode and book in memory",
    }  # fmt: skip
    assert all(len(runs) == 2 and min(runs) >= 0 for runs in figures.values())
    assert min(figures["booking step"]) > min(figures["limit: decode and book in memory"]) / 2


def figures_in(report: dict[str, Any]) -> dict[str, list[float]]:
    """The runs of each figure of the only group."""
    (figures,) = report["groups"].values()
    return {figure["name"]: figure["runs"] for figure in figures}


def test_a_wrong_result_ends_a_benchmark(database_url: str) -> None:
    upgrade(database_url)
    totals = expected(Load(events=100))
    with pytest.raises(BenchmarkError, match="the books are wrong"):
        check(database_url, replace(totals, transactions=99))
