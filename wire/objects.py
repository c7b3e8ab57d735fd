"""One JSON object: its fields read rule by rule, and everything that is wrong with it.

This is the reference: slow, complete, and what every faster reading has to agree with.
"""

import json
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import NoReturn, TypeVar

from wire.fields import Broken, FieldError, Members, Number, Rule, printable, shown

MESSAGE_BYTES_MAX = 64 * 1024
# A message may break a rule in every few bytes; nobody reads further, and records stay small.
ERRORS_MAX = 100

T = TypeVar("T")


class Form:
    """The fields of one object, and the errors found so far."""

    def __init__(self, members: Members, known: Collection[str]) -> None:
        self.errors: list[FieldError] = []
        self.left_off = 0
        self._values: dict[str, object] = {}
        self._bad: set[str] = set()
        for name, value in members:
            if name in self._bad:
                continue
            if name not in known:
                self.refuse(name, Rule.FIELD_MUST_BE_KNOWN, "there is no such field")
            elif name in self._values:
                self.refuse(name, Rule.FIELD_MUST_BE_GIVEN_ONCE, "the field is given twice")
            self._values[name] = value

    def refuse(self, name: str, rule: StrEnum, message: str) -> None:
        self._bad.add(name)
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(FieldError(printable(name), rule, message))
        else:
            self.left_off += 1

    def is_bad(self, *names: str) -> bool:
        """Whether the value of one of them could not be read."""
        return not self._bad.isdisjoint(names)

    def take(self, name: str, read: Callable[[object], T | Broken]) -> T | None:
        """The field's value; None where it is absent, null or broken."""
        value = self._values.get(name)
        if value is None or name in self._bad:
            return None
        result = read(value)
        if isinstance(result, Broken):
            self.refuse(name, result.rule, result.message)
            return None
        return result

    def need(self, name: str, read: Callable[[object], T | Broken]) -> T | None:
        """Likewise, and the field has to be there."""
        if self._values.get(name) is None and name not in self._bad:
            self.refuse(name, Rule.FIELD_MUST_BE_GIVEN, "the field is absent or null")
        return self.take(name, read)


def members_of(value: bytes | None) -> Members | FieldError:
    """Read one JSON object strictly; numbers stay text, repeated names stay visible."""
    if not value:
        return FieldError("", Rule.MESSAGE_MUST_BE_GIVEN, "the message is empty")
    if len(value) > MESSAGE_BYTES_MAX:
        return FieldError(
            "", Rule.MESSAGE_MUST_FIT, f"{len(value)} bytes are more than {MESSAGE_BYTES_MAX}"
        )
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return FieldError("", Rule.MESSAGE_MUST_BE_UTF8, f"byte {error.start} is not UTF-8")
    try:
        read: object = json.loads(
            text,
            object_pairs_hook=Members,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refuse_constant,
        )
    except ValueError as error:
        return FieldError("", Rule.MESSAGE_MUST_BE_JSON, str(error))
    except RecursionError:
        return FieldError("", Rule.MESSAGE_MUST_BE_JSON, "nested too deeply")
    if not isinstance(read, Members):
        what = "null" if read is None else shown(read)
        return FieldError("", Rule.MESSAGE_MUST_BE_AN_OBJECT, f"{what} is not a JSON object")
    return read


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
