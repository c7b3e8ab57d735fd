"""Which transactions are external flows of a position and of a portfolio, and when on their day.

Data: one row for each type of transaction, with its reason. What is no flow stays inside, and what
it changes is gain or loss. Into the position or portfolio is positive.
"""

from dataclasses import dataclass
from enum import StrEnum

from calculator.cash import CashManagement


class Amount(StrEnum):
    """How much flows, in the currency of the series."""

    COST = "COST"  # net cost of what came in, fee included
    PROCEEDS = "PROCEEDS"  # gross amount less fee
    VALUE = "VALUE"  # the units at the price of the day
    INCOME = "INCOME"  # gross amount less fee
    CHARGE = "CHARGE"  # gross amount


class When(StrEnum):
    """On the day of the flow."""

    BEGIN = "BEGIN"
    END = "END"
    # What comes in and goes out on a day is netted: at its begin if more comes in, else at its end.
    NET = "NET"


@dataclass(frozen=True, slots=True)
class FlowRule:
    """One type of transaction as a flow."""

    sign: int  # 1: in, -1: out
    amount: Amount
    when: When
    reason: str


_SALE = "the position works until the end of the day, and is then worth what it was sold for"
_IN_KIND = "comes and goes at the value of the day: a book cost would show as a gain of that day"
_PAID_OUT = "income leaves the position as it is paid, and is its gain"
_PAID_IN = "is paid from elsewhere, so that it shows as a loss"
_MONEY = "money that is there works from the begin of its day"

# Of a position it is the same in every setting: what it pays and earns comes from outside of it.
OF_POSITION = {
    "BUY": FlowRule(
        1, Amount.COST, When.BEGIN, "the first day has capital, and what its price does after all"
    ),
    "SELL": FlowRule(-1, Amount.PROCEEDS, When.END, _SALE),
    "TRANSFER_IN": FlowRule(1, Amount.VALUE, When.END, _IN_KIND),
    "TRANSFER_OUT": FlowRule(-1, Amount.VALUE, When.END, _IN_KIND),
    "DEPOSIT": FlowRule(1, Amount.VALUE, When.BEGIN, _MONEY),
    "WITHDRAWAL": FlowRule(-1, Amount.VALUE, When.END, "money works until it leaves"),
    "DIVIDEND": FlowRule(-1, Amount.INCOME, When.END, _PAID_OUT),
    "INTEREST": FlowRule(-1, Amount.INCOME, When.END, _PAID_OUT),
    "FEE": FlowRule(1, Amount.CHARGE, When.END, _PAID_IN),
    "TAX": FlowRule(1, Amount.CHARGE, When.END, _PAID_IN),
}
# Where cash is kept, these move a cash holding itself.
KEPT_IN_CASH = frozenset({"DIVIDEND", "INTEREST", "FEE", "TAX"})

_NETTED = "what is sold to buy something else never left: only the rest comes from outside"
_PAID_AND_NETTED = "there is no cash that it could go to, but what it buys that day never left"
# Of a portfolio. Where cash is kept and the books move it, the two sides of a trade or payment stay
# within: neither is a flow, unless the other side has no known value.
OF_PORTFOLIO = {
    "BUY": FlowRule(1, Amount.COST, When.NET, _NETTED),
    "SELL": FlowRule(-1, Amount.PROCEEDS, When.NET, _NETTED),
    "TRANSFER_IN": OF_POSITION["TRANSFER_IN"],
    "TRANSFER_OUT": OF_POSITION["TRANSFER_OUT"],
    "DEPOSIT": FlowRule(1, Amount.VALUE, When.NET, _NETTED),
    "WITHDRAWAL": FlowRule(-1, Amount.VALUE, When.NET, _NETTED),
    "DIVIDEND": FlowRule(-1, Amount.INCOME, When.NET, _PAID_AND_NETTED),
    "INTEREST": FlowRule(-1, Amount.INCOME, When.NET, _PAID_AND_NETTED),
    "FEE": FlowRule(1, Amount.CHARGE, When.END, "there is no cash that it could be paid from"),
    "TAX": FlowRule(1, Amount.CHARGE, When.END, "there is no cash that it could be paid from"),
}


def is_flow_of_position(transaction_type: str, setting: CashManagement, *, is_cash: bool) -> bool:
    """Income, fees and taxes of a cash holding that is kept stay in it, as gain or loss."""
    is_kept = is_cash and setting is not CashManagement.SECURITIES_ONLY
    return not (is_kept and transaction_type in KEPT_IN_CASH)
