"""
The hash chain of a wallet's entries.

Each entry's hash is SHA-256 over the hash before it and the entry's canonical
bytes, so that no entry can be changed, dropped or slipped in without every
later hash, and the head kept in the wallet's row, giving it away. One chain a
wallet: tamper evidence costs no global lock.
"""

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

GENESIS = bytes(32)
"""What stands before the first entry of a wallet."""

# wallet, operation, sequence, amount, held change, balance after, held after, microseconds.
# Part of the stored data: a change here would break every chain there is.
_CANONICAL = struct.Struct(">16s16sqqqqqq")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def chain_hash(
    previous: bytes,
    *,
    wallet_id: UUID,
    operation_id: UUID,
    sequence: int,
    amount_minor: int,
    held_change_minor: int,
    balance_after_minor: int,
    held_after_minor: int,
    created_at: datetime,
) -> bytes:
    """Return the hash of an entry that follows the one with the hash *previous*."""
    canonical = _CANONICAL.pack(
        wallet_id.bytes,
        operation_id.bytes,
        sequence,
        amount_minor,
        held_change_minor,
        balance_after_minor,
        held_after_minor,
        (created_at - _EPOCH) // _MICROSECOND,
    )
    return hashlib.sha256(previous + canonical).digest()
