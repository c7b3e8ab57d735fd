"""Cash entries and positions of books whose changelog was deleted."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams import leftovers
from streams.tables import Tables
from tests.streams.lanes import (
    Logs,
    MemoryLog,
    MemoryRestorer,
    dump,
    lane_over,
    work_off,
)
from tests.streams.test_lives import PORTFOLIO_ID, trade
from tests.wire.events import CANCEL, PORTFOLIO, text_of
from wire.topics import CHANGELOG, COMPLETED, PORTFOLIOS, POSITIONS, RAW_TRANSACTIONS


class Lives:
    """A partition that is worked off again and again, on an empty disk each time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.logs, self.lives = folder, Logs(), 0
        terms = PORTFOLIO | {"portfolio_id": PORTFOLIO_ID, "cash_management": "automatic"}
        self.logs.append(PORTFOLIOS, 0, b"", text_of(terms))
        for n in range(5):
            fields = (
                {"trade_currency": "EUR"} if n else {"trade_currency": "CHF", "security_id": "S2"}
            )
            trade(self.logs, f"T{n}", fx_rate="1.1", **fields)

    def cancel(self, transaction_id: str) -> None:
        event = CANCEL | {"portfolio_id": PORTFOLIO_ID, "transaction_id": transaction_id}
        self.logs.append(RAW_TRANSACTIONS, 0, b"", text_of(event))

    def live(self, log: MemoryLog | None = None) -> dict[bytes, bytes]:
        self.lives += 1
        log = log or MemoryLog(self.logs, 0)
        tables = Tables(self.folder / str(self.lives))
        table = MemoryRestorer(self.logs, tables).restore({0: log})[0]
        try:
            work_off(self.logs, lane_over(table, log))
            return dump(table)
        finally:
            table.close()

    def newest(self) -> dict[str, dict[str, Any]]:
        rows = [json.loads(message.value or b"") for message in self.logs.read(COMPLETED, 0)]
        return {row["transaction_id"]: row for row in rows}

    def positions(self) -> set[str]:
        newest = {m.key: m.value for m in self.logs.read(POSITIONS, 0)}
        return {str(key).split("|")[1][:-1] for key, value in newest.items() if value is not None}


@pytest.fixture
def lives(tmp_path: Path) -> Lives:
    lives = Lives(tmp_path)
    lives.live()
    assert lives.newest()["T0~cash"]["status"] == "BOOKED"
    assert lives.positions() >= {"CASH_CHF", "CASH_EUR"}
    return lives


def test_one_whose_cause_is_cancelled_meanwhile_goes_and_the_others_come_back(
    lives: Lives,
) -> None:
    lives.cancel("T0")
    lives.logs.clear(CHANGELOG)
    before = lives.newest()
    after = lives.live()
    newest = lives.newest()
    gone = newest["T0~cash"]
    assert (gone["status"], gone["transaction_type"]) == ("CANCELLED", "CANCEL")
    assert gone["cause_transaction_id"] == "T0"
    assert gone["as_of"] > max(row["as_of"] for row in before.values())
    for n in range(1, 5):
        entry = newest[f"T{n}~cash"]
        assert entry["as_of"] > gone["as_of"]
        assert entry | {"as_of": 0} == before[f"T{n}~cash"] | {"as_of": 0}
    assert "CASH_EUR" in lives.positions()
    assert "CASH_CHF" not in lives.positions()
    # What was withdrawn is of the life before and no entry of these books.
    assert not [key for key in after if key.endswith(b"T0~cash")]
    assert lives.live() == after


def test_what_was_gone_before_is_not_withdrawn_again(lives: Lives) -> None:
    lives.cancel("T0")
    lives.live()
    lives.logs.clear(CHANGELOG)
    gone = lives.newest()["T0~cash"]
    assert gone["status"] == "CANCELLED"
    lives.live()
    assert lives.newest()["T0~cash"] == gone


class Died(Exception):
    pass


class Mortal(MemoryLog):
    """Ends its process before or behind one of its transactions."""

    def __init__(self, lives: Lives, stage: str, left: int) -> None:
        super().__init__(lives.logs, 0)
        self.stage, self.left = stage, left

    def fail(self, stage: str) -> None:
        if stage == self.stage:
            self.left -= 1
            if self.left == 0:
                raise Died


@pytest.mark.parametrize("stage", ["before", "behind"])
@pytest.mark.parametrize("transaction", [1, 2, 3, 4, 5])
def test_a_crash_in_the_middle_leaves_none_of_them(
    lives: Lives, monkeypatch: pytest.MonkeyPatch, stage: str, transaction: int
) -> None:
    """Three transactions withdraw cash entries, two positions."""
    monkeypatch.setattr(leftovers, "RECORDS_MAX", 2)
    for n in range(5):
        lives.cancel(f"T{n}")
    lives.logs.clear(CHANGELOG)
    with pytest.raises(Died):
        lives.live(Mortal(lives, stage, transaction))
    lives.live()
    newest = lives.newest()
    assert {newest[f"T{n}~cash"]["status"] for n in range(5)} == {"CANCELLED"}
    assert not lives.positions()
