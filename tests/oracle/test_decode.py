"""What the oracle's decoder takes and what it refuses, one rule of the contract at a time."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.oracle.decode import (
    SIZE_MAX,
    Account,
    Cancel,
    Malformed,
    Trade,
    decode_portfolio,
    decode_transaction,
)

BUY: dict[str, object] = {
    "transaction_id": "T1",
    "portfolio_id": "P1",
    "security_id": "S1",
    "transaction_type": "BUY",
    "transaction_date": "2024-01-02",
    "quantity": "10",
    "price": "1.5",
    "trade_currency": "USD",
}
ACCOUNT: dict[str, object] = {
    "portfolio_id": "P1",
    "base_currency": "USD",
    "cost_basis_method": "FIFO",
}


def decoded(**changes: object) -> Trade:
    event = decode_transaction(json.dumps(BUY | changes).encode())
    assert isinstance(event, Trade), event
    return event


def bad_fields(event: object) -> set[str]:
    assert isinstance(event, Malformed), event
    return set(event.fields)


def refused(**changes: object) -> set[str]:
    return bad_fields(decode_transaction(json.dumps(BUY | changes).encode()))


def with_number(field: str, literal: str) -> bytes:
    """BUY with a JSON literal put in as it is written."""
    return json.dumps(BUY | {field: "@"}).replace('"@"', literal).encode()


def test_absent_fields_take_their_defaults() -> None:
    event = decoded(instrument_id=None)
    assert (event.trade_fee, event.version, event.instrument_id) == (Decimal(0), 1, None)
    assert event.transaction_date == datetime(2024, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("literal", ["1.50", '"1.5"', '"1.500000000000"', "1.5"])
def test_a_decimal_is_the_same_in_every_spelling(literal: str) -> None:
    assert decode_transaction(with_number("price", literal)) == decoded()


def test_a_decimal_is_never_read_through_a_float() -> None:
    event = decode_transaction(with_number("price", "123456789012345.123456789012"))
    assert isinstance(event, Trade)
    assert event.price == Decimal("123456789012345.123456789012")


@pytest.mark.parametrize(
    "literal",
    [
        "1e5",
        "1E-2",
        "NaN",
        '"NaN"',
        '"Infinity"',
        '"1_000"',
        '" 1"',
        '"1 "',
        '"1\\n"',
        '"+1"',
        '".5"',
        '"5."',
        '"01"',
        '"1,5"',
        '""',
        '"٣"',
        "true",
        "[1]",
        "{}",
        "-1",
        '"-0.1"',
        "1234567890123456",
        "0.1234567890123",
        '"0x10"',
    ],
)
def test_no_other_text_is_a_decimal(literal: str) -> None:
    bare = literal == "NaN"
    assert bad_fields(decode_transaction(with_number("price", literal))) == {
        "" if bare else "price"
    }


@pytest.mark.parametrize("literal", ["-0", '"-0.00"'])
def test_minus_zero_is_zero(literal: str) -> None:
    event = decode_transaction(with_number("trade_fee", literal))
    assert isinstance(event, Trade)
    assert str(event.trade_fee).strip("0.") == ""


@pytest.mark.parametrize("rate", ["0", "0.0", "1000000000", "-1"])
def test_a_rate_is_above_zero_and_has_nine_digits(rate: str) -> None:
    assert refused(fx_rate=rate) == {"fx_rate"}
    assert decoded(fx_rate="999999999.000000000001").fx_rate


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024-01-02T23:59:59Z", datetime(2024, 1, 2, 23, 59, 59, tzinfo=UTC)),
        ("2024-01-02T23:59:59.000001Z", datetime(2024, 1, 2, 23, 59, 59, 1, tzinfo=UTC)),
        ("2024-01-02T23:00:00.5+05:30", datetime(2024, 1, 2, 17, 30, 0, 500_000, tzinfo=UTC)),
        ("2024-01-01T20:00:00-04:00", datetime(2024, 1, 2, tzinfo=UTC)),
        ("1899-12-31T23:00:00-01:00", datetime(1900, 1, 1, tzinfo=UTC)),
        ("2201-01-01T00:59:59+01:00", datetime(2200, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2200-12-31T23:59:59.999999Z", datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_in_utc(text: str, utc: datetime) -> None:
    assert decoded(transaction_date=text).transaction_date == utc


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30",
        "2023-02-29",
        "2024-1-2",
        "20240102",
        "2024-01-02T10:00:00",
        "02.01.2024",
        "",
        "2024-01-02T10:00Z",
        "2024-01-02T10:00:60Z",
        "2024-01-02T24:00:00Z",
        "2024-01-02T10:61:00Z",
        "2024-01-02T10:00:00.1234567Z",
        "2024-01-02T10:00:00.Z",
        "2024-01-02T10:00:00+0100",
        "2024-01-02T10:00:00+24:00",
        "2024-01-02T10:00:00+01:60",
        "1899-12-31",
        "2201-01-01",
        "1900-01-01T00:30:00+01:00",
        "2200-12-31T23:30:00-01:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2024-01-02Z",
        " 2024-01-02",
        "2024-01-02\n",
    ],
)
def test_no_other_text_is_an_instant(text: str) -> None:
    assert refused(transaction_date=text) == {"transaction_date"}


@pytest.mark.parametrize("text", ["a", "A b.c_d:e@f-g", "x" * 128, "9 9 9"])
def test_ids_are_made_of_the_allowed_characters(text: str) -> None:
    assert decoded(transaction_id=text).transaction_id == text


@pytest.mark.parametrize(
    "text", ["", " a", "a ", "a  b", "a\tb", "a|b", "é", "a/b", "x" * 129, "a\n", 7, True, ["a"]]
)
def test_nothing_else_is_an_id(text: object) -> None:
    assert refused(transaction_id=text) == {"transaction_id"}


@pytest.mark.parametrize("version", [1, "1", 2147483647, "2147483647"])
def test_a_version_is_an_integer_or_its_text(version: object) -> None:
    assert decoded(version=version).version == int(str(version))


@pytest.mark.parametrize("version", [0, -1, 1.0, "1.0", "01", "+1", 2147483648, True, "", " 1"])
def test_nothing_else_is_a_version(version: object) -> None:
    assert refused(version=version) == {"version"}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"transaction_type": "buy"}, {"transaction_type"}),
        ({"transaction_type": None}, {"transaction_type"}),
        ({"trade_currency": "usd"}, {"trade_currency"}),
        ({"currency": "EURO"}, {"currency"}),
        ({"portfolio_id": None, "security_id": None}, {"portfolio_id", "security_id"}),
        (
            {"trade_currency": None, "transaction_date": None},
            {"trade_currency", "transaction_date"},
        ),
        ({"colour": None}, {"colour"}),
        ({"quantity": None}, {"quantity", "gross_transaction_amount"}),
        ({"quantity": 0}, {"quantity"}),
        ({"price": None}, {"gross_transaction_amount"}),
        ({"price": None, "transaction_type": "DIVIDEND"}, {"gross_transaction_amount"}),
        ({"transaction_type": "TRANSFER_OUT", "quantity": None}, {"quantity"}),
        ({"transaction_type": "DEPOSIT", "quantity": None}, {"gross_transaction_amount"}),
        ({"transaction_type": "DEPOSIT", "quantity": 0}, {"quantity"}),
        ({"transaction_type": "WITHDRAWAL", "quantity": 0, "price": None}, {"quantity"}),
        ({"transaction_type": "WITHDRAWAL", "quantity": None}, {"quantity"}),
    ],
)
def test_what_breaks_a_rule_is_named(changes: dict[str, object], fields: set[str]) -> None:
    assert refused(**changes) == fields


@pytest.mark.parametrize(
    "changes",
    [
        {"price": None, "gross_transaction_amount": 0},
        {"transaction_type": "TRANSFER_OUT", "price": None},
        {"transaction_type": "WITHDRAWAL", "price": None},
        {"transaction_type": "WITHDRAWAL", "quantity": None, "gross_transaction_amount": 1},
        {"transaction_type": "DEPOSIT", "quantity": 0, "gross_transaction_amount": 1},
        {"transaction_type": "DEPOSIT", "price": 0},
        {"transaction_type": "TAX", "quantity": 0, "price": 0},
        {"transaction_type": "FEE", "quantity": None, "price": None, "gross_transaction_amount": 1},
    ],
)
def test_each_type_asks_only_for_what_it_needs(changes: dict[str, object]) -> None:
    assert isinstance(decoded(**changes), Trade)


def test_a_cancel_forgets_its_other_fields_once_they_are_checked() -> None:
    cancel = BUY | {"transaction_type": "CANCEL", "version": 2}
    bare = {name: cancel[name] for name in cancel if name in Cancel.__slots__}
    bare["transaction_type"] = "CANCEL"
    expected = Cancel(transaction_id="T1", portfolio_id="P1", version=2)
    assert decode_transaction(json.dumps(cancel).encode()) == expected
    assert decode_transaction(json.dumps(bare).encode()) == expected
    assert refused(transaction_type="CANCEL") == {"version"}
    assert refused(transaction_type="CANCEL", version=1) == {"version"}
    assert refused(transaction_type="CANCEL", version=2, price="?") == {"price"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"{}x",
        b'{"a":1,}',
        b"\xff\xfe",
        b'{"a":"\xc3"}',
        b"\xef\xbb\xbf{}",
        b'{"price": Infinity}',
        pytest.param(b"[" * 60_000, id="deep_list"),
        pytest.param(b'{"a":' * 10_000, id="deep_object"),
        b"{'a': 1}",
        b'{"a": "\n"}',
        pytest.param(b" " * SIZE_MAX + b"{}", id="too_long"),
    ],
)
def test_what_is_no_json_object_is_refused_as_a_whole(value: bytes | None) -> None:
    assert bad_fields(decode_transaction(value)) == {""}
    assert bad_fields(decode_portfolio(value)) == {""}


def test_a_message_may_fill_64_kib() -> None:
    value = json.dumps(BUY).encode()
    assert decode_transaction(value.ljust(65536)) == decoded()
    assert bad_fields(decode_transaction(value.ljust(65537))) == {""}


def test_a_field_given_twice_is_refused_by_its_name() -> None:
    value = json.dumps(BUY).encode()
    twice = value[:-1] + b', "\\u0070rice": "1.5"}'
    assert bad_fields(decode_transaction(twice)) == {"price"}
    assert bad_fields(decode_transaction(value[:-1] + b', "price": null}')) == {"price"}


def test_a_portfolio_needs_its_id_currency_and_method() -> None:
    account = decode_portfolio(json.dumps(ACCOUNT | {"opened_on": "2020-01-31"}).encode())
    assert isinstance(account, Account)
    assert (account.version, str(account.opened_on)) == (1, "2020-01-31")
    assert bad_fields(decode_portfolio(b"{}")) == set(ACCOUNT)


@pytest.mark.parametrize(
    "changes",
    [
        {"cost_basis_method": "fifo"},
        {"base_currency": "Usd"},
        {"opened_on": "2020-13-01"},
        {"version": 0},
        {"name": 5},
        {"name": "a\x00"},
        {"client_id": "a|b"},
        {"security_id": "S"},
    ],
)
def test_a_portfolio_that_breaks_a_rule_names_the_field(changes: dict[str, object]) -> None:
    value = json.dumps(ACCOUNT | changes).encode()
    assert bad_fields(decode_portfolio(value)) == set(changes)
