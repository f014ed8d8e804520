"""
The imperative shell: what takes the waiting postings through the gate and the database.

A round locks in Redis (one trip), begins a transaction, reads and locks the
rows, decides, writes and commits (four trips), answers, and gives the locks
back (one trip), however many postings it holds. While a few rounds wait for
their trips, the next one gathers in the queue: a group commit (DeWitt et al.,
"Implementation Techniques for Main Memory Database Systems", 1984).
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

from wallet.core.errors import BusyError, ServiceUnavailableError
from wallet.core.logging import begin_request, get_logger
from wallet.core.metrics import LOCK_OUTAGES, POSTINGS_IN_FLIGHT
from wallet.core.settings import LockOutage
from wallet.services.database import Connection
from wallet.services.ledger.answers import log_answer
from wallet.services.ledger.locks import Gate, GateUnavailableError, new_token
from wallet.services.ledger.queue import Course, Job, Queue
from wallet.services.ledger.records import AtomicBatch, Outcome, Posting, Sweep, Work
from wallet.services.ledger.transactions import carry_out, carry_out_in

LANES = 2
"""
Most rounds at once: one waits for PostgreSQL while the other gathers.

More lanes make smaller rounds, and each round has a price of its own: batches of
100 went at 1,500 to 2,100 transfers a second with three to six, and 2,600 with two.
"""

_ROUND_DEADLINE_S = 9.0
"""
After so long no further transaction of a round begins; the last one may take
``TRANSACTION_DEADLINE_S`` more, and the locks live longer than both.
"""

_LOCK_PAUSE_MIN_MS = 3.0
_LOCK_PAUSE_MAX_MS = 40.0
_LOCK_PAUSE_GROWTH = 1.3

_TIMER_ERROR_S = 0.001
"""
How much too early a timer may fire: uvloop rounds to whole milliseconds. Who is
woken before it is time stays where it is, and nobody would wake it again.
"""

log = get_logger(__name__)


class _Locks(Enum):
    """What is known of a round's locks in Redis."""

    NONE = auto()
    HELD = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class _Pass:
    """
    What a round may do after it has asked the gate.

    Attributes:
        jobs: Those that go on.
        wallet_ids: The wallets that are the round's until it ends.
        locks: Whether they are locked in Redis.
    """

    jobs: list[Job]
    wallet_ids: list[UUID]
    locks: _Locks


