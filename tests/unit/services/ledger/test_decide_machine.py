"""A ledger's life: wallets open, freeze and thaw while money moves, and the books always hold."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from tests.unit.services.ledger.assertions import follow
from tests.unit.services.ledger.memory import Memory, describe_error
from tests.unit.services.ledger.samples import (
    ADA,
    BOB,
    NOW,
    ask_again,
    make_opening,
    make_topup,
    make_transfer,
    make_wallet,
    make_withdrawal,
)
from wallet.core.errors import IdempotencyConflictError
from wallet.core.ids import world_wallet_id
from wallet.models import WalletStatus
from wallet.services.ledger import Outcome, Posting, WalletRecord
from wallet.services.ledger.records import EntryRecord

AMOUNTS = st.integers(1, 500)


class Life(RuleBasedStateMachine):
    """Requests come one by one, each with a key of its own; some come again."""

    wallet_ids = Bundle("wallet_ids")
    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory.of([])
        self.clock = NOW
        self.opened: dict[UUID, WalletRecord] = {}
        self.answers: dict[UUID, Outcome] = {}

    # -- what people do --------------------------------------------------------------------

    @rule(
        target=wallet_ids,
        owner_id=st.sampled_from([ADA, BOB]),
        currency=st.sampled_from(["EUR", "EUR", "JPY"]),
        overdraft_minor=st.sampled_from([0, 0, 200]),
    )
    def open_wallet(self, owner_id: UUID, currency: str, overdraft_minor: int) -> UUID:
        """A new wallet's statement starts with its opening."""
        wallet = make_wallet(owner_id, currency=currency, overdraft_minor=overdraft_minor)
        self.memory.wallets[wallet.id] = self.opened[wallet.id] = wallet
        self.post(make_opening(wallet))
        return wallet.id

    @rule(target=requests, wallet_id=wallet_ids, amount_minor=AMOUNTS)
    def topup(self, wallet_id: UUID, amount_minor: int) -> Posting:
        """An owner tops up."""
        wallet = self.memory.wallets[wallet_id]
        return self.post(
            make_topup(
                wallet,
                amount_minor,
                currency=wallet.currency,
                actor_id=wallet.owner_id,
                key=self.new_key(),
            )
        )

    @rule(target=requests, wallet_id=wallet_ids, amount_minor=AMOUNTS)
    def withdraw(self, wallet_id: UUID, amount_minor: int) -> Posting:
        """An owner takes money out."""
        wallet = self.memory.wallets[wallet_id]
        return self.post(
            make_withdrawal(
                wallet,
                amount_minor,
                currency=wallet.currency,
                actor_id=wallet.owner_id,
                key=self.new_key(),
            )
        )

    @rule(target=requests, source_id=wallet_ids, target_id=wallet_ids, amount_minor=AMOUNTS)
    def transfer(self, source_id: UUID, target_id: UUID, amount_minor: int) -> object:
        """An owner pays anybody, now and then in the wrong currency."""
        source, target = self.memory.wallets[source_id], self.memory.wallets[target_id]
        if source.id == target.id:
            return multiple()
        posting = self.post(
            make_transfer(
                source,
                target,
                amount_minor,
                currency=source.currency,
                actor_id=source.owner_id,
                key=self.new_key(),
            )
        )
        # A refusal that is not on record has burnt no key, so it has no answer to repeat.
        return posting if self.answers[posting.operation_id].operation else multiple()

    @rule(request=requests)
    def ask_again(self, request: Posting) -> None:
        """The first answer again, whatever has happened since; nothing is written."""
        first = self.answers[request.operation_id]

        decision = self.memory.decide(ask_again(request), now=self.clock)

        (again,) = decision.outcomes
        assert (decision.operations, decision.entries, decision.wallets) == ([], [], {})
        assert again.replayed
        assert again.operation == first.operation
        assert describe_error(again.error) == describe_error(first.error)
        assert again.wallet is not None
        assert first.wallet is not None
        assert again.wallet.balance_minor == first.wallet.balance_minor
        assert again.wallet.held_minor == first.wallet.held_minor

    @rule(request=requests)
    def use_a_key_twice(self, request: Posting) -> None:
        """Other input under a used key is a conflict; nothing is written."""
        decision = self.memory.decide(
            replace(ask_again(request), request_hash=b"other" * 6), now=self.clock
        )

        assert type(decision.outcomes[0].error) is IdempotencyConflictError
        assert (decision.operations, decision.entries, decision.wallets) == ([], [], {})

    # -- what happens around them ------------------------------------------------------------

    @rule(wallet_id=wallet_ids, status=st.sampled_from([WalletStatus.FROZEN, WalletStatus.ACTIVE]))
    def set_status(self, wallet_id: UUID, status: WalletStatus) -> None:
        """Somebody freezes a wallet, or lets it thaw."""
        self.memory.wallets[wallet_id] = replace(self.memory.wallets[wallet_id], status=status)

    @rule(wallet_id=consumes(wallet_ids))
    def close(self, wallet_id: UUID) -> None:
        """Somebody closes a wallet for good."""
        self.memory.wallets[wallet_id] = replace(
            self.memory.wallets[wallet_id], status=WalletStatus.CLOSED
        )

    @rule(wallet_id=wallet_ids, percent=st.integers(0, 100))
    def reserve(self, wallet_id: UUID, percent: int) -> None:
        """Holds reserve a part of what is there."""
        wallet = self.memory.wallets[wallet_id]
        held_minor = max(wallet.balance_minor, 0) * percent // 100
        self.memory.wallets[wallet_id] = replace(wallet, held_minor=held_minor)

    @rule(seconds=st.integers(-3, 10))
    def pass_time(self, seconds: int) -> None:
        """The clock goes on, or is set back."""
        self.clock += timedelta(seconds=seconds)

    # -- what always holds ---------------------------------------------------------------------

    @invariant()
    def books_balance(self) -> None:
        """All entries of a currency, the world's included, add up to 0."""
        totals: dict[UUID, int] = defaultdict(int)
        for entry in self.memory.entries:
            wallet = self.memory.wallets.get(entry.wallet_id)
            totals[world_wallet_id(wallet.currency) if wallet else entry.wallet_id] += (
                entry.amount_minor
            )
        assert set(totals.values()) <= {0}

    @invariant()
    def statements_hold(self) -> None:
        """Every wallet's statement leads from the row it was opened with to the row it has."""
        statements: dict[UUID, list[EntryRecord]] = defaultdict(list)
        for entry in self.memory.entries:
            statements[entry.wallet_id].append(entry)
        for wallet_id, wallet in self.memory.wallets.items():
            # The ledger does not write these two.
            opened = replace(
                self.opened[wallet_id], status=wallet.status, held_minor=wallet.held_minor
            )
            assert follow(opened, statements[wallet_id]) == wallet
            assert wallet.spendable_minor >= 0

    # -- how ---------------------------------------------------------------------------------

    def new_key(self) -> str:
        """Make a key that was not used before."""
        return f"key {len(self.answers)}"

    def post(self, posting: Posting) -> Posting:
        """Carry a request out and keep its answer; money moves between active wallets only."""
        unavailable = {
            wallet.id
            for wallet in self.memory.wallets.values()
            if wallet.status is not WalletStatus.ACTIVE
        }
        (outcome,) = self.memory.post(posting, now=self.clock).outcomes
        if outcome.error is None:
            assert not unavailable & {leg.wallet_id for leg in posting.legs}
        self.answers[posting.operation_id] = outcome
        return posting


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=30)
