"""The queue of one process: who may go into the next round."""

import asyncio

import pytest

from tests.unit.services.ledger.samples import make_topup, make_transfer, make_wallet
from wallet.core.errors import BusyError
from wallet.services.ledger import WalletRecord
from wallet.services.ledger.queue import (
    QUEUE_LENGTH_MAX,
    ROUND_LENGTH_MAX,
    Course,
    Job,
    Queue,
)
from wallet.services.ledger.records import AtomicBatch, Outcome, Work

ADA, BOB, CAT, DAN = (make_wallet() for _ in range(4))
NOW = 100.0


class Jobs:
    """Makes jobs in the order of their arrival, and puts them into a queue."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.arrivals = 0
        self._loop = asyncio.new_event_loop()
        # A future needs a loop to belong to, and nothing of it runs.
        self._loop.close()

    def make(self, work: Work, *, deadline: float = NOW + 2) -> Job:
        """Make a job that is not in the queue yet."""
        self.arrivals += 1
        answer: asyncio.Future[list[Outcome]] = asyncio.Future(loop=self._loop)
        return Job(work, self.arrivals, deadline, answer)

    def put(
        self,
        wallet: WalletRecord,
        other: WalletRecord | None = None,
        *,
        deadline: float = NOW + 2,
        course: Course | None = None,
    ) -> Job:
        """Let a payment between two wallets wait, or a top-up of one."""
        work = make_transfer(wallet, other, 1) if other else make_topup(wallet, 1)
        job = self.make(work, deadline=deadline)
        job.course = course
        self.queue.put(job)
        return job

    def put_batch(self, length: int, source: WalletRecord, target: WalletRecord) -> Job:
        """Let an atomic batch of payments wait."""
        payment = make_transfer(source, target, 1)
        job = self.make(AtomicBatch((payment,) * length))
        self.queue.put(job)
        return job


@pytest.fixture
def queue() -> Queue:
    """A queue in which nobody waits."""
    return Queue()


@pytest.fixture
def jobs(queue: Queue) -> Jobs:
    """Makes jobs for it."""
    return Jobs(queue)


class TestJob:
    """Job."""

    def test_wallets_of_holders_once_each(self, jobs: Jobs) -> None:
        """A batch has each wallet once; the world is none of them."""
        batch = AtomicBatch(
            (make_topup(BOB, 1), make_transfer(BOB, ADA, 1), make_transfer(ADA, CAT, 1))
        )

        job = jobs.make(batch)

        assert job.wallet_ids == (BOB.id, ADA.id, CAT.id)
        assert job.length == 3

    def test_fail(self, jobs: Jobs) -> None:
        """Who waits is told the error; the first answer counts."""
        job, error = jobs.make(make_topup(ADA, 1)), BusyError()

        job.fail(error)
        job.fail(BusyError())

        assert job.answer.exception() is error
        assert not job.is_abandoned

    def test_fail_of_abandoned(self, jobs: Jobs) -> None:
        """Nobody is told anything who has gone away."""
        job = jobs.make(make_topup(ADA, 1))
        job.answer.cancel()

        job.fail(BusyError())

        assert job.is_abandoned


class TestPut:
    """Queue.put."""

    def test_counts_postings(self, queue: Queue, jobs: Jobs) -> None:
        """The length is that of what waits, a batch with all its postings."""
        jobs.put(ADA, BOB)
        jobs.put_batch(3, BOB, CAT)

        assert len(queue) == 4

    def test_full_queue_is_busy(self, queue: Queue, jobs: Jobs) -> None:
        """Up to QUEUE_LENGTH_MAX may wait; of who comes then nothing is kept."""
        first = jobs.put_batch(QUEUE_LENGTH_MAX - 1, ADA, BOB)
        with pytest.raises(BusyError):
            jobs.put_batch(2, CAT, DAN)
        last = jobs.put(CAT, DAN)
        with pytest.raises(BusyError):
            jobs.put(CAT, DAN)

        assert len(queue) == QUEUE_LENGTH_MAX
        assert queue.take(NOW) == [first]
        assert queue.take(NOW) == [last]
        assert len(queue) == 0

    def test_room_again(self, queue: Queue, jobs: Jobs) -> None:
        """What a round has taken waits no more."""
        jobs.put_batch(QUEUE_LENGTH_MAX, ADA, BOB)
        queue.take(NOW)

        jobs.put(ADA, BOB)

        assert len(queue) == 1


class TestTake:
    """Queue.take and Queue.give_back."""

    def test_all_that_wait(self, queue: Queue, jobs: Jobs) -> None:
        """Payments of the same wallets go into one round, in the order of their arrival."""
        waiting = [jobs.put(ADA, BOB), jobs.put(BOB, CAT), jobs.put(ADA, BOB), jobs.put(DAN)]

        assert queue.take(NOW) == waiting
        assert len(queue) == 0

    def test_none_wait(self, queue: Queue) -> None:
        """An empty queue gives an empty round."""
        assert queue.take(NOW) == []

    def test_wallet_is_in_one_round_at_a_time(self, queue: Queue, jobs: Jobs) -> None:
        """Who wants a wallet that a round has waits until the round gives it back."""
        jobs.put(ADA, BOB)
        queue.take(NOW)
        later = jobs.put(BOB, CAT)

        assert queue.is_blocked(later)
        assert queue.take(NOW) == []
        queue.give_back([ADA.id])
        assert queue.take(NOW) == []
        queue.give_back([BOB.id])

        assert not queue.is_blocked(later)
        assert queue.take(NOW) == [later]

    def test_others_pass_those_that_wait(self, queue: Queue, jobs: Jobs) -> None:
        """Only who wants none of the wallets of those before it does."""
        jobs.put(BOB)
        queue.take(NOW)
        at_bob = jobs.put(ADA, BOB)
        behind_it = jobs.put(ADA, CAT)
        behind_that = jobs.put(CAT)
        free = jobs.put(DAN)

        assert not queue.is_blocked(behind_it)
        assert queue.take(NOW) == [free]
        queue.give_back([BOB.id])

        assert queue.take(NOW) == [at_bob, behind_it, behind_that]

    def test_abandoned_vanish(self, queue: Queue, jobs: Jobs) -> None:
        """Who went away is in no round, is not counted, and is in nobody's way."""
        jobs.put(BOB)
        queue.take(NOW)
        gone, behind_it = jobs.put(ADA, BOB), jobs.put(ADA)
        gone.answer.cancel()

        assert queue.take(NOW) == [behind_it]
        assert len(queue) == 0


