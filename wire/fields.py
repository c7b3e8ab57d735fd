"""The vocabulary of refusals, and the rules that a single field of an event has to keep.

A reader takes a JSON value and returns what it means, or the `Broken` rule. Numbers arrive as
`Number`, the very text they were written in: nothing passes through a float.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

ID_LENGTH_MAX = 128
FREE_TEXT_LENGTH_MAX = 256
DIGITS_BEFORE_POINT_MAX = 15
RATE_DIGITS_BEFORE_POINT_MAX = 9
DIGITS_AFTER_POINT_MAX = 12
VERSION_MAX = 2**31 - 1
FIRST_INSTANT = datetime(1900, 1, 1, tzinfo=UTC)
END_OF_INSTANTS = datetime(2201, 1, 1, tzinfo=UTC)
SHOWN_LENGTH_MAX = 40

ID = r"[A-Za-z0-9._:@-]+(?: [A-Za-z0-9._:@-]+)*"
CURRENCY = r"[A-Z]{3}"
_id = re.compile(ID).fullmatch
_currency = re.compile(CURRENCY).fullmatch
_free_text = re.compile(
    rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{FREE_TEXT_LENGTH_MAX}}}"
).fullmatch
_decimal = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?").fullmatch
_version = re.compile(r"[1-9][0-9]{0,9}").fullmatch
_date = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})").fullmatch
_instant = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
).fullmatch


class Rule(StrEnum):
    """Why an event is malformed, phrased as the requirement."""

    # The message as a whole; the field of the error is "".
    MESSAGE_MUST_BE_GIVEN = "message_must_be_given"
    MESSAGE_MUST_FIT = "message_must_fit"
    MESSAGE_MUST_BE_UTF8 = "message_must_be_utf8"
    MESSAGE_MUST_BE_JSON = "message_must_be_json"
    MESSAGE_MUST_BE_AN_OBJECT = "message_must_be_an_object"
    LINE_MUST_BE_CSV = "line_must_be_csv"
    LINE_MUST_HAVE_A_CELL_FOR_EACH_COLUMN = "line_must_have_a_cell_for_each_column"

    # Any field.
    FIELD_MUST_BE_KNOWN = "field_must_be_known"
    FIELD_MUST_BE_GIVEN_ONCE = "field_must_be_given_once"
    FIELD_MUST_BE_GIVEN = "field_must_be_given"
    FIELD_MUST_BE_TEXT = "field_must_be_text"

    # What a field says, by its type.
    ID_MUST_BE_PLAIN = "id_must_be_plain"
    TEXT_MUST_BE_PLAIN = "text_must_be_plain"
    CURRENCY_MUST_BE_THREE_CAPITALS = "currency_must_be_three_capitals"
    TRANSACTION_TYPE_MUST_BE_KNOWN = "transaction_type_must_be_known"
    COST_BASIS_METHOD_MUST_BE_KNOWN = "cost_basis_method_must_be_known"
    CASH_MANAGEMENT_MUST_BE_KNOWN = "cash_management_must_be_known"
    DECIMAL_MUST_BE_PLAIN = "decimal_must_be_plain"
    DECIMAL_MUST_FIT = "decimal_must_fit"
    DECIMAL_MUST_NOT_BE_NEGATIVE = "decimal_must_not_be_negative"
    FX_RATE_MUST_BE_POSITIVE = "fx_rate_must_be_positive"
    MULTIPLIER_MUST_BE_POSITIVE = "multiplier_must_be_positive"
    BOOLEAN_MUST_BE_TRUE_OR_FALSE = "boolean_must_be_true_or_false"
    ISIN_MUST_BE_TWELVE_CHARACTERS = "isin_must_be_twelve_characters"
    ISIN_MUST_HAVE_ITS_CHECK_DIGIT = "isin_must_have_its_check_digit"
    COUNTRY_MUST_BE_TWO_CAPITALS = "country_must_be_two_capitals"
    INSTANT_MUST_BE_RFC_3339 = "instant_must_be_rfc_3339"
    DATE_MUST_BE_YEAR_MONTH_DAY = "date_must_be_year_month_day"
    DATE_MUST_EXIST = "date_must_exist"
    DATE_MUST_LIE_IN_1900_TO_2200 = "date_must_lie_in_1900_to_2200"
    VERSION_MUST_BE_A_POSITIVE_INTEGER = "version_must_be_a_positive_integer"

    # What the type of a transaction asks for.
    QUANTITY_MUST_BE_POSITIVE = "quantity_must_be_positive"
    AMOUNT_OR_QUANTITY_AND_PRICE_MUST_BE_GIVEN = "amount_or_quantity_and_price_must_be_given"
    QUANTITY_OR_AMOUNT_MUST_BE_GIVEN = "quantity_or_amount_must_be_given"
    VERSION_MUST_BE_AT_LEAST_2_TO_CANCEL = "version_must_be_at_least_2_to_cancel"

    # What an exchange rate asks for.
    CURRENCIES_MUST_DIFFER = "currencies_must_differ"

    # Decided where the event is taken in: the text of the event alone does not show it.
    VERSION_MUST_BE_HIGHER_TO_CORRECT = "version_must_be_higher_to_correct"
    PARTITION_MUST_BE_THAT_OF_THE_PORTFOLIO = "partition_must_be_that_of_the_portfolio"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One broken rule. All of it is printable: fit for JSON, headers, logs and a database."""

    field: str  # "" is the message as a whole
    rule: StrEnum  # a `Rule` or, of what is no event, one of whoever reads it
    message: str  # for people


