"""The calculator beside two engines that others wrote: beancount and rp2.

All inputs divide exactly: cost and price per unit are whole cents and a fee is so many cents a
unit, so a share of a cost is units x cents in every engine, and numbers are compared as they are,
without a tolerance. Both work with at least 28 digits; the largest number here has 12.

What neither can say stays out of the books: two trades of one day (beancount has dates only), a
sale larger than the holding, and for rp2 the fees of sales, which it reports elsewhere, and under
HIFO and LOFO those of purchases, since it orders lots by the price before fees.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from beancount import loader
from beancount.core import data, position

from calculator import (
    Booked,
    Ledger,
    Portfolio,
    ReliefMethod,
    Transaction,
    TransactionType,
    plain,
)

BOOKS_PER_METHOD = 150
Parts = list[tuple[str, Decimal, Decimal]]  # lot, units, cost; in order of relief


@dataclass(frozen=True)
class Sale:
    """What an engine says of one sale."""

    parts: Parts
    gain: Decimal


def a_book(seed: str, *, fees: bool, sale_fees: bool) -> list[Transaction]:
    """Purchases and sales of one security in booking order, never more sold than held."""
    random = Random(seed)
    trades: list[Transaction] = []
    held, at = Decimal(0), datetime(2015, 1, 1, tzinfo=UTC)
    for number in range(random.randrange(2, 30)):
        at += timedelta(days=random.randrange(1, 40))
        buys = not held or random.random() < 0.5
        quantity = Decimal(random.randrange(1, 5000)).scaleb(-random.choice((0, 0, 1, 2)))
        if not buys:
            quantity = held if random.random() < 0.15 else min(quantity, held)
        held += quantity if buys else -quantity
        cents_a_unit = Decimal(random.choice((0, 1, 25)) if fees and buys else 0).scaleb(-2)
        fee = quantity * cents_a_unit
        if sale_fees and not buys:
            fee = Decimal(random.choice((0, 995))).scaleb(-2)
        trades.append(
            Transaction(
                transaction_id=f"t{number}",
                portfolio_id=seed,
                security_id="ACME",
                transaction_type=TransactionType.BUY if buys else TransactionType.SELL,
                transaction_date=at,
                trade_currency="USD",
                quantity=quantity,
                # Few prices, so that unit costs tie.
                price=Decimal(random.choice((1000, 1001, 1200, 999, 52345))).scaleb(-2),
                trade_fee=fee,
            )
        )
    return trades


def books(method: str, *, fees: bool, sale_fees: bool) -> dict[str, list[Transaction]]:
    seeds = [f"{method}{number}" for number in range(BOOKS_PER_METHOD)]
    return {seed: a_book(seed, fees=fees, sale_fees=sale_fees) for seed in seeds}


def ours(method: str, trades: dict[str, list[Transaction]]) -> dict[str, dict[str, Sale]]:
    """Taken newest first, so that the ledger has something to put in order."""
    ledger = Ledger()
    for portfolio_id, book in trades.items():
        ledger.take_portfolio(
            Portfolio(
                portfolio_id=portfolio_id,
                base_currency="USD",
                cost_basis_method=ReliefMethod(method),
            )
        )
        for trade in reversed(book):
            ledger.take(trade)
    sales: dict[str, dict[str, Sale]] = {portfolio_id: {} for portfolio_id in trades}
    for entry in ledger.settle():
        outcome = entry.outcome
        assert isinstance(outcome, Booked), outcome
        if outcome.realized_gain_loss is None:
            continue
        parts = [(part.lot_id, part.quantity, part.cost) for part in outcome.disposals]
        sale = Sale(parts, outcome.realized_gain_loss)
        sales[entry.content.portfolio_id][entry.content.transaction_id] = sale
    return sales


# -- beancount


def beancount_source(method: str, trades: dict[str, list[Transaction]]) -> str:
    """One ledger file: an account for each book, a lot labelled with the id of its purchase."""
    lines = ['option "operating_currency" "USD"']
    lines += [f"2014-01-01 open {name}" for name in ("Assets:Cash", "Income:Gains")]
    for seed, book in trades.items():
        lines.append(f'2014-01-01 open Assets:{seed} ACME "{method}"')
        for trade in book:
            assert trade.quantity is not None
            assert trade.price is not None
            units, gross = trade.quantity, trade.quantity * trade.price
            lines.append(f'{trade.transaction_date:%Y-%m-%d} * "{seed}" "{trade.transaction_id}"')
            if trade.transaction_type is TransactionType.BUY:
                cost = trade.price + trade.trade_fee / units
                label = trade.transaction_id
                lines.append(f'  Assets:{seed}  {plain(units)} ACME {{{cost} USD, "{label}"}}')
                lines.append("  Assets:Cash")
            else:
                lines.append(f"  Assets:{seed}  -{plain(units)} ACME {{}}")
                # With four places, or the gain would be rounded to cents.
                lines.append(f"  Assets:Cash  {gross - trade.trade_fee:.4f} USD")
                lines.append("  Income:Gains")
    return "\n".join(lines) + "\n"


def beancount_sales(
    method: str, trades: dict[str, list[Transaction]]
) -> dict[str, dict[str, Sale]]:
    entries, errors, _ = loader.load_string(beancount_source(method, trades))
    assert not errors, errors[:3]
    sales: dict[str, dict[str, Sale]] = {portfolio_id: {} for portfolio_id in trades}
    for entry in entries:
        if isinstance(entry, data.Transaction) and (sale := beancount_sale(entry)):
            assert entry.payee is not None
            assert entry.narration is not None
            sales[entry.payee][entry.narration] = sale
    return sales


def beancount_sale(entry: data.Transaction) -> Sale | None:
    """The lots it reduced, and the gain that balances it (no posting where that is zero)."""
    parts: Parts = []
    gain = Decimal(0)
    for posting in entry.postings:
        assert posting.units is not None
        units = posting.units.number
        assert isinstance(units, Decimal)
        if posting.account == "Income:Gains":
            gain = -units
        elif units < 0 and isinstance(posting.cost, position.Cost):
            assert posting.cost.label is not None
            parts.append((posting.cost.label, -units, -units * posting.cost.number))
    return Sale(parts, gain) if parts else None


@pytest.mark.parametrize("method", ["FIFO", "LIFO", "HIFO"])
def test_every_sale_consumes_the_lots_that_beancount_books(method: str) -> None:
    trades = books(method, fees=True, sale_fees=True)
    assert_same_sales(ours(method, trades), beancount_sales(method, trades))


# -- rp2


def rp2_sales(
    folder: Path, trades: dict[str, dict[str, list[Transaction]]]
) -> Iterator[tuple[str, dict[str, dict[str, Sale]]]]:
    """All books in one run of the program; (method, sales by book)."""
    asked = [
        {
            "method": method,
            "trades": [
                {
                    "id": trade.transaction_id,
                    "type": trade.transaction_type.value,
                    "at": trade.transaction_date.isoformat(),
                    "quantity": str(trade.quantity),
                    "price": str(trade.price),
                    "fee": str(trade.trade_fee),
                }
                for trade in book
            ],
        }
        for method, of_method in trades.items()
        for book in of_method.values()
    ]
    program = Path(__file__).with_name("rp2_gains.py")
    run = subprocess.run(
        [sys.executable, str(program)],
        input=json.dumps(asked), capture_output=True, text=True, cwd=folder, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    answers = iter(json.loads(run.stdout))
    for method, of_method in trades.items():
        sales: dict[str, dict[str, Sale]] = {}
        for seed in of_method:
            sales[seed] = {
                sale_id: Sale(
                    [(lot, Decimal(units), Decimal(cost)) for lot, units, cost, _ in parts],
                    sum((Decimal(gain) for *_, gain in parts), Decimal(0)),
                )
                for sale_id, parts in next(answers).items()
            }
        yield method, sales


def test_every_sale_consumes_the_lots_that_rp2_takes(tmp_path: Path) -> None:
    trades = {
        method: books(method, fees=method in ("FIFO", "LIFO"), sale_fees=False)
        for method in ("FIFO", "LIFO", "HIFO", "LOFO")
    }
    for method, sales in rp2_sales(tmp_path, trades):
        assert_same_sales(ours(method, trades[method]), sales)


def assert_same_sales(ours: dict[str, dict[str, Sale]], theirs: dict[str, dict[str, Sale]]) -> None:
    assert sum(len(sales) for sales in ours.values()) > 5 * BOOKS_PER_METHOD
    assert sum(len(sale.parts) > 1 for sales in ours.values() for sale in sales.values()) > 100
    for portfolio_id, sales in ours.items():
        assert sales == theirs[portfolio_id], portfolio_id


def test_the_engines_left_the_decimal_context_of_this_process_alone() -> None:
    assert str(Decimal(1) / 3) == "0." + "3" * 28
