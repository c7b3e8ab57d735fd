"""Plain events for tests that say exactly what happens."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.oracle.events import PORTFOLIOS, TRANSACTIONS, Message
from tests.oracle.murmur2 import partition_of
from wire.reference import Kind

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def _message(topic: str, portfolio_id: str, fields: dict[str, Any]) -> Message:
    return Message(
        topic=topic,
        partition=partition_of(portfolio_id, 8),
        key=portfolio_id.encode(),
        value=json.dumps(fields | {"portfolio_id": portfolio_id}).encode(),
        when=NOW,
    )


def trade(
    portfolio_id: str, transaction_id: str, type_: str, date: str, quantity: str, price: str,
    security_id: str = "ACME", currency: str = "USD", **fields: object,
) -> Message:  # fmt: skip
    event = {
        "transaction_id": transaction_id,
        "security_id": security_id,
        "transaction_type": type_,
        "transaction_date": date,
        "quantity": quantity,
        "price": price,
        "trade_currency": currency,
    }
    return _message(TRANSACTIONS, portfolio_id, event | fields)


def portfolio(
    portfolio_id: str, base: str, method: str, version: int = 1, cash: str = "securities_only"
) -> Message:
    record = {"base_currency": base, "cost_basis_method": method, "version": version}
    record |= {"cash_management": cash}
    return _message(PORTFOLIOS, portfolio_id, record)


def reference(kind: Kind[Any], event: dict[str, object]) -> Message:
    key = "|".join(str(event.get(name)) for name in kind.identity)
    return Message(
        topic=kind.name, partition=0, key=key.encode(), value=json.dumps(event).encode(), when=NOW
    )
