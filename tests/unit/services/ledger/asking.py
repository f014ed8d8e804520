"""What a machine asks of a ledger, and of the naive model beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hypothesis.stateful import RuleBasedStateMachine

from tests.unit.services.ledger.memory import Memory, describe, describe_outcome
from tests.unit.services.ledger.model import RECORDED, Deed, Model, Promise
from tests.unit.services.ledger.samples import (
    ADA,
    BOB,
    NOW,
    make_conversion,
    make_following,
    make_transfer,
    next_id,
)
from wallet.core.errors import ErrorCode
from wallet.models import OperationKind, OperationStatus
from wallet.services.ledger import (
    REVERSIBLE,
    OperationRecord,
    Outcome,
    Posting,
    WalletRecord,
)
from wallet.services.ledger.decide import Decision
from wallet.services.ledger.records import AtomicBatch, QuoteRecord, Sweep

Answer = ErrorCode | None
"""The code of what stood in the way; None where nothing did."""

Planned = tuple[Posting, Callable[[], Answer]]
"""A posting, and how the model is asked the same."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Work that was handed in, and what the model has answered."""

    work: Posting | AtomicBatch
    expected: Answer


class Asking(RuleBasedStateMachine):
    """
    A ledger and a model, which are asked the same.

    Attributes:
        asked: What the model has answered already, and the ledger has not.
        patience: How much of that gathers, to be decided on in one round.
        answered: What became an operation, with its key.
    """

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory.of([])
        self.model = Model(NOW)
        self.asked: list[Asked] = []
        self.patience = 0
        self.answered: list[Posting] = []
        self._keys = 0

    def ask(self, planned: Planned | None) -> None:
        """Hand in a posting, where there is something to ask for."""
        if planned is not None:
            posting, answer = planned
            self.hand_in(Asked(posting, answer()))

    def hand_in(self, asked: Asked) -> None:
        """Let work gather, for as long as there is patience."""
        self.asked.append(asked)
        if len(self.asked) > self.patience:
            self.answer()

    def answer(self) -> None:
        """All that was asked is answered as the model has foreseen, in one round as one by one."""
        in_one_round = self.memory.copy()
        together = in_one_round.post(*(each.work for each in self.asked), now=self.model.now)
        outcomes = []
        for each in self.asked:
            swept = self.sweep(each.work)
            decision = self.memory.post(each.work, now=self.model.now)
            self.check_refusal(each, swept, decision)
            self.check_answer(each, decision.outcomes)
            outcomes += decision.outcomes
        assert [describe_outcome(each) for each in outcomes] == [
            describe_outcome(each) for each in together.outcomes
        ]
        assert self.memory.wallets == in_one_round.wallets
        assert self.memory.quotes == in_one_round.quotes
        assert {each.id: each for each in self.memory.operations} == {
            each.id: each for each in in_one_round.operations
        }
        self.asked.clear()

    # -- what can be asked -------------------------------------------------------------------

    def plan_payment(self, pick: int, amount_minor: int) -> Planned:
        """Pay another wallet of the same currency."""
        source, target = self.pick_pair(pick)
        posting = self._make_payment(source, target, amount_minor)
        deed = Deed(OperationKind.TRANSFER, source.id, target.id, amount_minor, amount_minor)
        return posting, lambda: self.model.pay(posting.operation_id, deed)

    def plan_conversion(self, pick: int, quote: QuoteRecord) -> Planned:
        """Pay a wallet of another currency, by a quote that may be over, used, or another's."""
        source = self.pick_wallet(pick, currency=quote.currency)
        target = self.pick_wallet(pick, currency=quote.target_currency)
        amount_minor, received_minor = quote.amount_minor, quote.target_amount_minor
        posting = make_conversion(self._make_payment(source, target, amount_minor), quote)
        deed = Deed(OperationKind.TRANSFER, source.id, target.id, amount_minor, received_minor)
        promise = Promise(quote.id, quote.expires_at, is_payers=quote.user_id == source.owner_id)
        return posting, lambda: self.model.pay(posting.operation_id, deed, promise)

    def plan_capture(self, pick: int, percent: int) -> Planned | None:
        """Take what is held, or a part of it."""
        hold = self._pick(pick, lambda each: each.kind is OperationKind.HOLD)
        if hold is None:
            return None
        amount_minor = max(1, hold.amount_minor * percent // 100)
        posting = self._follow(hold, OperationKind.CAPTURE, amount_minor)
        return posting, lambda: self.model.capture(hold.id, amount_minor, posting.operation_id)

    def plan_void(self, pick: int) -> Planned | None:
        """Let go of what is held."""
        hold = self._pick(pick, lambda each: each.kind is OperationKind.HOLD)
        if hold is None:
            return None
        return self._follow(hold, OperationKind.VOID), lambda: self.model.call_off(hold.id)

    def plan_cancellation(self, pick: int) -> Planned | None:
        """Call off what is, or was, still to come."""
        scheduled = self.pick_scheduled(pick)
        if scheduled is None:
            return None
        posting = self._follow(scheduled, OperationKind.VOID)
        return posting, lambda: self.model.call_off(scheduled.id)

    def plan_reversal(self, pick: int, amount_minor: int | None) -> Planned | None:
        """Give back what was paid, or captured, in part or whole."""
        paid = self._pick(pick, lambda each: each.kind in REVERSIBLE)
        if paid is None:
            return None
        posting = self._follow(paid, OperationKind.REVERSAL, amount_minor)
        return posting, lambda: self.model.reverse(paid.id, amount_minor)

    def _make_payment(
        self, source: WalletRecord, target: WalletRecord, amount_minor: int
    ) -> Posting:
        return make_transfer(
            source,
            target,
            amount_minor,
            currency=source.currency,
            actor_id=source.owner_id,
            key=self.new_key(),
        )

    def _follow(
        self, parent: OperationRecord, kind: OperationKind, amount_minor: int | None = None
    ) -> Posting:
        """Make the posting of what follows *parent*, by who may."""
        is_cancellation = parent.scheduled_for is not None and kind is OperationKind.VOID
        own_id = parent.source_id if is_cancellation else parent.target_id
        assert own_id is not None
        owner_id = self.memory.wallets[own_id].owner_id
        return make_following(parent, kind, amount_minor, owner_id, key=self.new_key())

    # -- what there is -----------------------------------------------------------------------

    def pick_wallet(self, pick: int, *, currency: str | None = None) -> WalletRecord:
        """Return one of the wallets."""
        wallets = [
            wallet for wallet in self.memory.wallets.values() if currency in {None, wallet.currency}
        ]
        return wallets[pick % len(wallets)]

    def pick_pair(self, pick: int) -> tuple[WalletRecord, WalletRecord]:
        """Return two wallets of one currency."""
        source = self.pick_wallet(pick)
        others = [
            wallet
            for wallet in self.memory.wallets.values()
            if wallet.currency == source.currency and wallet.id != source.id
        ]
        return source, others[pick // 5 % len(others)]

    def pick_scheduled(self, pick: int) -> OperationRecord | None:
        """Return a transfer that is, or was, to come."""
        return self._pick(pick, lambda each: each.scheduled_for is not None)

    def _pick(
        self, pick: int, is_meant: Callable[[OperationRecord], bool]
    ) -> OperationRecord | None:
        """Return one of the operations that are meant, whatever became of it."""
        found = [each for each in self.memory.operations if is_meant(each)]
        return found[pick % len(found)] if found else None

    def pick_quote(self, pick: int, amount: int, received: int, minutes: int) -> QuoteRecord:
        """Return a quote that there is already, or one that is new."""
        quotes = list(self.memory.quotes.values())
        if quotes and pick % 2:
            return quotes[-1 - pick // 2 % min(len(quotes), 2)]
        currency, target_currency = ("EUR", "JPY") if pick % 4 else ("JPY", "EUR")
        quote = QuoteRecord(
            id=next_id(),
            # Of the five wallets, Ada has three.
            user_id=BOB if pick % 5 == 0 else ADA,
            amount_minor=amount,
            currency=currency,
            target_amount_minor=received,
            target_currency=target_currency,
            rate=round(Decimal(received) / amount, 18),
            created_at=self.model.now,
            expires_at=self.model.now + timedelta(minutes=minutes),
            operation_id=None,
        )
        self.memory.quotes[quote.id] = quote
        return quote

    def new_key(self) -> str:
        """Make a key that was not used before."""
        self._keys += 1
        return f"key {self._keys}"

    # -- what it says --------------------------------------------------------------------------

    def sweep(self, work: Posting | AtomicBatch) -> Decision:
        """Decide on the wallets of some work as if nothing were asked."""
        return self.memory.decide(Sweep(work.wallet_ids), now=self.model.now)

    def check_answer(self, asked: Asked, outcomes: list[Outcome]) -> None:
        """Assert that the ledger's answer is the model's."""
        for posting, outcome in zip(asked.work.postings, outcomes, strict=True):
            assert (outcome.error.code if outcome.error else None) is asked.expected
            is_on_record = asked.expected is None or (
                asked.expected in RECORDED and isinstance(asked.work, Posting)
            )
            assert (outcome.operation is not None) == is_on_record
            if outcome.operation is not None:
                assert outcome.operation.id == posting.operation_id
                is_failed = outcome.operation.status is OperationStatus.FAILED
                assert is_failed == (asked.expected is not None)
                if posting.idempotency_key is not None:
                    self.answered.append(posting)

    def check_refusal(self, asked: Asked, swept: Decision, decision: Decision) -> None:
        """Assert that what was refused has written nothing, or one line of 0."""
        if asked.expected is None:
            return
        if asked.expected not in RECORDED or isinstance(asked.work, AtomicBatch):
            assert {**describe(decision), "outcomes": []} == describe(swept)
            return
        (entry,) = decision.entries[len(swept.entries) :]
        assert (entry.amount_minor, entry.held_change_minor) == (0, 0)
        assert entry.wallet_id == asked.work.wallet_id
        assert decision.used_quotes == {}
