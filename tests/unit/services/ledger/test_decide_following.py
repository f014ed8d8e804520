"""What follows an operation, by example: the edges that are rarely met by chance."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from tests.unit.services.ledger.memory import Memory
from tests.unit.services.ledger.samples import (
    ADA,
    BIGINT_MAX,
    BOB,
    NOW,
    ask_again,
    make_carrying_out,
    make_conversion,
    make_following,
    make_hold,
    make_transfer,
    make_wallet,
    next_id,
)
from wallet.core.errors import InvalidInputError
from wallet.core.rates import round_rate
from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.services.ledger import (
    InsufficientFundsError,
    LimitExceededError,
    NotPendingError,
    OperationRecord,
    Posting,
    QuoteRecord,
)
from wallet.services.ledger.records import AtomicBatch

SOURCE = make_wallet(balance_minor=1_000)
TARGET = make_wallet(BOB)
YEN = make_wallet(BOB, currency="JPY", balance_minor=BIGINT_MAX - 1)
HOUR = timedelta(hours=1)


@pytest.fixture
def memory() -> Memory:
    """A ledger with Ada's 10.00 EUR, and Bob's wallets in euro and yen."""
    return Memory.of([SOURCE, TARGET, YEN])


def hold(memory: Memory, amount_minor: int = 400) -> OperationRecord:
    """Have money held for an hour."""
    posting = make_hold(SOURCE, TARGET, amount_minor, expires_at=NOW + HOUR)
    return memory.post(posting).operations[0]


def capture(held: OperationRecord, amount_minor: int | None = None) -> Posting:
    """Make the posting in which Bob takes what is held."""
    return make_following(held, OperationKind.CAPTURE, amount_minor, BOB)


def reverse(paid: OperationRecord, amount_minor: int | None = None) -> Posting:
    """Make the posting in which Bob gives back."""
    return make_following(paid, OperationKind.REVERSAL, amount_minor, BOB)


def convert(memory: Memory, amount_minor: int, received_minor: int) -> OperationRecord:
    """Let Ada pay euro of which Bob gets yen."""
    rate = round_rate(Fraction(received_minor, amount_minor))
    quote = QuoteRecord(
        id=next_id(),
        user_id=ADA,
        amount_minor=amount_minor,
        currency="EUR",
        target_amount_minor=received_minor,
        target_currency="JPY",
        rate=rate,
        created_at=NOW,
        expires_at=NOW + HOUR,
        operation_id=None,
    )
    memory.quotes[quote.id] = quote
    memory.wallets[YEN.id] = replace(memory.wallets[YEN.id], balance_minor=0)
    payment = make_transfer(SOURCE, YEN, amount_minor)
    return memory.post(make_conversion(payment, quote)).operations[0]


class TestEndOfAHold:
    """To the microsecond, and of frozen wallets too."""

    def test_at_its_instant_it_is_over(self, memory: Memory) -> None:
        """Just before it, it is captured."""
        held = hold(memory)

        at_its_end = memory.decide(capture(held), now=NOW + HOUR)
        just_before = memory.decide(capture(held), now=NOW + HOUR - timedelta(microseconds=1))

        assert isinstance(at_its_end.outcomes[0].error, NotPendingError)
        assert at_its_end.changed[held.id].status is OperationStatus.EXPIRED
        assert at_its_end.changed[held.id].completed_at == held.expires_at
        assert just_before.outcomes[0].error is None

    def test_money_of_a_frozen_wallet_is_let_go(self, memory: Memory) -> None:
        """By a void, and by the clock."""
        held = hold(memory)
        memory.wallets[SOURCE.id] = replace(memory.wallets[SOURCE.id], status=WalletStatus.FROZEN)

        void = make_following(held, OperationKind.VOID, None, BOB)
        decisions = [memory.decide(void), memory.decide(void, now=NOW + HOUR)]

        assert [decision.wallets[SOURCE.id].held_minor for decision in decisions] == [0, 0]
        assert [type(decision.outcomes[0].error) for decision in decisions] == [
            type(None),
            NotPendingError,
        ]

    def test_replay_in_the_round_that_captures(self, memory: Memory) -> None:
        """The key of the hold leads to what has just become of it."""
        posting = make_hold(SOURCE, TARGET, 400, key="held", expires_at=NOW + HOUR)
        held = memory.post(posting).operations[0]

        decision = memory.decide(capture(held), ask_again(posting))

        replayed = decision.outcomes[1].operation
        assert decision.outcomes[1].replayed
        assert replayed is not None
        assert replayed.status is OperationStatus.COMPLETED


class TestBatchThatIsRejected:
    """What it did to others' operations is undone as well."""

    def test_hold_can_be_captured_after_it(self, memory: Memory) -> None:
        """In the same round."""
        held = hold(memory)
        batch = AtomicBatch((capture(held), make_transfer(SOURCE, TARGET, 9_999)))

        decision = memory.decide(batch, capture(held, 100))

        assert decision.outcomes[2].error is None
        assert decision.changed[held.id].status is OperationStatus.COMPLETED
        assert decision.wallets[TARGET.id].balance_minor == 100

    def test_limit_is_what_it_was(self, memory: Memory) -> None:
        """What it would have moved does not count."""
        memory.limits[SOURCE.id] = (None, 500)
        batch = AtomicBatch(
            (make_transfer(SOURCE, TARGET, 400), make_transfer(SOURCE, TARGET, 9_999))
        )

        decision = memory.decide(batch, make_transfer(SOURCE, TARGET, 500))

        assert decision.outcomes[2].error is None

    def test_reversal_starts_from_where_it_was(self, memory: Memory) -> None:
        """What it would have given back can be given back."""
        paid = memory.post(make_transfer(SOURCE, TARGET, 400)).operations[0]
        batch = AtomicBatch((reverse(paid, 300), make_transfer(SOURCE, TARGET, 9_999)))

        decision = memory.decide(batch, reverse(paid, 400))

        assert decision.outcomes[2].error is None
        assert decision.changed[paid.id].returned_minor == 400


