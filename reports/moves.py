"""Which rows of `transactions` move units, costs and gains, and by how much: said here alone.

All of them are sums over results that are BOOKED, so what a holding was on a day is a sum too.
"""

from datetime import UTC, date, datetime, timedelta

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
# Under `automatic`, the day on which the cash of a trade or payment moves; of a cash entry the day
# of its cause.
OTHER_DAY = f"""CASE
    WHEN cause_transaction_id IS NOT NULL THEN (
        SELECT (cause.transaction_date AT TIME ZONE 'UTC')::date
        FROM transactions AS cause
        WHERE cause.portfolio_id = transactions.portfolio_id
            AND cause.transaction_id = transactions.cause_transaction_id)
    WHEN cash_movement IS NULL AND transaction_type IN ({_listed(("BUY", "SELL", *PAYMENTS))})
        THEN (coalesce(settlement_date, transaction_date) AT TIME ZONE 'UTC')::date
    END"""
DAY = "(transaction_date AT TIME ZONE 'UTC')::date"

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


def end_of(day: date) -> datetime:
    """The first instant after the day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
