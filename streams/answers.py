"""What the live tables say, as JSON, each answer from one snapshot of a partition."""

from collections.abc import Iterable, Iterator
from decimal import localcontext

import msgspec
from fastapi.responses import Response

from calculator import EXACT, CashManagement, CashRole, Holding, Portfolio, cause_of
from calculator.cash import named_currency
from streams import holders, rate_uses, state
from streams.pages import open_pages
from streams.reading import items_with
from streams.tables import Snapshot
from wire import workers
from wire.results import encode_lot, encode_portfolio, encode_position

RESULTS_BYTES_MAX = 4 * 1024 * 1024  # an answer is full behind the result that reaches it


class _Holder(msgspec.Struct):
    security_id: str | None


_read_holder = msgspec.json.Decoder(_Holder).decode


class Refusal(Exception):
    """An answer that is none: unknown (404), not to be had now (503), figures that no answer can
    hold (409), or no question (413, 422)."""

    def __init__(self, status: int, problem: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = problem
        self.detail = detail

    def response(self) -> Response:
        body = workers.problem(self.status, self.problem, self.detail)
        headers = {"Retry-After": "1"} if self.status == 503 else {}
        return Response(body, self.status, headers, workers.PROBLEM)


def positions(snapshot: Snapshot, partition: int, portfolio_id: str) -> bytes:
    items, _ = _items(snapshot, portfolio_id)
    encoded = [
        _position(snapshot, portfolio_id, state.ids_of(key)[1], value) for key, value in items
    ]
    return b'{"positions":[%b],"as_of":%d,"through":%b}' % (
        b",".join(encoded),
        progress(snapshot).as_of,
        _through(snapshot, partition),
    )


def holdings(
    snapshot: Snapshot, portfolio_id: str
) -> tuple[list[state.StoredHolding], Portfolio | None]:
    """All of the portfolio, without their lots, and its record. None is being re-booked."""
    items, record = _items(snapshot, portfolio_id)
    found = []
    for key, value in items:
        stored = state.decode_holding(*state.ids_of(key), value, with_lots=False)
        _require_settled(snapshot, stored.holding, record)
        found.append(stored)
    return found, None if record is None else record.portfolio


def position(snapshot: Snapshot, partition: int, portfolio_id: str, security_id: str) -> bytes:
    value = _holding_record(snapshot, portfolio_id, security_id)
    _require_walked(snapshot, portfolio_id, security_id)
    encoded = _position(snapshot, portfolio_id, security_id, value)
    return _with_through(encoded, snapshot, partition)


def lots(snapshot: Snapshot, partition: int, portfolio_id: str, security_id: str) -> bytes:
    value = _holding_record(snapshot, portfolio_id, security_id)
    _require_walked(snapshot, portfolio_id, security_id)
    holding, as_of = _holding(snapshot, portfolio_id, security_id, value)
    with localcontext(EXACT):
        encoded = list(map(encode_lot, holding.lots))
    return b'{"lots":[%b],"as_of":%d,"through":%b}' % (
        b",".join(encoded),
        as_of,
        _through(snapshot, partition),
    )


def transaction(
    snapshot: Snapshot, partition: int, portfolio_id: str, transaction_id: str
) -> bytes:
    value = snapshot.get(state.entry_key(portfolio_id, transaction_id))
    if value is None or _is_gone(transaction_id, value):
        # A cash entry may come of what is being re-booked.
        if cause_of(transaction_id) is not None and _is_lagging(snapshot, portfolio_id):
            raise _rebooking(portfolio_id)
        raise _unknown(workers.unknown_transaction(transaction_id))
    security_id = _read_holder(value).security_id
    if security_id is not None and not _is_settled(snapshot, portfolio_id, security_id):
        raise _rebooking(portfolio_id)
    return _with_through(value, snapshot, partition)


def results(
    snapshot: Snapshot, partition: int, identities: Iterable[tuple[str, str]]
) -> Iterator[bytes]:
    """Of each transaction its result; null where it is not known, or not to be had now: its
    holding is being re-booked, or the answer is full."""
    through = _through(snapshot, partition)
    settled: dict[tuple[str, str], bool] = {}
    size = 0
    for portfolio_id, transaction_id in identities:
        value = None
        if size < RESULTS_BYTES_MAX:
            value = snapshot.get(state.entry_key(portfolio_id, transaction_id))
        if value is None:
            yield b"null"
            continue
        security_id = _read_holder(value).security_id
        if security_id is not None:
            holding = portfolio_id, security_id
            if holding not in settled:
                settled[holding] = _is_settled(snapshot, *holding)
            if not settled[holding]:
                yield b"null"
                continue
        size += len(value)
        yield b'%b,"through":%b}' % (value[:-1], through)


def portfolios(snapshot: Snapshot, partition: int, portfolio_ids: Iterable[str]) -> Iterator[bytes]:
    """Of each portfolio the record in force, null where there is none. Its holdings may still be
    re-booked under it."""
    for portfolio_id in portfolio_ids:
        record = _portfolio(snapshot, portfolio_id)
        if record is None:
            yield b"null"
        else:
            encoded = encode_portfolio(record.portfolio, record.as_of, record.source)
            yield _with_through(encoded, snapshot, partition)


def _is_settled(snapshot: Snapshot, portfolio_id: str, security_id: str) -> bool:
    value = snapshot.get(state.holding_key(portfolio_id, security_id))
    assert value is not None, "the holding of an entry exists"
    try:
        _require_walked(snapshot, portfolio_id, security_id)
        _holding(snapshot, portfolio_id, security_id, value)
    except Refusal:
        return False
    return True


def _items(
    snapshot: Snapshot, portfolio_id: str
) -> tuple[list[tuple[bytes, bytes]], state.PortfolioRecord | None]:
    """The records of the portfolio's holdings, and its own. Nothing has still to be met."""
    items = list(items_with(snapshot, state.portfolio_prefix(portfolio_id)))
    if not items and not _is_known(snapshot, portfolio_id):
        raise _unknown(workers.unknown_portfolio(portfolio_id))
    record = _portfolio(snapshot, portfolio_id)
    if record is not None and record.walk is not None:
        raise _rebooking(portfolio_id)
    if _is_awaiting_walk(snapshot, portfolio_id):
        raise _rebooking(portfolio_id)
    return items, record


def progress(snapshot: Snapshot) -> state.Progress:
    return state.decode_progress(snapshot.get(state.PROGRESS))


def _through(snapshot: Snapshot, partition: int) -> bytes:
    at = progress(snapshot)
    raw, forwarded, portfolios = at.next_offsets
    return (
        b'{"partition":%d,"raw_transactions":%d,"raw_transactions_forwarded":%d,"portfolios":%d,'
        b'"fx_rates":%d,"instruments":%d}'
        % (partition, raw, forwarded, portfolios, at.fx_rates, at.instruments)
    )


def _with_through(json_object: bytes, snapshot: Snapshot, partition: int) -> bytes:
    return b'%b,"through":%b}' % (json_object[:-1], _through(snapshot, partition))


def _portfolio(snapshot: Snapshot, portfolio_id: str) -> state.PortfolioRecord | None:
    value = snapshot.get(state.portfolio_key(portfolio_id))
    return None if value is None else state.decode_portfolio_record(value)


def _is_known(snapshot: Snapshot, portfolio_id: str) -> bool:
    """Whether a record or any transaction, cancelled ones included, names the portfolio."""
    if snapshot.get(state.portfolio_key(portfolio_id)) is not None:
        return True
    entries = items_with(snapshot, state.portfolio_prefix(portfolio_id, b"t"))
    return next(entries, None) is not None


def _holding_record(snapshot: Snapshot, portfolio_id: str, security_id: str) -> bytes:
    value = snapshot.get(state.holding_key(portfolio_id, security_id))
    if value is None:
        record = _portfolio(snapshot, portfolio_id)
        if (
            record is not None
            and record.portfolio.terms(security_id)[2] is CashRole.HELD
            and _is_lagging(snapshot, portfolio_id)
        ):
            raise _rebooking(portfolio_id)
        raise _unknown(workers.unknown_holding(portfolio_id, security_id))
    return value


def _holding(
    snapshot: Snapshot,
    portfolio_id: str,
    security_id: str,
    value: bytes,
) -> tuple[Holding, int]:
    """The holding and the as_of of its record, if it shows its whole journal under the terms in
    force."""
    stored = state.decode_holding(portfolio_id, security_id, value)
    _require_settled(snapshot, stored.holding, _portfolio(snapshot, portfolio_id))
    open_pages(snapshot, stored)
    return stored.holding, stored.as_of


def _require_settled(
    snapshot: Snapshot, holding: Holding, record: state.PortfolioRecord | None
) -> None:
    portfolio_id, security_id = holding.portfolio_id, holding.security_id
    if record is not None:
        terms = holding.method, holding.base_currency, holding.role
        # Whether it is cash by its instrument it knows itself, once it was met.
        cash_securities = (security_id,) if holding.role is CashRole.HELD else ()
        is_met = record.walk is None or security_id <= record.walk
        if not is_met or record.portfolio.terms(security_id, cash_securities) != terms:
            raise _rebooking(portfolio_id)
    if not holding.is_settled:
        raise _rebooking(portfolio_id)
    if _is_moved_by_others(holding, record) and _is_lagging(snapshot, portfolio_id):
        raise _rebooking(portfolio_id)


def _require_walked(snapshot: Snapshot, portfolio_id: str, security_id: str) -> None:
    """No rate or instrument came in that may still change what the holding shows."""
    if _is_awaiting_walk(snapshot, portfolio_id, security_id):
        raise _rebooking(portfolio_id)


def _is_awaiting_walk(snapshot: Snapshot, *ids: str) -> bool:
    """Whether a walk has still to meet the holding, or any of the portfolio's."""
    return rate_uses.is_awaiting_walk(snapshot, *ids) or holders.is_awaiting_walk(snapshot, *ids)


def _is_moved_by_others(holding: Holding, record: state.PortfolioRecord | None) -> bool:
    """Whether it is cash that other holdings of the portfolio move, or has entries of theirs."""
    if named_currency(holding.security_id) is None:
        return False
    if record is not None and record.portfolio.cash_management is CashManagement.AUTOMATIC:
        return True
    return holding.generated > 0


def _is_lagging(snapshot: Snapshot, portfolio_id: str) -> bool:
    """Whether any holding of the portfolio is being re-booked, or is still to be met for it."""
    marks = items_with(snapshot, state.portfolio_prefix(portfolio_id, b"r"))
    return next(marks, None) is not None or _is_awaiting_walk(snapshot, portfolio_id)


def _is_gone(transaction_id: str, result: bytes) -> bool:
    """Of a cash entry, whether it stands no more."""
    return cause_of(transaction_id) is not None and _read_holder(result).security_id is None


def _position(snapshot: Snapshot, portfolio_id: str, security_id: str, value: bytes) -> bytes:
    holding, as_of = _holding(snapshot, portfolio_id, security_id, value)
    assert holding.journalled, "a settled holding without entries is not kept"
    return encode_position(holding, as_of)


def _unknown(detail: str) -> Refusal:
    return Refusal(404, workers.NOT_FOUND, detail)


def _rebooking(portfolio_id: str) -> Refusal:
    return Refusal(503, "rebooking", f"holdings of {portfolio_id} are being re-booked")
