"""Holds: what is held against what holds have reserved, and each end of one against its status."""

import asyncpg

from wallet.core.ids import expiry_id
from wallet.services.verification.findings import BrokenLedgerError, Check

_BATCH_ROWS = 2_000

# A hold that is over and that nobody has looked at since is still pending, and still held.
_WRONGLY_HELD = Check(
    """
SELECT wallet.id, wallet.held_minor, coalesce(pending.total_minor, 0) AS pending_minor
  FROM wallets AS wallet
  LEFT JOIN (
    SELECT source_wallet_id AS wallet_id, sum(amount_minor) AS total_minor
      FROM operations
     WHERE kind = 'HOLD' AND status = 'PENDING'
     GROUP BY source_wallet_id
  ) AS pending ON pending.wallet_id = wallet.id
 WHERE wallet.held_minor <> coalesce(pending.total_minor, 0)
 ORDER BY wallet.id LIMIT 1
""",
    "wallet {id}: {held_minor} minor units of it are held, "
    "and its pending holds are of {pending_minor}",
)

# Captured, voided, or neither: a hold ends once, and so does a transfer that is called off.
_WRONGLY_ENDED = Check(
    """
SELECT ended.id, ended.kind, ended.status,
       coalesce(follower.captures, 0) AS captures, coalesce(follower.voids, 0) AS voids
  FROM operations AS ended
  LEFT JOIN (
    SELECT parent_id, count(*) FILTER (WHERE kind = 'CAPTURE') AS captures,
           count(*) FILTER (WHERE kind = 'VOID') AS voids
      FROM operations
     WHERE kind IN ('CAPTURE', 'VOID') AND status <> 'FAILED'
     GROUP BY parent_id
  ) AS follower ON follower.parent_id = ended.id
 WHERE (ended.kind = 'HOLD' OR ended.scheduled_for IS NOT NULL)
   AND (coalesce(follower.captures, 0), coalesce(follower.voids, 0)) <> (
         CASE WHEN ended.kind = 'HOLD' AND ended.status = 'COMPLETED' THEN 1 ELSE 0 END,
         CASE WHEN ended.status IN ('CANCELLED', 'EXPIRED') THEN 1 ELSE 0 END)
 ORDER BY ended.id LIMIT 1
""",
    "operation {id}: is a {kind} that is {status}, with {captures} captures and {voids} voids",
)

_VOIDS = """
SELECT hold.id, hold.status, void.id AS void_id
  FROM operations AS void JOIN operations AS hold ON hold.id = void.parent_id
 WHERE void.kind = 'VOID' AND hold.kind = 'HOLD'
 ORDER BY hold.id
"""

CHECKS = (_WRONGLY_HELD, _WRONGLY_ENDED)
"""What holds of holds, and of scheduled transfers that were called off."""


async def check_expiries(connection: asyncpg.Connection) -> None:
    """
    Check that holds ended by themselves exactly where they say so: such a void's id follows.

    Raises:
        BrokenLedgerError: One did not.
    """
    cursor = await connection.cursor(_VOIDS)
    while voids := await cursor.fetch(_BATCH_ROWS):
        for hold_id, status, void_id in voids:
            if (status == "EXPIRED") != (void_id == expiry_id(hold_id)):
                raise BrokenLedgerError(
                    f"operation {hold_id}: is a HOLD that is {status}, "
                    f"and operation {void_id} is not what ends such a hold"
                )
