"""What the database looks like today; `versions/` is how it got there.

All of it but `api_keys` is derived from the topics of results and of reference data: the store may fill an empty database
again at any time. There are few secondary indexes and no foreign keys or checks, because every row pays for
them and the topics were checked before they were written.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

# 26 digits before the point: a result that would need more is rejected with `amount_must_fit`.
NUMBER = Numeric(38, 12)
INSTANT = DateTime(timezone=True)
# Ids are compared by code point everywhere; it is also the fastest order an index can have.
ID = Text(collation="C")


def _id(name: str) -> Column[str]:
    return Column(name, ID, primary_key=True)


def _numbers(*names: str, nullable: bool = True) -> list[Column[object]]:
    return [Column(name, NUMBER, nullable=nullable) for name in names]


def _written(*, as_of_nullable: bool = False) -> list[Column[object]]:
    """`as_of` says which committed batch of the books a row shows, `updated_at` when it was stored."""
    return [
        Column("as_of", BigInteger, nullable=as_of_nullable),
        Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
    ]


# Nearly every input column may be null: of a CANCELLED transaction only the ids, the type CANCEL
# and the version are left.
transactions = Table(
    "transactions",
    metadata,
    _id("portfolio_id"),
    _id("transaction_id"),
    Column("security_id", ID),
    Column("instrument_id", Text),
    Column("transaction_type", Text, nullable=False),
    Column("transaction_date", INSTANT),
    Column("settlement_date", INSTANT),
    *_numbers("quantity", "price", "gross_transaction_amount", "trade_fee"),
    Column("trade_currency", Text),
    Column("currency", Text),
    *_numbers("fx_rate"),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Column("base_currency", Text),
    *_numbers("gross_cost", "net_cost", "realized_gain_loss"),
    *_numbers("gross_cost_local", "net_cost_local", "realized_gain_loss_local"),
    Column("source_topic", Text, nullable=False),
    Column("source_partition", Integer, nullable=False),
    Column("source_offset", BigInteger, nullable=False),
    *_written(),
    *_numbers("applied_fx_rate"),
    *_numbers("cash_movement"),
    Column("cause_transaction_id", Text),
)
_newest_first = (
    transactions.c.portfolio_id,
    transactions.c.transaction_date.desc().nulls_last(),
    transactions.c.transaction_id,
)
# Serves the history of disposals too: they are reached through their transaction, whose date is
# their disposed_at, so that the table with the most rows needs no second index.
Index("transactions_newest_first", *_newest_first)
# What is not in the books is what people look for, and it is little: BOOKED rows pay nothing.
Index(
    "transactions_not_booked",
    *_newest_first,
    postgresql_where=transactions.c.status != "BOOKED",
)

lot_disposals = Table(
    "lot_disposals",
    metadata,
    _id("portfolio_id"),
    _id("transaction_id"),
    _id("lot_id"),
    Column("security_id", ID, nullable=False),
    Column("acquired_at", INSTANT, nullable=False),
    Column("disposed_at", INSTANT, nullable=False),
    *_numbers("quantity", "cost", "cost_local", nullable=False),
    *_numbers("proceeds", "proceeds_local", "realized_gain_loss", "realized_gain_loss_local"),
    *_written(),
)

# Both currencies of a position are null while nothing was booked in it; so are its dates.
positions = Table(
    "positions",
    metadata,
    _id("portfolio_id"),
    _id("security_id"),
    *_numbers("quantity", "cost", "cost_local", nullable=False),
    *_numbers("realized_gain_loss", "realized_gain_loss_local", nullable=False),
    Column("open_lots", Integer, nullable=False),
    Column("first_transaction_date", INSTANT),
    Column("last_transaction_date", INSTANT),
    Column("trade_currency", Text),
    Column("base_currency", Text),
    Column("cost_basis_method", Text, nullable=False),
    *_written(),
)

portfolios = Table(
    "portfolios",
    metadata,
    _id("portfolio_id"),
    Column("base_currency", Text, nullable=False),
    Column("cost_basis_method", Text, nullable=False),
    Column("name", Text),
    Column("client_id", Text),
    Column("booking_center", Text),
    Column("opened_on", Date),
    Column("version", Integer, nullable=False),
    *_written(),
    Column("cash_management", Text, nullable=False, server_default="securities_only"),
)

# The key is that of the record as it first came in, wherever it was forwarded to. `as_of` is
# null: a dead letter belongs to no state of the books, and it is never replaced by a newer one.
dead_letters = Table(
    "dead_letters",
    metadata,
    _id("topic"),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("errors", JSONB, nullable=False),
    Column("received_at", INSTANT, nullable=False),
    *_written(as_of_nullable=True),
)
Index(
    "dead_letters_newest_first",
    dead_letters.c.received_at.desc(),
    dead_letters.c.topic,
    dead_letters.c.partition,
    dead_letters.c.offset,
)

# Reference data: of each identity the record in force, and where it is in its topic.


def _in_force() -> list[Column[object]]:
    return [
        Column("version", Integer, nullable=False),
        Column("source_offset", BigInteger, nullable=False),
        Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
    ]


def _day(name: str) -> Column[object]:
    return Column(name, Date, primary_key=True)


instruments = Table(
    "instruments",
    metadata,
    _id("security_id"),
    Column("name", Text),
    Column("isin", Text),
    Column("instrument_currency", Text, nullable=False),
    Column("asset_class", Text),
    Column("product_type", Text),
    Column("sector", Text),
    Column("country_of_risk", Text),
    Column("rating", Text),
    Column("issuer", Text),
    Column("maturity_date", Date),
    *_numbers("multiplier", nullable=False),
    *_in_force(),
)

market_prices = Table(
    "market_prices",
    metadata,
    _id("security_id"),
    _day("price_date"),
    *_numbers("price", nullable=False),
    Column("currency", Text, nullable=False),
    *_in_force(),
)

# The same prices, a month of a security in a row, as triggers keep them: see version 0006.
market_price_months = Table(
    "market_price_months",
    metadata,
    _id("security_id"),
    _day("month"),
    Column("entries", LargeBinary, nullable=False),
)

fx_rates = Table(
    "fx_rates",
    metadata,
    _id("from_currency"),
    _id("to_currency"),
    _day("rate_date"),
    *_numbers("rate", nullable=False),
    *_in_force(),
)

business_dates = Table(
    "business_dates",
    metadata,
    _id("calendar"),
    _day("business_date"),
    Column("is_business_day", Boolean, nullable=False),
    *_in_force(),
)
# For lists of all. Those of one security, pair or calendar go backwards along the primary key.
for _table, _date in (
    (market_prices, market_prices.c.price_date),
    (fx_rates, fx_rates.c.rate_date),
    (business_dates, business_dates.c.business_date),
):
    Index(
        f"{_table.name}_newest_first",
        _date.desc(),
        *(column for column in _table.primary_key if column is not _date),
    )

# What was reckoned of all portfolios for a day that somebody asked for: made by a command, and made
# anew by it. Positions of some units, as an answer about a valuation has them.
valuations = Table(
    "valuations",
    metadata,
    _day("valuation_date"),
    _id("portfolio_id"),
    _id("security_id"),
    *_numbers("quantity", nullable=False),
    Column("trade_currency", Text, nullable=False),
    Column("base_currency", Text, nullable=False),
    *_numbers("cost", "cost_local", nullable=False),
    *_numbers("price"),
    Column("price_currency", Text),
    Column("price_date", Date),
    *_numbers("fx_rate"),
    Column("fx_rate_date", Date),
    *_numbers("market_value", "market_value_local"),
    *_numbers("unrealized_gain_loss", "unrealized_gain_loss_local"),
    *_numbers("price_gain_loss", "currency_gain_loss", "weight", "day_change"),
    Column("quality", Text, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("valued_at", INSTANT, nullable=False, server_default=func.now()),
)

# How far each topic is stored. It moves in the PostgreSQL transaction that stores the rows, so a
# record is stored once, whoever stores it.
store_progress = Table(
    "store_progress",
    metadata,
    _id("topic"),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
)

# What the topics cannot bring back. The secret of a key is only here as its hash; `portfolios`
# null: all of them; `expires_at` null: never. A revoked key stays, so that lists can tell of it.
api_keys = Table(
    "api_keys",
    metadata,
    _id("key_id"),
    Column("name", Text, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("portfolios", ARRAY(Text)),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("expires_at", INSTANT),
    Column("revoked_at", INSTANT),
)
DERIVED = tuple(table for table in metadata.sorted_tables if table is not api_keys)

# The open lots of every holding: what its BOOKED increases brought less what was taken from them.
# An AVCO holding has one lot, its pool: what there is since it was last empty. That of cash may be
# negative, and one that crosses zero is another pool; what is not in it any more adds up to nothing.
# Inner joins with `positions`: nothing is said about a holding before its method is known. Everything that is
# partitioned or grouped starts with the holding, so that a question about one portfolio reads no
# other.
LOTS_VIEW = """\
CREATE VIEW lots AS
SELECT
    opened.portfolio_id,
    opened.security_id,
    opened.transaction_id AS lot_id,
    opened.transaction_date AS acquired_at,
    opened.quantity AS opened_quantity,
    opened.quantity - coalesce(relieved.quantity, 0) AS quantity,
    opened.net_cost - coalesce(relieved.cost, 0) AS cost,
    opened.net_cost_local - coalesce(relieved.cost_local, 0) AS cost_local
