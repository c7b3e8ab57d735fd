"""What a portfolio was worth at the end of a day."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import NamedTuple

from analytics import valuation as formulas
from analytics.bad_input import BadInput
from analytics.exact import rounded_return
from calculator import CashManagement
from calculator.money import AMOUNT_LIMIT, EXACT, ONE, ZERO
from reports.limits import Limits
from reports.market import Held, Market, Missing, Quoted, read_market
from reports.positions import HoldingOn, positions_on, unsettled_on
from reports.snapshot import Snapshot

_RECORD = "SELECT base_currency, cash_management FROM portfolios WHERE portfolio_id = %s"


class Record(NamedTuple):
    """What a valuation needs of a portfolio's record."""

    base_currency: str | None
    keeps_cash: bool

    @classmethod
    def of(cls, row: Sequence[str]) -> "Record":
        """Of its base currency and its cash management."""
        base_currency, cash_management = row
        return cls(base_currency, cash_management != CashManagement.SECURITIES_ONLY)


NO_RECORD = Record(None, False)


class Quality(StrEnum):
    """How good a value is; in total the worst of all positions."""

    VALUED = "valued"
    STALE = "stale"  # shown, at a price that is older than it should be
    UNVALUED = "unvalued"  # part of no total


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuedPosition:
    """A holding of some units. Null is what is not known, and never zero."""

    security_id: str
    name: str | None
    asset_class: str | None
    quantity: Decimal
    trade_currency: str
    base_currency: str
    cost: Decimal
    cost_local: Decimal
    price: Decimal | None  # as it was quoted
    price_currency: str | None
    price_date: date | None
    multiplier: Decimal
    fx_rate: Decimal | None  # base currency per unit of trade currency
    fx_rate_date: date | None
    market_value: Decimal | None
    market_value_local: Decimal | None
    unrealized_gain_loss: Decimal | None  # price_gain_loss + currency_gain_loss
    unrealized_gain_loss_local: Decimal | None
    price_gain_loss: Decimal | None
    currency_gain_loss: Decimal | None
    weight: Decimal | None  # of the total of what has a value
    day_change: Decimal | None
    day_change_local: Decimal | None
    day_change_fraction: Decimal | None
    quality: Quality
    reasons: tuple[Missing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Sums over the positions that have a value, and what is not settled yet; what has none is
    counted, with its cost."""

    market_value: Decimal
    cost: Decimal
    unrealized_gain_loss: Decimal
    price_gain_loss: Decimal
    currency_gain_loss: Decimal
    cost_unvalued: Decimal
    day_change: Decimal  # of the positions that have one
    # Of their value before; null unless that was positive, and more than next to nothing.
    day_change_fraction: Decimal | None
    day_change_positions: int
    quality: Quality
    valued: int  # positions
    stale: int
    unvalued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """`total` is null where holdings are kept in several base currencies, as they may be in a
    portfolio without a record. `unsettled` is cash that trades owe, below zero is owed to them:
    `positions` do not have it yet."""

    portfolio_id: str
    on: date
    base_currency: str | None
    positions: tuple[ValuedPosition, ...]
    unsettled: tuple[ValuedPosition, ...]
    total: Total | None


def valuation_on(snapshot: Snapshot, portfolio_id: str, day: date, limits: Limits) -> Valued | None:
    """None: there is no such portfolio."""
    found = positions_on(snapshot, portfolio_id, day)
    if found is None:
        return None
    held = [holding for holding in found.positions if holding.quantity]
    unsettled = unsettled_on(snapshot, portfolio_id, day)
    recorded = [Record.of(row) for row in snapshot.rows(_RECORD, portfolio_id)]
    market = read_market(
        snapshot,
        (holding.security_id for holding in (*held, *unsettled)),
        currencies_of([*held, *unsettled]),
        day,
        limits,
    )
    record = recorded[0] if recorded else NO_RECORD
    return valued_portfolio(portfolio_id, record, held, market, unsettled)


def currencies_of(held: Iterable[HoldingOn]) -> set[str]:
    """That values of them are in."""
    both = ((holding.trade_currency, holding.base_currency) for holding in held)
    return {currency for pair in both for currency in pair if currency is not None}


def valued_portfolio(
    portfolio_id: str,
    record: Record,
    held: Sequence[HoldingOn],
    market: Market,
    unsettled: Sequence[HoldingOn] = (),
) -> Valued:
    """Of holdings that have units."""
    bases = {holding.base_currency for holding in (*held, *unsettled)}
    if record.base_currency is not None:
        bases.add(record.base_currency)
    valued = [
        _valued(holding, market, keeps_cash=record.keeps_cash) for holding in (*held, *unsettled)
    ]
    told = _weighted(valued) if len(bases) <= 1 else valued
    return Valued(
        portfolio_id=portfolio_id,
        on=market.day,
        base_currency=bases.pop() if len(bases) == 1 else None,
        positions=tuple(told[: len(held)]),
        unsettled=tuple(told[len(held) :]),
        total=_total(valued, len(held)) if len(bases) <= 1 else None,
    )


def _valued(holding: HoldingOn, market: Market, *, keeps_cash: bool) -> ValuedPosition:
    assert holding.trade_currency is not None, "units come by trades"
    assert holding.base_currency is not None
    held = Held(holding.security_id, holding.trade_currency, holding.base_currency, keeps_cash)
    quoted, before = market.quoted(held), market.quoted_before(held)
    missing = quoted.missing
    try:
        value, change = _value(holding, quoted), _change(holding, quoted, before)
    except BadInput:
        # An absurd price of one must not take the others their values.
        value, change, missing = None, None, (*missing, Missing.VALUE_MUST_FIT)
    has_base = value is not None and quoted.rate is not None
    instrument = market.instruments[holding.security_id]
    price = quoted.price
    return ValuedPosition(
        security_id=holding.security_id,
        name=instrument.name,
        asset_class=instrument.asset_class,
        quantity=holding.quantity,
        trade_currency=holding.trade_currency,
        base_currency=holding.base_currency,
        cost=holding.cost,
        cost_local=holding.cost_local,
        price=price.price if price else None,
        price_currency=price.currency if price else None,
        price_date=price.price_date if price else None,
        multiplier=quoted.multiplier,
        fx_rate=quoted.rate.rate if quoted.rate else None,
        fx_rate_date=quoted.rate.rate_date if quoted.rate else None,
        market_value=value.market_value if value and has_base else None,
        market_value_local=value.market_value_local if value else None,
        unrealized_gain_loss=value.unrealized_gain if value and has_base else None,
        unrealized_gain_loss_local=value.unrealized_gain_local if value else None,
        price_gain_loss=value.price_gain if value and has_base else None,
        currency_gain_loss=value.currency_gain if value and has_base else None,
        weight=None,
        day_change=change.change if change else None,
        day_change_local=change.change_local if change else None,
        day_change_fraction=change.change_fraction if change else None,
        quality=_quality(missing),
        reasons=missing,
    )


def _value(holding: HoldingOn, quoted: Quoted) -> formulas.Valuation | None:
    """Where no rate is known, its local part alone is of use."""
    if quoted.local_price is None:
        return None
    return formulas.valued(
        formulas.Position(
            quantity=holding.quantity, cost=holding.cost, cost_local=holding.cost_local
        ),
        formulas.Quote(
            price=quoted.local_price,
            multiplier=quoted.multiplier,
            fx_rate=quoted.rate.rate if quoted.rate else ONE,
        ),
    )


def _change(holding: HoldingOn, now: Quoted, before: Quoted) -> formulas.DayChange | None:
    quote, quote_before = now.quote, before.quote
    if quote is None or quote_before is None:
        return None
    return formulas.day_change(holding.quantity, quote_before, quote)


def _quality(missing: Sequence[Missing]) -> Quality:
    if not missing:
        return Quality.VALUED
    return Quality.STALE if {*missing} == {Missing.PRICE_MUST_BE_RECENT} else Quality.UNVALUED


def _weighted(positions: Sequence[ValuedPosition]) -> list[ValuedPosition]:
    """With weights that sum to 1, if what is valued is worth anything in total."""
    known = {
        str(number): each.market_value
        for number, each in enumerate(positions)
        if each.market_value is not None
    }
    if sum(known.values(), ZERO) <= 0:
        return list(positions)
    weights = formulas.weights(known)
    return [replace(each, weight=weights.get(str(number))) for number, each in enumerate(positions)]


def _total(positions: Sequence[ValuedPosition], held: int) -> Total:
    """The first so many are positions, what follows is not settled yet."""
    valued = [each for each in positions if each.market_value is not None]
    counts = Counter(each.quality for each in positions[:held])
    qualities = {each.quality for each in positions}
    with localcontext(EXACT):
        changed = [each for each in valued if each.day_change is not None]
        change = _sum(each.day_change for each in changed)
        before = _sum(each.market_value for each in changed) - change
        return Total(
            market_value=_sum(each.market_value for each in valued),
            cost=_sum(each.cost for each in valued),
            unrealized_gain_loss=_sum(each.unrealized_gain_loss for each in valued),
            price_gain_loss=_sum(each.price_gain_loss for each in valued),
            currency_gain_loss=_sum(each.currency_gain_loss for each in valued),
            cost_unvalued=_sum(each.cost for each in positions if each.market_value is None),
            day_change=change,
            day_change_fraction=_fraction(change, before),
            day_change_positions=sum(each.day_change is not None for each in positions[:held]),
            quality=next((each for each in reversed(Quality) if each in qualities), Quality.VALUED),
            valued=counts[Quality.VALUED],
            stale=counts[Quality.STALE],
            unvalued=counts[Quality.UNVALUED],
        )


def _fraction(change: Decimal, before: Decimal) -> Decimal | None:
    """None of nothing, and of so little that it would not fit. The caller works in `EXACT`."""
    if before <= 0 or (change / before).copy_abs() >= AMOUNT_LIMIT:
        return None
    return rounded_return(change / before)


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    """Of amounts that are known."""
    return sum((amount for amount in amounts if amount is not None), ZERO)
