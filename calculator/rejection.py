"""Why a transaction moves nothing for now.

Reasons stand in the order of precedence: where several apply, the first is given.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What became of a transaction."""

    BOOKED = "BOOKED"
    REJECTED = "REJECTED"  # the books do not allow it; booked by itself once they do
    PENDING = "PENDING"  # something is not known yet
    CANCELLED = "CANCELLED"


class Reason(StrEnum):
    """The requirement that is not met."""

    FX_RATE_MUST_BE_KNOWN = "fx_rate_must_be_known"
    TRADE_CURRENCY_MUST_MATCH_THE_HOLDING = "trade_currency_must_match_the_holding"
    QUANTITY_MUST_NOT_EXCEED_HOLDING = "quantity_must_not_exceed_holding"
    AMOUNT_MUST_FIT = "amount_must_fit"
    LOTS_MUST_FIT = "lots_must_fit"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A well-formed transaction that the books do not allow now. It is kept."""

    reason: Reason
    detail: str  # for people; says what is needed and what there is

    @property
    def status(self) -> Status:
        return Status.PENDING if self.reason is Reason.FX_RATE_MUST_BE_KNOWN else Status.REJECTED
