"""
The queue of one process: who waits for the ledger, and who may go into the next round.

Rounds run side by side, and a wallet is in one of them at a time. A job goes
into a round when nobody before it wants one of its wallets and is still
waiting, so that every wallet sees its jobs in the order of their arrival,
while a job of other wallets passes those that have to wait::

    waiting   A: x → y    B: z → y    C: x → z    D: u → v      y is busy elsewhere
    taken                                         D
    left      A: y is busy   B: y is busy   C: A is before it at x

No I/O and no clock: whoever calls says what time it is.
"""

import asyncio
from collections.abc import Iterable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from uuid import UUID

from wallet.core.errors import BusyError
from wallet.services.ledger.records import Outcome, Work

QUEUE_LENGTH_MAX = 4_096
"""Most postings that wait in a process: some seconds of work; more would wait in vain."""

ROUND_LENGTH_MAX = 512
"""Most postings of a round, so that its transaction stays short. A larger batch goes alone."""


@dataclass(eq=False, slots=True)
class Course:
    """
    Postings of one caller whose order per wallet holds even where one is not carried out.

    Without it, a posting that is told Busy lets those behind it pass, and one of
    them may need the money that it was to bring.

    Attributes:
        stuck: The wallets of those that were not carried out: who comes behind
            them with one of these is told Busy too.
    """

    stuck: set[UUID] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class Job:
    """
    What one caller wants, from its arrival to its answer.

    Attributes:
        arrival: Its number in the order of arrival.
        deadline: When its caller is told Busy, unless it is in a round by then; loop time.
        answer: One outcome per posting. A caller that is gone has cancelled it.
        not_before: When it may ask the gate again; loop time.
        refusals: How often the gate has refused it.
        context: The caller's, for log lines.
        course: What it keeps its place in; None where it may be passed once it has failed.
    """

    work: Work
    arrival: int
    deadline: float
    answer: asyncio.Future[list[Outcome]]
    wallet_ids: tuple[UUID, ...] = ()
    length: int = 1
    not_before: float = 0.0
    refusals: int = 0
    context: Context = field(default_factory=copy_context)
    course: Course | None = None

    def __post_init__(self) -> None:
        self.length = len(self.work.postings)
        self.wallet_ids = self.work.wallet_ids

    @property
    def is_abandoned(self) -> bool:
        """Whether its caller is gone."""
        return self.answer.cancelled()

    @property
    def is_stuck(self) -> bool:
        """Whether it is behind one of its course that was not carried out."""
        return self.course is not None and not self.course.stuck.isdisjoint(self.wallet_ids)

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless it has an answer or nobody waits for one."""
        if not self.answer.done():
            self.answer.set_exception(error)
            if self.course is not None:
                self.course.stuck.update(self.wallet_ids)


class Queue:
    """The jobs that wait, in the order of arrival, and the wallets that rounds are busy with."""

    def __init__(self) -> None:
        self._waiting: list[Job] = []
        self._busy: set[UUID] = set()
        self._length = 0

    def __len__(self) -> int:
        """Return how many postings wait; a caller that went away may still be counted."""
        return self._length

    def put(self, job: Job) -> None:
        """
        Let *job* wait behind all others.

        Raises:
            BusyError: Too many wait already.
        """
        if self._length + job.length > QUEUE_LENGTH_MAX:
            raise BusyError
        self._waiting.append(job)
        self._length += job.length

    def is_blocked(self, job: Job) -> bool:
        """Tell whether a round under way keeps *job* from the next one."""
        return not self._busy.isdisjoint(job.wallet_ids)

    def take(self, now: float) -> list[Job]:
        """
        Take the jobs of the next round out; their wallets are busy until ``give_back``.

        Those that are stuck are told Busy.
        """
        taken: list[Job] = []
        kept: list[Job] = []
        wanted: set[UUID] = set()
        length = 0
        for position, job in enumerate(self._waiting):
            if job.is_stuck:
                job.fail(BusyError())
            if job.answer.done():
                self._length -= job.length
            elif (
                job.not_before > now
                or self.is_blocked(job)
                or not wanted.isdisjoint(job.wallet_ids)
            ):
                wanted.update(job.wallet_ids)
                kept.append(job)
            elif taken and length + job.length > ROUND_LENGTH_MAX:
                # Whoever comes later would overtake this one.
                kept += self._waiting[position:]
                break
            else:
                taken.append(job)
                length += job.length
        self._waiting = kept
        self._length -= length
        for job in taken:
            self._busy.update(job.wallet_ids)
        return taken

    def put_back(self, jobs: Iterable[Job], *, not_before: float) -> None:
        """Let jobs that were taken wait again, in their old places, until *not_before*."""
        for job in jobs:
            job.not_before = not_before
            job.refusals += 1
            self._waiting.append(job)
            self._length += job.length
        self._waiting.sort(key=lambda job: job.arrival)

    def give_back(self, wallet_ids: Iterable[UUID]) -> None:
        """Let others have wallets that a round is done with."""
        self._busy.difference_update(wallet_ids)

    def expire(self, now: float) -> list[Job]:
        """Take out the jobs whose deadline is over."""
        expired = [job for job in self._waiting if job.deadline <= now]
        if expired:
            self._waiting = [job for job in self._waiting if job.deadline > now]
            self._length -= sum(job.length for job in expired)
        return expired

    def next_deadline(self) -> float | None:
        """Return when the next waiting job expires; None when none waits."""
        # All wait equally long, so the first to come is the first to expire.
        return self._waiting[0].deadline if self._waiting else None
