"""The calculator beside worked examples from tax authorities, textbooks and manuals."""

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from calculator import (
    Booked,
    Holding,
    Kind,
    Ledger,
    Portfolio,
    ReliefMethod,
    Transaction,
    TransactionType,
    plain,
)

EXAMPLES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "examples.toml").read_text(encoding="utf-8")
)["example"]
CASES = [
    pytest.param(example, method, id=f"{example['id']}-{method}")
    for example in EXAMPLES
    for method in example["methods"]
]


def transaction(number: int, trade: dict[str, str]) -> Transaction:
    def exact(field: str) -> Decimal | None:
        return Decimal(trade[field]) if field in trade else None

    return Transaction(
        transaction_id=f"t{number}",
        portfolio_id="P",
        security_id="S",
        transaction_type=TransactionType[trade["type"]],
        transaction_date=datetime.fromisoformat(trade["day"]).replace(tzinfo=UTC),
        trade_currency="USD",
        quantity=exact("quantity"),
        price=exact("price"),
        gross_transaction_amount=exact("amount"),
        trade_fee=exact("fee") or Decimal(0),
        fx_rate=exact("fx_rate"),
    )


@dataclass
class Books:
    """What came of an example, to the places that its source shows."""

    holding: Holding
    sales: list[Booked]
    places: int

    def shown(self, amount: Decimal | None) -> str | None:
        if amount is None:
            return None
        step = Decimal(1).scaleb(-self.places)
        return plain(amount.quantize(step, rounding=ROUND_HALF_UP))

    def sale(self, number: int) -> dict[str, Any]:
        sold = self.sales[number]
        return {
            "cost": self.shown(-sold.net_cost),
            "gain": self.shown(sold.realized_gain_loss),
            "gain_local": self.shown(sold.realized_gain_loss_local),
            "lots": [
                [part.lot_id, plain(part.quantity), self.shown(part.cost)]
                for part in sold.disposals
            ],
            "gains": [self.shown(part.realized_gain_loss) for part in sold.disposals],
        }


def books_of(example: dict[str, Any], method: str) -> Books:
    ledger = Ledger()
    ledger.take_portfolio(
        Portfolio(
            portfolio_id="P",
            base_currency=example.get("base_currency", "USD"),
            cost_basis_method=ReliefMethod(method),
        )
    )
    trades = [transaction(number, t) for number, t in enumerate(example["trades"], start=1)]
    for trade in trades:
        ledger.take(trade)
    outcomes = {entry.content.transaction_id: entry.outcome for entry in ledger.settle()}
    holding = ledger.journal.holding("P", "S")
    assert holding is not None
    sales: list[Booked] = []
    for trade in trades:
        outcome = outcomes[trade.transaction_id]
        assert isinstance(outcome, Booked), outcome
        if trade.transaction_type.kind is Kind.DECREASE:
            sales.append(outcome)
    return Books(holding, sales, example["places"])


def spelled(value: Any) -> Any:  # noqa: ANN401 - text or lists of text
    """Numbers of the file as we write them: 1543.50 is 1543.5."""
    if isinstance(value, list):
        return [spelled(item) for item in value]
    return value if value[0].isalpha() else plain(Decimal(value))


@pytest.mark.parametrize(("example", "method"), CASES)
def test_the_published_numbers_come_out(example: dict[str, Any], method: str) -> None:
    books = books_of(example, method)
    assert len(books.sales) == len(example["sold"])
    for number, published in enumerate(example["sold"]):
        ours = books.sale(number)
        assert published, "an example says something of each sale"
        for field, value in published.items():
            assert ours[field] == spelled(value), field
    left = example.get("left", {})
    for field, value in left.items():
        assert books.shown(getattr(books.holding, field)) == spelled(value), field
    if "total_cost" in example:
        total = sum((-sold.net_cost for sold in books.sales), Decimal(0))
        assert books.shown(total) == spelled(example["total_cost"])


def test_each_example_is_named_once_and_names_its_source() -> None:
    names = [example["id"] for example in EXAMPLES]
    assert len(names) == len(set(names))
    assert all(example["source"].startswith("http") for example in EXAMPLES)


def test_every_method_has_published_examples() -> None:
    """LOFO has them only where the lowest cost is also the oldest: nobody seems to print others."""
    assert {method for example in EXAMPLES for method in example["methods"]} == set(ReliefMethod)
