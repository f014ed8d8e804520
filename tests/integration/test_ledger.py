"""The ledger's shell on real servers."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
import redis.asyncio
from prometheus_client import REGISTRY

from tests.support.factories import Factory, Pair
from tests.support.ledgers import (
    Network,
    captured_logs,
    locked_wallets,
    nowhere,
    open_ledger,
    open_strangers,
    undone_by,
)
from tests.support.observer import Observer
from tests.support.proxy import proxy
from tests.support.waiting import until
from wallet.core.errors import BusyError, IdempotencyConflictError, WalletError
from wallet.core.settings import LockOutage, Settings
from wallet.development import RedisServer
from wallet.services import database
from wallet.services.ledger import InsufficientFundsError, Ledger, Outcome
from wallet.services.ledger.locks import Gate, new_token


def _count_outages(action: str) -> float:
    return REGISTRY.get_sample_value("wallet_lock_outages_total", {"action": action}) or 0


async def _gather(*payments: asyncio.Task[Outcome]) -> tuple[list[Outcome], list[WalletError]]:
    """Wait for all; return who was answered, and who was refused."""
    results = await asyncio.gather(*payments, return_exceptions=True)
    for result in results:
        assert isinstance(result, Outcome | WalletError), result
    return (
        [result for result in results if isinstance(result, Outcome)],
        [result for result in results if isinstance(result, WalletError)],
    )


class TestPost:
    """Ledger.post."""

    async def test_transfer_moves_money(self, factory: Factory) -> None:
        """Both wallets show the transfer."""
        ada, source = await factory.create_wallet(balance="10.00 EUR")
        bob, target = await factory.create_wallet()

        outcome = await factory.transfer(ada, source.id, target.id, "2.50 EUR")

        assert outcome.wallet is not None
        assert outcome.wallet.balance_minor == 750
        assert await factory.balance_minor(bob, target.id) == 250

    async def test_locks_are_given_back(
        self, pair: Pair, ledger: Ledger, redis_client: redis.asyncio.Redis
    ) -> None:
        """After success and after refusal no key of the wallets stays in Redis."""
        await pair.pay()
        with pytest.raises(InsufficientFundsError):
            await pair.pay("99.00 EUR")
        await ledger.drain()

        assert await locked_wallets(redis_client, pair) == []

    async def test_entries_never_go_back_in_time(self, pair: Pair, observer: Observer) -> None:
        """Where the clock went back, a wallet's new entry is as old as the one before it."""
        ahead = await observer.value(
            "UPDATE wallets SET last_entry_at = now() + $2 WHERE id = $1 RETURNING last_entry_at",
            pair.target_id,
            timedelta(hours=1),
        )

        outcome = await pair.pay()
        await pair.pay_back()

        assert outcome.operation is not None
        assert outcome.operation.created_at == ahead
        for wallet_id in (pair.source_id, pair.target_id):
            instants = await observer.fetch(
                "SELECT created_at FROM entries WHERE wallet_id = $1 ORDER BY sequence", wallet_id
            )
            assert instants == sorted(instants)
            assert instants[-1]["created_at"] >= ahead


class TestBudget:
    """Two trips to Redis and four to PostgreSQL for a round, on connections that are warm."""

    async def test_transfer(self, pair: Pair, settings: Settings) -> None:
        """BEGIN, read and lock, write, COMMIT; lock and release."""
        async with Network.of(settings) as network:
            await pair.pay("1.00 EUR", ledger=network.ledger)

            async with network.counted() as trips:
                await pair.pay("1.00 EUR", ledger=network.ledger)

        assert (trips.redis, trips.postgres) == (2, 4)

    async def test_recorded_failure(self, pair: Pair, settings: Settings) -> None:
        """A refusal under the lock costs what a success does."""
        async with Network.of(settings) as network:
            await pair.pay("1.00 EUR", ledger=network.ledger)

            async with network.counted() as trips:
                with pytest.raises(InsufficientFundsError):
                    await pair.pay("99.00 EUR", ledger=network.ledger)

        assert (trips.redis, trips.postgres) == (2, 4)

    async def test_replay(self, pair: Pair, settings: Settings) -> None:
        """A replay has nothing to write."""
        async with Network.of(settings) as network:
            await pair.pay("1.00 EUR", key="again", ledger=network.ledger)

            async with network.counted() as trips:
                await pair.pay("1.00 EUR", key="again", ledger=network.ledger)

        assert (trips.redis, trips.postgres) == (2, 3)


