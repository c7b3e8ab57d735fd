"""Time-weighted returns of a portfolio or a holding over periods."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.benchmark import NoPriceReturn, excess_return
from analytics.contribution import Attribution, SegmentContributions, Split
from analytics.days import Basis
from analytics.periods import Horizon, Period, parts, rolling_days, rolling_months
from analytics.windows import Windows
from reports.benchmarks import Benchmark, read_benchmark
from reports.limits import Limits
from reports.questions import Asked, Named, NoPeriod, covering, known_history, named_periods
from reports.returns import Earned, Return, earned, linked_return
from reports.series import Holdings, portfolio_days, position_days, read_holdings
from reports.snapshot import Snapshot
from reports.sources import Grouping, gains_of


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOver:
    """In base currency. Null: `reason` says why, or the portfolio has no return to compare."""

    total_return: Decimal | None
    reason: NoPriceReturn | None
    benchmark_currency: str | None  # of its prices
    begin_price_date: date | None
    end_price_date: date | None
    excess_arithmetic: Decimal | None
    excess_geometric: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReturn:
    """A month, a quarter, a year, a day or a window of the period."""

    from_: date
    to: date
    net: Decimal | None
    gross: Decimal | None
    benchmark: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReturn:
    """Money in base currency. Where the period has no days all else is null or empty, and `reason`
    says why."""

    name: Horizon | None
    from_: date | None
    to: date | None
    reason: NoPeriod | None
    begin_value: Decimal | None = None
    end_value: Decimal | None = None
    net: Return | None = None
    gross: Return | None = None
    currency_effect: Split | None = None
    contributions: tuple[SegmentContributions, ...] = ()
    benchmark: BenchmarkOver | None = None
    breakdown: tuple[PartReturn, ...] = ()
    rolling: tuple[PartReturn, ...] = ()
    stale_days: int = 0  # on which a holding had a price older than it should be
    unvalued_days: int = 0  # on which a holding of some units had no value, and is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """In the order in which the periods were asked for."""

    portfolio_id: str
    security_id: str | None
    base_currency: str | None
    inception: date | None
    periods: tuple[PeriodReturn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What all periods are made of."""

    asked: Asked
    earned: Earned
    net: Windows
    gross: Windows
    attribution: Attribution | None
    benchmark: Benchmark | None


def performance(
    snapshot: Snapshot, portfolio_id: str, asked: Asked, limits: Limits
) -> Performance | None:
    """None: there is no such portfolio or holding."""
    history = known_history(
        snapshot, portfolio_id, asked.last_day, asked.security_id, has_local=asked.has_local
    )
    if history is None:
        return None
    named = named_periods(asked, history.inception)
    whole = covering(each.period for each in named)
    found: list[PeriodReturn]
    if whole is None:
        found = [_without(each) for each in named]
    else:
        holdings = read_holdings(snapshot, history, whole, limits)
        known = _known(snapshot, holdings, asked, limits)
        found = [
            _without(each) if each.period is None else _over(each, each.period, known)
            for each in named
        ]
    return Performance(
        portfolio_id=portfolio_id,
        security_id=asked.security_id,
        base_currency=history.base_currency,
        inception=history.inception,
        periods=tuple(found),
    )


def _known(snapshot: Snapshot, holdings: Holdings, asked: Asked, limits: Limits) -> _Known:
    days = (
        portfolio_days(holdings)
        if asked.security_id is None
        else position_days(holdings, asked.security_id)
    )
    gained = earned(days)
    attribution = None
    if asked.has_local:
        gains = gains_of(holdings, asked.contribution or Grouping.CURRENCY)
        attribution = Attribution(gained.net, gains)
    return _Known(
        asked=asked,
        earned=gained,
        net=Windows(gained.net),
        gross=Windows(gained.gross, Basis.GROSS_OF_FEES),
        attribution=attribution,
        benchmark=None
        if asked.benchmark is None
        else read_benchmark(
            snapshot, asked.benchmark, holdings.span.base_currency, holdings.period, limits
        ),
    )


def _without(each: Named) -> PeriodReturn:
    return PeriodReturn(name=each.name, from_=None, to=None, reason=each.reason)


def _over(named: Named, period: Period, known: _Known) -> PeriodReturn:
    within = known.earned.within(period)
    days = known.earned.days[within]
    net = linked_return(known.earned.net[within], Basis.NET_OF_FEES)
    asked, attribution = known.asked, known.attribution
    return PeriodReturn(
        name=named.name,
        from_=period.first_day,
        to=period.last_day,
        reason=None,
        begin_value=days[0].day.begin_value,
        end_value=days[-1].day.end_value,
        net=net,
        gross=linked_return(known.earned.gross[within], Basis.GROSS_OF_FEES),
        currency_effect=attribution.currency_effect(within)
        if attribution is not None and asked.currency_effect
        else None,
        contributions=attribution.contributions(within)
        if attribution is not None and asked.contribution is not None
        else (),
        benchmark=None
        if known.benchmark is None
        else _against(known.benchmark, period, net.total_return),
        breakdown=() if asked.breakdown is None else _each(parts(period, asked.breakdown), known),
        rolling=_each(_windows(period, asked), known),
        stale_days=sum(1 for day in days if day.stale),
        unvalued_days=sum(1 for day in days if day.unvalued),
    )


def _windows(period: Period, asked: Asked) -> Iterable[Period]:
    if asked.rolling_months is not None:
        yield from rolling_months(period, asked.rolling_months)
    if asked.rolling_days is not None:
        yield from rolling_days(period, asked.rolling_days)


def _each(periods: Iterable[Period], known: _Known) -> tuple[PartReturn, ...]:
    found = []
    for period in periods:
        within = known.earned.within(period)
        benchmark = known.benchmark.over(period).total_return if known.benchmark else None
        found.append(
            PartReturn(
                from_=period.first_day,
                to=period.last_day,
                net=known.net.total_return(within),
                gross=known.gross.total_return(within),
                benchmark=benchmark,
            )
        )
    return tuple(found)


def _against(benchmark: Benchmark, period: Period, total: Decimal | None) -> BenchmarkOver:
    found = benchmark.over(period)
    excess = None
    if total is not None and found.total_return is not None and found.total_return > -1:
        excess = excess_return(total, found.total_return)
    return BenchmarkOver(
        total_return=found.total_return,
        reason=found.reason,
        benchmark_currency=found.currency,
        begin_price_date=found.begin_price_date,
        end_price_date=found.end_price_date,
        excess_arithmetic=excess.arithmetic if excess else None,
        excess_geometric=excess.geometric if excess else None,
    )
