"""Transaction events: from the bytes of any door to a `Transaction`.

There are two readings. The reference, `read_by_rule`, checks field by field and names everything
that is wrong. The fast one, `read_at_once`, knows only valid events of the usual form; where it
has the slightest doubt it says nothing, and the reference decides. A door that passes events on as
they came needs no `Transaction`: `identify_transaction` refuses the same, and makes none.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Raw

from calculator import Cancellation, Kind, Transaction, TransactionType
from wire.fields import (
    CURRENCY,
    DIGITS_AFTER_POINT_MAX,
    DIGITS_BEFORE_POINT_MAX,
    END_OF_INSTANTS,
    FIRST_INSTANT,
    ID,
    ID_LENGTH_MAX,
    RATE_DIGITS_BEFORE_POINT_MAX,
    VERSION_MAX,
    Broken,
    Malformed,
    Members,
    Rule,
    amount,
    currency_code,
    id_text,
    instant,
    rate,
    shown,
    version_number,
)
from wire.inputs import inputs_of_texts
from wire.objects import MESSAGE_BYTES_MAX, Form, members_of

CANCEL: Literal["CANCEL"] = "CANCEL"
_Type = TransactionType | Literal["CANCEL"]
TYPES: dict[str, TransactionType] = {each.value: each for each in TransactionType}
ZERO = Decimal(0)
T = TypeVar("T")


class Identified(NamedTuple):
    """Which transaction an event is about."""

    transaction_id: str
    portfolio_id: str
    version: int


def decode_transaction(value: bytes | None) -> Transaction | Cancellation | Malformed:
    """The one decoder of all doors: it refuses, it never raises."""
    return read_at_once(value) or read_by_rule(value)


def identify_transaction(value: bytes | None) -> Identified | Malformed:
    """Which one it is; Malformed exactly where `decode_transaction` says so."""
    return identify_at_once(value) or _identified(read_by_rule(value))


def _identified(event: Transaction | Cancellation | Malformed) -> Identified | Malformed:
    if isinstance(event, Malformed):
        return event
    return Identified(event.transaction_id, event.portfolio_id, event.version)


# -- The reference


def read_by_rule(value: bytes | None) -> Transaction | Cancellation | Malformed:
    """Check every rule and report all that are broken."""
    members = members_of(value)
    if not isinstance(members, Members):
        return Malformed((members,))
    form = Form(members, FIELDS)
    kind: _Type | None = form.need("transaction_type", _transaction_type)
    # A cancellation needs no more than its identity; of an unknown type nobody knows.
    need = form.need if isinstance(kind, TransactionType) else form.take
    transaction_id = form.need("transaction_id", id_text)
    portfolio_id = form.need("portfolio_id", id_text)
    security_id = need("security_id", id_text)
    instrument_id = form.take("instrument_id", id_text)
    transaction_date = need("transaction_date", instant)
    settlement_date = form.take("settlement_date", instant)
    quantity = form.take("quantity", amount)
    price = form.take("price", amount)
    gross_transaction_amount = form.take("gross_transaction_amount", amount)
    trade_fee = form.take("trade_fee", amount)
    trade_currency = need("trade_currency", currency_code)
    currency = form.take("currency", currency_code)
    fx_rate = form.take("fx_rate", rate)
    version = form.take("version", version_number) or 1
    _check_type(form, kind, quantity, price, gross_transaction_amount, version)
    if form.errors:
        return Malformed(tuple(form.errors), form.left_off)
    assert transaction_id is not None
    assert portfolio_id is not None
    if not isinstance(kind, TransactionType):
        return Cancellation(
            transaction_id=transaction_id, portfolio_id=portfolio_id, version=version
        )
    assert security_id is not None
    assert transaction_date is not None
    assert trade_currency is not None
    return Transaction(
        transaction_id=transaction_id, portfolio_id=portfolio_id, security_id=security_id,
        transaction_type=kind, transaction_date=transaction_date, trade_currency=trade_currency,
        quantity=quantity, price=price, gross_transaction_amount=gross_transaction_amount,
        trade_fee=ZERO if trade_fee is None else trade_fee, fx_rate=fx_rate,
        instrument_id=instrument_id, settlement_date=settlement_date, currency=currency,
        version=version,
    )  # fmt: skip


def _transaction_type(value: object) -> _Type | Broken:
    if value == CANCEL:
        return CANCEL
    if type(value) is not str or value not in TYPES:
        return Broken(
            Rule.TRANSACTION_TYPE_MUST_BE_KNOWN,
            f"{shown(value)} is none of {', '.join(TYPES)}, {CANCEL}",
        )
    return TYPES[value]


def _check_type(
    form: Form,
    kind: _Type | None,
    quantity: Decimal | None,
    price: Decimal | None,
    gross_amount: Decimal | None,
    version: int,
) -> None:
    """What the type asks for, as far as the fields it speaks of can be read."""
    if kind == CANCEL and version < 2 and not form.is_bad("version"):
        form.refuse(
            "version",
            Rule.VERSION_MUST_BE_AT_LEAST_2_TO_CANCEL,
            "a cancellation needs a version above that of what it cancels",
        )
    if not isinstance(kind, TransactionType) or form.is_bad("quantity"):
        return
    for broken in _quantity_breaks(kind, quantity):
        form.refuse("quantity", broken.rule, broken.message)
    if not form.is_bad("price", "gross_transaction_amount"):
        for name, broken in _amount_breaks(kind, quantity, price, gross_amount):
            form.refuse(name, broken.rule, broken.message)


def _quantity_breaks(kind: TransactionType, quantity: Decimal | None) -> Iterator[Broken]:
    if kind.kind is Kind.NEUTRAL or kind.is_cash or quantity:
        return
    if quantity is None:
        yield Broken(Rule.FIELD_MUST_BE_GIVEN, f"a {kind} needs a quantity")
    else:
        yield Broken(Rule.QUANTITY_MUST_BE_POSITIVE, f"a {kind} of nothing moves nothing")


def _amount_breaks(
    kind: TransactionType,
    quantity: Decimal | None,
    price: Decimal | None,
    gross_amount: Decimal | None,
) -> Iterator[tuple[str, Broken]]:
    if kind.uses_amount and gross_amount is None and (quantity is None or price is None):
        yield (
            "gross_transaction_amount",
            Broken(
                Rule.AMOUNT_OR_QUANTITY_AND_PRICE_MUST_BE_GIVEN,
                f"a {kind} needs an amount, or a quantity and a price",
            ),
        )
    elif kind.is_cash and not quantity and not gross_amount:
        # The amount stands in for the quantity; quantity x price would be zero as well.
        absent = quantity is None and gross_amount is None
        yield (
            "quantity",
            Broken(Rule.QUANTITY_OR_AMOUNT_MUST_BE_GIVEN, f"a {kind} needs one of them")
            if absent
            else Broken(
                Rule.QUANTITY_MUST_BE_POSITIVE, f"neither quantity nor amount of the {kind} is > 0"
            ),
        )


# -- The fast reading


_ABSENT = Raw(b"~")  # no JSON value begins like this


class _Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The text of each field as it stands in the message, quotes included."""

    transaction_id: Raw
    portfolio_id: Raw
    security_id: Raw
    transaction_type: Raw
    transaction_date: Raw
    trade_currency: Raw
    quantity: Raw = _ABSENT
    price: Raw = _ABSENT
    gross_transaction_amount: Raw = _ABSENT
    trade_fee: Raw = _ABSENT
    fx_rate: Raw = _ABSENT
    instrument_id: Raw = _ABSENT
    settlement_date: Raw = _ABSENT
    currency: Raw = _ABSENT
    version: Raw = _ABSENT


