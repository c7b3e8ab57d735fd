"""What the lists of PostgreSQL's tables hold, as OpenAPI shows it."""

from typing import Literal

from pydantic import Field

from api.documents import AsOf, Disposal, Document, Instant, Next, PortfolioFields, ResultFields


class StoredTransaction(ResultFields):
    """A row of `transactions`."""

    updated_at: Instant


class StoredDisposal(Disposal):
    """A row of `lot_disposals`."""

    portfolio_id: str
    transaction_id: str
    security_id: str
    disposed_at: Instant
    as_of: AsOf
    updated_at: Instant


class StoredPortfolio(PortfolioFields):
    """A row of `portfolios`."""

    updated_at: Instant


class FieldError(Document):
    """A rule that an event breaks; the empty field is the whole message."""

    field: str
    rule: str
    message: str


class DeadLetter(Document):
    """A row of `dead_letters`; long keys and values are cut."""

    topic: str
    partition: int
    offset: int
    key: str | None
    key_encoding: Literal["utf-8", "base64"] | None
    key_bytes: int | None = Field(description="The length of the whole key.")
    value: str | None
    value_encoding: Literal["utf-8", "base64"] | None
    value_bytes: int | None = Field(description="The length of the whole value.")
    errors: list[FieldError]
    received_at: Instant
    as_of: int | None
    updated_at: Instant


class TransactionList(Document):
    """A page of transactions."""

    items: list[StoredTransaction]
    next: Next


class DisposalList(Document):
    """A page of disposals."""

    items: list[StoredDisposal]
    next: Next


class PortfolioList(Document):
    """A page of portfolios."""

    items: list[StoredPortfolio]
    next: Next


class DeadLetterList(Document):
    """A page of dead letters."""

    items: list[DeadLetter]
    next: Next
