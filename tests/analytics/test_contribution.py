from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from analytics.contribution import (
    Attribution,
    Contribution,
    Gains,
    SegmentContributions,
    Split,
    split_return,
)
from analytics.days import Day
from analytics.time_weighted import day_returns
from calculator.money import EXACT, ZERO
from tests.analytics.figures import LAW, WILD, a_day, cents, histories, linked, scaled, twelve

WHOLE = slice(0, None)
Parts = Mapping[str, Sequence[Day]]
Local = Mapping[str, Sequence[tuple[str, str]]]  # of each day: gain, and the rate at its begin


def total_of(parts: Iterable[Sequence[Day]]) -> list[Day]:
    """The days of a whole; a part without a day has nothing on it."""
    by_date: dict[int, Day] = {}
    for day in (day for days in parts for day in days):
        number = day.valuation_date.toordinal()
        so_far = by_date.get(number)
        by_date[number] = day if so_far is None else both(so_far, day)
    return [by_date[number] for number in sorted(by_date)]


def both(one: Day, other: Day) -> Day:
    return Day(
        valuation_date=one.valuation_date,
        begin_value=one.begin_value + other.begin_value,
        flow_at_begin=one.flow_at_begin + other.flow_at_begin,
        flow_at_end=one.flow_at_end + other.flow_at_end,
        end_value=one.end_value + other.end_value,
        fees=one.fees + other.fees,
    )


def attribution(parts: Parts, local: Local | None = None) -> Attribution:
    """Where nothing local is said, all is in base currency."""
    whole = total_of(parts.values())
    gains = {}
    for name, days in parts.items():
        by_date = {day.valuation_date: day.gain() for day in days}
        base = [by_date.get(day.valuation_date, Decimal(0)) for day in whole]
        own = base
        if local is not None:
            own = [Decimal(gain) * Decimal(rate) for gain, rate in local[name]]
        gains[name] = Gains(whole_numbers(base, 12), whole_numbers(own, 24))
    return Attribution(day_returns(whole), gains)


def whole_numbers(amounts: Iterable[Decimal], places: int) -> list[int]:
    with localcontext(EXACT):
        return [int(amount.scaleb(places)) for amount in amounts]


def contributions(parts: Parts, local: Local | None = None) -> tuple[SegmentContributions, ...]:
    return attribution(parts, local).contributions(WHOLE)


def brought(answer: SegmentContributions) -> dict[str, Decimal]:
    return {each.name: each.contribution for each in answer.parts}


def test_contributions_of_two_days_by_hand() -> None:
    """10 of 100 and then, of 110, 11 and -5.5: the second day counts 1.1 times."""
    parts = {
        "A": [a_day(0, "60", "70"), a_day(1, "70", "81")],
        "B": [a_day(0, "40", "40"), a_day(1, "40", "34.5")],
    }
    (answer,) = contributions(parts)
    assert brought(answer) == {"A": Decimal("0.21"), "B": Decimal("-0.055")}
    assert answer.total_return == Decimal("0.155")


def test_what_moves_from_one_part_to_another_brings_nothing() -> None:
    parts = {
        "CASH": [a_day(0, "100", "0", flow_at_begin="-100")],
        "ACME": [a_day(0, "0", "110", flow_at_begin="100")],
    }
    (answer,) = contributions(parts)
    assert brought(answer) == {"CASH": Decimal(0), "ACME": Decimal("0.1")}


def test_a_part_counts_only_on_its_days() -> None:
    parts = {
        "A": [a_day(0, "100", "0", flow_at_end="-110")],
        "B": [a_day(1, "0", "99", flow_at_begin="90")],
    }
    (answer,) = contributions(parts)
    assert brought(answer) == {"A": Decimal("0.1"), "B": Decimal("0.11")}
    assert answer.total_return == Decimal("0.21")


def test_a_break_of_the_whole_parts_the_contributions_too() -> None:
    parts = {
        "A": [a_day(0, "10", "11"), a_day(1, "11", "0", flow_at_begin="-11")],
        "B": [a_day(2, "0", "6", flow_at_begin="5")],
    }
    first, second = contributions(parts)
    assert brought(first) == {"A": Decimal("0.1"), "B": 0}
    assert first.total_return == Decimal("0.1")
    assert brought(second) == {"A": 0, "B": Decimal("0.2")}
    assert second.total_return == Decimal("0.2")


def test_no_parts_contribute_nothing() -> None:
    assert contributions({}) == ()
    assert contributions({"A": []}) == ()
    assert attribution({"A": []}).currency_effect(WHOLE) is None


