"""Top-ups, withdrawals and transfers: what builds a posting and hands it to the ledger."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from wallet.core.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    WalletError,
)
from wallet.core.ids import new_id, world_wallet_id
from wallet.core.records import record
from wallet.core.settings import Funding
from wallet.models import OperationKind
from wallet.services.actors import Actor
from wallet.services.ledger import (
    Conversion,
    Ledger,
    Leg,
    Outcome,
    Posting,
    WalletNotFoundError,
    exchange_legs,
)
from wallet.services.quotes import AskedQuote, find_conversions
from wallet.services.wallets import hash_request


@record(kw_only=True)
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


@record(kw_only=True)
class TransferOrder:
    """
    Who pays whom, and how much.

    Attributes:
        amount_minor: Positive, in the minor unit of *currency* (1250 = 12.50 EUR).
        quote_id: The quote that converts it, where the target's currency is another one.
        conversion: What the target gets by it, once somebody has looked it up.
        scheduled_for: When it is to be carried out; None is now.
    """

    source_id: UUID
    target_id: UUID
    amount_minor: int
    currency: str
    note: Note
    quote_id: UUID | None = None
    conversion: Conversion | None = None
    scheduled_for: datetime | None = None

    def to_posting(self, actor: Actor, *, from_anybody: bool = False) -> Posting:
        """
        Return the posting that carries it out for *actor*.

        Args:
            from_anybody: Whether the source may be anybody's, because the actor's
                role is enough; the caller has looked at it.

        Raises:
            InvalidInputError: Both sides are the same wallet, or it is scheduled
                and has a quote, which lasts not nearly as long.
        """
        if self.scheduled_for is not None and self.quote_id is not None:
            raise InvalidInputError("A scheduled transfer takes no quote.", field=("quote_id",))
        if self.source_id == self.target_id:
            raise InvalidInputError(
                "Source and target are the same wallet.", field=("target_wallet_id",)
            )
        received_minor = self.conversion.amount_minor if self.conversion else self.amount_minor
        return Posting(
            operation_id=new_id(),
            kind=OperationKind.TRANSFER,
            actor_id=actor.user_id,
            wallet_id=self.source_id,
            owner_id=None if from_anybody else actor.user_id,
            source_id=self.source_id,
            target_id=self.target_id,
            amount_minor=self.amount_minor,
            currency=self.currency,
            legs=(
                Leg(self.source_id, -self.amount_minor),
                Leg(self.target_id, received_minor),
                *exchange_legs(self.amount_minor, self.currency, self.conversion),
            ),
            idempotency_key=self.note.idempotency_key,
            request_hash=self.hash_as(OperationKind.TRANSFER),
            description=self.note.description,
            metadata=self.note.metadata,
            conversion=self.conversion,
            scheduled_for=self.scheduled_for,
        )

    def hash_as(self, kind: OperationKind, *more: object) -> bytes:
        """Return the hash of the request for it; what was not asked for is no part of it."""
        scheduled_for = (self.scheduled_for.isoformat(),) if self.scheduled_for else ()
        return hash_request(
            kind,
            self.source_id,
            self.target_id,
            self.amount_minor,
            self.currency,
            self.note.description,
            self.note.metadata,
            *quote_of(self.conversion),
            *scheduled_for,
            *more,
        )

    @property
    def fields(self) -> dict[UUID, tuple[str, ...]]:
        """Where in the input each wallet stands."""
        return {self.source_id: ("source_wallet_id",), self.target_id: ("target_wallet_id",)}


async def transfer(ledger: Ledger, order: TransferOrder, *, actor: Actor) -> Outcome:
    """
    Move the order's amount from its source to its target, once.

    Atomic: both entries commit, or neither does. What the ledger's rules
    refuse (conflict, currency, status, funds, limit) is raised; where the
    attempt is on record, the error carries the FAILED operation.

    Raises:
        InvalidInputError: Both sides are the same wallet, or the quote is for another amount.
        NotFoundError: Either wallet, or the quote, is missing, or the source or
            the quote is not the actor's.
        WalletError: Any other refusal of the ledger; see ``decide``.
        BusyError: Others held the wallets for the whole wait. Nothing moved.
    """
    order = await get_converted(order, actor)
    return completed(await ledger.post(order.to_posting(actor)), order.fields)


@record(kw_only=True)
class FundingOrder:
    """
    How much comes into a wallet from outside, or leaves it for there.

    Attributes:
        amount_minor: Positive, in the minor unit of *currency* (1250 = 12.50 EUR).
        quote_id: The quote that converts a top-up, where the wallet's currency is another one.
        conversion: What the wallet gets by it, once somebody has looked it up.
    """

    wallet_id: UUID
    amount_minor: int
    currency: str
    note: Note
    quote_id: UUID | None = None
    conversion: Conversion | None = None

    def to_posting(self, kind: OperationKind, actor: Actor) -> Posting:
        """Return the posting that carries it out for *actor*: a TOPUP or a WITHDRAWAL."""
        world_id = world_wallet_id(self.currency)
        is_topup = kind is OperationKind.TOPUP
        inward_minor = self.amount_minor if is_topup else -self.amount_minor
        world = Leg(world_id, -inward_minor, is_system=True)
        wallet = Leg(
            self.wallet_id, self.conversion.amount_minor if self.conversion else inward_minor
        )
        return Posting(
            operation_id=new_id(),
            kind=kind,
            actor_id=actor.user_id,
            wallet_id=self.wallet_id,
            owner_id=None if actor.is_operator else actor.user_id,
            source_id=world_id if is_topup else self.wallet_id,
            target_id=self.wallet_id if is_topup else world_id,
            amount_minor=self.amount_minor,
            currency=self.currency,
            legs=((world, wallet) if is_topup else (wallet, world))
            + exchange_legs(self.amount_minor, self.currency, self.conversion),
            idempotency_key=self.note.idempotency_key,
            request_hash=hash_request(
                kind,
                self.wallet_id,
                self.amount_minor,
                self.currency,
                self.note.description,
                self.note.metadata,
                *quote_of(self.conversion),
            ),
            description=self.note.description,
            metadata=self.note.metadata,
            conversion=self.conversion,
        )


async def topup(ledger: Ledger, funding: Funding, order: FundingOrder, *, actor: Actor) -> Outcome:
    """
    Bring the order's amount from outside into its wallet, once.

    Atomic: the wallet's entry and the world's commit, or neither does.

    Args:
        funding: Who may: owners their own wallets, or operators any wallet.

    Raises:
        ForbiddenError: FUNDING=operator, and the actor is none.
        InvalidInputError: The quote is for another amount.
        NotFoundError: The wallet, or the quote, is missing, or not the actor's.
        WalletError: Any other refusal of the ledger; see ``decide``.
        BusyError: Others held the wallet for the whole wait. Nothing moved.
    """
    return await _fund(ledger, funding, order, OperationKind.TOPUP, actor)


async def withdraw(
    ledger: Ledger, funding: Funding, order: FundingOrder, *, actor: Actor
) -> Outcome:
    """
    Take the order's amount out of its wallet to the outside, once.

    Atomic, and for whom, as ``topup``; raises the same, and InsufficientFundsError
    with the FAILED operation where the wallet has less.
    """
    return await _fund(ledger, funding, order, OperationKind.WITHDRAWAL, actor)


async def _fund(
    ledger: Ledger, funding: Funding, order: FundingOrder, kind: OperationKind, actor: Actor
) -> Outcome:
    if funding is Funding.OPERATOR and not actor.is_operator:
        raise ForbiddenError("Only an operator moves money in and out of wallets here.")
    order = await get_converted(order, actor)
    outcome = await ledger.post(order.to_posting(kind, actor))
    return completed(outcome, {order.wallet_id: ("wallet_id",)})


Order = TypeVar("Order", TransferOrder, FundingOrder)


async def get_converted(order: Order, actor: Actor) -> Order:
    """
    Return an order with what its quote converts it to; one without a quote as it is.

    Raises:
        NotFoundError: There is no such quote, or it is not the actor's.
    """
    (converted,) = await find_converted([order], actor)
    if isinstance(converted, NotFoundError):
        raise converted
    return converted


async def find_converted(orders: Sequence[Order], actor: Actor) -> list[Order | NotFoundError]:
    """Do for several orders, in one trip, what ``get_converted`` does for one."""
    asked = [
        AskedQuote(order.quote_id, order.note.idempotency_key)
        for order in orders
        if order.quote_id is not None
    ]
    conversions = iter(await find_conversions(actor, asked))
    return [
        order if order.quote_id is None else _converted(order, next(conversions))
        for order in orders
    ]


def _converted(order: Order, conversion: Conversion | None) -> Order | NotFoundError:
    if conversion is None:
        return NotFoundError("There is no such quote.", field=("quote_id",))
    return replace(order, conversion=conversion)


def quote_of(conversion: Conversion | None) -> tuple[UUID, ...]:
    """Return the quote of a conversion, for a request's hash; nothing where there is none."""
    return (conversion.quote_id,) if conversion and conversion.quote_id else ()


def completed(outcome: Outcome, fields: dict[UUID, tuple[str, ...]]) -> Outcome:
    """Return an outcome in which money moved; raise what the ledger refused."""
    if outcome.error is not None:
        raise with_field(outcome.error, fields)
    return outcome


def with_field(error: WalletError, fields: dict[UUID, tuple[str, ...]]) -> WalletError:
    """Say of a wallet that the ledger did not find where in the input it stands."""
    if isinstance(error, WalletNotFoundError):
        return NotFoundError(error.message, field=fields[error.wallet_id])
    return error
