"""Databases with results, prices and rates in them: what transactions become is the calculator's
word, what is stored is as the store stores it."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from psycopg2 import connect
from sqlalchemy import Table, create_engine, insert

from calculator import (
    CashManagement,
    Entry,
    Ledger,
    Portfolio,
    ReliefMethod,
    Source,
    Transaction,
    TransactionType,
)
from calculator.cash import cash_entry_id
from calculator.rejection import Status
from migrations.schema import fx_rates, instruments, market_prices, portfolios, transactions
from wire.results import encode_result

Fields = Mapping[str, Any]


def store(database_url: str, table: Table, rows: Iterable[Fields]) -> None:
    listed = [dict(row) for row in rows]
    if listed:
        engine = create_engine("postgresql+psycopg2://", creator=lambda: connect(database_url))
        with engine.begin() as connection:
            connection.execute(insert(table), listed)
        engine.dispose()


def said(*values: object) -> tuple[object, ...]:
    """To compare numbers with whole ones."""
    return values


def trade(
    transaction_id: str,
    transaction_type: str,
    day: str,
    quantity: str | None = None,
    price: str | None = None,
    *,
    security_id: str = "ACME",
    portfolio_id: str = "P1",
    currency: str = "USD",
    amount: str | None = None,
    fee: str = "0",
    fx_rate: str | None = None,
    hour: int = 12,
    settles: str | None = None,
) -> Transaction:
    def number(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    def instant(text: str) -> datetime:
        year, month, day_of_month = map(int, text.split("-"))
        return datetime(year, month, day_of_month, hour, tzinfo=UTC)

    return Transaction(
        transaction_id=transaction_id,
        portfolio_id=portfolio_id,
        security_id=security_id,
        transaction_type=TransactionType[transaction_type],
        transaction_date=instant(day),
        settlement_date=None if settles is None else instant(settles),
        quantity=number(quantity),
        price=number(price),
        gross_transaction_amount=number(amount),
        trade_fee=Decimal(fee),
        trade_currency=currency,
        fx_rate=number(fx_rate),
    )


def results_of(
    events: Iterable[Transaction], records: Iterable[Portfolio] = ()
) -> list[dict[str, Any]]:
    """What the books say of them and of the cash they move, as rows of `transactions`."""
    ledger = Ledger()
    for record in records:
        ledger.take_portfolio(record)
    events = list(events)
    for offset, event in enumerate(events):
        ledger.take(event, Source("raw_transactions", 0, offset))
    ledger.settle()
    rows = []
    for event in events:
        entry = ledger.journal.entry(event.portfolio_id, event.transaction_id)
        assert entry is not None
        rows.append(_row(entry))
        of_cash = ledger.journal.entry(event.portfolio_id, cash_entry_id(event.transaction_id))
        if of_cash is not None and of_cash.status is not Status.CANCELLED:
            rows.append(_row(of_cash))
    return rows


def _row(entry: Entry) -> dict[str, Any]:
    said = json.loads(encode_result(entry))
    row: dict[str, Any] = {column.name: said.get(column.name) for column in transactions.c}
    row.pop("updated_at")
    return row | {"as_of": 1}


def book(database_url: str, events: Iterable[Transaction], *records: Portfolio) -> None:
    listed = list(events)
    store(database_url, transactions, results_of(listed, records))
    rows = [
        {
            "portfolio_id": record.portfolio_id,
            "base_currency": record.base_currency,
            "cost_basis_method": record.cost_basis_method.value,
            "cash_management": record.cash_management.value,
            "version": 1,
            "as_of": 1,
        }
        for record in records
    ]
    store(database_url, portfolios, rows)


def portfolio(
    base_currency: str, method: str = "FIFO", portfolio_id: str = "P1", cash: str | None = None
) -> Portfolio:
    return Portfolio(
        portfolio_id=portfolio_id,
        base_currency=base_currency,
        cost_basis_method=ReliefMethod(method),
        cash_management=CashManagement(cash or "securities_only"),
    )


def price(database_url: str, security_id: str, currency: str, by_day: Mapping[str, str]) -> None:
    store(
        database_url,
        market_prices,
        (
            {
                "security_id": security_id,
                "price_date": date.fromisoformat(day),
                "price": Decimal(text),
                "currency": currency,
                "version": 1,
                "source_offset": 0,
            }
            for day, text in by_day.items()
        ),
    )


def rate(database_url: str, pair: str, by_day: Mapping[str, str]) -> None:
    """`pair` as `EUR/USD`: dollars for one euro."""
    from_currency, _, to_currency = pair.partition("/")
    store(
        database_url,
        fx_rates,
        (
            {
                "from_currency": from_currency,
                "to_currency": to_currency,
                "rate_date": date.fromisoformat(day),
                "rate": Decimal(text),
                "version": 1,
                "source_offset": 0,
            }
            for day, text in by_day.items()
        ),
    )


def instrument(database_url: str, security_id: str, currency: str, **others: object) -> None:
    row: dict[str, Any] = {
        "security_id": security_id,
        "instrument_currency": currency,
        "multiplier": Decimal(1),
        "version": 1,
        "source_offset": 0,
    }
    store(database_url, instruments, [row | others])
