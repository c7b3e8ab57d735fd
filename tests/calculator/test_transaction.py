from dataclasses import replace
from decimal import Decimal

import pytest

from calculator import Kind, TransactionType
from tests.calculator.trading import on, trade

KINDS = {
    Kind.INCREASE: {"BUY", "TRANSFER_IN", "DEPOSIT"},
    Kind.NEUTRAL: {"DIVIDEND", "INTEREST", "FEE", "TAX"},
    Kind.DECREASE: {"SELL", "TRANSFER_OUT", "WITHDRAWAL"},
}


@pytest.mark.parametrize("kind", Kind)
def test_every_type_is_of_one_kind(kind: Kind) -> None:
    assert {member for member in TransactionType if member.kind is kind} == KINDS[kind]


def test_the_class_of_a_type_is_that_of_its_kind() -> None:
    assert all(member.booking_class == member.kind.value for member in TransactionType)


def test_the_traits_of_the_types() -> None:
    def those(trait: str) -> set[str]:
        return {member.value for member in TransactionType if getattr(member, trait)}

    assert those("is_cash") == {"DEPOSIT", "WITHDRAWAL"}
    assert those("is_charge") == {"FEE", "TAX"}
    assert those("is_sale") == {"SELL"}
    assert set(TransactionType) - those("uses_amount") == {"TRANSFER_OUT", "WITHDRAWAL"}


def test_booking_order_is_date_then_class_then_id() -> None:
    in_order = [
        trade("z", "BUY", 1, 1, 1),
        trade("a", "SELL", 1, 1, 1),
        trade("b", "DEPOSIT", 2, 1, 1),
        trade("c", "TRANSFER_IN", 2, 1, 1),
        trade("a", "FEE", 2, 1, 1),
        trade("b", "DIVIDEND", 2, 1, 1),
        trade("B", "TRANSFER_OUT", 2, 1, 1),
        trade("a", "SELL", 2, 1, 1),
        trade("b", "WITHDRAWAL", 2, 1, 1),
    ]
    orders = [transaction.order for transaction in in_order]
    assert orders == sorted(orders)
    assert len(set(orders)) == len(orders)


def test_content_is_compared_by_value() -> None:
    transaction = trade("a", "BUY", 1, "1.50", "10")
    assert transaction == trade("a", "BUY", 1, "1.5", "10.00")
    assert transaction != replace(transaction, trade_fee=Decimal(1))
    assert transaction != replace(transaction, settlement_date=on(3))
    assert transaction != replace(transaction, version=2)
