"""Values of all portfolios on a day, into the table `valuations`.

Rows come from PostgreSQL in order of portfolios, are valued one portfolio after another, and go back
by COPY, so that memory holds a part of them at a time. Processes share the portfolios by a hash.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from operator import attrgetter

import psycopg2

from reports import moves
from reports.limits import Limits
from reports.market import Market, read_market
from reports.positions import HoldingOn, holdings
from reports.snapshot import Snapshot
from reports.valuation import NO_RECORD, Record, Valued, ValuedPosition, valued_portfolio

ROWS_AT_ONCE = 5_000
_HOLDINGS = moves.HOLDINGS.format(of="AND abs(hashtext(portfolio_id)::bigint) %% %s = %s")
_UNSETTLED = moves.UNSETTLED.format(of="AND abs(hashtext(portfolio_id)::bigint) %% %s = %s")
_SECURITIES = "SELECT DISTINCT security_id FROM transactions WHERE security_id IS NOT NULL"
_CURRENCIES = """
SELECT DISTINCT trade_currency FROM transactions WHERE status = 'BOOKED'
UNION SELECT DISTINCT base_currency FROM transactions WHERE status = 'BOOKED'
"""
_RECORDS = "SELECT portfolio_id, base_currency, cash_management FROM portfolios"
_FIELDS = (
    "quantity", "trade_currency", "base_currency", "cost", "cost_local", "price",
    "price_currency", "price_date", "fx_rate", "fx_rate_date", "market_value",
    "market_value_local", "unrealized_gain_loss", "unrealized_gain_loss_local", "price_gain_loss",
    "currency_gain_loss", "weight", "day_change",
)  # fmt: skip
_COPY = (
    f"COPY valuations (valuation_date, portfolio_id, security_id, {', '.join(_FIELDS)},"
    " quality, reasons)"
    " FROM STDIN"
)


@dataclass(frozen=True, slots=True)
class Written:
    """How many there were with a position of some units."""

    portfolios: int
    positions: int
    unvalued: int


def value_all(database_url: str, day: date, limits: Limits, processes: int = 2) -> Written:
    """Values of the day in place of those that were there: of each part of the portfolios all or
    none, should it be ended."""
    work = partial(_value_part, database_url, day, limits, processes)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(work, range(processes)))
    return Written(
        sum(each.portfolios for each in parts),
        sum(each.positions for each in parts),
        sum(each.unvalued for each in parts),
    )


def _value_part(database_url: str, day: date, limits: Limits, parts: int, part: int) -> Written:
    connection = psycopg2.connect(database_url, options="-c timezone=UTC")
    try:
        connection.set_session(isolation_level="REPEATABLE READ")
        with connection.cursor() as cursor:
            state = Snapshot(cursor)
            market = _market(state, day, limits)
            records = {row[0]: Record.of(row[1:]) for row in state.rows(_RECORDS)}
            end = moves.end_of(day)
            unsettled: dict[str, list[HoldingOn]] = {}
            for each in holdings(state.rows(_UNSETTLED, end, end, end, parts, part)):
                unsettled.setdefault(each.portfolio_id, []).append(each)
            cursor.execute(
                "DELETE FROM valuations WHERE valuation_date = %s"
                " AND abs(hashtext(portfolio_id)::bigint) %% %s = %s",
                (day, parts, part),
            )
        with connection.cursor(name="holdings") as reading, connection.cursor() as writing:
            reading.itersize = ROWS_AT_ONCE
            reading.execute(_HOLDINGS, (end, parts, part))
            valued = _valued(holdings(reading), records, market, unsettled)
            written = _write(Snapshot(writing), valued)
        connection.commit()
    finally:
        connection.close()
    return written


def _market(state: Snapshot, day: date, limits: Limits) -> Market:
    securities = [row[0] for row in state.rows(_SECURITIES)]
    currencies = [row[0] for row in state.rows(_CURRENCIES) if row[0] is not None]
    return read_market(state, securities, currencies, day, limits)


def _valued(
    rows: Iterator[HoldingOn],
    records: Mapping[str, Record],
    market: Market,
    unsettled: Mapping[str, Sequence[HoldingOn]],
) -> Iterator[Valued]:
    for portfolio_id, group in groupby(rows, key=attrgetter("portfolio_id")):
        held = [holding for holding in group if holding.quantity]
        owed = unsettled.get(portfolio_id, ())
        if held or owed:
            record = records.get(portfolio_id, NO_RECORD)
            yield valued_portfolio(portfolio_id, record, held, market, owed)


def _write(state: Snapshot, portfolios: Iterator[Valued]) -> Written:
    lines: list[str] = []
    count = positions = unvalued = 0
    for each in portfolios:
        count += 1
        positions += len(each.positions)
        unvalued += sum(1 for position in each.positions if position.market_value is None)
        head = f"{each.on}\t{each.portfolio_id}\t"
        lines += (f"{head}{p.security_id}\t{_line(p)}" for p in each.positions)
        lines += (f"{head}{p.security_id}~unsettled\t{_line(p)}" for p in each.unsettled)
        if len(lines) >= ROWS_AT_ONCE:
            _send(state, lines)
            lines = []
    _send(state, lines)
    return Written(count, positions, unvalued)


def _send(state: Snapshot, lines: Sequence[str]) -> None:
    state.cursor.copy_expert(_COPY, io.StringIO("".join(lines)))


def _line(position: ValuedPosition) -> str:
    """Ids, codes and numbers: nothing in them needs escaping."""
    cells = [_cell(getattr(position, name)) for name in _FIELDS]
    cells += [position.quality.value, "{" + ",".join(position.reasons) + "}"]
    return "\t".join(cells) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return r"\N"
    return value if isinstance(value, str) else str(value)
