"""
The worker: ends holds whose time is over, carries out transfers whose time has come,
and forgets quotes that nobody has used, and sessions that are long over.

Several may run, and none of them is needed for what anybody sees of a hold:
readers and payers take one that is past its time for ended. A worker that was
away carries out what became due in the meantime, in the order of their times.
"""

import asyncio
from uuid import UUID

from wallet.core.errors import BusyError, ServiceUnavailableError
from wallet.core.logging import get_logger
from wallet.core.records import record
from wallet.services.database import fetch, is_unreachable
from wallet.services.ledger import Ledger
from wallet.services.quotes import forget_quotes
from wallet.services.schedules import carry_out_due
from wallet.services.sessions import forget_sessions

DUE_MAX = 500
"""Most holds, scheduled transfers, quotes and sessions that are looked at in one go."""

_POLL_S = 1.0
_AFTER_TROUBLE_S = 5.0

_ENDED = """
SELECT source_wallet_id FROM operations
 WHERE kind = 'HOLD' AND status = 'PENDING' AND expires_at <= now()
 ORDER BY expires_at, id
 LIMIT $1
"""

log = get_logger(__name__)


@record
class Found:
    """
    What was due of one sort.

    Attributes:
        count: How much was looked at, ``DUE_MAX`` at most.
        waiting: How many, or on how many wallets, have to wait for another go.
    """

    count: int
    waiting: int

    @property
    def is_more_due(self) -> bool:
        """Whether to go again at once; not where others hold all that was found."""
        return self.count >= DUE_MAX and self.waiting < self.count


async def work(ledger: Ledger, *, until: asyncio.Event) -> None:
    """Do what is due as soon as it is, until *until* is set; trouble of any sort is waited out."""
    while not until.is_set():
        try:
            is_more_due = await work_once(ledger)
        except Exception as error:
            if isinstance(error, BusyError):
                # Nobody is away: others were in the way for too long.
                log.warning("due, and waits for others")
            elif isinstance(error, ServiceUnavailableError) or is_unreachable(error):
                log.warning("database is away", error=type(error).__name__)
            else:
                # It is due still, and so is what others wait for.
                log.exception("worker failed")
            await _wait(until, _AFTER_TROUBLE_S)
        else:
            if not is_more_due:
                await _wait(until, _POLL_S)


async def work_once(ledger: Ledger) -> bool:
    """
    Do a bounded part of what is due; return whether there is more that can be done now.

    Raises:
        ServiceUnavailableError: PostgreSQL went away; what is left is still due. So
            does what ``is_unreachable`` tells.
    """
    holds = await end_holds(ledger)
    transfers = Found(*await carry_out_due(ledger, limit=DUE_MAX))
    forgotten = [await forget_quotes(limit=DUE_MAX), await forget_sessions(limit=DUE_MAX)]
    if holds.count or transfers.count:
        log.info("due", holds=holds.count, transfers=transfers.count)
    if holds.waiting or transfers.waiting:
        log.warning("due, and wait", wallets=holds.waiting, transfers=transfers.waiting)
    return holds.is_more_due or transfers.is_more_due or max(forgotten) >= DUE_MAX


async def end_holds(ledger: Ledger) -> Found:
    """Put on record that holds are over, the longest over first; safe in several processes."""
    rows = await fetch(_ENDED, DUE_MAX)
    wallet_ids = list(dict.fromkeys(row["source_wallet_id"] for row in rows))
    are_swept = await asyncio.gather(*(_sweep(ledger, wallet_id) for wallet_id in wallet_ids))
    return Found(len(rows), are_swept.count(False))


async def _sweep(ledger: Ledger, wallet_id: UUID) -> bool:
    try:
        await ledger.sweep([wallet_id])
    except BusyError:
        return False
    except ServiceUnavailableError:
        raise
    except Exception:
        # What is wrong with one wallet must not keep the others waiting.
        log.exception("holds cannot be ended", wallet_id=str(wallet_id))
        return False
    return True


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return
