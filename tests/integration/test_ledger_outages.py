"""PostgreSQL that undoes, delays, falls silent or dies in the middle of a posting."""

import asyncio
from pathlib import Path

import pytest
import redis.asyncio

from tests.support.apart import TRIES, Apart
from tests.support.commands import run_wallet
from tests.support.factories import Factory, Pair
from tests.support.ledgers import (
    Network,
    captured_logs,
    connected_apart,
    locked_wallets,
    open_ledger,
    open_strangers,
    undone_by,
)
from tests.support.observer import Observer, lock_row
from tests.support.servers import Databases
from wallet.core.errors import BusyError, ServiceUnavailableError
from wallet.core.settings import Settings
from wallet.development import PostgresServer
from wallet.services import database
from wallet.services.database import TRIES_MAX
from wallet.services.ledger import Ledger

ERRORS = {"40001": "SerializationError", "40P01": "DeadlockDetectedError"}


class TestUndone:
    """PostgreSQL undoes a transaction and asks to run it again."""

    @pytest.mark.parametrize("code", ERRORS)
    @pytest.mark.parametrize("when", ["IMMEDIATE", "DEFERRED"])
    async def test_it_is_run_again(
        self,
        databases: Databases,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
        code: str,
        when: str,
    ) -> None:
        """By the statement or by the COMMIT: the caller sees one answer, the money moves once."""
        async with Apart.of(databases, settings) as apart:
            await apart.fail(code, times=2, when=when)
            with captured_logs(database, monkeypatch) as events:
                outcome = await apart.pair.pay(key="once")

            assert not outcome.replayed
            assert undone_by(events) == [ERRORS[code]] * 2
            assert await apart.observer.balance_minor(apart.pair.target_id) == 250
            assert (await apart.pair.pay(key="once")).replayed

    @pytest.mark.parametrize("code", ERRORS)
    async def test_it_is_busy_when_it_never_stops(
        self,
        databases: Databases,
        settings: Settings,
        redis_client: redis.asyncio.Redis,
        code: str,
    ) -> None:
        """A bounded number of tries, nothing changed, no lock kept."""
        async with Apart.of(databases, settings) as apart:
            await apart.fail(code, times=1_000, when="DEFERRED")
            async with apart.observer.nothing_changes():
                with pytest.raises(BusyError):
                    await apart.pair.pay()
                await apart.ledger.drain()

            assert await apart.observer.value(TRIES) == TRIES_MAX
            assert await locked_wallets(redis_client, apart.pair) == []

    async def test_real_deadlock(
        self, pair: Pair, observer: Observer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody who locks the rows in the other order costs a try, and no money."""
        low, high = sorted([pair.source_id, pair.target_id])
        tries = 0
        with captured_logs(database, monkeypatch) as events:
            # Whose wait lasts longest is the victim. Should we have been too slow
            # for it to be the posting, the other one was, and we set it up again.
            while not undone_by(events):
                tries += 1
                assert tries < 5
                async with observer.rows_held(high) as other:
                    payment = asyncio.create_task(pair.pay("1.00 EUR"))
                    await observer.until_waiting(1)
                    await asyncio.gather(lock_row(other, low), return_exceptions=True)
                await payment

        assert set(undone_by(events)) == {"DeadlockDetectedError"}
        assert await observer.balance_minor(pair.target_id) == 100 * tries

    async def test_real_serialization_failures(
        self, databases: Databases, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where every transaction is serializable, as on a distributed database, the books hold."""
        async with Apart.of(databases, settings) as apart:
            name = await apart.observer.value("SELECT current_database()")
            await apart.observer.execute(
                f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
            )
            url = apart.observer.url
            with captured_logs(database, monkeypatch) as events:
                async with (
                    connected_apart(settings.model_copy(update={"database_url": url})),
                    open_strangers(4) as ledgers,
                ):
                    answers = await asyncio.gather(
                        *(apart.pair.pay("1.00 EUR", ledger=ledger) for ledger in ledgers),
                        return_exceptions=True,
                    )

            refused = [answer for answer in answers if isinstance(answer, BaseException)]
            assert {type(answer) for answer in refused} <= {BusyError}
            assert "SerializationError" in undone_by(events)
            moved = 100 * (len(answers) - len(refused))
            assert await apart.observer.balance_minor(apart.pair.target_id) == moved
            assert await apart.observer.balance_minor(apart.pair.source_id) == 1000 - moved


class TestHeldRow:
    """Somebody past the gate holds a row and does not let go."""

    async def test_it_is_busy(
        self, pair: Pair, ledger: Ledger, observer: Observer, redis_client: redis.asyncio.Redis
    ) -> None:
        """After the statement's time is over nothing is changed, and the key is as good as new."""
        async with observer.nothing_changes():
            async with observer.rows_held(pair.target_id):
                with pytest.raises(BusyError):
                    await pair.pay(key="later")
            await ledger.drain()
        assert await locked_wallets(redis_client, pair) == []

        assert not (await pair.pay(key="later")).replayed
        assert await observer.balance_minor(pair.target_id) == 250


class TestLostConnection:
    """The connection to PostgreSQL breaks in the middle of a posting."""

    async def test_answer_to_commit(
        self, pair: Pair, settings: Settings, observer: Observer
    ) -> None:
        """The money has moved unheard: it is found, answered once, and not moved twice."""
        async with Network.of(settings) as network:
            fault = network.postgres.lose_answer(b"COMMIT")
            async with observer.nothing_but(operations=1, entries=2):
                outcome = await pair.pay(key="once", ledger=network.ledger)

        assert fault.struck.is_set()
        assert not outcome.replayed
        assert outcome.wallet is not None
        assert outcome.wallet.balance_minor == 750
        assert await observer.balance_minor(pair.target_id) == 250

    @pytest.mark.parametrize("statement", [b"BEGIN", b"INSERT INTO operations", b"COMMIT"])
    async def test_request(
        self, pair: Pair, settings: Settings, observer: Observer, statement: bytes
    ) -> None:
        """What did not arrive is asked again, on another connection."""
        async with Network.of(settings) as network:
            fault = network.postgres.lose_request(statement)
            async with observer.nothing_but(operations=1, entries=2):
                outcome = await pair.pay(key="once", ledger=network.ledger)

        assert fault.struck.is_set()
        assert not outcome.replayed
        assert await observer.balance_minor(pair.target_id) == 250

    async def test_recorded_failure_whose_answer_was_lost(
        self, pair: Pair, settings: Settings, observer: Observer
    ) -> None:
        """A refusal is on record once, and is the answer."""
        async with Network.of(settings) as network:
            fault = network.postgres.lose_answer(b"COMMIT")
            async with observer.nothing_but(operations=1, entries=1):
                with pytest.raises(Exception, match="not enough money"):
                    await pair.pay("99.00 EUR", ledger=network.ledger)

        assert fault.struck.is_set()
        assert await observer.balance_minor(pair.source_id) == 1000

    async def test_it_stays_away(
        self,
        pair: Pair,
        settings: Settings,
        observer: Observer,
        redis_client: redis.asyncio.Redis,
    ) -> None:
        """The caller is told that the outcome is unknown; the same request later tells it."""
        async with Network.of(settings) as network:
            async with observer.nothing_changes():
                await network.postgres.close()
                with pytest.raises(ServiceUnavailableError):
                    await pair.pay(key="once", ledger=network.ledger)
                await network.ledger.drain()
            assert await locked_wallets(redis_client, pair) == []

            await network.postgres.open()

            assert not (await pair.pay(key="once", ledger=network.ledger)).replayed
        assert await observer.balance_minor(pair.target_id) == 250


class TestCrash:
    """PostgreSQL is killed under a posting, and started again."""

    async def test_posting_under_way_moves_money_at_most_once(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        """The answer is that the outcome is unknown; the same request afterwards moves it once."""
        with PostgresServer(tmp_path / "postgres", settings={"fsync": "off"}) as server:
            await run_wallet("migrate", DATABASE_URL=server.url)
            far = settings.model_copy(update={"database_url": server.url})
            async with connected_apart(far), open_ledger(settings.redis_url) as ledger:
                pair = await Pair.create(Factory(ledger, far))
                async with Observer.of(server.url) as observer, observer.rows_held(pair.source_id):
                    payment = asyncio.create_task(pair.pay(key="once"))
                    await observer.until_waiting(1)
                    server.kill()
                with pytest.raises(ServiceUnavailableError):
                    await payment

                server.start()

                await pair.pay(key="once")
                assert (await pair.pay(key="once")).replayed
                async with Observer.of(server.url) as observer:
                    assert await observer.balance_minor(pair.target_id) == 250
                    assert await observer.balance_minor(pair.source_id) == 750
