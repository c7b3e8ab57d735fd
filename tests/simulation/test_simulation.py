from collections import Counter

import pytest

from streams import lane as lane_module
from tests.simulation.hunt import Silence, hunt, run
from tests.simulation.variants import AS_DESIGNED, BROKEN, Variant
from tests.simulation.world import World

SEEDS, SEEDS_LONG = 6_000, 100_000
CONTROL_SEEDS = 100


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "log", Silence())


@pytest.mark.timeout(1200)  # a minute of computing, on machines that may be busy
def test_whoever_crashes_wherever_and_whoever_does_not_know_it_the_laws_hold_at_the_end(
    is_long: bool,
) -> None:
    seeds = SEEDS_LONG if is_long else SEEDS
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for happened, found in hunt(0, seeds):
        seen += happened
        wrong += found
    assert wrong == []
    assert seen["seeds"] == seeds
    effects = ("log", "state", "sink")
    crashes = [
        seen[f"crash {when} {effect}"] for effect in effects for when in ("before", "behind")
    ]
    assert min(crashes) > seeds // 10
    others = ("fenced", "disk lost", "power cut", "delivered twice", "reply lost", "second store",
              "database emptied", "progress moved", "rates of concern", "cash of concern",
              "cash walked on")  # fmt: skip
    assert min(seen[what] for what in others) > seeds // 50


def test_a_run_is_the_same_whenever_it_is_run() -> None:
    assert run(7) == run(7)


def is_caught(seed: int, variant: Variant) -> bool:
    try:
        World(seed, variant).run()
    except Exception:  # noqa: BLE001 - a broken loop also breaks assertions of the design
        return True
    return False


@pytest.mark.parametrize("variant", BROKEN, ids=lambda variant: variant.name)
def test_a_broken_order_of_effects_is_caught(variant: Variant) -> None:
    assert any(is_caught(seed, variant) for seed in range(CONTROL_SEEDS))


def test_the_design_is_not_caught_by_the_seeds_that_catch_the_broken_ones() -> None:
    assert not any(is_caught(seed, AS_DESIGNED) for seed in range(CONTROL_SEEDS))
