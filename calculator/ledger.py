"""A ledger folds `book` over the journal of each holding, in booking order, whatever the order
of arrival: rewind to the first entry affected, change it, book the rest again.

`take` only journals. `settle` does the work that follows, in as many steps as it is given, so a
caller may take a thousand transactions and rewind once. Between the two, and after a `settle`
that ran out of steps, a holding says by its cursors how far its lots agree with its journal.

Where a portfolio's cash is kept automatically, a transaction that is booked puts a cash entry into
the journal, and takes it out again when it is not booked any more.
"""

from collections.abc import Iterable
from decimal import Decimal, localcontext
from itertools import groupby

from calculator.applied_rates import AppliedRates
from calculator.booked import Booked
from calculator.booking import book_in_context
from calculator.cash import CashRole
from calculator.cash_entries import CashEntries
from calculator.holding import Holding
from calculator.journal import Entry, Journal, MemoryJournal, Source
from calculator.lot import Disposal
from calculator.money import EXACT, rounded
from calculator.portfolio import Portfolio, Terms
from calculator.rate_walks import start_walks
from calculator.rates import FxRate, Rates
from calculator.relief import ReliefMethod
from calculator.taken import Taken
from calculator.term_walks import start_cash_walks, to_be_met
from calculator.transaction import Cancellation, Kind, Order, Transaction, units

STEPS_PER_TURN = 500  # of one holding, before the next one that waits has its turn
_USES_AT_A_TIME = 100
_ALL = 1 << 62
_NO_ROLE, _HELD = CashRole.NONE, CashRole.HELD


