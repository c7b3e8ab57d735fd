"""What a position is worth, and what it has gained that is not realized.

Amounts are Decimals, half-even to 12 places, each rounded once from exact figures, so that sums
and differences of them are exact. `..._local` is in the currency of the price, the same name
without it in the base currency of the portfolio.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from analytics.exact import adding_up, check_amount, check_positive, rounded_amount, rounded_return
from calculator.money import AMOUNT_LIMIT, EXACT, ONE, ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What the lots say: any sign, short positions are negative in all three."""

    quantity: Decimal
    cost: Decimal  # of the open lots, each at the rate of its own day
    cost_local: Decimal

    def __post_init__(self) -> None:
        for field in ("quantity", "cost", "cost_local"):
            check_amount(field, getattr(self, field))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What the market says."""

    price: Decimal  # per unit; below zero for what one pays to be rid of
    multiplier: Decimal = ONE  # units of the price in one of the position: 100 for an option
    fx_rate: Decimal = ONE  # base currency per unit of the price's

    def __post_init__(self) -> None:
        check_amount("price", self.price)
        check_positive("multiplier", self.multiplier)
        check_positive("fx_rate", self.fx_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """A gain is positive. `price_gain` + `currency_gain` is `unrealized_gain`, exactly."""

    market_value_local: Decimal
    market_value: Decimal
    unrealized_gain_local: Decimal
    unrealized_gain: Decimal
    price_gain: Decimal  # at the rate of today
    currency_gain: Decimal  # what the cost would be worth at the rate of today, minus the cost


def valued(position: Position, quote: Quote) -> Valuation:
    """quantity * price * multiplier, and that at the rate; gains are value minus cost.

    The parts of the gain: FASB ASC 946-830-45, illustrated in AICPA, Investment Companies,
    appendix F. https://www.oreilly.com/library/view/investment-companies-2019/9781948306805/
    """
    with localcontext(EXACT):
        exact_local = position.quantity * quote.price * quote.multiplier
        market_value_local = rounded_amount("market_value_local", exact_local)
        market_value = rounded_amount("market_value", exact_local * quote.fx_rate)
        cost_at_rate = rounded_amount("cost_local", position.cost_local * quote.fx_rate)
        unrealized_gain = market_value - position.cost
        currency_gain = cost_at_rate - position.cost
        return Valuation(
            market_value_local=market_value_local,
            market_value=market_value,
            unrealized_gain_local=market_value_local - position.cost_local,
            unrealized_gain=unrealized_gain,
            price_gain=unrealized_gain - currency_gain,
            currency_gain=currency_gain,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayChange:
    """What one day's move of price and rate did to the quantity that is held at its end."""

    change_local: Decimal
    change: Decimal
    change_fraction: Decimal | None  # of the value before, taken absolutely; None if that was zero


def day_change(quantity: Decimal, before: Quote, now: Quote) -> DayChange:
    """Value now minus value at the quote of the day before; trades of the day are no change."""
    check_amount("quantity", quantity)
    with localcontext(EXACT):
        local_before = quantity * before.price * before.multiplier
        local_now = quantity * now.price * now.multiplier
        value_before = local_before * before.fx_rate
        change = local_now * now.fx_rate - value_before
        return DayChange(
            change_local=rounded_amount("change_local", local_now - local_before),
            change=rounded_amount("change", change),
            change_fraction=rounded_return(change / abs(value_before)) if value_before else None,
        )


def weights(market_values: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The part that each value is of their sum: fractions of 12 places that sum to 1 exactly.

    Values below zero have weights below zero, and the others then sum to more than 1. What
    rounding leaves over goes to the largest. None at all where long and short nearly cancel, so
    that a weight would reach 10^26, or where the sum does: nothing is to be told then, and the
    values are good. `BadInput` where the sum is not positive.
    """
    for name, value in market_values.items():
        check_amount(f"market_values[{name}]", value)
    with localcontext(EXACT):
        total = sum(market_values.values(), ZERO)
        check_positive("sum of market_values", min(total, ONE))
        exact = {name: value / total for name, value in market_values.items()}
        if max(total, *(weight.copy_abs() for weight in exact.values())) >= AMOUNT_LIMIT:
            return {}
        return adding_up(ONE, exact)