FROM (
    SELECT
        portfolio_id, security_id, transaction_id, transaction_date, net_cost, net_cost_local,
        coalesce(nullif(quantity, 0), gross_transaction_amount) AS quantity
    FROM transactions
    WHERE status = 'BOOKED' AND transaction_type IN ('BUY', 'TRANSFER_IN', 'DEPOSIT')
) AS opened
JOIN positions AS holding
    ON holding.portfolio_id = opened.portfolio_id
    AND holding.security_id = opened.security_id
    AND holding.cost_basis_method <> 'AVCO'
LEFT JOIN (
    SELECT
        portfolio_id, security_id, lot_id,
        sum(quantity) AS quantity, sum(cost) AS cost, sum(cost_local) AS cost_local
    FROM lot_disposals
    GROUP BY portfolio_id, security_id, lot_id
) AS relieved
    ON relieved.portfolio_id = opened.portfolio_id
    AND relieved.security_id = opened.security_id
    AND relieved.lot_id = opened.transaction_id
WHERE opened.quantity > coalesce(relieved.quantity, 0)
UNION ALL
SELECT
    portfolio_id,
    security_id,
    'POOL' AS lot_id,
    min(transaction_date) AS acquired_at,
    min(side) * sum(least(moved * side, held * side)) FILTER (WHERE moved * side > 0)
        AS opened_quantity,
    min(quantity) AS quantity,
    min(cost) AS cost,
    min(cost_local) AS cost_local
