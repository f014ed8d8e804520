"""reverse, over HTTP: what a transfer or a capture brought goes back, and never more."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.e2e.conftest import StartServer
from tests.support.api import CAPTURE_HOLD, REVERSE, Account
from tests.support.due import assert_books_hold, freeze, from_now
from tests.support.guests import Guests
from tests.support.holds import kinds, status_of
from tests.support.observer import Observer
from wallet.core.ids import find_id, new_id, to_global_id

NOBODYS = to_global_id("Operation", new_id())


@pytest_asyncio.fixture
async def paid(payer: Account, shop: Account) -> str:
    """The id of a transfer of 4.00 EUR from the payer to the shop."""
    answer = await payer.api.transfer(payer.wallet_id, shop.wallet_id, "4.00")
    return str(answer["done"]["id"])


async def balances(*accounts: Account) -> list[str]:
    """Return the balance of each."""
    return [await account.api.balance(account.wallet_id) for account in accounts]


async def returned(account: Account, operation_id: str) -> tuple[str, str]:
    """Return an operation's status, and what was given back of it."""
    operation = await account.api.operation(operation_id)
    return operation["status"], operation["returned"]["amount"]


class TestReverse:
    """By the target's owner."""

    async def test_whole(
        self, payer: Account, shop: Account, paid: str, observer: Observer
    ) -> None:
        """The money is back, on both statements; the transfer is REVERSED."""
        async with observer.nothing_but(operations=1, entries=2):
            answer = await shop.api.follow(REVERSE, paid, description="sold out")

        done = answer["done"]
        assert (done["kind"], done["status"], done["parentId"]) == ("REVERSAL", "COMPLETED", paid)
        assert (done["amount"]["amount"], done["description"]) == ("4.00", "sold out")
        assert done["source"]["walletId"] == shop.wallet_id
        assert done["target"]["walletId"] == payer.wallet_id
        assert answer["wallet"]["balance"]["amount"] == "0.00"
        assert await balances(payer, shop) == ["10.00", "0.00"]
        for account in (payer, shop):
            assert await returned(account, paid) == ("REVERSED", "4.00")
            assert await status_of(account, done["id"]) == "COMPLETED"
        await assert_books_hold(observer)

    async def test_in_parts(
        self, payer: Account, shop: Account, paid: str, observer: Observer
    ) -> None:
        """The transfer shows what was given back; with the last part it is REVERSED."""
        seen = []
        for amount in ("1.00", "2.99", None):
            answer = await shop.api.follow(REVERSE, paid, amount)
            assert answer["__typename"] == "OperationPayload"
            seen.append((answer["done"]["amount"]["amount"], *(await returned(payer, paid))))

        assert seen == [
            ("1.00", "COMPLETED", "1.00"),
            ("2.99", "COMPLETED", "3.99"),
            ("0.01", "REVERSED", "4.00"),
        ]
        assert await balances(payer, shop) == ["10.00", "0.00"]
        await assert_books_hold(observer)

    async def test_last_part_as_an_amount(self, payer: Account, shop: Account, paid: str) -> None:
        """All that is left is all, whether it is said or not."""
        await shop.api.follow(REVERSE, paid, "1.50")

        await shop.api.follow(REVERSE, paid, "2.50")

        assert await returned(payer, paid) == ("REVERSED", "4.00")

    async def test_replay(self, shop: Account, paid: str, observer: Observer) -> None:
        """The same input answers the first outcome, also when nothing is left; other input not."""
        keys = uuid4().hex, uuid4().hex
        part = await shop.api.follow(REVERSE, paid, "1.00", idempotencyKey=keys[0])
        rest = await shop.api.follow(REVERSE, paid, idempotencyKey=keys[1])

        async with observer.nothing_changes():
            again = [
                await shop.api.follow(REVERSE, paid, "1.00", idempotencyKey=keys[0]),
                await shop.api.follow(REVERSE, paid, idempotencyKey=keys[1]),
            ]
            others = [
                await shop.api.follow(REVERSE, paid, "2.00", idempotencyKey=keys[0]),
                await shop.api.follow(REVERSE, paid, idempotencyKey=keys[0]),
                await shop.api.follow(REVERSE, paid, description="x", idempotencyKey=keys[1]),
            ]

        assert again == [{**part, "replayed": True}, {**rest, "replayed": True}]
        assert kinds(others) == ["IdempotencyConflict"] * 3

    @pytest.mark.parametrize(
        ("money", "expected"),
        [
            ("4.01 EUR", "InvalidInput"),
            ("0 EUR", "InvalidInput"),
            ("-1.00 EUR", "InvalidInput"),
            ("1.005 EUR", "InvalidInput"),
            ("1 JPY", "CurrencyMismatch"),
        ],
    )
    async def test_bad_amount(
        self, shop: Account, paid: str, observer: Observer, money: str, expected: str
    ) -> None:
        """A typed error, and nothing changes."""
        amount, currency = money.split()
        async with observer.nothing_changes():
            answer = await shop.api.run(
                REVERSE,
                input={
                    "operationId": paid,
                    "amount": {"amount": amount, "currency": currency},
                    "idempotencyKey": uuid4().hex,
                },
            )

        assert answer["__typename"] == expected
        assert answer.get("field") == (["amount", "amount"] if expected == "InvalidInput" else None)

    async def test_more_than_is_left(self, shop: Account, paid: str, observer: Observer) -> None:
        """What was given back already counts."""
        await shop.api.follow(REVERSE, paid, "1.00")

        async with observer.nothing_changes():
            answer = await shop.api.follow(REVERSE, paid, "3.01")

        assert (answer["__typename"], answer["field"]) == ("InvalidInput", ["amount", "amount"])
        assert "3.00 EUR" in answer["message"]

    async def test_money_that_is_spent(
        self, payer: Account, shop: Account, paid: str, observer: Observer
    ) -> None:
        """On the target's record, whose money is missing; the transfer stays as it is."""
        await shop.api.withdraw(shop.wallet_id, "0.01")
        key = uuid4().hex

        async with observer.nothing_but(operations=1, entries=1):
            answer = await shop.api.follow(REVERSE, paid, idempotencyKey=key)
            again = await shop.api.follow(REVERSE, paid, idempotencyKey=key)

        assert answer == again
        assert answer["__typename"] == "InsufficientFunds"
        assert answer["available"] == {"amount": "3.99", "currency": "EUR"}
        failed = answer["failed"]
        assert (failed["kind"], failed["status"]) == ("REVERSAL", "FAILED")
        assert (failed["parentId"], failed["amount"]["amount"]) == (paid, "4.00")
        assert await returned(payer, paid) == ("COMPLETED", "0.00")
        assert await payer.api.operation(failed["id"]) is None
        part = await shop.api.follow(REVERSE, paid, "3.99")
        assert part["__typename"] == "OperationPayload"
        await assert_books_hold(observer)

    @pytest.mark.parametrize("side", ["payer", "shop"])
    async def test_frozen_wallet(
        self, payer: Account, shop: Account, paid: str, observer: Observer, side: str
    ) -> None:
        """On record; no money moves."""
        await freeze(observer, {"payer": payer, "shop": shop}[side].wallet_id)

        answer = await shop.api.follow(REVERSE, paid)

        assert (answer["__typename"], answer["status"]) == ("WalletUnavailable", "FROZEN")
        assert answer["failed"]["status"] == "FAILED"
        assert await balances(payer, shop) == ["6.00", "4.00"]

    async def test_between_wallets_of_one_owner(self, payer: Account, observer: Observer) -> None:
        """Both sides are the same person's."""
        savings = (await payer.api.open_wallet())["wallet"]["id"]
        moved = await payer.api.transfer(payer.wallet_id, savings, "4.00")

        answer = await payer.api.follow(REVERSE, moved["done"]["id"])

        assert answer["__typename"] == "OperationPayload"
        assert await payer.api.balance(payer.wallet_id) == "10.00"
        await assert_books_hold(observer)