def test_a_short_position_contributes_what_it_gains() -> None:
    parts = {"LONG": [a_day(0, "150", "165")], "SHORT": [a_day(0, "-50", "-60")]}
    (answer,) = contributions(parts)
    assert brought(answer) == {"LONG": Decimal("0.15"), "SHORT": Decimal("-0.1")}


def by_hand(parts: Sequence[Sequence[Day]]) -> list[Fraction]:
    """Backward: what a day brought grows with the whole afterwards, and what is linked after the
    day's own gain is left out. The same sum in another order; only for one segment."""
    total = [
        (
            sum((Fraction(days[n].capital) for days in parts), Fraction(0)),
            [Fraction(days[n].gain()) for days in parts],
        )
        for n in range(len(parts[0]))
    ]
    sums = [Fraction(0)] * len(parts)
    for capital, gains in reversed(total):
        growth = 1 + sum(gains) / capital
        sums = [gain / capital + growth * later for gain, later in zip(gains, sums, strict=True)]
    return sums


@st.composite
def portfolios(draw: st.DrawFn, values: st.SearchStrategy[Decimal] = WILD) -> list[list[Day]]:
    """Parts with the same days; one more that has most of the money, so that there is capital."""
    length = draw(st.integers(1, 6))
    parts = [draw(histories(days_min=length, days_max=length, values=values)) for _ in range(3)]
    large = cents(10**9, 2 * 10**9)
    return [*parts, draw(histories(days_min=length, days_max=length, values=large))]


@LAW
@given(portfolios())
def test_parts_sum_to_the_linked_return_to_the_last_digit(portfolio: list[list[Day]]) -> None:
    (answer,) = contributions({f"P{n}": days for n, days in enumerate(portfolio)})
    assert sum(brought(answer).values()) == answer.total_return
    assert answer.total_return == linked(total_of(portfolio)).total_return


@LAW
@given(st.lists(histories(days_min=4, days_max=4, values=WILD), min_size=1, max_size=3))
def test_with_breaks_too_segments_and_sums_are_those_of_the_whole(
    portfolio: list[list[Day]],
) -> None:
    answers = contributions({f"P{n}": days for n, days in enumerate(portfolio)})
    segments = linked(total_of(portfolio)).segments
    assert [each.total_return for each in answers] == [each.total_return for each in segments]
    for answer in answers:
        assert sum(brought(answer).values()) == answer.total_return


@LAW
@given(portfolios(), st.integers(0, 5))
def test_days_before_a_period_are_no_matter(portfolio: list[list[Day]], first: int) -> None:
    parts = {str(n): days for n, days in enumerate(portfolio)}
    later = {name: days[first:] for name, days in parts.items()}
    assert attribution(parts).contributions(slice(first, None)) == contributions(later)


@LAW
@given(portfolios())
def test_each_part_is_what_fractions_give(portfolio: list[list[Day]]) -> None:
    (answer,) = contributions({str(n): days for n, days in enumerate(portfolio)})
    for name, exact in enumerate(by_hand(portfolio)):
        assert abs(brought(answer)[str(name)] - twelve(exact)) <= Decimal("4e-12")


@LAW
@given(portfolios(), st.integers(1, 10**6))
def test_scaling_all_money_leaves_contributions(portfolio: list[list[Day]], factor: int) -> None:
    parts = {str(n): days for n, days in enumerate(portfolio)}
    more = {name: scaled(days, Decimal(factor)) for name, days in parts.items()}
    assert contributions(more) == contributions(parts)


@LAW
@given(portfolios())
def test_parts_together_contribute_what_they_do_apart(portfolio: list[list[Day]]) -> None:
    (apart,) = contributions({str(n): days for n, days in enumerate(portfolio)})
    together = {"01": total_of(portfolio[:2]), "2": portfolio[2], "3": portfolio[3]}
    (answer,) = contributions(together)
    alone = brought(apart)
    assert abs(brought(answer)["01"] - alone["0"] - alone["1"]) <= Decimal("5e-12")


def test_the_currency_brings_what_the_local_return_does_not() -> None:
    """100 EUR at 1.10 become 105 EUR at 1.20; beside them 110 USD that stay."""
    parts = {"EUR": [a_day(0, "110", "126")], "USD": [a_day(0, "110", "110")]}
    (answer,) = contributions(parts, {"EUR": [("5", "1.1")], "USD": [("0", "1")]})
    base, local = twelve(Fraction(16, 220)), Decimal("0.025")
    assert answer.parts == (
        Contribution(name="EUR", contribution=base, local=local, currency=base - local),
        Contribution(name="USD", contribution=ZERO, local=ZERO, currency=ZERO),
    )


