"""
What the tables hold on to, whoever writes to them.

Tortoise drops a new table's ``Meta.constraints`` silently and knows no
composite key, no partial index and no trigger, so all of them are said in SQL;
a test reads the catalog and asserts that each is there.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

KEYS_AND_INDEXES = """
ALTER TABLE entries DROP CONSTRAINT entries_pkey;
ALTER TABLE entries ADD CONSTRAINT entries_pkey PRIMARY KEY (operation_id, wallet_id);
ALTER TABLE entries ADD CONSTRAINT entries_wallet_sequence_key UNIQUE (wallet_id, sequence);
ALTER TABLE entries ADD CONSTRAINT entries_operation_fkey
    FOREIGN KEY (operation_id) REFERENCES operations (id);
ALTER TABLE entries ADD CONSTRAINT entries_wallet_fkey
    FOREIGN KEY (wallet_id) REFERENCES wallets (id);
ALTER TABLE limits ADD CONSTRAINT limits_wallet_fkey
    FOREIGN KEY (wallet_id) REFERENCES wallets (id);
ALTER TABLE operations ADD CONSTRAINT operations_actor_idempotency_key
    UNIQUE (actor_id, idempotency_key);
ALTER TABLE sessions ADD CONSTRAINT sessions_token_hash_key UNIQUE (token_hash);
ALTER TABLE exchange_rates ADD CONSTRAINT exchange_rates_key UNIQUE (base, quote, as_of, source);
ALTER TABLE quotes ADD CONSTRAINT quotes_operation_key UNIQUE (operation_id);
CREATE UNIQUE INDEX users_email_without_case ON users (lower(email));
CREATE INDEX wallets_owner ON wallets (owner_id, id);
-- One token of a family is alive at any time; the used ones stay out of the way.
CREATE UNIQUE INDEX sessions_family_alive ON sessions (family_id)
    WHERE used_at IS NULL AND ended_at IS NULL;
CREATE INDEX sessions_user_alive ON sessions (user_id)
    WHERE used_at IS NULL AND ended_at IS NULL;
-- A wallet's row changes with every entry and its indexed columns never do:
-- room on the page keeps those updates out of the indexes (HOT).
ALTER TABLE wallets SET (fillfactor = 70);
"""

CHECKS = """
ALTER TABLE users ADD CONSTRAINT users_role_known CHECK (role IN ('USER', 'OPERATOR'));
ALTER TABLE sessions ADD CONSTRAINT sessions_expire_later CHECK (expires_at > created_at);
ALTER TABLE wallets ADD CONSTRAINT wallets_status_known
    CHECK (status IN ('ACTIVE', 'FROZEN', 'CLOSED'));
ALTER TABLE wallets ADD CONSTRAINT wallets_held_not_negative CHECK (held_minor >= 0);
ALTER TABLE wallets ADD CONSTRAINT wallets_overdraft_not_negative CHECK (overdraft_minor >= 0);
ALTER TABLE wallets ADD CONSTRAINT wallets_balance_covers_held
    CHECK (balance_minor - held_minor >= -overdraft_minor);
ALTER TABLE wallets ADD CONSTRAINT wallets_sequence_not_negative CHECK (last_sequence >= 0);
ALTER TABLE wallets ADD CONSTRAINT wallets_head_hash_is_sha256 CHECK (octet_length(head_hash) = 32);
ALTER TABLE wallets ADD CONSTRAINT wallets_system_keeps_no_balance
    CHECK (owner_id IS NOT NULL OR (balance_minor = 0 AND held_minor = 0 AND last_sequence = 0));
ALTER TABLE wallets ADD CONSTRAINT wallets_closed_is_empty
    CHECK (status <> 'CLOSED' OR (balance_minor = 0 AND held_minor = 0));
ALTER TABLE operations ADD CONSTRAINT operations_kind_known CHECK (kind IN (
    'SIGNUP', 'OPENING', 'TOPUP', 'WITHDRAWAL', 'TRANSFER',
    'HOLD', 'CAPTURE', 'VOID', 'REVERSAL', 'REPORT'));
ALTER TABLE operations ADD CONSTRAINT operations_status_known CHECK (status IN (
    'PENDING', 'COMPLETED', 'FAILED', 'REVERSED', 'CANCELLED', 'EXPIRED'));
ALTER TABLE operations ADD CONSTRAINT operations_amount_not_negative CHECK (amount_minor >= 0);
ALTER TABLE operations ADD CONSTRAINT operations_conversion_is_whole CHECK (
    num_nulls(target_amount_minor, target_currency, rate) IN (0, 3));
ALTER TABLE operations ADD CONSTRAINT operations_failed_says_why
    CHECK ((status = 'FAILED') = (error_code IS NOT NULL));
ALTER TABLE operations ADD CONSTRAINT operations_pending_is_not_completed
    CHECK ((status = 'PENDING') = (completed_at IS NULL));
ALTER TABLE operations ADD CONSTRAINT operations_key_has_hash
    CHECK ((idempotency_key IS NULL) = (request_hash IS NULL));
ALTER TABLE operations ADD CONSTRAINT operations_key_not_empty CHECK (idempotency_key <> '');
ALTER TABLE operations ADD CONSTRAINT operations_hash_is_sha256
    CHECK (octet_length(request_hash) = 32);
ALTER TABLE entries ADD CONSTRAINT entries_running_or_system CHECK (
    num_nulls(sequence, balance_after_minor, held_after_minor, hash) IN (0, 4));
ALTER TABLE entries ADD CONSTRAINT entries_sequence_positive CHECK (sequence > 0);
ALTER TABLE entries ADD CONSTRAINT entries_held_not_negative CHECK (held_after_minor >= 0);
ALTER TABLE entries ADD CONSTRAINT entries_hash_is_sha256 CHECK (octet_length(hash) = 32);
ALTER TABLE limits ADD CONSTRAINT limits_not_negative
    CHECK (outflow_max_minor >= 0 AND outflow_24h_max_minor >= 0);
ALTER TABLE exchange_rates ADD CONSTRAINT exchange_rates_positive
    CHECK (rate > 0 AND base <> quote);
ALTER TABLE quotes ADD CONSTRAINT quotes_positive
    CHECK (rate > 0 AND amount_minor > 0 AND target_amount_minor > 0);
ALTER TABLE quotes ADD CONSTRAINT quotes_expire_later CHECK (expires_at > created_at);
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change_of_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries are append-only: % refused', TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_entries();
CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_entries();
"""

UNDO = """
DROP TRIGGER entries_append_only ON entries;
DROP TRIGGER entries_no_truncate ON entries;
DROP FUNCTION refuse_change_of_entries();
"""


class Migration(migrations.Migration):
    """Keys, indexes, checks and the append-only trigger."""

    dependencies = [("models", "0001_initial")]

    operations = [
        ops.RunSQL(KEYS_AND_INDEXES, reverse_sql=ops.RunSQL.noop),
        ops.RunSQL(CHECKS, reverse_sql=ops.RunSQL.noop),
        ops.RunSQL(APPEND_ONLY, reverse_sql=UNDO),
    ]
