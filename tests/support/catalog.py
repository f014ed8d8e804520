"""What pg_catalog is to say of our tables, by name and definition."""

from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.models.account import Role


def _one_of(
    column: str, values: type[OperationKind | OperationStatus | WalletStatus | Role]
) -> str:
    """Write a check of a list of values as PostgreSQL writes it back."""
    listed = ", ".join(f"'{value.value}'::character varying" for value in values)
    return f"CHECK ((({column})::text = ANY ((ARRAY[{listed}])::text[])))"


def _belongs_to(column: str, table: str, *, on_delete: str = " ON DELETE RESTRICT") -> str:
    return f"FOREIGN KEY ({column}) REFERENCES {table}(id){on_delete}"


# Every constraint of every table, as pg_get_constraintdef writes it.
CONSTRAINTS = {
    "users": {
        "users_pkey": "PRIMARY KEY (id)",
        "users_email_key": "UNIQUE (email)",
        "users_role_known": _one_of("role", Role),
    },
    "sessions": {
        "sessions_pkey": "PRIMARY KEY (id)",
        "sessions_token_hash_key": "UNIQUE (token_hash)",
        "sessions_user_id_fkey": _belongs_to("user_id", "users"),
        "sessions_expire_later": "CHECK ((expires_at > created_at))",
    },
    "api_keys": {
        "api_keys_pkey": "PRIMARY KEY (id)",
        "api_keys_user_id_fkey": _belongs_to("user_id", "users"),
        "api_keys_key_hash_key": "UNIQUE (key_hash)",
        "api_keys_hash_is_sha256": "CHECK ((octet_length(key_hash) = 32))",
        "api_keys_scopes_known": (
            "CHECK (((scopes)::text ~ '^(READ|FUND|OPERATE)( (READ|FUND|OPERATE))*$'::text))"
        ),
        "api_keys_expire_later": "CHECK ((expires_at > created_at))",
    },
    "second_factors": {
        "second_factors_pkey": "PRIMARY KEY (user_id)",
        "second_factors_user_fkey": _belongs_to("user_id", "users", on_delete=""),
    },
    "recovery_codes": {
        "recovery_codes_pkey": "PRIMARY KEY (id)",
        "recovery_codes_user_fkey": (
            "FOREIGN KEY (user_id) REFERENCES second_factors(user_id) ON DELETE CASCADE"
        ),
        "recovery_codes_key": "UNIQUE (user_id, code_hash)",
        "recovery_codes_hash_is_sha256": "CHECK ((octet_length(code_hash) = 32))",
    },
    "wallets": {
        "wallets_pkey": "PRIMARY KEY (id)",
        "wallets_owner_id_fkey": _belongs_to("owner_id", "users"),
        "wallets_status_known": _one_of("status", WalletStatus),
        "wallets_held_not_negative": "CHECK ((held_minor >= 0))",
        "wallets_overdraft_not_negative": "CHECK ((overdraft_minor >= 0))",
        "wallets_balance_covers_held": (
            "CHECK (((balance_minor - held_minor) >= (- overdraft_minor)))"
        ),
        "wallets_sequence_not_negative": "CHECK ((last_sequence >= 0))",
        "wallets_head_hash_is_sha256": "CHECK ((octet_length(head_hash) = 32))",
        "wallets_system_keeps_no_balance": (
            "CHECK (((owner_id IS NOT NULL) OR"
            " ((balance_minor = 0) AND (held_minor = 0) AND (last_sequence = 0))))"
        ),
        "wallets_closed_is_empty": (
            "CHECK ((((status)::text <> 'CLOSED'::text) OR"
            " ((balance_minor = 0) AND (held_minor = 0))))"
        ),
        "wallets_limits_not_negative": (
            "CHECK (((outflow_max_minor >= 0) AND (outflow_24h_max_minor >= 0)))"
        ),
        "wallets_frozen_until_is_frozen": (
            "CHECK (((frozen_until IS NULL) OR ((status)::text = 'FROZEN'::text)))"
        ),
    },
    "operations": {
        "operations_pkey": "PRIMARY KEY (id)",
        "operations_actor_id_fkey": _belongs_to("actor_id", "users"),
        "operations_source_wallet_id_fkey": _belongs_to("source_wallet_id", "wallets"),
        "operations_target_wallet_id_fkey": _belongs_to("target_wallet_id", "wallets"),
        "operations_parent_id_fkey": _belongs_to("parent_id", "operations"),
        "operations_actor_idempotency_key": "UNIQUE (actor_id, idempotency_key)",
        "operations_kind_known": _one_of("kind", OperationKind),
        "operations_status_known": _one_of("status", OperationStatus),
        "operations_amount_not_negative": "CHECK ((amount_minor >= 0))",
        "operations_conversion_is_whole": (
            "CHECK ((num_nulls(target_amount_minor, target_currency, rate) = ANY (ARRAY[0, 3])))"
        ),
        "operations_failed_says_why": (
            "CHECK ((((status)::text = 'FAILED'::text) = (error_code IS NOT NULL)))"
        ),
        "operations_pending_is_not_completed": (
            "CHECK ((((status)::text = 'PENDING'::text) = (completed_at IS NULL)))"
        ),
        "operations_key_has_hash": ("CHECK (((idempotency_key IS NULL) = (request_hash IS NULL)))"),
        "operations_key_not_empty": "CHECK (((idempotency_key)::text <> ''::text))",
        "operations_hash_is_sha256": "CHECK ((octet_length(request_hash) = 32))",
        "operations_returned_at_most_all": (
            "CHECK (((returned_minor >= 0) AND "
            "(returned_minor <= COALESCE(target_amount_minor, amount_minor))))"
        ),
        "operations_sequences_of_sides": (
            "CHECK ((((source_sequence IS NULL) OR ((source_sequence > 0) AND "
            "(source_wallet_id IS NOT NULL))) AND ((target_sequence IS NULL) OR "
            "((target_sequence > 0) AND (target_wallet_id IS NOT NULL)))))"
        ),
        "operations_hold_ends": (
            "CHECK ((((kind)::text <> 'HOLD'::text) OR (expires_at IS NOT NULL)))"
        ),
    },
    "entries": {
        "entries_pkey": "PRIMARY KEY (operation_id, wallet_id)",
        "entries_wallet_sequence_key": "UNIQUE (wallet_id, sequence)",
        "entries_operation_fkey": _belongs_to("operation_id", "operations", on_delete=""),
        "entries_wallet_fkey": _belongs_to("wallet_id", "wallets", on_delete=""),
        "entries_running_or_system": (
            "CHECK ((num_nulls(sequence, balance_after_minor, held_after_minor, hash)"
            " = ANY (ARRAY[0, 4])))"
        ),
        "entries_sequence_positive": "CHECK ((sequence > 0))",
        "entries_held_not_negative": "CHECK ((held_after_minor >= 0))",
        "entries_hash_is_sha256": "CHECK ((octet_length(hash) = 32))",
    },
    "exchange_rates": {
        "exchange_rates_pkey": "PRIMARY KEY (id)",
        "exchange_rates_key": "UNIQUE (base, quote, as_of, source)",
        "exchange_rates_positive": (
            "CHECK (((rate > (0)::numeric) AND ((base)::text <> (quote)::text)))"
        ),
    },
    "quotes": {
        "quotes_pkey": "PRIMARY KEY (id)",
        "quotes_operation_key": "UNIQUE (operation_id)",
        "quotes_user_id_fkey": _belongs_to("user_id", "users"),
        "quotes_operation_id_fkey": _belongs_to("operation_id", "operations"),
        "quotes_positive": (
            "CHECK (((rate > (0)::numeric) AND (amount_minor > 0) AND (target_amount_minor > 0)))"
        ),
        "quotes_expire_later": "CHECK ((expires_at > created_at))",
    },
}

