"""The shapes of reference data that the OpenAPI document shows."""

from typing import Annotated, Literal

from pydantic import Field

from api.documents import (
    Currency,
    Date,
    Document,
    FreeText,
    GivenNumber,
    GivenRate,
    GivenVersion,
    Instant,
    Next,
    Number,
)
from api.parameters import Id
from wire import codes
from wire.reference import DEFAULT_CALENDAR

# Above zero, which the pattern says by looking ahead; pydantic's own patterns cannot.
MULTIPLIER = r"^(?!0(\.0+)?$)(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?$"
GivenMultiplier = (
    Annotated[str, Field(json_schema_extra={"pattern": MULTIPLIER}, examples=["0.01"])]
    | Annotated[float, Field(gt=0, lt=1e15)]
)
Isin = Annotated[
    str, Field(pattern=f"^{codes.ISIN}$", description="With its check digit; ISO 6166.")
]
Country = Annotated[str, Field(pattern=f"^{codes.COUNTRY}$", examples=["US"])]
SourceOffset = Annotated[
    int, Field(description="Of the record in force, in its topic: below `next_offsets` of its 202.")
]


class InstrumentEvent(Document):
    """What a security is."""

    security_id: Id
    name: FreeText | None = None
    isin: Isin | None = None
    instrument_currency: Currency
    asset_class: FreeText | None = None
    product_type: FreeText | None = None
    sector: FreeText | None = None
    country_of_risk: Country | None = None
    rating: FreeText | None = None
    issuer: FreeText | None = None
    maturity_date: Date | None = None
    multiplier: GivenMultiplier | None = Field(
        None, description="Currency per unit and point of the price, above 0; absent: 1."
    )
    version: GivenVersion | None = Field(None, description="A change has a higher one; absent: 1.")


class MarketPriceEvent(Document):
    """What one unit of a security cost on a day."""

    security_id: Id
    price_date: Date
    price: GivenNumber
    currency: Currency
    version: GivenVersion | None = Field(None, description="A change has a higher one; absent: 1.")


class FxRateEvent(Document):
    """What one unit of from_currency cost in to_currency on a day."""

    from_currency: Currency
    to_currency: Currency = Field(description="Another one.")
    rate_date: Date
    rate: GivenRate
    version: GivenVersion | None = Field(None, description="A change has a higher one; absent: 1.")


class BusinessDateEvent(Document):
    """Whether a day is one of business in a calendar."""

    calendar: Id | None = Field(None, description=f"Absent: {DEFAULT_CALENDAR}.")
    business_date: Date
    is_business_day: bool | Literal["true", "false"] | None = Field(
        None, description="Absent: true."
    )
    version: GivenVersion | None = Field(None, description="A change has a higher one; absent: 1.")


class InstrumentEvents(Document):
    """All of them are taken in, or none."""

    instruments: list[InstrumentEvent] = Field(min_length=1, max_length=10_000)


class MarketPriceEvents(Document):
    """All of them are taken in, or none."""

    market_prices: list[MarketPriceEvent] = Field(min_length=1, max_length=10_000)


class FxRateEvents(Document):
    """All of them are taken in, or none."""

    fx_rates: list[FxRateEvent] = Field(min_length=1, max_length=10_000)


class BusinessDateEvents(Document):
    """All of them are taken in, or none."""

    business_dates: list[BusinessDateEvent] = Field(min_length=1, max_length=10_000)


class _InForce(Document):
    version: int
    source_offset: SourceOffset
    updated_at: Instant


class StoredInstrument(_InForce):
    """A row of `instruments`."""

    security_id: str
    name: str | None
    isin: str | None
    instrument_currency: str
    asset_class: str | None
    product_type: str | None
    sector: str | None
    country_of_risk: str | None
    rating: str | None
    issuer: str | None
    maturity_date: Date | None
    multiplier: Number


class StoredMarketPrice(_InForce):
    """A row of `market_prices`."""

    security_id: str
    price_date: Date
    price: Number
    currency: str


class StoredFxRate(_InForce):
    """A row of `fx_rates`."""

    from_currency: str
    to_currency: str
    rate_date: Date
    rate: Number


class StoredBusinessDate(_InForce):
    """A row of `business_dates`."""

    calendar: str
    business_date: Date
    is_business_day: bool


class InstrumentList(Document):
    """A page of instruments."""

    items: list[StoredInstrument]
    next: Next


class MarketPriceList(Document):
    """A page of prices."""

    items: list[StoredMarketPrice]
    next: Next


class FxRateList(Document):
    """A page of exchange rates."""

    items: list[StoredFxRate]
    next: Next


class BusinessDateList(Document):
    """A page of business dates."""

    items: list[StoredBusinessDate]
    next: Next


SHOWN = (InstrumentList, MarketPriceList, FxRateList, BusinessDateList, StoredInstrument)
GIVEN = (InstrumentEvents, MarketPriceEvents, FxRateEvents, BusinessDateEvents)
