"""Whatever the bytes: the decoders never raise, and what they accept is what was sent.

The witness is the `json` module, with each number as the Decimal of its text.
"""

import json
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calculator import Cancellation, Entry, Portfolio, Source, Transaction
from tests.wire.events import JSON_VALUES, mutated, near_valid, text_of
from tests.wire.spoiled import AMOUNTS, EVENTS, Event, respelled, spoiled
from wire.fields import Malformed, errors_json
from wire.portfolios import decode_portfolio
from wire.results import encode_result
from wire.transactions import FIELDS, decode_transaction

CASES_LONG = 1_000_000
CASES_SHORT = 20_000
DATES = ("transaction_date", "settlement_date")
DEFAULTS = {"trade_fee": Decimal(0), "version": 1, "cash_management": "securities_only"}


def once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(members)) == len(members), "a field given twice was accepted"
    return dict(members)


def meaning(name: str, sent: Any) -> Any:  # noqa: ANN401 - whatever JSON says
    """What a value of that field says, read without the decoder."""
    if sent is None:
        return DEFAULTS.get(name)
    if name in AMOUNTS:
        return Decimal(sent)
    if name in DATES:
        moment = datetime.fromisoformat(sent.upper())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if name == "opened_on":
        return date.fromisoformat(sent)
    return int(sent) if name == "version" else sent


def demand_no_lie(value: bytes) -> bool:
    """Whether either decoder accepted it."""
    accepted = False
    for event in (decode_transaction(value), decode_portfolio(value)):
        if isinstance(event, Malformed):
            demand_reasons(event)
            continue
        accepted = True
        sent = json.loads(
            value.decode(), parse_int=Decimal, parse_float=Decimal, object_pairs_hook=once
        )
        booked = {f.name: getattr(event, f.name) for f in fields(event) if f.compare}
        if isinstance(event, Cancellation):
            assert sent.pop("transaction_type") == "CANCEL"
            sent = {name: sent.get(name) for name in booked}  # the rest is checked, and ignored
        assert sent.keys() <= booked.keys(), value
        assert booked == {name: meaning(name, sent.get(name)) for name in booked}, value
        if not isinstance(event, Portfolio):
            assert written_and_read_again(event) == event, value
    return accepted


def demand_reasons(refused: Malformed) -> None:
    """It says why, in texts that every log and database takes."""
    assert refused.errors
    assert all((error.field + error.message).isprintable() for error in refused.errors)
    assert json.loads(errors_json(refused.errors))


def written_and_read_again(event: Transaction | Cancellation) -> object:
    """The event as its result tells of it."""
    result = json.loads(encode_result(Entry(event, Source("raw_transactions", 0, 0), None)))
    return decode_transaction(text_of({name: result[name] for name in FIELDS}))


@settings(max_examples=600)
@given(near_valid() | mutated())
def test_what_is_accepted_of_an_event_that_is_nearly_valid_is_what_was_sent(value: bytes) -> None:
    demand_no_lie(value)


@settings(max_examples=300)
@given(st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_and_no_json_value_raise(value: bytes) -> None:
    assert not demand_no_lie(value)


@pytest.mark.timeout(1800)
def test_of_many_spoiled_events_none_raises_and_none_is_another_than_was_sent(
    is_long: bool,
) -> None:
    random, cases = Random(20), CASES_LONG if is_long else CASES_SHORT
    accepted = sum(demand_no_lie(spoiled(random)) for _ in range(cases))
    assert cases / 10 < accepted < cases / 2  # of both kinds there were many


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_accepted_in_every_spelling_and_says_the_same(event: Event) -> None:
    random = Random(21)
    decode = decode_portfolio if "cost_basis_method" in event else decode_transaction
    plain = decode(text_of(event))
    assert not isinstance(plain, Malformed)
    for _ in range(200):
        value = respelled(random, event)
        assert decode(value) == plain, value
        assert demand_no_lie(value)
