"""A hold past its time, which nobody has put on record yet: it is over for everybody."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.support.api import CAPTURE_HOLD, VOID_HOLD, Account
from tests.support.due import assert_books_hold, freeze, from_now, let_pass
from tests.support.holds import standing, status_of
from tests.support.observer import Observer
from tests.support.waiting import until
from wallet.core.ids import find_id

NODES = "query Nodes($ids: [ID!]!) { nodes(ids: $ids) { ... on Operation { id status } } }"


@pytest_asyncio.fixture
async def over(payer: Account, shop: Account, observer: Observer) -> str:
    """The id of a hold of 4.00 EUR of the payer's for the shop that is over; 1.00 is held still."""
    await payer.api.hold(payer.wallet_id, shop.wallet_id, "1.00")
    held = await payer.api.hold(payer.wallet_id, shop.wallet_id, "4.00", idempotencyKey="over")
    await let_pass(observer, held)
    return str(held["done"]["id"])


async def is_on_record(observer: Observer, operation_id: str) -> bool:
    """Tell whether somebody has written down that a hold is over."""
    id_ = find_id("Operation", operation_id)
    status = await observer.value("SELECT status FROM operations WHERE id = $1", id_)
    return str(status) == "EXPIRED"


class TestReaders:
    """What is read, before anybody has put it on record, and after."""

    async def read(self, payer: Account, shop: Account, hold_id: str) -> list[Any]:
        """Read all that says something of a hold: of both sides, by every way."""
        answers: list[Any] = []
        for account in (payer, shop):
            answers += [
                await account.api.operation(hold_id),
                await account.api.run(NODES, ids=[hold_id]),
                await standing(account),
            ]
            for statuses in (["EXPIRED"], ["PENDING"], ["EXPIRED", "PENDING"], ["CANCELLED"]):
                where = {"kinds": ["HOLD"], "statuses": statuses}
                page = (await account.api.statement(account.wallet_id, where=where))["operations"]
                answers += [page["totalCount"], [edge["node"] for edge in page["edges"]]]
        return answers

    async def test_it_is_expired(
        self, payer: Account, shop: Account, over: str, observer: Observer
    ) -> None:
        """Its status, the wallet's money, and the filters say so; nothing is written for it."""
        async with observer.nothing_changes():
            operation = await shop.api.operation(over)
            nodes = await payer.api.run(NODES, ids=[over])
            by_status = {
                status: [
                    edge["node"]["id"]
                    for edge in (
                        await shop.api.statement(shop.wallet_id, where={"statuses": [status]})
                    )["operations"]["edges"]
                ]
                for status in ("EXPIRED", "PENDING")
            }

            assert (operation["status"], operation["completedAt"]) == (
                "EXPIRED",
                operation["expiresAt"],
            )
            assert nodes == [{"id": over, "status": "EXPIRED"}]
            assert await standing(payer) == ("10.00", "1.00", "9.00")
            assert by_status["EXPIRED"] == [over]
            assert len(by_status["PENDING"]) == 1

    async def test_record_changes_nothing_that_is_read(
        self, payer: Account, shop: Account, over: str, observer: Observer
    ) -> None:
        """Whoever reads cannot tell whether it was swept, but for the line that says so."""
        before = await self.read(payer, shop, over)
        assert not await is_on_record(observer, over)

        await payer.api.topup(payer.wallet_id, "0.01")
        await payer.api.withdraw(payer.wallet_id, "0.01")

        assert await is_on_record(observer, over)
        assert await self.read(payer, shop, over) == before
        statement = await payer.api.statement(payer.wallet_id, where={"kinds": ["VOID"]})
        (edge,) = statement["operations"]["edges"]
        assert (edge["node"]["parentId"], edge["amount"]["amount"]) == (over, "0.00")
        await assert_books_hold(observer)


