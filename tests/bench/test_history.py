from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import books
from bench.books import Books
from bench.load import METHODS, Load, Totals, expected
from bench.open_lots import BATCHES
from bench.stage import BenchmarkError
from tests.bench.test_benchmarks import printed

SVG = "{http://www.w3.org/2000/svg}"


def test_long_histories_and_many_lots_stand_beside_short_ones_and_few(tmp_path: Path) -> None:
    chart = tmp_path / "lengths.svg"
    (found,) = printed(
        "bench.history", "--events", "1000", "--measured", "100", "--rounds", "1", "--lots", "60",
        "--chart", str(chart),
    )["groups"].values()  # fmt: skip
    figures = {figure["name"]: figure for figure in found}
    assert all(figure["median"] > 0 for figure in found)
    of_lengths = [f"after {n:,} events" for n in (10, 30, 100, 300, 1000)]
    assert figures.keys() >= {*of_lengths, "limit: decode and book in memory"}
    assert figures["1,000 events against 10"]["at_most"] == 1.1
    assert figures["  against the first"]["at_most"] == 1.1
    against_few = [figure for figure in found if figure["name"] == "  against few"]
    assert len(against_few) == len(METHODS) * len(BATCHES)
    assert {figure["at_most"] for figure in against_few} == {1.2}
    texts = {text.text for text in ElementTree.parse(chart).iter(f"{SVG}text")}
    assert texts >= {"a lane over RocksDB", "folding the holding anew each time"}


def test_books_that_are_not_those_of_the_fold_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(load: Load) -> Totals:
        return replace(expected(load), cost=Decimal(1))

    load = Load(events=200, holdings=10, portfolios=2, open_lots=5)
    with Books(load) as right:
        right.book(200)
        right.check()
        monkeypatch.setattr(books, "expected", wrong)
        with pytest.raises(BenchmarkError, match="the books are wrong"):
            right.check()
