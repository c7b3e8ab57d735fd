from pathlib import Path

import pytest

from streams import lane as lane_module
from streams import pace
from streams.metrics import REGISTRY
from streams.tables import Table, Tables
from tests.oracle.murmur2 import partition_of
from tests.streams.lanes import PARTITIONS, Logs, MemoryLog, Message, batch, lane_over
from tests.wire.events import BUY, text_of

P = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 0)
ELSEWHERE = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 1)


class Moved:
    """How far the metrics have moved since it was made."""

    def __init__(self) -> None:
        self._before = {
            (s.name, *s.labels.items()): s.value for m in REGISTRY.collect() for s in m.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        value = REGISTRY.get_sample_value(name, labels)
        assert value is not None, f"there is no {name} {labels}"
        return value - self._before.get((name, *labels.items()), 0)


def buy(n: int, **fields: object) -> bytes:
    event = BUY | {"portfolio_id": P, "transaction_id": f"T{n}"}
    return text_of(event | {"transaction_date": f"2024-01-{n + 1:02}"} | fields)


def lane_with(table: Table, *values: bytes) -> lane_module.Lane:
    lane = lane_over(table, MemoryLog(Logs(), 0))
    lane.handle([batch(Message(n, b"", value) for n, value in enumerate(values))])
    return lane


def test_events_are_counted_by_what_became_of_them(table: Table) -> None:
    moved = Moved()
    lane_with(
        table, buy(0), buy(1, version=2), buy(1, version=2), buy(1), b"{",
        buy(0, portfolio_id=ELSEWHERE),
    )  # fmt: skip
    wanted = {"booked": 2, "duplicate": 1, "superseded": 1, "dead": 1, "forwarded": 1}
    for outcome, count in wanted.items():
        assert moved("portfolio_events_total", outcome=outcome) == count
    assert moved("portfolio_dead_letters_total") == 1
    assert moved("portfolio_results_total") == 2


@pytest.mark.parametrize("stage", ["book", "transaction", "state"])
def test_the_seconds_of_a_batch_are_shown_by_stage(table: Table, stage: str) -> None:
    moved = Moved()
    lane_with(table, buy(0))
    assert moved("portfolio_batch_seconds_count", stage=stage) == 1
    assert moved("portfolio_batch_seconds_sum", stage=stage) > 0


def test_rewinds_and_their_length_are_shown(table: Table) -> None:
    lane = lane_with(table, *(buy(n) for n in range(1, 11)))
    moved = Moved()
    lane.handle([batch([Message(10, b"", buy(0))])])
    assert moved("portfolio_rewinds_total") == 1
    # The late one passes through its own place.
    assert moved("portfolio_entries_taken_back_total") in (10, 11)


def test_open_lots_kept_decoded_are_shown_while_the_partition_is_served(tmp_path: Path) -> None:
    lane = lane_with(Tables(tmp_path).open(0), *(buy(n) for n in range(5)))
    shown = "portfolio_cached_lots"
    assert REGISTRY.get_sample_value(shown, {"partition": "0"}) == 6  # and their holding
    lane.handle([batch([Message(5, b"", buy(5))])])
    assert REGISTRY.get_sample_value(shown, {"partition": "0"}) == 7
    lane.close()
    assert REGISTRY.get_sample_value(shown, {"partition": "0"}) is None


def test_holdings_being_re_booked_are_shown(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "STEPS_MAX", 3)
    lane = lane_with(table, *(buy(n) for n in range(1, 11)))
    shown = "portfolio_unsettled_holdings"
    assert REGISTRY.get_sample_value(shown, {"partition": "0"}) == 0
    lane.handle([batch([Message(10, b"", buy(0))])])
    assert REGISTRY.get_sample_value(shown, {"partition": "0"}) == 1
    for _ in range(10):
        lane.handle([])
    assert REGISTRY.get_sample_value(shown, {"partition": "0"}) == 0


def test_the_lag_and_the_partitions_served_have_their_gauges() -> None:
    names = {metric.name for metric in REGISTRY.collect()}
    assert {"portfolio_lag_records", "portfolio_served_partitions"} <= names
