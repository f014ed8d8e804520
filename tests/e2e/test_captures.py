"""captureHold and voidHold, over HTTP: reserved money is the target's or comes back."""

from uuid import uuid4

import pytest
import pytest_asyncio

from tests.support.api import CAPTURE_HOLD, VOID_HOLD, Account
from tests.support.due import assert_books_hold, freeze
from tests.support.guests import Guests
from tests.support.holds import kinds, standing, status_of
from tests.support.observer import Observer
from wallet.core.ids import new_id, to_global_id

NOBODYS = to_global_id("Operation", new_id())
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


class TestCaptureHold:
    """By the target's owner."""

    async def test_whole(
        self, payer: Account, shop: Account, hold: str, observer: Observer
    ) -> None:
        """The money is the target's; the capture follows the hold, which is COMPLETED."""
        async with observer.nothing_but(operations=1, entries=2):
            answer = await shop.api.follow(CAPTURE_HOLD, hold)

        done = answer["done"]
        assert (done["kind"], done["status"]) == ("CAPTURE", "COMPLETED")
        assert (done["parentId"], done["amount"]["amount"]) == (hold, "4.00")
        assert done["source"]["walletId"] == payer.wallet_id
        assert answer["wallet"]["balance"]["amount"] == "4.00"
        assert await standing(payer) == ("6.00", "0.00", "6.00")
        assert await status_of(payer, hold) == await status_of(shop, hold) == "COMPLETED"
        await assert_books_hold(observer)

    async def test_part(self, payer: Account, shop: Account, hold: str, observer: Observer) -> None:
        """The rest is the source's again, and cannot be captured any more."""
        answer = await shop.api.follow(CAPTURE_HOLD, hold, "1.50")
        more = await shop.api.follow(CAPTURE_HOLD, hold, "1.00")

        assert answer["done"]["amount"]["amount"] == "1.50"
        assert (more["__typename"], more["over"]) == ("NotPending", "COMPLETED")
        assert await standing(payer) == ("8.50", "0.00", "8.50")
        assert await standing(shop) == ("1.50", "0.00", "1.50")
        await assert_books_hold(observer)

    async def test_replay(self, shop: Account, hold: str, observer: Observer) -> None:
        """The same key answers the same capture, and no money moves; other input is a conflict."""
        key = uuid4().hex
        first = await shop.api.follow(CAPTURE_HOLD, hold, "1.50", idempotencyKey=key)

        async with observer.nothing_changes():
            again = await shop.api.follow(CAPTURE_HOLD, hold, "1.50", idempotencyKey=key)
            others = [
                await shop.api.follow(CAPTURE_HOLD, hold, "1.49", idempotencyKey=key),
                await shop.api.follow(CAPTURE_HOLD, hold, idempotencyKey=key),
                await shop.api.follow(VOID_HOLD, hold, idempotencyKey=key),
            ]

        assert again == {**first, "replayed": True}
        assert kinds(others) == ["IdempotencyConflict"] * 3

    @pytest.mark.parametrize(("money", "expected"), [*BAD_MONEY, ("4.01 EUR", "InvalidInput")])
    async def test_bad_amount(
        self, shop: Account, hold: str, observer: Observer, money: str, expected: str
    ) -> None:
        """A typed error; the hold stays open."""
        amount, currency = money.split()
        async with observer.nothing_changes():
            answer = await shop.api.run(
                CAPTURE_HOLD,
                input={
                    "operationId": hold,
                    "amount": {"amount": amount, "currency": currency},
                    "idempotencyKey": uuid4().hex,
                },
            )

        assert answer["__typename"] == expected
        assert answer.get("field") == (["amount", "amount"] if expected == "InvalidInput" else None)
        assert await status_of(shop, hold) == "PENDING"

    @pytest.mark.parametrize("document", [CAPTURE_HOLD, VOID_HOLD])
    async def test_by_anybody_else(
        self, payer: Account, hold: str, guests: Guests, observer: Observer, document: str
    ) -> None:
        """Neither the source's owner, a stranger, nor an operator; it is as if there were none."""
        others = [
            payer,
            await guests.create(),
            await guests.create(role="OPERATOR"),
        ]

        async with observer.nothing_changes():
            answers = [await other.api.follow(document, hold) for other in others]
            nothing = [await other.api.follow(document, NOBODYS) for other in others]

        assert answers == nothing
        assert kinds(answers) == ["NotFound"] * 3
        assert answers[0]["field"] == ["operationId"]

    @pytest.mark.parametrize("document", [CAPTURE_HOLD, VOID_HOLD])
    async def test_of_what_is_no_hold(
        self, payer: Account, shop: Account, observer: Observer, document: str
    ) -> None:
        """A transfer, a wallet and a broken id are no holds."""
        paid = await payer.api.transfer(payer.wallet_id, shop.wallet_id, "1.00")

        async with observer.nothing_changes():
            answers = [
                await shop.api.follow(document, id_)
                for id_ in (paid["done"]["id"], shop.wallet_id, "x")
            ]

        assert kinds(answers) == ["NotFound"] * 3

    @pytest.mark.parametrize("document", [CAPTURE_HOLD, VOID_HOLD])
    async def test_of_a_hold_that_failed(
        self, payer: Account, shop: Account, observer: Observer, document: str
    ) -> None:
        """It never reserved anything."""
        failed = await payer.api.hold(payer.wallet_id, shop.wallet_id, "99.00")

        async with observer.nothing_changes():
            answer = await shop.api.follow(document, failed["failed"]["id"])

        assert (answer["__typename"], answer["over"]) == ("NotPending", "FAILED")

    @pytest.mark.parametrize("side", ["source", "target"])
    async def test_frozen_wallet(
        self, payer: Account, shop: Account, hold: str, observer: Observer, side: str
    ) -> None:
        """The attempt is on record, the hold stays open, and can be voided all the same."""
        await freeze(observer, (payer if side == "source" else shop).wallet_id)

        refused = await shop.api.follow(CAPTURE_HOLD, hold)

        assert (refused["__typename"], refused["status"]) == ("WalletUnavailable", "FROZEN")
        assert (refused["failed"]["kind"], refused["failed"]["parentId"]) == ("CAPTURE", hold)
        assert await status_of(shop, hold) == "PENDING"
        assert await standing(payer) == ("10.00", "4.00", "6.00")
        voided = await shop.api.follow(VOID_HOLD, hold)
        assert voided["__typename"] == "OperationPayload"
        assert await standing(payer) == ("10.00", "0.00", "10.00")

    async def test_captured_after_the_thaw(
        self, payer: Account, shop: Account, hold: str, observer: Observer
    ) -> None:
        """A refusal on record is the answer to its key; another key captures."""
        key = uuid4().hex
        await freeze(observer, payer.wallet_id)
        refused = await shop.api.follow(CAPTURE_HOLD, hold, idempotencyKey=key)
        await freeze(observer, payer.wallet_id, "ACTIVE")

        again = await shop.api.follow(CAPTURE_HOLD, hold, idempotencyKey=key)
        captured = await shop.api.follow(CAPTURE_HOLD, hold)

        assert again == refused
        assert captured["__typename"] == "OperationPayload"
        await assert_books_hold(observer)

    async def test_more_than_the_target_can_hold(
        self, payer: Account, shop: Account, hold: str
    ) -> None:
        """The attempt is on record, and the hold stays open."""
        await shop.api.topup(shop.wallet_id, "92233720368547758.00")

        answer = await shop.api.follow(CAPTURE_HOLD, hold)

        assert (answer["__typename"], answer["failed"]["status"]) == ("LimitExceeded", "FAILED")
        assert await status_of(payer, hold) == "PENDING"


