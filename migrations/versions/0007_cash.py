"""Cash: how a portfolio keeps it, what moved it, and pools that may be negative."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

VIEW = """
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
VIEW_BEFORE = """
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
"""


def upgrade() -> None:
    op.execute("DROP VIEW lots")
    op.execute(
        "ALTER TABLE transactions"
        " ADD COLUMN cash_movement numeric(38, 12), ADD COLUMN cause_transaction_id text"
    )
    op.execute(
        "ALTER TABLE portfolios ADD COLUMN cash_management text NOT NULL DEFAULT 'securities_only'"
    )
    op.execute(VIEW)


def downgrade() -> None:
    op.execute("DROP VIEW lots")
    op.execute("ALTER TABLE portfolios DROP COLUMN cash_management")
    op.execute(
        "ALTER TABLE transactions DROP COLUMN cash_movement, DROP COLUMN cause_transaction_id"
    )
    op.execute(VIEW_BEFORE)
