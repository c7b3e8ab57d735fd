"""What comes in before the commands are asked, and what becomes of it."""

import json

from streams.step import PART_BYTES_MAX, Headers
from tests.oracle.murmur2 import partition_of
from wire.topics import FORWARDED

RAW = "raw_transactions"
HOME = partition_of("P1", 8)
ELSEWHERE = (HOME + 1) % 8


def trade(
    transaction_id: str, type_: str, date: str, quantity: str, price: str, **more: str
) -> dict[str, str]:
    return {
        "transaction_id": transaction_id,
        "portfolio_id": "P1",
        "security_id": "ACME",
        "transaction_type": type_,
        "transaction_date": date,
        "quantity": quantity,
        "price": price,
        "trade_currency": "USD",
    } | more


POOLED = {"portfolio_id": "P2"}
EVENTS = [
    trade("B1", "BUY", "2024-01-01", "10", "100"),
    trade("B2", "BUY", "2024-01-02", "10", "110", trade_fee="3"),
    trade("S1", "SELL", "2024-02-01", "15", "120", trade_fee="1"),
    trade("S2", "SELL", "2024-03-01", "500", "120"),
    trade("N1", "BUY", "2024-03-01", "7", "9", security_id="NORATE", trade_currency="JPY"),
    trade("D1", "DIVIDEND", "2024-03-02", "0", "0", gross_transaction_amount="12.5"),
    trade("C1", "BUY", "2024-03-03", "4", "50", security_id="VOID"),
    trade("C1", "CANCEL", "2024-03-03", "4", "50", version="2"),
    trade("B1", "BUY", "2024-01-01", "10", "100"),
    trade("X1", "BUY", "2024-04-01", "1", "1", security_id="CONFLICT"),
    trade("X1", "BUY", "2024-04-01", "2", "1", security_id="CONFLICT"),
    trade("A1", "BUY", "2024-01-01", "10", "100", **POOLED),
    trade("A2", "BUY", "2024-01-02", "10", "200", **POOLED),
    trade("A3", "SELL", "2024-01-03", "5", "300", **POOLED),
    trade("E1", "BUY", "2024-01-01", "3", "10", portfolio_id="P3"),
    trade("E2", "TRANSFER_OUT", "2024-01-02", "3", "10", portfolio_id="P3"),
]
RECORDS = [
    {"portfolio_id": "P1", "base_currency": "USD", "cost_basis_method": "FIFO", "name": "One"},
    {"portfolio_id": "P2", "base_currency": "USD", "cost_basis_method": "AVCO"},
]
UNREADABLE = 3

_PRICE: dict[str, object] = {
    "security_id": "ACME",
    "price_date": "2024-01-31",
    "price": "1.50",
    "currency": "USD",
}
# Topic and record: two of them are dead letters, four are in force.
REFERENCE: list[tuple[str, dict[str, object]]] = [
    ("market_prices", _PRICE | {"version": 2}),
    ("market_prices", _PRICE | {"price": "1.4"}),
    ("market_prices", _PRICE | {"version": 2, "price": "1.5"}),
    ("market_prices", _PRICE | {"version": 2, "price": "1.6"}),
    ("market_prices", _PRICE | {"price": "-1"}),
    ("instruments", {"security_id": "ACME", "instrument_currency": "USD", "name": "Acme"}),
    ("fx_rates", {"from_currency": "USD", "to_currency": "EUR", "rate_date": "2024-01-31",
                  "rate": "0.9"}),
    ("business_dates", {"business_date": "2024-01-31"}),
]  # fmt: skip
REFERENCE_DEAD = 2

# Records that no producer of events would send; seven of them are dead letters, one is an event.
_HUGE = b" " * (PART_BYTES_MAX + 1)
_NAMED = [("source-topic", RAW.encode()), ("source-partition", b"7"), ("source-offset", b"9999")]
_ODD = [("source-topic", b'"'), ("source-partition", b"x"), ("source-offset", None)]
_EVENT = trade("F1", "BUY", "2024-06-01", "1", "1", security_id="STRAY")
STRAYS: list[tuple[str, bytes | None, int, Headers]] = [
    (RAW, _HUGE, HOME, [("large", _HUGE)]),
    ("market_prices", _HUGE, 0, []),
    # What no worker forwarded.
    (FORWARDED.name, b"junk", HOME, []),
    (FORWARDED.name, None, HOME, _ODD),
    (FORWARDED.name, b"{}", HOME, _NAMED),
    (FORWARDED.name, json.dumps(_EVENT).encode(), HOME, _ODD),
    (FORWARDED.name, json.dumps(_EVENT).encode(), HOME, _NAMED),
    (FORWARDED.name, json.dumps(_EVENT | {"quantity": "2"}).encode(), HOME, []),
    (FORWARDED.name, json.dumps(_EVENT).encode(), ELSEWHERE, _ODD),
    (FORWARDED.name, json.dumps(RECORDS[0] | {"version": 2, "name": "Two"}).encode(), HOME,
     [("source-topic", b"portfolios"), *_NAMED[1:]]),
]  # fmt: skip
