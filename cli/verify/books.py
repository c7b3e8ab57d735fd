"""The books of one partition, by the calculator alone."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from calculator import (
    Ledger,
    MemoryJournal,
    Portfolio,
    Rates,
    ReliefMethod,
    Source,
    Taken,
    Transaction,
    cause_of,
)
from cli.verify.inputs import Errors, Event, Identity, Partition
from cli.verify.published import Published
from cli.verify.rows import CONTENT, PORTFOLIO, content_row, portfolio_row
from cli.verify.standing import Content, Standing, standing
from wire.fields import Rule

CONFLICT: Errors = (("version", Rule.VERSION_MUST_BE_HIGHER_TO_CORRECT.value),)
_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Books:
    """What the inputs amount to."""

    journal: MemoryJournal
    sources: dict[Identity, tuple[Source, ...]]  # of these one is the result's
    dead: dict[Source, Event | Portfolio] = field(default_factory=dict)
    perhaps_dead: set[Source] = field(default_factory=set)

    def sources_of(self, identity: Identity) -> tuple[Source, ...]:
        """A cash entry is of the record that its cause is of."""
        portfolio_id, transaction_id = identity
        return self.sources[portfolio_id, cause_of(transaction_id) or transaction_id]

    @property
    def portfolio_ids(self) -> set[str]:
        return {portfolio_id for portfolio_id, _ in self.journal.entries} | (
            self.journal.portfolios.keys()
        )


def fold(
    partition: Partition,
    published: Published,
    default_method: ReliefMethod,
    rates: Rates,
    cash_securities: set[str],
) -> Books:
    """Book what stands. The order is of no consequence, so it is the one with the least work:
    all exchange rates are known before, and which securities are cash by their instruments."""
    transactions = _standing_transactions(partition, published)
    portfolios = _standing_portfolios(partition, published)
    journal = MemoryJournal()
    books = Books(journal, {key: found.sources for key, found in transactions.items()})
    ledger = Ledger(journal, default_method, rates, cash_securities)
    for portfolio in portfolios.values():
        assert ledger.take_portfolio(portfolio.content) is Taken.JOURNALLED
    ledger.settle()
    in_order = sorted((found.content for found in transactions.values()), key=_booking_order)
    for content in in_order:
        assert ledger.take(content) is Taken.JOURNALLED
    ledger.settle()
    for transaction in transactions.values():
        _bury(transaction, books)
    for portfolio in portfolios.values():
        _bury(portfolio, books)
    return books


def _bury(stood: Standing[Content], books: Books) -> None:
    books.dead.update((arrival.source, arrival.content) for arrival in stood.dead)
    books.perhaps_dead.update(arrival.source for arrival in stood.perhaps_dead)


def _standing_transactions(
    partition: Partition, published: Published
) -> dict[Identity, Standing[Event]]:
    def is_published(content: Event) -> bool:
        shown = published.result((content.portfolio_id, content.transaction_id))
        return shown is not None and shown[0][: len(CONTENT)] == content_row(content)

    return {
        identity: standing(arrivals, is_published)
        for identity, arrivals in partition.transactions.items()
    }


def _standing_portfolios(
    partition: Partition, published: Published
) -> dict[str, Standing[Portfolio]]:
    def is_published(content: Portfolio) -> bool:
        if content.portfolio_id not in published.portfolios:
            return False
        shown = published.portfolio(content.portfolio_id)
        return shown[: len(PORTFOLIO)] == portfolio_row(content)

    return {
        portfolio_id: standing(arrivals, is_published)
        for portfolio_id, arrivals in partition.portfolios.items()
    }


def _booking_order(content: Event) -> tuple[datetime, int, str]:
    return content.order if isinstance(content, Transaction) else (_FIRST, 0, "")
