"""How much of a portfolio is in few things."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.concentration import Concentration, concentration, grouped
from reports.instruments import read_instruments
from reports.limits import Limits
from reports.snapshot import Snapshot
from reports.summary import known_values
from reports.valuation import Quality, valuation_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """One of the largest, and its part of all, below zero where it is short."""

    name: str
    share: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentrated:
    """Fractions; shares are of gross exposure."""

    herfindahl_index: Decimal
    effective_number: Decimal
    largest: tuple[Largest, ...]
    largest_share: Decimal
    short: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioConcentration:
    """Null where nothing has a value."""

    portfolio_id: str
    on: date
    base_currency: str | None
    quality: Quality | None
    by_position: Concentrated | None
    by_issuer: Concentrated | None


def concentration_on(
    snapshot: Snapshot, portfolio_id: str, day: date, top: int, limits: Limits
) -> PortfolioConcentration | None:
    """None: there is no such portfolio."""
    valued = valuation_on(snapshot, portfolio_id, day, limits)
    if valued is None:
        return None
    values = known_values(valued)
    # What has no known issuer is taken for the only thing of its issuer.
    issuers = {
        each.security_id: each.issuer or each.security_id
        for each in read_instruments(snapshot, values).values()
    }
    return PortfolioConcentration(
        portfolio_id=portfolio_id,
        on=day,
        base_currency=valued.base_currency,
        quality=valued.total.quality if valued.total else None,
        by_position=_concentrated(values, top),
        by_issuer=_concentrated(grouped(values, issuers), top),
    )


def _concentrated(values: Mapping[str, Decimal], top: int) -> Concentrated | None:
    if not any(values.values()):
        return None
    return _told(concentration(values, top))


def _told(found: Concentration) -> Concentrated:
    return Concentrated(
        herfindahl_index=found.index,
        effective_number=found.effective_number,
        largest=tuple(Largest(name=name, share=share) for name, share in found.largest),
        largest_share=found.largest_share,
        short=found.short,
    )
