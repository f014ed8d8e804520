"""A database with many rows in it, written past the ledger: for plans, which depend on how many."""

import asyncpg

# Rows that follow from their number: who reads them wants them many, and not true.
_ID = "('00000000-0000-0000-000{table}-' || lpad(to_hex({number}), 12, '0'))::uuid"


def row_id(table: int, number: str | int) -> str:
    """Return, as SQL, the id of a row; 1 is a user, 2 a wallet, 3 an operation, 4 a quote."""
    return _ID.format(table=table, number=number)


_FILL = f"""
INSERT INTO users (id, email, password_hash, role, created_at)
SELECT {row_id(1, "n")}, n || '@ballast.example', '!', 'USER', now()
  FROM generate_series(1, $1) AS n;

INSERT INTO wallets (id, owner_id, currency, status, balance_minor, held_minor, overdraft_minor,
                     last_sequence, head_hash, last_entry_at, created_at)
SELECT {row_id(2, "n")}, {row_id(1, "n")}, 'EUR', 'ACTIVE', 1000000, 1000, 0, 1000,
       decode(repeat('00', 32), 'hex'), now(), now()
  FROM generate_series(1, $1) AS n;

INSERT INTO operations (id, kind, status, actor_id, source_wallet_id, target_wallet_id,
                        amount_minor, currency, idempotency_key, request_hash, expires_at,
                        scheduled_for, source_sequence, created_at, completed_at)
SELECT {row_id(3, "n")}, CASE WHEN n <= $3 THEN 'HOLD' ELSE 'TRANSFER' END,
       CASE WHEN n <= 2 * $3 THEN 'PENDING' ELSE 'COMPLETED' END,
       {row_id(1, "1 + n % $1")}, {row_id(2, "1 + n % $1")}, {row_id(2, "1 + (n + 7) % $1")},
       1, 'EUR', 'key ' || n, decode(repeat('00', 32), 'hex'),
       -- One in a hundred is over, or due.
       CASE WHEN n <= $3 THEN now() + (n % 100 - 1) * interval '1 hour' + interval '1 minute' END,
       CASE WHEN n > $3 AND n <= 2 * $3
            THEN now() + (n % 100 - 1) * interval '1 hour' + interval '1 minute' END,
       1 + n / $1, now() - (n % 1000) * interval '1 hour',
       CASE WHEN n > 2 * $3 THEN now() END
  FROM generate_series(1, $2) AS n;

INSERT INTO entries (operation_id, wallet_id, sequence, amount_minor, held_change_minor,
                     balance_after_minor, held_after_minor, hash, created_at)
SELECT {row_id(3, "n")}, {row_id(2, "1 + n % $1")}, 1 + n / $1, -1, 0, 1000000, 0,
       decode(repeat('00', 32), 'hex'), now() - ($2 - n) * interval '1 s'
  FROM generate_series(1, $2) AS n;

INSERT INTO quotes (id, user_id, rate, amount_minor, currency, target_amount_minor,
                    target_currency, created_at, expires_at)
SELECT {row_id(4, "n")}, {row_id(1, "1 + n % $1")}, 1.1, 100, 'EUR', 110, 'USD', now(),
       now() + interval '1 minute'
  FROM generate_series(1, $3) AS n;

ANALYZE;
"""


async def fill(
    connection: asyncpg.Connection, *, wallets: int, operations: int, pending: int
) -> None:
    """
    Write rows, as a superuser, whose references nobody looks at.

    Args:
        operations: How many there are, with an entry each.
        pending: How many of them are open holds, how many are still to come, and
            how many quotes there are.
    """
    script = _FILL.replace("$1", str(wallets)).replace("$2", str(operations))
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(script.replace("$3", str(pending)), timeout=1_200)
    await connection.execute("RESET session_replication_role")
