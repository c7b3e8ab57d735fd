"""What all portfolios were worth on days that somebody had them valued for."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE valuations (
            valuation_date date NOT NULL,
            portfolio_id text COLLATE "C" NOT NULL,
            security_id text COLLATE "C" NOT NULL,
            quantity numeric(38, 12) NOT NULL,
            trade_currency text NOT NULL,
            base_currency text NOT NULL,
            cost numeric(38, 12) NOT NULL,
            cost_local numeric(38, 12) NOT NULL,
            price numeric(38, 12),
            price_currency text,
            price_date date,
            fx_rate numeric(38, 12),
            fx_rate_date date,
            market_value numeric(38, 12),
            market_value_local numeric(38, 12),
            unrealized_gain_loss numeric(38, 12),
            unrealized_gain_loss_local numeric(38, 12),
            price_gain_loss numeric(38, 12),
            currency_gain_loss numeric(38, 12),
            weight numeric(38, 12),
            day_change numeric(38, 12),
            quality text NOT NULL,
            reasons text[] NOT NULL,
            valued_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (valuation_date, portfolio_id, security_id)
        )
        """
    )


def downgrade() -> None:
    op.drop_table("valuations")