class TestWhatCanBeReversed:
    """Transfers and captures that were completed, once."""

    async def test_capture(self, payer: Account, shop: Account, observer: Observer) -> None:
        """The money goes back; the hold itself stays what it was."""
        held = await payer.api.hold(payer.wallet_id, shop.wallet_id, "4.00")
        captured = await shop.api.follow(CAPTURE_HOLD, held["done"]["id"], "3.00")

        part = await shop.api.follow(REVERSE, captured["done"]["id"], "1.00")
        of_the_hold = await shop.api.follow(REVERSE, held["done"]["id"])
        rest = await shop.api.follow(REVERSE, captured["done"]["id"])

        assert [part["done"]["amount"]["amount"], rest["done"]["amount"]["amount"]] == [
            "1.00",
            "2.00",
        ]
        assert of_the_hold["__typename"] == "NotReversible"
        assert await status_of(payer, held["done"]["id"]) == "COMPLETED"
        assert await returned(payer, captured["done"]["id"]) == ("REVERSED", "3.00")
        assert await balances(payer, shop) == ["10.00", "0.00"]
        await assert_books_hold(observer)

    async def test_reversal_is_not(
        self, payer: Account, shop: Account, paid: str, observer: Observer
    ) -> None:
        """Neither by who got the money back, nor by who gave it."""
        reversal = (await shop.api.follow(REVERSE, paid, "1.00"))["done"]["id"]

        async with observer.nothing_changes():
            by_payer = await payer.api.follow(REVERSE, reversal)
            by_shop = await shop.api.follow(REVERSE, reversal)

        assert by_payer["__typename"] == "NotReversible"
        assert by_shop["__typename"] == "NotFound"

    async def test_what_was_given_back_is_not(
        self, shop: Account, paid: str, observer: Observer
    ) -> None:
        """With an amount or without."""
        await shop.api.follow(REVERSE, paid)

        async with observer.nothing_changes():
            answers = [await shop.api.follow(REVERSE, paid, amount) for amount in (None, "0.01")]

        assert kinds(answers) == ["NotReversible"] * 2

    async def test_nothing_else_is(
        self, payer: Account, shop: Account, guests: Guests, observer: Observer
    ) -> None:
        """Not what failed, is still to come, or came from outside; to an operator neither."""
        api, own, theirs = payer.api, payer.wallet_id, shop.wallet_id
        failed = (await api.transfer(own, theirs, "99.00"))["failed"]["id"]
        coming = (await api.transfer(own, theirs, "1.00", scheduledFor=from_now(days=1)))["done"]
        topup = (await shop.api.topup(theirs, "1.00"))["done"]["id"]
        open_hold = (await api.hold(own, theirs, "1.00"))["done"]["id"]
        operator = await guests.create(role="OPERATOR")

        async with observer.nothing_changes():
            answers = [
                await account.api.follow(REVERSE, id_)
                for account in (shop, operator)
                for id_ in (failed, coming["id"], topup, open_hold)
            ]

        assert kinds(answers) == ["NotReversible"] * 8
        assert {answer["retryable"] for answer in answers} == {False}


