"""
Verification: does the ledger hold?

Everything is read from one snapshot, and checked in this order; the first row
that does not hold is the answer:

1. ``chains``: every sequence, running balance and hash, and each wallet's row
   against its last entry;
2. ``operations``: who keeps a chain, the system wallets, that each operation adds
   up to 0 in each currency, and that it is one that there can be;
3. ``holds``: what is held against pending holds, and how each hold ended;
4. ``reversals``: what was given back against what was received and paid;
5. ``operations``: that each has exactly the entries that its kind and status ask for;
6. ``quotes``: each used once, for what it was made for;
7. ``trial_balance``: each currency's debits are its credits.

Each check is one statement, whose memory PostgreSQL bounds (``work_mem``).
"""

from collections.abc import Callable

import asyncpg

from wallet.core.records import record
from wallet.core.settings import Settings
from wallet.services.verification import holds, operations, quotes, reversals
from wallet.services.verification.chains import walk_chains
from wallet.services.verification.findings import (
    BrokenLedgerError,
    System,
    read_system,
    run_checks,
)
from wallet.services.verification.trial_balance import (
    Account,
    CurrencyBalance,
    check_trial_balance,
    read_trial_balance,
)

__all__ = ["Account", "BrokenLedgerError", "CurrencyBalance", "Verified", "verify"]

# All of it is read, and each check finds nothing as a rule: no plan is good for giving
# its first row soon, nor one that looks up row by row because it expects few.
_PLANS = "SET LOCAL cursor_tuple_fraction = 1; SET LOCAL enable_nestloop = off"


@record
class Verified:
    """How much was read, and found to hold; and what it adds up to, by currency."""

    wallets: int = 0
    entries: int = 0
    operations: int = 0
    trial_balance: tuple[CurrencyBalance, ...] = ()


async def verify(settings: Settings, *, on_progress: Callable[[int], None]) -> Verified:
    """
    Check the whole ledger, in memory that does not grow with it.

    Args:
        on_progress: Told now and then how many entries are read.

    Raises:
        BrokenLedgerError: Something does not hold.
    """
    connection = await asyncpg.connect(
        settings.database_url, server_settings={"application_name": "wallet verify"}
    )
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(_PLANS)
            wallets, entries = await walk_chains(connection, on_progress)
            system = await read_system(connection)
            await _check_operations(connection, system)
            trial_balance = await read_trial_balance(connection, system)
            check_trial_balance(trial_balance)
            count = await connection.fetchval("SELECT count(*) FROM operations")
            return Verified(wallets, entries, count, trial_balance)
    finally:
        await connection.close()


async def _check_operations(connection: asyncpg.Connection, system: System) -> None:
    await run_checks(connection, system, (*operations.OWN_CHECKS, *holds.CHECKS))
    await holds.check_expiries(connection)
    await run_checks(
        connection, system, (*reversals.CHECKS, *operations.ENTRY_CHECKS, *quotes.CHECKS)
    )
