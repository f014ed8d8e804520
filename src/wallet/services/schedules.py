"""Scheduled transfers: called off before their time, or carried out at it."""

from dataclasses import replace
from uuid import UUID

from wallet.core.errors import BusyError, NotFoundError
from wallet.core.ids import new_id
from wallet.core.logging import get_logger
from wallet.models import OperationKind
from wallet.services.actors import Actor
from wallet.services.database import Row, fetch
from wallet.services.ledger import Ledger, Leg, NotPendingError, Outcome, Posting
from wallet.services.statements import find_operation_from
from wallet.services.transfers import completed
from wallet.services.wallets import hash_request

_DUE = """
SELECT id, actor_id, source_wallet_id, target_wallet_id, amount_minor, currency
  FROM operations
 WHERE scheduled_for <= now() AND status = 'PENDING'
 ORDER BY scheduled_for, id
 LIMIT $1
"""

log = get_logger(__name__)


async def cancel_transfer(
    ledger: Ledger, operation_id: UUID, *, actor: Actor, idempotency_key: str
) -> Outcome:
    """
    Call off a transfer that is still to come, once, by the owner of its source.

    Raises:
        NotFoundError: There is no scheduled transfer out of one of the actor's wallets.
        NotPendingError: It was carried out, or called off.
    """
    found = await find_operation_from(actor, operation_id)
    if found is None or found.scheduled_for is None or found.source_id is None:
        raise NotFoundError("There is no such scheduled transfer.", field=("operation_id",))
    posting = Posting(
        operation_id=new_id(),
        kind=OperationKind.VOID,
        actor_id=actor.user_id,
        wallet_id=found.source_id,
        owner_id=actor.user_id,
        source_id=found.source_id,
        target_id=found.target_id,
        amount_minor=found.amount_minor,
        currency=found.currency,
        legs=(Leg(found.source_id, 0),),
        parent_id=found.id,
        idempotency_key=idempotency_key,
        request_hash=hash_request(OperationKind.VOID, operation_id),
    )
    outcome = completed(await ledger.post(posting), {})
    if outcome.operation is None:
        raise AssertionError("a completed posting has an operation")
    # The target has no part in it, and so was not read: it is known from before.
    return replace(
        outcome, operation=replace(outcome.operation, source=found.source, target=found.target)
    )


async def carry_out_due(ledger: Ledger, *, limit: int) -> tuple[int, int]:
    """
    Carry out transfers whose time has come, the earliest first; safe in several processes.

    Each is carried out exactly once, whoever else is at it: under the lock it
    is PENDING for one of them alone. What is refused then is FAILED. One that
    found its wallets busy is left for the next time.

    Returns:
        How many were due, *limit* at most, and how many of them are so still.

    Raises:
        ServiceUnavailableError: PostgreSQL went away; what is left is still due.
    """
    due = await fetch(_DUE, limit)
    waiting = 0
    outcomes = await ledger.post_each([_posting_of(row) for row in due])
    for row, outcome in zip(due, outcomes, strict=True):
        # What is no longer pending, somebody else has carried out, or called off.
        if outcome.operation is None and not isinstance(outcome.error, NotPendingError):
            waiting += 1
            if not isinstance(outcome.error, BusyError):
                log.error("transfer is stuck", id=str(row["id"]), error=str(outcome.error))
    return len(due), waiting


def _posting_of(row: Row) -> Posting:
    source_id, target_id = row["source_wallet_id"], row["target_wallet_id"]
    amount_minor = row["amount_minor"]
    return Posting(
        operation_id=row["id"],
        kind=OperationKind.TRANSFER,
        actor_id=row["actor_id"],
        wallet_id=source_id,
        owner_id=None,
        source_id=source_id,
        target_id=target_id,
        amount_minor=amount_minor,
        currency=row["currency"],
        legs=(Leg(source_id, -amount_minor), Leg(target_id, amount_minor)),
        carries_out_id=row["id"],
    )
