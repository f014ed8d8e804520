"""Rounds of many while Redis or PostgreSQL is away, silent, or dies."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from tests.support.commands import run_wallet
from tests.support.factories import Factory, Pair
from tests.support.ledgers import (
    Network,
    captured_logs,
    connected_apart,
    locked_wallets,
    nowhere,
    open_ledger,
)
from tests.support.observer import Observer
from tests.support.postings import ask_again, pays
from wallet.core.errors import BusyError, ServiceUnavailableError
from wallet.core.settings import LockOutage, Settings
from wallet.development import PostgresServer
from wallet.services.ledger import Ledger, Outcome, Posting, locks


async def _post_all(ledger: Ledger, postings: Sequence[Posting]) -> list[Any]:
    """Post at the same moment, so that all wait for the same round."""
    return await asyncio.gather(*map(ledger.post, postings), return_exceptions=True)


class TestNoRedis:
    """Nobody answers where Redis should be."""

    async def test_degrade_carries_all_out(self, pair: Pair, observer: Observer) -> None:
        """Each is answered, in their order."""
        async with open_ledger(nowhere(), lock_outage=LockOutage.DEGRADE) as ledger:
            outcomes = await _post_all(ledger, [pays(pair, 10) for _ in range(20)])

        balances = [outcome.wallet.balance_minor for outcome in outcomes]
        assert balances == list(range(990, 790, -10))
        assert await observer.balance_minor(pair.target_id) == 200

    async def test_refuse_answers_all_busy(self, pair: Pair, observer: Observer) -> None:
        """Nothing moves, of a batch neither."""
        async with (
            observer.nothing_changes(),
            open_ledger(nowhere(), lock_outage=LockOutage.REFUSE) as ledger,
        ):
            answers = await _post_all(ledger, [pays(pair, 10) for _ in range(20)])
            with pytest.raises(BusyError):
                await ledger.post_batch([pays(pair), pays(pair)])
            outcomes = await ledger.post_each([pays(pair), pays(pair)])

        assert {type(answer) for answer in answers} == {BusyError}
        assert {type(outcome.error) for outcome in outcomes} == {BusyError}


class TestSilentRedis:
    """A Redis that takes what it is sent and says nothing."""

    async def test_nobody_waits_for_its_locks_back(
        self, pair: Pair, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Those behind a round that went on without it go on as well, at once."""
        async with Network.of(settings) as network:
            await network.ledger.post(pays(pair))
            await network.ledger.drain()
            with captured_logs(locks, monkeypatch) as events:
                network.redis.stall()
                await network.ledger.post(pays(pair))
                await network.ledger.post(pays(pair))
                # It is in the log when a round has waited for two answers more.
                assert "lock release failed" not in [event["event"] for event in events]
                await network.ledger.drain()

        assert "lock release failed" in [event["event"] for event in events]


class TestLostCommit:
    """The answer to a COMMIT does not arrive."""

    async def test_of_a_round(self, pair: Pair, settings: Settings, observer: Observer) -> None:
        """Each is found by its key, and answered as if nothing had happened."""
        postings = [pays(pair, 10 + number) for number in range(10)]
        async with Network.of(settings) as network:
            fault = network.postgres.lose_answer(b"COMMIT")
            async with observer.nothing_but(operations=11, entries=21):
                *outcomes, refused = await _post_all(network.ledger, [*postings, pays(pair, 5_000)])

        assert fault.struck.is_set()
        assert [outcome.replayed for outcome in outcomes] == [False] * 10
        assert [outcome.error for outcome in outcomes] == [None] * 10
        assert not refused.replayed
        assert refused.error.available_minor == 1000 - 145
        assert await observer.balance_minor(pair.target_id) == 145

    async def test_of_a_batch(self, pair: Pair, settings: Settings, observer: Observer) -> None:
        """A batch that took all the money is not told that there is not enough."""
        async with Network.of(settings) as network:
            fault = network.postgres.lose_answer(b"COMMIT")
            async with observer.nothing_but(operations=2, entries=4):
                outcomes = await network.ledger.post_batch([pays(pair, 600), pays(pair, 400)])

        assert fault.struck.is_set()
        assert [outcome.replayed for outcome in outcomes] == [False, False]


class TestCrash:
    """PostgreSQL is killed under a round, and started again."""

    async def test_all_are_unknown_and_move_money_at_most_once(
        self, settings: Settings, redis_client: redis.asyncio.Redis, tmp_path: Path
    ) -> None:
        """Each is told so; the same requests afterwards are answered, and no lock is left."""
        with PostgresServer(tmp_path / "postgres", settings={"fsync": "off"}) as server:
            await run_wallet("migrate", DATABASE_URL=server.url)
            far = settings.model_copy(update={"database_url": server.url})
            async with connected_apart(far), open_ledger(settings.redis_url) as ledger:
                pair = await Pair.create(Factory(ledger, far))
                postings = [pays(pair, 10) for _ in range(10)]
                async with Observer.of(server.url) as observer, observer.rows_held(pair.source_id):
                    answering = asyncio.create_task(_post_all(ledger, postings))
                    await observer.until_waiting(1)
                    server.kill()
                answers = await answering
                await ledger.drain()
                assert {type(answer) for answer in answers} == {ServiceUnavailableError}
                assert len({id(answer) for answer in answers}) == len(answers)
                assert await locked_wallets(redis_client, pair) == []

                server.start()

                outcomes = await _post_all(ledger, [ask_again(one) for one in postings])
                assert all(isinstance(one, Outcome) and one.error is None for one in outcomes)
                async with Observer.of(server.url) as observer:
                    assert await observer.balance_minor(pair.target_id) == 100