def test_the_second_day_counts_by_what_was_linked_locally_before_it() -> None:
    """100 EUR at 1 grow by a tenth each day; the rate goes to 2 in between and stays."""
    parts = {"EUR": [a_day(0, "100", "110"), a_day(1, "110", "242")]}
    (answer,) = contributions(parts, {"EUR": [("10", "1"), ("11", "1")]})
    assert (answer.total_return, answer.local) == (Decimal("1.42"), Decimal("0.21"))
    assert answer.parts[0].local == Decimal("0.21")
    assert answer.currency == answer.parts[0].currency == Decimal("1.21")
    split = attribution(parts, {"EUR": [("10", "1"), ("11", "1")]}).currency_effect(WHOLE)
    assert split == Split(base=Decimal("1.42"), local=Decimal("0.21"), currency=Decimal("1.21"))


def test_where_rates_alone_kept_the_whole_from_debt_nothing_is_split() -> None:
    """Locally 150 of 100 are lost, in dollars 10; on the last day that can still be said."""
    parts = {"EUR": [a_day(0, "100", "90"), a_day(1, "90", "99")]}
    lost: Local = {"EUR": [("-150", "1"), ("9", "1")]}
    (answer,) = contributions(parts, lost)
    assert (answer.total_return, answer.local, answer.currency) == (Decimal("-0.01"), None, None)
    assert answer.parts == (
        Contribution(name="EUR", contribution=Decimal("-0.01"), local=None, currency=None),
    )
    assert attribution(parts, lost).currency_effect(WHOLE) is None
    assert attribution(parts, lost).currency_effect(slice(0, 1)) == Split(
        base=Decimal("-0.1"), local=Decimal("-1.5"), currency=Decimal("1.4")
    )


@LAW
@given(portfolios(), st.lists(cents(-10_000, 10_000), min_size=24, max_size=24))
def test_what_parts_bring_locally_and_by_currency_sums_to_the_split_of_the_whole(
    portfolio: list[list[Day]], gains: list[Decimal]
) -> None:
    parts = {str(n): days for n, days in enumerate(portfolio)}
    local = {
        str(n): [(str(gains[n * 6 + k]), "1.1") for k in range(len(days))]
        for n, days in enumerate(portfolio)
    }
    (answer,) = contributions(parts, local)
    linked_local = Fraction(1)
    for k, day in enumerate(total_of(portfolio)):
        gain = sum(Fraction(gains[n * 6 + k]) for n in range(len(portfolio)))
        linked_local *= 1 + gain * Fraction("1.1") / Fraction(day.capital)
    assert answer.local == twelve(linked_local - 1)
    assert sum(part.local or ZERO for part in answer.parts) == answer.local
    assert sum(part.currency or ZERO for part in answer.parts) == answer.currency
    assert sum(part.contribution for part in answer.parts) == answer.total_return
    for part in answer.parts:
        assert (part.local or ZERO) + (part.currency or ZERO) == part.contribution
    split = attribution(parts, local).currency_effect(WHOLE)
    assert split == Split(
        base=answer.total_return, local=answer.local, currency=answer.currency or ZERO
    )


@LAW
@given(portfolios())
def test_at_a_rate_of_one_that_stays_all_is_local(portfolio: list[list[Day]]) -> None:
    (answer,) = contributions({str(n): days for n, days in enumerate(portfolio)})
    assert [part.currency for part in answer.parts] == [ZERO] * len(portfolio)


def test_a_published_split_of_a_return_comes_out() -> None:
    """https://forum.theanalystspace.com/viewthread.php?authorid=222300&page=2&tid=189497:
    25% in a currency that loses 10%: 0.25 - 0.10 - 0.025."""
    split = split_return(Decimal("1.25") * Decimal("0.9") - 1, Decimal("0.25"))
    assert split == Split(base=Decimal("0.125"), local=Decimal("0.25"), currency=Decimal("-0.125"))


def test_a_sum_that_is_off_would_be_seen() -> None:
    """Rounded one by one, thirds do not sum to the whole: the guard of the law can fail."""
    thirds = {name: [a_day(0, "1", "1.1")] for name in "ABC"}
    (answer,) = contributions(thirds)
    exact = twelve(Fraction(1, 30))
    assert 3 * exact != answer.total_return
    assert sum(brought(answer).values()) == answer.total_return


def test_a_flow_of_nothing_changes_nothing() -> None:
    days = [a_day(0, "60", "70"), a_day(1, "70", "81")]
    nothing = [replace(d, flow_at_begin=Decimal("0.00"), flow_at_end=Decimal(0)) for d in days]
    assert contributions({"A": nothing}) == contributions({"A": days})