FROM (
    SELECT
        portfolio_id, security_id, transaction_date, moved, held, side,
        quantity, cost, cost_local,
        min(held * side) OVER (
            PARTITION BY portfolio_id, security_id
            ORDER BY transaction_date, class, transaction_id
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS least_held_since
    FROM (
        SELECT
            portfolio_id, security_id, transaction_id, transaction_date, class, moved,
            sum(moved) OVER (
                PARTITION BY portfolio_id, security_id
                ORDER BY transaction_date, class, transaction_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS held,
            sign(sum(moved) OVER holding) AS side,
            sum(moved) OVER holding AS quantity,
            sum(net_cost) OVER holding AS cost,
            sum(net_cost_local) OVER holding AS cost_local
        FROM (
            SELECT
                entry.portfolio_id, entry.security_id, entry.transaction_id,
                entry.transaction_date, entry.net_cost, entry.net_cost_local,
                direction.class,
                coalesce(
                    entry.cash_movement,
                    direction.sign
                        * coalesce(nullif(entry.quantity, 0), entry.gross_transaction_amount)
                ) AS moved
            FROM transactions AS entry
            JOIN (
                VALUES
                    ('BUY', 0, 1), ('TRANSFER_IN', 0, 1), ('DEPOSIT', 0, 1),
                    ('DIVIDEND', 1, NULL), ('INTEREST', 1, NULL), ('FEE', 1, NULL),
                    ('TAX', 1, NULL),
                    ('SELL', 2, -1), ('TRANSFER_OUT', 2, -1), ('WITHDRAWAL', 2, -1)
            ) AS direction (transaction_type, class, sign) USING (transaction_type)
            JOIN positions AS holding
                ON holding.portfolio_id = entry.portfolio_id
                AND holding.security_id = entry.security_id
                AND holding.cost_basis_method = 'AVCO'
            WHERE entry.status = 'BOOKED'
                AND (direction.sign IS NOT NULL OR entry.cash_movement IS NOT NULL)
        ) AS moves
        WINDOW holding AS (PARTITION BY portfolio_id, security_id)
    ) AS running
) AS pooled
WHERE least_held_since > 0
GROUP BY portfolio_id, security_id
"""
