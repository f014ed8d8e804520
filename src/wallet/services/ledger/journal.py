"""
The ledger's SQL: one statement reads and locks, one statement writes.

The wallets are read after their row locks are taken, in the order of their
ids, so that nobody can spend what is decided on here, with or without the
gate in Redis, and two rounds never wait for each other in a circle.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.services.database import Connection, Row
from wallet.services.ledger.decide import Decision, IdempotencyKey
from wallet.services.ledger.records import (
    KnownOperation,
    OperationRecord,
    Posting,
    WalletRecord,
)

# The clock is PostgreSQL's: one for all processes. It is read as each row comes
# out of the lock, so the latest of them is an instant at which all are held.
# The two halves have nothing to be joined on: FULL JOIN … ON FALSE puts
# the rows of one below those of the other.
_LOCK_AND_READ = """
WITH locked AS MATERIALIZED (
    SELECT wallet.id, wallet.owner_id, owner.email AS owner_email, wallet.currency, wallet.label,
           wallet.status, wallet.balance_minor, wallet.held_minor, wallet.overdraft_minor,
           wallet.last_sequence, wallet.head_hash, wallet.last_entry_at, wallet.created_at
      FROM wallets AS wallet
      JOIN users AS owner ON owner.id = wallet.owner_id
     WHERE wallet.id = ANY ($1::uuid[])
     ORDER BY wallet.id
       FOR NO KEY UPDATE OF wallet
), known AS (
    SELECT operation.id AS operation_id, operation.kind, operation.status AS operation_status,
           operation.actor_id, operation.source_wallet_id, operation.target_wallet_id,
           operation.amount_minor, operation.currency AS operation_currency,
           operation.description, operation.metadata, operation.error_code,
           operation.error_details, operation.idempotency_key, operation.request_hash,
           operation.created_at AS operation_created_at, operation.completed_at,
           entry.balance_after_minor, entry.held_after_minor
      FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::bytea[])
           AS asked (actor_id, idempotency_key, wallet_id, request_hash)
      JOIN operations AS operation USING (actor_id, idempotency_key)
      LEFT JOIN entries AS entry
        ON entry.operation_id = operation.id AND entry.wallet_id = asked.wallet_id
       AND operation.request_hash = asked.request_hash
)
SELECT locked.*, known.*, clock_timestamp() AS read_at
  FROM locked FULL JOIN known ON FALSE
