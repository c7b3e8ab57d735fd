"""The shapes of questions about performance, and of their answers. `questions` reads those."""

from typing import Annotated, Literal

from pydantic import Field

from analytics.benchmark import NoPriceReturn
from analytics.money_weighted import NoRate
from analytics.periods import Grain, Horizon
from analytics.time_weighted import NotAnnualized
from api.documents import Date as ShownDate
from api.documents import Document, Number
from api.parameters import Date, Id
from api.report_documents import Fraction, Known, ValuationTotal
from reports.questions import NoPeriod
from reports.sources import Grouping
from reports.valuation import Quality

PERIODS_MAX = 50
ROLLING_MONTHS_MAX = 120
ROLLING_DAYS_MAX = 3660


class PeriodAsked(Document):
    """From the begin of the one day, with the value of the end of the day before, to the end of the
    other."""

    from_: Date = Field(alias="from", examples=["2024-01-01"])
    to: Date = Field(examples=["2024-12-31"])


Periods = Annotated[
    list[Horizon | PeriodAsked] | None,
    Field(
        min_length=1,
        max_length=PERIODS_MAX,
        description="Names, which end on `to`, or explicit days. Absent: all names.",
    ),
]


class MoneyWeightedQuestion(Document):
    """Over which periods."""

    to: Date | None = Field(None, description="The last day; absent: today, in UTC.")
    periods: Periods = None
    security_id: Id | None = Field(None, description="Of this holding alone.")


class PerformanceQuestion(MoneyWeightedQuestion):
    """Over which periods, and what besides."""

    breakdown: Grain | None = Field(None, description="Parts of each period.")
    rolling_months: int | None = Field(
        None,
        ge=1,
        le=ROLLING_MONTHS_MAX,
        description="Windows of so many whole months that end with each month.",
    )
    rolling_days: int | None = Field(
        None,
        ge=1,
        le=ROLLING_DAYS_MAX,
        description="Windows of so many days that end with each day.",
    )
    contribution: Grouping | None = Field(
        None, description="What each part brought; by instrument, as far as that is known."
    )
    currency_effect: bool | None = Field(
        None, description="The return split into local and currency."
    )
    benchmark: Id | None = Field(None, description="A security whose prices are the series.")


class SegmentReturn(Document):
    """Days linked without a break."""

    from_: ShownDate = Field(alias="from")
    to: ShownDate
    total_return: Fraction
    annualized_return: Fraction | None


class Break(Document):
    """A day on which something happened to a capital of zero or less: it has no return."""

    valuation_date: ShownDate
    capital: Number
    gain: Number


class Return(Document):
    """Null where there is none: no day with capital, or more segments than one."""

    total_return: Fraction | None
    annualized_return: Fraction | None = Field(description="A year, ACT/365.")
    not_annualized: NotAnnualized | None
    segments: list[SegmentReturn]
    breaks: list[Break]


class CurrencyEffect(Document):
    """`local` + `currency` is `base`, to the last digit."""

    base: Fraction
    local: Fraction
    currency: Fraction


class Contribution(Document):
    """`local` + `currency` is `contribution`, to the last digit."""

    name: str
    contribution: Fraction
    local: Fraction | None
    currency: Fraction | None


class SegmentContributions(Document):
    """The parts sum to all three, to the last digit, and `local` + `currency` is the return."""

    total_return: Fraction
    local: Fraction | None
    currency: Fraction | None
    parts: list[Contribution]


class BenchmarkReturn(Document):
    """In base currency. Null: `reason` says why, or there is no return to compare."""

    total_return: Fraction | None
    reason: NoPriceReturn | None
    benchmark_currency: str | None = Field(description="Of its prices; null: none, or several.")
    begin_price_date: ShownDate | None
    end_price_date: ShownDate | None
    excess_arithmetic: Fraction | None
    excess_geometric: Fraction | None


class PartReturn(Document):
    """A part of the period, or a window within it."""

    from_: ShownDate = Field(alias="from")
    to: ShownDate
    net: Fraction | None
    gross: Fraction | None
    benchmark: Fraction | None


class PeriodReturn(Document):
    """Null days: there are none, and `reason` says why."""

    name: Horizon | None
    from_: ShownDate | None = Field(alias="from")
    to: ShownDate | None
    reason: NoPeriod | None
    begin_value: Known
    end_value: Known
    net: Return | None
    gross: Return | None
    currency_effect: CurrencyEffect | None
    contributions: list[SegmentContributions]
    benchmark: BenchmarkReturn | None
    breakdown: list[PartReturn]
    rolling: list[PartReturn]
    stale_days: int
    unvalued_days: int


class Performance(Document):
    """In the order in which the periods were asked for."""

    portfolio_id: str
    security_id: str | None
    base_currency: str | None
    inception: ShownDate | None
    periods: list[PeriodReturn]


class PeriodRate(Document):
    """Null days: there are none, and `reason` says why."""

    name: Horizon | None
    from_: ShownDate | None = Field(alias="from")
    to: ShownDate | None
    reason: NoPeriod | None
    begin_value: Known
    end_value: Known
    net_flow: Known
    flows: int
    xirr: Fraction | None = Field(description="A year, ACT/365; null unless there is one alone.")
    roots: list[Fraction] = Field(description="All of them, where there are several.")
    no_rate: NoRate | None
    over_period: Fraction | None
    modified_dietz: Fraction | None
    stale_days: int
    unvalued_days: int


class MoneyWeighted(Document):
    """In the order in which the periods were asked for."""

    portfolio_id: str
    security_id: str | None
    base_currency: str | None
    inception: ShownDate | None
    periods: list[PeriodRate]


class TimeSeriesDay(Document):
    """In base currency; a flow into the portfolio or holding is positive."""

    date: ShownDate
    begin_value: Number
    flow_at_begin: Number
    flow_at_end: Number
    end_value: Number
    income: Number
    fees: Number
    taxes: Number
    realized_gain_loss: Number
    unrealized_gain_loss: Number
    stale: int
    unvalued: int


class TimeSeries(Document):
    """From the first transaction on."""

    portfolio_id: str
    security_id: str | None
    base_currency: str | None
    days: list[TimeSeriesDay]


class Share(Document):
    """Of what has a value."""

    name: str
    market_value: Number
    weight: Fraction | None
    positions: int


class Activity(Document):
    """The booked transactions of one type."""

    transaction_type: str
    count: int
    amount: Number


class Summary(Document):
    """In base currency."""

    portfolio_id: str
    from_: ShownDate = Field(alias="from")
    to: ShownDate
    base_currency: str | None
    total: ValuationTotal | None
    allocation: dict[Literal["asset_class", "currency", "sector", "country", "rating"], list[Share]]
    income: Number
    fees: Number
    taxes: Number
    realized_gain_loss: Number
    unrealized_gain_loss: Known
    activity: list[Activity]


class Largest(Document):
    """One of the largest."""

    name: str
    share: Fraction


class Concentrated(Document):
    """Shares are of gross exposure."""

    herfindahl_index: Fraction
    effective_number: Fraction
    largest: list[Largest]
    largest_share: Fraction
    short: list[str]


class Concentration(Document):
    """Null where nothing has a value."""

    portfolio_id: str
    on: ShownDate
    base_currency: str | None
    quality: Quality | None
    by_position: Concentrated | None
    by_issuer: Concentrated | None


SHOWN: tuple[type[Document], ...] = (
    Performance,
    MoneyWeighted,
    TimeSeries,
    Summary,
    Concentration,
)
GIVEN: tuple[type[Document], ...] = (PerformanceQuestion, MoneyWeightedQuestion)