class Ledger:
    """
    The one way in for money.

    One instance a process, shared by all requests. It owns no connection: the
    pool and the Redis client belong to who made them.
    """

    def __init__(self, gate: Gate, *, lock_wait_ms: int, lock_outage: LockOutage) -> None:
        self._gate = gate
        self._lock_wait_s = lock_wait_ms / 1000
        self._lock_outage = lock_outage
        self._queue = Queue()
        self._arrivals = 0
        self._rounds: dict[asyncio.Task[None], int] = {}
        self._is_waking = False
        self._expiry: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None
        self._is_closed = False
        POSTINGS_IN_FLIGHT.set_function(lambda: len(self._queue) + sum(self._rounds.values()))

    async def post(self, posting: Posting) -> Outcome:
        """
        Carry out *posting*, once, and return what became of it.

        Atomic: all its entries are committed, or none. What the rules refuse
        is an outcome with an error, not an exception. Cancelled before its
        locks are granted, the posting has asked for nothing; cancelled after
        that, it runs to its end, and its idempotency key tells the outcome.

        Raises:
            BusyError: Others held the wallets for the whole wait, or too many
                wait already. Nothing moved.
            ServiceUnavailableError: PostgreSQL is away; the outcome is unknown.
        """
        return (await self._answer_to(self._ask(posting)))[0]

    async def post_each(
        self, postings: Sequence[Posting], *, course: Course | None = None
    ) -> list[Outcome]:
        """
        Carry out each of *postings* on its own, in their order per wallet.

        Each is as atomic as if it came alone; one that is not carried out
        leaves the others alone, and Busy is an outcome here.

        Args:
            course: Of calls whose order holds even where one posting is Busy or its
                outcome unknown: then those behind it at its wallets are Busy too.
                Who has one asks again, so that Busy is nobody's answer yet, and
                not on record.

        Raises:
            ServiceUnavailableError: PostgreSQL went away; the outcome of some is
                unknown, and their keys tell it.
        """
        jobs = [self._ask(posting, course) for posting in postings]
        answers = await asyncio.gather(*(job.answer for job in jobs), return_exceptions=True)
        # On record first, each of them: one that is unknown does not hide the others.
        for job, answer in zip(jobs, answers, strict=True):
            if course is None or isinstance(answer, list):
                log_answer(job, answer)
        return [_outcome_of(answer) for answer in answers]

    async def post_batch(self, postings: Sequence[Posting]) -> list[Outcome]:
        """
        Carry out all of *postings* in their order, or none.

        Atomic: under all their locks, in one transaction. A posting whose key
        was carried out before counts as carried out, and is not repeated.

        Raises:
            BatchRejectedError: One of them was refused. Nothing moved, and no
                attempt is on record.
            BusyError, ServiceUnavailableError: See ``post``.
        """
        outcomes = await self._answer_to(self._ask(AtomicBatch(tuple(postings))))
        if outcomes[0].error is not None:
            raise outcomes[0].error
        return outcomes

    async def sweep(self, wallet_ids: Sequence[UUID]) -> None:
        """
        End the holds on *wallet_ids* whose time is over.

        Readers and payers take them for ended anyway; this puts it on record.

        Raises:
            BusyError, ServiceUnavailableError: See ``post``.
        """
        await self._answer_to(self._ask(Sweep(tuple(wallet_ids))))

    async def record(self, connection: Connection, posting: Posting) -> Outcome:
        """
        Carry out *posting* inside the caller's transaction, without the gate.

        For wallets that nobody else can know yet: those that the same
        transaction has just opened.
        """
        outcomes = await carry_out_in(connection, [posting])
        if outcomes is None:
            raise AssertionError("a wallet that was just opened has holds")
        return outcomes[0]

    async def drain(self) -> None:
        """Wait until every posting is answered and every lock is given back."""
        while self._rounds or len(self._queue):
            self._drained = self._drained or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)

    async def close(self) -> None:
        """Take no further posting, and wait for those that came; what was promised is kept."""
        self._is_closed = True
        await self.drain()

    # -- waiting -----------------------------------------------------------------------

    def _ask(self, work: Work, course: Course | None = None) -> Job:
        """Put *work* into the queue; one that is full fails it at once."""
        loop = asyncio.get_running_loop()
        self._arrivals += 1
        deadline = loop.time() + self._lock_wait_s
        job = Job(work, self._arrivals, deadline, loop.create_future(), course=course)
        try:
            if self._is_closed:
                raise BusyError
            self._queue.put(job)
        except BusyError as error:
            job.fail(error)
            return job
        if not self._queue.is_blocked(job):
            self._wake()
        self._expire_later()
        return job

    async def _answer_to(self, job: Job) -> list[Outcome]:
        try:
            outcomes = await job.answer
        except (BusyError, ServiceUnavailableError) as error:
            log_answer(job, error)
            raise
        log_answer(job, outcomes)
        return outcomes

    def _wake(self) -> None:
        """Start rounds as soon as all that has come in by now is in the queue."""
        if not self._is_waking:
            self._is_waking = True
            asyncio.get_running_loop().call_soon(self._start_rounds)

    def _start_rounds(self) -> None:
        self._is_waking = False
        now = asyncio.get_running_loop().time()
        while len(self._rounds) < LANES and (jobs := self._queue.take(now)):
            round_ = asyncio.create_task(self._run(jobs))
            self._rounds[round_] = sum(job.length for job in jobs)
            round_.add_done_callback(self._end_round)
        self._tell_drained()

    def _end_round(self, round_: asyncio.Task[None]) -> None:
        del self._rounds[round_]
        self._wake()

    def _tell_drained(self) -> None:
        if self._drained and not self._rounds and not len(self._queue):
            self._drained.set_result(None)
            self._drained = None

    def _expire(self) -> None:
        """Answer Busy to those who have waited for too long."""
        self._expiry = None
        for job in self._queue.expire(asyncio.get_running_loop().time()):
            job.fail(BusyError())
        self._expire_later()
        self._wake()

    def _expire_later(self) -> None:
        deadline = self._queue.next_deadline()
        if self._expiry is None and deadline is not None:
            self._expiry = asyncio.get_running_loop().call_at(deadline, self._expire)

    # -- a round -----------------------------------------------------------------------

    async def _run(self, jobs: list[Job]) -> None:
        """Take a round through the gate and the database, and answer each of its jobs."""
        token = new_token()
        # Lines of a round are no line of the request that happened to start it.
        begin_request(round=token)
        passed = _Pass(jobs, _wallets_of(jobs), _Locks.NONE)
        try:
            passed = await self._pass_gate(jobs, token)
            await self._carry_out(passed.jobs, asyncio.get_running_loop().time())
        except Exception as error:
            log.exception("round failed")
            for job in passed.jobs:
                job.fail(error)
        finally:
            await self._let_go(passed, token)

    async def _let_go(self, passed: _Pass, token: str) -> None:
        """Give a round's wallets and locks back; the answers did not wait for it."""
        if passed.locks is _Locks.HELD:
            try:
                await self._gate.release(passed.wallet_ids, token=token)
            finally:
                # Only after that trip are they the next round's: it finds them free.
                self._queue.give_back(passed.wallet_ids)
        else:
            self._queue.give_back(passed.wallet_ids)
            if passed.locks is _Locks.UNKNOWN:
                # A Redis that did not answer once may take its time, and nobody waits for it.
                self._wake()
                await self._gate.release(passed.wallet_ids, token=token, held=False)

    async def _pass_gate(self, jobs: list[Job], token: str) -> _Pass:
        """Ask once for the locks of each job; those that are refused wait again."""
        try:
            answers = await self._gate.acquire([job.wallet_ids for job in jobs], token=token)
        except GateUnavailableError as error:
            # Whether they were taken before Redis fell silent cannot be known.
            locks = _Locks.UNKNOWN if error.asked else _Locks.NONE
            return _Pass(self._without_gate(jobs, error), _wallets_of(jobs), locks)
        granted = [job for job, is_granted in zip(jobs, answers, strict=True) if is_granted]
        refused = [job for job, is_granted in zip(jobs, answers, strict=True) if not is_granted]
        wallet_ids = _wallets_of(granted)
        if refused:
            self._wait_again(refused)
            self._queue.give_back(set(_wallets_of(refused)).difference(wallet_ids))
        return _Pass(
            [job for job in granted if not job.is_abandoned],
            wallet_ids,
            _Locks.HELD if granted else _Locks.NONE,
        )

    def _without_gate(self, jobs: list[Job], error: GateUnavailableError) -> list[Job]:
        """Return who goes on without Redis: all, or with LOCK_OUTAGE=refuse nobody."""
        LOCK_OUTAGES.labels(action=self._lock_outage.value).inc()
        log.warning("redis is away", action=self._lock_outage.value, error=error.reason)
        if self._lock_outage is LockOutage.DEGRADE:
            return [job for job in jobs if not job.is_abandoned]
        for job in jobs:
            job.fail(BusyError())
        return []

    def _wait_again(self, jobs: list[Job]) -> None:
        """Let those whom the gate refused ask again after a short while."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        # Processes that asked together would collide again, so each sleeps its own
        # time, and asks less often the longer it has waited.
        longest_ms = _LOCK_PAUSE_MIN_MS * _LOCK_PAUSE_GROWTH ** min(jobs[0].refusals, 10)
        pause_ms = min(longest_ms, _LOCK_PAUSE_MAX_MS) * random.uniform(0.5, 1)  # noqa: S311  (no secret)
        not_before = now + pause_ms / 1000
        for job in jobs:
            if job.deadline <= now:
                job.fail(BusyError())
        self._queue.put_back([job for job in jobs if not job.answer.done()], not_before=not_before)
        self._expire_later()
        loop.call_at(not_before + _TIMER_ERROR_S, self._wake)

    async def _carry_out(self, jobs: list[Job], started: float) -> None:
        """Carry out jobs together; where that fails, one by one: none takes others along."""
        if not jobs:
            return
        try:
            outcomes = await carry_out([job.work for job in jobs])
        except ServiceUnavailableError as error:
            for job in jobs:
                job.fail(type(error)())
        except Exception as error:  # noqa: BLE001  (it is the answer)
            if len(jobs) == 1:
                jobs[0].fail(error)
                return
            log.warning("round is taken apart", jobs=len(jobs), error=type(error).__name__)
            await self._carry_out_one_by_one(jobs, started)
        else:
            _answer(jobs, outcomes)

    async def _carry_out_one_by_one(self, jobs: list[Job], started: float) -> None:
        for job in jobs:
            if job.is_stuck or asyncio.get_running_loop().time() - started > _ROUND_DEADLINE_S:
                job.fail(BusyError())
            else:
                await self._carry_out([job], started)


def _answer(jobs: Iterable[Job], outcomes: Sequence[Outcome]) -> None:
    """Hand every job its part of a round's outcomes."""
    first = 0
    for job in jobs:
        part = list(outcomes[first : first + job.length])
        first += job.length
        if job.answer.done():
            # Nobody waits for it any more, so it is on record here.
            job.context.run(log_answer, job, part)
        else:
            job.answer.set_result(part)


def _wallets_of(jobs: Iterable[Job]) -> list[UUID]:
    return list({wallet_id for job in jobs for wallet_id in job.wallet_ids})


def _outcome_of(answer: list[Outcome] | BaseException) -> Outcome:
    if isinstance(answer, list):
        return answer[0]
    if isinstance(answer, BusyError):
        return Outcome(operation=None, wallet=None, error=answer)
    raise answer
