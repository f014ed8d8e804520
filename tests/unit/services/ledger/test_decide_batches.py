"""Atomic batches in the ledger's core: all in their order, or none and no trace."""

from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.unit.services.ledger.assertions import assert_nothing_written
from tests.unit.services.ledger.memory import Memory, describe, describe_outcome
from tests.unit.services.ledger.samples import (
    BIGINT_MAX,
    BOB,
    ask_again,
    make_topup,
    make_transfer,
    make_wallet,
    make_withdrawal,
)
from tests.unit.services.ledger.strategies import Scenario, scenarios
from wallet.core.errors import IdempotencyConflictError, WalletError
from wallet.models import WalletStatus
from wallet.services.ledger import (
    BatchRejectedError,
    CurrencyMismatchError,
    InsufficientFundsError,
    LimitExceededError,
    Posting,
    WalletNotFoundError,
    WalletUnavailableError,
)
from wallet.services.ledger.decide import Decision
from wallet.services.ledger.records import AtomicBatch, Outcome

ADA_S = make_wallet(balance_minor=1_000)
BOB_S = make_wallet(BOB)
YEN = make_wallet(BOB, currency="JPY")
FROZEN = make_wallet(BOB, status=WalletStatus.FROZEN)
FULL = make_wallet(BOB, balance_minor=BIGINT_MAX)
NOBODYS = make_wallet(BOB)


def batch_of(*postings: Posting) -> AtomicBatch:
    """Make an atomic batch."""
    return AtomicBatch(postings)


@pytest.fixture
def memory() -> Memory:
    """A ledger with Ada's 10.00 EUR, and Bob's wallets of all sorts."""
    return Memory.of([ADA_S, BOB_S, YEN, FROZEN, FULL])


def rejection_of(outcome: Outcome) -> BatchRejectedError:
    """Return why a batch was rejected, of which this is one outcome."""
    assert (outcome.operation, outcome.wallet, outcome.replayed) == (None, None, False)
    assert isinstance(outcome.error, BatchRejectedError)
    return outcome.error


class TestDecideBatch:
    """decide, given an atomic batch that nothing stands in the way of."""

    def test_all_in_their_order(self, memory: Memory) -> None:
        """Each sees those before it: money that the first one brings is spent by the second."""
        there, back = make_transfer(ADA_S, BOB_S, 1_000), make_transfer(BOB_S, ADA_S, 999)
        back = replace(back, actor_id=BOB, owner_id=BOB)

        decision = memory.decide(batch_of(there, back, make_topup(ADA_S, 1)))

        assert [outcome.error for outcome in decision.outcomes] == [None] * 3
        balances = [outcome.wallet.balance_minor for outcome in decision.outcomes if outcome.wallet]
        assert balances == [0, 1, 1_000]
        assert [operation.id for operation in decision.operations] == [
            outcome.operation.id for outcome in decision.outcomes if outcome.operation
        ]
        assert decision.wallets[ADA_S.id].last_sequence == 3

    def test_of_nothing(self, memory: Memory) -> None:
        """An empty batch has no outcome."""
        decision = memory.decide(batch_of())

        assert_nothing_written(decision)
        assert decision.outcomes == []

    def test_round_goes_on_from_it(self, memory: Memory) -> None:
        """Whoever is behind it in the round sees what it did."""
        decision = memory.decide(
            batch_of(make_transfer(ADA_S, BOB_S, 600)), make_transfer(ADA_S, BOB_S, 401)
        )

        assert isinstance(decision.outcomes[1].error, InsufficientFundsError)
        assert decision.outcomes[1].error.available_minor == 400


