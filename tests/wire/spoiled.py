"""Events as text, respelled and spoiled at random: many a second, for runs of millions."""

import json
from random import Random

from tests.wire.events import BUY, CANCEL, FULL, ODD_TOKENS, PORTFOLIO, text_of, with_token
from wire.fields import DIGITS_AFTER_POINT_MAX
from wire.transactions import TYPES

Event = dict[str, object]

PORTFOLIO_FULL: Event = PORTFOLIO | {
    "cash_management": "automatic",
    "name": "Ünsere Familie 家 😀",
    "client_id": 'C/1, \\ "2"',
    "booking_center": "x" * 256,
    "opened_on": "2020-02-29",
    "version": "7",
}
EVENTS: list[Event] = [
    BUY,
    FULL,
    CANCEL,
    PORTFOLIO,
    PORTFOLIO_FULL,
    *(FULL | {"transaction_type": name} for name in TYPES),
    FULL | {"transaction_type": "CANCEL", "quantity": None},
]
AMOUNTS = ("quantity", "price", "gross_transaction_amount", "trade_fee", "fx_rate")
PIECES = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"9", b"-", b".", b"e9", b"E+2", b" ", b"\n", b"\t",
    b"\x00", b"\x7f", b"\x80", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf",
    "é".encode(), "\u0661".encode(), "\uff11".encode(), "\u2028".encode(), "\u202e".encode(), "\U0001d7d8".encode(),
    b"\\u0000", b"\\u0031", b"\\ud83d", b"\\ude00", b"\\ud83d\\ude00", b"\\/", b"\\x41", b"\\u00", b"null", b"true",
    b"NaN", b"-0", b"1e400", b"9" * 400, b'"version":2,', b'"quantity":"1",', b"/**/", b"'", b'""', b"\\\"",
]  # fmt: skip
ENCODINGS = ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7"]


def respelled(random: Random, event: Event) -> bytes:
    """The same event in another spelling that JSON and the rules allow."""
    members = list(event.items())
    random.shuffle(members)

    def space() -> str:
        return random.choice(["", "", " ", "\r\n\t"])

    texts = [
        space() + _quoted(random, name) + space() + ":" + space() + _token(random, name, value)
        for name, value in members
    ]
    return f"{space()}{{{','.join(texts)}{space()}}}{space()}".encode()


def _token(random: Random, name: str, value: object) -> str:
    if name in AMOUNTS and isinstance(value, str):
        number = _with_zeros(random, value)
        return number if random.random() < 0.5 else _quoted(random, number)
    if name == "version" and value is not None:
        return str(value) if random.random() < 0.5 else _quoted(random, str(value))
    return _quoted(random, value) if isinstance(value, str) else json.dumps(value)


def _with_zeros(random: Random, number: str) -> str:
    """The same number with zeros behind the point."""
    whole, _, fraction = number.partition(".")
    room = DIGITS_AFTER_POINT_MAX - len(fraction)
    fraction += "0" * random.randint(0, room)
    return f"{whole}.{fraction}" if fraction else whole


def _quoted(random: Random, text: str) -> str:
    share = random.choice([0, 0, 0.1, 1])
    return '"' + "".join(_escaped(random, one, share) for one in text) + '"'


def _escaped(random: Random, character: str, share: float) -> str:
    if random.random() >= share:
        return json.dumps(character, ensure_ascii=False)[1:-1]
    units = character.encode("utf-16-be").hex()
    if random.random() < 0.5:
        units = units.upper()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def spoiled(random: Random) -> bytes:
    """The text of an event to which a few things happened; not all of them do harm."""
    event = random.choice(EVENTS)
    text = respelled(random, event) if random.random() < 0.3 else text_of(event)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        text = random.choice(HARMS)(random, text)
    return text


def _digit_changed(random: Random, text: bytes) -> bytes:
    """Mostly another event that is as good as the one before."""
    digits = [at for at, one in enumerate(text) if one in b"0123456789"]
    if not digits:
        return text
    at = random.choice(digits)
    return text[:at] + random.choice(b"0123456789").to_bytes() + text[at + 1 :]


def _piece_put_in(random: Random, text: bytes) -> bytes:
    start = random.randint(0, len(text))
    return text[:start] + random.choice(PIECES) + text[start + random.choice([0, 0, 1, 3]) :]


def _bit_flipped(random: Random, text: bytes) -> bytes:
    if not text:
        return text
    at = random.randrange(len(text))
    return text[:at] + bytes([text[at] ^ (1 << random.randrange(8))]) + text[at + 1 :]


def _cut_off(random: Random, text: bytes) -> bytes:
    return text[: random.randint(0, len(text))]


def _repeated(random: Random, text: bytes) -> bytes:
    start = random.randint(0, len(text))
    end = start + random.randint(0, 40)
    return text[:end] + text[start:]


def _taken_out(random: Random, text: bytes) -> bytes:
    start = random.randint(0, len(text))
    return text[:start] + text[start + random.randint(1, 40) :]


def _odd_value(random: Random, text: bytes) -> bytes:
    """A new event with a value that fits a field, perhaps another one."""
    name = random.choice(list(ODD_TOKENS))
    token = random.choice(ODD_TOKENS[random.choice([name, name, *ODD_TOKENS])])
    return with_token(random.choice(EVENTS), name, token)


def _given_twice(random: Random, text: bytes) -> bytes:
    name = random.choice(list(ODD_TOKENS))
    member = f'"{name}":{random.choice(ODD_TOKENS[name])}'.encode("utf-8", "surrogatepass")
    if random.random() < 0.5:
        return b"{" + member + b"," + text[1:]
    return text[:-1] + b"," + member + b"}"


def _spliced(random: Random, text: bytes) -> bytes:
    other = text_of(random.choice(EVENTS))
    return text[: random.randint(0, len(text))] + other[random.randint(0, len(other)) :]


def _other_encoding(random: Random, text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode(random.choice(ENCODINGS), "replace")


def _nested(random: Random, text: bytes) -> bytes:
    depth = 20_000 if random.random() < 0.02 else random.randint(1, 3)
    opening, closing = random.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return opening * depth + text + closing * depth


HARMS = [
    *[_digit_changed] * 6,
    _piece_put_in, _piece_put_in, _piece_put_in, _bit_flipped, _bit_flipped, _cut_off, _repeated,
    _taken_out, _odd_value, _odd_value, _given_twice, _spliced, _other_encoding, _nested,
]  # fmt: skip
