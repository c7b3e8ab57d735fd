from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.days import Basis, Day
from analytics.periods import Grain, Period, parts
from analytics.time_weighted import (
    Break,
    Linked,
    NotAnnualized,
    annualized,
    day_returns,
)
from analytics.windows import Windows
from tests.analytics.figures import LAW, WILD, a_day, cents, histories, linked, on, scaled, twelve


def shown(exact_return: Decimal | None) -> str:
    """As per cent with two places, as the sources do."""
    assert exact_return is not None
    return f"{exact_return * 100:.2f}"


def days_with(*per_cent: str) -> list[Day]:
    """One day for each return, from 100 on."""
    days = []
    begin = Decimal(100)
    for number, each in enumerate(per_cent):
        end = begin * (1 + Decimal(each) / 100)
        days.append(Day(valuation_date=on(number), begin_value=begin, end_value=end))
        begin = end
    return days


# https://www.investopedia.com/terms/t/time-weightedror.asp: a deposit, and a withdrawal instead.
INVESTOPEDIA_1 = [
    a_day(0, "1000000", "1162484"),
    a_day(1, "1162484", "1192328", flow_at_begin="100000"),
]
INVESTOPEDIA_2 = [
    a_day(0, "1000000", "1162484"),
    a_day(1, "1162484", "1003440", flow_at_begin="-100000"),
]
GOLDEN = [
    pytest.param(INVESTOPEDIA_1, "9.79", id="investopedia_twr_investor_1"),
    pytest.param(INVESTOPEDIA_2, "9.79", id="investopedia_twr_investor_2"),
    # https://en.wikipedia.org/wiki/Time-weighted_return, linked internal rates of return
    pytest.param(days_with("4", "9", "5", "11"), "32.12", id="wikipedia_linked"),
    # https://financial-dictionary.thefreedictionary.com/time-weighted+return, of three years
    pytest.param(
        [
            a_day(0, "0", "150", flow_at_begin="100"),
            a_day(1, "150", "350", flow_at_begin="100"),
            a_day(2, "350", "270", flow_at_begin="100"),
        ],
        "26.00",
        id="barry_and_samantha",
    ),
    # https://www.canadianportfoliomanagerblog.com/calculating-your-money-weighted-rate-of-return-mwrr/
    pytest.param(days_with("-22.01", "42.11"), "10.83", id="canadian_portfolio_manager_2020"),
]


@pytest.mark.parametrize(("days", "per_cent"), GOLDEN)
def test_the_published_return_comes_out(days: list[Day], per_cent: str) -> None:
    assert shown(linked(days).total_return) == per_cent


@pytest.mark.parametrize(
    ("total_return", "days", "per_cent"),
    [
        # https://www.investopedia.com/terms/a/annualized-total-return.asp
        pytest.param("0.2374", 575, "14.5", id="investopedia_575_days"),
        pytest.param("0.308997", 5 * 365, "5.53", id="investopedia_fund_a_5_years"),
        pytest.param("1", 730, "41.42", id="square_root_of_two"),
    ],
)
def test_the_published_annual_rate_comes_out(total_return: str, days: int, per_cent: str) -> None:
    rate = annualized(Decimal(total_return), days)
    assert isinstance(rate, Decimal)
    places = len(per_cent.partition(".")[2])
    assert f"{rate * 100:.{places}f}" == per_cent


def test_a_year_or_less_is_not_annualized() -> None:
    assert annualized(Decimal("0.1"), 365) is NotAnnualized.PERIOD_MUST_EXCEED_A_YEAR
    assert annualized(Decimal(-2), 1) is NotAnnualized.PERIOD_MUST_EXCEED_A_YEAR
    assert annualized(Decimal("0.1"), 366) == Decimal("0.099713585934")


def test_a_total_loss_has_no_annual_rate() -> None:
    for lost in ("-1", "-1.5"):
        assert annualized(Decimal(lost), 366) is NotAnnualized.RETURN_MUST_EXCEED_MINUS_ONE
    assert isinstance(annualized(Decimal("-0.999999999999"), 366), Decimal)


def test_fees_lessen_the_net_return_only() -> None:
    days = [a_day(0, "100", "109", fees="1")]
    assert linked(days).total_return == Decimal("0.09")
    assert linked(days, Basis.GROSS_OF_FEES).total_return == Decimal("0.1")


def test_a_day_without_capital_ends_a_segment_and_the_next_with_some_begins_another() -> None:
    days = [
        a_day(0, "100", "110"),
        a_day(1, "110", "-5", flow_at_begin="-120", flow_at_end="3"),
        a_day(2, "-5", "-6"),
        a_day(3, "-6", "52", flow_at_begin="56"),
    ]
    answer = linked(days)
    assert [(s.period, s.total_return) for s in answer.segments] == [
        (Period(on(0), on(0)), Decimal("0.1")),
        (Period(on(3), on(3)), Decimal("0.04")),
    ]
    assert answer.breaks == (
        Break(valuation_date=on(1), capital=Decimal(-10), gain=Decimal(2)),
        Break(valuation_date=on(2), capital=Decimal(-5), gain=Decimal(-1)),
    )
    assert answer.total_return is None


