"""The keys that the API asks for."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

API_KEYS = """
    CREATE TABLE api_keys (
        key_id text COLLATE "C" NOT NULL,
        name text NOT NULL,
        secret_sha256 bytea NOT NULL,
        scopes text[] NOT NULL,
        portfolios text[],
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        PRIMARY KEY (key_id)
    )
"""


def upgrade() -> None:
    op.execute(API_KEYS)


def downgrade() -> None:
    op.drop_table("api_keys")
