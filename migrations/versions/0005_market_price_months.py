"""Market prices once more, a month of a security in a row: long series are read in one piece.

A price of 23 bytes, big-endian: days since 2000-01-01 (int4), units (int8), trillionths (int8), and
the three letters of the currency. Triggers keep the rows, whoever writes prices. Where a day is there
twice the later entry counts; a month that is corrected often is written anew from its prices.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ENTRY = """
    int4send(price_date - DATE '2000-01-01')
    || int8send(trunc(price)::int8)
    || int8send(((price - trunc(price)) * 1000000000000)::int8)
    || convert_to(currency, 'UTF8')
"""
ENTRIES_MAX = 62  # of 23 bytes: two for each day fit in a row beside others

STATEMENTS = (
    """
    CREATE TABLE market_price_months (
        security_id text COLLATE "C" NOT NULL,
        month date NOT NULL,
        entries bytea STORAGE PLAIN NOT NULL,
        PRIMARY KEY (security_id, month)
    )
    """,
    f"""
    INSERT INTO market_price_months
    SELECT security_id, date_trunc('month', price_date)::date, string_agg({ENTRY}, '')
    FROM market_prices GROUP BY 1, 2
    """,
    f"""
    CREATE FUNCTION market_price_month(of_security text, of_month date) RETURNS bytea
    LANGUAGE sql STABLE AS $$
        SELECT string_agg({ENTRY}, '') FROM market_prices
        WHERE security_id = of_security
            AND price_date >= of_month AND price_date < of_month + INTERVAL '1 month'
    $$
    """,
    f"""
    CREATE FUNCTION add_to_market_price_months() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO market_price_months AS kept
        SELECT security_id, date_trunc('month', price_date)::date, string_agg({ENTRY}, '')
        FROM written GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (security_id, month) DO UPDATE SET entries = CASE
            WHEN octet_length(kept.entries) + octet_length(excluded.entries) <= {ENTRIES_MAX * 23}
            THEN kept.entries || excluded.entries
            ELSE market_price_month(kept.security_id, kept.month)
        END;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION take_from_market_price_months() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM market_price_months AS kept USING removed
        WHERE kept.security_id = removed.security_id
            AND kept.month = date_trunc('month', removed.price_date)::date;
        INSERT INTO market_price_months
        SELECT security_id, month, market_price_month(security_id, month)
        FROM (
            SELECT DISTINCT security_id, date_trunc('month', price_date)::date AS month
            FROM removed
        ) AS touched
        WHERE market_price_month(security_id, month) IS NOT NULL;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION empty_market_price_months() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM market_price_months;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER months_of_new AFTER INSERT ON market_prices
        REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION add_to_market_price_months()
    """,
    """
    CREATE TRIGGER months_of_changed AFTER UPDATE ON market_prices
        REFERENCING NEW TABLE AS written
        FOR EACH STATEMENT EXECUTE FUNCTION add_to_market_price_months()
    """,
    """
    CREATE TRIGGER months_of_removed AFTER DELETE ON market_prices
        REFERENCING OLD TABLE AS removed
        FOR EACH STATEMENT EXECUTE FUNCTION take_from_market_price_months()
    """,
    """
    CREATE TRIGGER months_of_none AFTER TRUNCATE ON market_prices
        FOR EACH STATEMENT EXECUTE FUNCTION empty_market_price_months()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for trigger in ("months_of_new", "months_of_changed", "months_of_removed", "months_of_none"):
        op.execute(f"DROP TRIGGER {trigger} ON market_prices")
    for function in (
        "add_to_market_price_months()",
        "take_from_market_price_months()",
        "empty_market_price_months()",
        "market_price_month(text, date)",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("market_price_months")
