from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from analytics.bad_input import BadInput
from analytics.days import Basis, check_joined
from tests.analytics.figures import a_day

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
    with pytest.raises(BadInput):
        check_joined([*weekend, a_day(4, "2", "3")])
