"""Holds: money reserved for a target, then captured, voided, or let go at its time."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from wallet.core.errors import InvalidInputError, NotFoundError
from wallet.core.ids import new_id
from wallet.core.money import format_amount
from wallet.core.records import record
from wallet.models import OperationKind
from wallet.services.actors import Actor
from wallet.services.ledger import (
    CurrencyMismatchError,
    Ledger,
    Leg,
    OperationRecord,
    Outcome,
    Posting,
)
from wallet.services.statements import find_operation_to
from wallet.services.transfers import TransferOrder, completed
from wallet.services.wallets import hash_request


@record(kw_only=True)
class PartialAmount:
    """How much of an operation's amount, in minor units of *currency*."""

    amount_minor: int
    currency: str


async def hold(
    ledger: Ledger, order: TransferOrder, *, actor: Actor, expires_at: datetime | None
) -> Outcome:
    """
    Reserve the order's amount in its source for its target, once.

    Atomic: it cannot be spent from then on, until the hold is captured,
    voided, or over.

    Args:
        expires_at: When it is over by itself; None is ``HOLD_TTL`` from now.

    Raises:
        InvalidInputError: Both sides are the same wallet, or the instant is over, or too far.
        NotFoundError: Either wallet is missing, or the source is not the actor's.
        WalletError: Any other refusal of the ledger; see ``decide``.
    """
    posting = order.to_posting(actor)
    outcome = await ledger.post(
        replace(
            posting,
            kind=OperationKind.HOLD,
            legs=(
                Leg(order.source_id, 0, held_change_minor=order.amount_minor),
                Leg(order.target_id, 0),
            ),
            request_hash=order.hash_as(
                OperationKind.HOLD, *((expires_at.isoformat(),) if expires_at else ())
            ),
            expires_at=expires_at,
        )
    )
    return completed(outcome, order.fields)


async def capture_hold(
    ledger: Ledger, hold_id: UUID, part: PartialAmount | None, *, actor: Actor, idempotency_key: str
) -> Outcome:
    """
    Let a hold's target have its money, once; what is left of it is released.

    Args:
        part: How much of it; None is all.

    Raises:
        NotFoundError: There is no such hold for one of the actor's wallets.
        InvalidInputError: *part* is more than the hold.
        CurrencyMismatchError: *part* is of another currency.
        NotPendingError: It was captured, voided, or is over.
        WalletUnavailableError: Either wallet is frozen or closed.
    """
    held = await _find_hold(hold_id, actor)
    if part is not None:
        _check_part(part, held)
    asked_minor = None if part is None else part.amount_minor
    posting = _following(
        held,
        OperationKind.CAPTURE,
        held.amount_minor if asked_minor is None else asked_minor,
        actor=actor,
        idempotency_key=idempotency_key,
        request_hash=hash_request(OperationKind.CAPTURE, hold_id, asked_minor),
    )
    return completed(await ledger.post(posting), {})


async def void_hold(
    ledger: Ledger, hold_id: UUID, *, actor: Actor, idempotency_key: str
) -> Outcome:
    """
    Let go of the money of a hold, by its target's owner, once.

    Raises:
        NotFoundError: There is no such hold for one of the actor's wallets.
        NotPendingError: It was captured, voided, or is over.
    """
    held = await _find_hold(hold_id, actor)
    posting = _following(
        held,
        OperationKind.VOID,
        held.amount_minor,
        actor=actor,
        idempotency_key=idempotency_key,
        request_hash=hash_request(OperationKind.VOID, hold_id),
    )
    return completed(await ledger.post(posting), {})


def _check_part(part: PartialAmount, held: OperationRecord) -> None:
    if part.currency != held.currency:
        raise CurrencyMismatchError(expected=held.currency)
    if part.amount_minor > held.amount_minor:
        most = format_amount(held.amount_minor, held.currency)
        raise InvalidInputError(
            f"The hold is of {most} {held.currency}.", field=("amount", "amount")
        )


async def _find_hold(hold_id: UUID, actor: Actor) -> OperationRecord:
    found = await find_operation_to(actor, hold_id)
    if found is None or found.kind is not OperationKind.HOLD:
        raise NotFoundError("There is no such hold.", field=("operation_id",))
    return found


def _following(
    held: OperationRecord,
    kind: OperationKind,
    amount_minor: int,
    *,
    actor: Actor,
    idempotency_key: str,
    request_hash: bytes,
) -> Posting:
    """Return a posting that follows a hold; its amounts are worked out under the lock."""
    if held.source_id is None or held.target_id is None:
        raise AssertionError(f"hold {held.id} lacks a side")
    return Posting(
        operation_id=new_id(),
        kind=kind,
        actor_id=actor.user_id,
        wallet_id=held.target_id,
        owner_id=actor.user_id,
        source_id=held.source_id,
        target_id=held.target_id,
        amount_minor=amount_minor,
        currency=held.currency,
        legs=(Leg(held.source_id, 0), Leg(held.target_id, 0)),
        parent_id=held.id,
        idempotency_key=idempotency_key,
        request_hash=request_hash,
    )
