"""Which rows of `transactions` move units, costs and gains, and by how much: said here alone.

All of them are sums over results that are BOOKED, so what a holding was on a day is a sum too.
"""

from datetime import UTC, date, datetime, timedelta

from calculator.cash import CASH_SUFFIX

INCREASES = ("BUY", "TRANSFER_IN", "DEPOSIT")
DECREASES = ("SELL", "TRANSFER_OUT", "WITHDRAWAL")


def _listed(types: tuple[str, ...]) -> str:
    return ", ".join(f"'{each}'" for each in types)


# A deposit may say its amount instead of its units; what a result says of units is what was sent.
_UNITS = "coalesce(nullif(quantity, 0), gross_transaction_amount)"
UNITS_MOVED = f"""CASE
    WHEN cash_movement IS NOT NULL THEN cash_movement
    WHEN transaction_type IN ({_listed(INCREASES)}) THEN {_UNITS}
    WHEN transaction_type IN ({_listed(DECREASES)}) THEN -{_UNITS}
    ELSE 0 END"""
# Of fees and taxes the cost is what they cost, and no cost of the holding: unless it is kept cash.
MOVES = f"(transaction_type IN ({_listed(INCREASES + DECREASES)}) OR cash_movement IS NOT NULL)"
PAYMENTS = ("DIVIDEND", "INTEREST", "FEE", "TAX")
PAYS = f"transaction_type IN ({_listed(PAYMENTS)})"
# What is bought is owed, and what is sold is owing, from the day of the trade on: a cash entry counts
# from when its cause does, whenever it settles.
_CAUSE = """(SELECT cause.{column} FROM transactions AS cause
    WHERE cause.portfolio_id = transactions.portfolio_id
        AND cause.transaction_id = transactions.cause_transaction_id)"""
_ENTRY = f"""(SELECT entry.security_id FROM transactions AS entry
    WHERE entry.portfolio_id = transactions.portfolio_id AND entry.status = 'BOOKED'
        AND entry.transaction_id = transactions.transaction_id || '{CASH_SUFFIX}')"""
TRADED = f"""SELECT *,
    CASE WHEN cause_transaction_id IS NULL THEN transaction_date
        ELSE {_CAUSE.format(column="transaction_date")} END AS traded_at,
    CASE WHEN cause_transaction_id IS NULL THEN {_ENTRY}
        ELSE {_CAUSE.format(column="security_id")} END AS other_side
FROM transactions"""
# Where the books make no cash entries.
PLAIN = "SELECT *, transaction_date AS traded_at, NULL AS other_side FROM transactions"

# Of each holding, at the end of a day. One without anything BOOKED holds nothing, as in the live
# tables. Trades of a holding all have one currency, the neutral ones need not.
HOLDINGS = f"""
SELECT
    portfolio_id,
    security_id,
    coalesce(sum({UNITS_MOVED}) FILTER (WHERE status = 'BOOKED'), 0),
    coalesce(sum(net_cost) FILTER (WHERE status = 'BOOKED' AND {MOVES}), 0),
    coalesce(sum(net_cost_local) FILTER (WHERE status = 'BOOKED' AND {MOVES}), 0),
    coalesce(sum(realized_gain_loss) FILTER (WHERE status = 'BOOKED'), 0),
    coalesce(sum(realized_gain_loss_local) FILTER (WHERE status = 'BOOKED'), 0),
    min(transaction_date) FILTER (WHERE status = 'BOOKED'),
    max(transaction_date) FILTER (WHERE status = 'BOOKED'),
    max(trade_currency) FILTER (WHERE status = 'BOOKED' AND {MOVES}),
    max(base_currency) FILTER (WHERE status = 'BOOKED' AND {MOVES}),
    max(as_of)
FROM transactions
WHERE status <> 'CANCELLED' AND transaction_date < %s {{of}}
GROUP BY portfolio_id, security_id
ORDER BY portfolio_id, security_id
"""

# Of each cash holding what is not settled yet at the end of a day, though it was traded, and with
# another sign what is settled before it was.
UNSETTLED = f"""
SELECT
    portfolio_id,
    security_id,
    sum(sign * cash_movement),
    sum(sign * net_cost),
    sum(sign * net_cost_local),
    0,
    0,
    min(transaction_date),
    max(transaction_date),
    max(trade_currency),
    max(base_currency),
    max(as_of)
FROM (
    SELECT *, CASE WHEN transaction_date < %s THEN -1 ELSE 1 END AS sign
    FROM transactions
    WHERE status = 'BOOKED' AND cause_transaction_id IS NOT NULL
        AND (transaction_date < %s) <> ({_CAUSE.format(column="transaction_date")} < %s) {{of}}
) AS unsettled
GROUP BY portfolio_id, security_id
ORDER BY portfolio_id, security_id
"""


def end_of(day: date) -> datetime:
    """The first instant after the day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
