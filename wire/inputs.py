"""The fields of a transaction as its result repeats them, the beginning of the result's JSON.

Written once: a transaction that was read at once keeps the text, made of the very texts it was
read from. What is not in that form yet is brought into it here, the same either way.
"""

from datetime import datetime
from decimal import Decimal

from calculator import Cancellation, Transaction, plain

_LENGTH_OF_DATE = len("YYYY-MM-DD")
_LENGTH_OF_INSTANT = len("YYYY-MM-DDTHH:MM:SSZ")


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, ending in Z, without trailing zeros of a fraction."""
    text = moment.isoformat()[:-6]
    return (text.rstrip("0") if moment.microsecond else text) + "Z"


def text_or_null(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'


def number_or_null(value: Decimal | None) -> str:
    return "null" if value is None else f'"{plain(value)}"'


def instant_or_null(value: datetime | None) -> str:
    return "null" if value is None else f'"{instant(value)}"'


def inputs_of(content: Transaction | Cancellation) -> str:
    """The JSON object up to its field `version`, without its end."""
    if isinstance(content, Cancellation):
        return (
            f'{{"transaction_id":"{content.transaction_id}",'
            f'"portfolio_id":"{content.portfolio_id}","security_id":null,"instrument_id":null,'
            '"transaction_type":"CANCEL","transaction_date":null,"settlement_date":null,'
            '"quantity":null,"price":null,"gross_transaction_amount":null,"trade_fee":null,'
            f'"trade_currency":null,"currency":null,"fx_rate":null,"version":{content.version}'
        )
    if content.encoded is not None:
        assert isinstance(content.encoded, str)
        return content.encoded
    return _joined(
        content.transaction_id, content.portfolio_id, content.security_id,
        text_or_null(content.instrument_id), content.transaction_type.value,
        instant(content.transaction_date), instant_or_null(content.settlement_date),
        number_or_null(content.quantity), number_or_null(content.price),
        number_or_null(content.gross_transaction_amount), plain(content.trade_fee),
        content.trade_currency, text_or_null(content.currency), number_or_null(content.fx_rate),
        content.version,
    )  # fmt: skip


def inputs_of_texts(
    transaction_id: str, portfolio_id: str, security_id: str, type_name: str, traded: str,
    trade_currency: str, quantity: str | None, price: str | None, gross: str | None,
    fee: str | None, fx_rate: str | None, instrument_id: str | None, settled: str | None,
    currency: str | None, version: int, moment: datetime, settled_at: datetime | None,
) -> str:  # fmt: skip
    """The same, of texts that keep the rules of wire.fields, and the instants they mean."""
    return _joined(
        transaction_id, portfolio_id, security_id, text_or_null(instrument_id), type_name,
        _instant_text(traded, moment),
        "null" if settled is None or settled_at is None
        else f'"{_instant_text(settled, settled_at)}"',
        _number_text(quantity), _number_text(price), _number_text(gross),
        _shortest(fee) if fee else "0", trade_currency, text_or_null(currency),
        _number_text(fx_rate), version,
    )  # fmt: skip


def _joined(
    transaction_id: str, portfolio_id: str, security_id: str, instrument_id: str, type_name: str,
    traded: str, settled: str, quantity: str, price: str, gross: str, fee: str,
    trade_currency: str, currency: str, fx_rate: str, version: int,
) -> str:  # fmt: skip
    return (
        f'{{"transaction_id":"{transaction_id}","portfolio_id":"{portfolio_id}",'
        f'"security_id":"{security_id}","instrument_id":{instrument_id},'
        f'"transaction_type":"{type_name}","transaction_date":"{traded}",'
        f'"settlement_date":{settled},"quantity":{quantity},"price":{price},'
        f'"gross_transaction_amount":{gross},"trade_fee":"{fee}",'
        f'"trade_currency":"{trade_currency}","currency":{currency},"fx_rate":{fx_rate},'
        f'"version":{version}'
    )


def _number_text(text: str | None) -> str:
    return f'"{_shortest(text)}"' if text else "null"


def _shortest(text: str) -> str:
    """A number of plain digits, without trailing zeros of a fraction."""
    return text.rstrip("0").rstrip(".") if text[-1] == "0" and "." in text else text


def _instant_text(text: str, moment: datetime) -> str:
    if len(text) == _LENGTH_OF_DATE:
        return text + "T00:00:00Z"
    if len(text) == _LENGTH_OF_INSTANT and text[-1] == "Z":
        return text
    return instant(moment)
