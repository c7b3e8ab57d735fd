"""The shapes that the OpenAPI document shows. Nothing is read, checked or written by them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.parameters import Id
from calculator import CashManagement, ReliefMethod, Status, TransactionType
from wire import fields

Number = Annotated[
    str, Field(description="A decimal without exponent or trailing zeros.", examples=["1002.5"])
]
GivenNumber = (
    Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?$", examples=["100.25"])]
    | Annotated[float, Field(ge=0, lt=1e15)]
)
# Above zero, which the pattern says by looking ahead; pydantic's own patterns cannot.
RATE = r"^(?!0(\.0+)?$)(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?$"
GivenRate = (
    Annotated[str, Field(json_schema_extra={"pattern": RATE}, examples=["0.92"])]
    | Annotated[float, Field(gt=0, lt=1e9)]
)
Instant = Annotated[
    str, Field(examples=["2024-01-10T14:30:00Z"], json_schema_extra={"format": "date-time"})
]
GivenInstant = Annotated[
    str,
    Field(
        description="RFC 3339 with Z or an offset, or a date for its first instant.",
        examples=["2024-01-10T14:30:00Z", "2024-01-10"],
    ),
]
Date = Annotated[str, Field(examples=["2023-12-01"], json_schema_extra={"format": "date"})]
Currency = Annotated[str, Field(pattern=f"^{fields.CURRENCY}$", examples=["USD"])]
FreeText = Annotated[
    str,
    Field(
        description="Without control characters.",
        min_length=1,
        max_length=fields.FREE_TEXT_LENGTH_MAX,
        json_schema_extra={"pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"},
    ),
]
Version = Annotated[int, Field(ge=1, le=fields.VERSION_MAX)]
GivenVersion = Version | Annotated[str, Field(pattern="^[1-9][0-9]{0,9}$", examples=["2"])]
AsOf = Annotated[int, Field(description="Of two answers about one thing the higher is newer.")]

Next = Annotated[str | None, Field(description="`cursor` of the next page; null on the last.")]


class Document(BaseModel):
    """The base of all shapes."""

    model_config = ConfigDict(extra="forbid")


class TransactionEvent(Document):
    """A transaction as it is reported. Which numbers it needs depends on its type."""

    transaction_id: Id
    portfolio_id: Id
    security_id: Id | None = Field(None, description="Needed by every type but CANCEL.")
    instrument_id: Id | None = None
    transaction_type: TransactionType | Literal["CANCEL"]
    transaction_date: GivenInstant | None = Field(
        None, description="Trade time. Needed by every type but CANCEL."
    )
    settlement_date: GivenInstant | None = None
    quantity: GivenNumber | None = Field(None, description="Units.")
    price: GivenNumber | None = Field(None, description="Trade currency per unit.")
    gross_transaction_amount: GivenNumber | None = Field(
        None, description="Trade currency, before fees; absent: quantity x price."
    )
    trade_fee: GivenNumber | None = Field(None, description="Trade currency; absent: 0.")
    trade_currency: Currency | None = Field(None, description="Needed by every type but CANCEL.")
    currency: Currency | None = Field(None, description="The instrument's own.")
    fx_rate: GivenRate | None = Field(
        None, description="Portfolio base currency per unit of trade currency, above 0."
    )
    version: GivenVersion | None = Field(
        None, description="A correction has a higher one; absent: 1."
    )


class TransactionEvents(Document):
    """All of them are taken in, or none."""

    transactions: list[TransactionEvent] = Field(min_length=1, max_length=10_000)


class PortfolioEvent(Document):
    """How a portfolio is kept."""

    portfolio_id: Id
    base_currency: Currency
    cost_basis_method: ReliefMethod
    name: FreeText | None = None
    client_id: FreeText | None = None
    booking_center: FreeText | None = None
    opened_on: Date | None = None
    version: GivenVersion | None = Field(None, description="A change has a higher one; absent: 1.")
    cash_management: CashManagement | None = Field(None, description="Absent: securities_only.")


class PortfolioEvents(Document):
    """All of them are taken in, or none."""

    portfolios: list[PortfolioEvent] = Field(min_length=1, max_length=10_000)


class Accepted(Document):
    """The event is safe in Kafka, in this record."""

    message: str
    portfolio_id: str
    transaction_id: str
    topic: str
    partition: int
    offset: int


class AcceptedList(Document):
    """The events are safe in Kafka, all before these offsets by partition."""

    message: str
    count: int
    topic: str
    next_offsets: dict[str, int] = Field(
        description="Compare with `through` of live answers; `source_offset` of reference data is "
        "below.",
        examples=[{"3": 42}],
    )


class Disposal(Document):
    """What a decrease took from one lot. Proceeds and gains are those of a sale."""

    lot_id: str
    acquired_at: Instant
    quantity: Number
    cost: Number
    cost_local: Number
    proceeds: Number | None
    proceeds_local: Number | None
    realized_gain_loss: Number | None
    realized_gain_loss_local: Number | None


class Through(Document):
    """The next offset of each input; the answer includes everything before them."""

    partition: int
    raw_transactions: int
    raw_transactions_forwarded: int
    portfolios: int
    fx_rates: int
    instruments: int


class ResultFields(Document):
    transaction_id: str
    portfolio_id: str
    security_id: str | None
    instrument_id: str | None
    transaction_type: TransactionType | Literal["CANCEL"]
    transaction_date: Instant | None
    settlement_date: Instant | None
    quantity: Number | None
    price: Number | None
    gross_transaction_amount: Number | None
    trade_fee: Number | None
    trade_currency: str | None
    currency: str | None
    fx_rate: Number | None
    version: int
    status: Status
    reason: str | None
    detail: str | None
    base_currency: str | None
    applied_fx_rate: Number | None
    gross_cost: Number | None
    net_cost: Number | None
    realized_gain_loss: Number | None
    gross_cost_local: Number | None
    net_cost_local: Number | None
    realized_gain_loss_local: Number | None
    cash_movement: Number | None = Field(None, description="Signed; of cash holdings alone.")
    cause_transaction_id: str | None = Field(None, description="Of a cash entry alone.")
    source_topic: str
    source_partition: int
    source_offset: int
    as_of: AsOf


class Result(ResultFields):
    """A transaction and what became of it. Costs and gains are null unless it is BOOKED."""

    disposals: list[Disposal] = Field(description="In the order of relief.")
    through: Through


class Outcome(Document):
    """What came out of an event, and what the books say of its transaction now."""

    outcome: Literal[
        "booked", "rejected", "pending", "cancelled", "duplicate", "superseded", "conflict"
    ]
    result: Result


class Outcomes(Document):
    """What came out of each event, in their order."""

    outcomes: list[Outcome]


class PortfolioFields(Document):
    portfolio_id: str
    base_currency: str
    cost_basis_method: ReliefMethod
    name: str | None
    client_id: str | None
    booking_center: str | None
    opened_on: Date | None
    version: int
    cash_management: CashManagement
    as_of: AsOf


class PortfolioRecord(PortfolioFields):
    """The record of a portfolio that is in force, and where it came from if that is known."""

    source_topic: str | None = None
    source_partition: int | None = None
    source_offset: int | None = None
    through: Through


class PortfolioOutcome(Document):
    """What came out of a portfolio record, and the one that is in force now."""

    outcome: Literal["booked", "duplicate", "superseded", "conflict"]
    result: PortfolioRecord


class PortfolioOutcomes(Document):
    """What came out of each record, in their order."""

    outcomes: list[PortfolioOutcome]


class _PositionFields(Document):
    portfolio_id: str
    security_id: str
    quantity: Number
    cost: Number = Field(description="Of the open lots, in the base currency.")
    cost_local: Number
    realized_gain_loss: Number = Field(description="Of all sales so far, in the base currency.")
    realized_gain_loss_local: Number
    open_lots: int
    first_transaction_date: Instant | None
    last_transaction_date: Instant | None
    trade_currency: str | None
    base_currency: str | None
    cost_basis_method: ReliefMethod
    as_of: AsOf


class Position(_PositionFields):
    """One holding."""

    through: Through


class Positions(Document):
    """All holdings of a portfolio."""

    positions: list[_PositionFields]
    as_of: AsOf
    through: Through


class Lot(Document):
    """An open lot; its costs are totals."""

    lot_id: str
    acquired_at: Instant
    quantity: Number
    cost: Number
    cost_local: Number


class Lots(Document):
    """The open lots of a holding, in the order in which they are relieved."""

    lots: list[Lot]
    as_of: AsOf
    through: Through


class Readiness(Document):
    """Which of the parts behind the API are there: `ok`, or what is missing."""

    status: Literal["ok", "unavailable"]
    parts: dict[Literal["kafka", "database", "workers", "store"], str]


class ProblemError(Document):
    """A rule that a request breaks."""

    pointer: str = Field(
        description="A JSON pointer into the body, or /path/NAME, /query/NAME, /header/NAME.",
        examples=["/transactions/3/quantity"],
    )
    rule: str = Field(
        pattern="^[a-z0-9_]+_must_[a-z0-9_]+$", examples=["quantity_must_be_positive"]
    )
    message: str


class Problem(Document):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemError]
