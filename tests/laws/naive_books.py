"""All books of the naive fold: those of securities first, then the cash that they moved."""

from collections.abc import Iterable
from typing import Any

from calculator import Cancellation, FxRate, Portfolio, Transaction
from tests.calculator.trading import Event
from tests.laws.naive import NaiveHolding, NaiveRates, in_force, order_of
from tests.laws.naive_cash import NaiveCash, cash_entries, cash_of, keeps_cash


def naive_books(
    events: Iterable[Event],
    default_method: str,
    cross: str | None,
    max_age: int,
) -> tuple[dict[tuple[str, str], tuple[Any, ...]], dict[tuple[str, str], NaiveHolding]]:
    """Results by (portfolio_id, transaction_id), holdings by (portfolio_id, security_id)."""
    events = list(events)
    records = in_force(event for event in events if isinstance(event, Portfolio))
    rates = NaiveRates((e for e in events if isinstance(e, FxRate)), cross, max_age)
    current = in_force(e for e in events if isinstance(e, Transaction | Cancellation))
    results: dict[tuple[str, str], tuple[Any, ...]] = {
        key: ("CANCELLED",) for key, event in current.items() if isinstance(event, Cancellation)
    }
    trades = [event for event in current.values() if isinstance(event, Transaction)]
    # Cash comes last: what is booked elsewhere moves it.
    cash = cash_of(events)
    of_cash = [
        t for t in trades if keeps_cash(records.get((t.portfolio_id, None)), t.security_id, cash)
    ]
    holdings: dict[tuple[str, str], NaiveHolding] = {}
    others = [trade for trade in trades if trade not in of_cash]
    book_all(others, holdings, results, records, cash, default_method, rates)
    of_cash += cash_entries(others, results, records, cash)
    book_all(of_cash, holdings, results, records, cash, default_method, rates)
    return results, holdings


def book_all(
    trades: Iterable[Transaction],
    holdings: dict[tuple[str, str], NaiveHolding],
    results: dict[tuple[str, str], tuple[Any, ...]],
    records: dict[Any, Portfolio],
    cash: set[str],
    default_method: str,
    rates: NaiveRates,
) -> None:
    for trade in sorted(trades, key=order_of):
        key = trade.portfolio_id, trade.security_id
        record = records.get((trade.portfolio_id, None))
        if key not in holdings:
            method, base = default_method, None
            if record is not None:
                method, base = record.cost_basis_method, record.base_currency
            holdings[key] = (
                NaiveCash(trade.security_id, base, rates)
                if keeps_cash(record, trade.security_id, cash)
                else NaiveHolding(method, base, rates)
            )
        results[trade.portfolio_id, trade.transaction_id] = holdings[key].book(trade)
