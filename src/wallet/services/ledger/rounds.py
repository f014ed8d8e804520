"""
The imperative shell: what takes a posting through the gate and the database.

A round locks in Redis (one trip), begins a transaction, reads and locks the
rows, decides, writes and commits (four trips), answers, and gives the locks
back (one trip).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Any, TypeVar
from uuid import UUID

from wallet.core.errors import BusyError, ServiceUnavailableError
from wallet.core.logging import get_logger
from wallet.core.metrics import LOCK_OUTAGES, OPERATIONS
from wallet.core.settings import LockOutage
from wallet.services.database import Connection, run_transaction
from wallet.services.ledger.decide import decide
from wallet.services.ledger.journal import lock_and_read, write
from wallet.services.ledger.locks import Gate, GateUnavailableError, new_token, pause
from wallet.services.ledger.records import Outcome, Posting
from wallet.services.ledger.turns import Turns

_LOCK_PAUSE_MIN_MS = 4.0
_LOCK_PAUSE_MAX_MS = 60.0
_LOCK_PAUSE_GROWTH = 1.5

log = get_logger(__name__)

T = TypeVar("T")


class _Locks(Enum):
    """What is known of a round's locks in Redis."""

    NONE = auto()
    HELD = auto()
    UNKNOWN = auto()


class Ledger:
    """
    The one way in for money.

    One instance a process, shared by all requests. It owns no connection: the
    pool and the Redis client belong to who made them.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        lock_wait_ms: int,
        lock_outage: LockOutage,
    ) -> None:
        self._gate = gate
        self._turns = Turns()
        self._lock_wait_ms = lock_wait_ms
        self._lock_outage = lock_outage
        self._tasks: set[asyncio.Task[Any]] = set()

    async def post(self, posting: Posting) -> Outcome:
        """
        Carry out *posting*, once, and return what became of it.

        Atomic: all its entries are committed, or none. What the rules refuse
        is an outcome with an error, not an exception. Cancelled before its
        locks are granted, the posting has asked for nothing; cancelled after
        that, it runs to its end, and its idempotency key tells the outcome.

        Raises:
            BusyError: Others held the wallets for the whole wait. Nothing moved.
            ServiceUnavailableError: PostgreSQL is away; the outcome is unknown.
        """
        abandoned = asyncio.Event()
        round_ = self._start(self._run(posting, abandoned))
        try:
            return await asyncio.shield(round_)
        except asyncio.CancelledError:
            abandoned.set()
            round_.add_done_callback(_hear_out)
            raise

    async def record(self, connection: Connection, posting: Posting) -> Outcome:
        """
        Carry out *posting* inside the caller's transaction, without the gate.

        For wallets that nobody else can know yet: those that the same
        transaction has just opened.
        """
        outcomes = await _carry_out(connection, [posting])
        return outcomes[0]

    async def close(self) -> None:
        """Wait for the rounds under way; what they promised is kept."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task that a caller's cancellation does not reach, and keep hold of it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, posting: Posting, abandoned: asyncio.Event) -> Outcome:
        try:
            async with self._gate_passed(posting, abandoned):
                if abandoned.is_set():
                    raise BusyError
                outcomes = await run_transaction(
                    lambda connection: _carry_out(connection, [posting]), finds_itself=True
                )
        except (BusyError, ServiceUnavailableError) as error:
            _log_unanswered(posting, error)
            raise
        _log_outcome(posting, outcomes[0])
        return outcomes[0]

    @asynccontextmanager
    async def _gate_passed(self, posting: Posting, abandoned: asyncio.Event) -> AsyncIterator[None]:
        """
        Hold the locks of one posting, after waiting up to LOCK_WAIT_MS for them.

        Raises:
            BusyError: Others held them, or Redis is away and LOCK_OUTAGE=refuse.
        """
        wallet_ids = [leg.wallet_id for leg in posting.holder_legs]
        token = new_token()
        deadline = asyncio.get_running_loop().time() + self._lock_wait_ms / 1000
        try:
            async with asyncio.timeout_at(deadline):
                await self._turns.take(wallet_ids)
        except TimeoutError:
            raise BusyError from None
        locks = _Locks.NONE
        try:
            try:
                await self._wait_for_locks(wallet_ids, token, abandoned, deadline=deadline)
                locks = _Locks.HELD
            except GateUnavailableError as error:
                # Whether they were taken before Redis fell silent cannot be known.
                locks = _Locks.UNKNOWN if error.asked else _Locks.NONE
                self._go_on_without_gate(error)
            yield
        finally:
            # The answer does not wait for this trip.
            self._start(self._let_go(wallet_ids, token, locks))

    async def _let_go(self, wallet_ids: Sequence[UUID], token: str, locks: _Locks) -> None:
        """Give back the locks, and only then the turns: who comes next finds them free."""
        try:
            if locks is not _Locks.NONE:
                await self._gate.release(wallet_ids, token=token, held=locks is _Locks.HELD)
        finally:
            self._turns.give_back(wallet_ids)

    async def _wait_for_locks(
        self, wallet_ids: Sequence[UUID], token: str, abandoned: asyncio.Event, *, deadline: float
    ) -> None:
        clock = asyncio.get_running_loop().time
        pause_ms = _LOCK_PAUSE_MIN_MS
        while True:
            granted = await self._gate.acquire([wallet_ids], token=token)
            if granted[0]:
                return
            remaining_ms = (deadline - clock()) * 1000
            if abandoned.is_set() or remaining_ms <= 0:
                raise BusyError
            # Processes that woke together would collide again, so each sleeps its own
            # time, and asks less often the longer it has waited.
            wait_ms = pause_ms * random.uniform(0.5, 1)  # noqa: S311  (no secret)
            await pause(min(wait_ms, remaining_ms), unless=abandoned)
            pause_ms = min(pause_ms * _LOCK_PAUSE_GROWTH, _LOCK_PAUSE_MAX_MS)

    def _go_on_without_gate(self, error: GateUnavailableError) -> None:
        LOCK_OUTAGES.labels(action=self._lock_outage.value).inc()
        log.warning("redis is away", action=self._lock_outage.value, error=error.reason)
        if self._lock_outage is LockOutage.REFUSE:
            raise BusyError


async def _carry_out(connection: Connection, postings: Sequence[Posting]) -> list[Outcome]:
    page = await lock_and_read(connection, postings)
    decision = decide(page.wallets, page.known, postings, now=page.read_at)
    if decision.operations:
        await write(connection, decision)
    return decision.outcomes


def _log_outcome(posting: Posting, outcome: Outcome) -> None:
    result = outcome.error.code.value if outcome.error else "COMPLETED"
    OPERATIONS.labels(kind=posting.kind.value, outcome=result).inc()
    log.info(
        "operation",
        kind=posting.kind.value,
        outcome=result,
        operation_id=str(outcome.operation.id) if outcome.operation else None,
        replayed=outcome.replayed,
    )


def _log_unanswered(posting: Posting, error: BusyError | ServiceUnavailableError) -> None:
    result = "BUSY" if isinstance(error, BusyError) else "UNKNOWN"
    OPERATIONS.labels(kind=posting.kind.value, outcome=result).inc()
    log.warning("operation", kind=posting.kind.value, outcome=result)


def _hear_out(round_: asyncio.Task[Outcome]) -> None:
    """Take note of how a round ended whose caller is gone: asyncio warns of what nobody reads."""
    if not round_.cancelled() and round_.exception() is not None:
        log.info("abandoned round ended", exc_info=round_.exception())
