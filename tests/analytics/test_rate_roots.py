from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.rate_roots import (
    WIDE,
    Term,
    all_roots,
    bounds,
    gathered,
    present_values,
    roots_if_all,
    sign_at,
    sign_changes,
)
from tests.analytics.figures import LAW

Polynomial = list[Fraction]  # from the constant on
COEFFICIENTS = st.lists(st.integers(-9, 9), min_size=2, max_size=9)


def terms_of(coefficients: Sequence[Fraction | int], days: int = 1) -> list[Term]:
    with localcontext(WIDE):
        return gathered(
            (n * days, Decimal(Fraction(c).numerator) / Fraction(c).denominator)
            for n, c in enumerate(coefficients)
        )


def times(one: Polynomial, two: Polynomial) -> Polynomial:
    product = [Fraction(0)] * (len(one) + len(two) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(two):
            product[i + j] += a * b
    return product


def trimmed(polynomial: Polynomial) -> Polynomial:
    while polynomial and polynomial[-1] == 0:
        polynomial = polynomial[:-1]
    return polynomial


def remainder(one: Polynomial, two: Polynomial) -> Polynomial:
    one = trimmed(one)
    while len(one) >= len(two):
        factor = one[-1] / two[-1]
        shift = len(one) - len(two)
        one = [c - factor * two[n - shift] if n >= shift else c for n, c in enumerate(one)][:-1]
        one = trimmed(one)
    return one


def positive_roots_by_sturm(polynomial: Polynomial) -> int:
    """How many different ones: exact, of any polynomial, and shares nothing with what it checks.

    https://en.wikipedia.org/wiki/Sturm%27s_theorem
    """
    polynomial = trimmed(polynomial)
    while polynomial and polynomial[0] == 0:
        polynomial = polynomial[1:]
    if len(polynomial) < 2:
        return 0
    chain = [polynomial, [n * c for n, c in enumerate(polynomial)][1:]]
    while rest := remainder(chain[-2], chain[-1]):
        chain.append([-c for c in rest])
    at_zero = sign_changes(Decimal(int(c[0] > 0) - int(c[0] < 0)) for c in chain)
    at_infinity = sign_changes(Decimal(1 if c[-1] > 0 else -1) for c in chain)
    return at_zero - at_infinity


@pytest.mark.parametrize(
    ("coefficients", "roots"),
    [([-1, 1], 1), ([2, -3, 1], 2), ([1, -2, 1], 1), ([1, -1, 1], 0), ([0, 0, 1, 1], 0)],
)
def test_sturm_counts_what_is_known(coefficients: list[int], roots: int) -> None:
    assert positive_roots_by_sturm([Fraction(c) for c in coefficients]) == roots


@LAW
@given(COEFFICIENTS, st.sampled_from([1, 30, 365]))
def test_there_are_as_many_roots_as_sturm_counts(coefficients: list[int], days: int) -> None:
    with localcontext(WIDE):
        terms = terms_of(coefficients, days)
        roots = all_roots(terms) if terms else []
        assert roots is not None
        assert len(roots) == positive_roots_by_sturm([Fraction(c) for c in coefficients])
        for root in roots:
            hair = Decimal("1e-20")
            signs = {sign_at(terms, root * (1 - hair)), sign_at(terms, root * (1 + hair))}
            assert signs == {-1, 1} or sign_at(terms, root) == 0


@LAW
@given(COEFFICIENTS, st.fractions(Fraction(1, 9), 9, max_denominator=9))
def test_the_bound_is_never_below_what_sturm_counts_and_even_above_it(
    coefficients: list[int], place: Fraction
) -> None:
    with localcontext(WIDE):
        terms = terms_of(coefficients)
        y = Decimal(place.numerator) / place.denominator
        count = positive_roots_by_sturm([Fraction(c) for c in coefficients])
        if terms and sign_at(terms, y):
            found = list(bounds(terms, y, 8))
            assert found == sorted(found, reverse=True)
            for bound in found:
                assert bound >= count
                assert bound > 1 or bound == count


@LAW
@given(COEFFICIENTS, st.lists(st.fractions(Fraction(1, 9), 9, max_denominator=9), max_size=6))
def test_a_scan_that_says_it_found_all_has_found_all(
    coefficients: list[int], places: list[Fraction]
) -> None:
    with localcontext(WIDE):
        terms = terms_of(coefficients)
        scanned = {Decimal(place.numerator) / place.denominator for place in places}
        roots = roots_if_all(terms, scanned, orders=8) if terms else []
        if roots is not None:
            expected = all_roots(terms) if terms else []
            assert expected is not None
            assert len(roots) == positive_roots_by_sturm([Fraction(c) for c in coefficients])
            for one, two in zip(roots, expected, strict=True):
                assert abs(one - two) < Decimal("1e-20")


def test_higher_orders_see_that_a_balance_that_swings_has_one_rate_all_the_same() -> None:
    """By turns 1000 out and 1001 back: the sums of first order change sign again and again."""
    amounts = [1001 if n % 2 else -1000 for n in range(200)]
    with localcontext(WIDE):
        terms = terms_of(amounts, days=7)
        places = [Decimal("0.99985"), Decimal("0.99987")]
        assert roots_if_all(terms, places) is None
        (root,) = roots_if_all(terms, places, orders=32) or [Decimal(0)]
        assert abs(root**7 - Decimal(1000) / 1001) < Decimal("1e-40")


def test_places_that_are_roots_themselves_say_nothing() -> None:
    with localcontext(WIDE):
        assert roots_if_all(terms_of([-1, 1]), [Decimal(1)]) is None
        assert roots_if_all(terms_of([-1, 1]), []) is None


def test_beyond_so_many_sign_changes_no_roots_are_told() -> None:
    with localcontext(WIDE):
        assert all_roots(terms_of([(-1) ** n for n in range(61)])) is not None
        assert all_roots(terms_of([(-1) ** n for n in range(62)])) is None


ROOTS = st.lists(
    st.fractions(Fraction(1, 3), 3, max_denominator=1000), min_size=1, max_size=5, unique=True
)


@LAW
@given(ROOTS, st.integers(1, 9), st.integers(0, 3))
def test_roots_that_were_put_in_come_out(roots: list[Fraction], part: int, pairs: int) -> None:
    """Times factors that have none: y^2 + y + part."""
    polynomial = [Fraction(1)]
    for root in roots:
        polynomial = times(polynomial, [-root, Fraction(1)])
    for _ in range(pairs):
        polynomial = times(polynomial, [Fraction(part), Fraction(1), Fraction(1)])
    with localcontext(WIDE):
        found = all_roots(terms_of(polynomial))
        assert found is not None
        assert [Fraction(y).limit_denominator(1000) for y in found] == sorted(roots)
        for y, root in zip(found, sorted(roots), strict=True):
            assert abs(Fraction(y) - root) < Fraction(1, 10**40)


@LAW
@given(st.fractions(Fraction(1, 3), 3, max_denominator=99), st.integers(1, 4))
def test_a_root_of_any_order_is_one_root(root: Fraction, order: int) -> None:
    polynomial = [Fraction(1)]
    for _ in range(order):
        polynomial = times(polynomial, [-root, Fraction(1)])
    with localcontext(WIDE):
        (found,) = all_roots(terms_of(polynomial)) or [Decimal(0)]
        assert abs(Fraction(found) - root) < Fraction(1, 10**12)


def test_roots_that_are_close_are_told_apart() -> None:
    one, two = Fraction(1), 1 + Fraction(1, 10**15)
    polynomial = times([-one, Fraction(1)], [-two, Fraction(1)])
    with localcontext(WIDE):
        assert len(all_roots(terms_of(polynomial)) or ()) == 2


def test_payments_of_one_day_are_one_and_nothing_is_none() -> None:
    payments = [(7, Decimal(2)), (5, Decimal(0)), (6, Decimal(1)), (7, Decimal(3)), (9, Decimal(0))]
    assert gathered(payments) == [Term(0, Decimal(1)), Term(1, Decimal(5))]
    assert gathered([(1, Decimal(1)), (1, Decimal(-1))]) == []


def test_present_values_are_powers_of_the_days() -> None:
    terms = [Term(2, Decimal(5)), Term(3, Decimal(7)), Term(5, Decimal(-1))]
    assert present_values(terms, Decimal(2)) == [5, 14, -8]
    assert sign_at(terms, Decimal(2)) == 1
    assert sign_at(terms, Decimal(3)) == -1


def test_zeros_are_no_change_of_sign() -> None:
    assert sign_changes(Decimal(n) for n in (0, 1, 0, 2, 0, -1, 0, 0, 3)) == 2
