"""Parameters of paths and queries, held to the rules that events have to keep."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api import examples
from wire import fields
from wire.fields import Broken

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
WAIT_SECONDS_DEFAULT = 5.0
WAIT_SECONDS_MAX = 60.0

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


ID_SCHEMA = {"type": "string", "pattern": f"^{fields.ID}$", "maxLength": fields.ID_LENGTH_MAX}

Id = Annotated[str, _by(fields.id_text), WithJsonSchema(ID_SCHEMA)]
PortfolioId = Annotated[Id, Path(examples=[examples.PORTFOLIO_ID])]
SecurityId = Annotated[Id, Path(examples=[examples.SECURITY_ID])]
TransactionId = Annotated[Id, Path(examples=[examples.TRANSACTION_ID])]
INSTANT_SCHEMA = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]
}
Instant = Annotated[datetime, _by(fields.instant), WithJsonSchema(INSTANT_SCHEMA)]


class Waiting(BaseModel):
    """Whether an answer may wait for the live tables."""

    model_config = ConfigDict(extra="forbid")
    wait: Literal["applied"] | None = Field(
        None, description="Answer when the live tables have taken it in, and say what came out."
    )
    timeout: float = Field(
        WAIT_SECONDS_DEFAULT,
        gt=0,
        le=WAIT_SECONDS_MAX,
        description="Seconds to wait at most; then the answer is 202.",
    )


class Page(BaseModel):
    """A part of a list."""

    # A misspelt filter must not answer with everything.
    model_config = ConfigDict(extra="forbid")
    limit: int = Field(LIMIT_DEFAULT, ge=1, le=LIMIT_MAX)
    cursor: str | None = Field(
        None, max_length=2000, description="`next` of the answer before, with the same filters."
    )

    def filters(self) -> dict[str, object]:
        """What was asked for, apart from which part of it."""
        return self.model_dump(exclude={"limit", "cursor"}, exclude_none=True)


class DatedPage(Page):
    """A part of a list that is ordered by time, newest first."""

    from_: Instant | None = Field(
        None, alias="from", description="Not before this instant, or date.", examples=["2024-01-01"]
    )
    to: Instant | None = Field(
        None, description="Before this instant, or date.", examples=["2025-01-01T00:00:00Z"]
    )


class HoldingPage(DatedPage):
    """Likewise, of a portfolio; of one security where it is given."""

    security_id: Id | None = None


class TransactionPage(HoldingPage):
    """Likewise, of one status where it is given."""

    status: Literal["BOOKED", "REJECTED", "PENDING", "CANCELLED"] | None = None
