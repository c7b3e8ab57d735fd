from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyxirr import xirr as solver

from analytics import money_weighted as module
from analytics.days import Day, Flow, Timing
from analytics.dietz import modified_dietz
from analytics.money_weighted import (
    Answer,
    NoRate,
    NoRoot,
    OneRoot,
    Payment,
    SeveralRoots,
    as_invested,
    money_weighted,
    over_days,
    xirr,
)
from analytics.periods import Period
from calculator.money import EXACT
from tests.analytics.figures import LAW, a_day, cents, flows_of, histories, linked, on, scaled


def paid(*payments: tuple[str, str]) -> list[Payment]:
    return [
        Payment(payment_date=date.fromisoformat(day), amount=Decimal(amount))
        for day, amount in payments
    ]


def yearly(*amounts: str) -> list[Payment]:
    return [
        Payment(payment_date=on(365 * year), amount=Decimal(amount))
        for year, amount in enumerate(amounts)
    ]


def shown(answer: Answer, places: int) -> list[str]:
    """Per cent, as the sources do."""
    assert not isinstance(answer, NoRoot)
    rates = (answer.rate,) if isinstance(answer, OneRoot) else answer.rates
    return [f"{rate * 100:.{places}f}" for rate in rates]


# The dates of the first are those of the page; yearly payments are 365 days apart.
GOLDEN = [
    pytest.param(
        paid(
            ("2008-01-01", "-10000"),
            ("2008-03-01", "2750"),
            ("2008-10-30", "4250"),
            ("2009-02-15", "3250"),
            ("2009-04-01", "2750"),
        ),
        4,
        ["37.3363"],
        # https://support.microsoft.com/en-us/office/xirr-function-de1242ec-6477-445b-b11b-a303ad9adc9d
        id="microsoft_excel_xirr",
    ),
    pytest.param(
        paid(
            ("1992-01-01", "-10000"),
            ("1992-03-01", "2750"),
            ("1992-10-30", "4250"),
            ("1993-02-15", "3250"),
            ("1993-04-01", "2750"),
        ),
        4,
        ["37.3363"],
        # https://helparchive.huntertur.net/document/6451
        id="microsoft_excel_5_q116041",
    ),
    pytest.param(
        yearly("-2000", "10000", "-10000"),
        0,
        ["38", "262"],  # there "approximately 38% and 260%"
        # http://www.edupristine.com/discuss/viewtopic.php?f=13&t=1406
        id="edupristine_two_rates",
    ),
    pytest.param(
        yearly("-252", "1431", "-3035", "2850", "-1000"),
        2,
        ["25.00", "33.33", "42.86", "66.67"],  # 1/4, 1/3, 3/7 and 2/3, "between 20 and 70 percent"
        # https://brainmass.com/business/internal-rate-of-return/lt-problem-multiple-irrs-39308
        id="brainmass_four_rates",
    ),
]


@pytest.mark.parametrize(("payments", "places", "per_cent"), GOLDEN)
def test_the_published_rates_come_out(
    payments: list[Payment], places: int, per_cent: list[str]
) -> None:
    assert shown(xirr(payments), places) == per_cent


