"""The naive version's transfer: locks, rows, saves, one after the other."""

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

import jwt
from redis.asyncio import Redis
from tortoise.transactions import in_transaction

from bench.naive.models import Entry, Operation, User, Wallet

_LOCK_TTL_S = 30.0
_LOCK_WAIT_S = 60.0

# A tenth of the library's own default, so that a waiter loses less time beside a free lock.
_LOCK_SLEEP_S = 0.01


class RefusedError(Exception):
    """Raised when a transfer must not be; nothing moved."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Transferred:
    """A transfer that was made, now or before."""

    operation: Operation
    wallet: Wallet
    replayed: bool


async def find_user(token: str | None) -> User | None:
    """Return whom an access token speaks for."""
    if token is None:
        return None
    try:
        claims = jwt.decode(token, os.environ["SECRET_KEY"], algorithms=["HS256"], issuer="wallet")
    except jwt.InvalidTokenError:
        return None
    return await User.get_or_none(id=claims["sub"])


async def transfer(
    redis: Redis,
    user: User,
    *,
    source_id: UUID,
    target_id: UUID,
    amount_minor: int,
    currency: str,
    idempotency_key: str,
) -> Transferred:
    """
    Move money between two wallets, once.

    Raises:
        RefusedError: A wallet, the currency or the funds are not as they must be.
    """
    known = await Operation.get_or_none(actor=user, idempotency_key=idempotency_key)
    if known:
        return Transferred(known, await Wallet.get(id=known.source_id), replayed=True)
    async with AsyncExitStack() as locks:
        # Always in this order, so that two transfers never wait for each other in a circle.
        for wallet_id in sorted((source_id, target_id)):
            await locks.enter_async_context(
                redis.lock(
                    f"naive:{wallet_id}",
                    timeout=_LOCK_TTL_S,
                    blocking_timeout=_LOCK_WAIT_S,
                    sleep=_LOCK_SLEEP_S,
                )
            )
        async with in_transaction() as connection:
            locked = (
                Wallet.filter(id__in=[source_id, target_id])
                .order_by("id")
                .select_for_update()
                .using_db(connection)
            )
            wallets = {wallet.id: wallet for wallet in await locked}
            source, target = wallets.get(source_id), wallets.get(target_id)
            if source is None or target is None or source.owner_id != user.id:
                raise RefusedError("NOT_FOUND", "There is no such wallet.")
            if source.currency != currency or target.currency != currency:
                raise RefusedError("CURRENCY_MISMATCH", "The wallet holds another currency.")
            if source.balance_minor < amount_minor:
                raise RefusedError("INSUFFICIENT_FUNDS", "There is not enough money.")
            operation = await Operation.create(
                using_db=connection,
                id=uuid4(),
                status="COMPLETED",
                actor=user,
                source=source,
                target=target,
                amount_minor=amount_minor,
                currency=currency,
                idempotency_key=idempotency_key,
            )
            for wallet, change_minor in ((source, -amount_minor), (target, amount_minor)):
                wallet.balance_minor += change_minor
                await wallet.save(using_db=connection)
                await Entry.create(
                    using_db=connection,
                    id=uuid4(),
                    operation=operation,
                    wallet=wallet,
                    amount_minor=change_minor,
                    balance_after_minor=wallet.balance_minor,
                )
    return Transferred(operation, source, replayed=False)
