"""Events as text: how tests write them, and Hypothesis strategies for odd ones."""

import json
from datetime import date

from hypothesis import strategies as st

BUY: dict[str, object] = {
    "transaction_id": "T1",
    "portfolio_id": "P1",
    "security_id": "S1",
    "transaction_type": "BUY",
    "transaction_date": "2024-01-02T03:04:05Z",
    "quantity": "10",
    "price": "1.5",
    "trade_currency": "USD",
}
FULL: dict[str, object] = BUY | {
    "instrument_id": "I 1",
    "settlement_date": "2024-01-04",
    "gross_transaction_amount": "15.01",
    "trade_fee": "0.50",
    "currency": "EUR",
    "fx_rate": "1.0921",
    "version": 3,
}
CANCEL: dict[str, object] = {
    "transaction_id": "T1",
    "portfolio_id": "P1",
    "transaction_type": "CANCEL",
    "version": 2,
}
PORTFOLIO: dict[str, object] = {
    "portfolio_id": "P1",
    "base_currency": "USD",
    "cost_basis_method": "FIFO",
}


def text_of(event: dict[str, object]) -> bytes:
    return json.dumps(event).encode()


def with_token(event: dict[str, object], field: str, token: str) -> bytes:
    """The event with a JSON token put in exactly as it is written."""
    return json.dumps(event | {field: "@@"}).replace('"@@"', token).encode("utf-8", "surrogatepass")


def _quoted(*texts: str) -> tuple[str, ...]:
    return tuple(f'"{text}"' for text in texts)


def odd(*tokens: str) -> st.SearchStrategy[str]:
    return st.sampled_from(tokens)


# Tokens that fit no field, or only some.
_ANYTHING = (
    "null", "true", "false", "[]", "{}", '""', '" "', "0", "-0", "-1", "1", "1.0", "1e3", "01", "~",
    '"~"', '"null"', '"a\\nb"', '"\\u0000"', '"\\ud800"', '"\\"', '"x\\"y"', '{"a":1,"a":2}',
    '["\\""]', '"\u0661"', "-Infinity", '"2024-01-01"', '"A"', '"USD"', '"BUY"', '"é"', "9" * 400,
    "NaN", '"\ud800"', '"a\nb"',
)  # fmt: skip
_IDS = _quoted(
    "a" * 128, "a" * 129, "a " * 64 + "a", "a " * 63 + "aa", " a", "a ", "a  b", "a\\n", "a\\u0041",
    "a/b", "a,b", "A.z_0:9@-",
)  # fmt: skip
_NUMBERS = (
    "0", "0.0", "-0", "-0.00", "-1", "1e2", "00", "01", "1.", ".5", "+1", "1_0", "NaN", " 1", "1 ",
    "0.000000000001", "0.0000000000001", "999999999.999999999999", "1000000000", "1.50", "100",
    "999999999999999.999999999999", "1000000000000000", "1E2", "Infinity", "1\\n", "0x1", "1,5",
)  # fmt: skip
_AMOUNTS = _NUMBERS + _quoted(*_NUMBERS)
_DAYS = (
    "1899-12-31", "1900-01-01", "2200-12-31", "2201-01-01", "2024-02-29", "2024-02-30",
    "2023-02-29",    "0000-01-01", "9999-12-31", "2024-13-01", "2024-00-10", "2024-01-00",
    "20240101", "2024-W01-1",
    "2024-1-1", "0001-01-01",
)  # fmt: skip
_TIMES = (
    "T00:00:00", "T23:59:59", "T23:59:60", "T24:00:00", "T12:30:15.5", "T12:30:15.123456", "T12:30",
    "T12:30:15.1234567", "T12:30:15,5", "T12:30:15.", "T00:30:00", "T12:60:00", "t01:02:03",
    "T1:2:3",    " 01:02:03", "T010203", "01:02:03", "T23:30:00", "T-1:00:00",
)  # fmt: skip
_OFFSETS = (
    "Z", "z", "+00:00", "-00:00", "+01:00", "-01:00", "+23:59", "-23:59", "+24:00", "+05:60", "",
    "+0530", "+05", "UTC", "Z\\n", " Z",
)  # fmt: skip
_DATES = _quoted(
    *_DAYS,
    *(day + "T00:30:00" + offset for day in _DAYS for offset in ("Z", "+01:00", "-23:59")),
    *(day + "T23:30:00" + offset for day in _DAYS for offset in ("Z", "-01:00", "+23:59")),
    *("2024-01-02" + time + offset for time in _TIMES for offset in _OFFSETS),
)
_CURRENCIES = _quoted("USD", "EUR", "usd", "USDX", "US", "USD\\n", "U1D", "ÄÖÜ")
_TYPES = _quoted(
    "BUY", "SELL", "TRANSFER_IN", "TRANSFER_OUT", "DEPOSIT", "WITHDRAWAL", "DIVIDEND", "INTEREST",
    "FEE", "TAX", "CANCEL", "buy", "SHORT", "BUY ", "Kind.BUY",
)  # fmt: skip
_WHOLE = ("1", "2", "2147483647", "2147483648", "4294967297", "0", "1.0", "2e0", "02", "-1", "+1")
_VERSIONS = _WHOLE + _quoted(*_WHOLE, " 1", "1\\n", "\u0661")

