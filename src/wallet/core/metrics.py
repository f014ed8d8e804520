"""Counters for the operator's monitoring, served at /metrics when METRICS=on."""

from prometheus_client import Counter, Gauge, Histogram

LOCK_OUTAGES = Counter(
    "wallet_lock_outages",
    "Rounds that found Redis out of reach, by what was done about it.",
    ["action"],
)
OPERATIONS = Counter(
    "wallet_operations",
    "Operations that were asked of the ledger, by kind and outcome.",
    ["kind", "outcome"],
)
POSTINGS_IN_FLIGHT = Gauge(
    "wallet_postings_in_flight", "Postings that wait in this process, or are in a round."
)
ROUND_POSTINGS = Histogram(
    "wallet_round_postings",
    "Postings that one round carried out together.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