FIELDS: tuple[str, ...] = _Event.__struct_fields__


def _quoted(pattern: str) -> str:
    return f'"({pattern})"'


def _optional(pattern: str) -> str:
    return f"(?:~|null|{pattern})"


def _number(digits_before_point_max: int) -> str:
    whole = rf"0|[1-9][0-9]{{0,{digits_before_point_max - 1}}}"
    return _optional(rf'"?((?:{whole})(?:\.[0-9]{{1,{DIGITS_AFTER_POINT_MAX}}})?)"?')


_ID = rf'(?="[^"]{{1,{ID_LENGTH_MAX}}}"){_quoted(ID)}'
_AMOUNT = _number(DIGITS_BEFORE_POINT_MAX)
_INSTANT = _quoted(
    r"(?:19[0-9]{2}|2[01][0-9]{2}|2200)-[01][0-9]-[0-3][0-9]"
    r"(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))?"
)
_PATTERNS = {
    "transaction_id": _ID,
    "portfolio_id": _ID,
    "security_id": _ID,
    "transaction_type": _quoted("[A-Z_]+"),
    "transaction_date": _INSTANT,
    "trade_currency": _quoted(CURRENCY),
    "quantity": _AMOUNT,
    "price": _AMOUNT,
    "gross_transaction_amount": _AMOUNT,
    "trade_fee": _AMOUNT,
    "fx_rate": _number(RATE_DIGITS_BEFORE_POINT_MAX),
    "instrument_id": _optional(_ID),
    "settlement_date": _optional(_INSTANT),
    "currency": _optional(_quoted(CURRENCY)),
    "version": _optional('"?([1-9][0-9]{0,9})"?'),
}
# One expression over all fields costs less than half of one for each (1.4 and 3.4 us).
_event = re.compile("\n".join(_PATTERNS[name] for name in FIELDS)).fullmatch
_struct = msgspec.json.Decoder(_Event).decode
_texts = msgspec.structs.astuple


