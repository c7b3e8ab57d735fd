"""Parameters of paths and queries, held to the rules that events have to keep."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Literal, TypeVar

from fastapi import Path, Request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from analytics.bad_input import Rule as Requirement
from api import examples
from api.problems import NO_SUCH_PARAMETER, ProblemError, RequestRule, invalid, pointer
from calculator import cause_of
from wire import codes, fields
from wire.fields import Broken

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
WAIT_SECONDS_DEFAULT = 5.0
WAIT_SECONDS_MAX = 60.0

_DIGITS = re.compile(r"0|[1-9][0-9]{0,8}")
_PLAIN = re.compile(rf"(?:{_DIGITS.pattern})(?:\.[0-9]{{1,9}})?")

T = TypeVar("T")


def _by(read: Callable[[object], T | Broken]) -> BeforeValidator:
    """Checks a parameter with the reader of an event's field."""

    def check(text: object) -> T:
        value = read(text)
        if isinstance(value, Broken):
            # In braces it would be a template.
            raise PydanticCustomError(value.rule.value, "{message}", {"message": value.message})
        return value

    return BeforeValidator(check)


def _not_before_from(to: T, given: ValidationInfo) -> T:
    since = given.data.get("from_")
    if to is not None and since is not None and to < since:
        rule = Requirement.PERIOD_MUST_NOT_END_BEFORE_IT_BEGINS
        raise PydanticCustomError(rule.value, "it is before `from`")
    return to


def _number(
    written_as: re.Pattern[str], make: Callable[[str], T], rule: RequestRule, form: str
) -> BeforeValidator:
    def read(text: object) -> T | Broken:
        found = written_as.fullmatch(str(text))
        return (
            Broken(rule, f"{fields.shown(text)} is not {form}") if found is None else make(found[0])
        )

    return _by(read)


Whole = Annotated[
    int,
    _number(
        _DIGITS,
        int,
        RequestRule.PARAMETER_MUST_BE_AN_INTEGER,
        "1 to 9 digits, with no zero in front",
    ),
]
Seconds = Annotated[
    float,
    _number(
        _PLAIN,
        float,
        RequestRule.PARAMETER_MUST_BE_A_NUMBER,
        "1 to 9 digits, or with a point and up to 9 more",
    ),
]


ID_SCHEMA = {"type": "string", "pattern": f"^{fields.ID}$", "maxLength": fields.ID_LENGTH_MAX}

Id = Annotated[str, _by(fields.id_text), WithJsonSchema(ID_SCHEMA)]
PortfolioId = Annotated[Id, Path(examples=[examples.PORTFOLIO_ID])]
SecurityId = Annotated[Id, Path(examples=[examples.SECURITY_ID])]


def _transaction_id(value: object) -> str | Broken:
    """That of an event, or of the cash entry which one causes."""
    cause = cause_of(value) if type(value) is str else None
    read = fields.id_text(value if cause is None else cause)
    return read if isinstance(read, Broken) or cause is None else str(value)


TRANSACTION_ID_SCHEMA = {
    "type": "string",
    "pattern": f"^{fields.ID}(~cash)?$",
    "maxLength": fields.ID_LENGTH_MAX + len("~cash"),
}
TransactionId = Annotated[
    str,
    _by(_transaction_id),
    WithJsonSchema(TRANSACTION_ID_SCHEMA),
    Path(examples=[examples.TRANSACTION_ID]),
]
INSTANT_SCHEMA = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
}
Instant = Annotated[datetime, _by(fields.instant), WithJsonSchema(INSTANT_SCHEMA)]


Date = Annotated[
    date, _by(fields.calendar_date), WithJsonSchema({"type": "string", "format": "date"})
]
Currency = Annotated[
    str,
    _by(fields.currency_code),
    WithJsonSchema({"type": "string", "pattern": f"^{fields.CURRENCY}$"}),
]
Country = Annotated[
    str,
    _by(codes.country_code),
    WithJsonSchema({"type": "string", "pattern": f"^{codes.COUNTRY}$"}),
]
TEXT_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": fields.FREE_TEXT_LENGTH_MAX,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
}
Text = Annotated[str, _by(fields.free_text), WithJsonSchema(TEXT_SCHEMA)]