# Every index that is not a constraint's own.
INDEXES = {
    "users_email_without_case": "UNIQUE INDEX ON users (lower((email)::text))",
    "wallets_owner": "INDEX ON wallets (owner_id, id)",
    "sessions_family_alive": (
        "UNIQUE INDEX ON sessions (family_id) WHERE ((used_at IS NULL) AND (ended_at IS NULL))"
    ),
    "sessions_user_alive": (
        "INDEX ON sessions (user_id) WHERE ((used_at IS NULL) AND (ended_at IS NULL))"
    ),
    "sessions_ended": "INDEX ON sessions (ended_at) WHERE (ended_at IS NOT NULL)",
    "sessions_expire": "INDEX ON sessions (expires_at)",
    "api_keys_of_user": "INDEX ON api_keys (user_id, id) WHERE (revoked_at IS NULL)",
    "users_operators": "INDEX ON users (id) WHERE ((role)::text = 'OPERATOR'::text)",
    "operations_open_holds_of": (
        "INDEX ON operations (source_wallet_id, expires_at) "
        "WHERE (((kind)::text = 'HOLD'::text) AND ((status)::text = 'PENDING'::text))"
    ),
    "operations_open_holds": (
        "INDEX ON operations (expires_at, id) "
        "WHERE (((kind)::text = 'HOLD'::text) AND ((status)::text = 'PENDING'::text))"
    ),
    "operations_scheduled": (
        "INDEX ON operations (scheduled_for, id) "
        "WHERE ((scheduled_for IS NOT NULL) AND ((status)::text = 'PENDING'::text))"
    ),
    "operations_scheduled_of": (
        "INDEX ON operations (source_wallet_id, scheduled_for) "
        "WHERE ((scheduled_for IS NOT NULL) AND ((status)::text = 'PENDING'::text))"
    ),
    "quotes_unused": "INDEX ON quotes (expires_at) WHERE (operation_id IS NULL)",
    "operations_source_lines": (
        "INDEX ON operations (source_wallet_id, kind, status, source_sequence) "
        "WHERE (source_sequence IS NOT NULL)"
    ),
    "operations_target_lines": (
        "INDEX ON operations (target_wallet_id, kind, status, target_sequence) "
        "WHERE (target_sequence IS NOT NULL)"
    ),
    "operations_parent": "INDEX ON operations (parent_id) WHERE (parent_id IS NOT NULL)",
    "entries_wallet_time": (
        "INDEX ON entries (wallet_id, created_at, sequence) WHERE (sequence IS NOT NULL)"
    ),
}

TRIGGERS = {
    "entries_append_only": (
        "BEFORE DELETE OR UPDATE ON entries FOR EACH ROW"
        " EXECUTE FUNCTION refuse_change_of_entries()"
    ),
    "entries_no_truncate": (
        "BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_entries()"
    ),
    "users_keys_end_with_role": (
        "AFTER UPDATE OF role ON users FOR EACH ROW"
        " WHEN ((((old.role)::text = 'OPERATOR'::text) AND ((new.role)::text <> 'OPERATOR'::text)))"
        " EXECUTE FUNCTION end_api_keys_with_role()"
    ),
}
