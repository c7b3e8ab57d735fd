"""The topics of the system: their names and how Kafka keeps them."""

from dataclasses import dataclass, field

KEPT_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1"}
# Readers that were away for less than a week still meet the tombstones.
COMPACTED = {"cleanup.policy": "compact", "delete.retention.ms": str(7 * 24 * 3600 * 1000)}
# A sale over thousands of lots is one record.
LARGE = {"max.message.bytes": str(32 * 1024 * 1024)}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. Partition p of those that have as many as PARTITIONS says belongs to one lane."""

    name: str
    config: dict[str, str] = field(hash=False)
    own_partitions: int | None = None  # where it has a number of its own

    def partitions(self, setting: int) -> int:
        """How many it has where PARTITIONS is `setting`."""
        return self.own_partitions or setting


RAW_TRANSACTIONS = Topic("raw_transactions", KEPT_FOR_EVER)
FORWARDED = Topic("raw_transactions_forwarded", KEPT_FOR_EVER | LARGE)
PORTFOLIOS = Topic("portfolios", KEPT_FOR_EVER)
COMPLETED = Topic("raw_transactions_completed", KEPT_FOR_EVER | LARGE)
POSITIONS = Topic("positions", COMPACTED)
PORTFOLIOS_CURRENT = Topic("portfolios_current", COMPACTED)
DEAD_LETTER = Topic("raw_transactions_dead_letter", KEPT_FOR_EVER | LARGE)
# One partition each: the log's order decides which of two contents of one version stands.
INSTRUMENTS = Topic("instruments", KEPT_FOR_EVER, 1)
MARKET_PRICES = Topic("market_prices", KEPT_FOR_EVER, 1)
FX_RATES = Topic("fx_rates", KEPT_FOR_EVER, 1)
BUSINESS_DATES = Topic("business_dates", KEPT_FOR_EVER, 1)
APP_ID = "portfolio-books"  # the group of the workers
STORE_APP_ID = "portfolio-store"
CHANGELOG = Topic(f"{APP_ID}-state-changelog", COMPACTED | LARGE)

# What the workers book, partition by partition. Reference data belongs to no partition.
INPUTS = (RAW_TRANSACTIONS, FORWARDED, PORTFOLIOS)
RESULTS = (COMPLETED, POSITIONS, PORTFOLIOS_CURRENT, DEAD_LETTER)
REFERENCE = (INSTRUMENTS, MARKET_PRICES, FX_RATES, BUSINESS_DATES)
ALL = (*INPUTS, *REFERENCE, *RESULTS, CHANGELOG)
