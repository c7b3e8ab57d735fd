"""What a well-formed transaction event means, and what a malformed one is told."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from calculator import Cancellation, Transaction, TransactionType
from tests.wire.events import BUY, CANCEL, FULL, text_of, with_token
from wire.fields import SHOWN_LENGTH_MAX, Malformed, Rule, errors_json
from wire.objects import ERRORS_MAX, MESSAGE_BYTES_MAX
from wire.transactions import decode_transaction


def decoded(value: bytes) -> Transaction:
    event = decode_transaction(value)
    assert isinstance(event, Transaction), event
    return event


def malformed(value: bytes) -> Malformed:
    event = decode_transaction(value)
    assert isinstance(event, Malformed), event
    return event


def test_every_field_arrives_where_it_belongs() -> None:
    assert decoded(text_of(FULL)) == Transaction(
        transaction_id="T1",
        portfolio_id="P1",
        security_id="S1",
        transaction_type=TransactionType.BUY,
        transaction_date=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        trade_currency="USD",
        quantity=Decimal("10"),
        price=Decimal("1.5"),
        gross_transaction_amount=Decimal("15.01"),
        trade_fee=Decimal("0.50"),
        fx_rate=Decimal("1.0921"),
        instrument_id="I 1",
        settlement_date=datetime(2024, 1, 4, tzinfo=UTC),
        currency="EUR",
        version=3,
    )


@pytest.mark.parametrize("token", [None, "null"])
def test_absent_and_null_fields_take_their_defaults(token: str | None) -> None:
    optional = {name: None for name in FULL if name not in BUY}
    event = decoded(text_of(BUY if token is None else BUY | optional))
    assert (event.trade_fee, event.version) == (Decimal(0), 1)
    assert event.gross_transaction_amount is None
    assert event.fx_rate is None
    assert event.instrument_id is None
    assert event.settlement_date is None
    assert event.currency is None


@pytest.mark.parametrize("type_name", TransactionType)
def test_each_type_is_known(type_name: TransactionType) -> None:
    assert decoded(text_of(FULL | {"transaction_type": type_name})).transaction_type is type_name


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ('"10"', "10"),
        ("10", "10"),
        ("0.1", "0.1"),
        ("1.10", "1.10"),
        ("999999999999999.999999999999", "999999999999999.999999999999"),
        ('"0.000000000001"', "0.000000000001"),
        ("123456789012345.123456789012", "123456789012345.123456789012"),
    ],
)
def test_decimals_are_read_exactly_from_text_and_from_numbers(token: str, text: str) -> None:
    event = decoded(with_token(FULL, "quantity", token))
    assert event.quantity is not None
    assert f"{event.quantity:f}" == text


@pytest.mark.parametrize("token", ['"-0"', "-0", "-0.00", '"-0.0"', "0"])
def test_minus_zero_is_zero(token: str) -> None:
    event = decoded(with_token(FULL, "trade_fee", token))
    assert event.trade_fee == 0
    assert not event.trade_fee.is_signed()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02t03:04:05z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.1Z", datetime(2024, 1, 2, 3, 4, 5, 100_000, tzinfo=UTC)),
        ("2024-01-02T03:04:05.000001-00:00", datetime(2024, 1, 2, 3, 4, 5, 1, tzinfo=UTC)),
        ("2024-01-01T00:30:00+01:00", datetime(2023, 12, 31, 23, 30, tzinfo=UTC)),
        ("2024-01-01T00:30:00-05:45", datetime(2024, 1, 1, 6, 15, tzinfo=UTC)),
        ("2024-01-01T00:00:00+23:59", datetime(2023, 12, 31, 0, 1, tzinfo=UTC)),
        ("1900-01-01", datetime(1900, 1, 1, tzinfo=UTC)),
        ("1899-12-31T23:00:00-01:00", datetime(1900, 1, 1, tzinfo=UTC)),
        ("2200-12-31T23:59:59.999999Z", datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2201-01-01T00:59:59+01:00", datetime(2200, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_instants_and_dates_are_read_in_utc(text: str, moment: datetime) -> None:
    event = decoded(text_of(FULL | {"transaction_date": text, "settlement_date": text}))
    assert event.transaction_date == event.settlement_date == moment
    assert event.transaction_date.tzinfo is UTC


@pytest.mark.parametrize("text", ["a", "A.b_c:d@e-f", "a b c", "-", "a" * 128])
def test_ids_are_kept_as_given(text: str) -> None:
    event = decoded(text_of(FULL | {"transaction_id": text, "instrument_id": text}))
    assert event.transaction_id == event.instrument_id == text


def test_an_id_may_be_spelled_with_escapes() -> None:
    event = decoded(with_token(FULL, "transaction_id", '"T\\u0031"'))
    assert event.transaction_id == "T1"


@pytest.mark.parametrize(("token", "version"), [("7", 7), ('"7"', 7), ("2147483647", 2147483647)])
def test_a_version_is_a_number_or_its_text(token: str, version: int) -> None:
    assert decoded(with_token(FULL, "version", token)).version == version


@pytest.mark.parametrize(
    "changes",
    [
        {"transaction_type": "DEPOSIT", "quantity": None},
        {"transaction_type": "DEPOSIT", "quantity": "0"},
        {"transaction_type": "DEPOSIT", "gross_transaction_amount": "0"},
        {"transaction_type": "WITHDRAWAL", "quantity": None},
        {"transaction_type": "WITHDRAWAL", "gross_transaction_amount": None, "price": None},
        {"transaction_type": "TRANSFER_OUT", "gross_transaction_amount": None, "price": None},
        {"transaction_type": "FEE", "quantity": "0", "gross_transaction_amount": None},
        {"transaction_type": "TAX", "quantity": None, "price": None},
        {"transaction_type": "DIVIDEND", "quantity": "0"},
        {"transaction_type": "INTEREST", "gross_transaction_amount": "0"},
        {"price": "0", "gross_transaction_amount": None},
    ],
)
def test_what_a_type_can_do_without_is_not_asked_for(changes: dict[str, object]) -> None:
    event = decoded(text_of(FULL | changes))
    given = {**FULL, **changes}
    # What the rules derive is not part of the content.
    assert event.quantity == (
        None if given["quantity"] is None else Decimal(str(given["quantity"]))
    )
    assert (event.gross_transaction_amount is None) == (given["gross_transaction_amount"] is None)


@pytest.mark.parametrize("others", [{}, FULL | CANCEL])
def test_a_cancellation_keeps_its_identity_and_version_alone(others: dict[str, object]) -> None:
    assert decode_transaction(text_of(others | CANCEL)) == Cancellation(
        transaction_id="T1", portfolio_id="P1", version=2
    )


def test_other_fields_of_a_cancellation_are_checked_by_their_form_alone() -> None:
    zero = CANCEL | {"quantity": "0", "price": "0"}
    assert isinstance(decode_transaction(text_of(zero)), Cancellation)
    spoiled = malformed(text_of(zero | {"quantity": "1e3", "transaction_date": "today"}))
    assert {error.field for error in spoiled.errors} == {"quantity", "transaction_date"}


def test_all_errors_are_reported_at_once() -> None:
    event = malformed(
        text_of(
            {
                "transaction_id": "a/b",
                "portfolio_id": None,
                "transaction_type": "SELL",
                "transaction_date": "2024-02-30",
                "trade_currency": "usd",
                "quantity": "0",
                "version": 0,
                "note": "x",
            }
        )
    )
    assert {(error.field, error.rule) for error in event.errors} == {
        ("transaction_id", Rule.ID_MUST_BE_PLAIN),
        ("portfolio_id", Rule.FIELD_MUST_BE_GIVEN),
        ("security_id", Rule.FIELD_MUST_BE_GIVEN),
        ("transaction_date", Rule.DATE_MUST_EXIST),
        ("trade_currency", Rule.CURRENCY_MUST_BE_THREE_CAPITALS),
        ("quantity", Rule.QUANTITY_MUST_BE_POSITIVE),
        ("gross_transaction_amount", Rule.AMOUNT_OR_QUANTITY_AND_PRICE_MUST_BE_GIVEN),
        ("version", Rule.VERSION_MUST_BE_A_POSITIVE_INTEGER),
        ("note", Rule.FIELD_MUST_BE_KNOWN),
    }


def test_a_number_that_cannot_be_read_is_not_also_said_to_be_missing() -> None:
    event = malformed(text_of(BUY | {"quantity": "ten", "price": "x"}))
    assert {error.field for error in event.errors} == {"quantity", "price"}


@pytest.mark.parametrize(
    "value",
    [
        with_token(FULL, "transaction_id", '"\\ud800\\u0000\\u202e"'),
        b'{"\\ud800\\u0000":1}',
        text_of(FULL | {"x" * 60_000: 1}),
        text_of(FULL | {"security_id": "é" * 10_000}),
        with_token(FULL, "quantity", "1" * 60_000),
        with_token(FULL, "quantity", "[" * 900 + "]" * 900),
        b'{"a":1,' * 8000,
        ("{" + ",".join(f'"{n}":1' for n in range(6000)) + "}").encode(),
    ],
)
def test_errors_stay_short_and_printable_whatever_the_message_holds(value: bytes) -> None:
    assert len(value) <= MESSAGE_BYTES_MAX
    event = malformed(value)
    assert 1 <= len(event.errors) <= ERRORS_MAX
    for error in event.errors:
        assert error.field.isprintable()
        assert error.message.isprintable()
        assert len(error.field) <= 128 * len("\\U00012345")
        assert len(error.message) <= SHOWN_LENGTH_MAX + 150
    assert json.loads(errors_json(event.errors)) == [
        {"field": error.field, "rule": error.rule.value, "message": error.message}
        for error in event.errors
    ]
