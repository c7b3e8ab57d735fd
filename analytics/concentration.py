"""How much of a portfolio is in few things: positions, sectors, currencies, any grouping.

Shares are of gross exposure, v / sum |v|: what is short has a share below zero, but adds to the
concentration as what is long does. Without short positions they are the usual weights.
O. C. Herfindahl (1950), A. O. Hirschman (1945).
https://en.wikipedia.org/wiki/Herfindahl%E2%80%93Hirschman_index
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from analytics.bad_input import BadInput, Rule
from analytics.exact import check_amount, check_positive, rounded_return
from calculator.money import EXACT, ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """Fractions, half-even to 12 places, each rounded by itself."""

    index: Decimal  # sum of squared shares: above 0, and 1 where all is in one; not times 10,000
    effective_number: Decimal  # 1 / index: so many equal shares would be as concentrated
    largest: tuple[tuple[str, Decimal], ...]  # names and shares, by size taken absolutely
    largest_share: Decimal  # of these together, taken absolutely
    short: tuple[str, ...]  # names whose value is below zero, ascending


def concentration(market_values: Mapping[str, Decimal], top: int = 10) -> Concentration:
    """Of values in one currency. Of equal shares the first by name is first.

    `BadInput` where there is no value but zero, and for a `top` that is not positive.
    """
    if top <= 0:
        raise BadInput("top", Rule.LENGTH_MUST_BE_POSITIVE, str(top))
    for name, value in market_values.items():
        check_amount(f"market_values[{name}]", value)
    with localcontext(EXACT):
        exposure = sum((abs(value) for value in market_values.values()), ZERO)
        check_positive("sum of market_values", exposure)
        squares = sum((value * value for value in market_values.values()), ZERO)
        by_size = sorted(market_values.items(), key=lambda item: (-abs(item[1]), item[0]))
        largest = [(name, value) for name, value in by_size[:top] if value]
        together = sum((abs(value) for _, value in largest), ZERO)
        return Concentration(
            index=rounded_return(squares / (exposure * exposure)),
            effective_number=rounded_return(exposure * exposure / squares),
            largest=tuple((name, rounded_return(value / exposure)) for name, value in largest),
            largest_share=rounded_return(together / exposure),
            short=tuple(sorted(name for name, value in market_values.items() if value < 0)),
        )


def grouped(
    market_values: Mapping[str, Decimal], group_of: Mapping[str, str], other: str = "OTHER"
) -> dict[str, Decimal]:
    """Values summed by group, exactly; what has no group is in `other`. Long and short net."""
    sums: dict[str, Decimal] = {}
    for name, value in market_values.items():
        check_amount(f"market_values[{name}]", value)
        group = group_of.get(name, other)
        sums[group] = EXACT.add(sums.get(group, ZERO), value)
    return sums