class TestLimits:
    """What is held counts as if it had left."""

    def test_held_money_counts(self, memory: Memory) -> None:
        """Captured or not; and no more once it is let go."""
        memory.limits[SOURCE.id] = (None, 500)
        held = hold(memory)
        payment = make_transfer(SOURCE, TARGET, 101)

        while_held = memory.decide(payment)
        captured = memory.decide(capture(held), payment)
        over = memory.decide(payment, now=NOW + HOUR)

        assert isinstance(while_held.outcomes[0].error, LimitExceededError)
        assert isinstance(captured.outcomes[1].error, LimitExceededError)
        assert over.outcomes[0].error is None

    def test_scheduled_transfer_is_asked_at_its_time(self, memory: Memory) -> None:
        """Not when it is written down."""
        memory.limits[SOURCE.id] = (100, None)
        posting = replace(make_transfer(SOURCE, TARGET, 101), scheduled_for=NOW + HOUR)

        decision = memory.post(posting)
        carried_out = memory.decide(make_carrying_out(decision.operations[0]), now=NOW + HOUR)

        assert decision.outcomes[0].error is None
        assert isinstance(carried_out.outcomes[0].error, LimitExceededError)
        assert carried_out.changed[posting.operation_id].status is OperationStatus.FAILED


class TestReversal:
    """The last minor unit."""

    def test_all_that_is_left_and_no_more(self, memory: Memory) -> None:
        """One more is refused without a trace."""
        paid = memory.post(make_transfer(SOURCE, TARGET, 400)).operations[0]
        memory.post(reverse(paid, 100))

        more = memory.decide(reverse(paid, 301))
        rest = memory.decide(reverse(paid, 300))

        assert isinstance(more.outcomes[0].error, InvalidInputError)
        assert (more.operations, more.entries, more.changed) == ([], [], {})
        assert rest.changed[paid.id].status is OperationStatus.REVERSED

    def test_spent_money(self, memory: Memory) -> None:
        """On record; the transfer is as it was."""
        paid = memory.post(make_transfer(SOURCE, TARGET, 400)).operations[0]
        memory.post(make_transfer(TARGET, SOURCE, 1, actor_id=BOB))

        decision = memory.decide(reverse(paid))

        assert isinstance(decision.outcomes[0].error, InsufficientFundsError)
        assert decision.changed == {}
        assert decision.operations[0].amount_minor == 400

    @pytest.mark.parametrize(
        ("paid_minor", "received_minor", "parts", "back"),
        [
            (5, 2, [1, 1], [2, 3]),  # 2.5 is 2, and the rest makes up for it
            (3, 2, [1, 1], [2, 1]),  # 1.5 is 2
            (1, 3, [2, None], [1, 0]),  # what is left gives nothing back, and is given all the same
            (100, 7, [3, 3, None], [43, 43, 14]),
        ],
    )
    def test_parts_add_up_to_what_was_paid(
        self,
        memory: Memory,
        paid_minor: int,
        received_minor: int,
        parts: list[int | None],
        back: list[int],
    ) -> None:
        """Rounded half-even on all that was given back."""
        paid = convert(memory, paid_minor, received_minor)

        got = [memory.post(reverse(paid, part)).operations[0].received_minor for part in parts]

        assert got == back
        assert sum(got) == paid_minor
        assert memory.operation(paid.id).status is OperationStatus.REVERSED

    def test_so_little_that_it_is_nothing(self, memory: Memory) -> None:
        """Refused, though there is enough left."""
        paid = convert(memory, 1, 3)

        decision = memory.decide(reverse(paid, 1))

        assert isinstance(decision.outcomes[0].error, InvalidInputError)

    @pytest.mark.parametrize("received_minor", [1, 10**17 + 1, BIGINT_MAX])
    def test_amounts_of_any_size(self, memory: Memory, received_minor: int) -> None:
        """No digit is lost, and the rate back fits its column."""
        paid = convert(memory, 1_000, received_minor)

        decision = memory.decide(reverse(paid))

        (operation,) = decision.operations
        assert (operation.amount_minor, operation.received_minor) == (received_minor, 1_000)
        assert operation.conversion is not None
        assert operation.conversion.rate.as_tuple().exponent == -18
