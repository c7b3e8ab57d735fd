"""Random histories, small and nasty: few dates, few lots, every kind of change."""

from decimal import Decimal
from random import Random
from typing import Any

from calculator import Cancellation, Portfolio, ReliefMethod, Transaction, TransactionType
from tests.calculator.trading import on

QUANTITIES = ("1", "2", "3", "0.7", "7", "10", "0.000000000001", "3.333333333333")
AMOUNTS = ("0", "1", "10", "0.01", "99.999999999999", "7", "1000000")
RATES = (None, "1", "1.1", "0.333333333333", "150.25")
TYPES = [*TransactionType, *[TransactionType.BUY, TransactionType.SELL] * 6]

Event = Transaction | Cancellation | Portfolio


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
        security_id=random.choice("SST"),
        transaction_type=kind,
        transaction_date=on(random.randrange(6)),
        trade_currency=random.choice(("USD",) * 5 + ("EUR",)),
        quantity=quantity,
        trade_fee=maybe(random, ("0", "0", "1", "0.05")),
        fx_rate=None if (rate := random.choice(RATES)) is None else Decimal(rate),
        version=version,
        **priced,
    )


def a_history(random: Random, size: int) -> list[Event]:
    """Versions of up to `size` transactions and a few portfolio records, in any order."""
    events: list[Event] = []
    for number in range(size):
        portfolio = None
        for version in sorted(random.sample(range(1, 6), random.choice((1, 1, 1, 2, 3)))):
            trade = a_trade(random, f"t{number}", version)
            # The same identity needs the same portfolio.
            portfolio = portfolio or trade.portfolio_id
            if version > 1 and random.random() < 0.3:
                events.append(
                    Cancellation(
                        transaction_id=f"t{number}", portfolio_id=portfolio, version=version
                    )
                )
            elif trade.portfolio_id == portfolio:
                events.append(trade)
    for version in range(1, random.choice((1, 2, 3, 4))):
        events.append(
            Portfolio(
                portfolio_id=random.choice("PPQ"),
                base_currency=random.choice(("USD", "EUR", "CHF")),
                cost_basis_method=random.choice(list(ReliefMethod)),
                version=version,
            )
        )
    events += random.sample(events, len(events) // 5)  # duplicates
    random.shuffle(events)
    return events
