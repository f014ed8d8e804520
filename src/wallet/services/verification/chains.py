"""
Chains: every wallet's entries, one after the other, and its row against the last of them.

The one part that is not a statement: each entry's hash is computed anew.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from wallet.services.ledger.chain import GENESIS, chain_hash
from wallet.services.verification.findings import BrokenLedgerError

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


@dataclass(slots=True)
class _Chain:
    """Where the walk along one wallet's entries stands."""

    wallet_id: UUID
    sequence: int = 0
    head: bytes = GENESIS
    balance_minor: int = 0
    held_minor: int = 0
    last_entry: asyncpg.Record | None = field(default=None)


async def walk_chains(
    connection: asyncpg.Connection, on_progress: Callable[[int], None]
) -> tuple[int, int]:
    """
    Walk all chains, in the order of the wallets' ids; return how many wallets and entries.

    Args:
        on_progress: Told now and then how many entries are read.

    Raises:
        BrokenLedgerError: An entry, or a wallet's row, does not hold.
    """
    wallets = entries = 0
    following = _read(connection, _CHAINED_ENTRIES)
    entry = await anext(following, None)
    async for wallet in _read(connection, _WALLETS):
        chain = _Chain(wallet["id"])
        # Both are in the order of the wallets' ids.
        while entry is not None and entry["wallet_id"] == chain.wallet_id:
            _follow(chain, entry)
            entries += 1
            if entries % _PROGRESS_EVERY == 0:
                on_progress(entries)
            entry = await anext(following, None)
        _check_head(chain, wallet)
        wallets += 1
    return wallets, entries


async def _read(connection: asyncpg.Connection, sql: str) -> AsyncIterator[asyncpg.Record]:
    """Read rows in batches; to ask a cursor for each by itself takes twice as long."""
    cursor = await connection.cursor(sql)
    while rows := await cursor.fetch(_BATCH_ROWS):
        for row in rows:
            yield row


def _follow(chain: _Chain, entry: asyncpg.Record) -> None:
    finding = _find_broken_link(chain, entry)
    if finding is not None:
        raise BrokenLedgerError(f"wallet {chain.wallet_id}, entry {entry['sequence']}: {finding}")


def _find_broken_link(chain: _Chain, entry: asyncpg.Record) -> str | None:
    """Take *chain* one entry further; return what is wrong with that entry."""
    (
        wallet_id,
        operation_id,
        sequence,
        amount_minor,
        held_change_minor,
        balance_after_minor,
        held_after_minor,
        entry_hash,
        created_at,
    ) = entry
    if sequence != chain.sequence + 1:
        return f"follows entry {chain.sequence}"
    chain.sequence = sequence
    chain.balance_minor += amount_minor
    chain.held_minor += held_change_minor
    if balance_after_minor != chain.balance_minor or held_after_minor != chain.held_minor:
        return "its running balance is not the sum of the entries up to it"
    if chain.last_entry is not None and created_at < chain.last_entry["created_at"]:
        return "is older than the entry before it"
    chain.head = chain_hash(
        chain.head,
        wallet_id=wallet_id,
        operation_id=operation_id,
        sequence=sequence,
        amount_minor=amount_minor,
        held_change_minor=held_change_minor,
        balance_after_minor=balance_after_minor,
        held_after_minor=held_after_minor,
        created_at=created_at,
    )
    if entry_hash != chain.head:
        return "its hash does not fit the chain"
    chain.last_entry = entry
    return None


def _check_head(chain: _Chain, wallet: asyncpg.Record) -> None:
    finding = _find_wrong_head(chain, wallet)
    if finding is not None:
        raise BrokenLedgerError(f"wallet {chain.wallet_id}: {finding}")


def _find_wrong_head(chain: _Chain, wallet: asyncpg.Record) -> str | None:
    if wallet["last_sequence"] != chain.sequence:
        return "its last sequence is not its last"
    if wallet["head_hash"] != chain.head:
        return "its head is not its last entry's hash"
    last_entry = chain.last_entry
    if last_entry is not None and wallet["last_entry_at"] != last_entry["created_at"]:
        return "its last entry's time is not its last entry's"
    if wallet["balance_minor"] != chain.balance_minor or wallet["held_minor"] != chain.held_minor:
        return "its balance is not the sum of its entries"
    return None
