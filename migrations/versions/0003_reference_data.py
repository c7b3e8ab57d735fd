"""Instruments, market prices, exchange rates and business dates."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE instruments (
        security_id text COLLATE "C" NOT NULL,
        name text,
        isin text,
        instrument_currency text NOT NULL,
        asset_class text,
        product_type text,
        sector text,
        country_of_risk text,
        rating text,
        issuer text,
        maturity_date date,
        multiplier numeric(38, 12) NOT NULL,
        version integer NOT NULL,
        source_offset bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (security_id)
    )
    """,
    """
    CREATE TABLE market_prices (
        security_id text COLLATE "C" NOT NULL,
        price_date date NOT NULL,
        price numeric(38, 12) NOT NULL,
        currency text NOT NULL,
        version integer NOT NULL,
        source_offset bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (security_id, price_date)
    )
    """,
    """
    CREATE INDEX market_prices_newest_first
        ON market_prices (price_date DESC, security_id)
    """,
    """
    CREATE TABLE fx_rates (
        from_currency text COLLATE "C" NOT NULL,
        to_currency text COLLATE "C" NOT NULL,
        rate_date date NOT NULL,
        rate numeric(38, 12) NOT NULL,
        version integer NOT NULL,
        source_offset bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (from_currency, to_currency, rate_date)
    )
    """,
    """
    CREATE INDEX fx_rates_newest_first
        ON fx_rates (rate_date DESC, from_currency, to_currency)
    """,
    """
    CREATE TABLE business_dates (
        calendar text COLLATE "C" NOT NULL,
        business_date date NOT NULL,
        is_business_day boolean NOT NULL,
        version integer NOT NULL,
        source_offset bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (calendar, business_date)
    )
    """,
    """
    CREATE INDEX business_dates_newest_first
        ON business_dates (business_date DESC, calendar)
    """,
)
TABLES = ("instruments", "market_prices", "fx_rates", "business_dates")


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    # Who comes back to this version reads the topics from their starts.
    topics = ", ".join(f"'{table}'" for table in TABLES)
    op.execute(f"DELETE FROM store_progress WHERE topic IN ({topics})")
    for table in TABLES:
        op.drop_table(table)
