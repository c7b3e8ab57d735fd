"""The ledger's journal over the tables of one partition.

Reads come from RocksDB, the cache of holdings, and what the batch at hand has done so far. Writes
stay here until `collect` hands them over as `Changes`: nothing leaves the process before.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from calculator import Entry, Holding, Order, Portfolio, Source, Transaction
from streams import state
from streams.holders import StateHolders
from streams.kept import Cache, KeptHolding, size_of_entry, size_of_holding
from streams.rate_uses import StateRateUses
from streams.reading import Reader, Record, keys_with
from wire import results

READ_DISPOSALS_MAX = 40_000  # 30 MB, kept until nothing is left to book anew
_PORTFOLIOS_MAX = 50_000


@dataclass(slots=True)
class Changes:
    """What one batch did to the books. Becomes visible together or not at all."""

    results: list[tuple[bytes, bytes, bool]] = field(default_factory=list)
    """key, value, and whether the transaction had no result before"""
    positions: list[Record] = field(default_factory=list)
    portfolios: list[Record] = field(default_factory=list)
    changelog: list[Record] = field(default_factory=list)  # also goes into the state
    local: list[Record] = field(default_factory=list)  # goes into the state alone


class StateJournal:
    """A `calculator.Journal`; see there for what each method means."""

    def __init__(self, db: Reader, lots_max: int) -> None:
        self._db = db
        self._cache = Cache(lots_max, size_of_holding)
        self._portfolios: dict[str, state.PortfolioRecord | None] = {}
        self.unsettled: dict[tuple[str, str], None] = {}
        self.walks: dict[str, str] = {}
        self.rate_uses = StateRateUses(db)
        self.holders = StateHolders(db)
        self._marked: set[bytes] = set()  # `r` keys in the state
        self._stored_replaced = set(keys_with(db, b"x"))
        # As they are stored: what is taken back is booked anew batches later, and reading it is a
        # third of that.
        self._read = Cache(READ_DISPOSALS_MAX, size_of_entry)
        for key in keys_with(db, b"r"):
            self._marked.add(key)
            portfolio_id, security_id = state.ids_of(key)
            if security_id:
                self.unsettled[portfolio_id, security_id] = None
            else:
                record = self._portfolio_record(portfolio_id)
                assert record is not None
                assert record.walk is not None
                self.walks[portfolio_id] = record.walk
        self._begin()

    def _begin(self) -> None:
        if not self.unsettled:
            self._read.clear()
        self._found: dict[tuple[str, str], bytes | None] = {}
        self._entries: dict[tuple[str, str], Entry | None] = {}
        self._waiting: dict[tuple[str, str], Entry] = {}
        self._holdings: dict[tuple[str, str], KeptHolding] = {}
        self._put_holdings: dict[tuple[str, str], None] = {}
        self._put_portfolios: dict[str, bool] = {}  # whether the record itself changed
        self._links: dict[tuple[str, str], dict[bytes, bool]] = {}
        self._replaced: dict[bytes, Entry] = {}
        self._dropped: set[bytes] = set()

    @property
    def cached_lots(self) -> int:
        return self._cache.size

    # -- portfolios

    def _portfolio_record(self, portfolio_id: str) -> state.PortfolioRecord | None:
        if portfolio_id in self._portfolios:
            return self._portfolios[portfolio_id]
        value = self._db.get(state.portfolio_key(portfolio_id))
        record = None if value is None else state.decode_portfolio_record(value)
        self._portfolios[portfolio_id] = record
        return record

    def portfolio(self, portfolio_id: str) -> Portfolio | None:
        record = self._portfolio_record(portfolio_id)
        return None if record is None else record.portfolio

    def put_portfolio(self, portfolio: Portfolio) -> None:
        known = self._portfolio_record(portfolio.portfolio_id)
        walk = None if known is None else known.walk
        record = state.PortfolioRecord(state.LAYOUT, 0, portfolio, walk)
        self._portfolios[portfolio.portfolio_id] = record
        self._put_portfolios[portfolio.portfolio_id] = True

    def put_portfolio_source(self, portfolio_id: str, source: Source) -> None:
        record = self._portfolio_record(portfolio_id)
        assert record is not None
        record.source = source

    def put_walk(self, portfolio_id: str, after: str | None) -> None:
        record = self._portfolio_record(portfolio_id)
        assert record is not None
        record.walk = after
        self._put_portfolios.setdefault(portfolio_id, False)
        if after is None:
            del self.walks[portfolio_id]
        else:
            self.walks[portfolio_id] = after

    def securities(self, portfolio_id: str, after: str, limit: int) -> list[str]:
        prefix = state.portfolio_prefix(portfolio_id)
        # One zero byte above `after` is the lowest key behind it.
        keys = keys_with(self._db, prefix, prefix + after.encode() + b"\0")
        found = {key[len(prefix) :].decode() for key in islice(keys, limit)}
        found.update(s for p, s in self._put_holdings if p == portfolio_id and s > after)
        return sorted(found)[:limit]

    # -- holdings

    def holding(self, portfolio_id: str, security_id: str) -> Holding | None:
        key = portfolio_id, security_id
        kept = self._holdings.get(key) or self._cache.get(key)
        if kept is None:
            value = self._db.get(state.holding_key(*key))
            if value is None:
                return None
            kept = KeptHolding.of(self._db, state.decode_holding(*key, value))
        self._holdings[key] = kept
        return kept.holding

    def put_holding(self, holding: Holding) -> None:
        key = holding.portfolio_id, holding.security_id
        if key not in self._holdings:
            self._holdings[key] = KeptHolding(self._db, holding)
        self._put_holdings[key] = None
        if holding.is_settled:
            self.unsettled.pop(key, None)
        else:
            self.unsettled[key] = None

    # -- entries

    def prefetch(self, identities: Iterable[tuple[str, str]]) -> None:
        """Read the entries of a batch in one look-up."""
        wanted = list(dict.fromkeys(identities))
        if wanted:
            values = self._db.get([state.entry_key(*identity) for identity in wanted])
            self._found.update(zip(wanted, values, strict=True))

    def entry(self, portfolio_id: str, transaction_id: str) -> Entry | None:
        key = portfolio_id, transaction_id
        if key in self._entries:
            return self._entries[key]
        entry = self._read.get(key)
        if entry is None:
            is_found = key in self._found
            value = self._found[key] if is_found else self._db.get(state.entry_key(*key))
            if value is not None:
                entry = results.decode_result(value)
                self._read.put(key, entry)
        self._entries[key] = entry
        return entry

    def put_entry(self, entry: Entry) -> None:
        key = entry.content.portfolio_id, entry.content.transaction_id
        self._read.drop(key)
        self._entries[key] = entry
        self._waiting[key] = entry

    # -- booking order

    def link(self, holding: Holding, order: Order) -> None:
        self._set_link(holding, order, True)

    def unlink(self, holding: Holding, order: Order) -> None:
        self._set_link(holding, order, False)

    def _set_link(self, holding: Holding, order: Order, stands: bool) -> None:
        key = holding.portfolio_id, holding.security_id
        links = self._links.get(key)
        if links is None:
            links = self._links[key] = {}
        links[state.encode_order(order)] = stands

    def orders_from(self, holding: Holding, first: Order, limit: int) -> list[Order]:
        lowest = state.encode_order(first)
        return self._orders(holding, lowest, limit, backwards=False)

    def orders_below(self, holding: Holding, end: Order | None, limit: int) -> list[Order]:
        highest = b"\xff" if end is None else state.encode_order(end)
        return self._orders(holding, highest, limit, backwards=True)

    def _orders(
        self, holding: Holding, bound: bytes, limit: int, *, backwards: bool
    ) -> list[Order]:
        links = self._links.get((holding.portfolio_id, holding.security_id), {})
        places = set()
        for place in self._stored_places(holding, bound, backwards=backwards):
            if links.get(place, True):
                places.add(place)
                if len(places) == limit:
                    break
        places.update(
            place
            for place, stands in links.items()
            if stands and (place < bound if backwards else place >= bound)
        )
        ordered = sorted(places, reverse=backwards)[:limit]
        return [state.decode_order(place) for place in ordered]

    def _stored_places(self, holding: Holding, bound: bytes, *, backwards: bool) -> Iterator[bytes]:
        prefix = state.holding_key(holding.portfolio_id, holding.security_id, b"o") + b"\0"
        for key in self._db.keys(prefix + bound, backwards=backwards):
            if not key.startswith(prefix):
                return
            place = key[len(prefix) :]
            if not (backwards and place == bound):
                yield place

    # -- earlier versions that are still in the lots

    def _replaced_key(self, holding: Holding, order: Order) -> bytes:
        prefix = state.holding_key(holding.portfolio_id, holding.security_id, b"x")
        return prefix + b"\0" + state.encode_order(order)

    def replaced(self, holding: Holding, order: Order) -> Entry | None:
        if not self._replaced and not self._stored_replaced:
            return None
        key = self._replaced_key(holding, order)
        if key in self._replaced:
            return self._replaced[key]
        if key in self._dropped or key not in self._stored_replaced:
            return None
        return results.decode_result(self._db.get(key))

    def put_replaced(self, holding: Holding, entry: Entry) -> None:
        assert isinstance(entry.content, Transaction)
        self._replaced[self._replaced_key(holding, entry.content.order)] = entry

    def drop_replaced(self, holding: Holding, order: Order) -> None:
        key = self._replaced_key(holding, order)
        self._replaced.pop(key, None)
        if key in self._stored_replaced:
            self._dropped.add(key)

    def replaced_orders(self, holding: Holding) -> list[Order]:
        prefix = state.holding_key(holding.portfolio_id, holding.security_id, b"x") + b"\0"
        keys = (self._stored_replaced - self._dropped) | self._replaced.keys()
        return [state.decode_order(k[len(prefix) :]) for k in keys if k.startswith(prefix)]

    # -- the end of a batch

    def collect(self, changed: list[Entry], as_of: int) -> Changes:
        """Hand over what the batch did and begin the next. The caller works in `EXACT`."""
        changes = Changes()
        for entry in changed:
            entry.as_of = as_of
            content = entry.content
            value = results.encode_result(entry)
            key = content.portfolio_id.encode()
            changes.results.append((key, value, entry.is_new))
            local_key = state.entry_key(content.portfolio_id, content.transaction_id)
            changes.local.append((local_key, value))
        for (portfolio_id, transaction_id), entry in self._waiting.items():
            if entry.status is None:
                entry.as_of = as_of
                key = state.entry_key(portfolio_id, transaction_id)
                changes.changelog.append((key, results.encode_result(entry)))
        for ids in self._put_holdings:
            self._collect_holding(ids, changes, as_of)
        self._collect_portfolios(changes, as_of)
        self._collect_order(changes)
        uses, walks = self.rate_uses.collect()
        changes.local.extend(uses)
        changes.changelog.extend(walks)
        changes.changelog.extend(self.holders.collect())
        self._begin()
        return changes

    def _collect_holding(self, key: tuple[str, str], changes: Changes, as_of: int) -> None:
        kept = self._holdings[key]
        holding = kept.holding
        was_stored = kept.is_stored
        changes.changelog.extend(kept.records(as_of))
        if not holding.is_settled:
            pass  # its position would show half a re-booking
        elif holding.journalled:
            position = results.encode_position(holding, as_of)
            changes.positions.append((results.position_key(*key), position))
        elif was_stored:
            changes.positions.append((results.position_key(*key), None))
        if holding.journalled or not holding.is_settled:
            self._cache.put(key, kept)
            if not was_stored:
                changes.local.append((state.holder_key(*key), b""))
        else:
            self._cache.drop(key)
            if was_stored:
                changes.local.append((state.holder_key(*key), None))
        self._mark(key, not holding.is_settled, changes)

    def _mark(self, ids: tuple[str, str], is_unsettled: bool, changes: Changes) -> None:
        key = state.holding_key(*ids, b"r")
        if is_unsettled == (key in self._marked):
            return
        if is_unsettled:
            self._marked.add(key)
            changes.changelog.append((key, b""))
        else:
            self._marked.discard(key)
            changes.changelog.append((key, None))

    def _collect_portfolios(self, changes: Changes, as_of: int) -> None:
        for portfolio_id, is_changed in self._put_portfolios.items():
            record = self._portfolios[portfolio_id]
            assert record is not None
            if is_changed:
                record.as_of = as_of
                value = results.encode_portfolio(record.portfolio, as_of)
                changes.portfolios.append((portfolio_id.encode(), value))
            changes.changelog.append(
                (state.portfolio_key(portfolio_id), state.encode_record(record))
            )
            self._mark((portfolio_id, ""), record.walk is not None, changes)
        if len(self._portfolios) > _PORTFOLIOS_MAX:
            self._portfolios.clear()

    def _collect_order(self, changes: Changes) -> None:
        for (portfolio_id, security_id), links in self._links.items():
            prefix = state.holding_key(portfolio_id, security_id, b"o") + b"\0"
            changes.local.extend(
                (prefix + place, b"" if stands else None) for place, stands in links.items()
            )
        for key in self._dropped - self._replaced.keys():
            self._stored_replaced.discard(key)
            changes.changelog.append((key, None))
        for key, entry in self._replaced.items():
            self._stored_replaced.add(key)
            changes.changelog.append((key, results.encode_result(entry)))
