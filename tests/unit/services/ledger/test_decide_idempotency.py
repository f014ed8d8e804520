"""Rule 1 of the ledger: idempotency keys."""

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from tests.unit.services.ledger.assertions import assert_nothing_written, assert_refused_unrecorded
from tests.unit.services.ledger.memory import Memory, describe_error
from tests.unit.services.ledger.samples import (
    BIGINT_MAX,
    BOB,
    NOW,
    ask_again,
    by_id,
    make_topup,
    make_transfer,
    make_wallet,
    make_withdrawal,
)
from wallet.core.errors import IdempotencyConflictError
from wallet.models import WalletStatus
from wallet.services.ledger import (
    InsufficientFundsError,
    LimitExceededError,
    Posting,
    WalletRecord,
    WalletUnavailableError,
)
from wallet.services.ledger.decide import decide, failure_of


class TestDecideIdempotency:
    """Rule 1: a known key answers the first outcome again, or a conflict."""

    def test_replay_of_completed(self) -> None:
        """The first operation again, marked as replayed; nothing is written."""
        ada, bob = make_wallet(balance_minor=1_000), make_wallet(BOB)
        memory = Memory.of([ada, bob])
        posting = make_transfer(ada, bob, 250, key="key")
        first = memory.post(posting).outcomes[0]

        again = memory.decide(ask_again(posting))

        assert_nothing_written(again)
        (outcome,) = again.outcomes
        assert outcome.operation == first.operation
        assert outcome.error is None
        assert outcome.replayed

    def test_replay_shows_the_wallet_as_it_stood(self) -> None:
        """The wallet has the balance and the held money of back then, not of now."""
        ada = make_wallet(balance_minor=1_000, held_minor=30)
        bob = make_wallet(BOB)
        memory = Memory.of([ada, bob])
        posting = make_transfer(ada, bob, 250, key="key")
        memory.post(posting)
        memory.post(make_topup(ada, 5_000))
        memory.wallets[ada.id] = replace(memory.wallets[ada.id], held_minor=1)

        (outcome,) = memory.decide(ask_again(posting)).outcomes

        assert outcome.wallet is not None
        assert outcome.wallet.id == ada.id
        assert (outcome.wallet.balance_minor, outcome.wallet.held_minor) == (750, 30)
        assert outcome.wallet.available_minor == 720

    def test_replay_of_failed(self) -> None:
        """The same error with the same figures, although the money is there by now."""
        ada, bob = make_wallet(balance_minor=100, held_minor=10), make_wallet(BOB)
        memory = Memory.of([ada, bob])
        posting = make_transfer(ada, bob, 250, key="key")
        first = memory.post(posting).outcomes[0]
        memory.post(make_topup(ada, 5_000))

        again = memory.decide(ask_again(posting))

        assert_nothing_written(again)
        (outcome,) = again.outcomes
        assert isinstance(outcome.error, InsufficientFundsError)
        assert outcome.error.available_minor == 90
        assert describe_error(outcome.error) == describe_error(first.error)
        assert outcome.operation == first.operation
        assert outcome.replayed
        assert outcome.wallet is not None
        assert outcome.wallet.balance_minor == 100

    def test_replay_of_unavailable(self) -> None:
        """A refusal because of a frozen wallet is answered again after it has thawed."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB, status=WalletStatus.FROZEN)
        memory = Memory.of([ada, bob])
        posting = make_transfer(ada, bob, 50, key="key")
        memory.post(posting)
        memory.wallets[bob.id] = replace(bob, status=WalletStatus.ACTIVE)

        again = memory.decide(ask_again(posting))

        assert_nothing_written(again)
        assert isinstance(again.outcomes[0].error, WalletUnavailableError)
        assert again.outcomes[0].error.status is WalletStatus.FROZEN
        assert again.outcomes[0].replayed

    def test_replay_of_limit(self) -> None:
        """A refusal because of a limit is answered again in the same words."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB, balance_minor=BIGINT_MAX)
        memory = Memory.of([ada, bob])
        posting = make_transfer(ada, bob, 50, key="key")
        first = memory.post(posting).outcomes[0]
        memory.post(make_withdrawal(bob, 1_000, actor_id=BOB))

        again = memory.decide(ask_again(posting))

        assert_nothing_written(again)
        assert isinstance(again.outcomes[0].error, LimitExceededError)
        assert describe_error(again.outcomes[0].error) == describe_error(first.error)

    @pytest.mark.parametrize(
        "change",
        [
            lambda ada, bob: make_transfer(ada, bob, 251, key="key"),
            lambda ada, bob: make_transfer(ada, bob, 250, currency="JPY", key="key"),
            lambda ada, _bob: make_transfer(ada, make_wallet(BOB), 250, key="key"),
            lambda ada, _bob: make_topup(ada, 250, key="key"),
        ],
        ids=["amount", "currency", "target", "kind"],
    )
    def test_conflict(self, change: Callable[[WalletRecord, WalletRecord], Posting]) -> None:
        """A key that comes back with other input is refused, and nothing is written."""
        ada, bob = make_wallet(balance_minor=1_000), make_wallet(BOB)
        memory = Memory.of([ada, bob])
        memory.post(make_transfer(ada, bob, 250, key="key"))

        assert_refused_unrecorded(memory.decide(change(ada, bob)), IdempotencyConflictError)

    def test_conflict_with_a_failed_operation(self) -> None:
        """A failure burns its key: other input under it is a conflict too."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB)
        memory = Memory.of([ada, bob])
        memory.post(make_transfer(ada, bob, 250, key="key"))

        assert_refused_unrecorded(
            memory.decide(make_transfer(ada, bob, 50, key="key")), IdempotencyConflictError
        )

    def test_same_key_twice_in_a_round(self) -> None:
        """The second of two equal requests in one round is a replay; the money moves once."""
        ada, bob = make_wallet(balance_minor=1_000, held_minor=30), make_wallet(BOB)
        posting, between = make_transfer(ada, bob, 250, key="key"), make_topup(ada, 5)

        decision = decide(by_id(ada, bob), {}, [posting, between, ask_again(posting)], now=NOW)

        first, _, second = decision.outcomes
        assert (first.replayed, second.replayed) == (False, True)
        assert second.operation == first.operation
        assert second.wallet is not None
        assert (second.wallet.balance_minor, second.wallet.held_minor) == (750, 30)
        assert decision.wallets[ada.id].balance_minor == 755
        assert len(decision.operations) == 2

    def test_same_failure_twice_in_a_round(self) -> None:
        """The second of two equal requests that fail is a replay of the failure."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB)
        posting = make_transfer(ada, bob, 250, key="key")

        decision = decide(by_id(ada, bob), {}, [posting, ask_again(posting)], now=NOW)

        first, second = decision.outcomes
        assert describe_error(second.error) == describe_error(first.error)
        assert (first.replayed, second.replayed) == (False, True)
        assert len(decision.operations) == len(decision.entries) == 1

    def test_other_input_in_the_same_round(self) -> None:
        """Of two different requests with one key in one round, the second is a conflict."""
        ada, bob = make_wallet(balance_minor=1_000), make_wallet(BOB)
        postings = [make_transfer(ada, bob, 250, key="key"), make_transfer(ada, bob, 1, key="key")]

        decision = decide(by_id(ada, bob), {}, postings, now=NOW)

        assert decision.outcomes[0].error is None
        assert isinstance(decision.outcomes[1].error, IdempotencyConflictError)
        assert decision.wallets[ada.id].balance_minor == 750

    def test_own_operation_is_no_replay(self) -> None:
        """A retry after a COMMIT whose answer was lost finds its own operation."""
        ada, bob = make_wallet(balance_minor=1_000), make_wallet(BOB)
        memory = Memory.of([ada, bob])
        posting = make_transfer(ada, bob, 250, key="key")
        first = memory.post(posting)

        retried = memory.decide(posting)

        assert_nothing_written(retried)
        assert not retried.outcomes[0].replayed
        assert retried.outcomes[0].operation == first.outcomes[0].operation
        assert retried.outcomes[0].wallet is not None
        assert retried.outcomes[0].wallet.balance_minor == 750

    def test_key_belongs_to_its_actor(self) -> None:
        """Two actors may use the same key; neither sees the other's operation."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB, balance_minor=100)
        memory = Memory.of([ada, bob])
        memory.post(make_transfer(ada, bob, 10, key="key"))

        decision = memory.post(make_transfer(bob, ada, 30, actor_id=BOB, key="key"))

        assert decision.outcomes[0].error is None
        assert not decision.outcomes[0].replayed
        assert memory.wallets[ada.id].balance_minor == 120

    def test_without_key_every_posting_counts(self) -> None:
        """Postings without a key are never taken for one another."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB)
        posting = make_transfer(ada, bob, 10)

        decision = decide(by_id(ada, bob), {}, [posting, ask_again(posting)], now=NOW)

        assert decision.wallets[ada.id].balance_minor == 80

    def test_refusal_burns_no_key(self) -> None:
        """What was refused before it became an operation leaves its key free for other input."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB)
        memory = Memory.of([ada, bob])
        memory.post(make_transfer(ada, make_wallet(), 10, key="key"))
        memory.post(make_transfer(ada, bob, 10, currency="JPY", key="key"))

        decision = memory.post(make_transfer(ada, bob, 10, key="key"))

        assert decision.outcomes[0].error is None
        assert memory.wallets[bob.id].balance_minor == 10

    def test_comes_before_every_other_rule(self) -> None:
        """A replay is answered although the same request would now break a rule."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB)
        memory = Memory.of([ada, bob])
        posting = make_transfer(ada, bob, 100, key="key")
        first = memory.post(posting).outcomes[0]
        memory.wallets[ada.id] = replace(memory.wallets[ada.id], status=WalletStatus.CLOSED)

        (again,) = memory.decide(ask_again(posting)).outcomes
        (other,) = memory.decide(make_transfer(ada, make_wallet(), 1, key="key")).outcomes

        assert (again.operation, again.error) == (first.operation, None)
        assert isinstance(other.error, IdempotencyConflictError)


