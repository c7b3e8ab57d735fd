"""Random histories, small and nasty: few dates, few lots, every kind of change."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from calculator import (
    Cancellation,
    CashManagement,
    FxRate,
    Portfolio,
    Rates,
    ReliefMethod,
    Transaction,
    TransactionType,
)
from tests.calculator.trading import Classed, Event, on

QUANTITIES = ("1", "2", "3", "0.7", "7", "10", "0.000000000001", "3.333333333333")
AMOUNTS = ("0", "1", "10", "0.01", "99.999999999999", "7", "1000000")
RATES = (None, "1", "1.1", "0.333333333333", "150.25")
FX_RATES = ("1", "1.1", "0.9", "3", "150.25", "0.000000000001", "999999999.999999999999")
CURRENCIES = ("USD", "EUR", "CHF", "GBP")
SECURITIES = ("S",) * 6 + ("T",) * 3 + ("CASH", "CASH_USD", "CASH_EUR")
CASH = tuple(CashManagement)
TYPES = [*TransactionType, *[TransactionType.BUY, TransactionType.SELL] * 6]


def maybe(random: Random, values: tuple[str, ...]) -> Decimal:
    return Decimal(random.choice(values))


def a_trade(random: Random, transaction_id: str, version: int) -> Transaction:
    kind = random.choice(TYPES)
    priced: dict[str, Any] = (
        {"price": maybe(random, AMOUNTS)}
        if random.random() < 0.5
        else {"gross_transaction_amount": maybe(random, AMOUNTS)}
    )
    quantity: Decimal | None = maybe(random, QUANTITIES)
    if kind.is_cash and random.random() < 0.5:
        quantity = random.choice((None, Decimal(0)))
        priced = {"gross_transaction_amount": maybe(random, AMOUNTS[1:])}
    return Transaction(
        transaction_id=transaction_id,
        portfolio_id=random.choice("PPPQ"),
        security_id=random.choice(SECURITIES),
        transaction_type=kind,
        transaction_date=on(random.randrange(6)),
        settlement_date=on(random.randrange(8)) if random.random() < 0.3 else None,
        trade_currency=random.choice(("USD",) * 5 + ("EUR",)),
        quantity=quantity,
        trade_fee=maybe(random, ("0", "0", "1", "0.05")),
        fx_rate=None if (rate := random.choice(RATES)) is None else Decimal(rate),
        version=version,
        **priced,
    )


def a_correction(random: Random, trade: Transaction, version: int) -> Transaction:
    """Mostly one field is put right, so that the place in the order stays or only just moves."""
    another = a_trade(random, trade.transaction_id, version)
    field = random.choice(
        (
            *("quantity", "trade_fee", "fx_rate", "transaction_date", "settlement_date"),
            *("security_id", "trade_currency"),
        )
    )
    if field == "quantity" and not (trade.quantity and another.quantity):
        field = "trade_fee"
    return replace(trade, version=version, **{field: getattr(another, field)})


def versions_of(random: Random, transaction_id: str) -> list[Event]:
    events: list[Event] = []
    trade: Transaction | None = None
    for version in sorted(random.sample(range(1, 7), random.choice((1, 1, 1, 2, 3, 4)))):
        if trade is None:
            trade = a_trade(random, transaction_id, version)
        elif random.random() < 0.7:
            trade = a_correction(random, trade, version)
        else:
            # The same identity needs the same portfolio.
            portfolio_id = trade.portfolio_id
            trade = replace(a_trade(random, transaction_id, version), portfolio_id=portfolio_id)
        if version > 1 and random.random() < 0.2:
            events.append(
                Cancellation(
                    transaction_id=transaction_id,
                    portfolio_id=trade.portfolio_id,
                    version=version,
                )
            )
        else:
            events.append(trade)
    return events


def a_rate(random: Random) -> FxRate:
    one, other = random.sample(CURRENCIES, 2)
    return FxRate(
        from_currency=one,
        to_currency=other,
        rate_date=on(random.randrange(-3, 6)).date(),
        rate=maybe(random, FX_RATES),
        version=random.choice((1, 1, 1, 2, 3)),
    )


def a_class(random: Random) -> Classed:
    security_id = random.choice(("S", "S", "T", "CASH_EUR"))
    return Classed(security_id, random.random() < 0.6, random.randrange(1, 6))


def some_rates(random: Random) -> Rates:
    """An empty table under settings drawn by lot."""
    return Rates(random.choice((None, "GBP", "GBP", "USD", "EUR")), random.randrange(4))


def without_rate(random: Random, event: Event) -> Event:
    """On one of two days, so that many wait for one rate and one is corrected meanwhile."""
    if not isinstance(event, Transaction):
        return event
    return replace(
        event, fx_rate=None, trade_currency="EUR", transaction_date=on(random.randrange(2))
    )


def a_history(random: Random, size: int) -> list[Event]:
    """Versions of up to `size` transactions, a few portfolio records and rates, in any order."""
    events: list[Event] = [
        event for number in range(size) for event in versions_of(random, f"t{number}")
    ]
    for version in range(1, random.choice((1, 2, 3, 4))):
        events.append(
            Portfolio(
                portfolio_id=random.choice("PPQ"),
                base_currency=random.choice(("USD", "EUR", "CHF")),
                cost_basis_method=random.choice(list(ReliefMethod)),
                version=version,
                cash_management=random.choice(CASH),
            )
        )
    events += [a_rate(random) for _ in range(random.choice((0, 0, 3, 10, 30)))]
    events += [a_class(random) for _ in range(random.choice((0, 0, 1, 2, 5)))]
    if random.random() < 0.3:
        events = [without_rate(random, event) for event in events]
    events += random.sample(events, len(events) // 5)  # duplicates
    random.shuffle(events)
    if random.random() < 0.5:
        # Corrections do come after what they correct, most of the time: keep the places that
        # each transaction has, but fill them in the order of its versions.
        in_order = sorted(events, key=lambda event: event.version)
        names = [getattr(event, "transaction_id", "") for event in events]
        queues = {name: [e for e in in_order if getattr(e, "transaction_id", "") == name]
                  for name in names}  # fmt: skip
        events = [queues[name].pop(0) for name in names]
    return events
