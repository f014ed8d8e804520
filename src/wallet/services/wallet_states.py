"""States of wallets: operators freeze and unfreeze them; operators and owners close them."""

from datetime import datetime
from uuid import UUID

from wallet.core.errors import BusyError, InvalidInputError, NotFoundError
from wallet.core.logging import get_logger
from wallet.models import WalletStatus
from wallet.services.actors import Actor, check_operator
from wallet.services.database import Connection, run_transaction
from wallet.services.ledger import (
    Ledger,
    WalletNotEmptyError,
    WalletRecord,
    WalletUnavailableError,
)
from wallet.services.wallets import find_any_wallet, find_wallet, get_wallet, lock_wallet

_SET_STATUS = "UPDATE wallets SET status = $2, frozen_until = $3 WHERE id = $1"

# A hold whose time was over after the sweep still stands in the row.
_CLOSE = """
UPDATE wallets SET status = 'CLOSED', frozen_until = NULL
 WHERE id = $1 AND balance_minor = 0 AND held_minor = 0
"""

log = get_logger(__name__)


async def freeze_wallet(
    wallet_id: UUID, *, actor: Actor, until: datetime | None, reason: str | None
) -> WalletRecord:
    """
    Let no money into a wallet and none out of it; by an operator.

    Atomic, and in order with payments: once this has returned, nothing moves.
    What is frozen already is frozen until *until* from now on.

    Args:
        until: When the freeze is over by itself; None is when it is unfrozen.
        reason: For the log.

    Raises:
        ForbiddenError: The actor is no operator; nothing was looked up.
        NotFoundError: There is no such wallet.
        InvalidInputError: *until* is over.
        WalletUnavailableError: It is closed.
    """
    check_operator(actor)

    async def freeze(connection: Connection) -> WalletRecord:
        await _lock_open(connection, wallet_id)
        if until is not None and until <= await _read_clock(connection):
            raise InvalidInputError("This instant is over.", field=("until",))
        await connection.execute_query(_SET_STATUS, [wallet_id, WalletStatus.FROZEN.value, until])
        return await get_wallet(connection, wallet_id)

    frozen = await run_transaction(freeze, finds_itself=True)
    _log_change(frozen, actor, until=until.isoformat() if until else None, reason=reason)
    return frozen


async def unfreeze_wallet(wallet_id: UUID, *, actor: Actor) -> WalletRecord:
    """
    Let money move again; by an operator.

    Raises:
        ForbiddenError: The actor is no operator; nothing was looked up.
        NotFoundError: There is no such wallet.
        WalletUnavailableError: It is closed.
    """
    check_operator(actor)

    async def unfreeze(connection: Connection) -> WalletRecord:
        await _lock_open(connection, wallet_id)
        await connection.execute_query(_SET_STATUS, [wallet_id, WalletStatus.ACTIVE.value, None])
        return await get_wallet(connection, wallet_id)

    active = await run_transaction(unfreeze, finds_itself=True)
    _log_change(active, actor)
    return active


async def close_wallet(ledger: Ledger, wallet_id: UUID, *, actor: Actor) -> WalletRecord:
    """
    Close an empty wallet for good; by its owner, or an operator.

    Atomic, and in order with payments: a closed wallet never has money. Holds
    whose time is over do not stand in the way. One that is closed already is
    answered as it is.

    Raises:
        NotFoundError: There is no such wallet, or it is not the actor's.
        WalletUnavailableError: It is frozen, and the actor is no operator.
        WalletNotEmptyError: Its balance is not 0, or something is held.
        BusyError: Others held the wallet for the whole wait.
    """
    find = find_any_wallet if actor.is_operator else find_wallet
    if await find(actor, wallet_id) is None:
        raise _not_found()
    await ledger.sweep([wallet_id])

    async def close(connection: Connection) -> tuple[WalletRecord, bool]:
        wallet = await _lock(connection, wallet_id)
        if wallet.status is WalletStatus.CLOSED:
            return wallet, False
        if wallet.status is WalletStatus.FROZEN and not actor.is_operator:
            raise unavailable(wallet)
        if (wallet.balance_minor, wallet.held_minor) != (0, 0):
            raise WalletNotEmptyError(
                balance_minor=wallet.balance_minor,
                held_minor=wallet.held_minor,
                currency=wallet.currency,
            )
        closed, _ = await connection.execute_query(_CLOSE, [wallet_id])
        if not closed:
            raise BusyError
        return await get_wallet(connection, wallet_id), True

    closed, is_new = await run_transaction(close, finds_itself=True)
    if is_new:
        _log_change(closed, actor)
    return closed


def unavailable(wallet: WalletRecord) -> WalletUnavailableError:
    """Return the refusal of whatever a frozen or closed wallet does not take."""
    return WalletUnavailableError(
        status=wallet.status, operation=None, wallet_id=wallet.id, until=wallet.frozen_until
    )


async def _lock_open(connection: Connection, wallet_id: UUID) -> None:
    wallet = await _lock(connection, wallet_id)
    if wallet.status is WalletStatus.CLOSED:
        raise unavailable(wallet)


async def _lock(connection: Connection, wallet_id: UUID) -> WalletRecord:
    wallet = await lock_wallet(connection, wallet_id)
    if wallet is None:
        raise _not_found()
    return wallet


def _not_found() -> NotFoundError:
    return NotFoundError("There is no such wallet.", field=("wallet_id",))


async def _read_clock(connection: Connection) -> datetime:
    now: datetime = (await connection.execute_query_dict("SELECT clock_timestamp() AS now"))[0][
        "now"
    ]
    return now


def _log_change(wallet: WalletRecord, actor: Actor, **more: str | None) -> None:
    log.info(
        "wallet status",
        wallet_id=str(wallet.id),
        status=wallet.status.value,
        actor_id=str(actor.user_id),
        **more,
    )
