"""Counters for the operator's monitoring, served at /metrics when METRICS=on."""

from prometheus_client import Counter

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
