"""What the ledger writes for postings that its rules allow, and when it says it was."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.services.ledger.assertions import assert_nothing_written
from tests.unit.services.ledger.memory import Memory
from tests.unit.services.ledger.samples import (
    ADA,
    BOB,
    LONG_AGO,
    NOW,
    OPERATOR,
    ask_again,
    by_id,
    make_opening,
    make_topup,
    make_transfer,
    make_wallet,
)
from wallet.core.errors import ErrorCode
from wallet.core.ids import world_wallet_id
from wallet.models import OperationKind, OperationStatus
from wallet.services.ledger import (
    WalletNotFoundError,
    WalletRecord,
)
from wallet.services.ledger.chain import chain_hash
from wallet.services.ledger.decide import decide
from wallet.services.ledger.records import EntryRecord, OperationRecord


class TestDecide:
    """What is written for a posting that all rules allow."""

    def test_transfer_moves_the_amount(self) -> None:
        """The source has that much less, the target that much more; nothing else changes."""
        source, target = make_wallet(balance_minor=1_000), make_wallet(BOB, balance_minor=5)

        decision = decide(by_id(source, target), {}, [make_transfer(source, target, 250)], now=NOW)

        after_source, after_target = decision.wallets[source.id], decision.wallets[target.id]
        assert (after_source.balance_minor, after_target.balance_minor) == (750, 255)
        for before, after in ((source, after_source), (target, after_target)):
            changed = {"balance_minor", "last_sequence", "head_hash", "last_entry_at"}
            assert {
                name
                for name in before.__dataclass_fields__
                if getattr(before, name) != getattr(after, name)
            } == changed

    def test_operation_says_what_was_asked(self) -> None:
        """The COMPLETED operation has the posting's fields, both parties and the instant."""
        source, target = make_wallet(balance_minor=1_000), make_wallet(BOB)
        posting = replace(
            make_transfer(source, target, 250, key="key"),
            description="for the tea",
            metadata='{"cups":2}',
        )

        decision = decide(by_id(source, target), {}, [posting], now=NOW)

        assert decision.operations == [
            OperationRecord(
                id=posting.operation_id,
                kind=OperationKind.TRANSFER,
                status=OperationStatus.COMPLETED,
                actor_id=ADA,
                source_id=source.id,
                target_id=target.id,
                source=source.party,
                target=target.party,
                amount_minor=250,
                currency="EUR",
                description="for the tea",
                metadata='{"cups":2}',
                error_code=None,
                error_details=None,
                idempotency_key="key",
                request_hash=posting.request_hash,
                created_at=NOW,
                completed_at=NOW,
            )
        ]

    def test_entries_continue_the_statements(self) -> None:
        """Each wallet gets one line: the next number, the running balance, the next hash."""
        source = make_wallet(balance_minor=1_000, last_sequence=7, head_hash=b"s" * 32)
        target = make_wallet(BOB, held_minor=3, balance_minor=5, head_hash=b"t" * 32)
        posting = make_transfer(source, target, 250)

        decision = decide(by_id(source, target), {}, [posting], now=NOW)

        def entry(
            wallet: WalletRecord, *, sequence: int, amount_minor: int, balance_after_minor: int
        ) -> EntryRecord:
            return EntryRecord(
                operation_id=posting.operation_id,
                wallet_id=wallet.id,
                sequence=sequence,
                amount_minor=amount_minor,
                held_change_minor=0,
                balance_after_minor=balance_after_minor,
                held_after_minor=wallet.held_minor,
                hash=chain_hash(
                    wallet.head_hash,
                    wallet_id=wallet.id,
                    operation_id=posting.operation_id,
                    sequence=sequence,
                    amount_minor=amount_minor,
                    held_change_minor=0,
                    balance_after_minor=balance_after_minor,
                    held_after_minor=wallet.held_minor,
                    created_at=NOW,
                ),
                created_at=NOW,
            )

        assert decision.entries == [
            entry(source, sequence=8, amount_minor=-250, balance_after_minor=750),
            entry(target, sequence=1, amount_minor=250, balance_after_minor=255),
        ]
        assert decision.wallets[source.id].head_hash == decision.entries[0].hash
        assert decision.wallets[target.id].head_hash == decision.entries[1].hash
        assert decision.wallets[source.id].last_sequence == 8

    def test_outcome_shows_the_actors_side(self) -> None:
        """The outcome has the operation, and the wallet as it is to be written."""
        source, target = make_wallet(balance_minor=1_000), make_wallet(BOB)

        decision = decide(by_id(source, target), {}, [make_transfer(source, target, 250)], now=NOW)

        (outcome,) = decision.outcomes
        assert outcome.operation == decision.operations[0]
        assert outcome.wallet == decision.wallets[source.id]
        assert outcome.error is None
        assert not outcome.replayed

    def test_topup_comes_from_the_world(self) -> None:
        """The world gives what the wallet gets, in a line that stands in no sequence."""
        wallet = make_wallet(balance_minor=5)
        posting = make_topup(wallet, 1_000)

        decision = decide(by_id(wallet), {}, [posting], now=NOW)

        world, own = decision.entries
        assert world == EntryRecord(
            operation_id=posting.operation_id,
            wallet_id=world_wallet_id("EUR"),
            amount_minor=-1_000,
            held_change_minor=0,
            created_at=NOW,
            sequence=None,
            balance_after_minor=None,
            held_after_minor=None,
            hash=None,
        )
        assert (own.wallet_id, own.amount_minor, own.balance_after_minor) == (
            wallet.id,
            1_000,
            1_005,
        )
        assert decision.wallets.keys() == {wallet.id}

    def test_world_is_no_party(self) -> None:
        """A top-up has the world's id as its source, and no party there."""
        wallet = make_wallet()

        (operation,) = decide(by_id(wallet), {}, [make_topup(wallet, 1)], now=NOW).operations

        assert operation.source_id == world_wallet_id("EUR")
        assert operation.source is None
        assert operation.target == wallet.party

    def test_operator_tops_up_what_it_does_not_own(self) -> None:
        """Without owner_id the actor's role is enough, and the actor is on record."""
        wallet = make_wallet(BOB)
        posting = make_topup(wallet, 1_000, actor_id=OPERATOR, by_operator=True)

        decision = decide(by_id(wallet), {}, [posting], now=NOW)

        assert decision.outcomes[0].error is None
        assert decision.wallets[wallet.id].balance_minor == 1_000
        assert decision.operations[0].actor_id == OPERATOR

    def test_opening_is_the_first_line(self) -> None:
        """A new wallet's statement starts with an entry that moves nothing."""
        wallet = make_wallet()

        decision = decide(by_id(wallet), {}, [make_opening(wallet)], now=NOW)

        (entry,) = decision.entries
        assert (entry.sequence, entry.amount_minor, entry.balance_after_minor) == (1, 0, 0)
        assert decision.operations[0].status is OperationStatus.COMPLETED

    def test_each_posting_sees_those_before_it(self) -> None:
        """Money that one posting brought can be spent by the next of the same round."""
        ada, bob = make_wallet(), make_wallet(BOB)
        postings = [
            make_topup(ada, 1_000),
            make_transfer(ada, bob, 600),
            make_transfer(ada, bob, 600),
            make_transfer(bob, ada, 100, actor_id=BOB),
        ]

        decision = decide(by_id(ada, bob), {}, postings, now=NOW)

        assert [outcome.error and outcome.error.code for outcome in decision.outcomes] == [
            None,
            None,
            ErrorCode.INSUFFICIENT_FUNDS,
            None,
        ]
        assert decision.wallets[ada.id].balance_minor == 500
        assert decision.wallets[bob.id].balance_minor == 500
        assert [entry.sequence for entry in decision.entries if entry.wallet_id == ada.id] == [
            1,
            2,
            3,
            4,
        ]
        assert [operation.id for operation in decision.operations] == [
            posting.operation_id for posting in postings
        ]

    def test_one_bad_posting_takes_no_other_along(self) -> None:
        """A refusal in the middle of a round changes nothing for the rest."""
        ada, bob, nobodys = make_wallet(balance_minor=100), make_wallet(BOB), make_wallet()
        good, bad = make_transfer(ada, bob, 40), make_transfer(ada, nobodys, 40)
        other = make_transfer(ada, bob, 60)

        mixed = decide(by_id(ada, bob), {}, [good, bad, other], now=NOW)
        pure = decide(by_id(ada, bob), {}, [good, other], now=NOW)

        assert type(mixed.outcomes[1].error) is WalletNotFoundError
        assert (mixed.wallets, mixed.entries) == (pure.wallets, pure.entries)
        assert mixed.operations == pure.operations

    def test_outcomes_are_in_the_order_of_their_postings(self) -> None:
        """outcomes[i] answers postings[i], whatever became of it."""
        ada, bob = make_wallet(balance_minor=10), make_wallet(BOB)
        completed, failed = make_transfer(ada, bob, 4, key="1"), make_transfer(ada, bob, 40)
        refused, last = make_transfer(ada, make_wallet(), 4), make_transfer(ada, bob, 6)
        postings = [completed, refused, failed, ask_again(completed), last]

        decision = decide(by_id(ada, bob), {}, postings, now=NOW)

        assert [
            outcome.operation.id if outcome.operation else None for outcome in decision.outcomes
        ] == [
            completed.operation_id,
            None,
            failed.operation_id,
            completed.operation_id,
            last.operation_id,
        ]

    def test_no_postings_no_decision(self) -> None:
        """An empty round writes nothing and answers nothing."""
        wallet = make_wallet()

        decision = decide(by_id(wallet), {}, [], now=NOW)

        assert_nothing_written(decision)
        assert decision.outcomes == []

    def test_input_stays_as_it_was(self) -> None:
        """The rows and keys that were handed in are not touched."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB)
        memory = Memory.of([ada, bob])
        posting = make_transfer(ada, bob, 40, key="key")

        memory.decide(posting)

        assert memory.wallets == by_id(ada, bob)
        assert memory.known == {}


class TestDecideInstant:
    """When it happened: never before what the wallet's statement says already."""

    def test_clock_of_the_round(self) -> None:
        """The instant of the round stands on the operation, the entries and the wallets."""
        ada, bob = make_wallet(balance_minor=9), make_wallet(BOB)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert {entry.created_at for entry in decision.entries} == {NOW}
        assert decision.operations[0].created_at == decision.operations[0].completed_at == NOW
        assert {wallet.last_entry_at for wallet in decision.wallets.values()} == {NOW}

    @pytest.mark.parametrize("later_side", ["source", "target"])
    def test_clock_that_went_back(self, later_side: str) -> None:
        """The latest line of either wallet is the earliest instant."""
        later = NOW + timedelta(seconds=3)
        latest = {"source": LONG_AGO, "target": LONG_AGO, later_side: later}
        ada = make_wallet(balance_minor=9, last_entry_at=latest["source"])
        bob = make_wallet(BOB, last_entry_at=latest["target"])

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert {entry.created_at for entry in decision.entries} == {later}
        assert decision.operations[0].created_at == later
        assert decision.operations[0].completed_at == later
        assert {wallet.last_entry_at for wallet in decision.wallets.values()} == {later}

    def test_failure_looks_at_the_actors_side_alone(self) -> None:
        """A failure has no line in the target's statement, so the target's clock says nothing."""
        ada = make_wallet(last_entry_at=NOW + timedelta(seconds=1))
        bob = make_wallet(BOB, last_entry_at=NOW + timedelta(seconds=9))

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert decision.entries[0].created_at == NOW + timedelta(seconds=1)
        assert decision.operations[0].created_at == NOW + timedelta(seconds=1)

    def test_within_a_round(self) -> None:
        """A posting is not older than the one before it that shares a wallet."""
        late = NOW + timedelta(seconds=5)
        ada, bob = make_wallet(balance_minor=9, last_entry_at=late), make_wallet(BOB)
        postings = [
            make_transfer(bob, ada, 1, actor_id=BOB),
            make_transfer(ada, bob, 1),
            make_transfer(bob, ada, 1, actor_id=BOB),
        ]

        decision = decide(by_id(ada, bob), {}, postings, now=NOW)

        # The first fails before bob has any money, so it only concerns bob.
        assert [operation.created_at for operation in decision.operations] == [NOW, late, late]
