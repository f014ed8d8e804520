"""Postings as the services make them, for tests that hand them to the ledger themselves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from tests.support.factories import Pair
from wallet.core.ids import new_id, world_wallet_id
from wallet.models import OperationKind
from wallet.services.ledger import Leg, Posting
from wallet.services.wallets import hash_request


def make_payment(
    actor_id: UUID,
    source_id: UUID,
    target_id: UUID,
    amount_minor: int = 100,
    *,
    currency: str = "EUR",
    key: str | None = None,
) -> Posting:
    """Make the posting of a transfer."""
    return Posting(
        operation_id=new_id(),
        kind=OperationKind.TRANSFER,
        actor_id=actor_id,
        wallet_id=source_id,
        owner_id=actor_id,
        source_id=source_id,
        target_id=target_id,
        amount_minor=amount_minor,
        currency=currency,
        legs=(Leg(source_id, -amount_minor), Leg(target_id, amount_minor)),
        idempotency_key=key or uuid4().hex,
        request_hash=hash_request(
            OperationKind.TRANSFER, source_id, target_id, amount_minor, currency
        ),
    )


def make_topup(
    actor_id: UUID, wallet_id: UUID, amount_minor: int = 100, *, key: str | None = None
) -> Posting:
    """Make the posting of a top-up in euro."""
    world_id = world_wallet_id("EUR")
    return Posting(
        operation_id=new_id(),
        kind=OperationKind.TOPUP,
        actor_id=actor_id,
        wallet_id=wallet_id,
        owner_id=actor_id,
        source_id=world_id,
        target_id=wallet_id,
        amount_minor=amount_minor,
        currency="EUR",
        legs=(Leg(world_id, -amount_minor, is_system=True), Leg(wallet_id, amount_minor)),
        idempotency_key=key or uuid4().hex,
        request_hash=hash_request(OperationKind.TOPUP, wallet_id, amount_minor),
    )


def make_stranger() -> Posting:
    """Make a payment between wallets that do not exist, for tests that stop at the gate."""
    return make_payment(uuid4(), uuid4(), uuid4())


def pays(pair: Pair, amount_minor: int = 100, *, key: str | None = None) -> Posting:
    """Make the posting in which Ada pays Bob."""
    return make_payment(pair.ada.user_id, pair.source_id, pair.target_id, amount_minor, key=key)


def pays_back(pair: Pair, amount_minor: int = 100, *, key: str | None = None) -> Posting:
    """Make the posting in which Bob pays Ada."""
    return make_payment(pair.bob.user_id, pair.target_id, pair.source_id, amount_minor, key=key)


def holds(pair: Pair, amount_minor: int = 1) -> Posting:
    """Make the posting in which Ada's money is held for Bob."""
    return replace(
        pays(pair, amount_minor),
        kind=OperationKind.HOLD,
        legs=(Leg(pair.source_id, 0, held_change_minor=amount_minor), Leg(pair.target_id, 0)),
    )


def pays_later(pair: Pair, amount_minor: int = 1) -> Posting:
    """Make the posting of a payment of Ada's to Bob that waits until tomorrow."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    return replace(pays(pair, amount_minor), scheduled_for=tomorrow)


def ask_again(posting: Posting) -> Posting:
    """Return the same request as it comes in a second time: only the operation's id is new."""
    return replace(posting, operation_id=new_id())
