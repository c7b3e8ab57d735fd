from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calculator import Ledger, Transaction
from reports.positions import HoldingOn, positions_on
from tests.reports.conftest import looking
from tests.reports.filled import book, portfolio, said, trade


def held(database_url: str, day: str, portfolio_id: str = "P1") -> dict[str, HoldingOn]:
    with looking(database_url) as snapshot:
        found = positions_on(snapshot, portfolio_id, date.fromisoformat(day))
    assert found is not None
    return {each.security_id: each for each in found.positions}


def test_a_position_is_that_of_the_end_of_the_day_in_utc(migrated: str) -> None:
    book(
        migrated,
        [
            trade("B1", "BUY", "2024-01-10", "100", "150", currency="EUR", fx_rate="1.10", hour=23),
            trade("S1", "SELL", "2024-02-01", "40", "170", currency="EUR", fx_rate="1.20", hour=0),
        ],
        portfolio("USD"),
    )
    assert held(migrated, "2024-01-09") == {}
    before = held(migrated, "2024-01-31")["ACME"]
    assert said(before.quantity, before.cost, before.cost_local) == (100, 16_500, 15_000)
    after = held(migrated, "2024-02-01")["ACME"]
    assert said(after.quantity, after.cost, after.cost_local) == (60, 9_900, 9_000)
    assert said(after.realized_gain_loss, after.realized_gain_loss_local) == (1_560, 800)
    assert said(after.trade_currency, after.base_currency) == ("EUR", "USD")


def test_what_is_not_booked_moves_nothing_and_what_is_cancelled_is_not_there(migrated: str) -> None:
    book(
        migrated,
        [
            trade("S1", "SELL", "2024-01-10", "1", "1"),
            trade("B1", "BUY", "2024-01-10", "1", "1", security_id="OTHER", currency="EUR"),
            trade("F1", "FEE", "2024-01-10", amount="5", security_id="THIRD"),
        ],
        portfolio("USD"),
    )
    found = held(migrated, "2024-01-10")
    assert {name: each.quantity for name, each in found.items()} == {
        "ACME": 0,
        "OTHER": 0,
        "THIRD": 0,
    }
    assert found["THIRD"].cost == 0
    assert found["ACME"].first_transaction_date is None


def test_a_portfolio_that_is_not_there_is_none_and_one_that_holds_nothing_is_empty(
    migrated: str,
) -> None:
    book(migrated, [], portfolio("USD"))
    with looking(migrated) as snapshot:
        assert positions_on(snapshot, "NO", date(2024, 1, 1)) is None
        found = positions_on(snapshot, "P1", date(2024, 1, 1))
    assert found is not None
    assert found.positions == ()


@st.composite
def histories(draw: st.DrawFn) -> list[Transaction]:
    events = []
    for number in range(draw(st.integers(1, 14))):
        kind = draw(
            st.sampled_from(
                [
                    "BUY",
                    "BUY",
                    "SELL",
                    "TRANSFER_IN",
                    "TRANSFER_OUT",
                    "DEPOSIT",
                    "WITHDRAWAL",
                    "DIVIDEND",
                    "FEE",
                    "TAX",
                ]
            )
        )
        has_units = kind not in ("DIVIDEND", "FEE", "TAX")
        events.append(
            trade(
                f"T{number}",
                kind,
                f"2024-01-{draw(st.integers(1, 6)):02}",
                str(draw(st.integers(1, 9))) if has_units else None,
                str(draw(st.integers(1, 500))) if has_units else None,
                amount=None if has_units else str(draw(st.integers(1, 9))),
                security_id=draw(st.sampled_from(["A", "B"])),
                currency="EUR",
                fx_rate=draw(st.sampled_from(["1.1", "0.987654321", None])),
                hour=draw(st.sampled_from([0, 12, 23])),
            )
        )
    return events


def live(events: Sequence[Transaction], method: str) -> dict[str, tuple[Decimal, ...]]:
    """What the live tables hold after these events alone."""
    ledger = Ledger()
    ledger.take_portfolio(portfolio("USD", method))
    for event in events:
        ledger.take(event)
    ledger.settle()
    found: dict[str, tuple[Decimal, ...]] = {}
    for security_id in {event.security_id for event in events}:
        holding = ledger.journal.holding("P1", security_id)
        assert holding is not None
        found[security_id] = (holding.quantity, holding.cost, holding.cost_local)
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=histories(), method=st.sampled_from(["FIFO", "HIFO", "AVCO"]))
@pytest.mark.timeout(900)
def test_after_the_last_day_it_is_what_the_books_hold(
    migrated: str, events: list[Transaction], method: str
) -> None:
    with psycopg2.connect(migrated) as connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE transactions, portfolios")
    connection.close()
    book(migrated, events, portfolio("USD", method))
    found = held(migrated, "2024-01-06")
    assert {
        name: (each.quantity, each.cost, each.cost_local) for name, each in found.items()
    } == live(events, method)
