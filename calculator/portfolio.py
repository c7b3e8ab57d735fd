"""What is known of a portfolio: its base currency and how it relieves lots."""

from dataclasses import dataclass
from datetime import date

from calculator.relief import ReliefMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """One version of a portfolio record. Two are equal when their content is."""

    portfolio_id: str
    base_currency: str  # ISO 4217
    cost_basis_method: ReliefMethod
    name: str | None = None
    client_id: str | None = None
    booking_center: str | None = None
    opened_on: date | None = None
    version: int = 1
