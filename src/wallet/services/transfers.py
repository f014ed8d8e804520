"""Top-ups and transfers: what builds a posting and hands it to the ledger."""

from dataclasses import dataclass
from uuid import UUID

from wallet.core.errors import ForbiddenError, InvalidInputError, NotFoundError
from wallet.core.ids import new_id, world_wallet_id
from wallet.core.settings import Funding
from wallet.models import OperationKind
from wallet.services.actors import Actor
from wallet.services.ledger import Ledger, Leg, Outcome, Posting, WalletNotFoundError
from wallet.services.wallets import hash_request


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """
    What a request for money says besides who, whom and how much.

    Attributes:
        idempotency_key: Made by the client; a replay answers the first outcome.
        metadata: Canonical JSON text.
    """

    idempotency_key: str
    description: str | None = None
    metadata: str | None = None


async def transfer(
    ledger: Ledger,
    *,
    actor: Actor,
    source_id: UUID,
    target_id: UUID,
    amount_minor: int,
    currency: str,
    note: Note,
) -> Outcome:
    """
    Move *amount_minor* from *source_id* to *target_id*, once.

    Atomic: both entries commit, or neither does. What the ledger's rules
    refuse (conflict, currency, status, funds, limit) is raised; where the
    attempt is on record, the error carries the FAILED operation.

    Args:
        amount_minor: Positive, in the minor unit of *currency* (1250 = 12.50 EUR).

    Raises:
        InvalidInputError: Both sides are the same wallet.
        NotFoundError: Either wallet is missing, or the source is not the actor's.
        WalletError: Any other refusal of the ledger; see ``decide``.
        BusyError: Others held the wallets for the whole wait. Nothing moved.
    """
    if source_id == target_id:
        raise InvalidInputError(
            "Source and target are the same wallet.", field=("target_wallet_id",)
        )
    outcome = await ledger.post(
        Posting(
            operation_id=new_id(),
            kind=OperationKind.TRANSFER,
            actor_id=actor.user_id,
            wallet_id=source_id,
            owner_id=actor.user_id,
            source_id=source_id,
            target_id=target_id,
            amount_minor=amount_minor,
            currency=currency,
            legs=(Leg(source_id, -amount_minor), Leg(target_id, amount_minor)),
            idempotency_key=note.idempotency_key,
            request_hash=hash_request(
                OperationKind.TRANSFER,
                source_id,
                target_id,
                amount_minor,
                currency,
                note.description,
                note.metadata,
            ),
            description=note.description,
            metadata=note.metadata,
        )
    )
    return _completed(outcome, {source_id: ("source_wallet_id",), target_id: ("target_wallet_id",)})


async def topup(
    ledger: Ledger,
    funding: Funding,
    *,
    actor: Actor,
    wallet_id: UUID,
    amount_minor: int,
    currency: str,
    note: Note,
) -> Outcome:
    """
    Bring *amount_minor* from outside into *wallet_id*, once.

    Atomic: the wallet's entry and the world's commit, or neither does.

    Args:
        funding: Who may: owners their own wallets, or operators any wallet.
        amount_minor: Positive, in the minor unit of *currency* (1250 = 12.50 EUR).

    Raises:
        ForbiddenError: FUNDING=operator, and the actor is none.
        NotFoundError: The wallet is missing, or not the actor's.
        WalletError: Any other refusal of the ledger; see ``decide``.
        BusyError: Others held the wallet for the whole wait. Nothing moved.
    """
    if funding is Funding.OPERATOR and not actor.is_operator:
        raise ForbiddenError("Only an operator tops up wallets here.")
    outcome = await ledger.post(
        Posting(
            operation_id=new_id(),
            kind=OperationKind.TOPUP,
            actor_id=actor.user_id,
            wallet_id=wallet_id,
            owner_id=None if actor.is_operator else actor.user_id,
            source_id=world_wallet_id(currency),
            target_id=wallet_id,
            amount_minor=amount_minor,
            currency=currency,
            legs=(
                Leg(world_wallet_id(currency), -amount_minor, is_system=True),
                Leg(wallet_id, amount_minor),
            ),
            idempotency_key=note.idempotency_key,
            request_hash=hash_request(
                OperationKind.TOPUP,
                wallet_id,
                amount_minor,
                currency,
                note.description,
                note.metadata,
            ),
            description=note.description,
            metadata=note.metadata,
        )
    )
    return _completed(outcome, {wallet_id: ("wallet_id",)})


def _completed(outcome: Outcome, fields: dict[UUID, tuple[str, ...]]) -> Outcome:
    """Return an outcome in which money moved; raise what the ledger refused."""
    if isinstance(outcome.error, WalletNotFoundError):
        raise NotFoundError(outcome.error.message, field=fields[outcome.error.wallet_id])
    if outcome.error is not None:
        raise outcome.error
    return outcome
