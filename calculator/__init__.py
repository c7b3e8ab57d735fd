"""Cost basis by tax lot. Pure: no I/O, no clock, no floats, standard library only.

Transactions may come in any order; the books are always those of booking order.

>>> from datetime import UTC, datetime
>>> from decimal import Decimal
>>> def trade(transaction_id, transaction_type, day, quantity, price):
...     return Transaction(
...         transaction_id=transaction_id, portfolio_id="P1", security_id="ACME",
...         transaction_type=transaction_type, transaction_date=datetime(2024, *day, tzinfo=UTC),
...         quantity=Decimal(quantity), price=Decimal(price), trade_currency="USD",
...     )
>>> ledger = Ledger()
>>> ledger.take(trade("B1", TransactionType.BUY, (1, 10), 10, 100))
<Taken.JOURNALLED: 'journalled'>
>>> ledger.take(trade("S1", TransactionType.SELL, (2, 1), 10, 150))
<Taken.JOURNALLED: 'journalled'>
>>> bought, sold = ledger.settle()
>>> plain(sold.outcome.realized_gain_loss)
'500'

A purchase that comes late is booked where it belongs, and what it changes is booked anew:

>>> ledger.take(trade("B0", TransactionType.BUY, (1, 5), 10, 50))
<Taken.JOURNALLED: 'journalled'>
>>> [entry.content.transaction_id for entry in ledger.settle()]
['B0', 'S1']
>>> plain(sold.outcome.realized_gain_loss)
'1000'
"""

from calculator.booked import Booked
from calculator.booking import book
from calculator.cash import CashManagement, CashRole, cash_entry_id, cause_of
from calculator.holders import Holders
from calculator.holding import Holding
from calculator.journal import Entry, Journal, MemoryJournal, Source
from calculator.ledger import Ledger
from calculator.lot import POOL, Disposal, Lot
from calculator.money import EXACT, plain
from calculator.open_lots import OpenLots, Place, Reserve, place_of
from calculator.portfolio import Portfolio
from calculator.rate_uses import RateUse, RateUses
from calculator.rates import CROSS_CURRENCY, MAX_AGE_DAYS, FxRate, Pair, Rates, Resolved
from calculator.rejection import Reason, Rejection, Status
from calculator.relief import ReliefMethod
from calculator.taken import Taken
from calculator.transaction import Cancellation, Kind, Order, Transaction, TransactionType

__all__ = [
    "CROSS_CURRENCY",
    "EXACT",
    "MAX_AGE_DAYS",
    "POOL",
    "Booked",
    "Cancellation",
    "CashManagement",
    "CashRole",
    "Disposal",
    "Entry",
    "FxRate",
    "Holders",
    "Holding",
    "Journal",
    "Kind",
    "Ledger",
    "Lot",
    "MemoryJournal",
    "OpenLots",
    "Order",
    "Pair",
    "Place",
    "Portfolio",
    "RateUse",
    "RateUses",
    "Rates",
    "Reason",
    "Rejection",
    "ReliefMethod",
    "Reserve",
    "Resolved",
    "Source",
    "Status",
    "Taken",
    "Transaction",
    "TransactionType",
    "book",
    "cash_entry_id",
    "cause_of",
    "place_of",
    "plain",
]
