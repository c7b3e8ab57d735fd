"""Sections 2 to 4 of the contract: what the books show once every known event is in."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import NamedTuple

from tests.oracle.booking import AMOUNTS, AMOUNTS_LOCAL, Holding, Lot, Row, book, shown
from tests.oracle.cash import book_cash, cash_trade, is_cash, opened_by
from tests.oracle.decode import (
    AMOUNT_UNUSED,
    DECREASES,
    INCREASES,
    Account,
    Cancel,
    Malformed,
    Record,
    Trade,
    decode_portfolio,
    decode_transaction,
)
from tests.oracle.instruments import cash_by_instrument
from tests.oracle.rates import Quotes, Rule, quotes_of

DEFAULT_RULE = Rule()
INPUTS = tuple(item.name for item in fields(Trade))

Pair = tuple[str, str]


class Terms(NamedTuple):
    """What bookings hang on beside the transactions."""

    accounts: dict[str, Account]
    default_method: str
    quotes: Quotes
    cash: Collection[str]  # by instrument


@dataclass(slots=True)
class Books:
    """Everything the contract promises to show, by its key."""

    results: dict[Pair, Row] = field(default_factory=dict)  # (portfolio_id, transaction_id)
    positions: dict[Pair, Row] = field(default_factory=dict)  # (portfolio_id, security_id)
    lots: dict[Pair, list[Row]] = field(default_factory=dict)  # in order of relief
    portfolios: dict[str, Row] = field(default_factory=dict)
    dead: list[Record] = field(default_factory=list)
    # What became of each record of transactions: booked, duplicate, superseded, dead.
    outcomes: Counter[str] = field(default_factory=Counter)


def identity(event: Trade | Cancel | Account) -> Pair:
    """(portfolio_id, transaction_id); a portfolio record is alone under its portfolio_id."""
    return event.portfolio_id, "" if isinstance(event, Account) else event.transaction_id


def in_force(
    records: Iterable[Record],
    decode: Callable[[bytes | None], Trade | Cancel | Account | Malformed],
    books: Books,
) -> tuple[list[tuple[Trade | Cancel | Account, Record]], Counter[str]]:
    """The highest version of each identity, of equal versions the first to arrive."""
    current: dict[Pair, tuple[Trade | Cancel | Account, Record]] = {}
    outcomes: Counter[str] = Counter()
    for record in records:
        event = decode(record.value)
        if isinstance(event, Malformed):
            outcome = "dead"
        else:
            earlier = current.get(identity(event))
            if earlier is None or event.version > earlier[0].version:
                current[identity(event)] = (event, record)
                outcome = "booked"
            elif event.version < earlier[0].version:
                outcome = "superseded"
            else:
                outcome = "duplicate" if event == earlier[0] else "dead"
        if outcome == "dead":
            books.dead.append(record)
        outcomes[outcome] += 1
    return list(current.values()), outcomes


def booking_order(trade: Trade) -> tuple[datetime, int, str]:
    """(transaction_date, class, transaction_id)."""
    kind = trade.transaction_type
    return (
        trade.transaction_date,
        0 if kind in INCREASES else 2 if kind in DECREASES else 1,
        trade.transaction_id,
    )


def inputs(event: Trade | Cancel, record: Record) -> Row:
    """The input fields of a result (null for what a CANCEL does not say), and its record."""
    row: Row = {name: getattr(event, name, None) for name in INPUTS}
    if isinstance(event, Cancel):
        row["transaction_type"] = "CANCEL"
    cause, caused, _ = event.transaction_id.partition("~cash")
    row["cause_transaction_id"] = cause if caused else None
    return row | {
        "source_topic": record.topic,
        "source_partition": record.partition,
        "source_offset": record.offset,
    }


def cancelled(cancel: Cancel, record: Record) -> Row:
    """The result of a transaction that was voided."""
    row = inputs(cancel, record) | {"base_currency": None, "applied_fx_rate": None}
    row |= {"status": "CANCELLED", "reason": None, "detail": None, "disposals": []}
    return row | dict.fromkeys((*AMOUNTS, *AMOUNTS_LOCAL, "cash_movement"))


def position(holding: Holding, account: Account | None) -> Row:
    """The row of a holding."""
    return {
        "quantity": shown(holding.quantity),
        "cost": shown(holding.cost),
        "cost_local": shown(holding.cost_local),
        "realized_gain_loss": shown(holding.gain),
        "realized_gain_loss_local": shown(holding.gain_local),
        "open_lots": len(holding.lots),
        "first_transaction_date": min(holding.booked_dates, default=None),
        "last_transaction_date": max(holding.booked_dates, default=None),
        "trade_currency": holding.currency,
        "base_currency": account.base_currency if account else holding.currency,
        "cost_basis_method": holding.method,
    }


def open_lot(lot: Lot) -> Row:
    """The row of a lot."""
    return {
        "lot_id": lot.lot_id,
        "acquired_at": lot.acquired_at,
        "opened_quantity": shown(lot.opened_quantity),
        "quantity": shown(lot.quantity),
        "cost": shown(lot.cost),
        "cost_local": shown(lot.cost_local),
    }


def fold_holding(
    books: Books,
    key: Pair,
    entries: list[tuple[Trade, Record]],
    terms: Terms,
) -> None:
    """Book all of a holding from nothing."""
    account = terms.accounts.get(key[0])
    holds_cash = is_cash(account, key[1], terms.cash)
    method = account.cost_basis_method if account else terms.default_method
    holding = Holding(method="AVCO" if holds_cash else method)
    for trade, record in sorted(entries, key=lambda entry: booking_order(entry[0])):
        base_currency = account.base_currency if account else trade.trade_currency
        row = inputs(trade, record) | {"base_currency": base_currency, "applied_fx_rate": None}
        used = trade.transaction_type not in AMOUNT_UNUSED
        if holds_cash:
            used = opened_by(holding, trade) != 0
        found = terms.quotes.rate_for(trade, base_currency, used)
        if found is not None:
            row["applied_fx_rate"] = shown(found)
            trade = replace(trade, fx_rate=shown(found))  # as if it had said so
        row |= (book_cash if holds_cash else book)(holding, trade, base_currency)
        books.results[trade.portfolio_id, trade.transaction_id] = row
    names = {"portfolio_id": key[0], "security_id": key[1]}
    books.positions[key] = names | position(holding, account)
    books.lots[key] = [names | open_lot(lot) for lot in holding.lots]


def expected(
    transactions: Iterable[Record],
    portfolios: Iterable[Record],
    default_method: str = "FIFO",
    rates: Iterable[Record] | Quotes = (),
    rule: Rule = DEFAULT_RULE,
    instruments: Iterable[Record] = (),
) -> Books:
    """Fold every record, in order of arrival, into the books that must come of them."""
    quotes = rates if isinstance(rates, Quotes) else quotes_of(rates, rule)
    books = Books()
    current, _ = in_force(portfolios, decode_portfolio, books)
    accounts = {event.portfolio_id: event for event, _ in current if isinstance(event, Account)}
    for account in accounts.values():
        books.portfolios[account.portfolio_id] = {
            item.name: getattr(account, item.name) for item in fields(Account)
        }
    current, books.outcomes = in_force(transactions, decode_transaction, books)
    holdings: dict[Pair, list[tuple[Trade, Record]]] = {}
    for event, record in current:
        if isinstance(event, Trade):
            key = (event.portfolio_id, event.security_id)
            holdings.setdefault(key, []).append((event, record))
        elif isinstance(event, Cancel):
            books.results[identity(event)] = cancelled(event, record)
    cash = cash_by_instrument(instruments)
    fold_all(books, holdings, Terms(accounts, default_method, quotes, cash))
    return books


def fold_all(
    books: Books,
    holdings: dict[Pair, list[tuple[Trade, Record]]],
    terms: Terms,
) -> None:
    """Book the holdings that are not cash, then those that are, with what the others moved."""
    accounts = terms.accounts
    others = {key for key in holdings if not is_cash(accounts.get(key[0]), key[1], terms.cash)}
    for key in others:
        fold_holding(books, key, holdings[key], terms)
        add_cash(holdings, holdings[key], books, terms)
    for key in holdings.keys() - others:
        fold_holding(books, key, holdings[key], terms)


def add_cash(
    holdings: dict[Pair, list[tuple[Trade, Record]]],
    entries: list[tuple[Trade, Record]],
    books: Books,
    terms: Terms,
) -> None:
    """What the booked transactions of a holding move of cash, as entries beside those sent."""
    for trade, record in entries:
        status = books.results[trade.portfolio_id, trade.transaction_id]["status"]
        account = terms.accounts.get(trade.portfolio_id)
        caused = cash_trade(trade, account, terms.cash) if status == "BOOKED" else None
        if caused is not None:
            key = (caused.portfolio_id, caused.security_id)
            holdings.setdefault(key, []).append((caused, record))
