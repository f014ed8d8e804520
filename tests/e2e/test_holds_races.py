"""Everybody wants the same hold at the same moment, on two processes: it ends once."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from tests.support.api import CAPTURE_HOLD, VOID_HOLD, Account, Api
from tests.support.due import assert_books_hold
from tests.support.holds import kinds, standing, status_of
from tests.support.observer import Observer
from tests.support.servers import ApiServer
from tests.support.waiting import until
from wallet.core.ids import find_id
from wallet.development import RedisServer

TRIES = 20


@pytest.fixture(scope="module")
def second(
    database_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a second process on the same data."""
    log = tmp_path_factory.mktemp("second") / "log"
    with ApiServer(
        database_url=database_url, redis_url=redis.url, log=log, environment={}
    ) as server:
        yield server.url


async def hold(payer: Account, shop: Account, amount: str = "0.40") -> str:
    """Hold money; return the id of the hold."""
    held = await payer.api.hold(payer.wallet_id, shop.wallet_id, amount)
    assert held["__typename"] == "OperationPayload", held
    return str(held["done"]["id"])


async def is_over(account: Account, operation_id: str) -> bool:
    """Tell whether a hold's time is over, as its readers are told."""
    return await status_of(account, operation_id) == "EXPIRED"


class TestOneHold:
    """It is captured once, voided once, or over, whoever asks how often."""

    async def test_twenty_captures(
        self, payer: Account, shop: Account, second: str, observer: Observer
    ) -> None:
        """One of them gets the money; the others hear that it is gone."""
        hold_id = await hold(payer, shop)
        apis = [shop.api, shop.api.at(second)]

        answers = await asyncio.gather(
            *(apis[number % 2].follow(CAPTURE_HOLD, hold_id) for number in range(20))
        )

        assert kinds(answers) == ["NotPending"] * 19 + ["OperationPayload"]
        assert {a["over"] for a in answers if "over" in a} == {"COMPLETED"}
        assert await standing(shop) == ("0.40", "0.00", "0.40")
        await assert_books_hold(observer)

    async def test_one_capture_sent_twenty_times(
        self, payer: Account, shop: Account, second: str, observer: Observer
    ) -> None:
        """Everybody gets the same answer, one of them as the first."""
        hold_id, key = await hold(payer, shop), uuid4().hex
        apis = [shop.api, shop.api.at(second)]

        answers = await asyncio.gather(
            *(
                apis[number % 2].follow(CAPTURE_HOLD, hold_id, idempotencyKey=key)
                for number in range(20)
            )
        )

        assert kinds(answers) == ["OperationPayload"] * 20
        assert sorted(a["replayed"] for a in answers) == [False] + [True] * 19
        assert len({a["done"]["id"] for a in answers}) == 1
        assert await standing(shop) == ("0.40", "0.00", "0.40")
        await assert_books_hold(observer)

    async def test_captures_and_voids(
        self, payer: Account, shop: Account, second: str, observer: Observer
    ) -> None:
        """One process captures while the other voids, many times: one of them, and never both."""
        apis = [shop.api, shop.api.at(second)]
        won = []
        for number in range(TRIES):
            hold_id = await hold(payer, shop)

            answers = await asyncio.gather(
                apis[number % 2].follow(CAPTURE_HOLD, hold_id),
                apis[1 - number % 2].follow(VOID_HOLD, hold_id),
                apis[1 - number % 2].follow(CAPTURE_HOLD, hold_id, "0.10"),
            )

            assert kinds(answers) == ["NotPending"] * 2 + ["OperationPayload"]
            (done,) = [answer["done"] for answer in answers if "done" in answer]
            is_captured = done["kind"] == "CAPTURE"
            assert await status_of(payer, hold_id) == ("COMPLETED" if is_captured else "CANCELLED")
            won.append(int(100 * float(done["amount"]["amount"])) if is_captured else 0)

        got = sum(won)
        assert await standing(shop) == (f"{got / 100:.2f}", "0.00", f"{got / 100:.2f}")
        assert (await standing(payer))[1] == "0.00"
        await assert_books_hold(observer)

    async def test_captures_at_its_end(
        self, payer: Account, shop: Account, second: str, observer: Observer
    ) -> None:
        """Captured in time, or over: what the answer says is what the books say."""
        apis = [shop.api, shop.api.at(second)]
        holds = [await hold(payer, shop, "0.10") for _ in range(2 * TRIES)]
        await observer.fetch(
            "UPDATE operations SET expires_at = clock_timestamp() + interval '0.5 s'"
            " WHERE id = ANY ($1)",
            [find_id("Operation", hold_id) for hold_id in holds],
        )
        captured = 0
        for hold_id in holds:
            if hold_id == holds[-1]:
                await until(partial(is_over, payer, hold_id))

            answers = await asyncio.gather(
                *(api.follow(CAPTURE_HOLD, hold_id) for api in (*apis, *apis))
            )

            if any("done" in answer for answer in answers):
                captured += 1
                assert kinds(answers) == ["NotPending"] * 3 + ["OperationPayload"]
                assert await status_of(payer, hold_id) == "COMPLETED"
            else:
                assert kinds(answers) == ["NotPending"] * 4
                assert {answer["over"] for answer in answers} == {"EXPIRED"}
                assert await is_over(payer, hold_id)
        assert (await standing(shop))[0] == f"{captured / 10:.2f}"
        assert (await standing(payer))[1] == "0.00"
        await assert_books_hold(observer)


class TestManyHolds:
    """What is held and what is spent at once never exceeds what is there."""

    async def test_holds_transfers_and_withdrawals_at_once(
        self, payer: Account, shop: Account, second: str, observer: Observer
    ) -> None:
        """Of 30 that want 1.00 of 10.00, ten get it; the wallet is never overdrawn."""

        def ask(number: int) -> Any:
            api: Api = payer.api if number % 2 else payer.api.at(second)
            own, theirs = payer.wallet_id, shop.wallet_id
            match number % 3:
                case 0:
                    return api.hold(own, theirs, "1.00")
                case 1:
                    return api.transfer(own, theirs, "1.00")
                case _:
                    return api.withdraw(own, "1.00")

        answers = await asyncio.gather(*(ask(number) for number in range(30)))

        assert kinds(answers) == ["InsufficientFunds"] * 20 + ["OperationPayload"] * 10
        held = sum(a["done"]["kind"] == "HOLD" for a in answers if "done" in a)
        assert await standing(payer) == (f"{held}.00", f"{held}.00", "0.00")
        await assert_books_hold(observer)

    async def test_all_are_captured_and_spent_at_once(
        self, payer: Account, shop: Account, second: str, observer: Observer
    ) -> None:
        """What captures release can be spent, and what they take cannot."""
        holds = [await hold(payer, shop, "1.00") for _ in range(10)]

        captures = [
            (shop.api if number % 2 else shop.api.at(second)).follow(CAPTURE_HOLD, id_, "0.50")
            for number, id_ in enumerate(holds)
        ]
        payments = [payer.api.transfer(payer.wallet_id, shop.wallet_id, "0.50") for _ in range(20)]
        answers = await asyncio.gather(*captures, *payments)

        assert kinds(answers[:10]) == ["OperationPayload"] * 10
        paid = kinds(answers[10:]).count("OperationPayload")
        assert paid <= 10
        assert (await standing(shop))[0] == f"{5 + paid / 2:.2f}"
        assert (await standing(payer))[1] == "0.00"
        await assert_books_hold(observer)
