"""The tables of the results topics, the store's progress, and the view of open lots."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out instead of taken from schema.py, which goes on changing.
STATEMENTS = (
    """
    CREATE TABLE transactions (
        portfolio_id text COLLATE "C" NOT NULL,
        transaction_id text COLLATE "C" NOT NULL,
        security_id text COLLATE "C",
        instrument_id text,
        transaction_type text NOT NULL,
        transaction_date timestamptz,
        settlement_date timestamptz,
        quantity numeric(38, 12),
        price numeric(38, 12),
        gross_transaction_amount numeric(38, 12),
        trade_fee numeric(38, 12),
        trade_currency text,
        currency text,
        fx_rate numeric(38, 12),
        version integer NOT NULL,
        status text NOT NULL,
        reason text,
        detail text,
        base_currency text,
        gross_cost numeric(38, 12),
        net_cost numeric(38, 12),
        realized_gain_loss numeric(38, 12),
        gross_cost_local numeric(38, 12),
        net_cost_local numeric(38, 12),
        realized_gain_loss_local numeric(38, 12),
        source_topic text NOT NULL,
        source_partition integer NOT NULL,
        source_offset bigint NOT NULL,
        as_of bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (portfolio_id, transaction_id)
    )
    """,
    """
    CREATE INDEX transactions_newest_first
        ON transactions (portfolio_id, transaction_date DESC NULLS LAST, transaction_id)
    """,
    """
    CREATE INDEX transactions_not_booked
        ON transactions (portfolio_id, transaction_date DESC NULLS LAST, transaction_id)
        WHERE status <> 'BOOKED'
    """,
    """
    CREATE TABLE lot_disposals (
        portfolio_id text COLLATE "C" NOT NULL,
        transaction_id text COLLATE "C" NOT NULL,
        lot_id text COLLATE "C" NOT NULL,
        security_id text COLLATE "C" NOT NULL,
        acquired_at timestamptz NOT NULL,
        disposed_at timestamptz NOT NULL,
        quantity numeric(38, 12) NOT NULL,
        cost numeric(38, 12) NOT NULL,
        cost_local numeric(38, 12) NOT NULL,
        proceeds numeric(38, 12),
        proceeds_local numeric(38, 12),
        realized_gain_loss numeric(38, 12),
        realized_gain_loss_local numeric(38, 12),
        as_of bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (portfolio_id, transaction_id, lot_id)
    )
    """,
    """
    CREATE TABLE positions (
        portfolio_id text COLLATE "C" NOT NULL,
        security_id text COLLATE "C" NOT NULL,
        quantity numeric(38, 12) NOT NULL,
        cost numeric(38, 12) NOT NULL,
        cost_local numeric(38, 12) NOT NULL,
        realized_gain_loss numeric(38, 12) NOT NULL,
        realized_gain_loss_local numeric(38, 12) NOT NULL,
        open_lots integer NOT NULL,
        first_transaction_date timestamptz,
        last_transaction_date timestamptz,
        trade_currency text,
        base_currency text,
        cost_basis_method text NOT NULL,
        as_of bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (portfolio_id, security_id)
    )
    """,
    """
    CREATE TABLE portfolios (
        portfolio_id text COLLATE "C" NOT NULL,
        base_currency text NOT NULL,
        cost_basis_method text NOT NULL,
        name text,
        client_id text,
        booking_center text,
        opened_on date,
        version integer NOT NULL,
        as_of bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (portfolio_id)
    )
    """,
    """
    CREATE TABLE dead_letters (
        topic text COLLATE "C" NOT NULL,
        partition integer NOT NULL,
        "offset" bigint NOT NULL,
        key bytea,
        value bytea,
        errors jsonb NOT NULL,
        received_at timestamptz NOT NULL,
        as_of bigint,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (topic, partition, "offset")
    )
    """,
    """
    CREATE INDEX dead_letters_newest_first
        ON dead_letters (received_at DESC, topic, partition, "offset")
    """,
    """
    CREATE TABLE store_progress (
        topic text COLLATE "C" NOT NULL,
        partition integer NOT NULL,
        next_offset bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (topic, partition)
    )
    """,
    """
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
        sum(moved) FILTER (WHERE moved > 0) AS opened_quantity,
        sum(moved) AS quantity,
        sum(net_cost) AS cost,
        sum(net_cost_local) AS cost_local
    FROM (
        SELECT
            portfolio_id, security_id, transaction_date, moved, net_cost, net_cost_local,
            min(held) OVER (
                PARTITION BY portfolio_id, security_id
                ORDER BY transaction_date, class, transaction_id
                ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
            ) AS least_held_since
        FROM (
            SELECT
                portfolio_id, security_id, transaction_id, transaction_date, class, moved,
                net_cost, net_cost_local,
                sum(moved) OVER (
                    PARTITION BY portfolio_id, security_id
                    ORDER BY transaction_date, class, transaction_id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                ) AS held
            FROM (
                SELECT
                    entry.portfolio_id, entry.security_id, entry.transaction_id,
                    entry.transaction_date, entry.net_cost, entry.net_cost_local,
                    direction.class,
                    direction.sign
                        * coalesce(nullif(entry.quantity, 0), entry.gross_transaction_amount) AS moved
                FROM transactions AS entry
                JOIN (
                    VALUES
                        ('BUY', 0, 1), ('TRANSFER_IN', 0, 1), ('DEPOSIT', 0, 1),
                        ('SELL', 2, -1), ('TRANSFER_OUT', 2, -1), ('WITHDRAWAL', 2, -1)
                ) AS direction (transaction_type, class, sign) USING (transaction_type)
                JOIN positions AS holding
                    ON holding.portfolio_id = entry.portfolio_id
                    AND holding.security_id = entry.security_id
                    AND holding.cost_basis_method = 'AVCO'
                WHERE entry.status = 'BOOKED'
            ) AS moves
        ) AS running
    ) AS pooled
    WHERE least_held_since > 0
    GROUP BY portfolio_id, security_id
    """,
)
TABLES = (
    "transactions",
    "lot_disposals",
    "positions",
    "portfolios",
    "dead_letters",
    "store_progress",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP VIEW lots")
    for table in TABLES:
        op.drop_table(table)