@pytest.mark.parametrize(
    ("payments", "answer"),
    [
        (yearly("-100", "110"), OneRoot(Decimal("0.1"))),
        (yearly("-100", "100"), OneRoot(Decimal(0))),
        (yearly("-100", "0", "1"), OneRoot(Decimal("-0.9"))),
        (yearly("100", "-110"), OneRoot(Decimal("0.1"))),
        (yearly("-100", "220", "-121"), OneRoot(Decimal("0.1"))),  # it touches zero
        (yearly("-1000", "2300", "-1320"), SeveralRoots((Decimal("0.1"), Decimal("0.2")))),
        (yearly("-100", "150", "-50"), SeveralRoots((Decimal("-0.5"), Decimal(0)))),
        (yearly("-100", "250", "-160"), NoRoot(NoRate.PRESENT_VALUE_MUST_REACH_ZERO)),
        (yearly("-100", "-1"), NoRoot(NoRate.PAYMENTS_MUST_HAVE_BOTH_SIGNS)),
        (yearly("-100", "0"), NoRoot(NoRate.PAYMENTS_MUST_HAVE_BOTH_SIGNS)),
        (yearly("0"), NoRoot(NoRate.PAYMENTS_MUST_HAVE_BOTH_SIGNS)),
        ([], NoRoot(NoRate.PAYMENTS_MUST_HAVE_BOTH_SIGNS)),
        (paid(("2024-01-01", "-1"), ("2024-01-02", "2")), NoRoot(NoRate.RATE_MUST_FIT)),
        # A tenth in a day: over a year -1 but for 10^-17.
        (paid(("2024-01-01", "-100"), ("2024-01-02", "90")), NoRoot(NoRate.RATE_MUST_FIT)),
        # The other root leaves 10^-13 of what there was.
        (yearly("-10000000000000", "11000000000001", "-1.1"), OneRoot(Decimal("0.1"))),
        (
            paid(("2024-01-01", "-1"), ("2024-01-01", "2")),
            NoRoot(NoRate.PAYMENTS_MUST_HAVE_BOTH_SIGNS),
        ),
    ],
)
def test_no_answer_is_a_guess(payments: list[Payment], answer: Answer) -> None:
    assert xirr(payments) == answer


def test_rates_that_cannot_be_counted_are_not_told() -> None:
    """62 sign changes and one rate, 0, of 62nd order: (1 - y)^62, which touches zero."""
    amounts = [comb(62, n) * (-1) ** n for n in range(63)]
    payments = [
        Payment(payment_date=on(30 * n), amount=Decimal(amount)) for n, amount in enumerate(amounts)
    ]
    assert xirr(payments) == NoRoot(NoRate.SIGN_CHANGES_MUST_BE_FEWER)


def test_every_reason_of_no_rate_is_met() -> None:
    assert {reason.value for reason in NoRate} == {
        "payments_must_have_both_signs",
        "present_value_must_reach_zero",
        "sign_changes_must_be_fewer",
        "rate_must_fit",
    }


def test_the_solver_alone_would_tell_one_of_two_rates() -> None:
    """Why roots are counted first."""
    payments = yearly("-1000", "2300", "-1320")
    rate = solver([p.payment_date for p in payments], [float(p.amount) for p in payments])
    assert rate is not None


@pytest.mark.parametrize("wrong", [None, "0.5", "-0.999", "1e20", "-2", "1e300"])
def test_a_solver_that_is_wrong_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, wrong: str | None
) -> None:
    cases = [each.values[0] for each in GOLDEN]
    right = [xirr(payments) for payments in cases]  # type: ignore[arg-type]
    asked = []

    def solved_rate(payments: Sequence[tuple[date, Decimal]]) -> Decimal | None:
        asked.append(payments)
        return None if wrong is None else Decimal(wrong)

    monkeypatch.setattr(module, "solved_rate", solved_rate)
    assert [xirr(payments) for payments in cases] == right  # type: ignore[arg-type]
    assert len(asked) == len(cases)


def test_begin_and_end_value_are_payments_a_period_apart() -> None:
    period = Period(date(2024, 1, 1), date(2024, 12, 30))  # 365 days
    assert money_weighted(period, Decimal(100), [], Decimal(110)) == OneRoot(Decimal("0.1"))


def test_the_begin_of_a_day_is_the_end_of_the_day_before() -> None:
    period = Period(on(0), on(9))
    ends = [Flow(flow_date=on(4), amount=Decimal(7))]
    begins = [Flow(flow_date=on(5), amount=Decimal(7), timing=Timing.BEGIN)]
    answers = [money_weighted(period, Decimal(10), flows, Decimal(18)) for flows in (ends, begins)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("rate", "days", "fraction"),
    [
        ("0.1", 730, "0.21"),
        ("0.21", 0, "0"),
        ("-0.75", 365, "-0.75"),
        ("0.21", 1, "0.000522383956"),
    ],
)
def test_a_rate_a_year_over_some_days(rate: str, days: int, fraction: str) -> None:
    assert over_days(Decimal(rate), days) == Decimal(fraction)


