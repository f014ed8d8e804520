"""Holds, reversals, schedules, conversions and limits, against a naive model of all of them."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.unit.services.ledger.asking import Asked, Asking
from tests.unit.services.ledger.memory import describe
from tests.unit.services.ledger.model import Account, Deed
from tests.unit.services.ledger.samples import (
    ADA,
    BOB,
    ask_again,
    make_carrying_out,
    make_hold,
    make_topup,
    make_wallet,
)
from wallet.core.ids import exchange_wallet_id, world_wallet_id
from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.services.ledger.records import AtomicBatch, Sweep

AMOUNTS = st.integers(1, 60)
PICKS = st.integers(0, 10_000)
PENDING = OperationStatus.PENDING


class Money(Asking):
    """
    People ask; what they ask gathers for a while, and the clock stands still meanwhile.

    It never goes back.
    """

    @initialize(
        overdrafts=st.lists(st.sampled_from([0, 0, 30]), min_size=5, max_size=5),
        patience=st.sampled_from([0, 0, 1, 4]),
        balances=st.lists(st.sampled_from([0, 50, 300]), min_size=5, max_size=5),
        limits=st.lists(
            st.sampled_from([(None, None), (None, None), (40, None), (None, 90), (40, 90)]),
            min_size=5,
            max_size=5,
        ),
    )
    def open_wallets(
        self,
        overdrafts: list[int],
        balances: list[int],
        patience: int,
        limits: list[tuple[int | None, int | None]],
    ) -> None:
        """Three wallets in euro and two in yen, of two owners; some have money, or limits."""
        self.patience = patience
        currencies, owners = ["EUR", "EUR", "EUR", "JPY", "JPY"], [ADA, BOB, ADA, BOB, ADA]
        for currency, owner_id, overdraft, balance, limit in zip(
            currencies, owners, overdrafts, balances, limits, strict=True
        ):
            wallet = make_wallet(owner_id, currency=currency, overdraft_minor=overdraft)
            self.memory.wallets[wallet.id] = wallet
            if limit != (None, None):
                self.memory.limits[wallet.id] = limit
            self.model.accounts[wallet.id] = Account(overdraft, *limit)
            if balance:
                self.topup(len(self.memory.wallets) - 1, balance)

    # -- what people ask -------------------------------------------------------------------

    @rule(pick=PICKS, amount=st.integers(1, 200))
    def topup(self, pick: int, amount: int) -> None:
        """Money comes in."""
        wallet = self.pick_wallet(pick)
        posting = make_topup(
            wallet, amount, currency=wallet.currency, actor_id=wallet.owner_id, key=self.new_key()
        )
        self.ask((posting, lambda: self.model.topup(wallet.id, amount)))

    @rule(pick=PICKS, amount=AMOUNTS)
    def transfer(self, pick: int, amount: int) -> None:
        """An owner pays in the currency of both."""
        self.ask(self.plan_payment(pick, amount))

    @rule(pick=PICKS, amount=AMOUNTS, received=AMOUNTS, minutes=st.integers(-1, 300))
    def convert(self, pick: int, amount: int, received: int, minutes: int) -> None:
        """An owner pays into another currency."""
        self.ask(self.plan_conversion(pick, self.pick_quote(pick, amount, received, minutes)))

    @rule(pick=PICKS, amount=AMOUNTS, minutes=st.integers(1, 2_000))
    def hold(self, pick: int, amount: int, minutes: int) -> None:
        """An owner reserves money."""
        source, target = self.pick_pair(pick)
        expires_at = self.model.now + timedelta(minutes=minutes)
        posting = make_hold(source, target, amount, key=self.new_key(), expires_at=expires_at)
        deed = Deed(OperationKind.HOLD, source.id, target.id, amount, amount, expires_at=expires_at)
        self.ask((posting, lambda: self.model.pay(posting.operation_id, deed)))

    @rule(pick=PICKS, percent=st.integers(1, 100))
    def capture(self, pick: int, percent: int) -> None:
        """A target's owner takes what is held, or a part of it."""
        self.ask(self.plan_capture(pick, percent))

    @rule(pick=PICKS)
    def void(self, pick: int) -> None:
        """A target's owner lets go of what is held."""
        self.ask(self.plan_void(pick))

    @rule(pick=PICKS, amount=st.one_of(st.none(), st.integers(1, 30)))
    def reverse(self, pick: int, amount: int | None) -> None:
        """A target's owner gives back."""
        self.ask(self.plan_reversal(pick, amount))

    @rule(pick=PICKS, amount=AMOUNTS, minutes=st.integers(1, 2_000))
    def schedule(self, pick: int, amount: int, minutes: int) -> None:
        """An owner pays later."""
        source, target = self.pick_pair(pick)
        payment, _ = self.plan_payment(pick, amount)
        posting = replace(payment, scheduled_for=self.model.now + timedelta(minutes=minutes))
        deed = Deed(OperationKind.TRANSFER, source.id, target.id, amount, amount)
        self.ask((posting, lambda: self.model.schedule(posting.operation_id, deed)))

    @rule(pick=PICKS)
    def carry_out(self, pick: int) -> None:
        """A worker carries out what was scheduled; another one perhaps too."""
        scheduled = self.pick_scheduled(pick)
        if scheduled is not None:
            self.ask((make_carrying_out(scheduled), lambda: self.model.carry_out(scheduled.id)))

    @rule(pick=PICKS)
    def cancel(self, pick: int) -> None:
        """An owner calls off what was scheduled."""
        self.ask(self.plan_cancellation(pick))

    @rule(picks=st.lists(st.tuples(PICKS, st.integers(1, 30)), min_size=1, max_size=5))
    def ask_all(self, picks: list[tuple[int, int]]) -> None:
        """Several things of several sorts, all or none."""
        planned = [
            [
                self.plan_payment(pick, amount),
                self.plan_conversion(pick, self.pick_quote(pick, amount, amount, 60)),
                self.plan_capture(pick, 3 * amount),
                self.plan_void(pick),
                self.plan_reversal(pick, amount),
            ][pick // 7 % 5]
            or self.plan_payment(pick, amount)
            for pick, amount in picks
        ]
        batch = AtomicBatch(tuple(posting for posting, _ in planned))
        expected = self.model.do_all([answer for _, answer in planned])
        self.hand_in(Asked(batch, expected))

    # -- what happens around them -------------------------------------------------------------

    @rule(minutes=st.one_of(st.integers(1, 120), st.integers(600, 2_000)))
    def pass_time(self, minutes: int) -> None:
        """The clock goes on, and with it holds end."""
        self.answer()
        self.model.now += timedelta(minutes=minutes)

    @rule(pick=PICKS, status=st.sampled_from([WalletStatus.FROZEN, *[WalletStatus.ACTIVE] * 3]))
    def set_status(self, pick: int, status: WalletStatus) -> None:
        """Somebody freezes a wallet, or lets it thaw."""
        self.answer()
        wallet = self.pick_wallet(pick)
        self.memory.wallets[wallet.id] = replace(wallet, status=status)
        self.model.accounts[wallet.id].status = status

    @precondition(lambda self: bool(self.answered))
    @rule(pick=PICKS)
    def ask_again(self, pick: int) -> None:
        """The operation as it is by now, and nothing is written but what is over by itself."""
        self.answer()
        posting = self.answered[pick % len(self.answered)]
        again = self.memory.decide(ask_again(posting), now=self.model.now)
        (outcome,) = again.outcomes
        swept = self.memory.copy()
        swept.post(Sweep(posting.wallet_ids), now=self.model.now)

        assert outcome.replayed
        assert outcome.operation == swept.operation(posting.operation_id)
        assert {**describe(again), "outcomes": []} == describe(self.sweep(posting))

    # -- what always holds -------------------------------------------------------------------

    @invariant()
    def books_balance(self) -> None:
        """The entries of each operation add up to 0 in each currency."""
        system = {
            id_(currency): currency
            for currency in ("EUR", "JPY")
            for id_ in (world_wallet_id, exchange_wallet_id)
        }
        sums: dict[tuple[UUID, str], int] = defaultdict(int)
        for entry in self.memory.entries:
            wallet = self.memory.wallets.get(entry.wallet_id)
            currency = wallet.currency if wallet else system[entry.wallet_id]
            sums[entry.operation_id, currency] += entry.amount_minor
        assert set(sums.values()) <= {0}

    @invariant()
    def wallets_are_their_lines(self) -> None:
        """Balance and held are what the lines add up to; no more is spent than is there."""
        for wallet in self.memory.wallets.values():
            lines = [entry for entry in self.memory.entries if entry.wallet_id == wallet.id]
            assert wallet.balance_minor == sum(line.amount_minor for line in lines)
            assert wallet.held_minor == sum(line.held_change_minor for line in lines)
            assert wallet.held_minor == sum(
                each.amount_minor
                for each in self.memory.operations
                if (each.kind, each.status, each.source_id)
                == (OperationKind.HOLD, PENDING, wallet.id)
            )
            assert wallet.held_minor >= 0
            assert wallet.spendable_minor >= 0
            assert [line.sequence for line in lines] == list(range(1, len(lines) + 1))

    @invariant()
    def everything_ends_once(self) -> None:
        """A hold has one end at most; what was given back is what its reversals say."""
        for each in self.memory.operations:
            children = [
                child
                for child in self.memory.operations
                if child.parent_id == each.id and child.status is not OperationStatus.FAILED
            ]
            if each.kind is OperationKind.HOLD:
                assert len(children) == (each.status not in {PENDING, OperationStatus.FAILED})
            elif each.kind in {OperationKind.TRANSFER, OperationKind.CAPTURE}:
                given_back = [c for c in children if c.kind is OperationKind.REVERSAL]
                assert each.returned_minor == sum(child.amount_minor for child in given_back)
                assert each.returned_minor <= each.received_minor
                if each.status is OperationStatus.REVERSED:
                    assert sum(child.received_minor for child in given_back) == each.amount_minor

    @invariant()
    def limits_are_kept(self) -> None:
        """In no window of 24 hours has more left a wallet than may, reversals aside."""
        kinds = {each.id: each.kind for each in self.memory.operations}
        for wallet_id, (at_once, within_a_day) in self.memory.limits.items():
            paid = [
                (entry.created_at, -entry.amount_minor)
                for entry in self.memory.entries
                if entry.wallet_id == wallet_id
                and entry.amount_minor < 0
                and kinds[entry.operation_id] is not OperationKind.REVERSAL
            ]
            for at, amount in paid:
                day = [a for t, a in paid if at - timedelta(days=1) < t <= at]
                assert at_once is None or amount <= at_once
                assert within_a_day is None or sum(day) <= within_a_day

    @invariant()
    @precondition(lambda self: not self.asked)
    def model_agrees(self) -> None:
        """After a sweep, wallets and operations are what the model has."""
        swept = self.memory.copy()
        swept.post(Sweep(tuple(swept.wallets)), now=self.model.now)
        for wallet_id, account in self.model.accounts.items():
            wallet = swept.wallets[wallet_id]
            assert (wallet.balance_minor, wallet.held_minor) == (
                account.balance,
                self.model.held(wallet_id),
            )
        for id_, deed in self.model.deeds.items():
            operation = swept.operation(id_)
            assert operation.status is self.model.status_of(id_)
            assert operation.returned_minor == deed.returned


TestMoney = Money.TestCase
TestMoney.settings = settings(max_examples=60, stateful_step_count=40)
