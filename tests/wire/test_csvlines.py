"""Files become the same events as any other door takes."""

import csv
import json
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculator import Transaction
from tests.wire.events import FULL, text_of
from tests.wire.reference import FULL as FULL_REFERENCE
from wire.csvlines import (
    OF_PORTFOLIOS,
    OF_REFERENCE,
    OF_TRANSACTIONS,
    Columns,
    NumberedEvent,
    columns_of,
    events_of_csv,
    events_of_json_lines,
)
from wire.fields import FieldError, Malformed, Rule
from wire.reference import KINDS, Kind
from wire.transactions import FIELDS, decode_transaction


def events(text: str) -> list[NumberedEvent]:
    return list(events_of_csv(StringIO(text, newline="")))


def test_a_csv_line_is_the_event_of_its_cells() -> None:
    cells = {name: str(value) for name, value in FULL.items()}
    text = ",".join(cells) + "\r\n" + ",".join(cells.values()) + "\r\n"
    [(line_number, event)] = events(text)
    assert line_number == 2
    assert isinstance(event, bytes)
    assert decode_transaction(event) == decode_transaction(text_of(FULL))
    assert isinstance(decode_transaction(event), Transaction)


def test_an_empty_cell_is_an_absent_field() -> None:
    text = "price,transaction_type,portfolio_id,transaction_id\n,BUY,P1,T1\n"
    assert events(text) == [
        (2, b'{"transaction_type":"BUY","portfolio_id":"P1","transaction_id":"T1"}')
    ]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    text = (
        "\ufefftransaction_id,portfolio_id,transaction_type\n"
        "a,b,c\n"
        "\n"
        '"a,b",b,c\r\n'
        "a,b\n"
        '"a"b,b,c\n'
        "d,e,f"
    )
    numbered = events(text)
    assert [line_number for line_number, _ in numbered] == [2, 4, 5, 6, 7]
    wrong = [line_number for line_number, event in numbered if isinstance(event, Malformed)]
    assert wrong == [5, 6]


@pytest.mark.parametrize("line", ['"a,b,c', 'a,b,"c', 'a,"b""c', '"a,b,c\r'])
def test_a_quote_that_is_not_closed_spoils_its_line_alone(line: str) -> None:
    good = b'{"transaction_id":"d","portfolio_id":"e","transaction_type":"f"}'
    text = f'transaction_id,portfolio_id,transaction_type\nd,e,f\n{line}\nd,e,f\n"d","e","f"\n'
    first, (line_number, spoiled), *others = events(text)
    assert line_number == 3
    assert isinstance(spoiled, Malformed)
    assert spoiled.errors == (FieldError("", Rule.LINE_MUST_BE_CSV, "a quote is not closed"),)
    assert [event for _, event in (first, *others)] == [good, good, good]


def test_empty_lines_before_the_first_do_not_count_but_for_their_numbers() -> None:
    text = "\ufeff\n  \ntransaction_id,portfolio_id,transaction_type\na,b\n"
    [(line_number, event)] = events(text)
    assert line_number == 4
    assert isinstance(event, Malformed)


@pytest.mark.parametrize(
    ("first", "columns"),
    [
        ("transaction_id,portfolio_id,transaction_type\n", OF_TRANSACTIONS),
        ("\ufeffportfolio_id\n", OF_TRANSACTIONS),
        ('"base_currency","portfolio_id","cost_basis_method"\r\n', OF_PORTFOLIOS),
        ("base_currency,cost_basis_method,transaction_type\n", OF_TRANSACTIONS),
        ("security_id,instrument_currency\n", OF_REFERENCE["instrument_currency"]),
        ("price,price_date\n", OF_REFERENCE["price_date"]),
        ("\ufeffrate_date\n", OF_REFERENCE["rate_date"]),
        ("business_date,version\n", OF_REFERENCE["business_date"]),
        ("transaction_type,price_date\n", OF_TRANSACTIONS),
        ('{"transaction_id": "T1", "portfolio_id": "P1"}\n', None),
        ('portfolio_id,"', None),
        ("nonsense\n", None),
    ],
)
def test_the_first_line_shows_what_the_others_are(first: str, columns: Columns | None) -> None:
    assert columns_of(first) is columns


