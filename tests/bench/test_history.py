from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from bench import books, history
from bench.books import Books
from bench.history import Lengths
from bench.lanes import Cost
from bench.load import METHODS, Load, Totals, expected
from bench.open_lots import BATCHES
from bench.stage import BenchmarkError
from calculator import Lot
from streams import state
from streams.reading import items_with
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
    against = "1,000 events against 10"
    assert figures[f"{against}, the lane alone"]["at_most"] == 1.1
    assert figures[f"{against}, with RocksDB's own threads over all events"]["at_most"] == 1.1
    (of_one,) = (f for f in found if f["name"].endswith(": the last against the first"))
    assert of_one["at_most"] == 1.1
    assert len(figures) == len(found)
    against_few = [figure for figure in found if figure["name"].endswith(", against few")]
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


def test_a_lot_that_is_stored_otherwise_is_noticed() -> None:
    with Books(Load(events=300, holdings=1, portfolios=1, open_lots=100)) as damaged:
        damaged.book(300)
        damaged.check()
        (table,) = (lane.table for lane in damaged.lanes.lanes if [*items_with(lane.table, b"h")])
        key, value = next(items_with(table, b"h"))
        stored = state.decode_holding(*state.ids_of(key), value)
        first = next(iter(stored.holding.lots))
        dearer = Lot(
            first.lot_id, first.acquired_at, first.quantity, first.cost_local, first.cost + 1,
            first.unit_cost,
        )  # fmt: skip
        stored.holding.lots.put(dearer)
        table.write([(key, state.encode_holding(stored.holding, stored.as_of, stored.paged))])
        with pytest.raises(BenchmarkError, match="add up to"):
            damaged.check()


def test_a_load_that_ends_too_early_is_noticed() -> None:
    load = Load(events=20, holdings=2, portfolios=1)
    with Books(load) as short, pytest.raises(BenchmarkError, match="the load ends after 20 events"):
        short.book(21)


def test_long_is_divided_by_short_and_each_ratio_has_its_figures() -> None:
    found = Lengths(
        lanes={10: [Cost(2.0, 0.0)], 1000: [Cost(3.0, 9.0)]}, peer={}, limit=[1.0], own_threads=1.0
    )
    medians = {figure.name: figure.median for figure in found.figures()}
    assert medians["after 10 events, the lane alone"] == 2
    assert medians["1,000 events against 10, the lane alone"] == 1.5
    assert medians["1,000 events against 10, with RocksDB's own threads over all events"] == 2


def test_a_chart_of_what_is_not_measured_is_refused() -> None:
    done = CliRunner().invoke(history.main, ["--only", "lots", "--chart", "lots.svg"])
    assert done.exit_code == 2
    assert "--chart is drawn of `lengths`" in done.output
