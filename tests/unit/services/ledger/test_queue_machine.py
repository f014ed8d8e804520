"""A queue's life: jobs come, go into rounds, are refused or granted, and some go away."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.services.ledger.samples import make_topup, make_transfer, make_wallet
from wallet.core.errors import BusyError
from wallet.services.ledger.queue import QUEUE_LENGTH_MAX, ROUND_LENGTH_MAX, Job, Queue
from wallet.services.ledger.records import AtomicBatch, Outcome, Posting, Work

WALLETS = [make_wallet() for _ in range(5)]
PLACES = st.integers(0, len(WALLETS) - 1)
LENGTHS = st.sampled_from([None, None, None, 1, 2, ROUND_LENGTH_MAX - 1, ROUND_LENGTH_MAX + 5])
WAIT = 50


@dataclass(slots=True)
class Round:
    """Jobs that were taken together: first they ask the gate, then they end."""

    jobs: list[Job]
    granted: list[Job] = field(default_factory=list)
    has_asked: bool = False

    @property
    def wallet_ids(self) -> set[UUID]:
        """The wallets that are the round's."""
        jobs = self.granted if self.has_asked else self.jobs
        return {wallet_id for job in jobs for wallet_id in job.wallet_ids}


class Life(RuleBasedStateMachine):
    """Whatever happens, a wallet's jobs are carried out one round at a time, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.now = 0
        self.waiting: list[Job] = []
        self.rounds: list[Round] = []
        self.granted: list[Job] = []
        self.arrivals = 0
        self.loop = asyncio.new_event_loop()
        # The futures need a loop to belong to, and nothing of it runs.
        self.loop.close()

    # -- what happens ------------------------------------------------------------------------

    @rule(place=PLACES, step=st.integers(0, len(WALLETS) - 1), length=LENGTHS)
    def arrive(self, place: int, step: int, length: int | None) -> None:
        """Somebody wants one wallet or two, once or in a batch."""
        wallet, other = WALLETS[place], WALLETS[(place + step) % len(WALLETS)]
        posting: Posting = make_transfer(wallet, other, 1) if step else make_topup(wallet, 1)
        work: Work = AtomicBatch((posting,) * length) if length else posting
        self.arrivals += 1
        answer: asyncio.Future[list[Outcome]] = asyncio.Future(loop=self.loop)
        job = Job(work, self.arrivals, self.now + WAIT, answer)
        if len(self.queue) + job.length > QUEUE_LENGTH_MAX:
            with pytest.raises(BusyError):
                self.queue.put(job)
        else:
            self.queue.put(job)
            self.waiting.append(job)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def go_away(self, data: st.DataObject) -> None:
        """Somebody loses patience."""
        self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1))).answer.cancel()

    @rule()
    def take(self) -> None:
        """A round begins: with the first of those that may go, and never too long."""
        expected = self.expect_round()

        taken = self.queue.take(self.now)

        assert taken == expected
        self.waiting = [job for job in self.waiting if job not in taken]
        assert self.queue.next_deadline() == min(
            (job.deadline for job in self.waiting), default=None
        ) or any(job.is_abandoned for job in self.queue._waiting)
        if taken:
            self.rounds.append(Round(taken))

    @precondition(lambda self: any(not one.has_asked for one in self.rounds))
    @rule(held=st.sets(PLACES, max_size=2), pause=st.integers(0, 5))
    def ask(self, held: set[int], pause: int) -> None:
        """The gate grants all but those whose wallets others hold, and those behind them."""
        round_ = next(one for one in self.rounds if not one.has_asked)
        kept_away = {WALLETS[place].id for place in held}
        refused = []
        for job in round_.jobs:
            if kept_away.isdisjoint(job.wallet_ids):
                round_.granted.append(job)
            else:
                kept_away |= set(job.wallet_ids)
                refused.append(job)
        self.queue.put_back(refused, not_before=self.now + pause)
        given_back = round_.wallet_ids
        round_.has_asked = True
        self.queue.give_back(given_back - round_.wallet_ids)
        self.waiting = sorted([*self.waiting, *refused], key=lambda job: job.arrival)
        self.granted += round_.granted

    @precondition(lambda self: any(one.has_asked for one in self.rounds))
    @rule()
    def end(self) -> None:
        """A round is over."""
        round_ = next(one for one in self.rounds if one.has_asked)
        self.rounds.remove(round_)
        self.queue.give_back(round_.wallet_ids)

    @rule(ticks=st.integers(1, 10))
    def pass_time(self, ticks: int) -> None:
        """Whose time is over waits no more."""
        self.now += ticks

        expired = self.queue.expire(self.now)

        assert [job for job in expired if not job.is_abandoned] == [
            job for job in self.waiting if job.deadline <= self.now
        ]
        self.waiting = [job for job in self.waiting if job.deadline > self.now]

    def teardown(self) -> None:
        """In the end everybody who still waits has had a turn."""
        self.now += 5
        for job in self.waiting:
            job.deadline = self.now + WAIT
        while self.waiting or self.rounds:
            before = (len(self.waiting), len(self.rounds))
            while any(not one.has_asked for one in self.rounds):
                self.ask(set(), 0)
            while self.rounds:
                self.end()
            self.take()
            assert (len(self.waiting), len(self.rounds)) != before
        self.queue.take(self.now)
        assert len(self.queue) == 0

    # -- what always holds ---------------------------------------------------------------------

    @invariant()
    def wallets_are_in_one_round(self) -> None:
        """No two rounds have a wallet in common."""
        wallet_ids = [wallet_id for one in self.rounds for wallet_id in one.wallet_ids]
        assert len(wallet_ids) == len(set(wallet_ids))

    @invariant()
    def order_of_arrival(self) -> None:
        """A wallet's jobs are granted in the order in which they came."""
        by_wallet: dict[UUID, list[int]] = defaultdict(list)
        for job in self.granted:
            for wallet_id in job.wallet_ids:
                by_wallet[wallet_id].append(job.arrival)
        for arrivals in by_wallet.values():
            assert arrivals == sorted(set(arrivals))

    @invariant()
    def count_is_right(self) -> None:
        """The queue counts who waits, and at most those as well who have just gone away."""
        waiting = sum(job.length for job in self.waiting)
        gone = sum(job.length for job in self.queue._waiting if job.is_abandoned)
        assert len(self.queue) == waiting + gone

    # -- how ---------------------------------------------------------------------------------

    def expect_round(self) -> list[Job]:
        """Say naively who goes next: whoever has nobody before it, as long as there is room."""
        busy = {wallet_id for one in self.rounds for wallet_id in one.wallet_ids}
        expected: list[Job] = []
        for number, job in enumerate(self.waiting):
            before = [one for one in self.waiting[:number] if one not in expected]
            if (
                job.not_before > self.now
                or busy & set(job.wallet_ids)
                or any(set(one.wallet_ids) & set(job.wallet_ids) for one in before)
            ):
                continue
            if expected and sum(one.length for one in [*expected, job]) > ROUND_LENGTH_MAX:
                break
            expected.append(job)
        return expected


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=40)
