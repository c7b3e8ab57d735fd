"""Messages that are malformed for certain, each in another way."""

import json
from collections.abc import Callable
from random import Random

from tests.oracle.spelling import Content, spelled

# What a field of a transaction must not be: any of these in its place spoils the message.
NEVER: list[object] = [True, [], {}, "", " ", "٣", "\ud800", [None], "x|y", "1e3\n"]
BAD_VALUES: dict[str, list[object]] = {
    "transaction_id": [7, "a  b", " a", "a ", "é", "x" * 129, "a\x00b", "a/b"],
    "portfolio_id": [7, "a\tb", "x" * 129, "a\n"],
    "security_id": [7, "a,b"],
    "instrument_id": [0, "#"],
    "transaction_type": ["buy", "SPLIT", "BUY ", 1],
    "transaction_date": [
        "2024-02-30",
        "2024-01-01T10:00:00",
        "1899-12-31",
        "2201-01-01",
        20240101,
        "2024-01-01T10:00:60Z",
        "2024-01-01T10:00:00.1234567Z",
        "yesterday",
    ],
    "settlement_date": ["2023-02-29", "2024-13-01", 1704067200],
    "quantity": ["1,5", "0x10", "1_000", ".5", "5.", "+5", "1234567890123456", "0.1234567890123"],
    "price": ["Infinity", "NaN", "1e3", "-1", "1 000", "01", "-0.01"],
    "gross_transaction_amount": ["$5", "1234567890123456"],
    "trade_fee": ["-0.000000000001", "free"],
    "trade_currency": ["usd", "US", "USDT", "U$D", 840],
    "currency": ["eur", "EURO"],
    "fx_rate": ["0", "0.000000000000", "1000000000"],
    "version": ["0", "2147483648", "1.0", "01", "one"],
    "base_currency": ["usd", "E"],
    "cost_basis_method": ["fifo", "AVG"],
    "cash_management": ["AUTOMATIC", "cash", 1],
    "opened_on": ["2020-00-10", "2020/01/01", 2020],
}
NOT_JSON: list[bytes | None] = [
    None,
    b"",
    b" ",
    b"null",
    b"[]",
    b"0",
    b'"BUY"',
    b"{",
    b"}{",
    b"\x00" * 16,
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b"{'transaction_id': 'T'}",
    b"[" * 50_000,
    b'{"transaction_id":' * 3_000,
    b"1" * 30_000,
]


def junk(rng: Random, content: Content) -> bytes | None:
    """The content spoilt, or something that never was an event."""
    return rng.choice(WAYS)(rng, content)


def not_json(rng: Random, content: Content) -> bytes | None:
    return rng.choice(NOT_JSON)


def random_bytes(rng: Random, content: Content) -> bytes:
    return b"\x80" + rng.randbytes(rng.randrange(200))  # no UTF-8 text begins so


def cut_off(rng: Random, content: Content) -> bytes:
    whole = spelled(rng, content).strip()
    return whole[: rng.randrange(1, len(whole))]


def with_more_behind(rng: Random, content: Content) -> bytes:
    return spelled(rng, content) + rng.choice([b"{}", b",", b"\x00", b"x"])


def in_a_list(rng: Random, content: Content) -> bytes:
    return b"[" + spelled(rng, content) + b"]"


def bad_utf8(rng: Random, content: Content) -> bytes:
    bad = rng.choice([b"\xc3", b"\xed\xa0\x80", b"\xf8"])
    return spelled(rng, content).replace(b'"', b'"' + bad, 1)


def too_long(rng: Random, content: Content) -> bytes:
    return spelled(rng, content).ljust(64 * 1024 + 1)


def with_unknown_field(rng: Random, content: Content) -> bytes:
    return spelled(rng, content | {rng.choice(["note", "Price", "quantity ", ""]): "1"})


def with_field_twice(rng: Random, content: Content) -> bytes:
    whole = spelled(rng, content).strip()
    name = rng.choice([name for name in content if name not in {"version", "trade_fee"}])
    again = f'"{name}": {rng.choice(["null", json.dumps(str(content[name]))])}, '
    return b"{" + again.encode() + whole[1:]


def without_field(rng: Random, content: Content) -> bytes:
    needed = ["transaction_id", "portfolio_id", "transaction_type", "base_currency"]
    lost = rng.choice([name for name in needed if name in content])
    return spelled(rng, {name: content[name] for name in content if name != lost})


def with_bad_value(rng: Random, content: Content) -> bytes:
    # A portfolio's free text takes nearly anything.
    name = rng.choice([name for name in content if name in BAD_VALUES])
    bad = rng.choice(BAD_VALUES[name] + NEVER)
    value = {key: str(content[key]) for key in content} | {name: bad}
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def with_bare_exponent(rng: Random, content: Content) -> bytes:
    literal = rng.choice(
        ["1e2", "1E400", "1e-400", "NaN", "-Infinity", "9" * 5_000, "0." + "1" * 40]
    )
    name = rng.choice(["version", "portfolio_id"])
    rest = json.dumps({key: str(content[key]) for key in content if key != name})
    return f'{{"{name}": {literal}, {rest[1:]}'.encode()


def wrong_for_its_type(rng: Random, content: Content) -> bytes:
    """Every field can be read, and what the type needs is not there."""
    if "transaction_type" not in content:
        return spelled(rng, content | {"version": 2**31})
    amounts = {"quantity", "price", "gross_transaction_amount"}
    value = {name: content[name] for name in content if name not in amounts}
    kind = rng.choice(["BUY", "SELL", "TRANSFER_IN", "TRANSFER_OUT", "DEPOSIT", "WITHDRAWAL"])
    more: Content = rng.choice([{}, {"quantity": 0}, {"price": 0}, {"quantity": 0, "price": 5}])
    if rng.random() < 0.2:
        value, kind, more = value | {"version": 1}, "CANCEL", {}
    return spelled(rng, value | {"transaction_type": kind} | more)


WAYS: list[Callable[[Random, Content], bytes | None]] = [
    not_json,
    random_bytes,
    cut_off,
    with_more_behind,
    in_a_list,
    bad_utf8,
    too_long,
    with_unknown_field,
    with_field_twice,
    without_field,
    with_bad_value,
    with_bad_value,
    with_bad_value,
    with_bare_exponent,
    wrong_for_its_type,
]
