"""What is cash in a portfolio, and which holdings move it."""

from enum import Enum, StrEnum

CASH_SUFFIX = "~cash"  # no id that comes in contains `~`


class CashManagement(StrEnum):
    """Whether a portfolio keeps cash, and who moves it."""

    SECURITIES_ONLY = "securities_only"  # none is kept: `CASH` is a security like any other
    EXPLICIT = "explicit"  # the transactions sent for a cash holding move it
    AUTOMATIC = "automatic"  # and so do trades, income, fees and taxes of all other holdings


class CashRole(Enum):
    """What a holding has to do with cash."""

    NONE = "none"
    HELD = "held"  # it is cash: one signed pool
    MOVED = "moved"  # it is none, and its transactions move cash


def cash_role(management: CashManagement, security_id: str) -> CashRole:
    if management is CashManagement.SECURITIES_ONLY:
        return CashRole.NONE
    if _is_cash_id(security_id):
        return CashRole.HELD
    return CashRole.MOVED if management is CashManagement.AUTOMATIC else CashRole.NONE


def _is_cash_id(security_id: str) -> bool:
    """Whether it is `CASH`, or `CASH_` and three letters A-Z."""
    name, bar, currency = security_id.partition("_")
    is_currency = len(currency) == 3 and currency.isascii() and currency.isalpha()
    return name == "CASH" and (not bar or (is_currency and currency.isupper()))


def cash_holding(currency: str) -> str:
    """security_id of the holding that trades in this currency move."""
    return f"CASH_{currency}"


def cash_entry_id(transaction_id: str) -> str:
    """transaction_id of the cash entry that a transaction causes."""
    return transaction_id + CASH_SUFFIX


def cause_of(transaction_id: str) -> str | None:
    """transaction_id of what caused a cash entry; None for what came in."""
    return (
        transaction_id.removesuffix(CASH_SUFFIX) if transaction_id.endswith(CASH_SUFFIX) else None
    )
