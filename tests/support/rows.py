"""Rows that the tables' constraints are content with, and rows that each of them refuses."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HASH = bytes(32)
USER, WALLET, OPERATION = uuid4(), uuid4(), uuid4()

# One row of each table that every constraint is content with, parents first.
ROWS: dict[str, dict[str, Any]] = {
    "users": {
        "id": USER,
        "email": "ada@example.com",
        "password_hash": "!",
        "role": "USER",
        "created_at": NOW,
    },
    "sessions": {
        "id": uuid4(),
        "family_id": uuid4(),
        "user_id": USER,
        "token_hash": HASH,
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    },
    "wallets": {
        "id": WALLET,
        "owner_id": USER,
        "currency": "EUR",
        "status": "ACTIVE",
        "balance_minor": 100,
        "held_minor": 40,
        "overdraft_minor": 0,
        "last_sequence": 1,
        "head_hash": HASH,
        "last_entry_at": NOW,
        "created_at": NOW,
    },
    "operations": {
        "id": OPERATION,
        "kind": "TRANSFER",
        "status": "COMPLETED",
        "actor_id": USER,
        "source_wallet_id": WALLET,
        "amount_minor": 100,
        "currency": "EUR",
        "target_amount_minor": None,
        "target_currency": None,
        "rate": None,
        "error_code": None,
        "idempotency_key": "key",
        "request_hash": HASH,
        "created_at": NOW,
        "completed_at": NOW,
    },
    "entries": {
        "operation_id": OPERATION,
        "wallet_id": WALLET,
        "sequence": 1,
        "amount_minor": 100,
        "held_change_minor": 0,
        "balance_after_minor": 100,
        "held_after_minor": 0,
        "hash": HASH,
        "created_at": NOW,
    },
    "limits": {
        "wallet_id": WALLET,
        "outflow_max_minor": 100,
        "outflow_24h_max_minor": None,
        "updated_at": NOW,
    },
    "exchange_rates": {
        "id": uuid4(),
        "base": "EUR",
        "quote": "USD",
        "rate": Decimal("1.1"),
        "as_of": NOW,
        "source": "ECB",
    },
    "quotes": {
        "id": uuid4(),
        "user_id": USER,
        "rate": Decimal("1.1"),
        "amount_minor": 100,
        "currency": "EUR",
        "target_amount_minor": 110,
        "target_currency": "USD",
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=1),
        "operation_id": OPERATION,
    },
}

# For each check, what makes a row break this one and no other.
BAD_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("users_role_known", {"role": "ADMIN"}),
    ("sessions_expire_later", {"expires_at": NOW}),
    ("wallets_status_known", {"status": "LOST"}),
    ("wallets_held_not_negative", {"held_minor": -1}),
    ("wallets_overdraft_not_negative", {"overdraft_minor": -1}),
    ("wallets_balance_covers_held", {"held_minor": 101}),
    ("wallets_balance_covers_held", {"balance_minor": -1, "held_minor": 0}),
    ("wallets_balance_covers_held", {"balance_minor": -11, "held_minor": 0, "overdraft_minor": 10}),
    ("wallets_sequence_not_negative", {"last_sequence": -1}),
    ("wallets_head_hash_is_sha256", {"head_hash": b""}),
    ("wallets_system_keeps_no_balance", {"owner_id": None, "held_minor": 0, "last_sequence": 0}),
    ("wallets_system_keeps_no_balance", {"owner_id": None, "balance_minor": 0, "held_minor": 0}),
    ("wallets_closed_is_empty", {"status": "CLOSED"}),
    ("operations_kind_known", {"kind": "THEFT"}),
    ("operations_status_known", {"status": "LOST"}),
    ("operations_amount_not_negative", {"amount_minor": -1}),
    ("operations_conversion_is_whole", {"rate": Decimal(1)}),
    ("operations_conversion_is_whole", {"target_amount_minor": 1, "target_currency": "USD"}),
    ("operations_failed_says_why", {"status": "FAILED"}),
    ("operations_failed_says_why", {"error_code": "BUSY"}),
    ("operations_pending_is_not_completed", {"status": "PENDING"}),
    ("operations_pending_is_not_completed", {"completed_at": None}),
    ("operations_key_has_hash", {"request_hash": None}),
    ("operations_key_has_hash", {"idempotency_key": None}),
    ("operations_key_not_empty", {"idempotency_key": ""}),
    ("operations_hash_is_sha256", {"request_hash": b"short"}),
    ("entries_running_or_system", {"sequence": None}),
    ("entries_running_or_system", {"balance_after_minor": None}),
    ("entries_running_or_system", {"held_after_minor": None}),
    ("entries_running_or_system", {"hash": None}),
    ("entries_sequence_positive", {"sequence": 0}),
    ("entries_held_not_negative", {"held_after_minor": -1}),
    ("entries_hash_is_sha256", {"hash": b"short"}),
    ("limits_not_negative", {"outflow_max_minor": -1}),
    ("limits_not_negative", {"outflow_24h_max_minor": -1}),
    ("exchange_rates_positive", {"rate": Decimal(0)}),
    ("exchange_rates_positive", {"quote": "EUR"}),
    ("quotes_positive", {"rate": Decimal(0)}),
    ("quotes_positive", {"amount_minor": 0}),
    ("quotes_positive", {"target_amount_minor": 0}),
    ("quotes_expire_later", {"expires_at": NOW}),
]

# For each unique key, what a second row is like that shares no other key with the first.
SECOND_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("users_email_key", {"id": uuid4()}),
    ("users_email_without_case", {"id": uuid4(), "email": "ADA@example.com"}),
    ("sessions_token_hash_key", {"id": uuid4()}),
    ("operations_actor_idempotency_key", {"id": uuid4()}),
    ("entries_pkey", {"sequence": 2}),
    ("exchange_rates_key", {"id": uuid4()}),
    ("quotes_operation_key", {"id": uuid4()}),
    ("limits_pkey", {}),
]
