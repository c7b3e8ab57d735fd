"""Prometheus metrics of a worker and of the store."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()  # of a worker
STORE_REGISTRY = CollectorRegistry()
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

EVENTS = Counter(
    "portfolio_events", "Input records by what became of them", ["outcome"], registry=REGISTRY
)
RESULTS = Counter("portfolio_results", "Results published, new or changed", registry=REGISTRY)
BATCH_SECONDS = Histogram(
    "portfolio_batch_seconds", "Time of a batch, by stage", ["stage"], buckets=_SECONDS,
    registry=REGISTRY,
)  # fmt: skip
REWINDS = Counter("portfolio_rewinds", "Holdings taken back to an earlier event", registry=REGISTRY)
TAKEN_BACK = Counter(
    "portfolio_entries_taken_back", "Journal entries undone by rewinds", registry=REGISTRY
)
DEAD_LETTERS = Counter("portfolio_dead_letters", "Records refused", registry=REGISTRY)
LAG = Gauge("portfolio_lag_records", "Input records not yet booked", registry=REGISTRY)
CACHED_LOTS = Gauge(
    "portfolio_cached_lots",
    "Open lots kept decoded, and their holdings",
    ["partition"],
    registry=REGISTRY,
)
UNSETTLED = Gauge(
    "portfolio_unsettled_holdings", "Holdings being re-booked", ["partition"], registry=REGISTRY
)
SERVED = Gauge("portfolio_served_partitions", "Partitions served", registry=REGISTRY)
STORED = Counter(
    "portfolio_stored_records", "Records written to PostgreSQL", registry=STORE_REGISTRY
)
STORE_LAG = Gauge(
    "portfolio_store_lag_records",
    "Records of results and reference data not yet in PostgreSQL",
    registry=STORE_REGISTRY,
)
STORE_SECONDS = Histogram(
    "portfolio_store_seconds", "Time of a PostgreSQL transaction", buckets=_SECONDS,
    registry=STORE_REGISTRY,
)  # fmt: skip