class TestTakeLength:
    """Queue.take: how long a round is."""

    def test_round_is_bounded(self, queue: Queue, jobs: Jobs) -> None:
        """It takes so many, and the next one those behind them."""
        waiting = [jobs.put(make_wallet()) for _ in range(ROUND_LENGTH_MAX + 2)]

        assert queue.take(NOW) == waiting[:ROUND_LENGTH_MAX]
        assert len(queue) == 2
        assert queue.take(NOW) == waiting[ROUND_LENGTH_MAX:]

    def test_larger_batch_goes_alone(self, queue: Queue, jobs: Jobs) -> None:
        """It is never cut, and nobody else is in its round."""
        before = jobs.put(ADA)
        batch = jobs.put_batch(ROUND_LENGTH_MAX + 1, BOB, CAT)
        after = jobs.put(DAN)

        assert [queue.take(NOW) for _ in range(4)] == [[before], [batch], [after], []]

    def test_batch_that_just_fits(self, queue: Queue, jobs: Jobs) -> None:
        """A round may be as long as it may be."""
        waiting = [jobs.put(ADA), jobs.put_batch(ROUND_LENGTH_MAX - 1, BOB, CAT)]
        last = jobs.put(DAN)

        assert queue.take(NOW) == waiting
        assert queue.take(NOW) == [last]

    def test_nobody_overtakes_what_does_not_fit(self, queue: Queue, jobs: Jobs) -> None:
        """Whoever would fit beside it comes later, and waits for its own round."""
        first = jobs.put(ADA)
        batch = jobs.put_batch(ROUND_LENGTH_MAX, BOB, CAT)
        same, other = jobs.put(CAT), jobs.put(DAN)

        assert queue.take(NOW) == [first]
        assert queue.take(NOW) == [batch]
        assert queue.take(NOW) == [other]
        queue.give_back(batch.wallet_ids)
        assert queue.take(NOW) == [same]

    def test_blocked_batch_holds_nobody_up(self, queue: Queue, jobs: Jobs) -> None:
        """A large batch whose turn it is not is passed by those of other wallets."""
        jobs.put(BOB)
        queue.take(NOW)
        batch = jobs.put_batch(ROUND_LENGTH_MAX + 1, BOB, CAT)
        others = [jobs.put(ADA), jobs.put(DAN)]

        assert queue.take(NOW) == others
        queue.give_back([BOB.id])
        assert queue.take(NOW) == [batch]


