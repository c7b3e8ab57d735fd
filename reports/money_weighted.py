"""What the investor's own money earned over periods: XIRR, and Modified Dietz beside it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics import money_weighted as formulas
from analytics.days import Flow, Timing
from analytics.dietz import modified_dietz
from analytics.periods import Horizon
from calculator.money import EXACT
from reports.limits import Limits
from reports.questions import Asked, Named, NoPeriod, covering, known_history, named_periods
from reports.series import SeriesDay, portfolio_days, position_days, read_holdings
from reports.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRate:
    """Money in base currency; rates are fractions."""

    name: Horizon | None
    from_: date | None
    to: date | None
    reason: NoPeriod | None
    begin_value: Decimal | None = None
    end_value: Decimal | None = None
    net_flow: Decimal | None = None
    flows: int = 0  # days with a flow
    xirr: Decimal | None = None  # a year, ACT/365; null unless there is exactly one
    roots: tuple[Decimal, ...] = ()  # all of them, where there are several
    no_rate: formulas.NoRate | None = None
    # Of the days of the period on which there was money: what the rate gives, and
    over_period: Decimal | None = None
    modified_dietz: Decimal | None = None  # null: no capital on average
    stale_days: int = 0
    unvalued_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyWeighted:
    """In the order in which the periods were asked for."""

    portfolio_id: str
    security_id: str | None
    base_currency: str | None
    inception: date | None
    periods: tuple[PeriodRate, ...]


def money_weighted(
    snapshot: Snapshot, portfolio_id: str, asked: Asked, limits: Limits
) -> MoneyWeighted | None:
    """None: there is no such portfolio or holding."""
    history = known_history(snapshot, portfolio_id, asked.last_day, asked.security_id)
    if history is None:
        return None
    named = named_periods(asked, history.inception)
    whole = covering(each.period for each in named)
    days: list[SeriesDay] = []
    if whole is not None:
        holdings = read_holdings(snapshot, history, whole, limits)
        days = (
            portfolio_days(holdings)
            if asked.security_id is None
            else position_days(holdings, asked.security_id)
        )
    return MoneyWeighted(
        portfolio_id=portfolio_id,
        security_id=asked.security_id,
        base_currency=history.base_currency,
        inception=history.inception,
        periods=tuple(_rate(each, days) for each in named),
    )


def _rate(named: Named, days: list[SeriesDay]) -> PeriodRate:
    period = named.period
    if period is None:
        return PeriodRate(name=named.name, from_=None, to=None, reason=named.reason)
    within = [each for each in days if each.day.valuation_date in period]
    begin, end = within[0].day.begin_value, within[-1].day.end_value
    flows = _flows(within)
    net_flow = Decimal(0)
    for flow in flows:
        net_flow = EXACT.add(net_flow, flow.amount)
    answer = formulas.money_weighted(period, begin, flows, end)
    there = formulas.as_invested(period, begin, flows, end)
    rate = answer.rate if isinstance(answer, formulas.OneRoot) else None
    return PeriodRate(
        name=named.name,
        from_=period.first_day,
        to=period.last_day,
        reason=None,
        begin_value=begin,
        end_value=end,
        net_flow=net_flow,
        flows=len(flows),
        xirr=rate,
        roots=answer.rates if isinstance(answer, formulas.SeveralRoots) else (),
        no_rate=answer.reason if isinstance(answer, formulas.NoRoot) else None,
        over_period=None
        if rate is None or there is None
        else formulas.over_days(rate, there.period.days),
        modified_dietz=None
        if there is None
        else modified_dietz(there.period, there.begin_value, there.flows, there.end_value),
        stale_days=sum(1 for each in within if each.stale),
        unvalued_days=sum(1 for each in within if each.unvalued),
    )


def _flows(days: list[SeriesDay]) -> list[Flow]:
    """One for each day, on the very date of its transactions, whenever on it they came."""
    sums = (
        (each.day.valuation_date, EXACT.add(each.day.flow_at_begin, each.day.flow_at_end))
        for each in days
    )
    return [Flow(flow_date=day, amount=sum_, timing=Timing.END) for day, sum_ in sums if sum_]