"""

_WRITE = """
WITH new_operations AS (
    INSERT INTO operations (
        id, kind, status, actor_id, source_wallet_id, target_wallet_id, amount_minor, currency,
        description, metadata, error_code, error_details, idempotency_key, request_hash,
        created_at, completed_at)
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[],
        $8::text[], $9::text[], $10::jsonb[], $11::text[], $12::jsonb[], $13::text[], $14::bytea[],
        $15::timestamptz[], $16::timestamptz[])
), new_entries AS (
    INSERT INTO entries (
        operation_id, wallet_id, sequence, amount_minor, held_change_minor, balance_after_minor,
        held_after_minor, hash, created_at)
    SELECT * FROM unnest(
        $17::uuid[], $18::uuid[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[],
        $23::bigint[], $24::bytea[], $25::timestamptz[])
)
UPDATE wallets AS wallet
   SET balance_minor = changed.balance_minor, held_minor = changed.held_minor,
       last_sequence = changed.last_sequence, head_hash = changed.head_hash,
       last_entry_at = changed.last_entry_at
  FROM unnest($26::uuid[], $27::bigint[], $28::bigint[], $29::bigint[], $30::bytea[],
              $31::timestamptz[])
       AS changed (id, balance_minor, held_minor, last_sequence, head_hash, last_entry_at)
 WHERE wallet.id = changed.id
"""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """What a round reads: the wallets that exist, the keys that are known, the instant."""

    wallets: dict[UUID, WalletRecord]
    known: dict[IdempotencyKey, KnownOperation]
    read_at: datetime


async def lock_and_read(connection: Connection, postings: Sequence[Posting]) -> Page:
    """
    Lock the postings' wallets until the transaction ends, and read them and the known keys.

    One trip. A key that another transaction commits while this one waits for
    a row lock can be missed; the unique key then refuses the write.
    """
    wallet_ids = sorted({leg.wallet_id for posting in postings for leg in posting.holder_legs})
    keyed = [posting for posting in postings if posting.idempotency_key is not None]
    # Not as dicts: a row has thirty columns, and half of them are asked for.
    _, rows = await connection.execute_query(
        _LOCK_AND_READ,
        [
            wallet_ids,
            [posting.actor_id for posting in keyed],
            [posting.idempotency_key for posting in keyed],
            [posting.wallet_id for posting in keyed],
            [posting.request_hash for posting in keyed],
        ],
    )
    wallets = {row["id"]: _wallet_of(row) for row in rows if row["id"] is not None}
    # A key that is asked for with other input as well has a row for each, and an
    # entry in the row of the request that it was used for: that one comes last.
    found = [row for row in rows if row["operation_id"] is not None]
    found.sort(key=lambda row: row["balance_after_minor"] is not None)
    known = {(row["actor_id"], row["idempotency_key"]): _known_of(row, wallets) for row in found}
    # Without any row there is no wallet to write to, and nobody asks for the time.
    return Page(wallets, known, max((row["read_at"] for row in rows), default=_NEVER))


async def write(connection: Connection, decision: Decision) -> None:
    """
    Write a decision's operations, entries and wallet rows. One trip, one statement.

    Raises:
        tortoise.exceptions.IntegrityError: An idempotency key, or a place in a
            sequence, was taken in the meantime.
    """
    operations, entries = decision.operations, decision.entries
    wallets = list(decision.wallets.values())
    await connection.execute_query_dict(
        _WRITE,
        [
            *_columns(
                operations,
                "id kind status actor_id source_id target_id amount_minor currency description "
                "metadata error_code",
            ),
            [_json(operation.error_details) for operation in operations],
            *_columns(operations, "idempotency_key request_hash created_at completed_at"),
            *_columns(
                entries,
                "operation_id wallet_id sequence amount_minor held_change_minor "
                "balance_after_minor held_after_minor hash created_at",
            ),
            *_columns(wallets, "id balance_minor held_minor last_sequence head_hash last_entry_at"),
        ],
    )


def _columns(records: Iterable[object], names: str) -> list[list[Any]]:
    """Turn records into one array per column, as unnest() takes them."""
    records = list(records)
    return [[getattr(record, name) for record in records] for name in names.split()]


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _wallet_of(row: Row) -> WalletRecord:
    return WalletRecord(
        id=row["id"],
        owner_id=row["owner_id"],
        owner_email=row["owner_email"],
        currency=row["currency"],
        label=row["label"],
        status=WalletStatus(row["status"]),
        balance_minor=row["balance_minor"],
        held_minor=row["held_minor"],
        overdraft_minor=row["overdraft_minor"],
        last_sequence=row["last_sequence"],
        head_hash=row["head_hash"],
        last_entry_at=row["last_entry_at"],
        created_at=row["created_at"],
    )


def _known_of(row: Row, wallets: dict[UUID, WalletRecord]) -> KnownOperation:
    source, target = wallets.get(row["source_wallet_id"]), wallets.get(row["target_wallet_id"])
    operation = OperationRecord(
        id=row["operation_id"],
        kind=OperationKind(row["kind"]),
        status=OperationStatus(row["operation_status"]),
        actor_id=row["actor_id"],
        source_id=row["source_wallet_id"],
        target_id=row["target_wallet_id"],
        source=source.party if source else None,
        target=target.party if target else None,
        amount_minor=row["amount_minor"],
        currency=row["operation_currency"],
        description=row["description"],
        metadata=row["metadata"],
        error_code=row["error_code"],
        error_details=orjson.loads(row["error_details"]) if row["error_details"] else None,
        idempotency_key=row["idempotency_key"],
        request_hash=row["request_hash"],
        created_at=row["operation_created_at"],
        completed_at=row["completed_at"],
    )
    # Without an entry the key was asked for with other input: a conflict, which shows no wallet.
    return KnownOperation(operation, row["balance_after_minor"] or 0, row["held_after_minor"] or 0)
