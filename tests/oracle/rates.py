"""Which exchange rate a transaction is booked with, read from the contract alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from tests.oracle.booking import r
from tests.oracle.decode import (
    Readers,
    Record,
    RefusedError,
    Trade,
    a_code,
    a_date,
    a_version,
    an_fx_rate,
    members_of,
    read_fields,
)

FIELDS: Readers = {
    "from_currency": a_code,
    "to_currency": a_code,
    "rate_date": a_date,
    "rate": an_fx_rate,
    "version": a_version,
}
DIGITS_LIMIT = 10**9

Quoted = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """The settings that say which rate may stand in for one that is missing."""

    cross: str | None = "USD"
    age_max: int = 7  # days


def content_of(value: bytes | None) -> dict[str, object] | None:
    """The fields of a rate; None where the record is not one."""
    try:
        members = members_of(value)
    except RefusedError:
        return None
    fields, bad = read_fields(members, FIELDS)
    if fields["version"] is None:
        fields["version"] = 1
    if bad or None in fields.values() or fields["from_currency"] == fields["to_currency"]:
        return None
    return fields


def quotes_of(records: Iterable[Record], rule: Rule) -> "Quotes":
    """The rates in force after all records, in the order of their topic."""
    *_, last = quotes_after_each(records, rule)
    return last


def quotes_after_each(records: Iterable[Record], rule: Rule) -> Iterator["Quotes"]:
    """The rates in force before the first record, and after each."""
    known: dict[Quoted, Fraction] = {}
    versions: dict[Quoted, int] = {}
    yield Quotes({}, rule)
    for record in records:
        content = content_of(record.value)
        if content is not None:
            identity = content["from_currency"], content["to_currency"], content["rate_date"]
            version = int(str(content["version"]))
            if version > versions.get(identity, 0):
                versions[identity] = version
                known = known | {identity: Fraction(str(content["rate"]))}
        yield Quotes(known, rule)


class Quotes:
    """Rates by (from_currency, to_currency, rate_date)."""

    def __init__(self, quotes: Mapping[Quoted, Fraction], rule: Rule) -> None:
        self.quotes, self.rule = quotes, rule

    def of_day(self, one: str, other: str, day: date) -> Fraction | None:
        """The rate between two currencies that a quote of this day gives, direct before inverse."""
        if (one, other, day) in self.quotes:
            return self.quotes[one, other, day]
        if (other, one, day) in self.quotes:
            return 1 / self.quotes[other, one, day]
        return None

    def candidates(self, one: str, other: str, day: date) -> list[Fraction | None]:
        """In the order of the contract: direct, inverse, through the cross currency."""
        direct = self.quotes.get((one, other, day))
        inverse = self.quotes.get((other, one, day))
        found: list[Fraction | None] = [direct, None if inverse is None else 1 / inverse]
        cross = self.rule.cross
        if cross is not None and cross != one and cross != other:
            first, second = self.of_day(one, cross, day), self.of_day(cross, other, day)
            found.append(None if first is None or second is None else first * second)
        return found

    def rate_on(self, one: str, other: str, day: date) -> tuple[date, Fraction] | None:
        """The rate between two different currencies, and the newest day that has one."""
        for _ in range(self.rule.age_max + 1):
            for exact in self.candidates(one, other, day):
                if exact is not None and 0 < r(exact) < DIGITS_LIMIT:
                    return day, r(exact)
            day -= timedelta(days=1)
        return None

    def rate_for(self, trade: Trade, base_currency: str, used: bool) -> Fraction | None:
        """The rate that is looked up for a transaction; None where none is needed or found."""
        if not used or trade.fx_rate is not None or trade.trade_currency == base_currency:
            return None
        day = trade.transaction_date.date()
        found = self.rate_on(trade.trade_currency, base_currency, day)
        return None if found is None else found[1]
