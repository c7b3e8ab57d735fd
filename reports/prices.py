"""The latest price of securities on a day."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from reports.snapshot import Snapshot

# Backwards along the primary key, two steps at most.
_READ = """
SELECT latest.security_id, latest.price_date, latest.price, latest.currency
FROM unnest(%s::text[]) AS wanted (security_id)
CROSS JOIN LATERAL (
    SELECT security_id, price_date, price, currency FROM market_prices
    WHERE security_id = wanted.security_id AND price_date <= %s
    ORDER BY price_date DESC LIMIT 1
) AS latest
"""


class Price(NamedTuple):
    """What one unit cost, and when."""

    price_date: date
    price: Decimal
    currency: str


def read_prices(snapshot: Snapshot, security_ids: Iterable[str], day: date) -> Mapping[str, Price]:
    """The latest on or before the day, however old; none of those without."""
    rows = snapshot.rows(_READ, list(security_ids), day)
    return {security_id: Price(*rest) for security_id, *rest in rows}


def day_before(day: date) -> date:
    return day - timedelta(days=1)
