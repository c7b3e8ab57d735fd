"""The shapes of reports that the OpenAPI document shows."""

from typing import Annotated

from pydantic import Field

from api.documents import AsOf, Date, Document, Instant, Number, Through
from reports.market import Missing
from reports.valuation import Quality

Fraction = Annotated[
    str, Field(description="0.01 is one per cent; at most 12 places.", examples=["0.0125"])
]
Known = Annotated[Number | None, Field(description="Null: not known.")]


class PositionOn(Document):
    """A holding at the end of a day, from the results alone."""

    portfolio_id: str
    security_id: str
    quantity: Number
    cost: Number = Field(description="Of the open lots, in the base currency.")
    cost_local: Number
    realized_gain_loss: Number = Field(description="Of all sales so far, in the base currency.")
    realized_gain_loss_local: Number
    first_transaction_date: Instant | None
    last_transaction_date: Instant | None
    trade_currency: str | None
    base_currency: str | None
    as_of: AsOf


class PositionsOn(Document):
    """All holdings that had a transaction up to the end of a day of UTC."""

    portfolio_id: str
    on: Date
    positions: list[PositionOn]


class PositionValue(Document):
    """A holding of some units, and its value. What is not known is null, and never zero."""

    security_id: str
    name: str | None
    asset_class: str | None
    quantity: Number
    trade_currency: str
    base_currency: str
    cost: Number
    cost_local: Number
    price: Known = Field(description="As it was quoted, in `price_currency`.")
    price_currency: str | None
    price_date: Date | None
    multiplier: Number
    fx_rate: Known = Field(description="Base currency per unit of trade currency.")
    fx_rate_date: Date | None
    market_value: Known
    market_value_local: Known
    unrealized_gain_loss: Known = Field(
        description="`price_gain_loss` + `currency_gain_loss`, to the last digit."
    )
    unrealized_gain_loss_local: Known
    price_gain_loss: Known
    currency_gain_loss: Known
    day_change: Known = Field(description="Of the units held now, since the end of the day before.")
    day_change_local: Known
    day_change_fraction: Fraction | None
    quality: Quality
    reasons: list[Missing]


class ValuedPosition(PositionValue):
    """Likewise, and how much it is of the whole."""

    weight: Fraction | None = Field(description="They sum to 1.")


class ValuationTotal(Document):
    """Sums over the positions that have a value in base currency, and what is not settled yet."""

    market_value: Number
    cost: Number
    unrealized_gain_loss: Number
    price_gain_loss: Number
    currency_gain_loss: Number
    cost_unvalued: Number = Field(description="Of the positions that have no value.")
    day_change: Number
    day_change_fraction: Fraction | None
    day_change_positions: int = Field(description="Whose change is known, and in the sum.")
    quality: Quality = Field(description="The worst of all positions.")
    valued: int
    stale: int
    unvalued: int


class Valuation(Document):
    """What a portfolio was worth at the end of a day of UTC."""

    portfolio_id: str
    on: Date
    base_currency: str | None
    positions: list[ValuedPosition]
    unsettled: list[ValuedPosition] = Field(
        description="Cash that trades up to the day still owe, below zero what is owed to them; "
        "part of the total. Of a live valuation positions have it already."
    )
    total: ValuationTotal | None = Field(
        description="Null where holdings are kept in several base currencies, as in a portfolio "
        "without a record."
    )


class LiveThrough(Through):
    """All records of these topics before these offsets are included."""

    market_prices: int


class LiveValuation(Valuation):
    """What a portfolio is worth now, `on` being today in UTC."""

    as_of: AsOf
    through: LiveThrough


class ValuationChange(Document):
    """What is new since the event before."""

    portfolio_id: str
    on: Date
    base_currency: str | None
    positions: list[PositionValue] = Field(
        description="Those that changed. Weights are `market_value` / `total.market_value`."
    )
    removed: list[str] = Field(description="security_id of those that are gone.")
    total: ValuationTotal | None
    as_of: AsOf
    through: LiveThrough


SHOWN: tuple[type[Document], ...] = (PositionsOn, Valuation, LiveValuation, ValuationChange)
