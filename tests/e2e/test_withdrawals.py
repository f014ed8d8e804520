"""withdraw, over HTTP: money leaves a wallet for the outside."""

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.e2e.conftest import StartServer
from tests.support.api import Account
from tests.support.guests import Guests
from tests.support.observer import Observer
from wallet.core.settings import Settings
from wallet.services.verification import verify


@pytest_asyncio.fixture
async def owner(guests: Guests) -> Account:
    """Somebody with 10.00 EUR."""
    return await guests.create(balance="10.00")


class TestWithdraw:
    """By the owner, with FUNDING=owner."""

    async def test_money_leaves_the_wallet(
        self, owner: Account, observer: Observer, database_url: str
    ) -> None:
        """The statement says so, the other side is outside, and the books hold."""
        async with observer.nothing_but(operations=1, entries=2):
            answer = await owner.api.withdraw(owner.wallet_id, "2.50", description="to the bank")

        assert answer["__typename"] == "OperationPayload"
        done = answer["done"]
        assert (done["kind"], done["status"]) == ("WITHDRAWAL", "COMPLETED")
        assert (done["amount"]["amount"], done["description"]) == ("2.50", "to the bank")
        assert (done["source"]["walletId"], done["target"]) == (owner.wallet_id, None)
        assert answer["wallet"]["balance"]["amount"] == "7.50"
        statement = await owner.api.statement(owner.wallet_id, first=1)
        (edge,) = statement["operations"]["edges"]
        assert (edge["amount"]["amount"], edge["balanceAfter"]["amount"]) == ("-2.50", "7.50")
        await verify(Settings(database_url=database_url), on_progress=lambda _: None)

    async def test_replay(self, owner: Account, observer: Observer) -> None:
        """The same key with the same input answers the first outcome, and moves nothing."""
        key = uuid4().hex
        first = await owner.api.withdraw(owner.wallet_id, "2.50", idempotencyKey=key)

        async with observer.nothing_changes():
            again = await owner.api.withdraw(owner.wallet_id, "2.50", idempotencyKey=key)
            other = await owner.api.withdraw(owner.wallet_id, "2.51", idempotencyKey=key)

        assert again == {**first, "replayed": True}
        assert other["__typename"] == "IdempotencyConflict"

    async def test_key_of_a_topup_is_a_conflict(self, owner: Account, observer: Observer) -> None:
        """In and out under one key are two different requests."""
        key = uuid4().hex
        await owner.api.topup(owner.wallet_id, "1.00", idempotencyKey=key)

        async with observer.nothing_changes():
            answer = await owner.api.withdraw(owner.wallet_id, "1.00", idempotencyKey=key)

        assert answer["__typename"] == "IdempotencyConflict"

    async def test_more_than_there_is(self, owner: Account, observer: Observer) -> None:
        """The attempt is on record, and nothing moves."""
        async with observer.nothing_but(operations=1, entries=1):
            answer = await owner.api.withdraw(owner.wallet_id, "10.01")

        assert answer["__typename"] == "InsufficientFunds"
        assert answer["available"] == {"amount": "10.00", "currency": "EUR"}
        assert (answer["failed"]["kind"], answer["failed"]["status"]) == ("WITHDRAWAL", "FAILED")
        assert await owner.api.balance(owner.wallet_id) == "10.00"

    async def test_twenty_at_once(self, owner: Account) -> None:
        """As many get through as there is money."""
        answers = await asyncio.gather(
            *(owner.api.withdraw(owner.wallet_id, "1.00") for _ in range(20))
        )

        kinds = [answer["__typename"] for answer in answers]
        assert sorted(kinds) == ["InsufficientFunds"] * 10 + ["OperationPayload"] * 10
        assert await owner.api.balance(owner.wallet_id) == "0.00"

    @pytest.mark.parametrize(
        ("amount", "currency", "expected"),
        [
            ("0", "EUR", "InvalidInput"),
            ("-1.00", "EUR", "InvalidInput"),
            ("1.005", "EUR", "InvalidInput"),
            ("1", "JPY", "CurrencyMismatch"),
        ],
    )
    async def test_bad_amount(
        self, owner: Account, observer: Observer, amount: str, currency: str, expected: str
    ) -> None:
        """A typed error, and nothing changes."""
        async with observer.nothing_changes():
            answer = await owner.api.withdraw(owner.wallet_id, amount, currency=currency)

        assert answer["__typename"] == expected

    async def test_frozen_wallet(self, owner: Account, observer: Observer) -> None:
        """Money of a frozen wallet stays where it is."""
        await observer.execute(
            f"UPDATE wallets SET status = 'FROZEN' WHERE owner_id = "
            f"(SELECT id FROM users WHERE email = '{owner.email}')"
        )

        answer = await owner.api.withdraw(owner.wallet_id, "1.00")

        assert (answer["__typename"], answer["status"]) == ("WalletUnavailable", "FROZEN")
        assert await owner.api.balance(owner.wallet_id) == "10.00"


class TestFunding:
    """FUNDING=operator."""

    async def test_owners_are_refused_and_operators_are_not(
        self, owner: Account, guests: Guests, start_server: StartServer, observer: Observer
    ) -> None:
        """Only operators let money out, and out of any wallet."""
        url = start_server(FUNDING="operator").url
        operator = await guests.create(role="OPERATOR")

        async with observer.nothing_changes():
            refused = await owner.api.at(url).withdraw(owner.wallet_id, "1.00")
        done = await operator.api.at(url).withdraw(owner.wallet_id, "1.00")

        assert refused["__typename"] == "Forbidden"
        assert done["__typename"] == "OperationPayload"
        assert await owner.api.balance(owner.wallet_id) == "9.00"