def read_at_once(value: bytes | None) -> Transaction | None:
    """A valid event of the usual form; None for everything else, valid or not."""
    return _at_once(value, _transaction)


def identify_at_once(value: bytes | None) -> Identified | None:
    """Likewise."""
    return _at_once(value, _identity)


def _at_once(value: bytes | None, make: Callable[..., T | None]) -> T | None:
    """What is made of the texts of the fields, which come in the order of FIELDS."""
    if value is None or len(value) > MESSAGE_BYTES_MAX:
        return None
    try:
        text = b"\n".join(_texts(_struct(value))).decode("ascii")
        match = _event(text)
        # Of a field given twice only the last is in `text`, so the message has more quotes than
        # the text and the names in it: every field has those of its name, whatever its value.
        if match is None or value.count(b'"') != text.count('"') + 2 * (
            len(FIELDS) - text.count("~")
        ):
            return None
        return make(*match.groups())
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _type_of(
    type_name: str, quantity: Decimal | None, price: Decimal | None, gross_amount: Decimal | None
) -> TransactionType | None:
    """The type, if it is served by these."""
    kind = TYPES.get(type_name)
    # Units and an amount satisfy every type.
    if kind is None or (quantity and not (gross_amount is None and price is None)):
        return kind
    if any(_quantity_breaks(kind, quantity)):
        return None
    return None if any(_amount_breaks(kind, quantity, price, gross_amount)) else kind


def _identity(
    transaction_id: str, portfolio_id: str, _security_id: str, type_name: str, traded: str,
    _trade_currency: str, units: str | None, unit_price: str | None, gross: str | None,
    _fee: str | None, fx: str | None, _instrument_id: str | None, settled: str | None,
    _currency: str | None, version_text: str | None,
) -> Identified | None:  # fmt: skip
    """That of the transaction that `_transaction` makes of these texts."""
    quantity = Decimal(units) if units else None
    price = Decimal(unit_price) if unit_price else None
    gross_amount = Decimal(gross) if gross else None
    version = int(version_text) if version_text else 1
    if version > VERSION_MAX or (fx and not Decimal(fx)):
        return None
    if _type_of(type_name, quantity, price, gross_amount) is None:
        return None
    _moment(traded)
    if settled:
        _moment(settled)
    return Identified(transaction_id, portfolio_id, version)


def _transaction(
    transaction_id: str, portfolio_id: str, security_id: str, type_name: str, traded: str,
    trade_currency: str, units: str | None, unit_price: str | None, gross: str | None,
    fee: str | None, fx: str | None, instrument_id: str | None, settled: str | None,
    currency: str | None, version_text: str | None,
) -> Transaction | None:  # fmt: skip
    """The transaction of these texts, if its type is served by them."""
    quantity = Decimal(units) if units else None
    price = Decimal(unit_price) if unit_price else None
    gross_amount = Decimal(gross) if gross else None
    fx_rate = Decimal(fx) if fx else None
    version = int(version_text) if version_text else 1
    kind = _type_of(type_name, quantity, price, gross_amount)
    if kind is None or version > VERSION_MAX or (fx and not fx_rate):
        return None
    moment = _moment(traded)
    settled_at = _moment(settled) if settled else None
    transaction = Transaction(
        transaction_id=transaction_id, portfolio_id=portfolio_id, security_id=security_id,
        transaction_type=kind, transaction_date=moment, trade_currency=trade_currency,
        quantity=quantity, price=price, gross_transaction_amount=gross_amount,
        trade_fee=Decimal(fee) if fee else ZERO, fx_rate=fx_rate, instrument_id=instrument_id,
        settlement_date=settled_at, currency=currency, version=version,
    )  # fmt: skip
    encoded = inputs_of_texts(
        transaction_id, portfolio_id, security_id, type_name, traded, trade_currency, units,
        unit_price, gross, fee, fx, instrument_id, settled, currency, version, moment, settled_at,
    )  # fmt: skip
    object.__setattr__(transaction, "encoded", encoded)
    return transaction


def _moment(text: str) -> datetime:
    """The instant of a text that has the form of one; ValueError where there is none."""
    if len(text) == len("YYYY-MM-DD"):
        return _midnight(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
        if not FIRST_INSTANT <= moment < END_OF_INSTANTS:
            raise ValueError(text)
    return moment


@lru_cache(maxsize=16_384)
def _midnight(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