class TestFailureOf:
    """failure_of: what an operation's row says of its refusal."""

    @pytest.mark.parametrize(
        ("source", "target"),
        [
            (make_wallet(balance_minor=7, held_minor=7), make_wallet(BOB)),
            (make_wallet(status=WalletStatus.FROZEN), make_wallet(BOB)),
            (make_wallet(status=WalletStatus.CLOSED), make_wallet(BOB)),
            (make_wallet(balance_minor=7), make_wallet(BOB, balance_minor=BIGINT_MAX)),
        ],
        ids=["funds", "frozen", "closed", "limit"],
    )
    def test_says_the_same_as_the_first_answer(
        self, source: WalletRecord, target: WalletRecord
    ) -> None:
        """The error read from a row is the one that was answered, figure by figure."""
        posting = make_transfer(source, target, 1)
        decision = decide(by_id(source, target), {}, [posting], now=NOW)
        (operation,) = decision.operations
        # The row's column is jsonb.
        details = orjson.loads(orjson.dumps(operation.error_details))

        again = failure_of(replace(operation, error_details=details))

        assert again is not None
        assert describe_error(again) == describe_error(decision.outcomes[0].error)

    def test_completed_operation(self) -> None:
        """An operation that did not fail has no refusal."""
        ada = make_wallet()
        (operation,) = decide(by_id(ada), {}, [make_topup(ada, 1)], now=NOW).operations

        assert failure_of(operation) is None
