"""Which exchange rate a transaction is booked with, read from the contract alone."""

from collections.abc import Iterable
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


class Quotes:
    """The rates in force after all records, in the order of their topic."""

    def __init__(self, records: Iterable[Record], rule: Rule) -> None:
        self.rule = rule
        known: dict[tuple[object, ...], dict[str, object]] = {}
        for record in records:
            content = content_of(record.value)
            if content is None:
                continue
            identity = content["from_currency"], content["to_currency"], content["rate_date"]
            earlier = known.get(identity)
            if earlier is None or int(str(content["version"])) > int(str(earlier["version"])):
                known[identity] = content
        self.quotes = {key: Fraction(str(content["rate"])) for key, content in known.items()}

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

    def rate_for(self, trade: Trade, base_currency: str, used: bool) -> Fraction | None:
        """The rate that is looked up for a transaction; None where none is needed or found."""
        if not used or trade.fx_rate is not None or trade.trade_currency == base_currency:
            return None
        day = trade.transaction_date.date()
        for _ in range(self.rule.age_max + 1):
            for exact in self.candidates(trade.trade_currency, base_currency, day):
                if exact is not None and 0 < r(exact) < DIGITS_LIMIT:
                    return r(exact)
            day -= timedelta(days=1)
        return None
