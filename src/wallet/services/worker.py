"""
The worker: ends holds whose time is over, carries out transfers whose time has come,
and forgets quotes that nobody has used.

Several may run, and none of them is needed for what anybody sees of a hold:
readers and payers take one that is past its time for ended. A worker that was
away carries out what became due in the meantime, in the order of their times.
"""

import asyncio
from uuid import UUID

from wallet.core.errors import BusyError, ServiceUnavailableError
from wallet.core.logging import get_logger
from wallet.services.database import fetch
from wallet.services.ledger import Ledger
from wallet.services.quotes import forget_quotes
from wallet.services.schedules import carry_out_due

DUE_MAX = 500
"""Most holds, scheduled transfers and quotes that are looked at in one go."""

_POLL_S = 1.0
_AFTER_OUTAGE_S = 5.0

_ENDED = """
SELECT source_wallet_id FROM operations
 WHERE kind = 'HOLD' AND status = 'PENDING' AND expires_at <= now()
 ORDER BY expires_at, id
 LIMIT $1
"""

log = get_logger(__name__)


async def work(ledger: Ledger, *, until: asyncio.Event) -> None:
    """Do what is due as soon as it is, until *until* is set; an outage is waited out."""
    while not until.is_set():
        try:
            is_more_due = await work_once(ledger)
        except ServiceUnavailableError:
            log.warning("the database is away")
            await _wait(until, _AFTER_OUTAGE_S)
        else:
            if not is_more_due:
                await _wait(until, _POLL_S)


async def work_once(ledger: Ledger) -> bool:
    """
    Do a bounded part of what is due; return whether there may be more.

    Raises:
        ServiceUnavailableError: PostgreSQL went away; what is left is still due.
    """
    ended = await end_holds(ledger, limit=DUE_MAX)
    carried_out = await carry_out_due(ledger, limit=DUE_MAX)
    forgotten = await forget_quotes(limit=DUE_MAX)
    return max(ended, carried_out, forgotten) >= DUE_MAX


async def end_holds(ledger: Ledger, *, limit: int) -> int:
    """
    Put on record that holds are over, the longest over first; safe in several processes.

    Returns:
        How many were over, *limit* at most.
    """
    rows = await fetch(_ENDED, limit)
    wallet_ids = list(dict.fromkeys(row["source_wallet_id"] for row in rows))
    await asyncio.gather(*(_sweep(ledger, wallet_id) for wallet_id in wallet_ids))
    return len(rows)


async def _sweep(ledger: Ledger, wallet_id: UUID) -> None:
    try:
        await ledger.sweep([wallet_id])
    except BusyError:
        log.warning("ended holds wait", wallet_id=str(wallet_id))


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return