@dataclass(frozen=True, slots=True)
class Malformed:
    """An event that cannot be read, and what is wrong with it."""

    errors: tuple[FieldError, ...]
    left_off: int = 0  # more errors than are listed

    @property
    def rules_broken(self) -> int:
        return len(self.errors) + self.left_off


@dataclass(frozen=True, slots=True)
class Broken:
    """What a reader returns for a value that breaks a rule; the field's name is added later."""

    rule: StrEnum
    message: str


class Number(str):
    """A JSON number, as the text it was written in."""

    __slots__ = ()


class Members(list[tuple[str, object]]):
    """A JSON object before anyone has decided what a repeated name means."""


def errors_json(errors: Iterable[FieldError]) -> bytes:
    """The errors as a JSON list of {field, rule, message}."""
    return msgspec.json.encode(list(errors))


def shown(value: object) -> str:
    """The value as a message for people may quote it: short and printable."""
    match value:
        case Number():
            text = str(value)
        case str():
            text = repr(value[: SHOWN_LENGTH_MAX + 1])
        case bool():
            return "true" if value else "false"
        case Members():
            return "an object"
        case _:
            return "a list"
    return text if len(text) <= SHOWN_LENGTH_MAX else text[:SHOWN_LENGTH_MAX] + "..."


def printable(name: str) -> str:
    """A field name that someone else chose, bounded and without what a database refuses."""
    name = name[:ID_LENGTH_MAX]
    return name if name.isprintable() else repr(name)[1:-1]


def not_text(value: object) -> Broken:
    """What a reader of text returns for what is none."""
    return Broken(Rule.FIELD_MUST_BE_TEXT, f"{shown(value)} is not a JSON string")


def id_text(value: object) -> str | Broken:
    """What names something: a transaction, a portfolio, a security, an instrument."""
    if type(value) is not str:
        return not_text(value)
    if len(value) > ID_LENGTH_MAX or not _id(value):
        return Broken(
            Rule.ID_MUST_BE_PLAIN,
            f"{shown(value)} is not 1 to {ID_LENGTH_MAX} characters of A-Z a-z 0-9 . _ : @ -,"
            " with single spaces inside",
        )
    return value


def free_text(value: object) -> str | Broken:
    """Text for people."""
    if type(value) is not str:
        return not_text(value)
    if not _free_text(value):
        return Broken(
            Rule.TEXT_MUST_BE_PLAIN,
            f"{shown(value)} is not 1 to {FREE_TEXT_LENGTH_MAX} characters without control"
            " characters",
        )
    return value


def currency_code(value: object) -> str | Broken:
    """An ISO 4217 code, by its form."""
    if type(value) is not str:
        return not_text(value)
    if not _currency(value):
        return Broken(
            Rule.CURRENCY_MUST_BE_THREE_CAPITALS, f"{shown(value)} is not three letters A-Z"
        )
    return value


