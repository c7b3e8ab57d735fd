"""Exchange rates as a lane takes them: with its position in their topic, and in its own time."""

import json

import pytest

from calculator import Rates
from streams import lane as lane_module
from streams import state
from streams.known_rates import KnownRates
from streams.lane import Lane, SettingChanged, StateNotAtBatch
from streams.tables import Table
from tests.streams.lanes import Logs, MemoryLog, know, lane_over, work_off
from tests.streams.test_lane import PORTFOLIO_ID, buy
from tests.wire.events import PORTFOLIO, text_of
from wire.topics import COMPLETED, FX_RATES, PORTFOLIOS, RAW_TRANSACTIONS


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(Logs(), 0)


def send_rate(log: MemoryLog, rate: str, version: int = 1, currency: str = "CHF") -> None:
    event: dict[str, object] = {
        "from_currency": currency, "to_currency": "USD", "rate_date": "2024-01-01",
        "rate": rate, "version": version,
    }  # fmt: skip
    log.logs.append(FX_RATES, 0, b"", text_of(event))


def known_of(log: MemoryLog) -> KnownRates:
    return know(log.logs, KnownRates(Rates()))


def waiting(table: Table, log: MemoryLog, known: KnownRates, count: int = 1) -> Lane:
    """A lane where so many purchases in francs wait for a rate to dollars."""
    portfolio = text_of(PORTFOLIO | {"portfolio_id": PORTFOLIO_ID})
    log.logs.append(PORTFOLIOS, 0, b"", portfolio)
    for n in range(count):
        value = buy(transaction_id=f"T{n}", security_id=f"S{n}", trade_currency="CHF")
        log.logs.append(RAW_TRANSACTIONS, 0, b"", value)
    lane = lane_over(table, log, known=known)
    work_off(log.logs, lane)
    return lane


def applied(lane: Lane, transaction_id: str = "T0") -> str | None:
    value = lane.table.get(state.entry_key(PORTFOLIO_ID, transaction_id))
    found: str | None = json.loads(value)["applied_fx_rate"]
    return found


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        (Rates("USD", 8), "FX_MAX_AGE_DAYS is 8, the books were begun with 7: set it back"),
        (Rates("EUR", 7), "FX_CROSS_CURRENCY is EUR, the books were begun with USD: set it back"),
        (Rates(None, 7), "FX_CROSS_CURRENCY is NONE, the books were begun with USD: set it back"),
    ],
)
def test_other_rules_for_rates_are_refused(
    table: Table, log: MemoryLog, rates: Rates, said: str
) -> None:
    lane_over(table, log).begin()
    with pytest.raises(SettingChanged, match=said):
        lane_over(table, log, known=KnownRates(rates))


def test_a_topic_of_rates_that_does_not_reach_where_the_state_is_is_refused(
    table: Table, log: MemoryLog
) -> None:
    send_rate(log, "2")
    lane_over(table, log, known=known_of(log)).begin()
    with pytest.raises(StateNotAtBatch, match="fx_rates: the state is at 1, the batch at 0"):
        lane_over(table, log)


def work(lane: Lane) -> tuple[bool, bool]:
    """Whether there is any, and whether rates are to be passed."""
    return lane.has_work, lane.is_behind_reference


def test_a_rate_is_work_where_something_waits_for_it_and_moves_the_progress_with_it(
    table: Table, log: MemoryLog
) -> None:
    known = known_of(log)
    lane = waiting(table, log, known)
    assert applied(lane) is None
    assert work(lane) == (False, False)
    send_rate(log, "2")
    know(log.logs, known)
    assert work(lane) == (True, True)
    lane.handle([])
    assert applied(lane) == "2"
    assert lane.progress.fx_rates == 1
    assert work(lane) == (False, False)
    again = lane_over(table, log, known=known)
    assert not again.has_work


def test_a_rate_that_was_not_passed_before_the_end_is_met_after_it(
    table: Table, log: MemoryLog
) -> None:
    waiting(table, log, known_of(log))
    send_rate(log, "2")
    again = lane_over(table, log, known=known_of(log))
    assert again.has_work
    work_off(log.logs, again)
    assert applied(again) == "2"


def test_what_is_booked_ahead_of_the_progress_is_found_right_when_the_rate_is_passed(
    table: Table, log: MemoryLog
) -> None:
    known = known_of(log)
    lane = waiting(table, log, known, count=0)
    send_rate(log, "2")
    know(log.logs, known)
    known.move(0)  # kept, and the reader has not said so yet
    value = buy(transaction_id="T0", trade_currency="CHF")
    log.logs.append(RAW_TRANSACTIONS, 0, b"", value)
    work_off(log.logs, lane)
    assert (applied(lane), lane.progress.fx_rates) == ("2", 0)
    results = len(log.logs.read(COMPLETED, 0))
    known.move(1)
    work_off(log.logs, lane)
    assert lane.progress.fx_rates == 1
    assert len(log.logs.read(COMPLETED, 0)) == results


def test_rates_of_no_concern_are_passed_without_a_look_at_each(
    table: Table, log: MemoryLog
) -> None:
    known = known_of(log)
    lane = waiting(table, log, known)
    for n in range(300):
        send_rate(log, "2", currency=f"A{chr(65 + n // 26)}{chr(65 + n % 26)}")
    know(log.logs, known)
    assert work(lane) == (False, True)
    lane.handle([])
    assert lane.progress.fx_rates == 300
    assert work(lane) == (False, False)


def test_many_rates_of_concern_are_followed_in_parts(
    table: Table, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "RATES_MAX", 10)
    known = known_of(log)
    lane = waiting(table, log, known)
    for version in range(1, 26):
        send_rate(log, str(version), version)
    know(log.logs, known)
    passed = []
    while lane.has_work:
        lane.handle([])
        passed.append(lane.progress.fx_rates)
    assert passed == [10, 20, 25]
    assert applied(lane) == "25"
