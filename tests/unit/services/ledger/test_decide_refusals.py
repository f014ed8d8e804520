"""Rules 2 to 6 of the ledger: what it refuses, in the order of its checks."""

import pytest

from tests.unit.services.ledger.assertions import assert_recorded_failure, assert_refused_unrecorded
from tests.unit.services.ledger.samples import (
    ADA,
    BIGINT_MAX,
    BOB,
    NOW,
    OPERATOR,
    by_id,
    make_topup,
    make_transfer,
    make_wallet,
    make_withdrawal,
)
from wallet.models import WalletStatus
from wallet.services.ledger import (
    CurrencyMismatchError,
    InsufficientFundsError,
    LimitExceededError,
    WalletNotFoundError,
    WalletUnavailableError,
)
from wallet.services.ledger.decide import decide

UNAVAILABLE = (WalletStatus.FROZEN, WalletStatus.CLOSED)


class TestDecideNotFound:
    """Rule 2: all wallets exist, and the actor's side is the actor's."""

    def test_missing_source(self) -> None:
        """A source that does not exist is named."""
        nobodys, bob = make_wallet(), make_wallet(BOB)

        decision = decide(by_id(bob), {}, [make_transfer(nobodys, bob, 1, key="key")], now=NOW)

        assert_refused_unrecorded(decision, WalletNotFoundError, wallet_id=nobodys.id)

    def test_missing_target(self) -> None:
        """A target that does not exist is named."""
        ada, nobodys = make_wallet(balance_minor=100), make_wallet()

        decision = decide(by_id(ada), {}, [make_transfer(ada, nobodys, 1, key="key")], now=NOW)

        assert_refused_unrecorded(decision, WalletNotFoundError, wallet_id=nobodys.id)

    def test_missing_topup_target(self) -> None:
        """A wallet that does not exist is not topped up; not by an operator either."""
        nobodys = make_wallet()

        for by_operator in (False, True):
            decision = decide({}, {}, [make_topup(nobodys, 1, by_operator=by_operator)], now=NOW)

            assert_refused_unrecorded(decision, WalletNotFoundError, wallet_id=nobodys.id)

    def test_foreign_source(self) -> None:
        """Somebody else's money is out of reach, and answered like what does not exist."""
        bob, ada, nobodys = make_wallet(BOB, balance_minor=100), make_wallet(), make_wallet(BOB)

        foreign = decide(by_id(bob, ada), {}, [make_transfer(bob, ada, 1)], now=NOW)
        missing = decide(by_id(bob, ada), {}, [make_transfer(nobodys, ada, 1)], now=NOW)

        assert_refused_unrecorded(foreign, WalletNotFoundError, wallet_id=bob.id)
        assert_refused_unrecorded(missing, WalletNotFoundError, wallet_id=nobodys.id)
        assert str(foreign.outcomes[0].error) == str(missing.outcomes[0].error)

    def test_foreign_source_and_missing_target(self) -> None:
        """A foreign source is not told apart from a missing one by a target of nobody's."""
        bob, nobodys, target = make_wallet(BOB), make_wallet(BOB), make_wallet()

        foreign = decide(by_id(bob), {}, [make_transfer(bob, target, 1)], now=NOW)
        missing = decide(by_id(bob), {}, [make_transfer(nobodys, target, 1)], now=NOW)

        assert_refused_unrecorded(missing, WalletNotFoundError, wallet_id=nobodys.id)
        assert_refused_unrecorded(foreign, WalletNotFoundError, wallet_id=bob.id)

    def test_foreign_topup_target(self) -> None:
        """An owner tops up nobody else's wallet."""
        bob = make_wallet(BOB)

        decision = decide(by_id(bob), {}, [make_topup(bob, 1)], now=NOW)

        assert_refused_unrecorded(decision, WalletNotFoundError, wallet_id=bob.id)

    @pytest.mark.parametrize("status", UNAVAILABLE)
    def test_comes_before_status_and_currency(self, status: WalletStatus) -> None:
        """Whoever asks for another's wallet learns neither its currency nor its status."""
        bob, ada = make_wallet(BOB, currency="JPY", status=status), make_wallet()

        decision = decide(by_id(bob, ada), {}, [make_transfer(bob, ada, 1)], now=NOW)

        assert_refused_unrecorded(decision, WalletNotFoundError, wallet_id=bob.id)