def test_portfolio_records_have_columns_of_their_own() -> None:
    text = "portfolio_id,base_currency,cost_basis_method,name\nP1,USD,FIFO,\n"
    assert list(events_of_csv(StringIO(text, newline=""), OF_PORTFOLIOS)) == [
        (2, b'{"portfolio_id":"P1","base_currency":"USD","cost_basis_method":"FIFO"}')
    ]
    [(_, event)] = events_of_csv(StringIO("name\nx\n", newline=""), OF_PORTFOLIOS)
    assert isinstance(event, Malformed)
    assert [error.field for error in event.errors] == list(OF_PORTFOLIOS.needed)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_reference_data_has_columns_of_its_own(kind: Kind[Any]) -> None:
    _, full = next(each for each in FULL_REFERENCE if each[0] is kind)
    cells = {name: str(value).lower() if value is False else value for name, value in full.items()}
    file = StringIO(newline="")
    csv.writer(file).writerows([cells, cells.values()])
    columns = columns_of(file.getvalue().splitlines()[0])
    assert columns is OF_REFERENCE[kind.telltale]
    file.seek(0)
    [(_, event)] = events_of_csv(file, columns)
    assert isinstance(event, bytes)
    assert kind.decode(event) == kind.decode(text_of(full))


def test_a_wrong_first_line_is_told_all_that_is_wrong_and_ends_the_file() -> None:
    [(line_number, event)] = events("transaction_id,version,version,amount\na,1,1,5\n")
    assert line_number == 1
    assert isinstance(event, Malformed)
    assert [(error.field, error.rule) for error in event.errors] == [
        ("amount", Rule.FIELD_MUST_BE_KNOWN),
        ("version", Rule.FIELD_MUST_BE_GIVEN_ONCE),
        ("portfolio_id", Rule.FIELD_MUST_BE_GIVEN),
        ("transaction_type", Rule.FIELD_MUST_BE_GIVEN),
    ]


def test_a_first_line_that_is_not_utf8_is_told_as_such() -> None:
    first = "transaction_id,portfolio_id,transaction_type,Währung\n".encode("latin-1")
    [(_, event)] = events(first.decode("utf-8", "surrogateescape") + "a,b,c,d\n")
    assert isinstance(event, Malformed)
    assert event.errors == (FieldError("", Rule.MESSAGE_MUST_BE_UTF8, "the line is not UTF-8"),)


def test_bytes_that_are_not_utf8_spoil_their_line_alone() -> None:
    file = BytesIO(b"transaction_id,portfolio_id,transaction_type\n\xff,b,c\nd,e,f\n")
    lines = TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    (_, spoiled), (_, good) = events_of_csv(lines)
    assert isinstance(spoiled, Malformed)
    assert spoiled.errors[0].rule is Rule.MESSAGE_MUST_BE_UTF8
    assert isinstance(good, bytes)


CELLS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))


@given(st.lists(st.tuples(*(CELLS for _ in FIELDS)), max_size=5))
def test_every_text_survives_the_way_from_a_cell_to_json(rows: list[tuple[str, ...]]) -> None:
    file = StringIO(newline="")
    csv.writer(file).writerows([FIELDS, *rows])
    file.seek(0)
    assert [json.loads(event) for _, event in events_of_csv(file) if isinstance(event, bytes)] == [
        {name: cell for name, cell in zip(FIELDS, row, strict=True) if cell} for row in rows
    ]


def test_json_lines_are_passed_on_as_they_are() -> None:
    file = BytesIO(b'\xef\xbb\xbf{"a": 1}\r\n\r\n  \n{"b":2} \nnonsense')
    assert list(events_of_json_lines(file)) == [(1, b'{"a": 1}'), (4, b'{"b":2}'), (5, b"nonsense")]