class TestDecideRejectedBatch:
    """decide, given an atomic batch of which one posting is refused."""

    @pytest.mark.parametrize(
        ("refused", "cause"),
        [
            (make_transfer(ADA_S, NOBODYS, 1), WalletNotFoundError),
            (make_transfer(BOB_S, ADA_S, 1), WalletNotFoundError),
            (make_transfer(ADA_S, YEN, 1), CurrencyMismatchError),
            (make_transfer(ADA_S, FROZEN, 1), WalletUnavailableError),
            (make_transfer(ADA_S, BOB_S, 901), InsufficientFundsError),
            (make_transfer(ADA_S, FULL, 1), LimitExceededError),
            (make_transfer(ADA_S, BOB_S, 2, key="used"), IdempotencyConflictError),
            (make_transfer(ADA_S, BOB_S, 5_000, key="failed"), InsufficientFundsError),
        ],
        ids=["missing", "foreign", "currency", "status", "funds", "limit", "conflict", "failure"],
    )
    def test_first_refusal(
        self, memory: Memory, refused: Posting, cause: type[WalletError]
    ) -> None:
        """Its place and its cause are the answer to all, and nothing is written."""
        memory.post(make_transfer(ADA_S, BOB_S, 1, key="used"))
        memory.post(make_transfer(ADA_S, BOB_S, 5_000, key="failed"))
        fine, also_refused = make_transfer(ADA_S, BOB_S, 99), make_transfer(ADA_S, YEN, 5_000)

        decision = memory.decide(batch_of(fine, refused, also_refused))

        assert_nothing_written(decision)
        assert len(decision.outcomes) == 3
        for outcome in decision.outcomes:
            error = rejection_of(outcome)
            assert (error.index, type(error.cause)) == (1, cause)
            assert (error.code, error.retryable) == (cause.code, cause.retryable)

    def test_round_is_as_if_it_were_not_there(self, memory: Memory) -> None:
        """What is before and behind it in the round is written as without it."""
        before, after = make_transfer(ADA_S, BOB_S, 100, key="a"), make_topup(BOB_S, 5)
        after = replace(after, actor_id=BOB, owner_id=BOB)
        batch = batch_of(make_transfer(ADA_S, BOB_S, 900), make_transfer(ADA_S, BOB_S, 1))

        together, without = memory.decide(before, batch, after), memory.decide(before, after)

        assert together.operations == without.operations
        assert together.entries == without.entries
        assert together.wallets == without.wallets
        assert [together.outcomes[0], together.outcomes[3]] == without.outcomes

    def test_no_key_is_used(self, memory: Memory) -> None:
        """Neither of what was refused nor of what would have been carried out."""
        fine = make_transfer(ADA_S, BOB_S, 600, key="fine")
        refused = make_transfer(ADA_S, BOB_S, 500, key="refused")

        decision = memory.decide(
            batch_of(fine, refused), ask_again(refused), make_transfer(ADA_S, BOB_S, 1, key="fine")
        )

        assert [outcome.error for outcome in decision.outcomes[2:]] == [None, None]
        assert [outcome.replayed for outcome in decision.outcomes[2:]] == [False, False]

    def test_second_batch_is_judged_by_itself(self, memory: Memory) -> None:
        """A batch behind one that was rejected may be accepted."""
        decision = memory.decide(
            batch_of(make_transfer(ADA_S, BOB_S, 1_001)),
            batch_of(make_transfer(ADA_S, BOB_S, 1_000)),
        )

        assert rejection_of(decision.outcomes[0]).index == 0
        assert decision.outcomes[1].error is None


