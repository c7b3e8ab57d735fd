import time
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from analytics.days import Basis, Day
from analytics.time_weighted import day_returns, link
from analytics.windows import Windows
from tests.analytics.figures import LAW, WILD, a_day, histories, on


@given(days=histories(values=WILD, days_max=12), basis=st.sampled_from(Basis), data=st.data())
@LAW
def test_each_window_has_the_return_that_its_days_link_to(
    days: list[Day], basis: Basis, data: st.DataObject
) -> None:
    returns = day_returns(days, basis)
    start = data.draw(st.integers(0, len(days)))
    within = slice(start, data.draw(st.integers(start, len(days))))
    found = Windows(returns, basis).total_return(within)
    assert found == link(returns[within], basis).total_return


def test_breaks_ruins_and_debts_count_in_the_windows_that_have_them() -> None:
    days = [
        a_day(0, "100", "110"),
        a_day(1, "110", "0"),  # all is lost
        a_day(2, "0", "50", flow_at_begin="50"),
        a_day(3, "50", "-10"),  # and more than all
        a_day(4, "-10", "0", flow_at_begin="10"),  # a break without a gain
        a_day(5, "0", "0"),
        a_day(6, "0", "22", flow_at_begin="20"),
        a_day(7, "22", "0", flow_at_end="-22"),
        a_day(8, "0", "0", flow_at_end="-1"),  # a break that gains one
        a_day(9, "0", "0"),
    ]
    windows = Windows(day_returns(days))

    def over(start: int, stop: int) -> Decimal | None:
        return windows.total_return(slice(start, stop))

    assert over(0, 1) == Decimal("0.1")
    assert over(0, 3) == -1
    assert over(2, 6) == Decimal("-1.2")
    assert over(2, 7) is None  # two segments
    assert over(4, 8) == Decimal("0.1")
    assert over(4, 9) is None  # the gain of the break
    assert over(9, 10) is None  # nothing but idle days
    assert over(3, 3) is None


def test_a_long_window_takes_no_longer_than_a_short_one() -> None:
    days = [a_day(number, "100", "100") for number in range(4000)]
    assert days[-1].valuation_date == on(3999)
    windows = Windows(day_returns(days))
    begun = time.process_time()
    for start in range(2000):
        assert windows.total_return(slice(start, start + 2000)) == 0
    # Linked one by one they are four million factors, which take seconds.
    assert time.process_time() - begun < 1
