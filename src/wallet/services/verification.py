"""
Verification: does the ledger hold?

Reads everything from one snapshot and checks what the design promises: every
chain, every sequence, every running balance, every wallet's row against its
last entry, and that each operation's entries add up to 0 and match it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from wallet.core.settings import Settings
from wallet.services.ledger.chain import GENESIS, chain_hash

_BATCH_ROWS = 2_000
_PROGRESS_EVERY = 100_000

_WALLETS = """
SELECT id, balance_minor, held_minor, last_sequence, head_hash, last_entry_at
  FROM wallets ORDER BY id
"""

_CHAINED_ENTRIES = """
SELECT wallet_id, operation_id, sequence, amount_minor, held_change_minor, balance_after_minor,
       held_after_minor, hash, created_at
  FROM entries WHERE sequence IS NOT NULL ORDER BY wallet_id, sequence
"""

# An entry belongs to a chain exactly when its wallet has an owner.
_MISPLACED_ENTRIES = """
SELECT entry.operation_id, entry.wallet_id
  FROM entries AS entry JOIN wallets AS wallet ON wallet.id = entry.wallet_id
 WHERE (entry.sequence IS NULL) <> (wallet.owner_id IS NULL)
 ORDER BY entry.operation_id LIMIT 1
"""

_UNBALANCED_OPERATIONS = """
SELECT entry.operation_id, wallet.currency, sum(entry.amount_minor) AS total_minor
  FROM entries AS entry JOIN wallets AS wallet ON wallet.id = entry.wallet_id
 GROUP BY entry.operation_id, wallet.currency
HAVING sum(entry.amount_minor) <> 0
 ORDER BY entry.operation_id LIMIT 1
"""

# What moved is the operation's amount, out of its source and into its target;
# what did not complete moved nothing.
_MISMATCHED_OPERATIONS = """
SELECT operation.id, operation.kind, operation.status
  FROM operations AS operation
  LEFT JOIN entries AS debit
    ON debit.operation_id = operation.id AND debit.wallet_id = operation.source_wallet_id
  LEFT JOIN entries AS credit
    ON credit.operation_id = operation.id AND credit.wallet_id = operation.target_wallet_id
 WHERE CASE
         WHEN operation.status = 'COMPLETED'
          AND operation.kind IN ('TOPUP', 'TRANSFER', 'WITHDRAWAL')
         THEN debit.amount_minor IS DISTINCT FROM -operation.amount_minor
           OR credit.amount_minor IS DISTINCT FROM
              coalesce(operation.target_amount_minor, operation.amount_minor)
           OR (SELECT count(*) FROM entries WHERE operation_id = operation.id)
              <> CASE WHEN operation.rate IS NULL THEN 2 ELSE 4 END
           OR coalesce(operation.target_currency, operation.currency)
              <> (SELECT currency FROM wallets WHERE id = operation.target_wallet_id)
         ELSE EXISTS (SELECT FROM entries
                       WHERE operation_id = operation.id AND amount_minor <> 0)
           OR (debit.operation_id IS NULL AND credit.operation_id IS NULL)
       END
 ORDER BY operation.id LIMIT 1
"""


class BrokenLedgerError(Exception):
    """Raised at the first row that does not hold; its text names the row and what is wrong."""


@dataclass(slots=True)
class Verified:
    """How much was read, and found to hold."""

    wallets: int = 0
    entries: int = 0
    operations: int = 0


@dataclass(slots=True)
class _Chain:
    """Where the walk along one wallet's entries stands."""

    wallet_id: UUID
    sequence: int = 0
    head: bytes = GENESIS
    balance_minor: int = 0
    held_minor: int = 0
    last_entry: asyncpg.Record | None = field(default=None)


