from itertools import islice
from random import Random

import pytest

from bench.rebalance import LIMITS
from bench.soak import TARGETS, load, sorted_out, targets
from tests.bench.test_benchmarks import printed


def test_a_soak_kills_and_compares() -> None:
    soaked = printed("bench.soak", "--minutes", "0.1", "--kills", "2", "--per-second", "50")
    assert soaked["kills"] == {"worker": 1, "postgres": 1}
    assert soaked["slowest_recovery_seconds"].keys() == soaked["kills"].keys()
    assert soaked["events"] > 100
    assert (soaked["lost"], soaked["double"], soaked["wrong"]) == (0, 0, 0)


def test_of_twelve_kills_ten_hit_a_worker() -> None:
    assert [TARGETS.count(target) for target in ("worker", "kafka", "postgres")] == [10, 1, 1]


@pytest.mark.parametrize("kills", [3, 4, 12, 13, 240])
def test_however_few_the_kills_each_target_is_hit(kills: int) -> None:
    chosen = targets(kills, Random(1))
    assert len(chosen) == kills
    assert set(chosen) == {"worker", "kafka", "postgres"}


def test_the_load_goes_on_with_portfolios_of_its_own() -> None:
    messages = list(islice(load(300), 900))
    first = {message.key for message in messages[:300]}
    assert messages[-1].key not in first


def test_differences_are_told_apart() -> None:
    found = ["result P / T: missing", "dead letter 1: twice", "lot L: unexpected", "cost 1, got 2"]
    assert sorted_out(found) == {"lost": 1, "double": 2, "wrong": 1}


def test_every_change_of_workers_has_its_standstill() -> None:
    (found,) = printed("bench.rebalance", "--runs", "1")["groups"].values()
    assert {figure["name"]: figure["at_most"] for figure in found} == LIMITS
    assert all(seconds > 0 for figure in found for seconds in figure["runs"])
