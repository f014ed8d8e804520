"""
The statement with which the ledger reads and locks; ``writing`` has the other one.

The wallets are read after their row locks are taken, in the order of their
ids, so that nobody can spend what is decided on here, with or without the
gate in Redis, and two rounds never wait for each other in a circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.services.database import Connection, OutdatedReadError, Row
from wallet.services.ledger.decide import IdempotencyKey
from wallet.services.ledger.records import (
    Conversion,
    KnownOperation,
    OperationRecord,
    QuoteRecord,
    Related,
    WalletLimits,
    WalletRecord,
    Work,
)

ENDED_MAX = 500
"""Most holds whose time is over that one round puts on record."""

_OPERATION_COLUMNS = """
    operation.id AS operation_id, operation.kind, operation.status AS operation_status,
    operation.actor_id, operation.source_wallet_id, operation.target_wallet_id,
    operation.amount_minor, operation.currency AS operation_currency,
    operation.target_amount_minor, operation.target_currency, operation.rate,
    operation.description, operation.metadata, operation.error_code, operation.error_details,
    operation.parent_id, operation.idempotency_key, operation.request_hash,
    operation.expires_at AS operation_expires_at, operation.scheduled_for,
    operation.returned_minor, operation.created_at AS operation_created_at, operation.completed_at
