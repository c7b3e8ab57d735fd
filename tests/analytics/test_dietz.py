from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.days import Day, Flow, Timing
from analytics.dietz import modified_dietz
from analytics.periods import Period
from tests.analytics.figures import (
    LAW,
    a_day,
    cents,
    flows_of,
    histories,
    linked,
    on,
    scaled,
    twelve,
)


def flow(number: int, amount: str, timing: Timing = Timing.END) -> Flow:
    return Flow(flow_date=on(number), amount=Decimal(amount), timing=timing)


def period(days: int) -> Period:
    return Period(on(0), on(days - 1))


def test_the_example_of_wikipedia_comes_out() -> None:
    """https://en.wikipedia.org/wiki/Modified_Dietz_method: 100, 50 after one of two years, 300."""
    flows = [flow(364, "50")]
    assert modified_dietz(period(730), Decimal(100), flows, Decimal(300)) == Decimal("1.2")


def test_an_october_with_four_flows_comes_out_as_published() -> None:
    """https://www.bloombergprep.com/practice/cfa/400/question/bac110/performance-measurement-overview-of-the-global-investment-performance-standards-gips-verification"""
    flows = [flow(4, "-15.05"), flow(8, "19.82"), flow(14, "16.42"), flow(23, "-18.96")]
    answer = modified_dietz(period(31), Decimal("585.60"), flows, Decimal("602.34"))
    assert answer is not None
    assert f"{answer * 100:.2f}" == "2.45"


def test_a_flow_at_the_end_of_a_day_was_there_for_the_days_after_it() -> None:
    begin, end = Decimal(1000), Decimal(1160)
    flows = [flow(9, "100"), flow(19, "-30")]  # 20 and 10 of 30 days
    answer = modified_dietz(period(30), begin, flows, end)
    assert answer == twelve(Fraction(90) / (1000 + Fraction(100 * 20 - 30 * 10, 30)))


def test_the_begin_of_a_day_is_the_end_of_the_day_before() -> None:
    ends, begins = [flow(4, "7")], [flow(5, "7", Timing.BEGIN)]
    answer = modified_dietz(period(9), Decimal(10), ends, Decimal(20))
    assert answer == modified_dietz(period(9), Decimal(10), begins, Decimal(20))
    assert answer != modified_dietz(period(9), Decimal(10), [flow(5, "7")], Decimal(20))


@pytest.mark.parametrize("withdrawn", ["-20", "-30"])
def test_without_average_capital_there_is_no_return(withdrawn: str) -> None:
    flows = [flow(4, withdrawn)]
    assert modified_dietz(period(10), Decimal(10), flows, Decimal(1)) is None


def test_without_flows_it_is_gain_over_begin_value() -> None:
    assert modified_dietz(period(3), Decimal(3), [], Decimal(4)) == Decimal("0.333333333333")


def by_hand(period: Period, days: Sequence[Day]) -> Fraction:
    """Each weight a fraction of its own, and the days counted one by one."""
    begin, end = Fraction(days[0].begin_value), Fraction(days[-1].end_value)
    gain, capital = end - begin, begin
    for flow in flows_of(days):
        there = [
            n
            for n in range(period.days)
            if on(n) > flow.flow_date or (on(n) == flow.flow_date and flow.timing is Timing.BEGIN)
        ]
        gain -= Fraction(flow.amount)
        capital += Fraction(flow.amount) * Fraction(len(there), period.days)
    return gain / capital


@LAW
@given(histories(), st.integers(0, 30))
def test_weights_are_days_counted_one_by_one(days: list[Day], idle_days: int) -> None:
    whole = period(len(days) + idle_days)
    answer = modified_dietz(whole, days[0].begin_value, flows_of(days), days[-1].end_value)
    assert answer == twelve(by_hand(whole, days))


@LAW
@given(histories(), st.integers(1, 10**6), st.randoms(use_true_random=False))
def test_scale_and_order_of_flows_change_nothing(
    days: list[Day], factor: int, random: Random
) -> None:
    more = scaled(days, Decimal(factor))
    shuffled = flows_of(more)
    random.shuffle(shuffled)
    shuffled.append(flow(0, "0"))
    whole = period(len(days))
    answer = modified_dietz(whole, days[0].begin_value, flows_of(days), days[-1].end_value)
    assert answer == modified_dietz(whole, more[0].begin_value, shuffled, more[-1].end_value)


@LAW
@given(cents(1, 10**6), cents(0, 10**6), cents(0, 10**6))
def test_of_one_day_it_is_the_time_weighted_return(
    begin: Decimal, flow_in: Decimal, end: Decimal
) -> None:
    day = a_day(0, str(begin), str(end), flow_at_begin=str(flow_in), flow_at_end="-3")
    answer = modified_dietz(period(1), begin, flows_of([day]), end)
    assert answer == linked([day]).total_return
