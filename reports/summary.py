"""A portfolio at a glance: its wealth, how it is spread, and what a period brought."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from analytics import valuation as formulas
from analytics.concentration import grouped
from analytics.periods import Period
from calculator.money import EXACT, ZERO
from reports.history import HoldingHistory, PortfolioHistory, payments_in_base
from reports.instruments import Instrument, read_instruments
from reports.limits import Limits
from reports.questions import known_history
from reports.rates import read_rates, resolved
from reports.snapshot import Snapshot
from reports.sources import Grouping, group_of
from reports.valuation import Total, Valued, valuation_on

ALLOCATED_BY = (
    Grouping.ASSET_CLASS,
    Grouping.CURRENCY,
    Grouping.SECTOR,
    Grouping.COUNTRY,
    Grouping.RATING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Of what has a value."""

    name: str
    market_value: Decimal
    weight: Decimal | None  # they sum to 1; null where the total is not above zero
    positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The transactions of one type in the period that are booked."""

    transaction_type: str
    count: int
    amount: Decimal  # cost, proceeds, income, fee or tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """In base currency. `total` and the allocation are of the end of the last day."""

    portfolio_id: str
    from_: date
    to: date
    base_currency: str | None
    total: Total | None
    allocation: Mapping[str, Sequence[Share]]
    income: Decimal
    fees: Decimal
    taxes: Decimal
    realized_gain_loss: Decimal  # of the period
    unrealized_gain_loss: Decimal | None  # at its end
    activity: Sequence[Activity]


def summary(
    snapshot: Snapshot, portfolio_id: str, period: Period, limits: Limits
) -> Summary | None:
    """None: there is no such portfolio."""
    history = known_history(snapshot, portfolio_id, period.last_day, None)
    valued = valuation_on(snapshot, portfolio_id, period.last_day, limits)
    if history is None or valued is None:
        return None
    history = payments_in_base(history, _rates(snapshot, history, period, limits))
    activity = _activity(history, period)
    amounts = {each.transaction_type: each.amount for each in activity}
    shown = [each.security_id for each in (*valued.positions, *valued.unsettled)]
    instruments = read_instruments(snapshot, shown)
    with localcontext(EXACT):
        return Summary(
            portfolio_id=portfolio_id,
            from_=period.first_day,
            to=period.last_day,
            base_currency=history.base_currency,
            total=valued.total,
            allocation={
                grouping.value: _shares(valued, instruments, grouping) for grouping in ALLOCATED_BY
            },
            income=amounts.get("DIVIDEND", ZERO) + amounts.get("INTEREST", ZERO),
            fees=amounts.get("FEE", ZERO),
            taxes=amounts.get("TAX", ZERO),
            realized_gain_loss=_realized(history, period),
            unrealized_gain_loss=valued.total.unrealized_gain_loss if valued.total else None,
            activity=activity,
        )


def _rates(
    snapshot: Snapshot, history: PortfolioHistory, period: Period, limits: Limits
) -> Callable[[str, date], Decimal | None]:
    """Of the days of the period into the base currency."""
    base = history.base_currency
    paid = {each.currency for one in history.holdings.values() for each in one.payments}
    if base is None or paid <= {base}:
        return lambda currency, day: None
    rates = read_rates(snapshot, {*paid, base}, period.first_day, period.last_day, limits)

    def rate_on(currency: str, day: date) -> Decimal | None:
        found = resolved(rates, currency, base, day)
        return None if found is None else found.rate

    return rate_on


def _activity(history: PortfolioHistory, period: Period) -> list[Activity]:
    counts: dict[str, int] = {}
    amounts: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for transaction_type, amount in _booked(history.holdings.values(), period):
            counts[transaction_type] = counts.get(transaction_type, 0) + 1
            amounts[transaction_type] = amounts.get(transaction_type, ZERO) + amount
    return [
        Activity(transaction_type=name, count=counts[name], amount=amounts[name])
        for name in sorted(counts)
    ]


def _booked(histories: Iterable[HoldingHistory], period: Period) -> Iterator[tuple[str, Decimal]]:
    """The caller works in `EXACT`."""
    for history in histories:
        for move in history.moves:
            if move.day in period and not (move.is_payment or move.is_entry):
                amount = abs(move.cost) if move.gain is None else move.gain - move.cost
                yield move.transaction_type, amount
        for payment in history.payments:
            if payment.day in period:
                yield payment.transaction_type, payment.amount


def _realized(history: PortfolioHistory, period: Period) -> Decimal:
    """The caller works in `EXACT`."""
    gains = (
        move.gain
        for holding in history.holdings.values()
        for move in holding.moves
        if move.gain is not None and move.day in period
    )
    return sum(gains, ZERO)


def _shares(
    valued: Valued, instruments: Mapping[str, Instrument], grouping: Grouping
) -> list[Share]:
    """The largest first."""
    groups = {
        each.security_id: group_of(instruments[each.security_id], each.trade_currency, grouping)
        for each in (*valued.positions, *valued.unsettled)
        if each.market_value is not None
    }
    values = known_values(valued)
    sums = grouped(values, groups)
    with localcontext(EXACT):
        has_weights = sum(sums.values(), ZERO) > 0
    weights = formulas.weights(sums) if has_weights else {}
    held = list(groups.values())
    shares = [
        Share(name=name, market_value=value, weight=weights.get(name), positions=held.count(name))
        for name, value in sums.items()
    ]
    return sorted(shares, key=lambda share: (-share.market_value, share.name))


def known_values(valued: Valued) -> dict[str, Decimal]:
    """By security, with what is not settled yet; none of a portfolio in several base currencies."""
    if valued.total is None:
        return {}
    found: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for each in (*valued.positions, *valued.unsettled):
            if each.market_value is not None:
                found[each.security_id] = found.get(each.security_id, ZERO) + each.market_value
    return found
