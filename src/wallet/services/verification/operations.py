"""Operations: what each of them is, what it follows, and the entries that it has for it."""

from wallet.services.verification.findings import SYSTEM, Check

# An entry belongs to a chain exactly when its wallet has an owner.
_MISPLACED_ENTRIES = Check(
    """
SELECT entry.operation_id AS id, entry.wallet_id
  FROM entries AS entry JOIN wallets AS wallet ON wallet.id = entry.wallet_id
 WHERE (entry.sequence IS NULL) <> (wallet.owner_id IS NULL)
 ORDER BY entry.operation_id LIMIT 1
""",
    "operation {id}: its entry of wallet {wallet_id} "
    "is in a chain where none is kept, or out of one that is",
)

_WRONG_SYSTEM_WALLETS = Check(
    f"""
WITH {SYSTEM}
SELECT wallet.id, currency,
       CASE WHEN wallet.owner_id IS NULL THEN 'has no owner, and is neither the world nor'
            ELSE 'has an owner, and is the world or' END AS wrong
  FROM wallets AS wallet JOIN system USING (currency)
 WHERE (wallet.owner_id IS NULL) <> (wallet.id IN (system.world_id, system.exchange_id))
 ORDER BY wallet.id LIMIT 1
""",  # noqa: S608  (made of constants)
    "wallet {id}: {wrong} the exchange of {currency}",
)

_MISSING_WORLDS = Check(
    f"""
WITH {SYSTEM}
SELECT currency
  FROM (SELECT DISTINCT currency FROM wallets WHERE owner_id IS NOT NULL) AS held
  JOIN system USING (currency)
 WHERE NOT EXISTS (SELECT FROM wallets WHERE id = system.world_id)
 ORDER BY currency LIMIT 1
""",  # noqa: S608  (made of constants)
    "currency {currency}: has no world wallet",
)

_UNBALANCED = Check(
    """
SELECT entry.operation_id AS id, wallet.currency, sum(entry.amount_minor) AS total_minor
  FROM entries AS entry JOIN wallets AS wallet ON wallet.id = entry.wallet_id
 GROUP BY entry.operation_id, wallet.currency
HAVING sum(entry.amount_minor) <> 0
 ORDER BY entry.operation_id, wallet.currency LIMIT 1
""",
    "operation {id}: its {currency} entries add up to {total_minor} minor units, not 0",
)

_WRONG_CURRENCIES = Check(
    """
SELECT operation.id, operation.kind, operation.currency
  FROM operations AS operation
  LEFT JOIN wallets AS source ON source.id = operation.source_wallet_id
  LEFT JOIN wallets AS target ON target.id = operation.target_wallet_id
 WHERE source.currency <> operation.currency
    OR target.currency <> coalesce(operation.target_currency, operation.currency)
 ORDER BY operation.id LIMIT 1
""",
    "operation {id}: is a {kind} in {currency}, and its wallets are not",
)

_IMPOSSIBLE_STATUSES = Check(
    """
SELECT id, kind, status
  FROM operations
 WHERE NOT CASE
         WHEN kind = 'HOLD'
         THEN status IN ('PENDING', 'COMPLETED', 'CANCELLED', 'EXPIRED', 'FAILED')
         WHEN kind = 'TRANSFER' AND scheduled_for IS NOT NULL
         THEN status IN ('PENDING', 'COMPLETED', 'CANCELLED', 'REVERSED', 'FAILED')
         WHEN kind IN ('TRANSFER', 'CAPTURE') THEN status IN ('COMPLETED', 'REVERSED', 'FAILED')
         WHEN kind = 'VOID' THEN status = 'COMPLETED'
         ELSE status IN ('COMPLETED', 'FAILED')
       END
 ORDER BY id LIMIT 1
""",
    "operation {id}: is a {kind}, which cannot be {status}",
)

# A capture, a void and a reversal follow an operation between the same wallets; no other does.
_MISFITS = Check(
    """
SELECT operation.id, operation.kind
  FROM operations AS operation
  LEFT JOIN operations AS parent ON parent.id = operation.parent_id
 WHERE (operation.parent_id IS NOT NULL OR operation.kind IN ('CAPTURE', 'VOID', 'REVERSAL'))
   AND CASE
         WHEN operation.kind = 'REVERSAL'
         THEN parent.kind IN ('TRANSFER', 'CAPTURE')
          AND operation.source_wallet_id = parent.target_wallet_id
          AND operation.target_wallet_id = parent.source_wallet_id
          AND operation.currency = coalesce(parent.target_currency, parent.currency)
          AND (operation.target_currency IS NULL) = (parent.target_currency IS NULL)
         WHEN operation.kind IN ('CAPTURE', 'VOID')
         THEN operation.source_wallet_id = parent.source_wallet_id
          AND operation.target_wallet_id = parent.target_wallet_id
          AND operation.currency = parent.currency
          AND operation.target_currency IS NULL
          AND CASE
                WHEN operation.kind = 'CAPTURE'
                THEN parent.kind = 'HOLD' AND operation.amount_minor <= parent.amount_minor
                ELSE (parent.kind = 'HOLD' OR parent.scheduled_for IS NOT NULL)
                 AND operation.amount_minor = parent.amount_minor
              END
         ELSE FALSE
       END IS NOT TRUE
 ORDER BY operation.id LIMIT 1
""",
    "operation {id}: is a {kind} that does not fit the operation it follows",
)

