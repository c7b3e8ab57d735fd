"""Every rule, broken once: the error names the field and the rule."""

import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from analytics.bad_input import BadInput, Rule
from analytics.benchmark import PriceIn, PriceSeries, excess_return
from analytics.concentration import concentration
from analytics.contribution import split_return
from analytics.days import Day, Flow
from analytics.dietz import modified_dietz
from analytics.money_weighted import Payment, money_weighted, over_days
from analytics.periods import Period, months_before, rolling_days
from analytics.time_weighted import annualized
from analytics.valuation import Position, Quote, valued, weights
from tests.analytics.figures import a_day, linked, on

NAN = Decimal("NaN")
ONE = Decimal(1)
LARGE = Decimal("1e26")
DAY = date(2024, 1, 1)
CASES: list[tuple[Rule, str, Callable[[], object]]] = [
    (
        Rule.AMOUNT_MUST_BE_A_DECIMAL,
        "amount",
        lambda: Flow(flow_date=DAY, amount=1.5),  # type: ignore[arg-type]
    ),
    (
        Rule.AMOUNT_MUST_BE_A_DECIMAL,
        "price",
        lambda: Quote(price=3),  # type: ignore[arg-type]
    ),
    (Rule.AMOUNT_MUST_BE_FINITE, "end_value", lambda: a_day(0, "1", "NaN")),
    (Rule.AMOUNT_MUST_BE_FINITE, "end_value", lambda: a_day(0, "1", "sNaN")),
    (Rule.AMOUNT_MUST_BE_FINITE, "fees", lambda: a_day(0, "1", "1", fees="-Infinity")),
    (Rule.AMOUNT_MUST_BE_FINITE, "amount", lambda: Payment(payment_date=DAY, amount=NAN)),
    (
        Rule.AMOUNT_MUST_BE_FINITE,
        "begin_value",
        lambda: modified_dietz(Period(DAY, DAY), NAN, [], ONE),
    ),
    (
        Rule.AMOUNT_MUST_BE_FINITE,
        "end_value",
        lambda: money_weighted(Period(DAY, DAY), ONE, [], NAN),
    ),
    (Rule.AMOUNT_MUST_BE_FINITE, "local_return", lambda: split_return(ONE, NAN)),
    (Rule.AMOUNT_MUST_BE_FINITE, "market_values[A]", lambda: concentration({"A": NAN})),
    (
        Rule.AMOUNT_MUST_BE_FINITE,
        "cost",
        lambda: Position(quantity=ONE, cost=NAN, cost_local=ONE),
    ),
    (Rule.AMOUNT_MUST_FIT, "begin_value", lambda: a_day(0, "-1e26", "1")),
    (
        Rule.AMOUNT_MUST_FIT,
        "market_value",
        lambda: valued(
            Position(quantity=LARGE / 2, cost=ONE, cost_local=ONE),
            Quote(price=ONE, fx_rate=Decimal(2)),
        ),
    ),
    (
        Rule.AMOUNT_MUST_BE_POSITIVE,
        "fx_rate",
        lambda: Quote(price=ONE, fx_rate=Decimal(0)),
    ),
    (
        Rule.AMOUNT_MUST_BE_POSITIVE,
        "sum of market_values",
        lambda: weights({"A": ONE, "B": -ONE}),
    ),
    (
        Rule.AMOUNT_MUST_BE_POSITIVE,
        "sum of market_values",
        lambda: concentration({"A": Decimal(0)}),
    ),
    (
        Rule.AMOUNT_MUST_BE_POSITIVE,
        "prices[2024-01-01]",
        lambda: PriceSeries({DAY: PriceIn(Decimal(0), "USD")}, lambda *_: ONE),
    ),
    (
        Rule.DAY_MUST_BE_A_DATE,
        "first_day",
        lambda: Period(datetime(2024, 1, 1, tzinfo=UTC), DAY),
    ),
    (
        Rule.DAY_MUST_BE_A_DATE,
        "valuation_date",
        lambda: Day(
            valuation_date="2024-01-01",  # type: ignore[arg-type]
            begin_value=ONE,
            end_value=ONE,
        ),
    ),
    (
        Rule.PERIOD_MUST_NOT_END_BEFORE_IT_BEGINS,
        "last_day",
        lambda: Period(DAY, date(2023, 12, 31)),
    ),
    (Rule.LENGTH_MUST_BE_POSITIVE, "months", lambda: months_before(DAY, 0)),
    (Rule.LENGTH_MUST_BE_POSITIVE, "days", lambda: list(rolling_days(Period(DAY, DAY), 0))),
    (Rule.LENGTH_MUST_BE_POSITIVE, "top", lambda: concentration({"A": ONE}, top=0)),
    (
        Rule.FLOW_MUST_BE_IN_THE_PERIOD,
        "flow_date",
        lambda: modified_dietz(Period(on(1), on(2)), ONE, [Flow(flow_date=on(0), amount=ONE)], ONE),
    ),
    (
        Rule.FLOW_MUST_BE_IN_THE_PERIOD,
        "flow_date",
        lambda: money_weighted(Period(on(1), on(2)), ONE, [Flow(flow_date=on(3), amount=ONE)], ONE),
    ),
    (
        Rule.DAYS_MUST_ASCEND,
        "valuation_date",
        lambda: linked([a_day(0, "1", "1"), a_day(0, "1", "1")]),
    ),
    (
        Rule.VALUES_MUST_JOIN,
        "begin_value",
        lambda: linked([a_day(0, "1", "2"), a_day(1, "3", "3")]),
    ),
    (Rule.RETURN_MUST_FIT, "return", lambda: linked([a_day(0, "1e-12", "1e15")])),
    (
        Rule.RETURN_MUST_EXCEED_MINUS_ONE,
        "benchmark_return",
        lambda: excess_return(ONE, -ONE),
    ),
    (Rule.RETURN_MUST_EXCEED_MINUS_ONE, "rate", lambda: over_days(-ONE, 30)),
    (Rule.AMOUNT_MUST_BE_FINITE, "total_return", lambda: annualized(NAN, 400)),
]


@pytest.mark.parametrize(("rule", "field", "ask"), CASES)
def test_what_is_wrong_is_named(rule: Rule, field: str, ask: Callable[[], object]) -> None:
    with pytest.raises(BadInput) as caught:
        ask()
    assert (caught.value.rule, caught.value.field) == (rule, field)
    assert str(caught.value).startswith(f"{field}: {rule}: ")


def test_every_rule_has_a_case() -> None:
    assert {rule for rule, _, _ in CASES} == set(Rule)


def test_bad_input_is_a_value_error_for_who_does_not_know_it() -> None:
    assert issubclass(BadInput, ValueError)


def test_it_comes_out_of_other_processes() -> None:
    error = BadInput("price", Rule.AMOUNT_MUST_FIT, "too much")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.field, copy.rule, copy.detail) == (error.field, error.rule, error.detail)
    assert str(copy) == str(error)
