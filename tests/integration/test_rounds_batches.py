"""Batches on real servers: each posting on its own, or all of them or none."""

import asyncio
from uuid import UUID

import pytest
import redis.asyncio
from prometheus_client import REGISTRY

from tests.support.factories import Pair
from tests.support.ledgers import Network, locked_wallets, open_ledger, open_strangers
from tests.support.observer import Observer
from tests.support.postings import ask_again, make_payment, pays, pays_back
from tests.support.waiting import until
from wallet.core.errors import BusyError, IdempotencyConflictError, ServiceUnavailableError
from wallet.core.settings import Settings
from wallet.development import RedisServer
from wallet.services.ledger import (
    BatchRejectedError,
    InsufficientFundsError,
    Ledger,
    WalletNotFoundError,
)
from wallet.services.ledger.locks import Gate, new_token


def _count(outcome: str) -> float:
    labels = {"kind": "TRANSFER", "outcome": outcome}
    return REGISTRY.get_sample_value("wallet_operations_total", labels) or 0


class TestPostEach:
    """Ledger.post_each."""

    async def test_in_their_order(self, pair: Pair, ledger: Ledger, observer: Observer) -> None:
        """What one brings the next can spend; what one is refused changes nothing for the next."""
        outcomes = await ledger.post_each(
            [pays_back(pair, 1), pays(pair, 1000), pays_back(pair, 700), pays(pair, 701)]
        )

        assert [type(outcome.error) for outcome in outcomes] == [
            InsufficientFundsError,
            type(None),
            type(None),
            InsufficientFundsError,
        ]
        wallets = [outcome.wallet for outcome in outcomes if outcome.wallet]
        assert [wallet.balance_minor for wallet in wallets] == [0, 0, 300, 700]
        assert await observer.balance_minor(pair.target_id) == 300

    async def test_replay_among_others(self, pair: Pair, ledger: Ledger) -> None:
        """A key that comes twice moves money once; with other input it is a conflict."""
        first = pays(pair, 100, key="each")

        outcomes = await ledger.post_each([first, ask_again(first), pays(pair, 101, key="each")])

        assert [outcome.replayed for outcome in outcomes] == [False, True, False]
        assert outcomes[1].operation == outcomes[0].operation
        assert type(outcomes[2].error) is IdempotencyConflictError

    async def test_busy_is_an_outcome(
        self, pair: Pair, redis: RedisServer, redis_client: redis.asyncio.Redis, observer: Observer
    ) -> None:
        """One whose wallet others have does not keep the others from their answers."""
        _, third = await pair.factory.create_wallet(pair.ada, balance="5.00 EUR")
        _, fourth = await pair.factory.create_wallet()
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[third.id]], token=token)
        async with open_ledger(redis.url, lock_wait_ms=50) as ledger:
            busy = make_payment(pair.ada.user_id, third.id, fourth.id, 500)
            outcomes = await ledger.post_each([pays_back(pair, 1), busy, pays(pair, 300)])
        await holder.release([third.id], token=token)

        assert [type(outcome.error) for outcome in outcomes[1:]] == [BusyError, type(None)]
        assert (outcomes[1].operation, outcomes[1].wallet) == (None, None)
        assert await observer.balance_minor(third.id) == 500
        assert await observer.balance_minor(pair.target_id) == 300

    async def test_unknown_is_raised_and_each_is_on_record(
        self, pair: Pair, settings: Settings, observer: Observer
    ) -> None:
        """Where PostgreSQL is away the caller asks again, and each posting counts as unknown."""
        before = _count("UNKNOWN")
        postings = [pays(pair, 100) for _ in range(3)]
        async with Network.of(settings) as network:
            async with observer.nothing_changes():
                await network.postgres.close()
                with pytest.raises(ServiceUnavailableError):
                    await network.ledger.post_each(postings)
            assert _count("UNKNOWN") == before + 3
            await network.postgres.open()

            outcomes = await network.ledger.post_each([ask_again(one) for one in postings])

        assert [outcome.replayed for outcome in outcomes] == [False] * 3

    async def test_of_nothing(self, ledger: Ledger) -> None:
        """No posting, no outcome."""
        assert await ledger.post_each([]) == []


