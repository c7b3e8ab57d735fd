"""Files of transactions, line by line: CSV and JSON lines become the JSON every door takes.

What a line says is not judged here but by the decoder, as for any other event.
"""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TextIO

import msgspec

from wire.fields import FieldError, Malformed, Rule, printable
from wire.transactions import FIELDS

NumberedEvent = tuple[int, bytes | Malformed]
"""The number of the line that an event begins in, from 1, and the event."""

# Without these columns not a single line of a file can be good.
COLUMNS_NEEDED = ("transaction_id", "portfolio_id", "transaction_type")
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_encode = msgspec.json.Encoder().encode


def events_of_csv(lines: TextIO) -> Iterator[NumberedEvent]:
    """The events of a CSV file, opened with newline="" and errors="surrogateescape".

    The first line names the fields, in any order; an empty cell is an absent field. A file whose
    first line is wrong has that one error and no events.
    """
    first = lines.readline().removeprefix(BYTE_ORDER_MARK)
    reader = csv.reader(chain((first,), lines), strict=True)
    try:
        columns = next(reader)
    except csv.Error as error:
        yield 1, _malformed("", Rule.LINE_MUST_BE_CSV, str(error))
        return
    errors = _column_errors(columns)
    if errors:
        yield 1, Malformed(tuple(errors))
        return
    while True:
        line_number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line_number, _malformed("", Rule.LINE_MUST_BE_CSV, str(error))
            continue
        if cells:
            yield line_number, _object_of(columns, cells)


def events_of_json_lines(lines: Iterable[bytes]) -> Iterator[NumberedEvent]:
    """The events of a file with one JSON object a line; empty lines are passed over."""
    for line_number, line in enumerate(lines, 1):
        event = line.strip(b" \t\r\n")
        if line_number == 1:
            event = event.removeprefix(BYTE_ORDER_MARK.encode())
        if event:
            yield line_number, event


def _column_errors(columns: list[str]) -> list[FieldError]:
    errors = [
        FieldError(printable(name), Rule.FIELD_MUST_BE_KNOWN, "there is no field of this column")
        for name in dict.fromkeys(columns)
        if name not in FIELDS
    ]
    errors += [
        FieldError(name, Rule.FIELD_MUST_BE_GIVEN_ONCE, "two columns have this name")
        for name in FIELDS
        if columns.count(name) > 1
    ]
    errors += [
        FieldError(name, Rule.FIELD_MUST_BE_GIVEN, "there is no column of this name")
        for name in COLUMNS_NEEDED
        if name not in columns
    ]
    return errors


def _object_of(columns: list[str], cells: list[str]) -> bytes | Malformed:
    if len(cells) != len(columns):
        return _malformed(
            "",
            Rule.LINE_MUST_HAVE_A_CELL_FOR_EACH_COLUMN,
            f"{len(cells)} cells under {len(columns)} columns",
        )
    try:
        return _encode({name: cell for name, cell in zip(columns, cells, strict=True) if cell})
    except UnicodeEncodeError:
        return _malformed("", Rule.MESSAGE_MUST_BE_UTF8, "the line is not UTF-8")


def _malformed(name: str, rule: Rule, message: str) -> Malformed:
    return Malformed((FieldError(name, rule, message),))
