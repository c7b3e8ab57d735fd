"""Records of the results topics, as workers write them, with any content."""

import json
from typing import NamedTuple

from wire.topics import COMPLETED, DEAD_LETTER, PORTFOLIOS_CURRENT, POSITIONS

Fields = dict[str, object]


class Written(NamedTuple):
    """What the store reads of a Kafka record."""

    topic: str
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


SALE: Fields = {
    "transaction_id": "S1",
    "portfolio_id": "P1",
    "security_id": "ACME",
    "instrument_id": "I1",
    "transaction_type": "SELL",
    "transaction_date": "2024-03-05T10:11:12.123456Z",
    "settlement_date": "2024-03-07T00:00:00Z",
    "quantity": "15",
    "price": "187.3375",
    "gross_transaction_amount": "2810.0625",
    "trade_fee": "9.95",
    "trade_currency": "USD",
    "currency": "CHF",
    "fx_rate": "0.9213",
    "version": 3,
    "status": "BOOKED",
    "reason": None,
    "detail": None,
    "base_currency": "EUR",
    "applied_fx_rate": "0.93",
    "gross_cost": "-1000.5",
    "net_cost": "-1000.25",
    "realized_gain_loss": "1579.37",
    "gross_cost_local": "-1100.5",
    "net_cost_local": "-1100.25",
    "realized_gain_loss_local": "1699.8625",
    "cash_movement": None,
    "cause_transaction_id": None,
    "disposals": [],
    "source_topic": "raw_transactions",
    "source_partition": 5,
    "source_offset": 4294967296,
    "as_of": 7,
}
CANCELLED: Fields = dict.fromkeys(SALE) | {
    "transaction_id": "S1",
    "portfolio_id": "P1",
    "transaction_type": "CANCEL",
    "version": 4,
    "status": "CANCELLED",
    "disposals": [],
    "source_topic": "raw_transactions",
    "source_partition": 5,
    "source_offset": 4294967299,
    "as_of": 9,
}
CASH_ENTRY: Fields = SALE | {
    "transaction_id": "S1~cash",
    "security_id": "CASH_USD",
    "transaction_type": "DEPOSIT",
    "cash_movement": "2800.1125",
    "cause_transaction_id": "S1",
}
CASH_ENTRY_GONE: Fields = CANCELLED | {
    "transaction_id": "S1~cash",
    "cause_transaction_id": "S1",
}
POSITION: Fields = {
    "portfolio_id": "P1",
    "security_id": "ACME",
    "quantity": "10",
    "cost": "99999999999999999999999999.123456789012",
    "cost_local": "0.5",
    "realized_gain_loss": "-1",
    "realized_gain_loss_local": "0",
    "open_lots": 2,
    "first_transaction_date": "1900-01-01T00:00:00Z",
    "last_transaction_date": "2200-12-31T23:59:59.999999Z",
    "trade_currency": "USD",
    "base_currency": "EUR",
    "cost_basis_method": "FIFO",
    "as_of": 7,
}
PORTFOLIO: Fields = {
    "portfolio_id": "P1",
    "base_currency": "EUR",
    "cost_basis_method": "AVCO",
    "name": "Growth",
    "client_id": "C1",
    "booking_center": "Zürich",
    "opened_on": "2020-02-29",
    "version": 2,
    "cash_management": "automatic",
    "as_of": 7,
}


def disposal(lot_id: str, **fields: object) -> Fields:
    common: Fields = {
        "lot_id": lot_id,
        "acquired_at": "2023-01-05T10:11:12Z",
        "quantity": "5",
        "cost": "80.5",
        "cost_local": "86.7",
        "proceeds": "86.6",
        "proceeds_local": "93.5",
        "realized_gain_loss": "6.1",
        "realized_gain_loss_local": "6.8",
    }
    return common | fields


def _json(fields: Fields) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def result(fields: Fields = SALE, *, first: bool = False, **changes: object) -> Written:
    content = fields | changes
    headers = (("first", b""),) if first else ()
    key = str(content["portfolio_id"]).encode()
    return Written(COMPLETED.name, 0, key, _json(content), headers)


def position(**changes: object) -> Written:
    content = POSITION | changes
    key = f"{content['portfolio_id']}|{content['security_id']}".encode()
    return Written(POSITIONS.name, 0, key, _json(content))


def tombstone(portfolio_id: str = "P1", security_id: str = "ACME") -> Written:
    return Written(POSITIONS.name, 0, f"{portfolio_id}|{security_id}".encode(), None)


def portfolio(**changes: object) -> Written:
    content = PORTFOLIO | changes
    return Written(
        PORTFOLIOS_CURRENT.name, 0, str(content["portfolio_id"]).encode(), _json(content)
    )


def dead_letter(
    key: bytes | None = b"P1",
    value: bytes | None = b"{",
    errors: object = (),
    *,
    source: tuple[str, int, int] = ("raw_transactions", 3, 17),
    headers: tuple[tuple[str, bytes], ...] = (),
) -> Written:
    ours = (
        ("source-topic", source[0].encode()),
        ("source-partition", b"%d" % source[1]),
        ("source-offset", b"%d" % source[2]),
        ("errors", json.dumps(errors).encode()),
    )
    return Written(DEAD_LETTER.name, 1_700_000_000_123, key, value, headers + ours)