class TestPostBatch:
    """Ledger.post_batch."""

    async def test_all(self, pair: Pair, ledger: Ledger, observer: Observer) -> None:
        """All are carried out in their order, each with what those before it brought."""
        async with observer.nothing_but(operations=3, entries=6):
            outcomes = await ledger.post_batch(
                [pays(pair, 1000), pays_back(pair, 900), pays(pair, 800)]
            )

        wallets = [outcome.wallet for outcome in outcomes if outcome.wallet]
        assert [wallet.balance_minor for wallet in wallets] == [0, 100, 100]
        assert await observer.balance_minor(pair.target_id) == 900

    async def test_or_none(self, pair: Pair, ledger: Ledger, observer: Observer) -> None:
        """The first that is refused is named with its cause; nothing moves, no key is used."""
        batch = [pays(pair, 600), pays_back(pair, 100), pays(pair, 501), pays(pair, 999)]
        async with observer.nothing_changes():
            with pytest.raises(BatchRejectedError) as raised:
                await ledger.post_batch(batch)

        assert raised.value.index == 2
        assert isinstance(raised.value.cause, InsufficientFundsError)
        assert raised.value.cause.available_minor == 500
        outcomes = await ledger.post_batch([ask_again(one) for one in batch[:2]])
        assert [outcome.replayed for outcome in outcomes] == [False, False]

    async def test_wallet_that_is_missing(
        self, pair: Pair, ledger: Ledger, observer: Observer
    ) -> None:
        """What would not be on record by itself refuses a batch as well."""
        nobodys = make_payment(pair.ada.user_id, pair.source_id, UUID(int=7))
        async with observer.nothing_changes():
            with pytest.raises(BatchRejectedError) as raised:
                await ledger.post_batch([pays(pair), nobodys])

        assert raised.value.index == 1
        assert isinstance(raised.value.cause, WalletNotFoundError)

    async def test_rejected_batch_takes_nobody_along(
        self, pair: Pair, settings: Settings, observer: Observer
    ) -> None:
        """Who is in the same round before and after it is carried out, as if it were not there."""
        async with Network.of(settings) as network:
            await network.ledger.post(pays(pair, 100))
            async with network.counted() as trips, observer.nothing_but(operations=2, entries=4):
                before, batch, after = await asyncio.gather(
                    network.ledger.post(pays(pair, 100)),
                    network.ledger.post_batch([pays(pair, 700), pays(pair, 200)]),
                    network.ledger.post(pays(pair, 300)),
                    return_exceptions=True,
                )

        assert isinstance(batch, BatchRejectedError)
        assert not isinstance(before, BaseException)
        assert not isinstance(after, BaseException)
        assert after.wallet is not None
        assert after.wallet.balance_minor == 500
        # A batch that is rejected is looked at twice.
        assert (trips.redis, trips.postgres) == (2, 5)

    async def test_again(self, pair: Pair, ledger: Ledger, observer: Observer) -> None:
        """A batch that comes again is answered again; what is new in it is carried out."""
        batch = [pays(pair, 100), pays(pair, 200)]
        first = await ledger.post_batch(batch)
        again = [ask_again(one) for one in batch]
        async with observer.nothing_but(operations=1, entries=2):
            second = await ledger.post_batch([*again, pays(pair, 300)])

        assert [outcome.replayed for outcome in second] == [True, True, False]
        assert [one.operation for one in second[:2]] == [one.operation for one in first]

    async def test_all_its_locks_or_none(
        self,
        pair: Pair,
        settings: Settings,
        redis_client: redis.asyncio.Redis,
        observer: Observer,
    ) -> None:
        """While one of its wallets is another's, it keeps none of them from anybody."""
        _, third = await pair.factory.create_wallet(pair.ada, balance="5.00 EUR")
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[third.id]], token=token)
        batch = [pays(pair, 100), make_payment(pair.ada.user_id, third.id, pair.target_id, 100)]
        async with Network.of(settings) as network:
            answer = asyncio.create_task(network.ledger.post_batch(batch))
            await until(lambda: network.redis.trips > 5)
            assert await locked_wallets(redis_client, pair) == []
            assert network.postgres.trips == 0
            await pair.pay("1.00 EUR")

            await holder.release([third.id], token=token)

            assert [outcome.error for outcome in await answer] == [None, None]
        assert await observer.balance_minor(pair.target_id) == 300


class TestPostBatchAtTheSameTime:
    """Ledger.post_batch, in two processes at once, and with no gate between them."""

    async def test_batch_that_meets_itself_is_a_replay(
        self, pair: Pair, observer: Observer
    ) -> None:
        """What was carried out while we waited for its rows is not told as rejected."""
        # Together they take all that is there, so that a second time there is not enough.
        batch = [pays(pair, 600), pays(pair, 400)]
        async with open_strangers(2) as ledgers:
            async with observer.rows_held(pair.source_id):
                # Both have looked for the keys by the time they wait for the row.
                answers = [
                    asyncio.create_task(ledger.post_batch([ask_again(one) for one in batch]))
                    for ledger in ledgers
                ]
                await observer.until_waiting(2)
            outcomes = await asyncio.gather(*answers)

        assert sorted([one.replayed for one in answer] for answer in outcomes) == [
            [False, False],
            [True, True],
        ]
        assert await observer.balance_minor(pair.target_id) == 1000
