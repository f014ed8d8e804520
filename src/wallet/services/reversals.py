"""Reversals: a completed transfer is given back, in part or whole."""

from uuid import UUID

from wallet.core.errors import NotFoundError
from wallet.core.ids import new_id
from wallet.models import OperationKind
from wallet.services.actors import Actor
from wallet.services.holds import PartialAmount
from wallet.services.ledger import (
    REVERSIBLE,
    CurrencyMismatchError,
    Ledger,
    Leg,
    NotReversibleError,
    OperationRecord,
    Outcome,
    Posting,
)
from wallet.services.statements import find_any_operation, find_operation_to
from wallet.services.transfers import completed
from wallet.services.wallets import hash_request


async def reverse(
    ledger: Ledger,
    operation_id: UUID,
    part: PartialAmount | None,
    *,
    actor: Actor,
    idempotency_key: str,
    description: str | None,
) -> Outcome:
    """
    Give back what a transfer's target received, once: by its owner, or an operator.

    Atomic. Several parts never exceed the whole, also at the same moment; a
    converted transfer goes back at its own rate, and all parts of it together
    give back exactly what was paid.

    Args:
        part: How much, in the target's currency; None is all that is left.

    Raises:
        NotFoundError: There is no such operation into one of the actor's wallets.
        NotReversibleError: It is none that moves money between holders, or not
            completed, or given back already.
        CurrencyMismatchError: *part* is not of the target's currency.
        InvalidInputError: *part* is more than what is left.
        InsufficientFundsError, WalletUnavailableError: See ``decide``; on record.
    """
    find = find_any_operation if actor.is_operator else find_operation_to
    parent = await find(actor, operation_id)
    if parent is None:
        raise NotFoundError("There is no such operation.", field=("operation_id",))
    if parent.kind not in REVERSIBLE:
        raise NotReversibleError("This operation cannot be given back.")
    if part is not None and part.currency != parent.received_currency:
        raise CurrencyMismatchError(expected=parent.received_currency)
    posting = _to_posting(parent, part, actor, idempotency_key, description)
    return completed(await ledger.post(posting), {})


def _to_posting(
    parent: OperationRecord,
    part: PartialAmount | None,
    actor: Actor,
    idempotency_key: str,
    description: str | None,
) -> Posting:
    if parent.source_id is None or parent.target_id is None:
        raise AssertionError(f"operation {parent.id} lacks a side")
    amount_minor = None if part is None else part.amount_minor
    return Posting(
        operation_id=new_id(),
        kind=OperationKind.REVERSAL,
        actor_id=actor.user_id,
        wallet_id=parent.target_id,
        owner_id=None if actor.is_operator else actor.user_id,
        source_id=parent.target_id,
        target_id=parent.source_id,
        amount_minor=amount_minor or 0,
        takes_rest=part is None,
        currency=parent.received_currency,
        legs=(Leg(parent.target_id, 0), Leg(parent.source_id, 0)),
        parent_id=parent.id,
        idempotency_key=idempotency_key,
        request_hash=hash_request(OperationKind.REVERSAL, parent.id, amount_minor, description),
        description=description,
    )
