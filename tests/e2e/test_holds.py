"""hold, over HTTP: money is reserved for a target."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.support.api import CAPTURE_HOLD, Account
from tests.support.due import freeze, from_now
from tests.support.holds import kinds, standing, status_of
from tests.support.observer import Observer
from wallet.core.ids import new_id, to_global_id

NO_WALLET = to_global_id("Wallet", new_id())
BAD_MONEY = [
    ("0 EUR", "InvalidInput"),
    ("-1.00 EUR", "InvalidInput"),
    ("1.005 EUR", "InvalidInput"),
    ("1 JPY", "CurrencyMismatch"),
]


@pytest_asyncio.fixture
async def hold(payer: Account, shop: Account) -> str:
    """The id of an open hold of 4.00 EUR of the payer's, for the shop."""
    held = await payer.api.hold(payer.wallet_id, shop.wallet_id, "4.00")
    return str(held["done"]["id"])


class TestHold:
    """By the source's owner."""

    async def test_reserves_money(self, payer: Account, shop: Account, observer: Observer) -> None:
        """The balance stays, what is available does not; both statements have a line of 0."""
        async with observer.nothing_but(operations=1, entries=2):
            answer = await payer.api.hold(
                payer.wallet_id, shop.wallet_id, "4.00", description="a room", metadata={"room": 3}
            )

        done = answer["done"]
        assert (done["kind"], done["status"], done["amount"]["amount"]) == (
            "HOLD",
            "PENDING",
            "4.00",
        )
        assert (done["description"], done["metadata"]) == ("a room", {"room": 3})
        assert (done["completedAt"], done["parentId"]) == (None, None)
        wallet = answer["wallet"]
        assert (wallet["balance"]["amount"], wallet["held"]["amount"]) == ("10.00", "4.00")
        assert await standing(payer) == ("10.00", "4.00", "6.00")
        assert await standing(shop) == ("0.00", "0.00", "0.00")
        for account in (payer, shop):
            statement = await account.api.statement(account.wallet_id, first=1)
            (edge,) = statement["operations"]["edges"]
            assert (edge["node"]["id"], edge["amount"]["amount"]) == (done["id"], "0.00")

    async def test_lasts_seven_days_unless_it_says(self, payer: Account, shop: Account) -> None:
        """expiresAt is shown, given or not."""
        until = from_now(hours=1)

        plain = await payer.api.hold(payer.wallet_id, shop.wallet_id, "1.00")
        short = await payer.api.hold(payer.wallet_id, shop.wallet_id, "1.00", expiresAt=until)

        created_at, expires_at = (
            datetime.fromisoformat(plain["done"][name]) for name in ("createdAt", "expiresAt")
        )
        assert abs(expires_at - created_at - timedelta(days=7)) < timedelta(seconds=1)
        assert short["done"]["expiresAt"] == until

    async def test_held_money_cannot_be_spent(
        self, payer: Account, shop: Account, hold: str
    ) -> None:
        """Not by a transfer, a withdrawal, or another hold; what is left can."""
        api, own, theirs = payer.api, payer.wallet_id, shop.wallet_id

        refused = [
            await api.transfer(own, theirs, "6.01"),
            await api.withdraw(own, "6.01"),
            await api.hold(own, theirs, "6.01"),
        ]
        spent = await api.transfer(own, theirs, "6.00")

        assert kinds(refused) == ["InsufficientFunds"] * 3
        assert {answer["available"]["amount"] for answer in refused} == {"6.00"}
        assert spent["__typename"] == "OperationPayload"
        assert await standing(payer) == ("4.00", "4.00", "0.00")
        assert await status_of(payer, hold) == "PENDING"

    async def test_more_than_there_is(
        self, payer: Account, shop: Account, observer: Observer
    ) -> None:
        """The attempt is on the payer's record, and nothing is held."""
        async with observer.nothing_but(operations=1, entries=1):
            answer = await payer.api.hold(payer.wallet_id, shop.wallet_id, "10.01")

        assert answer["__typename"] == "InsufficientFunds"
        assert (answer["failed"]["kind"], answer["failed"]["status"]) == ("HOLD", "FAILED")
        assert await standing(payer) == ("10.00", "0.00", "10.00")
        assert await shop.api.operation(answer["failed"]["id"]) is None

    async def test_replay(self, payer: Account, shop: Account, observer: Observer) -> None:
        """The same input answers the first outcome; another amount or end is a conflict."""
        key, end = uuid4().hex, from_now(days=1)
        api, own, theirs = payer.api, payer.wallet_id, shop.wallet_id
        first = await api.hold(own, theirs, "1.00", idempotencyKey=key, expiresAt=end)

        async with observer.nothing_changes():
            again = await api.hold(own, theirs, "1.00", idempotencyKey=key, expiresAt=end)
            others = [
                await api.hold(own, theirs, "1.01", idempotencyKey=key, expiresAt=end),
                await api.hold(own, theirs, "1.00", idempotencyKey=key, expiresAt=from_now(days=2)),
                await api.hold(own, theirs, "1.00", idempotencyKey=key),
                await api.transfer(own, theirs, "1.00", idempotencyKey=key),
            ]

        assert again == {**first, "replayed": True}
        assert kinds(others) == ["IdempotencyConflict"] * 4

    async def test_replay_after_the_capture(
        self, payer: Account, shop: Account, observer: Observer
    ) -> None:
        """The hold as it is by now, and the wallet as it stood after it."""
        key = uuid4().hex
        api, own, theirs = payer.api, payer.wallet_id, shop.wallet_id
        first = await api.hold(own, theirs, "1.00", idempotencyKey=key)
        await shop.api.follow(CAPTURE_HOLD, first["done"]["id"])

        async with observer.nothing_changes():
            again = await api.hold(own, theirs, "1.00", idempotencyKey=key)

        assert (again["replayed"], again["done"]["status"]) == (True, "COMPLETED")
        assert again["wallet"] == first["wallet"]

    @pytest.mark.parametrize(
        ("more", "refusal"),
        [
            ({"expiresAt": from_now(seconds=-1)}, ("InvalidInput", ["expiresAt"])),
            ({"expiresAt": from_now(days=367)}, ("InvalidInput", ["expiresAt"])),
            ({"description": "x" * 501}, ("InvalidInput", ["description"])),
            ({"idempotencyKey": ""}, ("InvalidInput", ["idempotencyKey"])),
            ({"targetWalletId": NO_WALLET}, ("NotFound", ["targetWalletId"])),
            ({"sourceWalletId": NO_WALLET}, ("NotFound", ["sourceWalletId"])),
        ],
    )
    async def test_bad_input(
        self,
        payer: Account,
        shop: Account,
        observer: Observer,
        more: dict[str, Any],
        refusal: tuple[str, list[str]],
    ) -> None:
        """A typed error that says where, and nothing changes."""
        async with observer.nothing_changes():
            answer = await payer.api.hold(payer.wallet_id, shop.wallet_id, "1.00", **more)

        assert (answer["__typename"], answer["field"]) == refusal

    @pytest.mark.parametrize(("money", "expected"), BAD_MONEY)
    async def test_bad_amount(
        self, payer: Account, shop: Account, observer: Observer, money: str, expected: str
    ) -> None:
        """A typed error, and nothing changes."""
        amount, currency = money.split()
        async with observer.nothing_changes():
            answer = await payer.api.hold(
                payer.wallet_id, shop.wallet_id, amount, currency=currency
            )

        assert answer["__typename"] == expected

    async def test_between_a_wallet_and_itself(self, payer: Account, observer: Observer) -> None:
        """Nobody holds money for the same wallet."""
        async with observer.nothing_changes():
            answer = await payer.api.hold(payer.wallet_id, payer.wallet_id, "1.00")

        assert (answer["__typename"], answer["field"]) == ("InvalidInput", ["targetWalletId"])

    async def test_of_anothers_wallet(
        self, payer: Account, shop: Account, observer: Observer
    ) -> None:
        """Nobody has another's money held."""
        async with observer.nothing_changes():
            answer = await shop.api.hold(payer.wallet_id, shop.wallet_id, "1.00")

        assert (answer["__typename"], answer["field"]) == ("NotFound", ["sourceWalletId"])

    @pytest.mark.parametrize("side", ["source", "target"])
    async def test_frozen_wallet(
        self, payer: Account, shop: Account, observer: Observer, side: str
    ) -> None:
        """On record; nothing is held."""
        await freeze(observer, (payer if side == "source" else shop).wallet_id)

        answer = await payer.api.hold(payer.wallet_id, shop.wallet_id, "1.00")

        assert (answer["__typename"], answer["status"]) == ("WalletUnavailable", "FROZEN")
        assert answer["failed"]["status"] == "FAILED"
        assert await standing(payer) == ("10.00", "0.00", "10.00")
