"""The exchange rate that was found for a transaction which brought none."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE transactions ADD COLUMN applied_fx_rate numeric(38, 12)")


def downgrade() -> None:
    op.execute("ALTER TABLE transactions DROP COLUMN applied_fx_rate")
