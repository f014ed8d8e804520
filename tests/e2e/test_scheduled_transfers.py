"""transfer with scheduledFor, over HTTP; a worker carries it out at its time."""

from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.conftest import Work
from tests.support.api import REVERSE, Account
from tests.support.due import assert_books_hold, freeze, from_now, let_pass
from tests.support.holds import kinds, status_of
from tests.support.observer import Observer
from tests.support.scheduling import balances, schedule, scheduled


async def lines(account: Account) -> list[tuple[str, str, str]]:
    """Return kind, status and amount of each line of a statement, newest first."""
    statement = await account.api.statement(account.wallet_id)
    return [
        (edge["node"]["kind"], edge["node"]["status"], edge["amount"]["amount"])
        for edge in statement["operations"]["edges"]
    ]


class TestScheduling:
    """Until its time."""

    async def test_is_pending_and_moves_nothing(
        self, payer: Account, shop: Account, observer: Observer
    ) -> None:
        """It is in the wallet's list and found by its owner; no line, and no money held."""
        at = from_now(days=30)
        async with observer.nothing_but(operations=1):
            answer = await schedule(payer, shop, scheduledFor=at, description="the rent")

        done = answer["done"]
        assert (done["kind"], done["status"], done["scheduledFor"]) == ("TRANSFER", "PENDING", at)
        assert (done["completedAt"], done["description"]) == (None, "the rent")
        assert answer["wallet"]["available"]["amount"] == "10.00"
        assert await payer.api.operation(done["id"]) == done
        assert [each["id"] for each in await scheduled(payer)] == [done["id"]]
        # Who is to be paid is not told of it before.
        assert await shop.api.operation(done["id"]) is None
        assert await scheduled(shop) == []
        assert ("TRANSFER", "PENDING", "0.00") not in await lines(payer)

    async def test_soonest_is_first(self, payer: Account, shop: Account) -> None:
        """As many as are asked for."""
        days = [3, 1, 2]
        for day in days:
            await schedule(payer, shop, f"{day}.00", scheduledFor=from_now(days=day))

        assert [each["amount"]["amount"] for each in await scheduled(payer)] == [
            "1.00",
            "2.00",
            "3.00",
        ]
        assert [each["amount"]["amount"] for each in await scheduled(payer, 1)] == ["1.00"]

    async def test_money_need_not_be_there_yet(
        self, payer: Account, shop: Account, work: Work, observer: Observer
    ) -> None:
        """It has to be there at its time."""
        answer = await schedule(payer, shop, "12.00")
        assert answer["__typename"] == "OperationPayload"
        await payer.api.topup(payer.wallet_id, "5.00")
        await let_pass(observer, answer)

        await work()

        assert await status_of(payer, answer["done"]["id"]) == "COMPLETED"
        assert await balances(payer, shop) == ["3.00", "12.00"]

    async def test_replay(
        self, payer: Account, shop: Account, work: Work, observer: Observer
    ) -> None:
        """Of the same input, before and after its time; another time is another request."""
        key, at = uuid4().hex, from_now(days=1)
        first = await schedule(payer, shop, idempotencyKey=key, scheduledFor=at)

        async with observer.nothing_changes():
            before = await schedule(payer, shop, idempotencyKey=key, scheduledFor=at)
            others = [
                await schedule(payer, shop, idempotencyKey=key, scheduledFor=from_now(days=2)),
                await schedule(payer, shop, idempotencyKey=key, scheduledFor=None),
            ]
        await let_pass(observer, first)
        await work()
        async with observer.nothing_changes():
            after = await schedule(payer, shop, idempotencyKey=key, scheduledFor=at)

        assert before == {**first, "replayed": True}
        assert kinds(others) == ["IdempotencyConflict"] * 2
        assert (after["replayed"], after["done"]["status"]) == (True, "COMPLETED")
        assert after["wallet"]["balance"]["amount"] == "6.00"

    @pytest.mark.parametrize("time", [{"seconds": -1}, {"days": -1_000}, {"days": 366.1}])
    async def test_bad_time(
        self, payer: Account, shop: Account, observer: Observer, time: dict[str, float]
    ) -> None:
        """Neither over nor more than 366 days ahead."""
        async with observer.nothing_changes():
            answer = await schedule(payer, shop, scheduledFor=from_now(**time))

        assert (answer["__typename"], answer["field"]) == ("InvalidInput", ["scheduledFor"])

    async def test_bad_wallets(self, payer: Account, shop: Account, observer: Observer) -> None:
        """What would be refused now is refused now."""
        at = from_now(days=1)
        own, theirs = payer.wallet_id, shop.wallet_id
        async with observer.nothing_changes():
            answers = [
                await shop.api.transfer(own, theirs, "1.00", scheduledFor=at),
                await payer.api.transfer(own, own, "1.00", scheduledFor=at),
                await payer.api.transfer(own, theirs, "1", currency="JPY", scheduledFor=at),
            ]
        await freeze(observer, theirs)
        frozen = await schedule(payer, shop)

        assert [answer["__typename"] for answer in answers] == [
            "NotFound",
            "InvalidInput",
            "CurrencyMismatch",
        ]
        assert (frozen["__typename"], frozen["failed"]["status"]) == ("WalletUnavailable", "FAILED")
        assert await scheduled(payer) == []

    @pytest.mark.parametrize("mode", ["ATOMIC", "INDEPENDENT"])
    async def test_in_a_batch(
        self, payer: Account, shop: Account, work: Work, observer: Observer, mode: str
    ) -> None:
        """Beside those that are carried out at once, and by itself at its time."""

        def item(amount: str, **more: Any) -> dict[str, Any]:
            return {
                "sourceWalletId": payer.wallet_id,
                "targetWalletId": shop.wallet_id,
                "amount": {"amount": amount, "currency": "EUR"},
                "idempotencyKey": uuid4().hex,
                **more,
            }

        batch = [item("1.00"), item("2.00", scheduledFor=from_now(days=1)), item("3.00")]
        answer = await payer.api.transfer_batch(batch, mode=mode)
        again = await payer.api.transfer_batch(batch, mode=mode)

        results = answer["results"]
        assert [r["done"]["status"] for r in results] == ["COMPLETED", "PENDING", "COMPLETED"]
        assert [r["done"]["id"] for r in again["results"]] == [r["done"]["id"] for r in results]
        assert all(result["replayed"] for result in again["results"])
        assert await balances(payer, shop) == ["6.00", "4.00"]
        await let_pass(observer, results[1])
        await work()
        assert await balances(payer, shop) == ["4.00", "6.00"]
        await assert_books_hold(observer)

    @pytest.mark.parametrize("mode", ["ATOMIC", "INDEPENDENT"])
    async def test_batch_with_a_bad_time(
        self, payer: Account, shop: Account, mode: str, observer: Observer
    ) -> None:
        """The field says which item."""
        bad = {
            "sourceWalletId": payer.wallet_id,
            "targetWalletId": shop.wallet_id,
            "amount": {"amount": "1.00", "currency": "EUR"},
            "idempotencyKey": uuid4().hex,
            "scheduledFor": from_now(days=-1),
        }
        good = {**bad, "scheduledFor": from_now(days=1), "idempotencyKey": uuid4().hex}

        answer = await payer.api.transfer_batch([good, bad], mode=mode)

        refusal = answer["cause"] if mode == "ATOMIC" else answer["results"][1]
        assert refusal["field"] == ["transfers", "1", "scheduledFor"]
        assert len(await scheduled(payer)) == (mode == "INDEPENDENT")