class TestRights:
    """Who may give back: the target's owner, and operators."""

    async def test_others_find_nothing(
        self, payer: Account, paid: str, guests: Guests, observer: Observer
    ) -> None:
        """Who paid, and a stranger, are answered as if there were no such operation."""
        others = [payer, await guests.create()]

        async with observer.nothing_changes():
            answers = [await other.api.follow(REVERSE, paid) for other in others]
            nothing = [await other.api.follow(REVERSE, NOBODYS) for other in others]

        assert answers == nothing
        assert kinds(answers) == ["NotFound"] * 2
        assert answers[0]["field"] == ["operationId"]

    async def test_operator(
        self, payer: Account, shop: Account, paid: str, guests: Guests, observer: Observer
    ) -> None:
        """Anybody's transfer, in parts too; what the target has spent stays spent."""
        operator = await guests.create(role="OPERATOR")

        part = await operator.api.follow(REVERSE, paid, "1.00")
        await shop.api.withdraw(shop.wallet_id, "1.00")
        refused = await operator.api.follow(REVERSE, paid)
        nothing = await operator.api.follow(REVERSE, NOBODYS)

        assert part["done"]["source"]["walletId"] == shop.wallet_id
        assert part["wallet"]["id"] == shop.wallet_id
        assert (refused["__typename"], refused["available"]["amount"]) == (
            "InsufficientFunds",
            "2.00",
        )
        assert nothing["__typename"] == "NotFound"
        assert await balances(payer, shop) == ["7.00", "2.00"]
        await assert_books_hold(observer)

    async def test_key_of_an_operator_is_its_own(
        self, shop: Account, paid: str, guests: Guests
    ) -> None:
        """The same key of the owner and an operator gives back twice: two people asked."""
        operator, key = await guests.create(role="OPERATOR"), uuid4().hex

        answers = [
            await account.api.follow(REVERSE, paid, "1.00", idempotencyKey=key)
            for account in (shop, operator)
        ]

        assert [answer["replayed"] for answer in answers] == [False, False]
        assert await returned(shop, paid) == ("COMPLETED", "2.00")


