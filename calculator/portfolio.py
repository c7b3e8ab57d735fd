"""What is known of a portfolio: its base currency and how it relieves lots."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date

from calculator.cash import CashManagement, CashRole, cash_role
from calculator.relief import ReliefMethod

_WITHOUT_CASH, _NO_ROLE = CashManagement.SECURITIES_ONLY, CashRole.NONE
Terms = tuple[ReliefMethod, str | None, CashRole]
"""Method, base currency (None: that of each transaction) and role. Cash is one pool whatever the
portfolio's method."""


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
    cash_management: CashManagement = CashManagement.SECURITIES_ONLY

    def has_terms_of(self, other: "Portfolio") -> bool:
        """Whether every holding is booked under the same."""
        return (
            self.cost_basis_method is other.cost_basis_method
            and self.base_currency == other.base_currency
            and self.cash_management is other.cash_management
        )

    def terms(self, security_id: str, cash_securities: Container[str] = ()) -> Terms:
        """What a holding is booked under. `cash_securities` are those that are cash by their
        instruments."""
        if self.cash_management is _WITHOUT_CASH:  # asked for with every event
            return self.cost_basis_method, self.base_currency, _NO_ROLE
        is_cash = security_id in cash_securities
        role = cash_role(self.cash_management, security_id, is_cash=is_cash)
        method = ReliefMethod.AVCO if role is CashRole.HELD else self.cost_basis_method
        return method, self.base_currency, role
