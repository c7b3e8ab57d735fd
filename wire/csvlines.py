"""Files of events, line by line: CSV and JSON lines become the JSON every door takes.

What a line says is not judged here but by the decoder, as for any other event.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from wire import portfolios, reference, transactions
from wire.fields import FieldError, Malformed, Rule, printable

NumberedEvent = tuple[int, bytes | Malformed]
"""The number of the line that an event is, from 1, and the event."""


class Columns(NamedTuple):
    """What the columns of a file may be called; without those needed no line can be good."""

    known: tuple[str, ...]
    needed: tuple[str, ...]


OF_TRANSACTIONS = Columns(
    transactions.FIELDS, ("transaction_id", "portfolio_id", "transaction_type")
)
OF_PORTFOLIOS = Columns(portfolios.FIELDS, ("portfolio_id", "base_currency", "cost_basis_method"))
OF_REFERENCE = {kind.telltale: Columns(kind.fields, kind.needed) for kind in reference.KINDS}
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_encode = msgspec.json.Encoder().encode


def has_content(line: str) -> bool:
    """Whether this may be the first line of a file: those before it that are empty do not count."""
    return bool(line.removeprefix(BYTE_ORDER_MARK).strip())


def columns_of(first_line: str) -> Columns | None:
    """What the first line of a CSV file says that the others are; None: it is no such line."""
    try:
        names = set(_line_reader()(first_line.removeprefix(BYTE_ORDER_MARK)))
    except csv.Error:
        return None
    if "transaction_type" not in names:
        if names >= {"base_currency", "cost_basis_method"}:
            return OF_PORTFOLIOS
        for telltale, columns in OF_REFERENCE.items():
            if telltale in names:
                return columns
    return None if names.isdisjoint(OF_TRANSACTIONS.known) else OF_TRANSACTIONS


def events_of_csv(
    lines: Iterable[str], columns: Columns = OF_TRANSACTIONS
) -> Iterator[NumberedEvent]:
    """The events of a CSV file, opened with newline="" and errors="surrogateescape".

    The first line that is not empty names the fields, in any order; an empty cell is an absent field. A file whose
    first line is wrong has that one error and no events. No field may hold a line break, so each
    line is an event of its own, and a quote that is not closed spoils no other line.
    """
    numbered, cells_of = enumerate(lines, 1), _line_reader()
    names: list[str] = []
    for number, line in numbered:
        if has_content(line):
            first = line.removeprefix(BYTE_ORDER_MARK)
            errors = _first_line_errors(first, columns)
            if errors:
                yield number, Malformed(tuple(errors))
                return
            names = cells_of(first)
            break
    for number, line in numbered:
        try:
            cells = cells_of(line)
        except csv.Error as error:
            yield number, Malformed((_not_csv(error),))
            continue
        if cells:
            yield number, _object_of(names, cells)


def events_of_json_lines(lines: Iterable[bytes]) -> Iterator[NumberedEvent]:
    """The events of a file with one JSON object a line; empty lines are passed over."""
    for line_number, line in enumerate(lines, 1):
        event = line.strip(b" \t\r\n")
        if line_number == 1:
            event = event.removeprefix(BYTE_ORDER_MARK.encode())
        if event:
            yield line_number, event


def _line_reader() -> Callable[[str], list[str]]:
    """What gives the cells of one line, none of an empty one; raises csv.Error."""
    waiting: deque[str] = deque()
    # One reader for all lines: to make one costs as much as to read a line.
    read = csv.reader(iter(waiting.popleft, None), strict=True).__next__

    def cells(line: str) -> list[str]:
        if '"' not in line:
            # The same, and faster.
            text = line.rstrip("\r\n")
            return text.split(",") if text else []
        waiting.append(line)
        try:
            return read()
        except IndexError:
            raise csv.Error("a quote is not closed") from None

    return cells


def _first_line_errors(line: str, columns: Columns) -> list[FieldError]:
    if not line.isascii() and not _is_utf8(line):
        return [_not_utf8()]
    try:
        names = _line_reader()(line)
    except csv.Error as error:
        return [_not_csv(error)]
    errors = [
        FieldError(printable(name), Rule.FIELD_MUST_BE_KNOWN, "there is no field of this column")
        for name in dict.fromkeys(names)
        if name not in columns.known
    ]
    errors += [
        FieldError(name, Rule.FIELD_MUST_BE_GIVEN_ONCE, "two columns have this name")
        for name in columns.known
        if names.count(name) > 1
    ]
    errors += [
        FieldError(name, Rule.FIELD_MUST_BE_GIVEN, "there is no column of this name")
        for name in columns.needed
        if name not in names
    ]
    return errors


def _object_of(names: list[str], cells: list[str]) -> bytes | Malformed:
    if len(cells) != len(names):
        rule = Rule.LINE_MUST_HAVE_A_CELL_FOR_EACH_COLUMN
        message = f"{len(cells)} cells under {len(names)} columns"
        return Malformed((FieldError("", rule, message),))
    try:
        return _encode({name: cell for name, cell in zip(names, cells, strict=True) if cell})
    except UnicodeEncodeError:
        return Malformed((_not_utf8(),))


def _is_utf8(line: str) -> bool:
    """Bytes that are none were read as surrogates."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_utf8() -> FieldError:
    return FieldError("", Rule.MESSAGE_MUST_BE_UTF8, "the line is not UTF-8")


def _not_csv(error: csv.Error) -> FieldError:
    return FieldError("", Rule.LINE_MUST_BE_CSV, str(error))
