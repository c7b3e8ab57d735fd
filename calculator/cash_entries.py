"""Cash entries in a journal: there exactly while what causes them is booked and moves cash."""

from collections.abc import Callable

from calculator.booked import Booked
from calculator.cash import CashRole, cash_entry_id, is_named_cash
from calculator.cash_movements import cash_entry
from calculator.holding import Holding
from calculator.journal import Entry, Journal, Source
from calculator.rejection import Rejection
from calculator.transaction import Cancellation, Transaction

Put = Callable[[Transaction | Cancellation, Source | None, Entry | None], None]


class CashEntries:
    """`put` journals content in the place of what is known of its transaction."""

    def __init__(self, journal: Journal, holding: Callable[[str, str], Holding], put: Put) -> None:
        self._journal = journal
        self._holding = holding
        self._put = put
        # (portfolio_id, security_id) of holdings to settle behind those that move them.
        self.touched: dict[tuple[str, str], None] = {}

    def follow(self, holding: Holding, cause: Entry, outcome: Booked | Rejection) -> None:
        """After a booking, before the outcome is put into its entry. What became cash by its
        instrument caused entries before."""
        wanted = None
        if holding.role is CashRole.MOVED:
            assert isinstance(cause.content, Transaction)
            wanted = cash_entry(cause.content) if isinstance(outcome, Booked) else None
        elif not holding.generated or is_named_cash(holding.security_id):
            return
        self._bring(holding, cause, wanted)

    def withdraw(self, cause: Entry) -> None:
        """Before another version takes the place of the cause."""
        content = cause.content
        if isinstance(content, Transaction) and isinstance(cause.outcome, Booked):
            holding = self._holding(content.portfolio_id, content.security_id)
            if holding.generated:
                self._bring(holding, cause, None)

    def _bring(self, holding: Holding, cause: Entry, wanted: Transaction | None) -> None:
        """Bring the cash entry of a transaction of this holding to what is wanted of it."""
        portfolio_id, known = holding.portfolio_id, None
        if not cause.is_new or cause.outcome is not None:
            cash_id = cash_entry_id(cause.content.transaction_id)
            known = self._journal.entry(portfolio_id, cash_id)
        standing = known.content if known is not None else None
        if not isinstance(standing, Transaction):
            if wanted is None:
                return
            content: Transaction | Cancellation = wanted
            security_id, change = wanted.security_id, 1
        else:
            if wanted == standing:
                return
            assert wanted is None, "one version of a transaction has one cash entry"
            content, security_id, change = _voided(standing), standing.security_id, -1
        self._put(content, cause.source, known)
        self._holding(portfolio_id, security_id).generated += change
        holding.generated += change
        self.touched[portfolio_id, security_id] = None


def _voided(transaction: Transaction) -> Cancellation:
    return Cancellation(
        transaction_id=transaction.transaction_id,
        portfolio_id=transaction.portfolio_id,
        version=transaction.version,
    )