class TestRowLock:
    """The row lock is the truth, with or without the gate."""

    async def test_rows_are_locked_before_they_are_written(
        self, pair: Pair, settings: Settings, observer: Observer
    ) -> None:
        """Between reading and writing nobody else can take either row."""
        async with Network.of(settings) as network:
            # On a new connection the text of the statement is sent once.
            write = network.postgres.hold_request(b"INSERT INTO operations")
            payment = asyncio.create_task(pair.pay(ledger=network.ledger))
            await write.struck.wait()

            assert await observer.is_row_held(pair.source_id)
            assert await observer.is_row_held(pair.target_id)

            write.end()
            await payment
        assert await observer.balance_minor(pair.target_id) == 250

    async def test_nobody_spends_twice_without_the_gate(
        self, pair: Pair, observer: Observer
    ) -> None:
        """Of many that pay at once with no Redis at all, as many get through as there is money."""
        async with open_strangers(12) as ledgers:
            outcomes, errors = await _gather(
                *(asyncio.create_task(pair.pay("1.00 EUR", ledger=ledger)) for ledger in ledgers),
                *(asyncio.create_task(pair.pay("1.00 EUR", ledger=ledger)) for ledger in ledgers),
            )

        assert len(outcomes) == 10
        assert {type(error) for error in errors} == {InsufficientFundsError}
        assert await observer.balance_minor(pair.source_id) == 0
        assert await observer.balance_minor(pair.target_id) == 1000

    async def test_opposite_directions_do_not_deadlock_without_the_gate(
        self, pair: Pair, observer: Observer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Rows are locked in the order of their ids, whoever pays whom."""
        await pair.pay("5.00 EUR")
        with captured_logs(database, monkeypatch) as events:
            async with open_strangers(12) as ledgers:
                _, errors = await _gather(
                    *(asyncio.create_task(pair.pay("0.10 EUR", ledger=one)) for one in ledgers),
                    *(
                        asyncio.create_task(pair.pay_back("0.20 EUR", ledger=one))
                        for one in reversed(ledgers)
                    ),
                )

        assert errors == []
        assert undone_by(events) == []
        assert await observer.balance_minor(pair.source_id) == 500 + 12 * 10


class TestIdempotency:
    """One key, one operation."""

    async def test_one_key_many_times_at_once(self, pair: Pair, observer: Observer) -> None:
        """Of twenty at once one moves the money and nineteen are told of it."""
        outcomes, errors = await _gather(
            *(asyncio.create_task(pair.pay(key="once")) for _ in range(20))
        )

        assert errors == []
        assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 19
        assert len({_id_of(outcome) for outcome in outcomes}) == 1
        assert await observer.balance_minor(pair.target_id) == 250

    async def test_one_key_with_two_amounts_at_once(self, pair: Pair, observer: Observer) -> None:
        """Whichever amount comes first moves; the other is a conflict each time."""
        outcomes, errors = await _gather(
            *(
                asyncio.create_task(pair.pay("2.00 EUR" if number % 2 else "3.00 EUR", key="once"))
                for number in range(20)
            )
        )

        assert len(outcomes) == 10
        assert [outcome.replayed for outcome in outcomes].count(False) == 1
        assert {type(error) for error in errors} == {IdempotencyConflictError}
        assert await observer.balance_minor(pair.target_id) in {200, 300}

    async def test_recorded_failure_is_replayed(self, pair: Pair, observer: Observer) -> None:
        """A refusal that is on record stays the answer, also when the money is there by now."""
        with pytest.raises(InsufficientFundsError) as first:
            await pair.pay("12.00 EUR", key="once")
        await pair.factory.topup(pair.ada, pair.source_id, "5.00 EUR")

        async with observer.nothing_changes():
            with pytest.raises(InsufficientFundsError) as again:
                await pair.pay("12.00 EUR", key="once")

        assert first.value.operation is not None
        assert again.value.operation == first.value.operation
        assert again.value.available_minor == first.value.available_minor == 1000

    async def test_lost_race_ends_in_a_replay(
        self, pair: Pair, observer: Observer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One that missed the key while it waited for the row finds it when it tries again."""
        async with open_strangers(2) as ledgers:
            with captured_logs(database, monkeypatch) as events:
                async with observer.rows_held(pair.source_id):
                    # Both have looked for the key by the time they wait for the row.
                    payments = [
                        asyncio.create_task(pair.pay(key="once", ledger=ledger))
                        for ledger in ledgers
                    ]
                    await observer.until_waiting(2)
                outcomes, errors = await _gather(*payments)

        assert errors == []
        assert sorted(outcome.replayed for outcome in outcomes) == [False, True]
        assert undone_by(events) == ["IntegrityError"]
        assert await observer.balance_minor(pair.target_id) == 250

    async def test_lost_race_of_other_wallets_ends_in_a_conflict(
        self, pair: Pair, factory: Factory, observer: Observer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A key that is used for another wallet at the same moment is a conflict, gate or not."""
        _, other = await factory.create_wallet(pair.ada, balance="10.00 EUR")
        _, third = await factory.create_wallet(pair.bob)
        with captured_logs(database, monkeypatch) as events:
            async with open_strangers(2) as (one, two):
                async with observer.rows_held(pair.source_id, other.id):
                    payments = [
                        asyncio.create_task(pair.pay(key="once", ledger=one)),
                        asyncio.create_task(
                            factory.with_ledger(two).transfer(
                                pair.ada, other.id, third.id, "2.50 EUR", key="once"
                            )
                        ),
                    ]
                    await observer.until_waiting(2)
                outcomes, errors = await _gather(*payments)

        assert [outcome.replayed for outcome in outcomes] == [False]
        assert [type(error) for error in errors] == [IdempotencyConflictError]
        assert undone_by(events) == ["IntegrityError"]
        received = [await observer.balance_minor(id_) for id_ in (pair.target_id, third.id)]
        assert sorted(received) == [0, 250]


class TestGate:
    """Waiting in front of wallets that somebody else has locked."""

    async def test_waits_until_the_wallets_are_free(
        self, pair: Pair, settings: Settings, redis_client: redis.asyncio.Redis
    ) -> None:
        """A posting that had to wait is carried out as soon as it is its turn."""
        holder, token = Gate(redis_client), new_token()
        async with Network.of(settings) as network:
            await holder.acquire([[pair.target_id]], token=token)
            payment = asyncio.create_task(pair.pay(ledger=network.ledger))
            await until(lambda: network.redis.trips > 5)
            assert network.postgres.trips == 0

            await holder.release([pair.target_id], token=token)

            outcome = await payment
        assert outcome.wallet is not None
        assert outcome.wallet.balance_minor == 750

    async def test_one_asks_for_all_that_wait(
        self, pair: Pair, settings: Settings, redis_client: redis.asyncio.Redis
    ) -> None:
        """However many of a process want a wallet, Redis is asked for all of them at once."""
        holder, token = Gate(redis_client), new_token()
        async with Network.of(settings) as network:
            await holder.acquire([[pair.target_id]], token=token)
            payments = [
                asyncio.create_task(pair.pay("1.00 EUR", ledger=network.ledger)) for _ in range(5)
            ]
            await until(lambda: network.redis.trips > 8)
            target = str(pair.target_id).encode()
            asked = [text for text in network.redis.requests if target in text]
            await holder.release([pair.target_id], token=token)
            await asyncio.gather(*payments)

        assert len(asked) > 2
        assert {b"1 2;1 2;1 2;1 2;1 2\r\n" in text for text in asked} == {True}

    async def test_busy_when_nobody_gives_way(
        self, pair: Pair, redis: RedisServer, redis_client: redis.asyncio.Redis, observer: Observer
    ) -> None:
        """After LOCK_WAIT_MS the answer is Busy, nothing moved, and the key is as good as new."""
        holder, token = Gate(redis_client), new_token()
        await holder.acquire([[pair.source_id]], token=token)
        async with open_ledger(redis.url, lock_wait_ms=30) as ledger:
            async with observer.nothing_changes():
                with pytest.raises(BusyError):
                    await pair.pay(key="later", ledger=ledger)
            assert await locked_wallets(redis_client, pair) == [pair.source_id]

            await holder.release([pair.source_id], token=token)

            outcome = await pair.pay(key="later", ledger=ledger)
        assert not outcome.replayed
        assert await observer.balance_minor(pair.target_id) == 250


class TestOutage:
    """Redis is away."""

    async def test_degrade_goes_on(self, pair: Pair, observer: Observer) -> None:
        """The money moves on row locks alone, and a counter says so."""
        before = _count_outages("degrade")
        async with open_ledger(nowhere(), lock_outage=LockOutage.DEGRADE) as ledger:
            await pair.pay(ledger=ledger)

        assert await observer.balance_minor(pair.target_id) == 250
        assert _count_outages("degrade") == before + 1

    async def test_refuse_answers_busy(self, pair: Pair, observer: Observer) -> None:
        """Nothing moves, and a counter says so."""
        before = _count_outages("refuse")
        async with (
            observer.nothing_changes(),
            open_ledger(nowhere(), lock_outage=LockOutage.REFUSE) as ledger,
        ):
            with pytest.raises(BusyError):
                await pair.pay(ledger=ledger)

        assert _count_outages("refuse") == before + 1

    @pytest.mark.parametrize("lock_outage", LockOutage)
    async def test_locks_of_a_silent_redis_are_given_back(
        self,
        pair: Pair,
        redis: RedisServer,
        redis_client: redis.asyncio.Redis,
        lock_outage: LockOutage,
    ) -> None:
        """Locks that were taken while no answer came back are gone when it is over."""
        async with (
            proxy(redis.url) as far_redis,
            open_ledger(far_redis.url, lock_outage=lock_outage) as ledger,
        ):
            await pair.pay("1.00 EUR", ledger=ledger)
            await ledger.drain()
            # The retry's answer is lost as well: then Redis counts as away.
            for _ in range(2):
                far_redis.lose_answer(str(pair.target_id).encode())
            payment = asyncio.create_task(pair.pay(ledger=ledger))
            await asyncio.gather(payment, return_exceptions=True)
            await ledger.drain()

        assert isinstance(payment.exception(), BusyError) == (lock_outage is LockOutage.REFUSE)
        assert await locked_wallets(redis_client, pair) == []


class TestClose:
    """Ledger.close."""

    async def test_waits_for_the_rounds_under_way(
        self, pair: Pair, settings: Settings, redis_client: redis.asyncio.Redis, observer: Observer
    ) -> None:
        """When it returns, what was begun is committed, answered, and its locks are given back."""
        async with Network.of(settings) as network:
            commit = network.postgres.hold_request(b"COMMIT")
            payment = asyncio.create_task(pair.pay(ledger=network.ledger))
            await commit.struck.wait()
            closing = asyncio.create_task(network.ledger.close())
            await asyncio.wait([closing], timeout=0.05)
            assert not closing.done()
            assert await observer.balance_minor(pair.target_id) == 0

            commit.end()
            await closing

            assert await observer.balance_minor(pair.target_id) == 250
            assert await locked_wallets(redis_client, pair) == []
            assert not (await payment).replayed


def _id_of(outcome: Outcome) -> UUID:
    assert outcome.operation is not None
    return outcome.operation.id
