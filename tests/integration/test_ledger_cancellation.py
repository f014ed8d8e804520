"""A caller that goes away while its posting is under way."""

import asyncio
import gc
from typing import Any

import pytest
import redis.asyncio

from tests.support.factories import Pair
from tests.support.ledgers import Network, locked_wallets
from tests.support.observer import Observer
from tests.support.waiting import until
from wallet.core.settings import Settings
from wallet.services.ledger import Ledger, Outcome
from wallet.services.ledger.locks import Gate, new_token


class TestCancelledBeforeItsLocksAreGranted:
    """Ledger.post: it has asked for nothing."""

    async def test_while_it_waits_for_its_turn(
        self,
        pair: Pair,
        settings: Settings,
        redis_client: redis.asyncio.Redis,
        observer: Observer,
    ) -> None:
        """Nothing moves, no key of it stays, and the holder's own is not touched."""
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[pair.target_id]], token=token)
        async with Network.of(settings) as network, observer.nothing_changes():
            payment = asyncio.create_task(pair.pay(ledger=network.ledger))
            await until(lambda: network.redis.trips > 5)

            await _cancel(payment)
            await network.ledger.drain()

            assert await locked_wallets(redis_client, pair) == [pair.target_id]
            await holder.release([pair.target_id], token=token)
            assert await locked_wallets(redis_client, pair) == []
            assert network.postgres.trips == 0

    async def test_while_the_grant_is_on_its_way(
        self,
        pair: Pair,
        settings: Settings,
        redis_client: redis.asyncio.Redis,
        observer: Observer,
    ) -> None:
        """Locks that Redis gave to a caller who is gone are given back at once."""
        async with Network.of(settings) as network:
            await _warm_up(pair, network)
            async with observer.nothing_changes():
                grant = network.redis.hold_answer(str(pair.source_id).encode())
                payment = asyncio.create_task(pair.pay(ledger=network.ledger))
                await grant.struck.wait()
                assert await locked_wallets(redis_client, pair) == [pair.source_id, pair.target_id]

                await _cancel(payment)
                grant.end()
                await network.ledger.drain()

                assert await locked_wallets(redis_client, pair) == []

    async def test_while_others_of_its_process_are_before_it(
        self, pair: Pair, settings: Settings, observer: Observer
    ) -> None:
        """Whoever goes away from the queue moves nothing, and those behind it move up."""
        async with Network.of(settings) as network:
            commit = network.postgres.hold_request(b"COMMIT")
            first = asyncio.create_task(pair.pay("1.00 EUR", ledger=network.ledger))
            await commit.struck.wait()
            gone, last = (
                asyncio.create_task(pair.pay(amount, ledger=network.ledger))
                for amount in ("2.00 EUR", "4.00 EUR")
            )
            await asyncio.sleep(0)  # both are in the queue

            await _cancel(gone)
            commit.end()
            await asyncio.gather(first, last)
            await network.ledger.drain()

        assert await observer.balance_minor(pair.target_id) == 500

    async def test_nobody_is_told_of_an_unheard_error(
        self, pair: Pair, ledger: Ledger, redis_client: redis.asyncio.Redis
    ) -> None:
        """How an abandoned round ended is in our log, and is no complaint of asyncio's."""
        complaints: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[pair.source_id]], token=token)
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        try:
            payment = asyncio.create_task(pair.pay())
            await asyncio.wait([payment], timeout=0.01)
            await _cancel(payment)
            await ledger.drain()
            del payment
            gc.collect()
        finally:
            loop.set_exception_handler(None)
            await holder.release([pair.source_id], token=token)
        assert complaints == []


class TestCancelledAfterItsLocksAreGranted:
    """Ledger.post: it runs to its end, and its key tells the outcome."""

    @pytest.mark.parametrize("statement", [b"BEGIN", b"COMMIT"])
    async def test_runs_to_its_end(
        self,
        pair: Pair,
        settings: Settings,
        redis_client: redis.asyncio.Redis,
        observer: Observer,
        statement: bytes,
    ) -> None:
        """The money moves once, and the same request again is a replay."""
        async with Network.of(settings) as network:
            held = network.postgres.hold_request(statement)
            payment = asyncio.create_task(pair.pay(key="once", ledger=network.ledger))
            await held.struck.wait()

            await _cancel(payment)
            held.end()
            await network.ledger.drain()

            assert await observer.balance_minor(pair.target_id) == 250
            assert await locked_wallets(redis_client, pair) == []
            assert (await pair.pay(key="once", ledger=network.ledger)).replayed
        assert await observer.balance_minor(pair.target_id) == 250

    async def test_same_request_meets_the_abandoned_one(
        self, pair: Pair, settings: Settings, observer: Observer
    ) -> None:
        """A client that gave up and asks again at once waits for its first request, and is told."""
        async with Network.of(settings) as network:
            commit = network.postgres.hold_request(b"COMMIT")
            payment = asyncio.create_task(pair.pay(key="once", ledger=network.ledger))
            await commit.struck.wait()
            await _cancel(payment)

            again = asyncio.create_task(pair.pay(key="once", ledger=network.ledger))
            await asyncio.wait([again], timeout=0.05)
            assert not again.done()
            commit.end()

            assert (await again).replayed
        assert await observer.balance_minor(pair.target_id) == 250


async def _warm_up(pair: Pair, network: Network) -> None:
    """Let Redis know the scripts, so that each is one request from now on."""
    await pair.pay("1.00 EUR", ledger=network.ledger)
    await network.ledger.drain()


async def _cancel(payment: asyncio.Task[Outcome]) -> None:
    """Let the caller go away, and see that it did."""
    payment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await payment