def amount(value: object) -> Decimal | Broken:
    """A decimal >= 0."""
    return _unsigned(value, DIGITS_BEFORE_POINT_MAX)


def rate(value: object) -> Decimal | Broken:
    """A decimal > 0."""
    read = _unsigned(value, RATE_DIGITS_BEFORE_POINT_MAX)
    if isinstance(read, Decimal) and not read:
        return Broken(Rule.FX_RATE_MUST_BE_POSITIVE, f"{shown(value)} is not above zero")
    return read


def version_number(value: object) -> int | Broken:
    """1..2^31-1, as a JSON number or its text."""
    if not isinstance(value, str) or not _version(value) or int(value) > VERSION_MAX:
        return Broken(
            Rule.VERSION_MUST_BE_A_POSITIVE_INTEGER,
            f"{shown(value)} is not an integer from 1 to {VERSION_MAX}",
        )
    return int(value)


def instant(value: object) -> datetime | Broken:
    """An RFC 3339 instant, or a date for its first instant; in UTC either way."""
    if type(value) is not str:
        return not_text(value)
    if _date(value):
        day = calendar_date(value)
        if isinstance(day, Broken):
            return day
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    parts = _instant(value)
    if not parts:
        return Broken(
            Rule.INSTANT_MUST_BE_RFC_3339,
            f"{shown(value)} is neither YYYY-MM-DD nor an RFC 3339 instant with Z or an offset"
            " and at most 6 digits of a second",
        )
    *whole, fraction, sign, hours, minutes = parts.groups()
    year, month, day_of_month, hour, minute, second = map(int, whole)
    micros = int((fraction or "").ljust(6, "0"))
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        local = datetime(year, month, day_of_month, hour, minute, second, micros, tzinfo=UTC)
    except ValueError:
        return _no_such_date(value)
    try:
        moment = local + offset if sign == "-" else local - offset
    except OverflowError:
        return _outside(value)
    return moment if FIRST_INSTANT <= moment < END_OF_INSTANTS else _outside(value)


def calendar_date(value: object) -> date | Broken:
    """A date of the calendar, YYYY-MM-DD."""
    if type(value) is not str:
        return not_text(value)
    parts = _date(value)
    if not parts:
        return Broken(Rule.DATE_MUST_BE_YEAR_MONTH_DAY, f"{shown(value)} is not YYYY-MM-DD")
    try:
        day = date(*map(int, parts.groups()))
    except ValueError:
        return _no_such_date(value)
    return day if FIRST_INSTANT.date() <= day < END_OF_INSTANTS.date() else _outside(value)


def _unsigned(value: object, digits_before_point_max: int) -> Decimal | Broken:
    parts = _decimal(value) if isinstance(value, str) else None
    if not parts:
        return Broken(
            Rule.DECIMAL_MUST_BE_PLAIN,
            f"{shown(value)} is not digits with a point between them at most"
            " (no exponent, no plus, no zero in front)",
        )
    sign, before, after = parts.groups()
    if len(before) > digits_before_point_max or len(after or "") > DIGITS_AFTER_POINT_MAX:
        return Broken(
            Rule.DECIMAL_MUST_FIT,
            f"{shown(value)} has more than {digits_before_point_max} digits before the point or"
            f" {DIGITS_AFTER_POINT_MAX} after it",
        )
    # Without its sign: minus zero is zero.
    magnitude = Decimal(parts[0].removeprefix("-"))
    if sign and magnitude:
        return Broken(Rule.DECIMAL_MUST_NOT_BE_NEGATIVE, f"{shown(value)} is below zero")
    return magnitude


def _no_such_date(value: str) -> Broken:
    return Broken(Rule.DATE_MUST_EXIST, f"{shown(value)} is not in the calendar or on the clock")


def _outside(value: str) -> Broken:
    return Broken(
        Rule.DATE_MUST_LIE_IN_1900_TO_2200,
        f"{shown(value)} is outside 1900-01-01 to 2200-12-31 in UTC",
    )