class TestDecideCurrencyMismatch:
    """Rule 3: all wallets hold the posting's currency."""

    def test_source(self) -> None:
        """The error says what the source holds."""
        ada, bob = make_wallet(currency="JPY", balance_minor=100), make_wallet(BOB)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1, key="key")], now=NOW)

        assert_refused_unrecorded(decision, CurrencyMismatchError, expected="JPY")

    def test_target(self) -> None:
        """The error says what the target holds."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB, currency="KWD")

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1, key="key")], now=NOW)

        assert_refused_unrecorded(decision, CurrencyMismatchError, expected="KWD")

    def test_source_before_target(self) -> None:
        """Where neither side fits, the source's currency is named."""
        ada, bob = make_wallet(currency="JPY"), make_wallet(BOB, currency="KWD")

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert_refused_unrecorded(decision, CurrencyMismatchError, expected="JPY")

    def test_topup(self) -> None:
        """A wallet is topped up in its own currency only."""
        ada = make_wallet(currency="JPY")

        decision = decide(by_id(ada), {}, [make_topup(ada, 1, currency="EUR")], now=NOW)

        assert_refused_unrecorded(decision, CurrencyMismatchError, expected="JPY")

    @pytest.mark.parametrize("status", UNAVAILABLE)
    def test_comes_before_status_and_funds(self, status: WalletStatus) -> None:
        """A wrong currency is no attempt to move money, so it is not recorded."""
        ada, bob = make_wallet(status=status), make_wallet(BOB, currency="JPY", status=status)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert_refused_unrecorded(decision, CurrencyMismatchError, expected="JPY")


class TestDecideWalletUnavailable:
    """Rule 4: all wallets are active."""

    @pytest.mark.parametrize("status", UNAVAILABLE)
    def test_source(self, status: WalletStatus) -> None:
        """Nothing leaves a wallet that is frozen or closed; its statement says so."""
        ada, bob = make_wallet(balance_minor=100, status=status), make_wallet(BOB)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert_recorded_failure(decision, WalletUnavailableError, on=ada, status=status)

    @pytest.mark.parametrize("status", UNAVAILABLE)
    def test_target(self, status: WalletStatus) -> None:
        """Nothing reaches a wallet that is frozen or closed; the target's statement is silent."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB, status=status)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert_recorded_failure(decision, WalletUnavailableError, on=ada, status=status)

    def test_source_before_target(self) -> None:
        """Where neither side is active, the source's status is named."""
        ada = make_wallet(status=WalletStatus.CLOSED)
        bob = make_wallet(BOB, status=WalletStatus.FROZEN)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert_recorded_failure(
            decision, WalletUnavailableError, on=ada, status=WalletStatus.CLOSED
        )

    @pytest.mark.parametrize("by_operator", [False, True])
    def test_topup(self, by_operator: bool) -> None:  # noqa: FBT001
        """A frozen wallet is not topped up; its statement says so, the world's does not."""
        ada = make_wallet(status=WalletStatus.FROZEN)
        posting = make_topup(
            ada, 1, actor_id=OPERATOR if by_operator else ADA, by_operator=by_operator
        )

        decision = decide(by_id(ada), {}, [posting], now=NOW)

        assert_recorded_failure(
            decision, WalletUnavailableError, on=ada, status=WalletStatus.FROZEN
        )
        assert decision.operations[0].actor_id == posting.actor_id

    def test_comes_before_funds_and_limit(self) -> None:
        """Status is told before the source's lack of money and the target's lack of room."""
        ada = make_wallet()
        bob = make_wallet(BOB, balance_minor=BIGINT_MAX, status=WalletStatus.CLOSED)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert_recorded_failure(
            decision, WalletUnavailableError, on=ada, status=WalletStatus.CLOSED
        )