async def verify(settings: Settings, *, on_progress: Callable[[int], None]) -> Verified:
    """
    Check the whole ledger, in memory that does not grow with it.

    Args:
        on_progress: Told now and then how many entries are read.

    Raises:
        BrokenLedgerError: Something does not hold.
    """
    connection = await asyncpg.connect(
        settings.database_url, server_settings={"application_name": "wallet verify"}
    )
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            verified = await _walk_chains(connection, on_progress)
            await _check_operations(connection)
            verified.operations = await connection.fetchval("SELECT count(*) FROM operations")
            return verified
    finally:
        await connection.close()


async def _walk_chains(
    connection: asyncpg.Connection, on_progress: Callable[[int], None]
) -> Verified:
    verified = Verified()
    entries = aiter(connection.cursor(_CHAINED_ENTRIES, prefetch=_BATCH_ROWS))
    entry = await anext(entries, None)
    async for wallet in connection.cursor(_WALLETS, prefetch=_BATCH_ROWS):
        chain = _Chain(wallet["id"])
        # Both cursors are in the order of the wallets' ids.
        while entry is not None and entry["wallet_id"] == wallet["id"]:
            _follow(chain, entry)
            verified.entries += 1
            if verified.entries % _PROGRESS_EVERY == 0:
                on_progress(verified.entries)
            entry = await anext(entries, None)
        _check_head(chain, wallet)
        verified.wallets += 1
    return verified


def _follow(chain: _Chain, entry: asyncpg.Record) -> None:
    where = f"wallet {chain.wallet_id}, entry {entry['sequence']}"
    _check(entry["sequence"] == chain.sequence + 1, f"{where}: follows entry {chain.sequence}")
    chain.sequence += 1
    chain.balance_minor += entry["amount_minor"]
    chain.held_minor += entry["held_change_minor"]
    _check(
        (chain.balance_minor, chain.held_minor)
        == (entry["balance_after_minor"], entry["held_after_minor"]),
        f"{where}: its running balance is not the sum of the entries up to it",
    )
    if chain.last_entry is not None:
        _check(
            entry["created_at"] >= chain.last_entry["created_at"],
            f"{where}: is older than the entry before it",
        )
    chain.head = chain_hash(
        chain.head,
        **{name: value for name, value in entry.items() if name != "hash"},
    )
    _check(entry["hash"] == chain.head, f"{where}: its hash does not fit the chain")
    chain.last_entry = entry


def _check_head(chain: _Chain, wallet: asyncpg.Record) -> None:
    where = f"wallet {chain.wallet_id}"
    _check(wallet["last_sequence"] == chain.sequence, f"{where}: its last sequence is not its last")
    _check(wallet["head_hash"] == chain.head, f"{where}: its head is not its last entry's hash")
    _check(
        chain.last_entry is None or wallet["last_entry_at"] == chain.last_entry["created_at"],
        f"{where}: its last entry's time is not its last entry's",
    )
    _check(
        (wallet["balance_minor"], wallet["held_minor"]) == (chain.balance_minor, chain.held_minor),
        f"{where}: its balance is not the sum of its entries",
    )


async def _check_operations(connection: asyncpg.Connection) -> None:
    row = await connection.fetchrow(_MISPLACED_ENTRIES)
    if row:
        raise BrokenLedgerError(
            f"operation {row['operation_id']}: its entry of wallet {row['wallet_id']} "
            "is in a chain where none is kept, or out of one that is"
        )
    row = await connection.fetchrow(_UNBALANCED_OPERATIONS)
    if row:
        raise BrokenLedgerError(
            f"operation {row['operation_id']}: its {row['currency']} entries add up to "
            f"{row['total_minor']} minor units, not 0"
        )
    row = await connection.fetchrow(_MISMATCHED_OPERATIONS)
    if row:
        raise BrokenLedgerError(
            f"operation {row['id']}: its entries do not match a {row['kind']} "
            f"that is {row['status']}"
        )


def _check(holds: bool, sentence: str) -> None:  # noqa: FBT001
    if not holds:
        raise BrokenLedgerError(sentence)
