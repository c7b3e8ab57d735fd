"""Rules of single fields that only reference data has: codes, booleans, multipliers."""

import re
from decimal import Decimal

from wire.fields import Broken, Rule, amount, not_text, shown

ISIN = "[A-Z]{2}[A-Z0-9]{9}[0-9]"
COUNTRY = "[A-Z]{2}"
_isin = re.compile(ISIN).fullmatch
_country = re.compile(COUNTRY).fullmatch
_BOOLEANS = {"true": True, "false": False}


def isin(value: object) -> str | Broken:
    """An ISO 6166 code."""
    if type(value) is not str:
        return not_text(value)
    if not _isin(value):
        return Broken(
            Rule.ISIN_MUST_BE_TWELVE_CHARACTERS,
            f"{shown(value)} is not two letters A-Z, nine of A-Z 0-9, and a digit",
        )
    digit = check_digit(value[:-1])
    if value[-1] != digit:
        return Broken(
            Rule.ISIN_MUST_HAVE_ITS_CHECK_DIGIT, f"{shown(value)} would have to end in {digit}"
        )
    return value


def check_digit(code: str) -> str:
    """The last character of the ISIN that begins like this."""
    # Letters count as two digits, A as 10; from the right every other digit is doubled, and the
    # digits of all are added up (ISO 6166, annex A).
    digits = "".join(str(int(one, 36)) for one in code)
    doubled = "".join(
        str(int(digit) * 2) if place % 2 == 0 else digit
        for place, digit in enumerate(reversed(digits))
    )
    return str(-sum(map(int, doubled)) % 10)


def country_code(value: object) -> str | Broken:
    """An ISO 3166-1 alpha-2 code, by its form."""
    if type(value) is not str:
        return not_text(value)
    if not _country(value):
        return Broken(Rule.COUNTRY_MUST_BE_TWO_CAPITALS, f"{shown(value)} is not two letters A-Z")
    return value


def boolean(value: object) -> bool | Broken:
    """true or false, or its text, as a cell of CSV has it."""
    if isinstance(value, bool):
        return value
    if type(value) is str and value in _BOOLEANS:
        return _BOOLEANS[value]
    return Broken(Rule.BOOLEAN_MUST_BE_TRUE_OR_FALSE, f"{shown(value)} is neither true nor false")


def multiplier(value: object) -> Decimal | Broken:
    """A decimal > 0."""
    read = amount(value)
    if isinstance(read, Decimal) and not read:
        return Broken(Rule.MULTIPLIER_MUST_BE_POSITIVE, f"{shown(value)} is not above zero")
    return read
