from dataclasses import replace
from decimal import Decimal

import pytest

from bench import late_rate
from bench.load import Load
from bench.stage import BenchmarkError
from calculator import FxRate
from tests.bench.test_benchmarks import printed

FEW = Load(events=300, holdings=3, portfolios=2)


def test_a_late_rate_stands_beside_one_that_was_known_before() -> None:
    (found,) = printed(
        "bench.late_rate", "--events", "1000", "--waiting", "50", "--holdings", "10", "--runs", "1"
    )["groups"].values()
    assert all(figure["median"] > 0 for figure in found)
    assert [figure["at_most"] for figure in found if figure["at_most"]] == [2, 1]


def test_other_books_than_those_of_the_rate_known_before_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make, made = late_rate.rate, []

    def another_each_time(amount: str, version: int = 1, **fields: object) -> FxRate:
        made.append(amount)
        return replace(make(amount, version), rate=Decimal(amount) + len(made))

    monkeypatch.setattr(late_rate, "rate", another_each_time)
    with pytest.raises(BenchmarkError, match="leaves other books"):
        late_rate.measure(FEW, 20, runs=1)
