"""Say whether a ledger shows what the naive fold wrote."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from calculator import (
    Booked,
    Cancellation,
    Disposal,
    Entry,
    Holding,
    Ledger,
    MemoryJournal,
    Rejection,
    cause_of,
)
from tests.calculator.trading import Event
from tests.laws.naive import NaiveHolding
from tests.laws.naive_books import naive_books

Ids = tuple[str, str]


def stands(entry: Entry) -> bool:
    """Of a cash entry that is gone, whether it ever was depends on the order of arrival."""
    is_gone = isinstance(entry.content, Cancellation)
    return not (is_gone and cause_of(entry.content.transaction_id))


def result_shown(entry: Entry) -> tuple[Any, ...]:
    applied = None if entry.applied_fx_rate is None else Fraction(entry.applied_fx_rate)
    match entry.outcome:
        case _ if isinstance(entry.content, Cancellation):
            return ("CANCELLED",)
        case Rejection(reason=reason):
            return (reason.value, applied)
        case Booked() as booked:
            gain = None
            if booked.realized_gain_loss is not None:
                assert booked.realized_gain_loss_local is not None
                gain = {
                    "local": Fraction(booked.realized_gain_loss_local),
                    "base": Fraction(booked.realized_gain_loss),
                }
            return (
                "BOOKED",
                {"local": Fraction(booked.gross_cost_local), "base": Fraction(booked.gross_cost)},
                {"local": Fraction(booked.net_cost_local), "base": Fraction(booked.net_cost)},
                gain,
                [part_shown(part) for part in booked.disposals],
                *(() if booked.cash_movement is None else (Fraction(booked.cash_movement),)),
                applied,
            )
        case _:
            return ("waiting",)


def part_shown(part: Disposal) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": part.lot_id,
        "acquired_at": part.acquired_at,
        "quantity": Fraction(part.quantity),
        "local": Fraction(part.cost_local),
        "base": Fraction(part.cost),
    }
    if part.proceeds is not None:
        assert part.proceeds_local is not None
        shown["proceeds_local"] = Fraction(part.proceeds_local)
        shown["proceeds_base"] = Fraction(part.proceeds)
    return shown


def holding_shown(holding: Holding) -> dict[str, Any]:
    return {
        "quantity": Fraction(holding.quantity),
        "cost": {"local": Fraction(holding.cost_local), "base": Fraction(holding.cost)},
        "gain": {
            "local": Fraction(holding.realized_gain_loss_local),
            "base": Fraction(holding.realized_gain_loss),
        },
        "currency": holding.trade_currency,
        "first": holding.first_transaction_date,
        "last": holding.last_transaction_date,
        "lots": [
            (lot.lot_id, lot.acquired_at, *map(Fraction, (lot.quantity, lot.cost_local, lot.cost)))
            for lot in holding.lots
        ],
        "settled": holding.is_settled,
    }


def holding_written(naive: NaiveHolding) -> dict[str, Any]:
    return {
        "quantity": naive.quantity,
        "cost": naive.cost,
        "gain": naive.gain,
        "currency": naive.currency,
        "first": min(naive.dates, default=None),
        "last": max(naive.dates, default=None),
        "lots": [
            (lot["id"], lot["acquired_at"], lot["quantity"], lot["local"], lot["base"])
            for lot in naive.in_order_of_relief()
        ],
        "settled": True,
    }


def assert_shows_the_naive_books(ledger: Ledger, events: Iterable[Event]) -> None:
    journal = ledger.journal
    assert isinstance(journal, MemoryJournal)
    assert_shown(ledger, journal.entries, journal.holdings, events)


def assert_shown(
    ledger: Ledger,
    entries: Mapping[Ids, Entry],
    holdings: Mapping[Ids, Holding],
    events: Iterable[Event],
) -> None:
    """All entries and holdings of a journal are those of the naive fold."""
    naive_results, naive_holdings = naive_books(
        events, ledger.default_method, ledger.rates.cross_currency, ledger.rates.max_age_days
    )
    shown_results = {key: result_shown(entry) for key, entry in entries.items() if stands(entry)}
    assert shown_results == naive_results
    shown = {key: holding_shown(holding) for key, holding in holdings.items()}
    assert shown == {key: holding_written(naive) for key, naive in naive_holdings.items()}
    assert not ledger.journal.unsettled
    assert not ledger.journal.walks
    assert not ledger.journal.rate_uses.walks
    assert not ledger.journal.holders.walks
