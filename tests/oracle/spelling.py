"""One content, many texts: the ways in which producers may write the same event."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from random import Random

Content = dict[str, object]  # str, int, Decimal, date and aware datetime; absent fields left out

DEFAULTS: Content = {
    "version": 1,
    "trade_fee": Decimal(0),
    "cash_management": "securities_only",
}
OPTIONAL = ("instrument_id", "settlement_date", "currency")


def spelled(rng: Random, content: Content) -> bytes:
    """A JSON object that says the content, in an order and a spelling of its own."""
    names = [name for name in content if not (is_default(name, content) and rng.random() < 0.7)]
    rng.shuffle(names)
    members = [f"{json_text(rng, name)}:{json_value(rng, content[name])}" for name in names]
    if "transaction_id" in content and rng.random() < 0.1:
        members += [f'"{name}": null' for name in OPTIONAL if name not in content]
    comma, brace = rng.choice([(",", ""), (", ", ""), (" ,\n\t", "\n"), (",\r\n", " ")])
    return f"{brace}{{{brace}{comma.join(members)}{brace}}}{brace}".encode()


def is_default(name: str, content: Content) -> bool:
    """Whether leaving the field out says the same."""
    return name in DEFAULTS and content[name] == DEFAULTS[name]


def json_value(rng: Random, value: object) -> str:
    """A JSON literal for one value."""
    match value:
        case Decimal():
            return quoted_or_bare(rng, decimal_text(rng, value))
        case int():
            return quoted_or_bare(rng, str(value))
        case datetime():
            return json_text(rng, instant_text(rng, value))
        case date():
            return json_text(rng, value.isoformat())
        case _:
            return json_text(rng, str(value))


def quoted_or_bare(rng: Random, text: str) -> str:
    """A number as a JSON string or as a JSON number."""
    return f'"{text}"' if rng.random() < 0.6 else text


def json_text(rng: Random, text: str) -> str:
    """A JSON string, now and then with an escape that nobody needs."""
    if text and rng.random() < 0.03:
        at = rng.randrange(len(text))
        escape = f"\\u{ord(text[at]):04x}"
        return json.dumps(text[:at])[:-1] + escape + json.dumps(text[at + 1 :])[1:]
    return json.dumps(text)


def decimal_text(rng: Random, number: Decimal) -> str:
    """The number in plain digits, at times with trailing zeros."""
    text = f"{number:f}"
    if rng.random() < 0.2:
        text += "" if "." in text else "."
        room = 12 - len(text.split(".")[1])
        return (text + "0" * rng.randint(0, room)).rstrip(".")
    return text


def instant_text(rng: Random, instant: datetime) -> str:
    """The instant with `Z`, with some offset, or as a date where it is midnight."""
    if instant == instant.replace(hour=0, minute=0, second=0, microsecond=0):
        if rng.random() < 0.7:
            return instant.date().isoformat()
    elif rng.random() < 0.1:
        return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if rng.random() < 0.7:
        return without_zeros(instant.replace(tzinfo=None).isoformat()) + "Z"
    minutes = rng.choice([-720, -210, -60, 0, 60, 330, 345, 840])
    moved = instant.astimezone(timezone(timedelta(minutes=minutes)))
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    return without_zeros(moved.replace(tzinfo=None).isoformat()) + offset


def without_zeros(text: str) -> str:
    """The fraction of a second without its trailing zeros."""
    return text.rstrip("0") if "." in text else text


def random_instant(rng: Random, first: datetime, days: int) -> datetime:
    """Now a midnight, which many share, now any microsecond."""
    if rng.random() < 0.4:
        return first + timedelta(days=rng.randrange(0, days, 7))
    when = first + timedelta(seconds=rng.randrange(days * 86_400))
    if rng.random() < 0.5:
        when += timedelta(microseconds=rng.choice([1, 500_000, 123_456, 999_999]))
    return when.astimezone(UTC)
