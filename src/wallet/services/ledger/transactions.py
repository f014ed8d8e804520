"""
One transaction of a round: read and lock, decide, write.

Mostly one is all that a round takes; where many holds of its wallets are over,
those before the last put them on record.
"""

from collections.abc import Sequence

from wallet.core.errors import BusyError, InvalidInputError
from wallet.core.metrics import ROUND_POSTINGS
from wallet.services.database import Connection, run_transaction
from wallet.services.ledger.decide import decide
from wallet.services.ledger.errors import (
    BatchRejectedError,
    NotPendingError,
    NotReversibleError,
    QuoteExpiredError,
)
from wallet.services.ledger.journal import lock_and_read
from wallet.services.ledger.records import Outcome, Work
from wallet.services.ledger.waits import find_waits
from wallet.services.ledger.writing import write

_TRANSACTIONS_MAX = 8
"""Most transactions of a round: all but the last put holds on record that are over."""

_LOOKED_AT_AGAIN = (
    BatchRejectedError,
    InvalidInputError,
    NotPendingError,
    NotReversibleError,
    QuoteExpiredError,
)
"""Refusals that the first try of the same request can be the reason of."""


async def carry_out(works: Sequence[Work]) -> list[Outcome]:
    """
    Carry out *works* together, and return one outcome per posting.

    Raises:
        BusyError: More holds were over than a round puts on record; it went as far as it got.
    """
    for _ in range(_TRANSACTIONS_MAX):
        outcomes = await run_transaction(
            lambda connection: carry_out_in(connection, works), finds_itself=True
        )
        if outcomes is not None:
            ROUND_POSTINGS.observe(len(outcomes))
            return outcomes
    raise BusyError


async def carry_out_in(connection: Connection, works: Sequence[Work]) -> list[Outcome] | None:
    """Carry out *works*; None where so many holds were over that this only put them on record."""
    page = await lock_and_read(connection, works)
    if not page.is_swept:
        await write(
            connection, decide(page.wallets, {}, (), now=page.read_at, related=page.related)
        )
        return None
    decision = decide(page.wallets, page.known, works, now=page.read_at, related=page.related)
    if any(isinstance(outcome.error, _LOOKED_AT_AGAIN) for outcome in decision.outcomes):
        # A key that was used while we waited for a row is missed, and what such a
        # refusal writes is nothing that its unique key would refuse: with the rows in
        # hand, look again.
        page = await lock_and_read(connection, works)
        decision = decide(page.wallets, page.known, works, now=page.read_at, related=page.related)
    if decision.waits:
        # What is refused says until when; that takes a further trip, and only here.
        related = await find_waits(connection, decision.waits, page)
        decision = decide(page.wallets, page.known, works, now=page.read_at, related=related)
    if decision.operations or decision.changed:
        await write(connection, decision)
    return decision.outcomes