"""

# The clock is PostgreSQL's: one for all processes. It is read once, when all wallets
# are locked, and not in a condition: a volatile function bounds no index scan. That
# the instant is later than now() says nothing new but to the planner, which can guess
# by it how little a day is.
# The parts have nothing to be joined on: FULL JOIN … ON FALSE puts the rows of
# one below those of the other.
#
# A row that is locked here is read as it is by then; anything else as it was when
# the statement began, before it waited. A key that is missed for that is refused
# by the write; an outflow that is missed shows in the sequence.
_LOCKED = f"""
WITH locked AS MATERIALIZED (
    SELECT wallet.id, wallet.owner_id, owner.email AS owner_email, wallet.currency, wallet.label,
           wallet.status, wallet.frozen_until, wallet.balance_minor, wallet.held_minor,
           wallet.overdraft_minor, wallet.outflow_max_minor, wallet.outflow_24h_max_minor,
           wallet.last_sequence, wallet.head_hash, wallet.last_entry_at, wallet.created_at
      FROM wallets AS wallet
      JOIN users AS owner ON owner.id = wallet.owner_id
     WHERE wallet.id = ANY ($1::uuid[])
     ORDER BY wallet.id
       FOR NO KEY UPDATE OF wallet
), instant AS MATERIALIZED (
    SELECT clock_timestamp() AS now FROM (SELECT count(*) FROM locked) AS all_locked
), ended AS MATERIALIZED (
    SELECT operation.*
      FROM locked JOIN operations AS operation ON operation.source_wallet_id = locked.id
     WHERE locked.held_minor > 0 AND operation.kind = 'HOLD' AND operation.status = 'PENDING'
       AND operation.expires_at <= (SELECT now FROM instant)
     ORDER BY operation.id
     LIMIT {ENDED_MAX}
       FOR NO KEY UPDATE OF operation
)
"""  # noqa: S608  (made of constants)

_FOLLOWED_AND_QUOTED = """
, followed AS MATERIALIZED (
    SELECT operation.* FROM operations AS operation
     WHERE operation.id = ANY ($6::uuid[]) AND (SELECT count(*) FROM locked) >= 0
     ORDER BY operation.id
       FOR NO KEY UPDATE
), quoted AS MATERIALIZED (
    SELECT quote.id AS quote_id, quote.user_id, quote.rate AS quote_rate,
           quote.amount_minor AS quote_amount_minor, quote.currency AS quote_currency,
           quote.target_amount_minor AS quote_target_amount_minor,
           quote.target_currency AS quote_target_currency, quote.created_at AS quote_created_at,
           quote.expires_at AS quote_expires_at, quote.operation_id AS quote_operation_id
      FROM quotes AS quote
     WHERE quote.id = ANY ($7::uuid[]) AND (SELECT count(*) FROM locked) >= 0
     ORDER BY quote.id
       FOR NO KEY UPDATE
)
"""

_KNOWN = f"""
, known AS (
    SELECT {_OPERATION_COLUMNS}, FALSE AS is_related,
           entry.balance_after_minor, entry.held_after_minor
      FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::bytea[])
           AS asked (actor_id, idempotency_key, wallet_id, request_hash)
      JOIN operations AS operation USING (actor_id, idempotency_key)
      LEFT JOIN entries AS entry
        ON entry.operation_id = operation.id AND entry.wallet_id = asked.wallet_id
       AND operation.request_hash = asked.request_hash
     UNION ALL
    SELECT {_OPERATION_COLUMNS}, TRUE, NULL, NULL FROM {{related}} AS operation
)
SELECT locked.*, outflow.*, known.*, (SELECT now FROM instant) AS read_at
"""  # noqa: S608  (made of constants)

_ROWS = """
  FROM locked
  LEFT JOIN LATERAL (
    SELECT -coalesce(sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::bigint
               AS outflow_24h_minor,
           (SELECT max(sequence) FROM entries
             WHERE wallet_id = locked.id AND locked.outflow_24h_max_minor IS NOT NULL)
               AS sequence_seen
      FROM entries
     WHERE wallet_id = locked.id AND sequence IS NOT NULL
       AND created_at > (SELECT now FROM instant) - interval '24 hours'
       AND created_at > now() - interval '24 hours'
       AND locked.outflow_24h_max_minor IS NOT NULL
  ) AS outflow ON TRUE
  FULL JOIN known ON FALSE
"""

# Most rounds follow nothing and use no quote: they do not pay for the parts that do.
_LOCK_AND_READ = f"{_LOCKED} {_KNOWN.format(related='ended')} {_ROWS}"
_LOCK_AND_READ_ALL = (
    _LOCKED
    + _FOLLOWED_AND_QUOTED
    + _KNOWN.format(related="(TABLE ended UNION ALL TABLE followed)")
    + f", quoted.* {_ROWS} FULL JOIN quoted ON FALSE"
)

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """
    What a round reads: the wallets that exist, the keys that are known, the instant.

    Attributes:
        related: What the postings refer to, and the holds whose time is over.
        is_swept: Whether no more holds are over than *related* has.
    """

    wallets: dict[UUID, WalletRecord]
    known: dict[IdempotencyKey, KnownOperation]
    related: Related
    read_at: datetime
    is_swept: bool


async def lock_and_read(connection: Connection, works: Sequence[Work]) -> Page:
    """
    Lock what a round concerns until the transaction ends, and read it with the known keys.

    One trip. A key that another transaction commits while this one waits for
    a row lock can be missed; the unique key then refuses the write.

    Raises:
        OutdatedReadError: A wallet with a limit changed while this waited.
    """
    postings = [posting for work in works for posting in work.postings]
    wallet_ids = sorted({wallet_id for work in works for wallet_id in work.wallet_ids})
    keyed = [posting for posting in postings if posting.idempotency_key is not None]
    followed = {posting.parent_id or posting.carries_out_id for posting in postings} - {None}
    quoted = {p.conversion.quote_id for p in postings if p.conversion} - {None}
    # Not as dicts: a row has thirty columns, and half of them are asked for.
    _, rows = await connection.execute_query(
        _LOCK_AND_READ_ALL if followed or quoted else _LOCK_AND_READ,
        [
            wallet_ids,
            [posting.actor_id for posting in keyed],
            [posting.idempotency_key for posting in keyed],
            [posting.wallet_id for posting in keyed],
            [posting.request_hash for posting in keyed],
            *([list(followed), list(quoted)] if followed or quoted else []),
        ],
    )
    # Without any row there is no wallet to write to, and nobody asks for the time.
    read_at: datetime = rows[0]["read_at"] if rows else _NEVER
    wallets = {row["id"]: _wallet_of(row, read_at) for row in rows if row["id"] is not None}
    # A key that is asked for with other input as well has a row for each, and an
    # entry in the row of the request that it was used for: that one comes last.
    operations = [row for row in rows if row["operation_id"] is not None]
    operations.sort(key=lambda row: row["balance_after_minor"] is not None)
    known = {
        (row["actor_id"], row["idempotency_key"]): _known_of(row, wallets)
        for row in operations
        if not row["is_related"]
    }
    related = Related(
        {
            row["operation_id"]: _operation_of(row, wallets)
            for row in operations
            if row["is_related"]
        },
        {row["quote_id"]: _quote_of(row) for row in rows if quoted and row["quote_id"] is not None},
        {row["id"]: _limits_of(row) for row in rows if _is_limited(row)},
    )
    over = sum(operation.is_over(read_at) for operation in related.operations.values())
    return Page(wallets, known, related, read_at, is_swept=over < ENDED_MAX)


def _wallet_of(row: Row, read_at: datetime) -> WalletRecord:
    frozen_until = row["frozen_until"]
    is_thawed = frozen_until is not None and frozen_until <= read_at
    return WalletRecord(
        id=row["id"],
        owner_id=row["owner_id"],
        owner_email=row["owner_email"],
        currency=row["currency"],
        label=row["label"],
        status=WalletStatus.ACTIVE if is_thawed else WalletStatus(row["status"]),
        frozen_until=None if is_thawed else frozen_until,
        balance_minor=row["balance_minor"],
        held_minor=row["held_minor"],
        overdraft_minor=row["overdraft_minor"],
        last_sequence=row["last_sequence"],
        head_hash=row["head_hash"],
        last_entry_at=row["last_entry_at"],
        created_at=row["created_at"],
    )


def _known_of(row: Row, wallets: dict[UUID, WalletRecord]) -> KnownOperation:
    # Another request's wallet has no entry of this operation; its hash differs, so nobody asks.
    return KnownOperation(
        _operation_of(row, wallets), row["balance_after_minor"], row["held_after_minor"]
    )


def _operation_of(row: Row, wallets: dict[UUID, WalletRecord]) -> OperationRecord:
    source, target = wallets.get(row["source_wallet_id"]), wallets.get(row["target_wallet_id"])
    return OperationRecord(
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
        conversion=read_conversion(row),
        parent_id=row["parent_id"],
        expires_at=row["operation_expires_at"],
        scheduled_for=row["scheduled_for"],
        returned_minor=row["returned_minor"],
    )


def read_conversion(row: Row) -> Conversion | None:
    """Return what an operation's target got, where that is another currency."""
    if row["rate"] is None:
        return None
    return Conversion(
        amount_minor=row["target_amount_minor"],
        currency=row["target_currency"],
        rate=row["rate"],
    )


def _quote_of(row: Row) -> QuoteRecord:
    return QuoteRecord(
        id=row["quote_id"],
        user_id=row["user_id"],
        amount_minor=row["quote_amount_minor"],
        currency=row["quote_currency"],
        target_amount_minor=row["quote_target_amount_minor"],
        target_currency=row["quote_target_currency"],
        rate=row["quote_rate"],
        created_at=row["quote_created_at"],
        expires_at=row["quote_expires_at"],
        operation_id=row["quote_operation_id"],
    )


def _is_limited(row: Row) -> bool:
    return not (row["outflow_max_minor"] is None and row["outflow_24h_max_minor"] is None)


def _limits_of(row: Row) -> WalletLimits:
    if row["outflow_24h_max_minor"] is not None and row["sequence_seen"] != row["last_sequence"]:
        raise OutdatedReadError
    return WalletLimits(
        outflow_max_minor=row["outflow_max_minor"],
        outflow_24h_max_minor=row["outflow_24h_max_minor"],
        outflow_24h_minor=row["outflow_24h_minor"] or 0,
    )