class TestPayers:
    """What can be done with it."""

    @pytest.mark.parametrize("way", ["transfer", "withdraw", "hold"])
    async def test_its_money_can_be_spent_at_once(
        self, payer: Account, shop: Account, over: str, observer: Observer, way: str
    ) -> None:
        """All that no open hold has reserved, and no more."""
        wallets = (payer.wallet_id, *(() if way == "withdraw" else (shop.wallet_id,)))

        spent = await getattr(payer.api, way)(*wallets, "9.00")
        more = await getattr(payer.api, way)(*wallets, "0.01")

        assert spent["__typename"] == "OperationPayload"
        assert spent["wallet"]["available"]["amount"] == "0.00"
        assert more["__typename"] == "InsufficientFunds"
        assert await status_of(payer, over) == "EXPIRED"
        await assert_books_hold(observer)

    @pytest.mark.parametrize("document", [CAPTURE_HOLD, VOID_HOLD])
    async def test_it_can_be_neither_captured_nor_voided(
        self, payer: Account, shop: Account, over: str, observer: Observer, document: str
    ) -> None:
        """NotPending, by one key and the next; its status says why."""
        answers = [await shop.api.follow(document, over) for _ in range(2)]

        assert [(a["__typename"], a["over"]) for a in answers] == [("NotPending", "EXPIRED")] * 2
        assert await standing(shop) == ("0.00", "0.00", "0.00")
        assert await standing(payer) == ("10.00", "1.00", "9.00")
        await assert_books_hold(observer)

    async def test_replay_says_that_it_is_over(
        self, payer: Account, shop: Account, over: str
    ) -> None:
        """The key of the hold leads to the hold as it is."""
        again = await payer.api.hold(payer.wallet_id, shop.wallet_id, "4.00", idempotencyKey="over")

        assert (again["replayed"], again["done"]["id"]) == (True, over)
        assert again["done"]["status"] == "EXPIRED"
        assert again["wallet"]["held"]["amount"] == "5.00"

    async def test_replay_of_the_capture_in_time(
        self, payer: Account, shop: Account, observer: Observer
    ) -> None:
        """What was captured in time stays captured, whenever that is asked again."""
        held = await payer.api.hold(payer.wallet_id, shop.wallet_id, "4.00")
        hold_id, key = held["done"]["id"], uuid4().hex
        first = await shop.api.follow(CAPTURE_HOLD, hold_id, idempotencyKey=key)
        await let_pass(observer, held)

        async with observer.nothing_changes():
            again = await shop.api.follow(CAPTURE_HOLD, hold_id, idempotencyKey=key)

        assert again == {**first, "replayed": True}
        assert await status_of(payer, hold_id) == "COMPLETED"

    async def test_of_a_frozen_wallet(
        self, payer: Account, shop: Account, over: str, observer: Observer
    ) -> None:
        """It is over all the same, and a refusal puts that on record."""
        await freeze(observer, payer.wallet_id)

        read = await standing(payer)
        refused = await payer.api.transfer(payer.wallet_id, shop.wallet_id, "1.00")

        assert refused["__typename"] == "WalletUnavailable"
        assert read == await standing(payer) == ("10.00", "1.00", "9.00")
        assert await status_of(payer, over) == "EXPIRED"
        assert await is_on_record(observer, over)
        await assert_books_hold(observer)

    async def test_of_the_wallet_that_is_paid(
        self, payer: Account, shop: Account, over: str, observer: Observer
    ) -> None:
        """Money that comes in puts it on record too, in the same round."""
        await shop.api.topup(shop.wallet_id, "1.00")

        await shop.api.transfer(shop.wallet_id, payer.wallet_id, "1.00")

        assert await is_on_record(observer, over)
        assert await standing(payer) == ("11.00", "1.00", "10.00")
        assert await status_of(shop, over) == "EXPIRED"
        await assert_books_hold(observer)


class TestClock:
    """By the clock alone."""

    async def test_it_is_over_at_its_time(
        self, payer: Account, shop: Account, observer: Observer
    ) -> None:
        """Nothing has to happen for it."""
        held = await payer.api.hold(
            payer.wallet_id, shop.wallet_id, "4.00", expiresAt=from_now(seconds=0.5)
        )
        assert held["__typename"] == "OperationPayload"

        async def is_over() -> bool:
            return await status_of(payer, held["done"]["id"]) == "EXPIRED"

        async with observer.nothing_changes():
            await until(is_over)
            assert await standing(payer) == ("10.00", "0.00", "10.00")
