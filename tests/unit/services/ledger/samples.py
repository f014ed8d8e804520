"""Wallets and postings as the services make them, for tests of the ledger's core."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from wallet.core.ids import world_wallet_id
from wallet.models import OperationKind, WalletStatus
from wallet.services.ledger import (
    Conversion,
    Leg,
    OperationRecord,
    Posting,
    WalletRecord,
    exchange_legs,
)
from wallet.services.ledger.records import QuoteRecord

NOW = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
BIGINT_MAX = 2**63 - 1

ADA = UUID(int=0xADA)
BOB = UUID(int=0xB0B)
OPERATOR = UUID(int=0x0FF1CE)

_ids = count(0x1000)


def next_id() -> UUID:
    """Make an id that no other sample has."""
    return UUID(int=next(_ids))


def make_wallet(
    owner_id: UUID = ADA,
    *,
    currency: str = "EUR",
    status: WalletStatus = WalletStatus.ACTIVE,
    balance_minor: int = 0,
    **more: Any,
) -> WalletRecord:
    """Make a wallet with a balance; *more* are further columns of its row."""
    wallet = WalletRecord(
        id=next_id(),
        owner_id=owner_id,
        owner_email=f"{owner_id.hex[-6:]}@example.com",
        currency=currency,
        label=None,
        status=status,
        balance_minor=balance_minor,
        held_minor=0,
        overdraft_minor=0,
        last_sequence=0,
        head_hash=bytes(32),
        last_entry_at=LONG_AGO,
        created_at=LONG_AGO,
    )
    return replace(wallet, **more)


def by_id(*wallets: WalletRecord) -> dict[UUID, WalletRecord]:
    """Return the rows as ``decide`` takes them."""
    return {wallet.id: wallet for wallet in wallets}


def make_transfer(
    source: WalletRecord,
    target: WalletRecord,
    amount_minor: int,
    *,
    currency: str = "EUR",
    actor_id: UUID = ADA,
    key: str | None = None,
) -> Posting:
    """Make the posting of a transfer by *actor_id*, who must own *source*."""
    return _posting(
        OperationKind.TRANSFER,
        actor_id=actor_id,
        owner_id=actor_id,
        wallet_id=source.id,
        source_id=source.id,
        target_id=target.id,
        amount_minor=amount_minor,
        currency=currency,
        legs=(Leg(source.id, -amount_minor), Leg(target.id, amount_minor)),
        idempotency_key=key,
    )


def make_topup(
    wallet: WalletRecord,
    amount_minor: int,
    *,
    currency: str = "EUR",
    actor_id: UUID = ADA,
    by_operator: bool = False,
    key: str | None = None,
) -> Posting:
    """Make the posting of a top-up: from the world into *wallet*."""
    world_id = world_wallet_id(currency)
    return _posting(
        OperationKind.TOPUP,
        actor_id=actor_id,
        owner_id=None if by_operator else actor_id,
        wallet_id=wallet.id,
        source_id=world_id,
        target_id=wallet.id,
        amount_minor=amount_minor,
        currency=currency,
        legs=(Leg(world_id, -amount_minor, is_system=True), Leg(wallet.id, amount_minor)),
        idempotency_key=key,
    )


def make_withdrawal(
    wallet: WalletRecord,
    amount_minor: int,
    *,
    currency: str = "EUR",
    actor_id: UUID = ADA,
    key: str | None = None,
) -> Posting:
    """Make the posting of a withdrawal: from *wallet* into the world."""
    world_id = world_wallet_id(currency)
    return _posting(
        OperationKind.WITHDRAWAL,
        actor_id=actor_id,
        owner_id=actor_id,
        wallet_id=wallet.id,
        source_id=wallet.id,
        target_id=world_id,
        amount_minor=amount_minor,
        currency=currency,
        legs=(Leg(wallet.id, -amount_minor), Leg(world_id, amount_minor, is_system=True)),
        idempotency_key=key,
    )


def make_hold(
    source: WalletRecord,
    target: WalletRecord,
    amount_minor: int,
    *,
    key: str | None = None,
    expires_at: datetime | None = None,
) -> Posting:
    """Make the posting of a hold by the owner of *source*."""
    return replace(
        make_transfer(
            source,
            target,
            amount_minor,
            currency=source.currency,
            actor_id=source.owner_id,
            key=key,
        ),
        kind=OperationKind.HOLD,
        legs=(Leg(source.id, 0, held_change_minor=amount_minor), Leg(target.id, 0)),
        expires_at=expires_at,
    )


def make_following(
    parent: OperationRecord,
    kind: OperationKind,
    amount_minor: int | None,
    owner_id: UUID,
    *,
    key: str | None = None,
) -> Posting:
    """
    Make the posting of what follows *parent*, by *owner_id*.

    A CAPTURE or VOID is of a hold, by the owner of its target; a VOID of a
    scheduled transfer, by the owner of its source; a REVERSAL of what was
    paid, by the owner of its target. *amount_minor* None is all of it.
    """
    assert parent.source_id is not None
    assert parent.target_id is not None
    source_id, target_id, own_id = parent.source_id, parent.target_id, parent.target_id
    legs: tuple[Leg, ...] = (Leg(source_id, 0), Leg(target_id, 0))
    if kind is OperationKind.REVERSAL:
        source_id, target_id, legs = target_id, source_id, legs[::-1]
    elif parent.scheduled_for is not None:
        own_id, legs = source_id, legs[:1]
    is_reversal = kind is OperationKind.REVERSAL
    return _posting(
        kind,
        actor_id=owner_id,
        owner_id=owner_id,
        wallet_id=own_id,
        source_id=source_id,
        target_id=target_id,
        amount_minor=amount_minor or (0 if is_reversal else parent.amount_minor),
        currency=parent.received_currency if is_reversal else parent.currency,
        legs=legs,
        parent_id=parent.id,
        takes_rest=is_reversal and amount_minor is None,
        idempotency_key=key,
    )


def make_carrying_out(scheduled: OperationRecord) -> Posting:
    """Make the posting with which a worker carries a scheduled transfer out."""
    assert scheduled.source_id is not None
    assert scheduled.target_id is not None
    return Posting(
        operation_id=scheduled.id,
        kind=OperationKind.TRANSFER,
        actor_id=scheduled.actor_id,
        wallet_id=scheduled.source_id,
        owner_id=None,
        source_id=scheduled.source_id,
        target_id=scheduled.target_id,
        amount_minor=scheduled.amount_minor,
        currency=scheduled.currency,
        legs=(
            Leg(scheduled.source_id, -scheduled.amount_minor),
            Leg(scheduled.target_id, scheduled.amount_minor),
        ),
        carries_out_id=scheduled.id,
    )


def make_conversion(payment: Posting, quote: QuoteRecord) -> Posting:
    """Return a transfer of a quote's amount, of which the target gets what the quote says."""
    conversion = Conversion(
        amount_minor=quote.target_amount_minor,
        currency=quote.target_currency,
        rate=quote.rate,
        quote_id=quote.id,
    )
    source, target = payment.legs
    return replace(
        payment,
        conversion=conversion,
        legs=(
            source,
            replace(target, amount_minor=conversion.amount_minor),
            *exchange_legs(quote.amount_minor, quote.currency, conversion),
        ),
    )


def make_opening(wallet: WalletRecord, *, key: str | None = None) -> Posting:
    """Make the posting that starts a new wallet's statement."""
    return _posting(
        OperationKind.OPENING,
        actor_id=wallet.owner_id,
        owner_id=wallet.owner_id,
        wallet_id=wallet.id,
        source_id=None,
        target_id=wallet.id,
        amount_minor=0,
        currency=wallet.currency,
        legs=(Leg(wallet.id, 0),),
        idempotency_key=key,
    )


def ask_again(posting: Posting) -> Posting:
    """Return the same request as it comes in a second time: only the operation's id is new."""
    return replace(posting, operation_id=next_id())


def _posting(kind: OperationKind, *, idempotency_key: str | None, **fields: Any) -> Posting:
    request = (kind, *(fields[name] for name in ("source_id", "target_id", "amount_minor")))
    return Posting(
        operation_id=next_id(),
        kind=kind,
        idempotency_key=idempotency_key,
        request_hash=(
            hashlib.sha256(repr((*request, fields["currency"])).encode()).digest()
            if idempotency_key is not None
            else None
        ),
        **fields,
    )
