"""
Look-ups: what operators read of anybody's, each on record in the log.

The line is written before the answer, also where nothing was found.
"""

from datetime import datetime
from uuid import UUID

from wallet.core.ids import find_id
from wallet.core.logging import get_logger
from wallet.core.records import record
from wallet.services.accounts import normalise_email
from wallet.services.actors import Actor, check_operator
from wallet.services.database import fetch
from wallet.services.ledger import OperationRecord, WalletRecord
from wallet.services.statements import find_any_operation
from wallet.services.wallets import find_any_wallet

_SELECT = "SELECT id, email, created_at FROM users"

_ASKED_LENGTH_MAX = 254
"""Most that the log keeps of an id that is none."""

log = get_logger(__name__)


@record
class FoundUser:
    """What an operator sees of a user."""

    id: UUID
    email: str
    created_at: datetime


async def look_up_user(actor: Actor, global_id: str) -> FoundUser | None:
    """
    Return the user with this id; None when there is none.

    Raises:
        ForbiddenError: The actor is no operator; nothing was looked up.
    """
    check_operator(actor)
    user_id = find_id("User", global_id)
    rows = await fetch(f"{_SELECT} WHERE id = $1", user_id) if user_id else []
    log_look(actor.user_id, "user", user_id or global_id, found=bool(rows))
    return FoundUser(**rows[0]) if rows else None


async def look_up_user_by_email(actor: Actor, email: str) -> FoundUser | None:
    """Return the user with this address, without regard to case; raises as ``look_up_user``."""
    check_operator(actor)
    normalised = normalise_email(email)
    rows = await fetch(f"{_SELECT} WHERE email = $1", normalised) if normalised else []
    log_look(actor.user_id, "user", rows[0]["id"] if rows else email, found=bool(rows))
    return FoundUser(**rows[0]) if rows else None


async def look_up_wallet(actor: Actor, global_id: str) -> WalletRecord | None:
    """Return the holder's wallet with this id; raises as ``look_up_user``."""
    check_operator(actor)
    wallet_id = find_id("Wallet", global_id)
    wallet = await find_any_wallet(actor, wallet_id) if wallet_id else None
    log_look(actor.user_id, "wallet", wallet_id or global_id, found=wallet is not None)
    return wallet


async def look_up_operation(actor: Actor, global_id: str) -> OperationRecord | None:
    """Return the operation with this id; raises as ``look_up_user``."""
    check_operator(actor)
    operation_id = find_id("Operation", global_id)
    operation = await find_any_operation(actor, operation_id) if operation_id else None
    log_look(actor.user_id, "operation", operation_id or global_id, found=operation is not None)
    return operation


def log_look(actor_id: UUID, what: str, asked: UUID | str, *, found: bool = True) -> None:
    """Put on record that an operator looks at something, by its id or by what was asked for."""
    log.info(
        "operator look",
        actor_id=str(actor_id),
        what=what,
        id=str(asked)[:_ASKED_LENGTH_MAX],
        found=found,
    )
