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


def cash_role(management: CashManagement, security_id: str, *, is_cash: bool) -> CashRole:
    """`is_cash`: by its instrument. One that is named so is cash whatever its instrument says."""
    if management is CashManagement.SECURITIES_ONLY:
        return CashRole.NONE
    if is_cash or is_named_cash(security_id):
        return CashRole.HELD
    return CashRole.MOVED if management is CashManagement.AUTOMATIC else CashRole.NONE


def is_named_cash(security_id: str) -> bool:
    """Whether it is `CASH`, or `CASH_` and three letters A-Z."""
    return security_id == "CASH" or named_currency(security_id) is not None


def named_currency(security_id: str) -> str | None:
    """The currency that cash has by its name: of `CASH_` and three letters A-Z the letters."""
    name, _, currency = security_id.partition("_")
    is_code = len(currency) == 3 and currency.isascii() and currency.isalpha()
    return currency if name == "CASH" and is_code and currency.isupper() else None


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