ODD_TOKENS: dict[str, tuple[str, ...]] = {
    "transaction_id": _IDS,
    "portfolio_id": _IDS,
    "security_id": _IDS,
    "transaction_type": _TYPES,
    "transaction_date": _DATES,
    "trade_currency": _CURRENCIES,
    "quantity": _AMOUNTS,
    "price": _AMOUNTS,
    "gross_transaction_amount": _AMOUNTS,
    "trade_fee": _AMOUNTS,
    "fx_rate": _AMOUNTS,
    "instrument_id": _IDS,
    "settlement_date": _DATES,
    "currency": _CURRENCIES,
    "version": _VERSIONS,
}
ODD_TOKENS = {name: tokens + _ANYTHING for name, tokens in ODD_TOKENS.items()}

_ids = st.text("AZaz09._:@-", min_size=1, max_size=8).map(lambda text: f'"{text}"')
_decimals = st.builds(
    "{}{}".format,
    st.integers(0, 10**9),
    st.just("") | st.text("019", max_size=12).map(".{}1".format),
).flatmap(lambda text: st.sampled_from([text, f'"{text}"']))
_dates = st.builds(
    '"{}{}"'.format,
    st.dates(date(1900, 1, 2), date(2200, 12, 30)),
    st.just("") | st.times().map("T{:%H:%M:%S.%f}Z".format) | st.just("T23:59:59+05:30"),
)
_NEEDED = ("transaction_id", "portfolio_id", "security_id", "transaction_type", "transaction_date",
           "trade_currency")  # fmt: skip
FITTING = {
    "transaction_id": _ids,
    "portfolio_id": _ids,
    "security_id": _ids,
    "transaction_type": odd(*_TYPES[:11]),
    "transaction_date": _dates,
    "trade_currency": odd('"USD"', '"EUR"'),
    "quantity": _decimals,
    "price": _decimals,
    "gross_transaction_amount": _decimals,
    "trade_fee": _decimals,
    "fx_rate": _decimals,
    "instrument_id": _ids | st.just("null"),
    "settlement_date": _dates,
    "currency": odd('"USD"', "null"),
    "version": st.integers(1, 2**31 - 1).map(str),
}
GOOD_TOKENS = {name: json.dumps(value) for name, value in FULL.items()}
_SPACE = odd("", "", "", " ", "\n", " \t\r\n")
_STRANGE_NAMES = odd("quantity ", "Quantity", "", "\\u0071uantity", "note", '\\"', "\\ud800", "~")


@st.composite
def near_valid(draw: st.DrawFn) -> bytes:
    """The text of an event; in half of them something is odd, given twice, unknown or absent."""
    absent = draw(st.sets(odd(*(name for name in FITTING if name not in _NEEDED)), max_size=4))
    members = [(name, GOOD_TOKENS[name]) for name in FITTING if name not in absent]
    for name in draw(st.lists(odd(*FITTING), max_size=5, unique=True)):
        members = [member for member in members if member[0] != name]
        members.append((name, draw(FITTING[name])))
    flaw = draw(odd("none", "none", "none", "odd", "odd", "twice", "unknown", "absent"))
    name = draw(odd(*FITTING))
    if flaw in ("odd", "absent"):
        members = [member for member in members if member[0] != name]
    if flaw in ("odd", "twice"):
        members.append((name, draw(odd(*ODD_TOKENS[name]))))
    if flaw == "unknown":
        members.append((draw(_STRANGE_NAMES), draw(odd(*_ANYTHING))))
    if draw(st.booleans()):
        members = draw(st.permutations(members))
    space = draw(_SPACE)
    text = ",".join(
        f'{space}"{name}"{draw(_SPACE)}:{space}{token}{space}' for name, token in members
    )
    return f"{space}{{{text}}}{space}".encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A near-valid text in which a few bytes were replaced, put in, taken out or repeated."""
    text = bytearray(draw(near_valid()))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        piece = draw(
            st.binary(max_size=3)
            | st.sampled_from(
                [b'"', b"\\", b",", b":", b"\n", b"}", b"\xff", b"\xef\xbb\xbf", b"0"]
            )
            | st.just(bytes(text[start:end]) * 2)
        )
        text[start:end] = piece
    return bytes(text)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
