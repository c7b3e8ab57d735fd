"""What of the topic of rates came in force, and where."""

from calculator import FxRate, Rates
from streams.known_rates import KnownRates
from tests.calculator.trading import rate

EUR, CHF = ("EUR", "USD"), ("CHF", "USD")


def known(*rates: FxRate) -> KnownRates:
    """They lie at every second offset, from 10 on."""
    known = KnownRates(Rates())
    for number, each in enumerate(rates):
        known.keep(10 + 2 * number, each)
    known.move(10 + 2 * len(rates))
    return known


def test_what_changes_nothing_did_not_come_in_force() -> None:
    first, same = rate(*EUR, 1, "2", version=2), rate(*EUR, 1, "2.0", version=2)
    lower, other = rate(*EUR, 1, "1"), rate(*EUR, 1, "3", version=2)
    higher = rate(*EUR, 1, "4", version=3)
    found = known(first, same, lower, other, higher)
    assert found.since(0, {EUR}, 99) == ([first, higher], 20)
    assert found.since(10, {EUR}, 99) == ([first, higher], 20)
    assert found.since(11, {EUR}, 99) == ([higher], 20)
    assert found.since(20, {EUR}, 99) == ([], 20)


def test_of_the_legs_asked_for_so_many_as_are_asked_for() -> None:
    rates = [rate(*pair, day, "1") for day in range(3) for pair in (EUR, CHF)]
    found = known(*rates)
    assert found.since(0, {CHF}, 99) == (rates[1::2], 22)
    assert found.since(0, {CHF}, 2) == ([rates[1], rates[3]], 20)
    assert found.since(20, {CHF}, 2) == ([rates[5]], 22)
    assert found.since(0, {EUR, CHF}, 1) == ([rates[0]], 12)
    assert found.since(0, set(), 1) == ([], 22)


def test_what_was_kept_and_not_moved_past_is_in_force_and_not_followed_yet() -> None:
    found = known(rate(*EUR, 1, "2"))
    found.keep(12, rate(*EUR, 2, "3"))
    assert found.since(0, {EUR}, 99)[1] == 12
    assert found.rates.resolve(*EUR, rate(*EUR, 2, "3").rate_date) is not None
    found.move(13)
    assert found.since(12, {EUR}, 99) == ([rate(*EUR, 2, "3")], 13)