def test_thousands_of_payments_take_no_time() -> None:
    """One sign change of the compounded balance decides, though the payments have hundreds."""
    random = Random(1)
    payments = [Payment(payment_date=on(0), amount=Decimal(-10_000))]
    payments += [
        Payment(payment_date=on(1 + n), amount=Decimal(random.randint(-100, 100)))
        for n in range(2000)
    ]
    payments.append(Payment(payment_date=on(2002), amount=Decimal(12_000)))
    assert isinstance(xirr(payments), OneRoot)


def value_at(payments: Sequence[Payment], rate: Decimal) -> Decimal:
    """As the definition says it, by powers with fractions of a year."""
    first = min(payment.payment_date for payment in payments)
    with localcontext(EXACT):
        return sum(
            (
                payment.amount / (1 + rate) ** (Decimal((payment.payment_date - first).days) / 365)
                for payment in payments
            ),
            Decimal(0),
        )


PAYMENTS = st.lists(
    st.builds(
        Payment,
        payment_date=st.integers(0, 2000).map(on),
        amount=cents(-1_000_000, 1_000_000),
    ),
    min_size=2,
    max_size=12,
)


def rates_of(answer: Answer) -> tuple[Decimal, ...]:
    match answer:
        case OneRoot(rate):
            return (rate,)
        case SeveralRoots(rates):
            return rates
        case NoRoot():
            return ()


@LAW
@given(PAYMENTS)
def test_the_present_value_changes_sign_at_every_rate_that_is_told(payments: list[Payment]) -> None:
    half = Decimal("1e-12")
    for rate in rates_of(xirr(payments)):
        if rate - half > -1 and rate < 10**6:
            assert value_at(payments, rate - half) * value_at(payments, rate + half) <= 0


@LAW
@given(PAYMENTS)
def test_a_scan_finds_no_rate_that_is_not_told(payments: list[Payment]) -> None:
    """Brute force: wherever the present value changes sign between two places, a rate is told."""
    places = [Decimal(n) / 8 - 1 for n in range(1, 40)]
    signs = [value_at(payments, place) for place in places]
    told = rates_of(xirr(payments))
    for low, high, one, two in zip(places, places[1:], signs, signs[1:], strict=False):
        if one * two < 0:
            assert any(low <= rate <= high for rate in told)


@LAW
@given(PAYMENTS, st.integers(1, 10**9), st.randoms(use_true_random=False), st.integers(0, 999))
def test_scale_order_date_and_payments_of_nothing_change_no_answer(
    payments: list[Payment], factor: int, random: Random, later: int
) -> None:
    others = [
        Payment(
            payment_date=payment.payment_date + timedelta(days=later),
            amount=payment.amount * factor,
        )
        for payment in [*payments, Payment(payment_date=on(1000), amount=Decimal(0))]
    ]
    random.shuffle(others)
    assert xirr(others) == xirr(payments)


@LAW
@given(PAYMENTS, st.integers(1, 99))
def test_a_payment_in_parts_is_the_payment(payments: list[Payment], cents_off: int) -> None:
    first, *rest = payments
    part = Decimal(cents_off).scaleb(-2)
    parts = [
        Payment(payment_date=first.payment_date, amount=first.amount - part),
        Payment(payment_date=first.payment_date, amount=part),
    ]
    assert xirr([*rest, *parts]) == xirr(payments)