def test_money_that_comes_at_the_end_of_the_first_day_is_a_break_that_hides_nothing() -> None:
    answer = linked([a_day(0, "0", "100", flow_at_end="100"), a_day(1, "100", "105")])
    assert answer.breaks == (Break(valuation_date=on(0), capital=Decimal(0), gain=Decimal(0)),)
    assert answer.total_return == Decimal("0.05")


def test_a_break_with_a_gain_leaves_no_total() -> None:
    answer = linked([a_day(0, "0", "101", flow_at_end="100"), a_day(1, "101", "102")])
    assert len(answer.segments) == 1
    assert answer.total_return is None


def test_days_without_money_before_and_after_are_not_annualized_over() -> None:
    """100 become 150 in 396 days of eleven years; a gap in between counts."""
    alone = [
        a_day(0, "0", "0"),
        a_day(1000, "0", "100", flow_at_begin="100"),
        a_day(1395, "100", "0", flow_at_end="-150"),
        a_day(4000, "0", "0"),
    ]
    (segment,) = linked(alone).segments
    assert segment.period == Period(on(1000), on(1395))
    assert segment.annualized_return == annualized(Decimal("0.5"), 396)
    again = [*alone[:3], a_day(2000, "0", "60", flow_at_begin="60"), a_day(4000, "60", "60")]
    (segment,) = linked(again).segments
    assert segment.annualized_return == annualized(Decimal("0.5"), 3001)


def test_idle_days_change_nothing_and_are_linked_through() -> None:
    days = [
        a_day(0, "0", "0"),
        a_day(1, "0", "110", flow_at_begin="100"),
        a_day(2, "110", "0", flow_at_end="-121"),
        a_day(3, "0", "0"),
        a_day(4, "0", "63", flow_at_begin="60"),
        a_day(5, "63", "63"),
    ]
    (segment,) = linked(days).segments
    assert segment.total_return == Decimal("0.2705")  # 1.1 * 1.1 * 1.05 - 1
    assert segment.period == Period(on(1), on(5))
    assert linked(days).breaks == ()


def test_a_day_that_costs_a_fee_while_nothing_is_held_is_not_idle() -> None:
    assert len(linked([a_day(0, "0", "-1", fees="1")]).breaks) == 1


def test_who_loses_everything_has_lost_everything_whatever_comes_later() -> None:
    days = [a_day(0, "100", "0"), a_day(1, "0", "0"), a_day(2, "0", "60", flow_at_begin="50")]
    assert linked(days).total_return == -1


def test_after_more_than_everything_is_lost_another_segment_begins() -> None:
    days = [a_day(0, "100", "-50"), a_day(1, "-50", "120", flow_at_begin="150")]
    assert [s.total_return for s in linked(days).segments] == [Decimal("-1.5"), Decimal("0.2")]


def test_no_days_have_no_return() -> None:
    assert linked([]) == Linked(segments=(), breaks=())
    assert linked([]).total_return is None


def test_a_long_segment_has_an_annual_rate() -> None:
    days = [a_day(0, "100", "100"), a_day(729, "100", "121")]
    (segment,) = linked(days).segments
    assert segment.annualized_return == Decimal("0.1")


def test_a_breakdown_is_cut_at_the_calendar_and_at_the_days_given() -> None:
    days = [a_day(n, f"{100 + n}", f"{101 + n}") for n in range(4)]  # 30 Dec to 2 Jan
    answers = dict(broken_down(days, Grain.MONTHLY))
    assert answers == {
        Period(on(0), on(1)): Decimal("0.02"),
        Period(on(2), on(3)): twelve(Fraction(104, 102) - 1),
    }


def broken_down(days: Sequence[Day], grain: Grain) -> Iterator[tuple[Period, Decimal | None]]:
    """Of days one after another."""
    windows = Windows(day_returns(days))
    for part in parts(Period(days[0].valuation_date, days[-1].valuation_date), grain):
        first = (part.first_day - days[0].valuation_date).days
        yield part, windows.total_return(slice(first, first + part.days))


def by_hand(days: Sequence[Day], basis: Basis) -> list[Fraction]:
    """The segments again, in fractions and in one loop."""
    segments: list[Fraction] = []
    is_open = False
    for day in days:
        begin, end = Fraction(day.begin_value), Fraction(day.end_value)
        capital = begin + Fraction(day.flow_at_begin)
        kept = end - Fraction(day.flow_at_end)
        kept += Fraction(day.fees) if basis is Basis.GROSS_OF_FEES else 0
        if not any((begin, end, day.flow_at_begin, day.flow_at_end, day.fees)):
            continue
        if capital <= 0:
            is_open = False
            continue
        if not is_open:
            segments.append(Fraction(1))
        segments[-1] *= kept / capital
        is_open = kept >= 0
    return [factor - 1 for factor in segments]


