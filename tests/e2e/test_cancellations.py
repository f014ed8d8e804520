"""cancelTransfer, over HTTP: what is still to come is called off, or carried out."""

import asyncio
from functools import partial
from uuid import uuid4

from tests.e2e.conftest import StartWorker, Work
from tests.support.api import CANCEL_TRANSFER, Account
from tests.support.due import assert_books_hold, freeze, let_pass
from tests.support.guests import Guests
from tests.support.holds import kinds, status_of
from tests.support.observer import Observer
from tests.support.scheduling import balances, schedule, scheduled
from tests.support.waiting import until
from wallet.core.ids import new_id, to_global_id

NOBODYS = to_global_id("Operation", new_id())
TRIES = 6


async def is_settled(account: Account, operation_id: str) -> bool:
    """Tell whether something became of a scheduled transfer."""
    return await status_of(account, operation_id) != "PENDING"


class TestCancelTransfer:
    """By the source's owner, before its time."""

    async def test_calls_it_off(
        self, payer: Account, shop: Account, work: Work, observer: Observer
    ) -> None:
        """It is CANCELLED, and nobody carries it out; the payee hears nothing of it."""
        answer = await schedule(payer, shop)
        id_ = answer["done"]["id"]

        async with observer.nothing_but(operations=1, entries=1):
            cancelled = await payer.api.follow(CANCEL_TRANSFER, id_)
        await let_pass(observer, answer)
        await work()

        done = cancelled["done"]
        assert (done["kind"], done["status"], done["parentId"]) == ("VOID", "COMPLETED", id_)
        assert done == await payer.api.operation(done["id"])
        assert cancelled["wallet"]["balance"]["amount"] == "10.00"
        assert await status_of(payer, id_) == "CANCELLED"
        assert await scheduled(payer) == []
        assert await shop.api.operation(id_) is None
        assert await shop.api.operation(done["id"]) is None
        assert await balances(payer, shop) == ["10.00", "0.00"]
        await assert_books_hold(observer)

    async def test_replay(self, payer: Account, shop: Account, observer: Observer) -> None:
        """The same key answers the first outcome; another, that there is nothing to call off."""
        first, second = [(await schedule(payer, shop))["done"]["id"] for _ in range(2)]
        key = uuid4().hex
        cancelled = await payer.api.follow(CANCEL_TRANSFER, first, idempotencyKey=key)

        async with observer.nothing_changes():
            again = await payer.api.follow(CANCEL_TRANSFER, first, idempotencyKey=key)
            conflict = await payer.api.follow(CANCEL_TRANSFER, second, idempotencyKey=key)
            more = await payer.api.follow(CANCEL_TRANSFER, first)

        assert again == {**cancelled, "replayed": True}
        assert conflict["__typename"] == "IdempotencyConflict"
        assert (more["__typename"], more["over"]) == ("NotPending", "CANCELLED")

    async def test_what_was_carried_out(
        self, payer: Account, shop: Account, work: Work, observer: Observer
    ) -> None:
        """Too late."""
        done = await schedule(payer, shop)
        failed = await schedule(payer, shop, "99.00")
        await let_pass(observer, done, failed)
        await work()

        async with observer.nothing_changes():
            answers = [
                await payer.api.follow(CANCEL_TRANSFER, each["done"]["id"])
                for each in (done, failed)
            ]

        assert [(a["__typename"], a["over"]) for a in answers] == [
            ("NotPending", "COMPLETED"),
            ("NotPending", "FAILED"),
        ]

    async def test_of_a_frozen_wallet(
        self, payer: Account, shop: Account, observer: Observer
    ) -> None:
        """Calling off moves nothing."""
        answer = await schedule(payer, shop)
        await freeze(observer, payer.wallet_id)

        cancelled = await payer.api.follow(CANCEL_TRANSFER, answer["done"]["id"])

        assert cancelled["__typename"] == "OperationPayload"

    async def test_others_find_nothing(
        self, payer: Account, shop: Account, guests: Guests, observer: Observer
    ) -> None:
        """The payee, a stranger, an operator; and of what is not scheduled, nobody."""
        id_ = (await schedule(payer, shop))["done"]["id"]
        paid = (await payer.api.transfer(payer.wallet_id, shop.wallet_id, "1.00"))["done"]["id"]
        held = (await payer.api.hold(payer.wallet_id, shop.wallet_id, "1.00"))["done"]["id"]
        others = [shop, await guests.create(), await guests.create(role="OPERATOR")]

        async with observer.nothing_changes():
            answers = [await other.api.follow(CANCEL_TRANSFER, id_) for other in others]
            nothing = [await payer.api.follow(CANCEL_TRANSFER, i) for i in (NOBODYS, paid, held)]

        assert kinds(answers) == kinds(nothing) == ["NotFound"] * 3

    async def test_at_the_moment_it_is_carried_out(
        self,
        payer: Account,
        shop: Account,
        start_worker: StartWorker,
        observer: Observer,
    ) -> None:
        """While a worker is at it: called off, or carried out, and never both."""
        start_worker()
        carried_out = 0
        for number in range(TRIES):
            answer = await schedule(payer, shop, "0.10")
            id_ = answer["done"]["id"]
            await let_pass(observer, answer)
            if number % 2:
                await until(partial(is_settled, payer, id_))

            answers = await asyncio.gather(
                *(payer.api.follow(CANCEL_TRANSFER, id_) for _ in range(3))
            )

            won = [answer for answer in answers if "done" in answer]
            over = {answer["over"] for answer in answers if "over" in answer}
            assert len(won) <= 1
            assert over == {"CANCELLED" if won else "COMPLETED"}
            assert await status_of(payer, id_) in over
            carried_out += not won
        assert carried_out >= TRIES // 2
        assert await balances(payer, shop) == [
            f"{10 - carried_out / 10:.2f}",
            f"{carried_out / 10:.2f}",
        ]
        await assert_books_hold(observer)