class TestAtItsTime:
    """wallet worker."""

    async def test_money_moves(
        self, payer: Account, shop: Account, work: Work, observer: Observer
    ) -> None:
        """The same operation is COMPLETED, with a line on both statements, and can be reversed."""
        answer = await schedule(payer, shop)
        await let_pass(observer, answer)

        async with observer.nothing_but(entries=2):
            await work()
            await work()

        id_ = answer["done"]["id"]
        for account in (payer, shop):
            operation = await account.api.operation(id_)
            assert operation["status"] == "COMPLETED"
            assert operation["completedAt"] > operation["createdAt"]
        assert (await lines(payer))[0] == ("TRANSFER", "COMPLETED", "-4.00")
        assert (await lines(shop))[0] == ("TRANSFER", "COMPLETED", "4.00")
        assert await balances(payer, shop) == ["6.00", "4.00"]
        assert await scheduled(payer) == []
        reversal = await shop.api.follow(REVERSE, id_)
        assert reversal["__typename"] == "OperationPayload"
        await assert_books_hold(observer)

    async def test_too_little_money(
        self, payer: Account, shop: Account, work: Work, observer: Observer
    ) -> None:
        """FAILED, with a line on the payer's statement, and not tried again."""
        key, at = uuid4().hex, from_now(days=1)
        answer = await schedule(payer, shop, "10.01", idempotencyKey=key, scheduledFor=at)
        await let_pass(observer, answer)

        async with observer.nothing_but(entries=1):
            await work()
            await payer.api.run("{ viewer { id } }")
        await payer.api.topup(payer.wallet_id, "1.00")
        await work()

        operation = await payer.api.operation(answer["done"]["id"])
        assert (operation["status"], operation["errorCode"]) == ("FAILED", "INSUFFICIENT_FUNDS")
        assert (await lines(payer))[1] == ("TRANSFER", "FAILED", "0.00")
        assert await shop.api.operation(answer["done"]["id"]) is None
        assert await balances(payer, shop) == ["11.00", "0.00"]
        again = await schedule(payer, shop, "10.01", idempotencyKey=key, scheduledFor=at)
        assert (again["__typename"], again["failed"]["id"]) == (
            "InsufficientFunds",
            answer["done"]["id"],
        )
        await assert_books_hold(observer)

    @pytest.mark.parametrize("side", ["payer", "shop"])
    async def test_frozen_wallet(
        self, payer: Account, shop: Account, work: Work, observer: Observer, side: str
    ) -> None:
        """FAILED; no money moves."""
        answer = await schedule(payer, shop)
        await freeze(observer, {"payer": payer, "shop": shop}[side].wallet_id)
        await let_pass(observer, answer)

        await work()

        operation = await payer.api.operation(answer["done"]["id"])
        assert (operation["status"], operation["errorCode"]) == ("FAILED", "WALLET_UNAVAILABLE")
        assert await balances(payer, shop) == ["10.00", "0.00"]
        await assert_books_hold(observer)

    async def test_in_the_order_of_their_times(
        self, payer: Account, shop: Account, work: Work, observer: Observer
    ) -> None:
        """A worker that was away carries out first what was due first, while there is money."""
        amounts = {2: "7.00", 1: "6.00", 3: "4.00"}
        answers = {
            day: await schedule(payer, shop, amount, scheduledFor=from_now(days=day))
            for day, amount in amounts.items()
        }
        await let_pass(observer, *answers.values())

        await work()

        status = {day: await status_of(payer, a["done"]["id"]) for day, a in answers.items()}
        assert status == {1: "COMPLETED", 2: "FAILED", 3: "COMPLETED"}
        await assert_books_hold(observer)