class TestVoidHold:
    """By the target's owner."""

    async def test_lets_the_money_go(
        self, payer: Account, shop: Account, hold: str, observer: Observer
    ) -> None:
        """The hold is CANCELLED, and the source may spend all of it."""
        async with observer.nothing_but(operations=1, entries=2):
            answer = await shop.api.follow(VOID_HOLD, hold)

        done = answer["done"]
        assert (done["kind"], done["status"], done["parentId"]) == ("VOID", "COMPLETED", hold)
        assert answer["wallet"]["balance"]["amount"] == "0.00"
        assert await standing(payer) == ("10.00", "0.00", "10.00")
        assert await status_of(payer, hold) == "CANCELLED"
        spent = await payer.api.transfer(payer.wallet_id, shop.wallet_id, "10.00")
        assert spent["__typename"] == "OperationPayload"
        await assert_books_hold(observer)

    async def test_replay(self, shop: Account, hold: str, observer: Observer) -> None:
        """The same key answers the first outcome; another one, that there is nothing left."""
        key = uuid4().hex
        first = await shop.api.follow(VOID_HOLD, hold, idempotencyKey=key)

        async with observer.nothing_changes():
            again = await shop.api.follow(VOID_HOLD, hold, idempotencyKey=key)
            more = await shop.api.follow(VOID_HOLD, hold)
            captured = await shop.api.follow(CAPTURE_HOLD, hold)
            conflict = await shop.api.follow(VOID_HOLD, NOBODYS, idempotencyKey=key)

        assert again == {**first, "replayed": True}
        assert [(a["__typename"], a["over"]) for a in (more, captured)] == [
            ("NotPending", "CANCELLED")
        ] * 2
        # Another's hold is not there, whatever the key.
        assert conflict["__typename"] == "NotFound"
