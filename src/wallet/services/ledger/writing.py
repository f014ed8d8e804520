"""
The statement with which the ledger writes all that a round has decided on.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson

from wallet.services.database import Connection
from wallet.services.ledger.decide import Decision
from wallet.services.ledger.records import EntryRecord, OperationRecord

_INSERTED = """
WITH new_operations AS (
    INSERT INTO operations (
        id, kind, status, actor_id, source_wallet_id, target_wallet_id, amount_minor, currency,
        target_amount_minor, target_currency, rate, description, metadata, error_code,
        error_details, parent_id, idempotency_key, request_hash, expires_at, scheduled_for,
        returned_minor, created_at, completed_at, source_sequence, target_sequence)
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[],
        $8::text[], $9::bigint[], $10::text[], $11::numeric[], $12::text[], $13::jsonb[],
        $14::text[], $15::jsonb[], $16::uuid[], $17::text[], $18::bytea[], $19::timestamptz[],
        $20::timestamptz[], $21::bigint[], $22::timestamptz[], $23::timestamptz[], $24::bigint[],
        $25::bigint[])
), new_entries AS (
    INSERT INTO entries (
        operation_id, wallet_id, sequence, amount_minor, held_change_minor, balance_after_minor,
        held_after_minor, hash, created_at)
    SELECT * FROM unnest(
        $26::uuid[], $27::uuid[], $28::bigint[], $29::bigint[], $30::bigint[], $31::bigint[],
        $32::bigint[], $33::bytea[], $34::timestamptz[])
)
"""

_CHANGED = """
, changed_operations AS (
    UPDATE operations AS operation
       SET status = changed.status, error_code = changed.error_code,
           error_details = changed.error_details, returned_minor = changed.returned_minor,
           completed_at = changed.completed_at,
           -- A line keeps its place; what was still to come has none until now.
           source_sequence = coalesce(operation.source_sequence, changed.source_sequence),
           target_sequence = coalesce(operation.target_sequence, changed.target_sequence)
      FROM unnest($41::uuid[], $42::text[], $43::text[], $44::jsonb[], $45::bigint[],
                  $46::timestamptz[], $47::bigint[], $48::bigint[])
           AS changed (id, status, error_code, error_details, returned_minor, completed_at,
                       source_sequence, target_sequence)
     WHERE operation.id = changed.id
), used_quotes AS (
    UPDATE quotes AS quote SET operation_id = used.operation_id
      FROM unnest($49::uuid[], $50::uuid[]) AS used (id, operation_id)
     WHERE quote.id = used.id
)
"""

_MOVED = """
UPDATE wallets AS wallet
   SET balance_minor = changed.balance_minor, held_minor = changed.held_minor,
       last_sequence = changed.last_sequence, head_hash = changed.head_hash,
       last_entry_at = changed.last_entry_at
  FROM unnest($35::uuid[], $36::bigint[], $37::bigint[], $38::bigint[], $39::bytea[],
              $40::timestamptz[])
       AS changed (id, balance_minor, held_minor, last_sequence, head_hash, last_entry_at)
 WHERE wallet.id = changed.id
"""

# Most rounds change nothing that an earlier one has written.
_WRITE = _INSERTED + _MOVED
_WRITE_ALL = _INSERTED + _CHANGED + _MOVED


async def write(connection: Connection, decision: Decision) -> None:
    """
    Write a decision's operations, entries and wallet rows. One trip, one statement.

    Raises:
        tortoise.exceptions.IntegrityError: An idempotency key, or a place in a
            sequence, was taken in the meantime.
    """
    operations, entries = decision.operations, decision.entries
    conversions = [operation.conversion for operation in operations]
    wallets = list(decision.wallets.values())
    is_more = bool(decision.changed or decision.used_quotes)
    await connection.execute_query_dict(
        _WRITE_ALL if is_more else _WRITE,
        [
            *_columns(
                operations,
                "id kind status actor_id source_id target_id amount_minor currency",
            ),
            [conversion and conversion.amount_minor for conversion in conversions],
            [conversion and conversion.currency for conversion in conversions],
            [conversion and conversion.rate for conversion in conversions],
            *_columns(operations, "description metadata error_code"),
            [_json(operation.error_details) for operation in operations],
            *_columns(
                operations,
                "parent_id idempotency_key request_hash expires_at scheduled_for returned_minor "
                "created_at completed_at",
            ),
            *_places(operations, entries),
            *_columns(
                entries,
                "operation_id wallet_id sequence amount_minor held_change_minor "
                "balance_after_minor held_after_minor hash created_at",
            ),
            *_columns(wallets, "id balance_minor held_minor last_sequence head_hash last_entry_at"),
            *(_changes(decision) if is_more else []),
        ],
    )


def _changes(decision: Decision) -> list[list[Any]]:
    """Return the columns of what earlier rounds have written, and this one changes."""
    changed = list(decision.changed.values())
    return [
        *_columns(changed, "id status error_code"),
        [_json(operation.error_details) for operation in changed],
        *_columns(changed, "returned_minor completed_at"),
        *_places(changed, decision.entries),
        list(decision.used_quotes),
        list(decision.used_quotes.values()),
    ]


def _places(
    operations: Sequence[OperationRecord], entries: Sequence[EntryRecord]
) -> list[list[int | None]]:
    """Return the place of each operation's line in the statement of its source, and its target."""
    sequences: dict[tuple[UUID, UUID | None], int | None] = {
        (entry.operation_id, entry.wallet_id): entry.sequence for entry in entries
    }
    return [
        [sequences.get((operation.id, operation.source_id)) for operation in operations],
        [sequences.get((operation.id, operation.target_id)) for operation in operations],
    ]


def _columns(records: Iterable[object], names: str) -> list[list[Any]]:
    """Turn records into one array per column, as unnest() takes them."""
    records = list(records)
    return [[getattr(record, name) for record in records] for name in names.split()]


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