async def known_and_given_once(request: Request) -> None:
    """Refuse a parameter that is in the query twice, as nobody knows which of the two was meant, and
    any where a route takes none: it must not seem to be heeded. Of those that take some, the models
    below refuse the others."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    again = RequestRule.PARAMETER_MUST_BE_GIVEN_ONCE, "it is given again"
    errors = [
        ProblemError(pointer("query", name), *again) for name, count in counts.items() if count > 1
    ]
    route = request.scope["route"]
    if "operation" not in route.tags and not route.dependant.query_params:
        unknown = RequestRule.PARAMETER_MUST_BE_KNOWN, NO_SUCH_PARAMETER
        errors += [ProblemError(pointer("query", name), *unknown) for name in counts]
    if errors:
        raise invalid(errors)


class OnDay(BaseModel):
    """The day that is asked about."""

    model_config = ConfigDict(extra="forbid")
    on: Date | None = Field(
        None, description="At the end of this day, in UTC.", examples=["2024-06-28"]
    )


class SummaryPage(BaseModel):
    """The days that are asked about, both included."""

    model_config = ConfigDict(extra="forbid")
    from_: Date | None = Field(
        None, alias="from", description="The first day.", examples=["2024-01-01"]
    )
    to: Date | None = Field(
        None, description="The last day, included; absent: today, in UTC.", examples=["2024-12-31"]
    )


class SeriesPage(SummaryPage):
    """Likewise; of one holding where it is given."""

    security_id: Id | None = None


class ConcentrationPage(OnDay):
    """Likewise, and how many of the largest are told."""

    top: Whole = Field(10, ge=1, le=100)


class Waiting(BaseModel):
    """Whether an answer may wait for the live tables."""

    model_config = ConfigDict(extra="forbid")
    wait: Literal["applied"] | None = Field(
        None, description="Answer when the live tables have taken it in, and say what came out."
    )
    timeout: Seconds = Field(
        WAIT_SECONDS_DEFAULT,
        gt=0,
        le=WAIT_SECONDS_MAX,
        description="Seconds to wait at most; then the answer is 202.",
    )


class Page(BaseModel):
    """A part of a list."""

    # A misspelt filter must not answer with everything.
    model_config = ConfigDict(extra="forbid")
    limit: Whole = Field(LIMIT_DEFAULT, ge=1, le=LIMIT_MAX)
    cursor: str | None = Field(
        None, max_length=2000, description="`next` of the answer before, with the same filters."
    )

    @classmethod
    def filter_names(cls) -> tuple[str, ...]:
        return tuple(name for name in cls.model_fields if name not in Page.model_fields)

    def filters(self) -> dict[str, object]:
        """What was asked for, apart from which part of it."""
        return self.model_dump(exclude={"limit", "cursor"}, exclude_none=True)


class DatedPage(Page):
    """A part of a list that is ordered by time, newest first."""

    from_: Instant | None = Field(
        None, alias="from", description="Not before this instant, or date.", examples=["2024-01-01"]
    )
    to: Annotated[Instant | None, AfterValidator(_not_before_from)] = Field(
        None, description="Before this instant, or date.", examples=["2025-01-01T00:00:00Z"]
    )


class DaysPage(Page):
    """A part of a list that is ordered by day, newest first."""

    from_: Date | None = Field(
        None, alias="from", description="Not before this day.", examples=["2024-01-01"]
    )
    to: Annotated[Date | None, AfterValidator(_not_before_from)] = Field(
        None, description="Before this day.", examples=["2025-01-01"]
    )


class InstrumentPage(Page):
    """A part of the instruments, of those that are so."""

    asset_class: Text | None = None
    product_type: Text | None = None
    sector: Text | None = None
    instrument_currency: Currency | None = None
    country_of_risk: Country | None = None
    issuer: Text | None = None


class MarketPricePage(DaysPage):
    """Likewise of prices, of one security where it is given."""

    security_id: Id | None = None


class FxRatePage(DaysPage):
    """Likewise of exchange rates, of these currencies where they are given."""

    from_currency: Currency | None = None
    to_currency: Currency | None = None


class BusinessDatePage(DaysPage):
    """Likewise of business dates, of one calendar where it is given."""

    calendar: Id | None = None


class HoldingPage(DatedPage):
    """Likewise, of a portfolio; of one security where it is given."""

    security_id: Id | None = None


class TransactionPage(HoldingPage):
    """Likewise, of one status where it is given."""

    status: Literal["BOOKED", "REJECTED", "PENDING", "CANCELLED"] | None = None
