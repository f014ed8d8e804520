"""Wallets: opening them, and finding one's own."""

import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID

import orjson

from wallet.core.errors import IdempotencyConflictError
from wallet.core.ids import exchange_wallet_id, new_id, world_wallet_id
from wallet.core.logging import get_logger
from wallet.core.settings import Settings
from wallet.models import OperationKind, WalletStatus
from wallet.services.actors import Actor
from wallet.services.database import Connection, Row, fetch, run_transaction
from wallet.services.ledger import (
    Ledger,
    Leg,
    LimitExceededError,
    LimitKind,
    Posting,
    WalletRecord,
)
from wallet.services.ledger.chain import GENESIS

# In the order of their ids, so that two that open the same never wait in a circle.
_INSERT = """
INSERT INTO wallets (
    id, owner_id, currency, label, status, balance_minor, held_minor, overdraft_minor,
    last_sequence, head_hash, last_entry_at, created_at)
SELECT id, owner_id, currency, label, 'ACTIVE', 0, 0, 0, 0, $5, now(), now()
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
       AS given (id, owner_id, currency, label)
 ORDER BY id
ON CONFLICT (id) DO NOTHING
"""

# What is held by holds whose time is over can be spent already, whether they were swept or not.
HELD = """
    (wallet.held_minor - CASE WHEN wallet.held_minor > 0 THEN (
        SELECT coalesce(sum(amount_minor), 0)::bigint FROM operations
         WHERE source_wallet_id = wallet.id AND kind = 'HOLD' AND status = 'PENDING'
           AND expires_at <= now()) ELSE 0 END)
"""

# A wallet whose freeze is over is active, whatever its row says.
_SELECT = f"""
SELECT wallet.id, wallet.owner_id, owner.email AS owner_email, wallet.currency, wallet.label,
       CASE WHEN wallet.frozen_until <= now() THEN 'ACTIVE' ELSE wallet.status END AS status,
       CASE WHEN wallet.frozen_until > now() THEN wallet.frozen_until END AS frozen_until,
       wallet.balance_minor, wallet.overdraft_minor, {HELD} AS held_minor,
       wallet.last_sequence, wallet.head_hash, wallet.last_entry_at, wallet.created_at
  FROM wallets AS wallet
  JOIN users AS owner ON owner.id = wallet.owner_id
"""  # noqa: S608  (made of constants)

# An owner's openings go one by one, so that the limit is exact.
_LOCK_OWNER = "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE"

_KNOWN = """
SELECT request_hash, target_wallet_id FROM operations
 WHERE actor_id = $1 AND idempotency_key = $2
"""

_COUNT = "SELECT count(*) AS wallets FROM wallets WHERE owner_id = $1 AND status <> 'CLOSED'"

log = get_logger(__name__)


async def open_wallet(
    ledger: Ledger,
    settings: Settings,
    *,
    actor: Actor,
    currency: str,
    label: str | None,
    idempotency_key: str,
) -> WalletRecord:
    """
    Open a wallet in *currency* for the actor, once; a replay answers the same wallet.

    Atomic: the wallet and its OPENING operation, or nothing.

    Raises:
        IdempotencyConflictError: The key was used with other input.
        LimitExceededError: The actor has MAX_WALLETS_PER_USER wallets.
    """
    request_hash = hash_request(OperationKind.OPENING, currency, label)

    async def work(connection: Connection) -> tuple[WalletRecord, bool]:
        await connection.execute_query_dict(_LOCK_OWNER, [actor.user_id])
        known = await connection.execute_query_dict(_KNOWN, [actor.user_id, idempotency_key])
        if known:
            if known[0]["request_hash"] != request_hash:
                raise IdempotencyConflictError
            return await get_wallet(connection, known[0]["target_wallet_id"]), True
        count = await connection.execute_query_dict(_COUNT, [actor.user_id])
        if count[0]["wallets"] >= settings.max_wallets_per_user:
            raise LimitExceededError(
                f"One user has at most {settings.max_wallets_per_user} wallets.",
                operation=None,
                limit=LimitKind.WALLETS,
            )
        opened = await open_in_transaction(
            connection,
            ledger,
            user_id=actor.user_id,
            currency=currency,
            kind=OperationKind.OPENING,
            label=label,
            idempotency_key=idempotency_key,
            request_hash=request_hash,
        )
        return opened, False

    wallet, replayed = await run_transaction(work, finds_itself=True)
    log.info("operation", kind=OperationKind.OPENING.value, outcome="COMPLETED", replayed=replayed)
    return wallet


