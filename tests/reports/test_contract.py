"""What CONTRACT.md says of flows and reasons is what is reckoned with."""

import re
from pathlib import Path

import pytest

from analytics.benchmark import NoPriceReturn
from analytics.flow_rules import (
    OF_PORTFOLIO,
    OF_POSITION,
    Amount,
    FlowRule,
    When,
    is_flow_of_position,
)
from calculator import CashManagement, TransactionType
from reports.market import Missing
from reports.questions import NoPeriod
from reports.sources import Grouping
from reports.valuation import Quality

TEXT = (Path(__file__).parents[2] / "CONTRACT.md").read_text()
AMOUNTS = {
    Amount.COST: "net_cost",
    Amount.PROCEEDS: "gross amount - fee",
    Amount.VALUE: "units x price of the day",
    Amount.INCOME: "gross amount - fee",
    Amount.CHARGE: "gross amount",
}


def rows() -> dict[str, list[str]]:
    found = re.search(
        r"^\| type \| of a position \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE
    )
    assert found is not None
    cells = [[c.strip() for c in row.strip("|").split("|")] for row in found[1].splitlines()]
    return {name: rest for types, *rest in cells for name in types.split(", ")}


def told(rule: FlowRule) -> str:
    return f"{'in' if rule.sign > 0 else 'out'}, {rule.when}"


def test_there_is_a_rule_for_each_type() -> None:
    types = {each.name for each in TransactionType}
    assert set(OF_POSITION) == set(OF_PORTFOLIO) == types == set(rows())


@pytest.mark.parametrize("name", list(OF_POSITION))
def test_the_table_of_flows_is_the_one_that_is_used(name: str) -> None:
    position, portfolio, amount, _ = rows()[name]
    assert position == told(OF_POSITION[name])
    assert portfolio == told(OF_PORTFOLIO[name])
    assert amount == AMOUNTS[OF_POSITION[name].amount]
    assert OF_PORTFOLIO[name].amount is OF_POSITION[name].amount
    assert OF_PORTFOLIO[name].sign == OF_POSITION[name].sign


def test_every_rule_has_a_reason_and_a_time() -> None:
    every = [*OF_POSITION.values(), *OF_PORTFOLIO.values()]
    assert all(len(rule.reason) > 20 for rule in every)
    assert {rule.when for rule in OF_POSITION.values()} == {When.BEGIN, When.END}


@pytest.mark.parametrize("word", [*Missing, *NoPeriod, *NoPriceReturn, *Grouping, *Quality])
def test_every_word_of_an_answer_is_told(word: str) -> None:
    assert f"`{word}`" in TEXT


def test_what_a_cash_holding_that_is_kept_earns_stays_in_it() -> None:
    assert is_flow_of_position("INTEREST", CashManagement.SECURITIES_ONLY, is_cash=True)
    assert is_flow_of_position("INTEREST", CashManagement.AUTOMATIC, is_cash=False)
    assert not is_flow_of_position("INTEREST", CashManagement.AUTOMATIC, is_cash=True)
    assert not is_flow_of_position("DIVIDEND", CashManagement.EXPLICIT, is_cash=True)
    assert is_flow_of_position("DEPOSIT", CashManagement.EXPLICIT, is_cash=True)
