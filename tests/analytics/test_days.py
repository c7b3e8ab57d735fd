from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest
from hypothesis import given

from analytics.days import Basis, Day, Flow, Timing, check_joined, flows_of, total_of
from tests.analytics.figures import LAW, a_day, histories, on

LARGE = "99999999999999999999999999.999999999999"


def test_a_day_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        a_day(0, "1", "1").end_value = Decimal(2)  # type: ignore[misc]


def test_what_flows_in_is_no_gain_and_the_begin_of_the_day_works_with_it() -> None:
    day = a_day(0, "100", "180", flow_at_begin="50", flow_at_end="20", fees="1")
    assert day.capital == 150
    assert day.gain() == 10
    assert day.gain(Basis.GROSS_OF_FEES) == 11


def test_capital_and_gain_are_exact_in_any_context() -> None:
    day = a_day(0, f"-{LARGE}", LARGE, flow_at_begin="1e-12")
    assert str(day.capital) == "-99999999999999999999999999.999999999998"
    assert str(day.gain()) == "199999999999999999999999999.999999999997"


@pytest.mark.parametrize("field", ["flow_at_begin", "flow_at_end", "fees"])
def test_a_day_is_idle_only_if_nothing_at_all_happened(field: str) -> None:
    assert a_day(0, "0", "0.00").is_idle
    assert not a_day(0, "0", "0", **{field: "-0.01"}).is_idle
    assert not a_day(0, "0", "1").is_idle
    assert not a_day(0, "1", "0").is_idle


def test_days_may_be_left_out_if_nothing_changed_on_them() -> None:
    weekend = [a_day(0, "1", "2"), a_day(3, "2.0", "3")]
    check_joined(weekend)
    assert [day.valuation_date for day in total_of([weekend])] == [on(0), on(3)]


def test_flows_come_in_order_of_time_and_without_zeros() -> None:
    days = [
        a_day(0, "1", "6", flow_at_begin="2", flow_at_end="3"),
        a_day(1, "6", "6"),
        a_day(2, "6", "5", flow_at_begin="-1"),
    ]
    assert flows_of(days) == [
        Flow(flow_date=on(0), amount=Decimal(2), timing=Timing.BEGIN),
        Flow(flow_date=on(0), amount=Decimal(3)),
        Flow(flow_date=on(2), amount=Decimal(-1), timing=Timing.BEGIN),
    ]


def test_what_moves_between_parts_is_no_flow_of_the_whole() -> None:
    cash = [a_day(0, "100", "60", flow_at_begin="-40")]
    shares = [a_day(0, "0", "42", flow_at_begin="40", fees="1")]
    assert total_of([cash, shares]) == [a_day(0, "100", "102", fees="1")]


def test_a_part_without_a_day_has_nothing_on_it() -> None:
    early = [a_day(0, "5", "0", flow_at_end="-5")]
    late = [a_day(1, "0", "7", flow_at_end="7")]
    total = total_of([early, late])
    assert total == [*early, *late]


@LAW
@given(histories(), histories())
def test_gains_and_capital_of_the_parts_are_those_of_the_whole(
    one: list[Day], two: list[Day]
) -> None:
    length = min(len(one), len(two))
    one, two = one[:length], two[:length]
    for basis in Basis:
        for total, a, b in zip(total_of([one, two]), one, two, strict=True):
            assert total.gain(basis) == a.gain(basis) + b.gain(basis)
            assert total.capital == a.capital + b.capital