# What completed has moved its amount, out of its source and into its target, by way of
# the exchange where that is of another currency. A hold and its end change what is
# reserved; what was refused has moved nothing, and is on the statement of who asked.
# What is still to come, or was called off before its time, is on none.
_MISMATCHED = Check(
    f"""
WITH {SYSTEM}, expected AS (
    SELECT operation.id AS operation_id, line.*
      FROM (
        SELECT *,
               kind IN ('TOPUP', 'WITHDRAWAL', 'TRANSFER', 'CAPTURE', 'REVERSAL')
                   AND status IN ('COMPLETED', 'REVERSED') AS has_moved,
               kind = 'HOLD' AND status <> 'FAILED' AS has_held
          FROM operations
      ) AS operation
      LEFT JOIN operations AS parent ON parent.id = operation.parent_id
      LEFT JOIN system ON system.currency = operation.currency
      LEFT JOIN system AS other ON other.currency = operation.target_currency
     CROSS JOIN LATERAL (
        SELECT operation.source_wallet_id AS wallet_id,
               -operation.amount_minor AS amount_minor,
               CASE operation.kind WHEN 'CAPTURE' THEN -parent.amount_minor ELSE 0 END
                   AS held_change_minor
         WHERE operation.has_moved
        UNION ALL
        SELECT operation.target_wallet_id,
               coalesce(operation.target_amount_minor, operation.amount_minor), 0
         WHERE operation.has_moved
        UNION ALL
        SELECT system.exchange_id, operation.amount_minor, 0
         WHERE operation.has_moved AND operation.target_currency IS NOT NULL
        UNION ALL
        SELECT other.exchange_id, -operation.target_amount_minor, 0
         WHERE operation.has_moved AND operation.target_currency IS NOT NULL
        UNION ALL
        SELECT operation.source_wallet_id, 0, operation.amount_minor WHERE operation.has_held
        UNION ALL
        SELECT operation.target_wallet_id, 0, 0 WHERE operation.has_held
        UNION ALL
        SELECT operation.source_wallet_id, 0,
               CASE parent.kind WHEN 'HOLD' THEN -parent.amount_minor ELSE 0 END
         WHERE operation.kind = 'VOID'
        UNION ALL
        SELECT operation.target_wallet_id, 0, 0
         WHERE operation.kind = 'VOID' AND parent.kind = 'HOLD' AND parent.status = 'CANCELLED'
        UNION ALL
        SELECT CASE WHEN operation.kind IN ('TOPUP', 'CAPTURE') THEN operation.target_wallet_id
                    ELSE operation.source_wallet_id END, 0, 0
         WHERE operation.status = 'FAILED'
           AND operation.kind NOT IN ('SIGNUP', 'OPENING', 'REPORT')
        UNION ALL
        SELECT coalesce(operation.target_wallet_id, operation.source_wallet_id), 0, 0
         WHERE operation.kind IN ('SIGNUP', 'OPENING', 'REPORT')
     ) AS line
), mismatched AS (
    SELECT coalesce(entry.operation_id, expected.operation_id) AS id
      FROM expected
      FULL JOIN entries AS entry
        ON entry.operation_id = expected.operation_id AND entry.wallet_id = expected.wallet_id
     WHERE (entry.amount_minor, entry.held_change_minor)
           IS DISTINCT FROM (expected.amount_minor, expected.held_change_minor)
     ORDER BY 1 LIMIT 1
)
SELECT id, operation.kind, operation.status
  FROM mismatched JOIN operations AS operation USING (id)
""",  # noqa: S608  (made of constants)
    "operation {id}: its entries do not match a {kind} that is {status}",
)

# Filtered statements are read by these places.
_WRONG_PLACES = Check(
    """
SELECT operation.id
  FROM operations AS operation
  LEFT JOIN entries AS source
    ON source.operation_id = operation.id AND source.wallet_id = operation.source_wallet_id
  LEFT JOIN entries AS target
    ON target.operation_id = operation.id AND target.wallet_id = operation.target_wallet_id
 WHERE (operation.source_sequence, operation.target_sequence)
       IS DISTINCT FROM (source.sequence, target.sequence)
 ORDER BY operation.id LIMIT 1
""",
    "operation {id}: its lines have other places than it says",
)

OWN_CHECKS = (
    _MISPLACED_ENTRIES,
    _WRONG_SYSTEM_WALLETS,
    _MISSING_WORLDS,
    _UNBALANCED,
    _WRONG_CURRENCIES,
    _IMPOSSIBLE_STATUSES,
    _MISFITS,
)
"""What holds of an operation by itself, and of what it follows."""

ENTRY_CHECKS = (_MISMATCHED, _WRONG_PLACES)
"""What holds of its entries, once it is known what it is."""