class Ledger:
    """The books of any number of portfolios over one journal."""

    def __init__(
        self,
        journal: Journal | None = None,
        default_method: ReliefMethod = ReliefMethod.FIFO,
        rates: Rates | None = None,
        cash_securities: set[str] | None = None,
    ) -> None:
        self.journal: Journal = MemoryJournal() if journal is None else journal
        self.default_method = default_method
        self.rates = Rates() if rates is None else rates
        # Ids of those that are cash by their instruments.
        self.cash_securities = set[str]() if cash_securities is None else cash_securities
        self.rewinds = 0  # since the ledger was made
        self.taken_back = 0  # entries, by these rewinds
        self.steps_taken = 0  # by the last `settle`
        self._touched: dict[tuple[str, str], Holding] = {}
        self._applied = AppliedRates(self.rates, self.journal.rate_uses)
        self._cash = CashEntries(self.journal, self._holding, self._put)
        self._in_order: dict[tuple[str, str], list[Entry]] = {}
        # By identity, so that a batch says one last word on each transaction.
        self._changed: dict[tuple[str, str], Entry] = {}
        self._steps = 0

    def take(self, content: Transaction | Cancellation, source: Source | None = None) -> Taken:
        """Journal one version of a transaction; whichever order versions come in, the highest
        stands."""
        known = self.journal.entry(content.portfolio_id, content.transaction_id)
        if known is not None:
            if content.version < known.content.version:
                return Taken.SUPERSEDED
            if content.version == known.content.version:
                same = content == known.content
                return Taken.DUPLICATE if same else Taken.CONFLICT
            self._cash.withdraw(known)
        self._put(content, source, known)
        return Taken.JOURNALLED

    def take_portfolio(self, portfolio: Portfolio) -> Taken:
        """Put a portfolio record in force; what it changes is booked anew by `settle`."""
        known = self.journal.portfolio(portfolio.portfolio_id)
        if known is not None:
            if portfolio.version < known.version:
                return Taken.SUPERSEDED
            if portfolio.version == known.version:
                return Taken.DUPLICATE if portfolio == known else Taken.CONFLICT
        self.journal.put_portfolio(portfolio)
        if known is None or not portfolio.has_terms_of(known):
            self.journal.put_walk(portfolio.portfolio_id, "")
        return Taken.JOURNALLED

    def take_rate(self, rate: FxRate) -> Taken:
        """Put an exchange rate in force; what it changes is booked anew by `settle`."""
        taken = self.rates.put(rate)
        if taken is Taken.JOURNALLED:
            self.follow_rates([rate])
        return taken

    def follow_rates(self, changed: Iterable[FxRate]) -> None:
        """Let `settle` book anew what these rates, which came in force in `rates`, change."""
        start_walks(self.rates, self.journal.rate_uses, changed)

    def declare_cash(self, security_id: str, *, is_cash: bool = True) -> None:
        """Say what its instrument makes of a security; what it changes is booked anew by `settle`."""
        if is_cash:
            self.cash_securities.add(security_id)
        else:
            self.cash_securities.discard(security_id)
        self.follow_cash([security_id])

    def follow_cash(self, changed: Iterable[str]) -> None:
        """Let `settle` book anew what it changes that these are, or are not, `cash_securities`."""
        start_cash_walks(self.journal.holders, changed)

    def settle(self, steps: int | None = None) -> list[Entry]:
        """Book what is outstanding and return the entries whose result is new or changed.

        `steps` bounds the entries taken back or booked anew; None means all of them. What
        arrived in order is always booked: it costs nothing but itself.
        """
        self._steps = given = _ALL if steps is None else steps
        with localcontext(EXACT):
            for key in list(self._touched):
                # Asked for again: its portfolio's terms may have changed since.
                holding = self._holding(*key)
                if holding.role is not _HELD:
                    self._settle_holding(holding)
            self._settle_cash()
            for key in to_be_met(self.journal, lambda: self._steps):
                self._steps -= 1
                self._meet(*key)
            self._walk_rates()
            while True:
                self._go_on()
                # What was booked meanwhile moved cash, which may take more steps than are left.
                self._settle_cash()
                if not self.journal.unsettled or self._steps <= 0:
                    break
        self.steps_taken = given - self._steps
        changed = list(self._changed.values())
        self._changed.clear()
        self._touched.clear()
        return changed

    # -- journalling

    def _holding(self, portfolio_id: str, security_id: str) -> Holding:
        """The holding under the terms in force; it is settled before `settle` returns or its
        cursors say what is missing."""
        key = portfolio_id, security_id
        holding = self._touched.get(key)
        if holding is None:
            holding = self.journal.holding(portfolio_id, security_id)
        terms: Terms = self.default_method, None, _NO_ROLE
        portfolio = self.journal.portfolio(portfolio_id)
        if portfolio is not None:
            terms = portfolio.terms(security_id, self.cash_securities)
        if holding is None:
            holding = Holding(portfolio_id, security_id, *terms)
        elif (holding.method, holding.base_currency, holding.role) != terms:
            self._start_anew(holding, terms)
        self._touched[key] = holding
        if holding.role is _HELD:
            self._cash.touched[key] = None
        return holding

    def _start_anew(self, holding: Holding, terms: Terms) -> None:
        for order in self.journal.replaced_orders(holding):
            self._forget_replaced(holding, order)
        # What came in order is booked with all the rest; some of it may be withdrawn by now.
        self._in_order.pop((holding.portfolio_id, holding.security_id), None)
        holding.reset(*terms)

    def _put(
        self, content: Transaction | Cancellation, source: Source | None, known: Entry | None
    ) -> None:
        """Journal content in the place of what is known of its transaction."""
        if known is not None:
            if isinstance(known.content, Transaction):
                self._withdraw(known, known.content)
            # A cancellation that is revived before anybody heard of it says nothing.
            self._changed.pop((content.portfolio_id, content.transaction_id), None)
        entry = Entry(content, source, is_new=known is None)
        self.journal.put_entry(entry)
        if isinstance(content, Transaction):
            self._insert(entry, content)
        else:
            self._changed[content.portfolio_id, content.transaction_id] = entry

    def _insert(self, entry: Entry, transaction: Transaction) -> None:
        holding = self._holding(transaction.portfolio_id, transaction.security_id)
        order = transaction.order
        holding.journalled += 1
        self.journal.link(holding, order)
        if holding.last is None or order > holding.last:
            holding.last = order
            if holding.is_settled:
                key = holding.portfolio_id, holding.security_id
                self._in_order.setdefault(key, []).append(entry)
        else:
            holding.rewind_to(order)

    def _withdraw(self, known: Entry, transaction: Transaction) -> None:
        """Take an entry out of its holding's journal, because a higher version replaces it."""
        self._applied.forget(known)
        holding = self._holding(transaction.portfolio_id, transaction.security_id)
        order = transaction.order
        holding.journalled -= 1
        is_in_lots = (
            known.outcome is not None
            and (holding.booked_below is None or order < holding.booked_below)
            # An earlier version that is still in the lots is the one to take back.
            and self.journal.replaced(holding, order) is None
        )
        if is_in_lots:
            self.journal.put_replaced(holding, known)
        elif self.journal.replaced(holding, order) is None:
            self.journal.unlink(holding, order)
        holding.rewind_to(order)

    # -- settling

    def _settle_cash(self) -> None:
        """Also what is moved meanwhile: cash that was none before withdraws what it caused."""
        while self._cash.touched:
            key = next(iter(self._cash.touched))
            holding = self._holding(*key)
            del self._cash.touched[key]
            self._settle_holding(holding)

    def _settle_holding(self, holding: Holding) -> None:
        in_order = self._in_order.pop((holding.portfolio_id, holding.security_id), [])
        if holding.is_settled:
            for entry in in_order:
                self._book(holding, entry)
        else:
            if holding.booked_below is None:
                self.rewinds += 1
                if in_order:
                    # They came in order, but then one came that did not: the lots end below them.
                    first = in_order[0].content
                    assert isinstance(first, Transaction)
                    holding.booked_below = first.order
            self._rebook(holding, min(self._steps, STEPS_PER_TURN))
        self.journal.put_holding(holding)

    def _meet(self, portfolio_id: str, security_id: str) -> None:
        """Start a holding anew, if it is under other terms than those in force."""
        holding = self._holding(portfolio_id, security_id)
        # One whose last entry was withdrawn is settled by starting anew, and has lots on disk until
        # it is put.
        was_settled = (portfolio_id, security_id) not in self.journal.unsettled
        if not (holding.is_settled and was_settled):
            self._settle_holding(holding)

    def _walk_rates(self) -> None:
        """Compare the rates that were applied, or awaited, with those in force now. Early days come
        first: what is booked anew from there takes the new rates of later days with it."""
        walks = self.journal.rate_uses.walks
        for pair, day in sorted(walks, key=lambda walk: walk[1]):
            while self._steps > 0 and (pair, day) in walks:
                limit = min(self._steps, _USES_AT_A_TIME)
                met, differing = self._applied.walk(pair, day, limit)
                self._steps -= met
                for ids, of_holding in groupby(differing, lambda use: use[:2]):
                    holding = self._holding(*ids)
                    holding.rewind_to(next(of_holding).order)
                    self._settle_holding(holding)

    def _go_on(self) -> None:
        """Give holdings that are not settled their turns, until all are or no step is left."""
        while self.journal.unsettled and self._steps > 0:
            key = next(iter(self.journal.unsettled))
            del self.journal.unsettled[key]  # `put_holding` puts it back, behind the others
            self._settle_holding(self._holding(*key))

    def _rebook(self, holding: Holding, steps: int) -> None:
        """Take back what must be booked anew, then book forward; stop after `steps`."""
        end = self._steps - steps
        if holding.rebook_from is not None and not self._take_back(holding, end):
            return
        assert holding.booked_below is not None
        while self._steps > end:
            orders = self.journal.orders_from(
                holding, holding.booked_below, min(self._steps - end, STEPS_PER_TURN)
            )
            for order in orders:
                self._steps -= 1
                self._book(holding, self._entry_at(holding, order))
                holding.booked_below = _after(order)
            if not orders:
                if self._find_last_booked(holding, end):
                    holding.booked_below = None
                    newest = self.journal.orders_below(holding, None, 1)
                    holding.last = newest[0] if newest else None
                return

    def _take_back(self, holding: Holding, end: int) -> bool:
        """Undo from the newest entry in the lots down to `rebook_from`; say whether it is done."""
        first = holding.rebook_from
        assert first is not None
        look_up = 8  # places at a time; most rewinds are short
        while self._steps > end:
            look_up = min(2 * look_up, STEPS_PER_TURN, self._steps - end)
            orders = self.journal.orders_below(holding, holding.booked_below, look_up)
            for order in orders:
                if order < first:
                    break
                self._steps -= 1
                self._undo(holding, order)
                holding.booked_below = order
            else:
                if orders:
                    continue
            if holding.booked_below is None or holding.booked_below > first:
                holding.booked_below = first
            holding.rebook_from = None
            return True
        return False

    def _undo(self, holding: Holding, order: Order) -> None:
        entry = self.journal.replaced(holding, order)
        if entry is None:
            entry = self._entry_at(holding, order)
        else:
            self._forget_replaced(holding, order)
        if isinstance(entry.outcome, Booked):
            assert isinstance(entry.content, Transaction)
            holding.undo(entry.content, entry.outcome, lambda lost: self._unit_cost(holding, lost))
        self.taken_back += 1

    def _unit_cost(self, holding: Holding, disposal: Disposal) -> Decimal:
        """The unit cost at opening of a lot that is no longer held, from the entry that opened
        it, in the version that is in the lots."""
        order = (disposal.acquired_at, int(Kind.INCREASE), disposal.lot_id)
        opening = self.journal.replaced(holding, order) or self._entry_at(holding, order)
        assert isinstance(opening.outcome, Booked)
        assert isinstance(opening.content, Transaction)
        return rounded(opening.outcome.net_cost / units(opening.content))

    def _find_last_booked(self, holding: Holding, end: int) -> bool:
        """Look for the newest booked entry where the re-booking ended without one, below all that
        was taken back; say whether it is known. Behind it may lie any number of refused ones."""
        look_up = 8
        while holding.last_booked_below is not None and self._steps > end:
            look_up = min(2 * look_up, STEPS_PER_TURN, self._steps - end)
            for order in self.journal.orders_below(holding, holding.last_booked_below, look_up):
                self._steps -= 1
                holding.last_booked_below = order
                if isinstance(self._entry_at(holding, order).outcome, Booked):
                    holding.last_transaction_date = order[0]
                    holding.last_booked_below = None
                    break
        return holding.last_booked_below is None

    def _entry_at(self, holding: Holding, order: Order) -> Entry:
        entry = self.journal.entry(holding.portfolio_id, order[2])
        assert entry is not None, "a place in the order has its entry"
        return entry

    def _forget_replaced(self, holding: Holding, order: Order) -> None:
        self.journal.drop_replaced(holding, order)
        if not self._stands_at(holding, order):
            self.journal.unlink(holding, order)

    def _stands_at(self, holding: Holding, order: Order) -> bool:
        """Whether the entry of that identity still has this place."""
        content = self._entry_at(holding, order).content
        return (
            isinstance(content, Transaction)
            and content.security_id == holding.security_id
            and content.order == order
        )

    def _book(self, holding: Holding, entry: Entry) -> None:
        transaction = entry.content
        assert isinstance(transaction, Transaction)
        base_currency = holding.base_currency or transaction.trade_currency
        rate = self._applied.find(holding, transaction, base_currency)
        outcome = book_in_context(holding, holding.lots, transaction, rate)
        if isinstance(outcome, Booked):
            holding.apply(transaction, outcome)
        if holding.role is not _NO_ROLE or holding.generated:
            self._cash.follow(holding, entry, outcome)
        if (
            outcome != entry.outcome
            or base_currency != entry.base_currency
            or rate != entry.applied_fx_rate
        ):
            self._applied.forget(entry)
            entry.outcome, entry.base_currency = outcome, base_currency
            entry.applied_fx_rate = rate
            self.journal.put_entry(entry)
            self._changed[transaction.portfolio_id, transaction.transaction_id] = entry
            self._applied.note(entry)


def _after(order: Order) -> Order:
    """The lowest place above `order`: no id contains a zero byte."""
    return (order[0], order[1], order[2] + "\0")
