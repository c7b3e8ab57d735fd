"""Sections 1 and 2 of the contract: from the bytes of a message to an event or its bad fields."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, NoReturn

SIZE_MAX = 64 * 1024
VERSION_MAX = 2**31 - 1
FIRST_INSTANT = datetime(1900, 1, 1, tzinfo=UTC)
END_OF_INSTANTS = datetime(2201, 1, 1, tzinfo=UTC)

INCREASES = {"BUY", "TRANSFER_IN", "DEPOSIT"}
NEUTRALS = {"DIVIDEND", "INTEREST", "FEE", "TAX"}
DECREASES = {"SELL", "TRANSFER_OUT", "WITHDRAWAL"}
TYPES = INCREASES | NEUTRALS | DECREASES
CASH_MANAGEMENTS = {"securities_only", "explicit", "automatic"}
METHODS = {"FIFO", "LIFO", "HIFO", "LOFO", "AVCO"}
# DEPOSIT and WITHDRAWAL take their amount for a quantity that is absent or zero.
QUANTITY_FROM_AMOUNT = {"DEPOSIT", "WITHDRAWAL"}
QUANTITY_NEEDED = {"BUY", "SELL", "TRANSFER_IN", "TRANSFER_OUT"}
# They leave the books at the cost of what they relieve: no amount, no exchange rate is needed.
AMOUNT_UNUSED = {"TRANSFER_OUT", "WITHDRAWAL"}

ID = re.compile(r"[A-Za-z0-9._:@-]+(?: [A-Za-z0-9._:@-]+)*")
CODE = re.compile(r"[A-Z]{3}")
DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]{1,12})?")
VERSION = re.compile(r"[1-9][0-9]{0,9}")
DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
INSTANT = re.compile(
    DATE.pattern
    + r"[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    + r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


class Record(NamedTuple):
    """One Kafka record, as far as the books care."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A transaction as decoded: two of them are equal when their content is."""

    transaction_id: str
    portfolio_id: str
    security_id: str
    instrument_id: str | None
    transaction_type: str
    transaction_date: datetime
    settlement_date: datetime | None
    quantity: Decimal | None
    price: Decimal | None
    gross_transaction_amount: Decimal | None
    trade_fee: Decimal
    trade_currency: str
    currency: str | None
    fx_rate: Decimal | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """The voiding of a transaction; whatever else the message said is forgotten."""

    transaction_id: str
    portfolio_id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A portfolio record."""

    portfolio_id: str
    base_currency: str
    cost_basis_method: str
    name: str | None
    client_id: str | None
    booking_center: str | None
    opened_on: date | None
    version: int
    cash_management: str = "securities_only"


@dataclass(frozen=True, slots=True)
class Malformed:
    """The names of the fields that break a rule; the empty name is the message as a whole."""

    fields: frozenset[str]


class RefusedError(Exception):
    """The message is no JSON object that can be read."""


class Number(str):
    """A JSON number in the very text it was written in."""

    __slots__ = ()


class Members(list[tuple[str, object]]):
    """A JSON object before anyone has decided what a repeated name means."""


def members_of(value: bytes | None) -> Members:
    """Read one JSON object, strictly."""

    def no_such_number(text: str) -> NoReturn:
        raise ValueError(text)

    if value is None or len(value) > SIZE_MAX:
        raise RefusedError
    try:
        read: object = json.loads(
            value.decode("utf-8", "strict"),
            object_pairs_hook=Members,
            parse_int=Number,
            parse_float=Number,
            parse_constant=no_such_number,
        )
    except (ValueError, RecursionError) as error:
        raise RefusedError from error
    if not isinstance(read, Members):
        raise RefusedError
    return read


def an_id(value: object) -> str:
    """1-128 of the allowed characters, with single spaces inside."""
    if type(value) is not str or len(value) > 128 or not ID.fullmatch(value):
        raise ValueError
    return value


def a_code(value: object) -> str:
    """Three capital letters."""
    if type(value) is not str or not CODE.fullmatch(value):
        raise ValueError
    return value


def a_text(value: object) -> str:
    """Any text that UTF-8 and PostgreSQL can hold."""
    if type(value) is not str or "\0" in value:
        raise ValueError
    value.encode("utf-8", "strict")
    return value


def decimal_of_digits(digits_max: int) -> Callable[[object], Decimal]:
    """Read a decimal >= 0 with at most so many digits before the point, string or number alike."""

    def read(value: object) -> Decimal:
        if not isinstance(value, str) or not DECIMAL.fullmatch(value):
            raise ValueError
        if len(value.lstrip("-").split(".")[0]) > digits_max:
            raise ValueError
        number = Decimal(str(value))
        if number < 0:
            raise ValueError
        return number.copy_abs()  # minus zero is zero

    return read


def a_version(value: object) -> int:
    """An integer 1..2^31-1, or its text."""
    if not isinstance(value, str) or not VERSION.fullmatch(value):
        raise ValueError
    if int(value) > VERSION_MAX:
        raise ValueError
    return int(value)


def a_date(value: object) -> date:
    """A calendar date within the years the contract allows."""
    if type(value) is not str or not (match := DATE.fullmatch(value)):
        raise ValueError
    year, month, day = match.groups()
    read = date(int(year), int(month), int(day))
    if not FIRST_INSTANT.date() <= read < END_OF_INSTANTS.date():
        raise ValueError
    return read


def an_instant(value: object) -> datetime:
    """RFC 3339, or a date for its first instant; in UTC either way."""
    if type(value) is not str:
        raise ValueError
    if DATE.fullmatch(value):
        day = a_date(value)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    match = INSTANT.fullmatch(value)
    if not match:
        raise ValueError
    *when, fraction, sign, hours, minutes = match.groups()
    year, month, day_of_month, hour, minute, second = map(int, when)
    micros = int((fraction or "").ljust(6, "0"))
    read = datetime(year, month, day_of_month, hour, minute, second, micros, tzinfo=UTC)
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        read = read - offset if sign == "+" else read + offset
    if not FIRST_INSTANT <= read < END_OF_INSTANTS:
        raise ValueError
    return read


def a_type(value: object) -> str:
    """One of the contract's transaction types, CANCEL among them."""
    if type(value) is not str or value not in TYPES | {"CANCEL"}:
        raise ValueError
    return value