class TestDecideInsufficientFunds:
    """Rule 5: debited wallets have the money."""

    def test_last_cent(self) -> None:
        """All that is available can be spent."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 100)], now=NOW)

        assert decision.outcomes[0].error is None
        assert decision.wallets[ada.id].balance_minor == 0

    def test_one_cent_too_much(self) -> None:
        """One minor unit more is refused and recorded, with what was available."""
        ada, bob = make_wallet(balance_minor=100), make_wallet(BOB)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 101)], now=NOW)

        assert_recorded_failure(
            decision, InsufficientFundsError, on=ada, available_minor=100, currency="EUR"
        )

    def test_held_money_cannot_be_spent(self) -> None:
        """What holds have reserved is not available."""
        ada, bob = make_wallet(balance_minor=100, held_minor=30), make_wallet(BOB)

        fits = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 70)], now=NOW)
        breaks = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 71)], now=NOW)

        assert fits.outcomes[0].error is None
        assert fits.wallets[ada.id].held_minor == 30
        assert_recorded_failure(breaks, InsufficientFundsError, on=ada, available_minor=70)

    def test_overdraft_can_be_spent(self) -> None:
        """A granted overdraft may be used up; it is no part of what is available."""
        ada = make_wallet(balance_minor=100, held_minor=30, overdraft_minor=50)
        bob = make_wallet(BOB)

        fits = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 120)], now=NOW)
        breaks = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 121)], now=NOW)

        assert fits.outcomes[0].error is None
        assert fits.wallets[ada.id].balance_minor == -20
        assert_recorded_failure(breaks, InsufficientFundsError, on=ada, available_minor=70)

    def test_withdrawal(self) -> None:
        """What leaves for the world must be there as well."""
        ada = make_wallet(balance_minor=100)

        fits = decide(by_id(ada), {}, [make_withdrawal(ada, 100)], now=NOW)
        breaks = decide(by_id(ada), {}, [make_withdrawal(ada, 101)], now=NOW)

        assert [entry.amount_minor for entry in fits.entries] == [-100, 100]
        assert_recorded_failure(breaks, InsufficientFundsError, on=ada, available_minor=100)

    def test_target_needs_no_money(self) -> None:
        """A wallet that has used up its overdraft can be paid."""
        ada = make_wallet(balance_minor=100)
        bob = make_wallet(BOB, balance_minor=-40, held_minor=10, overdraft_minor=50)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert decision.outcomes[0].error is None
        assert decision.wallets[bob.id].balance_minor == -39

    def test_comes_before_the_limit(self) -> None:
        """Lack of money is told before the target's lack of room."""
        ada, bob = make_wallet(), make_wallet(BOB, balance_minor=BIGINT_MAX)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert_recorded_failure(decision, InsufficientFundsError, on=ada, available_minor=0)


class TestDecideLimit:
    """Rule 6: credited wallets can hold what they get."""

    def test_largest_balance(self) -> None:
        """A wallet holds all that a BIGINT holds."""
        ada = make_wallet(balance_minor=1)

        decision = decide(by_id(ada), {}, [make_topup(ada, BIGINT_MAX - 1)], now=NOW)

        assert decision.outcomes[0].error is None
        assert decision.wallets[ada.id].balance_minor == BIGINT_MAX

    def test_topup_beyond(self) -> None:
        """One minor unit more is refused and recorded."""
        ada = make_wallet(balance_minor=2)

        decision = decide(by_id(ada), {}, [make_topup(ada, BIGINT_MAX - 1)], now=NOW)

        assert_recorded_failure(
            decision, LimitExceededError, on=ada, message="The wallet cannot hold that much."
        )

    def test_transfer_beyond(self) -> None:
        """A transfer into a full wallet is recorded on the source's statement alone."""
        ada, bob = make_wallet(balance_minor=9), make_wallet(BOB, balance_minor=BIGINT_MAX)

        decision = decide(by_id(ada, bob), {}, [make_transfer(ada, bob, 1)], now=NOW)

        assert_recorded_failure(decision, LimitExceededError, on=ada)
