"""Which securities are cash by their instruments, read from the contract alone."""

from collections.abc import Iterable
from decimal import Decimal

from tests.oracle.decode import (
    Readers,
    Record,
    RefusedError,
    a_code,
    a_date,
    a_text,
    a_version,
    an_id,
    decimal_of_digits,
    members_of,
    read_fields,
)

FIELDS: Readers = {
    "security_id": an_id,
    "name": a_text,
    "isin": a_text,
    "instrument_currency": a_code,
    "asset_class": a_text,
    "product_type": a_text,
    "sector": a_text,
    "country_of_risk": a_text,
    "rating": a_text,
    "issuer": a_text,
    "maturity_date": a_date,
    "multiplier": decimal_of_digits(9),
    "version": a_version,
}


def content_of(value: bytes | None) -> dict[str, object] | None:
    """The fields of an instrument; None where the record is not one."""
    try:
        members = members_of(value)
    except RefusedError:
        return None
    fields, bad = read_fields(members, FIELDS)
    if bad or fields["security_id"] is None or fields["instrument_currency"] is None:
        return None
    return fields | {"version": fields["version"] or 1}


def cash_by_instrument(records: Iterable[Record]) -> set[str]:
    """After all records, in the order of their topic."""
    known: dict[str, dict[str, object]] = {}
    for record in records:
        content = content_of(record.value)
        if content is None:
            continue
        security_id = str(content["security_id"])
        earlier = known.get(security_id)
        if earlier is None or Decimal(str(content["version"])) > Decimal(str(earlier["version"])):
            known[security_id] = content
    return {
        security_id
        for security_id, content in known.items()
        if "cash" in {str(content[name]).lower() for name in ("asset_class", "product_type")}
    }