def a_method(value: object) -> str:
    """One of the relief methods."""
    if type(value) is not str or value not in METHODS:
        raise ValueError
    return value


def a_cash_management(value: object) -> str:
    """Whether cash is kept, and who moves it."""
    if type(value) is not str or value not in CASH_MANAGEMENTS:
        raise ValueError
    return value


def an_fx_rate(value: object) -> Decimal:
    """A decimal > 0 with at most 9 digits before the point."""
    rate = decimal_of_digits(9)(value)
    if rate == 0:
        raise ValueError
    return rate


Readers = dict[str, Callable[[object], object]]

TRANSACTION_FIELDS: Readers = {
    "transaction_id": an_id,
    "portfolio_id": an_id,
    "security_id": an_id,
    "instrument_id": an_id,
    "transaction_type": a_type,
    "transaction_date": an_instant,
    "settlement_date": an_instant,
    "quantity": decimal_of_digits(15),
    "price": decimal_of_digits(15),
    "gross_transaction_amount": decimal_of_digits(15),
    "trade_fee": decimal_of_digits(15),
    "trade_currency": a_code,
    "currency": a_code,
    "fx_rate": an_fx_rate,
    "version": a_version,
}
PORTFOLIO_FIELDS: Readers = {
    "portfolio_id": an_id,
    "base_currency": a_code,
    "cost_basis_method": a_method,
    "name": a_text,
    "client_id": an_id,
    "booking_center": a_text,
    "opened_on": a_date,
    "version": a_version,
    "cash_management": a_cash_management,
}


def read_fields(members: Members, readers: Readers) -> tuple[dict[str, object], set[str]]:
    """Every field by its reader (None where absent), and the names that break a rule."""
    fields: dict[str, object] = dict.fromkeys(readers)
    bad: set[str] = set()
    seen: set[str] = set()
    for name, value in members:
        if name not in readers or name in seen:
            bad.add(name)
            continue
        seen.add(name)
        if value is None:
            continue
        try:
            fields[name] = readers[name](value)
        except (ValueError, OverflowError):
            bad.add(name)
    return fields, bad


def quantity_and_amount_errors(fields: dict[str, object], bad: set[str]) -> set[str]:
    """What the type demands of quantity, price and amount, where these could be read at all."""
    kind = fields["transaction_type"]
    quantity, price, amount = (
        fields[name] for name in ("quantity", "price", "gross_transaction_amount")
    )
    errors: set[str] = set()
    if "quantity" not in bad and kind in QUANTITY_NEEDED and not quantity:
        errors.add("quantity")
    if bad & {"quantity", "price", "gross_transaction_amount"}:
        return errors
    if kind not in AMOUNT_UNUSED and amount is None and (quantity is None or price is None):
        errors.add("gross_transaction_amount")
    elif kind in QUANTITY_FROM_AMOUNT and not quantity and not amount:
        # Without an amount the product of a zero quantity is zero as well.
        errors.add("quantity")
    return errors


def type_errors(fields: dict[str, object], bad: set[str]) -> set[str]:
    """What the transaction's type asks for and the message lacks."""
    if fields["transaction_type"] is None:
        return set()
    if fields["transaction_type"] == "CANCEL":
        return {"version"} if fields["version"] == 1 else set()
    needed = ("security_id", "transaction_date", "trade_currency")
    lacking = {name for name in needed if fields[name] is None}
    return lacking | quantity_and_amount_errors(fields, bad)


def decode_transaction(value: bytes | None) -> Trade | Cancel | Malformed:
    """The one decoder of all doors."""
    try:
        members = members_of(value)
    except RefusedError:
        return Malformed(frozenset({""}))
    fields, bad = read_fields(members, TRANSACTION_FIELDS)
    if fields["version"] is None:
        fields["version"] = 1
    if fields["trade_fee"] is None:
        fields["trade_fee"] = Decimal(0)
    needed = ("transaction_id", "portfolio_id", "transaction_type")
    bad |= {name for name in needed if fields[name] is None}
    bad |= type_errors(fields, bad)
    if bad:
        return Malformed(frozenset(bad))
    if fields["transaction_type"] == "CANCEL":
        return Cancel(**{name: fields[name] for name in Cancel.__slots__})  # type: ignore[arg-type]
    return Trade(**fields)  # type: ignore[arg-type]


def decode_portfolio(value: bytes | None) -> Account | Malformed:
    """Likewise for the records of the topic `portfolios`."""
    try:
        members = members_of(value)
    except RefusedError:
        return Malformed(frozenset({""}))
    fields, bad = read_fields(members, PORTFOLIO_FIELDS)
    if fields["version"] is None:
        fields["version"] = 1
    if fields["cash_management"] is None:
        fields["cash_management"] = "securities_only"
    needed = ("portfolio_id", "base_currency", "cost_basis_method")
    bad |= {name for name in needed if fields[name] is None}
    if bad:
        return Malformed(frozenset(bad))
    return Account(**fields)  # type: ignore[arg-type]