@LAW
@given(histories(values=WILD), st.sampled_from(Basis))
def test_segments_are_those_that_fractions_give(days: list[Day], basis: Basis) -> None:
    found = [segment.total_return for segment in linked(days, basis).segments]
    assert found == [twelve(each) for each in by_hand(days, basis)]


@LAW
@given(histories(values=WILD))
def test_every_day_is_in_a_segment_or_a_break_or_idle(days: list[Day]) -> None:
    answer = linked(days)
    broken = {each.valuation_date for each in answer.breaks}
    for day in days:
        is_linked = any(day.valuation_date in segment.period for segment in answer.segments)
        assert is_linked + (day.valuation_date in broken) == 1 or day.is_idle


@LAW
@given(histories(), st.integers(1, 10**9), st.integers(0, 9))
def test_scaling_all_money_leaves_the_return(days: list[Day], number: int, places: int) -> None:
    factor = Decimal(number).scaleb(-places)
    assert linked(scaled(days, factor)).segments == linked(days).segments


@LAW
@given(histories(), st.integers(0, 8))
def test_the_parts_of_a_split_period_link_to_the_whole(days: list[Day], at: int) -> None:
    whole = by_hand(days, Basis.NET_OF_FEES)
    first, second = (by_hand(part, Basis.NET_OF_FEES) for part in (days[:at], days[at:]))
    factor = Fraction(1)
    for each in [*first, *second]:
        factor *= 1 + each
    assert [factor - 1] == whole
    found = [linked(part).total_return for part in (days[:at], days[at:]) if part]
    rounded_factor = Decimal(1)
    for part in found:
        assert part is not None
        rounded_factor *= 1 + part
    total_return = linked(days).total_return
    assert total_return is not None
    assert abs(rounded_factor - 1 - total_return) < Decimal("1e-8") * (1 + abs(total_return))


@LAW
@given(histories(days_max=6), st.sampled_from(Grain))
def test_the_breakdown_links_to_the_whole(days: list[Day], grain: Grain) -> None:
    factor = Decimal(1)
    for _, part_return in broken_down(days, grain):
        assert part_return is not None
        factor *= 1 + part_return
    total_return = linked(days).total_return
    assert total_return is not None
    assert abs(factor - 1 - total_return) < Decimal("1e-8") * (1 + abs(total_return))


@LAW
@given(histories(), st.integers(0, 8))
def test_a_day_on_which_nothing_moves_changes_nothing(days: list[Day], at: int) -> None:
    before, after = days[:at], days[at:]
    held = before[-1].end_value if before else after[0].begin_value
    still = Day(valuation_date=on(at), begin_value=held, end_value=held)
    later = [
        Day(
            valuation_date=on(at + 1 + number),
            begin_value=day.begin_value,
            flow_at_begin=day.flow_at_begin,
            flow_at_end=day.flow_at_end,
            end_value=day.end_value,
        )
        for number, day in enumerate(after)
    ]
    assert linked([*before, still, *later]).total_return == linked(days).total_return


@LAW
@given(histories(), cents(1, 10_000_000))
def test_money_that_comes_at_the_end_of_the_last_day_earns_nothing(
    days: list[Day], amount: Decimal
) -> None:
    last = days[-1]
    more = Day(
        valuation_date=last.valuation_date,
        begin_value=last.begin_value,
        flow_at_begin=last.flow_at_begin,
        flow_at_end=last.flow_at_end + amount,
        end_value=last.end_value + amount,
    )
    assert linked([*days[:-1], more]).total_return == linked(days).total_return


def test_the_hand_can_find_a_wrong_return() -> None:
    """Without the flow the return of a day with one is another."""
    (day,) = [a_day(0, "100", "160", flow_at_begin="50")]
    assert linked([day]).total_return == twelve(by_hand([day], Basis.NET_OF_FEES)[0])
    assert linked([a_day(0, "100", "160")]).total_return != linked([day]).total_return


@LAW
@given(st.integers(-(10**6) + 1, 10**7), st.integers(366, 1500))
def test_the_annual_rate_is_right_to_the_last_digit(millionths: int, days: int) -> None:
    """Powers with whole exponents, in fractions: half a digit less is too little, more too much."""
    total_return = Decimal(millionths).scaleb(-6)
    rate = annualized(total_return, days)
    assert isinstance(rate, Decimal)
    half = Fraction(1, 2 * 10**12)
    wanted = (1 + Fraction(total_return)) ** 365
    assert max(1 + Fraction(rate) - half, Fraction(0)) ** days <= wanted
    assert wanted <= (1 + Fraction(rate) + half) ** days
