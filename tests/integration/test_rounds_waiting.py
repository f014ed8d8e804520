"""Waiting for a round: how long, how many, who gives up, and what is left at the end."""

import asyncio
import time

import pytest
import redis.asyncio

from tests.support.factories import Pair
from tests.support.ledgers import Network, locked_wallets, open_ledger
from tests.support.observer import Observer
from tests.support.postings import make_stranger, pays
from tests.support.waiting import until
from wallet.core.errors import BusyError
from wallet.core.settings import Settings
from wallet.development import RedisServer
from wallet.services.ledger import Ledger, Outcome, Posting, queue
from wallet.services.ledger.locks import Gate, new_token
from wallet.services.ledger.rounds import LANES


def _ask(ledger: Ledger, posting: Posting) -> asyncio.Task[Outcome]:
    return asyncio.create_task(ledger.post(posting))


class TestFullQueue:
    """As many wait as may."""

    async def test_is_busy_at_once(
        self,
        pair: Pair,
        settings: Settings,
        observer: Observer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Who comes then is told so without a trip; who waits already is served."""
        monkeypatch.setattr(queue, "QUEUE_LENGTH_MAX", 3)
        async with Network.of(settings) as network:
            commit = network.postgres.hold_request(b"COMMIT")
            first = _ask(network.ledger, pays(pair))
            await commit.struck.wait()
            waiting = [_ask(network.ledger, pays(pair)) for _ in range(3)]
            await asyncio.sleep(0)  # they are in the queue
            trips = network.redis.trips
            async with observer.nothing_changes():
                with pytest.raises(BusyError):
                    await network.ledger.post(pays(pair))
                with pytest.raises(BusyError):
                    await network.ledger.post_batch([pays(pair), pays(pair)])
                (outcome,) = await network.ledger.post_each([pays(pair)])
                assert isinstance(outcome.error, BusyError)
            assert network.redis.trips == trips
            commit.end()

            await asyncio.gather(first, *waiting)
        assert await observer.balance_minor(pair.target_id) == 400


class TestLockWait:
    """LOCK_WAIT_MS."""

    async def test_ends_while_all_lanes_are_taken(
        self, pair: Pair, redis: RedisServer, observer: Observer
    ) -> None:
        """Who has not begun by then is Busy, although nobody has its wallets."""
        rounds = [await Pair.create(pair.factory) for _ in range(LANES)]
        async with (
            open_ledger(redis.url, lock_wait_ms=100) as ledger,
            observer.rows_held(*(one.source_id for one in rounds)),
        ):
            under_way = []
            for number, one in enumerate(rounds, 1):
                under_way.append(_ask(ledger, pays(one)))
                await observer.until_waiting(number)
            async with observer.nothing_changes():
                with pytest.raises(BusyError):
                    await ledger.post(pays(pair))
            for answer in await asyncio.gather(*under_way, return_exceptions=True):
                assert isinstance(answer, BusyError)

    async def test_of_nothing(
        self, pair: Pair, redis: RedisServer, redis_client: redis.asyncio.Redis, observer: Observer
    ) -> None:
        """One try: a wallet that is free is had, one that is not is Busy."""
        holder, token = Gate(redis_client), new_token()
        async with open_ledger(redis.url, lock_wait_ms=0) as ledger:
            await ledger.post(pays(pair))
            await ledger.drain()
            await holder.acquire([[pair.target_id]], token=token)
            async with observer.nothing_changes():
                with pytest.raises(BusyError):
                    await ledger.post(pays(pair))
            await holder.release([pair.target_id], token=token)

    async def test_is_not_spent_on_asking(
        self, settings: Settings, redis_client: redis.asyncio.Redis
    ) -> None:
        """Redis is asked no more than sixty times a second, however many wait."""
        posting, holder, token = make_stranger(), Gate(redis_client), new_token()
        await holder.acquire([[posting.wallet_id]], token=token)
        async with Network.of(settings) as network:
            waiting = [_ask(network.ledger, posting) for _ in range(50)]
            await until(lambda: network.redis.trips > 0)
            asked, since = -network.redis.trips, time.monotonic()
            await until(lambda: time.monotonic() - since > 1)
            asked += network.redis.trips
            seconds = time.monotonic() - since
            for answer in waiting:
                answer.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        await holder.release([posting.wallet_id], token=token)

        print(f"asks in a second: {asked / seconds:.0f}")
        assert 1 < asked / seconds <= 60


class TestCancelledAmongOthers:
    """One of many goes away."""

    async def test_from_the_queue(
        self, pair: Pair, settings: Settings, redis_client: redis.asyncio.Redis, observer: Observer
    ) -> None:
        """The others are carried out; it is not, and its key is as good as new."""
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[pair.target_id]], token=token)
        async with Network.of(settings) as network:
            answers = [_ask(network.ledger, pays(pair, 10 + number)) for number in range(5)]
            await until(lambda: network.redis.trips > 3)
            answers.pop(2).cancel()
            await holder.release([pair.target_id], token=token)
            await asyncio.gather(*answers)

        assert await observer.balance_minor(pair.target_id) == 10 + 11 + 13 + 14

    async def test_from_a_round(self, pair: Pair, settings: Settings, observer: Observer) -> None:
        """It is carried out with the others, and its key tells."""
        async with Network.of(settings) as network:
            commit = network.postgres.hold_request(b"COMMIT")
            gone = pays(pair, 7)
            answers = [_ask(network.ledger, one) for one in (pays(pair), gone, pays(pair))]
            await commit.struck.wait()
            answers.pop(1).cancel()
            commit.end()
            await asyncio.gather(*answers)

            assert (await network.ledger.post(gone)).wallet is not None
        assert await observer.balance_minor(pair.target_id) == 207

    async def test_all_of_them(
        self, pair: Pair, settings: Settings, redis_client: redis.asyncio.Redis
    ) -> None:
        """Nobody is left, nothing is asked any more, and nothing is locked."""
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[pair.target_id]], token=token)
        async with Network.of(settings) as network:
            answers = [_ask(network.ledger, pays(pair)) for _ in range(5)]
            await until(lambda: network.redis.trips > 3)
            for answer in answers:
                answer.cancel()
            await network.ledger.drain()
            trips = network.redis.trips
            await asyncio.gather(*answers, return_exceptions=True)

            assert network.redis.trips == trips
        assert await locked_wallets(redis_client, pair) == [pair.target_id]
        await holder.release([pair.target_id], token=token)


class TestClose:
    """Ledger.close."""

    async def test_takes_nothing_more(self, pair: Pair, redis: RedisServer) -> None:
        """Who comes after it is Busy, whichever way it comes."""
        async with open_ledger(redis.url) as ledger:
            await ledger.close()

            with pytest.raises(BusyError):
                await ledger.post(pays(pair))
            with pytest.raises(BusyError):
                await ledger.post_batch([pays(pair)])
            (outcome,) = await ledger.post_each([pays(pair)])
            assert isinstance(outcome.error, BusyError)

    async def test_waits_for_all_that_came(
        self, pair: Pair, settings: Settings, redis_client: redis.asyncio.Redis, observer: Observer
    ) -> None:
        """Those in a round, those behind them, and those who wait for a lock; then all is free."""
        other = await Pair.create(pair.factory)
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[other.source_id]], token=token)
        async with Network.of(settings) as network:
            commit = network.postgres.hold_request(b"COMMIT")
            answers = [_ask(network.ledger, pays(pair))]
            await commit.struck.wait()
            answers += [_ask(network.ledger, pays(pair)), _ask(network.ledger, pays(other))]
            trips = network.redis.trips
            await until(lambda: network.redis.trips > trips)

            closing = [asyncio.create_task(network.ledger.close()) for _ in range(2)]
            await asyncio.wait(closing, timeout=0.05)
            assert not any(one.done() for one in closing)
            commit.end()
            await asyncio.gather(*answers[:2])
            assert not any(one.done() for one in closing)
            await holder.release([other.source_id], token=token)
            await asyncio.gather(*closing)

            assert all(answer.done() for answer in answers)
            for one in (pair, other):
                assert await locked_wallets(redis_client, one) == []
        assert await observer.balance_minor(pair.target_id) == 200
        assert await observer.balance_minor(other.target_id) == 100

    async def test_waits_no_longer_than_they_do(
        self, pair: Pair, redis: RedisServer, redis_client: redis.asyncio.Redis
    ) -> None:
        """Who never gets its wallets is Busy in the end, and closing is over."""
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[pair.source_id]], token=token)
        async with open_ledger(redis.url, lock_wait_ms=100) as ledger:
            answer = _ask(ledger, pays(pair))
            await asyncio.sleep(0)  # it is in the queue
            await ledger.close()

            assert isinstance((await asyncio.gather(answer, return_exceptions=True))[0], BusyError)
        await holder.release([pair.source_id], token=token)