async def open_in_transaction(
    connection: Connection,
    ledger: Ledger,
    *,
    user_id: UUID,
    currency: str,
    kind: OperationKind,
    label: str | None = None,
    idempotency_key: str | None = None,
    request_hash: bytes | None = None,
) -> WalletRecord:
    """Open a wallet inside the caller's transaction; its statement starts with this operation."""
    wallet_id = new_id()
    # The other side of every top-up in this currency; there after its first wallet.
    world = (world_wallet_id(currency), None, currency, None)
    await _insert(connection, [world, (wallet_id, user_id, currency, label)])
    outcome = await ledger.record(
        connection,
        Posting(
            operation_id=new_id(),
            kind=kind,
            actor_id=user_id,
            wallet_id=wallet_id,
            owner_id=user_id,
            source_id=None,
            target_id=wallet_id,
            amount_minor=0,
            currency=currency,
            legs=(Leg(wallet_id, 0),),
            idempotency_key=idempotency_key,
            request_hash=request_hash,
        ),
    )
    if outcome.wallet is None:
        raise AssertionError(f"the ledger refused a new wallet: {outcome.error}")
    return outcome.wallet


async def open_system_wallets(connection: Connection, currencies: Iterable[str]) -> None:
    """Open, where they are missing, the wallets on the other side of top-ups and conversions."""
    wallets = [
        (id_of(currency), None, currency, None)
        for currency in currencies
        for id_of in (world_wallet_id, exchange_wallet_id)
    ]
    await _insert(connection, wallets)


async def _insert(
    connection: Connection, wallets: Sequence[tuple[UUID, UUID | None, str, str | None]]
) -> None:
    """Insert wallets, each as its id, its owner, its currency and its label."""
    columns = zip(*wallets, strict=True)
    await connection.execute_query(_INSERT, [*map(list, columns), GENESIS])


async def find_wallet(actor: Actor, wallet_id: UUID) -> WalletRecord | None:
    """Return the actor's wallet; None when there is none, or it is somebody else's."""
    rows = await fetch(
        f"{_SELECT} WHERE wallet.id = $1 AND owner.id = $2", wallet_id, actor.user_id
    )
    return _record(rows[0]) if rows else None


async def find_any_wallet(actor: Actor, wallet_id: UUID) -> WalletRecord | None:
    """Return whatever wallet of a holder has this id, to an operator."""
    if not actor.is_operator:
        raise AssertionError("only an operator looks up any wallet")
    rows = await fetch(f"{_SELECT} WHERE wallet.id = $1", wallet_id)
    return _record(rows[0]) if rows else None


async def lock_wallet(connection: Connection, wallet_id: UUID) -> WalletRecord | None:
    """
    Lock a holder's wallet until the caller's transaction ends, as each round of the ledger does.

    Whatever moves money in it is committed by then, or sees what the caller changes.
    """
    rows = await connection.execute_query_dict(
        f"{_SELECT} WHERE wallet.id = $1 FOR NO KEY UPDATE OF wallet", [wallet_id]
    )
    return _record(rows[0]) if rows else None


async def list_wallets(owner_id: UUID) -> Sequence[WalletRecord]:
    """Return all wallets of a user, oldest first; MAX_WALLETS_PER_USER bounds them."""
    rows = await fetch(f"{_SELECT} WHERE owner.id = $1 ORDER BY wallet.id", owner_id)
    return [_record(row) for row in rows]


def hash_request(kind: OperationKind, *values: object) -> bytes:
    """Return the SHA-256 that tells whether a key came back with the same request."""
    request = [kind.value, *(str(v) if isinstance(v, UUID) else v for v in values)]
    return hashlib.sha256(orjson.dumps(request)).digest()


async def get_wallet(connection: Connection, wallet_id: UUID) -> WalletRecord:
    """Return a wallet as the caller's transaction sees it."""
    rows = await connection.execute_query_dict(f"{_SELECT} WHERE wallet.id = $1", [wallet_id])
    return _record(rows[0])


def _record(row: Row) -> WalletRecord:
    return WalletRecord(**{**row, "status": WalletStatus(row["status"])})
