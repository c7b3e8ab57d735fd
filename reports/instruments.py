"""What securities are, as far as it is known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from calculator.cash import is_named_cash, named_currency
from calculator.money import ONE
from reports.snapshot import Snapshot
from wire.reference import is_cash_class

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
        is_classed = is_cash_class(self.asset_class, self.product_type)
        return is_classed or is_named_cash(self.security_id)

    @property
    def cash_currency(self) -> str | None:
        """What it is money of, where the name or the instrument tells."""
        return named_currency(self.security_id) or self.instrument_currency


def read_instruments(snapshot: Snapshot, security_ids: Iterable[str]) -> Mapping[str, Instrument]:
    """One of each id; of one that is not known the id alone."""
    wanted = list(security_ids)
    known = {row[0]: Instrument(*row) for row in snapshot.rows(_READ, wanted)}
    return {each: known.get(each) or unknown(each) for each in wanted}


def unknown(security_id: str) -> Instrument:
    """What is known of one without an instrument: cash is told by its name."""
    return Instrument(security_id, asset_class="Cash" if is_named_cash(security_id) else None)
