"""The fast reading agrees with the reference, and the reference with the oracle."""

import json
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calculator import Cancellation, Transaction
from tests.oracle import decode as oracle
from tests.wire.events import (
    BUY,
    FULL,
    JSON_VALUES,
    ODD_TOKENS,
    mutated,
    near_valid,
    text_of,
    with_token,
)
from wire.fields import Malformed, printable
from wire.inputs import inputs_of
from wire.objects import ERRORS_MAX
from wire.portfolios import decode_portfolio
from wire.transactions import (
    TYPES,
    decode_transaction,
    identify_at_once,
    identify_transaction,
    read_at_once,
    read_by_rule,
)


def check_readings(value: bytes) -> None:
    """Compared by their text: 1.50 is not 1.5 here, and no other zone is UTC."""
    by_rule = read_by_rule(value)
    at_once = read_at_once(value)
    assert at_once is None or repr(at_once) == repr(by_rule)
    if at_once is not None:
        assert isinstance(by_rule, Transaction)
        assert at_once.encoded is not None
        assert by_rule.encoded is None
        assert inputs_of(at_once) == inputs_of(by_rule)
    assert repr(decode_transaction(value)) == repr(by_rule)
    assert (identify_at_once(value) is None) == (at_once is None)
    if isinstance(by_rule, Malformed):
        assert repr(identify_transaction(value)) == repr(by_rule)
    else:
        identity = (by_rule.transaction_id, by_rule.portfolio_id, by_rule.version)
        assert identify_transaction(value) == identity


@settings(max_examples=600)
@given(near_valid())
def test_the_fast_reading_of_a_near_valid_event_agrees_with_the_reference(value: bytes) -> None:
    check_readings(value)


@settings(max_examples=600)
@given(mutated())
@example(b'{"quantity" :"1",' + text_of(BUY)[1:])
@example(b'{"quantity":null,' + text_of(BUY)[1:])
@example(b'{"version":1.0,' + text_of(FULL)[1:])
@example(b'{"version":["\\""],' + text_of(FULL)[1:])
@example(b'{"\\u0071uantity":"1",' + text_of(BUY)[1:])
def test_the_fast_reading_of_a_mutated_event_agrees_with_the_reference(value: bytes) -> None:
    check_readings(value)


@settings(max_examples=300)
@given(st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_raise(value: bytes) -> None:
    check_readings(value)
    assert isinstance(decode_transaction(value), Malformed)
    assert isinstance(decode_portfolio(value), Malformed)


def check_against_the_oracle(value: bytes) -> None:
    event, expected = read_by_rule(value), oracle.decode_transaction(value)
    match event:
        case Transaction():
            assert isinstance(expected, oracle.Trade)
            for name in oracle.Trade.__slots__:
                assert getattr(event, name) == getattr(expected, name), name
        case Cancellation():
            assert isinstance(expected, oracle.Cancel)
            for name in oracle.Cancel.__slots__:
                assert getattr(event, name) == getattr(expected, name), name
        case Malformed():
            assert isinstance(expected, oracle.Malformed)
            ours = {error.field for error in event.errors}
            theirs = {printable(name) for name in expected.fields}
            # Of a type given twice the oracle takes the first and asks for what that one needs.
            unsure = "transaction_type" in ours or len(event.errors) == ERRORS_MAX
            assert ours <= theirs if unsure else ours == theirs


@settings(max_examples=600)
@given(near_valid() | mutated())
def test_the_reference_agrees_with_the_oracle(value: bytes) -> None:
    check_against_the_oracle(value)


@pytest.mark.parametrize("name", ODD_TOKENS)
def test_each_odd_value_of_a_field_is_read_alike_by_all_three(name: str) -> None:
    for token in ODD_TOKENS[name]:
        for event in (FULL, FULL | {"transaction_type": "CANCEL"}):
            value = with_token(event, name, token)
            check_readings(value)
            check_against_the_oracle(value)


@pytest.mark.parametrize("type_name", [*TYPES, "CANCEL"])
def test_what_a_type_needs_is_read_alike_by_all_three(type_name: str) -> None:
    for quantity, price, gross in product((None, "0", "2", "x"), repeat=3):
        value = text_of(
            FULL
            | {"transaction_type": type_name, "quantity": quantity, "price": price}
            | {"gross_transaction_amount": gross}
        )
        check_readings(value)
        check_against_the_oracle(value)


USUAL = {
    "all fields": text_of(FULL),
    "the needed fields alone": text_of(BUY),
    "indented": json.dumps(FULL, indent=2).encode(),
    "JSON numbers": with_token(FULL | {"price": 1.5, "trade_fee": 0}, "fx_rate", "2.10"),
    "nulls": text_of(FULL | {"fx_rate": None, "currency": None, "version": None, "price": None}),
    "a version as text": text_of(FULL | {"version": "7"}),
    "an offset": text_of(FULL | {"transaction_date": "2024-01-02T03:04:05.678+05:30"}),
    "a date": text_of(FULL | {"transaction_date": "2024-01-02"}),
    "an amount alone": text_of(
        FULL | {"transaction_type": "DIVIDEND", "quantity": None, "price": None}
    ),
}  # fmt: skip


@pytest.mark.parametrize("value", USUAL.values(), ids=USUAL.keys())
def test_the_usual_forms_are_read_at_once(value: bytes) -> None:
    assert read_at_once(value) is not None
    check_readings(value)


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("first", ["null", '"1"', "1", '"\\""', '["",{"a":""}]', "-0"])
@pytest.mark.parametrize("colon", [":", " :", "\n:\t"])
def test_no_first_value_of_a_field_given_twice_slips_through(
    name: str, first: str, colon: str
) -> None:
    value = f'{{"{name}"{colon}{first},'.encode() + text_of(FULL)[1:]
    assert read_at_once(value) is None
    event = decode_transaction(value)
    assert isinstance(event, Malformed)
    assert [(error.field, error.rule.value) for error in event.errors if error.field == name] == [
        (name, "field_must_be_given_once")
    ]