class TestDecideBatchIdempotency:
    """decide, given an atomic batch some of whose keys are known."""

    def test_whole_batch_again(self, memory: Memory) -> None:
        """The same operations again, marked as replayed; nothing is written."""
        batch = [
            make_transfer(ADA_S, BOB_S, 600, key="a"),
            make_withdrawal(ADA_S, 400, key="b"),
        ]
        first = memory.post(batch_of(*batch))

        again = memory.decide(batch_of(*map(ask_again, batch)))

        assert_nothing_written(again)
        assert [outcome.replayed for outcome in again.outcomes] == [True, True]
        assert [one.operation for one in again.outcomes] == [
            one.operation for one in first.outcomes
        ]
        assert [one.wallet.balance_minor for one in again.outcomes if one.wallet] == [400, 0]

    def test_part_of_it_again(self, memory: Memory) -> None:
        """What was carried out by itself before counts, and only the rest is carried out."""
        known = make_transfer(ADA_S, BOB_S, 600, key="a")
        memory.post(known)
        new = make_transfer(ADA_S, BOB_S, 400, key="b")

        decision = memory.decide(batch_of(ask_again(known), new))

        assert [outcome.replayed for outcome in decision.outcomes] == [True, False]
        assert [operation.id for operation in decision.operations] == [new.operation_id]
        assert decision.wallets[ADA_S.id].balance_minor == 0

    def test_one_request_twice_in_a_batch(self, memory: Memory) -> None:
        """The second is a replay of the first."""
        posting = make_transfer(ADA_S, BOB_S, 600, key="a")

        decision = memory.decide(batch_of(posting, ask_again(posting)))

        assert [outcome.replayed for outcome in decision.outcomes] == [False, True]
        assert len(decision.operations) == 1

    def test_one_key_with_two_inputs_in_a_batch(self, memory: Memory) -> None:
        """The second is a conflict, and so neither is carried out."""
        decision = memory.decide(
            batch_of(
                make_transfer(ADA_S, BOB_S, 600, key="a"), make_transfer(ADA_S, BOB_S, 1, key="a")
            )
        )

        assert_nothing_written(decision)
        error = rejection_of(decision.outcomes[0])
        assert (error.index, type(error.cause)) == (1, IdempotencyConflictError)


class TestDecideBatchProperties:
    """What holds for every ledger and every batch."""

    @given(scenarios(), st.data())
    def test_all_or_none(self, scenario: Scenario, data: st.DataObject) -> None:
        """Accepted, a batch writes what its postings write one by one; rejected, nothing."""
        first = data.draw(st.integers(0, len(scenario.postings)), label="first")
        last = first + data.draw(st.integers(0, 4), label="length")
        head, tail = scenario.postings[:first], scenario.postings[last:]
        inside = scenario.postings[first:last]
        memory, now = scenario.memory, scenario.now

        decision = memory.decide(*head, batch_of(*inside), *tail, now=now)

        answers = decision.outcomes[first:last]
        is_rejected = any(isinstance(one.error, BatchRejectedError) for one in answers)
        event("rejected" if is_rejected else "accepted")
        plain = memory.decide(*head, *([] if is_rejected else inside), *tail, now=now)
        if is_rejected:
            assert without(decision, first, last) == describe(plain)
            assert_rejected_rightly(scenario, head, inside, answers)
        else:
            assert describe(decision) == describe(plain)
            assert {outcome.error for outcome in answers} <= {None}


def without(decision: Decision, first: int, last: int) -> dict[str, object]:
    """Return all that a decision says but for some of its outcomes."""
    outcomes = decision.outcomes[:first] + decision.outcomes[last:]
    return {**describe(decision), "outcomes": [describe_outcome(outcome) for outcome in outcomes]}


def assert_rejected_rightly(
    scenario: Scenario, head: list[Posting], inside: list[Posting], answers: list[Outcome]
) -> None:
    """Assert that the posting that is named is the first that is refused, for that reason."""
    memory = scenario.memory.copy()
    memory.post(*head, now=scenario.now)
    errors = [memory.post(one, now=scenario.now).outcomes[0].error for one in inside]
    index = next(place for place, error in enumerate(errors) if error is not None)
    for outcome in answers:
        rejection = rejection_of(outcome)
        assert rejection.index == index
        assert describe_cause(rejection.cause) == describe_cause(errors[index])


def describe_cause(error: WalletError | None) -> tuple[object, ...]:
    """Return what an error says, but for the operation that only a posting by itself records."""
    said = {name: value for name, value in vars(error).items() if name != "operation"}
    return (type(error), str(error), said)
