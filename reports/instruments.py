"""What securities are, as far as it is known."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from calculator.money import ONE
from reports.snapshot import Snapshot

_NAMED_CASH = re.compile(r"CASH(?:_([A-Z]{3}))?").fullmatch
_READ = """
SELECT security_id, name, instrument_currency, asset_class, product_type, sector, country_of_risk,
    rating, issuer, multiplier
FROM instruments WHERE security_id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Instrument:
    """None is not known."""

    security_id: str
    name: str | None = None
    instrument_currency: str | None = None
    asset_class: str | None = None
    product_type: str | None = None
    sector: str | None = None
    country_of_risk: str | None = None
    rating: str | None = None
    issuer: str | None = None
    multiplier: Decimal = ONE

    @property
    def is_cash(self) -> bool:
        """Money: by its class, or by its name."""
        classes = {(self.asset_class or "").casefold(), (self.product_type or "").casefold()}
        return "cash" in classes or _NAMED_CASH(self.security_id) is not None

    @property
    def cash_currency(self) -> str | None:
        """What it is money of, where the name or the instrument tells."""
        named = _NAMED_CASH(self.security_id)
        return self.instrument_currency if named is None or named[1] is None else named[1]


def read_instruments(snapshot: Snapshot, security_ids: Iterable[str]) -> Mapping[str, Instrument]:
    """One of each id; of one that is not known the id alone."""
    wanted = list(security_ids)
    known = {row[0]: Instrument(*row) for row in snapshot.rows(_READ, wanted)}
    return {each: known.get(each) or Instrument(each) for each in wanted}
