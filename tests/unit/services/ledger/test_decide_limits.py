"""Rule 8 of the ledger: what a wallet's limits let through, and until when they do not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.services.ledger.assertions import assert_recorded_failure
from tests.unit.services.ledger.samples import (
    BOB,
    NOW,
    by_id,
    make_transfer,
    make_wallet,
    make_withdrawal,
)
from wallet.models import OperationKind
from wallet.services.ledger import LimitExceededError, LimitKind, Posting, WalletRecord
from wallet.services.ledger.decide import Decision, decide
from wallet.services.ledger.records import AtomicBatch, Related, WalletLimits, Work

DAY = timedelta(hours=24)


def decide_with(limits: WalletLimits, wallet: WalletRecord, *works: Work) -> Decision:
    """Decide on a round of which one wallet is limited."""
    related = Related(limits={wallet.id: limits})
    wallets = by_id(wallet, _bob)
    return decide(wallets, {}, works, now=NOW, related=related)


_bob = make_wallet(BOB)


def pays(wallet: WalletRecord, amount_minor: int) -> Posting:
    """Make a transfer to Bob."""
    return make_transfer(wallet, _bob, amount_minor, key=f"{amount_minor}")


class TestOutflowMax:
    """The largest single outflow."""

    @pytest.mark.parametrize(("amount_minor", "passes"), [(99, True), (100, True), (101, False)])
    def test_is_inclusive(self, amount_minor: int, *, passes: bool) -> None:
        """As much passes, and not a cent more."""
        ada = make_wallet(balance_minor=1_000)
        limits = WalletLimits(outflow_max_minor=100, outflow_24h_max_minor=None)

        decision = decide_with(limits, ada, pays(ada, amount_minor))

        assert (decision.outcomes[0].error is None) == passes

    def test_says_which(self) -> None:
        """Waiting does not help."""
        ada = make_wallet(balance_minor=1_000)
        limits = WalletLimits(outflow_max_minor=0, outflow_24h_max_minor=0)

        decision = decide_with(limits, ada, make_withdrawal(ada, 1, key="key"))

        assert_recorded_failure(
            decision, LimitExceededError, on=ada, limit=LimitKind.OUTFLOW, until=None
        )
        assert decision.waits == set()


class TestOutflow24h:
    """The outflow per rolling 24 hours."""

    @pytest.mark.parametrize(("amount_minor", "passes"), [(50, True), (51, False)])
    def test_what_left_and_what_is_held_count(self, amount_minor: int, *, passes: bool) -> None:
        """Of 100, 30 have left and 20 are held: 50 are left."""
        ada = make_wallet(balance_minor=1_000, held_minor=20)
        limits = WalletLimits(
            outflow_max_minor=None, outflow_24h_max_minor=100, outflow_24h_minor=30
        )

        decision = decide_with(limits, ada, pays(ada, amount_minor))

        assert (decision.outcomes[0].error is None) == passes

    def test_until_what_was_looked_up(self) -> None:
        """What has to be older is asked for; once that is known, the refusal says until when."""
        ada = make_wallet(balance_minor=1_000)
        limits = WalletLimits(
            outflow_max_minor=None, outflow_24h_max_minor=100, outflow_24h_minor=80
        )
        until = NOW + timedelta(hours=3)

        first = decide_with(limits, ada, pays(ada, 25))
        again = decide_with(replace(limits, free_from={5: until}), ada, pays(ada, 25))

        assert first.waits == {(ada.id, 5)}
        assert_recorded_failure(
            again, LimitExceededError, on=ada, limit=LimitKind.OUTFLOW_24H, until=until
        )

    def test_until_what_left_in_this_round(self) -> None:
        """What is newest is a day old in a day."""
        ada = make_wallet(balance_minor=1_000)
        limits = WalletLimits(outflow_max_minor=None, outflow_24h_max_minor=100)

        decision = decide_with(limits, ada, pays(ada, 60), pays(ada, 41))

        error = decision.outcomes[1].error
        assert isinstance(error, LimitExceededError)
        assert error.until == NOW + DAY

    @pytest.mark.parametrize(
        ("held_minor", "amount_minor"),
        [
            pytest.param(0, 101, id="more than the limit"),
            pytest.param(60, 41, id="what is held does not grow old"),
        ],
    )
    def test_waiting_does_not_help(self, held_minor: int, amount_minor: int) -> None:
        """Nobody is told an instant at which it is refused again."""
        ada = make_wallet(balance_minor=1_000, held_minor=held_minor)
        limits = WalletLimits(
            outflow_max_minor=None, outflow_24h_max_minor=100, outflow_24h_minor=10
        )

        decision = decide_with(limits, ada, pays(ada, amount_minor))

        assert_recorded_failure(
            decision, LimitExceededError, on=ada, limit=LimitKind.OUTFLOW_24H, until=None
        )
        assert decision.waits == set()

    def test_batch_that_is_taken_back_has_used_nothing(self) -> None:
        """What comes after it has all of the limit, and is told what to wait for."""
        ada = make_wallet(balance_minor=1_000)
        limits = WalletLimits(outflow_max_minor=None, outflow_24h_max_minor=100)
        batch = AtomicBatch((pays(ada, 60), pays(ada, 41)))

        decision = decide_with(limits, ada, batch, pays(ada, 100))

        assert [outcome.error is None for outcome in decision.outcomes] == [False, False, True]
        assert decision.waits == {(ada.id, 1)}

    def test_hold_is_asked(self) -> None:
        """To reserve is to let out, later."""
        ada = make_wallet(balance_minor=1_000)
        limits = WalletLimits(outflow_max_minor=None, outflow_24h_max_minor=100)
        hold = replace(pays(ada, 101), kind=OperationKind.HOLD)

        decision = decide_with(limits, ada, hold)

        assert isinstance(decision.outcomes[0].error, LimitExceededError)
