"""The days of a portfolio or holding, as an answer tells them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics.periods import Period
from reports.limits import Limits
from reports.questions import covering, known_history
from reports.series import SeriesDay, portfolio_days, position_days, read_holdings
from reports.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSeriesDay:
    """In base currency; a flow into the portfolio or holding is positive."""

    date: date
    begin_value: Decimal
    flow_at_begin: Decimal
    flow_at_end: Decimal
    end_value: Decimal
    income: Decimal
    fees: Decimal
    taxes: Decimal
    realized_gain_loss: Decimal
    unrealized_gain_loss: Decimal
    stale: int
    unvalued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSeries:
    """From the first transaction on; days before it have nothing on them and are left out."""

    portfolio_id: str
    security_id: str | None
    base_currency: str | None
    days: tuple[TimeSeriesDay, ...]


def time_series(
    snapshot: Snapshot,
    portfolio_id: str,
    first_day: date | None,
    last_day: date,
    security_id: str | None,
    limits: Limits,
) -> TimeSeries | None:
    """None: there is no such portfolio or holding. Without a first day, from the beginning."""
    history = known_history(snapshot, portfolio_id, last_day, security_id)
    if history is None:
        return None
    days: list[SeriesDay] = []
    inception = history.inception
    if inception is not None and inception <= last_day:
        period = covering([Period(max(first_day or inception, inception), last_day)])
        assert period is not None
        holdings = read_holdings(snapshot, history, period, limits)
        days = (
            portfolio_days(holdings)
            if security_id is None
            else position_days(holdings, security_id)
        )
    return TimeSeries(
        portfolio_id=portfolio_id,
        security_id=security_id,
        base_currency=history.base_currency,
        days=tuple(map(_told, days)),
    )


def _told(each: SeriesDay) -> TimeSeriesDay:
    return TimeSeriesDay(
        date=each.day.valuation_date,
        begin_value=each.day.begin_value,
        flow_at_begin=each.day.flow_at_begin,
        flow_at_end=each.day.flow_at_end,
        end_value=each.day.end_value,
        income=each.income,
        fees=each.fees,
        taxes=each.taxes,
        realized_gain_loss=each.realized_gain_loss,
        unrealized_gain_loss=each.unrealized_gain_loss,
        stale=each.stale,
        unvalued=each.unvalued,
    )
