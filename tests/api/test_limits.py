import pytest

from api import limits
from api.limits import Limits
from api.problems import Problem


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def admitted(limits: Limits, who: str, count: int) -> int:
    """How many of so many requests come in."""
    came_in = 0
    for _ in range(count):
        try:
            limits.charge(who)
        except Problem:
            continue
        came_in += 1
    return came_in


def test_without_a_rate_nobody_is_limited() -> None:
    assert admitted(Limits(0), "a", 10_000) == 10_000


def test_a_second_s_worth_comes_in_at_once_and_then_as_fast_as_the_rate() -> None:
    clock = Clock()
    limits = Limits(10, clock)
    assert admitted(limits, "a", 50) == 10
    clock.seconds += 0.35
    assert admitted(limits, "a", 50) == 3
    clock.seconds += 1000
    assert admitted(limits, "a", 50) == 10


def test_who_waits_as_long_as_told_comes_in() -> None:
    clock = Clock()
    limits = Limits(1, clock)
    limits.charge("a")
    with pytest.raises(Problem) as refused:
        limits.charge("a")
    assert refused.value.status == 429
    assert refused.value.headers == {"Retry-After": "1"}
    clock.seconds += 1
    assert admitted(limits, "a", 2) == 1


def test_one_does_not_pay_for_another() -> None:
    limits = Limits(3, Clock())
    assert admitted(limits, "a", 9) == 3
    assert admitted(limits, "b", 9) == 3


def test_who_was_not_seen_for_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUCKETS_MAX", 2)
    few = Limits(1, Clock())
    assert [admitted(few, who, 1) for who in "abaca"] == [1, 1, 0, 1, 0]
    assert admitted(few, "b", 1) == 1  # anew: c came in since
