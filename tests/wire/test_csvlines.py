"""Files become the same events as any other door takes."""

import csv
import json
from io import BytesIO, StringIO, TextIOWrapper

from hypothesis import given
from hypothesis import strategies as st

from calculator import Transaction
from tests.wire.events import FULL, text_of
from wire.csvlines import NumberedEvent, events_of_csv, events_of_json_lines
from wire.fields import Malformed, Rule
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
        '"a\nb",b,c\n'
        "a,b\n"
        '"a"b,b,c\n'
        "d,e,f"
    )
    numbered = events(text)
    assert [line_number for line_number, _ in numbered] == [2, 4, 6, 7, 8]
    wrong = [line_number for line_number, event in numbered if isinstance(event, Malformed)]
    assert wrong == [6, 7]


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


def test_bytes_that_are_not_utf8_spoil_their_line_alone() -> None:
    file = BytesIO(b"transaction_id,portfolio_id,transaction_type\n\xff,b,c\nd,e,f\n")
    lines = TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    (_, spoiled), (_, good) = events_of_csv(lines)
    assert isinstance(spoiled, Malformed)
    assert spoiled.errors[0].rule is Rule.MESSAGE_MUST_BE_UTF8
    assert isinstance(good, bytes)


@given(st.lists(st.tuples(*(st.text() for _ in FIELDS)), max_size=5))
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
