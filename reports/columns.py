"""Exact amounts in columns: whole numbers of numpy where they fit, of Python where they do not.

An amount is `units` + `steps` / 10^12 with 0 <= steps < 10^12. Products are rounded half-even to 12
places, to the last digit as `Decimal` would round them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calculator.money import EXACT

PLACES = 12
STEPS_PER_UNIT = 10**PLACES
_FITS = 2.0**62  # in int64, with room
# A quotient that is estimated in floats is then off by one at most, which the remainder shows.
_ESTIMATED = 2.0**50
_PLACES_MAX = 18  # so that remainders fit in int64

Whole = NDArray[Any]  # of int64, or of int


@dataclass(frozen=True, slots=True)
class Scaled:
    """Numbers that are `whole` / 10^`places`."""

    whole: Whole
    places: int

    @property
    def largest(self) -> float:
        """Taken absolutely; at least 1."""
        if not len(self.whole):
            return 1.0
        return max(1.0, float(max(abs(self.whole.max()), abs(self.whole.min()))))


@dataclass(frozen=True, slots=True)
class Amounts:
    """One for each day."""

    units: Whole
    steps: Whole

    @classmethod
    def zeros(cls, length: int) -> "Amounts":
        return cls(np.zeros(length, np.int64), np.zeros(length, np.int64))

    def __add__(self, other: "Amounts") -> "Amounts":
        """Steps of many sums may be more than a unit."""
        return Amounts(self.units + other.units, self.steps + other.steps)

    def where(self, mask: NDArray[np.bool_]) -> "Amounts":
        """Zero elsewhere."""
        return Amounts(np.where(mask, self.units, 0), np.where(mask, self.steps, 0))

    def in_steps(self) -> list[int]:
        """As numbers of 10^-12."""
        pairs = zip(self.units.tolist(), self.steps.tolist(), strict=True)
        return [units * STEPS_PER_UNIT + steps for units, steps in pairs]

    def at(self, index: int) -> Decimal:
        steps = int(self.units[index]) * STEPS_PER_UNIT + int(self.steps[index])
        return of_steps(steps)


def of_steps(steps: int) -> Decimal:
    return Decimal(steps).scaleb(-PLACES, EXACT)


def scaled(numbers: Sequence[Decimal]) -> Scaled:
    """Of at most 12 places, with as few as all of them need."""
    whole = [int(number.scaleb(PLACES, EXACT)) for number in numbers]
    common, spare = gcd(*whole), 0
    while spare < PLACES and common % 10 == 0:
        common //= 10
        spare += 1
    rest = 10**spare
    return Scaled(_column([number // rest for number in whole]), PLACES - spare)


def running(changes: Scaled) -> Scaled:
    """Their sums: none of them, the first, the first two, ..."""
    fits = changes.largest * len(changes.whole) < _FITS
    whole = changes.whole if fits else changes.whole.astype(object)
    return Scaled(np.concatenate(([0], np.cumsum(whole))), changes.places)


def _column(whole: Sequence[int]) -> Whole:
    fits = all(-_FITS < number < _FITS for number in whole)
    return np.array(whole, dtype=np.int64 if fits else object)


def scaled_parts(units: NDArray[np.int64], steps: NDArray[np.int64]) -> Scaled:
    """Of numbers that come as `Amounts`."""
    places = next(n for n in (0, 2, 4, 6, 8, PLACES) if _has_places(steps, n))
    rest = 10 ** (PLACES - places)
    fits = not len(units) or float(np.abs(units).max()) * 10.0**places < _FITS
    whole = units if fits else units.astype(object)
    return Scaled(whole * 10**places + steps // rest, places)


def _has_places(steps: NDArray[np.int64], places: int) -> bool:
    """A look at the first few tells most often that it has more."""
    rest = 10 ** (PLACES - places)
    return not (steps[:8] % rest).any() and not (steps % rest).any()


def product(left: Scaled, right: Scaled) -> Scaled:
    """Exact."""
    fits = left.largest * right.largest < _FITS
    whole = left.whole if fits else left.whole.astype(object)
    return Scaled(whole * right.whole, left.places + right.places)


def rounded_product(left: Scaled, right: Scaled) -> Amounts:
    """Half-even to 12 places."""
    places = left.places + right.places
    is_small = left.largest * right.largest < _ESTIMATED * 10.0**places
    integers = left.whole.dtype != object and right.whole.dtype != object
    if integers and is_small and places <= _PLACES_MAX:
        return _estimated(left.whole, right.whole, places)
    return _in_python(left.whole.astype(object) * right.whole, places)


def _estimated(left: NDArray[np.int64], right: NDArray[np.int64], places: int) -> Amounts:
    one = 10**places
    units = np.floor(left.astype(np.float64) * right / float(one)).astype(np.int64)
    # The products may not fit and wrap around; their difference is small, and right.
    with np.errstate(over="ignore"):
        rest = left * right - units * one
    low, high = rest < 0, rest >= one
    units += high.astype(np.int64) - low
    rest += one * (low.astype(np.int64) - high)
    return _rounded(units, rest, places)


def _rounded(units: Whole, rest: Whole, places: int) -> Amounts:
    if places <= PLACES:
        return Amounts(units, rest * 10 ** (PLACES - places))
    beyond = 10 ** (places - PLACES)
    steps, over = rest // beyond, rest % beyond
    is_up = (2 * over > beyond) | ((2 * over == beyond) & (steps % 2 == 1))
    steps = steps + is_up.astype(np.int64)
    carried = (steps == STEPS_PER_UNIT).astype(np.int64)
    return Amounts(units + carried, steps - carried * STEPS_PER_UNIT)


def _in_python(whole: Whole, places: int) -> Amounts:
    one = 10**places
    found = _rounded(whole // one, whole % one, places)
    return Amounts(found.units, found.steps.astype(np.int64))
