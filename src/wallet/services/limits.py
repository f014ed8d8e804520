"""
Limits of a wallet: the largest single outflow, the outflow per rolling 24 hours, the overdraft.

They stand in the wallet's row, so the ledger knows them under the lock: see
``rules`` for what they are asked about.
"""

from collections.abc import Mapping
from uuid import UUID

from wallet.core.errors import BusyError, InvalidInputError, NotFoundError
from wallet.core.inputs import check_limit
from wallet.core.logging import get_logger
from wallet.core.money import format_amount
from wallet.core.records import record
from wallet.models import WalletStatus
from wallet.services.actors import Actor, check_operator
from wallet.services.database import Connection, fetch, run_transaction
from wallet.services.ledger import Ledger, WalletRecord
from wallet.services.wallet_states import unavailable
from wallet.services.wallets import HELD, find_any_wallet, get_wallet, lock_wallet

# The sum over a day is for those who have a limit of it.
_SELECT = f"""
SELECT wallet.currency, wallet.outflow_max_minor, wallet.outflow_24h_max_minor,
       wallet.overdraft_minor,
       CASE WHEN wallet.outflow_24h_max_minor IS NOT NULL THEN {HELD} + (
           SELECT -coalesce(sum(amount_minor), 0)::bigint FROM entries
            WHERE wallet_id = wallet.id AND sequence IS NOT NULL AND amount_minor < 0
              AND created_at > now() - interval '24 hours') END AS outflow_24h_minor
  FROM wallets AS wallet WHERE wallet.id = $1
"""  # noqa: S608  (made of constants)

# A hold whose time was over after the sweep still stands in the row.
_UPDATE = """
UPDATE wallets
   SET outflow_max_minor = CASE WHEN $2 THEN $3::bigint ELSE outflow_max_minor END,
       outflow_24h_max_minor = CASE WHEN $4 THEN $5::bigint ELSE outflow_24h_max_minor END,
       overdraft_minor = CASE WHEN $6 THEN coalesce($7::bigint, 0) ELSE overdraft_minor END
 WHERE id = $1 AND (NOT $6 OR balance_minor - held_minor >= -coalesce($7::bigint, 0))
"""

log = get_logger(__name__)


@record(kw_only=True)
class Limits:
    """
    How much may leave a wallet; minor units of *currency*, None is no limit.

    Attributes:
        outflow_24h_minor: What left within 24 hours, and what is held; None without a limit.
    """

    currency: str
    outflow_max_minor: int | None
    outflow_24h_max_minor: int | None
    outflow_24h_minor: int | None
    overdraft_minor: int

    @property
    def outflow_24h_left_minor(self) -> int | None:
        """What may still leave now, were there enough money."""
        if self.outflow_24h_max_minor is None or self.outflow_24h_minor is None:
            return None
        return max(self.outflow_24h_max_minor - self.outflow_24h_minor, 0)


async def get_limits(wallet_id: UUID) -> Limits:
    """Return a wallet's limits; the caller has made sure of the right to them."""
    return Limits(**(await fetch(_SELECT, wallet_id))[0])


async def set_limits(
    ledger: Ledger, wallet_id: UUID, amounts: Mapping[str, str | None], *, actor: Actor
) -> WalletRecord:
    """
    Set some limits of a wallet; by an operator.

    Atomic, and in order with payments: once this has returned, nothing passes
    by the old ones. What left before counts: a limit may be lower than that.

    Args:
        amounts: By name (outflow_max, outflow_24h_max, overdraft), decimals in the
            wallet's currency, 0 among them; None is no limit, and no overdraft. What
            is not named stays as it is.

    Raises:
        ForbiddenError: The actor is no operator; nothing was looked up.
        NotFoundError: There is no such wallet.
        WalletUnavailableError: It is closed.
        InvalidInputError: An amount is none, or more is overdrawn than *overdraft*.
        BusyError: Others held the wallet for the whole wait.
    """
    check_operator(actor)
    if await find_any_wallet(actor, wallet_id) is None:
        raise _not_found()
    if "overdraft" in amounts:
        await ledger.sweep([wallet_id])

    async def work(connection: Connection) -> WalletRecord:
        wallet = await lock_wallet(connection, wallet_id)
        if wallet is None:
            raise _not_found()
        if wallet.status is WalletStatus.CLOSED:
            raise unavailable(wallet)
        limits = {name: _read(name, text, wallet.currency) for name, text in amounts.items()}
        if "overdraft" in limits:
            _check_overdraft(wallet, limits["overdraft"] or 0)
        values = [
            value
            for name in ("outflow_max", "outflow_24h_max", "overdraft")
            for value in (name in limits, limits.get(name))
        ]
        updated, _ = await connection.execute_query(_UPDATE, [wallet_id, *values])
        if not updated:
            raise BusyError
        return await get_wallet(connection, wallet_id)

    wallet = await run_transaction(work, finds_itself=True)
    log.info(
        "wallet limits", wallet_id=str(wallet_id), actor_id=str(actor.user_id), limits=dict(amounts)
    )
    return wallet


def _read(name: str, text: str | None, currency: str) -> int | None:
    return None if text is None else check_limit(text, currency, field=(name,))


def _check_overdraft(wallet: WalletRecord, overdraft_minor: int) -> None:
    overdrawn_minor = -wallet.available_minor
    if overdrawn_minor > overdraft_minor:
        overdrawn = f"{format_amount(overdrawn_minor, wallet.currency)} {wallet.currency}"
        raise InvalidInputError(
            f"The wallet is overdrawn by {overdrawn} already.", field=("overdraft",)
        )


def _not_found() -> NotFoundError:
    return NotFoundError("There is no such wallet.", field=("wallet_id",))
