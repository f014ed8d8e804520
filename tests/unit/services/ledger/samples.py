"""Wallets and postings as the services make them, for tests of the ledger's core."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from wallet.core.ids import world_wallet_id
from wallet.models import OperationKind, WalletStatus
from wallet.services.ledger import Leg, Posting, WalletRecord

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