@LAW
@given(
    st.lists(
        st.fractions(Fraction(1, 2), 2, max_denominator=20), min_size=1, max_size=4, unique=True
    )
)
def test_rates_that_were_put_in_come_out(factors: list[Fraction]) -> None:
    """Of payments a year apart that are worth nothing at these yearly factors and no others."""
    polynomial = [Fraction(-1)]
    for factor in factors:
        shifted = [*polynomial, Fraction(0)]
        scaled_up = [Fraction(0), *(-factor * c for c in polynomial)]
        polynomial = [a + b for a, b in zip(shifted, scaled_up, strict=True)]
    size = 1
    for factor in factors:
        size *= factor.denominator
    payments = yearly(*(str(int(c * size)) for c in polynomial))
    assert [Fraction(r + 1).limit_denominator(20) for r in rates_of(xirr(payments))] == sorted(
        factors
    )


@LAW
@given(cents(100, 10**6), cents(0, 10**6), cents(-1000, 1000))
def test_of_one_day_it_is_the_time_weighted_return(
    begin: Decimal, flow_in: Decimal, gain: Decimal
) -> None:
    end = begin + flow_in + gain * (begin + flow_in) / 10**6
    day = a_day(0, str(begin), str(end), flow_at_begin=str(flow_in))
    answer = money_weighted(Period(on(0), on(0)), begin, flows_of([day]), end)
    total_return = linked([day]).total_return
    assert total_return is not None
    assert isinstance(answer, OneRoot)
    assert abs(over_days(answer.rate, 1) - total_return) <= Decimal("2e-12")


@LAW
@given(histories(), st.integers(1, 10**6))
def test_scaling_all_money_leaves_the_rate(days: list[Day], factor: int) -> None:
    def answer(days: Sequence[Day]) -> Answer:
        period = Period(on(0), on(len(days) - 1))
        return money_weighted(period, days[0].begin_value, flows_of(days), days[-1].end_value)

    assert answer(scaled(days, Decimal(factor))) == answer(days)


def over(
    first_day: str, last_day: str, begin: str, flows: dict[str, str], end: str
) -> list[Decimal | None]:
    """(rate over the days with money, Modified Dietz), and that the rate is the same."""
    period = Period(date.fromisoformat(first_day), date.fromisoformat(last_day))
    listed = [
        Flow(flow_date=date.fromisoformat(day), amount=Decimal(text)) for day, text in flows.items()
    ]
    found = as_invested(period, Decimal(begin), listed, Decimal(end))
    if found is None:
        return [None, None]
    inner = found.period, found.begin_value, found.flows, found.end_value
    answer = money_weighted(*inner)
    assert answer == money_weighted(period, Decimal(begin), listed, Decimal(end))
    assert isinstance(answer, OneRoot)
    return [over_days(answer.rate, found.period.days), modified_dietz(*inner)]


@pytest.mark.parametrize(
    ("last_day", "flows", "end"),
    [
        ("2023-01-02", {"2023-01-01": "1000"}, "1100"),  # a single night
        ("2023-12-31", {"2023-01-01": "1000"}, "1100"),
        ("2025-12-31", {"2023-01-01": "1000", "2023-12-31": "-1100"}, "0"),  # closed long ago
        ("2025-12-31", {"2024-07-01": "1000"}, "1100"),  # and begun late
    ],
)
def test_days_without_money_neither_earn_nor_lessen_what_was_earned(
    last_day: str, flows: dict[str, str], end: str
) -> None:
    rate, dietz = over("2023-01-01", last_day, "0", flows, end)
    assert dietz == Decimal("0.1")
    assert rate is not None
    assert abs(rate - dietz) < Decimal("1e-11")  # the rate a year was rounded


def test_what_there_is_at_both_ends_is_left_as_it_is() -> None:
    period, flow = Period(on(0), on(9)), Flow(flow_date=on(4), amount=Decimal(5))
    found = as_invested(period, Decimal(100), [flow], Decimal(110))
    assert found is not None
    assert found.period == period
    assert list(found.flows) == [flow]
    assert (found.begin_value, found.end_value) == (Decimal(100), Decimal(110))


def test_money_of_the_last_day_alone_was_never_invested() -> None:
    assert over("2023-01-01", "2023-01-05", "0", {"2023-01-05": "1000"}, "1001") == [None, None]