class TestRaces:
    """Everybody at once, on two processes."""

    async def test_parts_never_exceed_the_whole(
        self,
        payer: Account,
        shop: Account,
        paid: str,
        start_server: StartServer,
        observer: Observer,
    ) -> None:
        """Of 20 who give 0.30 back of 4.00, thirteen do, though there is more in the wallet."""
        await shop.api.topup(shop.wallet_id, "100.00")
        apis = [shop.api, shop.api.at(start_server().url)]

        answers = await asyncio.gather(
            *(apis[number % 2].follow(REVERSE, paid, "0.30") for number in range(20))
        )
        rests = await asyncio.gather(*(apis[n % 2].follow(REVERSE, paid) for n in range(10)))

        assert kinds(answers) == ["InvalidInput"] * 7 + ["OperationPayload"] * 13
        assert kinds(rests) == ["NotReversible"] * 9 + ["OperationPayload"]
        (rest,) = [answer["done"] for answer in rests if "done" in answer]
        assert rest["amount"]["amount"] == "0.10"
        assert await returned(payer, paid) == ("REVERSED", "4.00")
        assert await balances(payer, shop) == ["10.00", "100.00"]
        await assert_books_hold(observer)

    async def test_parts_and_payments(
        self, payer: Account, shop: Account, paid: str, observer: Observer
    ) -> None:
        """What is given back and what is spent come from the same money, once."""

        def ask(number: int) -> Any:
            if number % 2:
                return shop.api.follow(REVERSE, paid, "0.50")
            return shop.api.withdraw(shop.wallet_id, "0.50")

        answers = await asyncio.gather(*(ask(number) for number in range(20)))

        done = [answer["done"]["kind"] for answer in answers if "done" in answer]
        assert len(done) == 8
        given_back = done.count("REVERSAL")
        assert (await returned(payer, paid))[1] == f"{given_back / 2:.2f}"
        assert await balances(payer, shop) == [f"{6 + given_back / 2:.2f}", "0.00"]
        await assert_books_hold(observer)

    async def test_one_key_twenty_times(
        self, payer: Account, shop: Account, paid: str, observer: Observer
    ) -> None:
        """It is given back once, and everybody is told the same."""
        key = uuid4().hex

        answers = await asyncio.gather(
            *(shop.api.follow(REVERSE, paid, idempotencyKey=key) for _ in range(20))
        )

        assert kinds(answers) == ["OperationPayload"] * 20
        assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 19
        assert await balances(payer, shop) == ["10.00", "0.00"]
        await assert_books_hold(observer)


async def test_children_of_a_transfer_say_so(shop: Account, paid: str, observer: Observer) -> None:
    """The parts of a reversal are found by what they follow."""
    for amount in ("1.00", "2.00"):
        await shop.api.follow(REVERSE, paid, amount)

    rows = await observer.fetch(
        "SELECT amount_minor FROM operations WHERE parent_id = $1 ORDER BY id",
        find_id("Operation", paid),
    )

    assert [row["amount_minor"] for row in rows] == [100, 200]