class TestPutBack:
    """Queue.put_back."""

    def test_old_place(self, queue: Queue, jobs: Jobs) -> None:
        """Who was refused is still before those that came after it."""
        first, second = jobs.put(ADA, BOB), jobs.put(DAN)
        taken = queue.take(NOW)
        later = jobs.put(BOB, CAT)
        queue.give_back([ADA.id, BOB.id, DAN.id])

        queue.put_back(reversed(taken), not_before=NOW)

        assert len(queue) == 3
        assert queue.take(NOW) == [first, second, later]
        assert (first.refusals, later.refusals) == (1, 0)

    def test_not_before(self, queue: Queue, jobs: Jobs) -> None:
        """Until then it waits, and those of its wallets behind it; others pass."""
        refused = jobs.put(ADA, BOB)
        queue.take(NOW)
        behind, other = jobs.put(BOB), jobs.put(DAN)
        queue.give_back(refused.wallet_ids)

        queue.put_back([refused], not_before=NOW + 1)

        assert queue.take(NOW) == [other]
        assert queue.take(NOW + 0.999) == []
        assert queue.take(NOW + 1) == [refused, behind]


class TestExpire:
    """Queue.expire and Queue.next_deadline."""

    def test_those_whose_time_is_over(self, queue: Queue, jobs: Jobs) -> None:
        """They wait no more, and are not counted; the others stay."""
        first, second = jobs.put(ADA, deadline=NOW), jobs.put(ADA, deadline=NOW + 1)

        assert queue.next_deadline() == NOW
        assert queue.expire(NOW - 0.001) == []
        assert queue.expire(NOW) == [first]
        assert queue.next_deadline() == NOW + 1
        assert len(queue) == 1
        assert queue.take(NOW) == [second]
        assert queue.next_deadline() is None

    def test_whoever_is_in_a_round_does_not(self, queue: Queue, jobs: Jobs) -> None:
        """What was taken in time runs to its end."""
        jobs.put(ADA, deadline=NOW)
        queue.take(NOW - 1)

        assert queue.expire(NOW) == []

    def test_way_is_free_behind_it(self, queue: Queue, jobs: Jobs) -> None:
        """Those whom it kept from their wallets are next."""
        jobs.put(BOB)
        queue.take(NOW)
        expired = jobs.put(ADA, BOB, deadline=NOW)
        behind = jobs.put(ADA)

        assert queue.take(NOW) == []
        assert queue.expire(NOW) == [expired]
        assert queue.take(NOW) == [behind]


class TestCourse:
    """Course."""

    def test_nobody_passes_one_that_failed(self, queue: Queue, jobs: Jobs) -> None:
        """Who wants a wallet of it is told Busy, and so is who wants a wallet of that one."""
        course = Course()
        first = jobs.put(ADA, BOB, deadline=NOW, course=course)
        behind = jobs.put(BOB, CAT, course=course)
        further = jobs.put(CAT, course=course)
        beside = jobs.put(DAN, course=course)
        stranger = jobs.put(CAT)

        assert queue.expire(NOW) == [first]
        first.fail(BusyError())

        assert queue.take(NOW) == [beside, stranger]
        assert type(behind.answer.exception()) is BusyError
        assert type(further.answer.exception()) is BusyError
        assert len(queue) == 0

    def test_it_is_stuck_for_good(self, queue: Queue, jobs: Jobs) -> None:
        """Who comes later is behind it too, until its caller begins another course."""
        course = Course()
        jobs.put(ADA, course=course).fail(BusyError())
        later = jobs.put(ADA, BOB, course=course)
        again = jobs.put(ADA, BOB, course=Course())

        assert queue.take(NOW) == [again]
        assert later.answer.done()
        assert not again.is_stuck

    def test_without_one_others_pass(self, queue: Queue, jobs: Jobs) -> None:
        """Requests of different callers do not wait for each other's next try."""
        jobs.put(ADA, deadline=NOW).fail(BusyError())
        behind = jobs.put(ADA)

        assert queue.take(NOW) == [behind]
