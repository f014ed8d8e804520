"""One transaction, run again where PostgreSQL undid it, and never longer than promised."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from tortoise.exceptions import IntegrityError

from tests.support.ledgers import connected_apart
from tests.support.observer import Observer
from tests.support.proxy import Proxy, proxy
from tests.support.servers import Databases
from tests.support.waiting import TIMEOUT_S, until
from wallet.core.errors import BusyError, ServiceUnavailableError
from wallet.core.settings import Settings
from wallet.development import PostgresServer
from wallet.services import database
from wallet.services.database import (
    TRIES_MAX,
    Connection,
    connection,
    fetch,
    is_unreachable,
    run_transaction,
    transaction,
)

POOL_SIZE = 2

INSERT = """
INSERT INTO exchange_rates (id, base, quote, rate, as_of, source)
VALUES ($1, 'EUR', 'USD', $2, now(), $3)
"""
COUNT = "SELECT count(*) FROM exchange_rates WHERE source = $1"


@asynccontextmanager
async def _far(settings: Settings) -> AsyncIterator[Proxy]:
    """Connect through a proxy, with room for two connections."""
    async with proxy(settings.database_url) as far_postgres:
        update = {"database_url": far_postgres.url, "database_pool_size": POOL_SIZE}
        async with connected_apart(settings.model_copy(update=update)):
            yield far_postgres


@pytest.fixture
def source() -> str:
    """A name under which a test finds its own rows again."""
    return uuid4().hex


async def _insert(client: Connection, source: str, *, rate: int = 1) -> None:
    await client.execute_query(INSERT, [uuid4(), rate, source])


async def _end_idle_connection(far_postgres: Proxy, observer: Observer) -> None:
    """Let PostgreSQL say goodbye to a connection that lies in the pool, and not close it yet."""
    far_postgres.linger()
    pid = (await fetch("SELECT pg_backend_pid() AS pid"))[0]["pid"]
    unasked = far_postgres.unasked
    await observer.fetch("SELECT pg_terminate_backend($1)", pid)
    await until(lambda: far_postgres.unasked > unasked)
    # What the proxy has passed on is read by this same event loop, in its next turns.
    for _ in range(5):
        await asyncio.sleep(0)


class Work:
    """What a transaction is to do, and how often it was asked to."""

    def __init__(self, work: Callable[[Connection], Awaitable[object]]) -> None:
        self._work = work
        self.tries = 0

    async def __call__(self, client: Connection) -> object:
        """Do it once more."""
        self.tries += 1
        return await self._work(client)


class TestTransaction:
    """transaction()."""

    async def test_commits_at_its_end(
        self, database: None, observer: Observer, source: str
    ) -> None:
        """What the body wrote is there for others afterwards, and not before."""
        async with transaction() as client:
            await _insert(client, source)
            assert await observer.value(COUNT, source) == 0
        assert await observer.value(COUNT, source) == 1

    async def test_rolls_back_what_fails(
        self, database: None, observer: Observer, source: str
    ) -> None:
        """An error of the body goes on up, and nothing stays."""

        async def fail() -> None:
            async with transaction() as client:
                await _insert(client, source)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await observer.value(COUNT, source) == 0

    async def test_cancelled_body_leaks_nothing(
        self, settings: Settings, observer: Observer, source: str
    ) -> None:
        """More often than there are connections: rolled back, and given back."""

        async def hang() -> None:
            async with transaction() as client:
                await _insert(client, source)
                begun.set()
                await asyncio.Event().wait()

        async with _far(settings):
            for _ in range(POOL_SIZE + 2):
                begun = asyncio.Event()
                task = asyncio.create_task(hang())
                await begun.wait()
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            assert await fetch("SELECT 1 AS one") == [{"one": 1}]
        assert await observer.value(COUNT, source) == 0

    async def test_cancelled_begin_leaks_nothing(self, settings: Settings) -> None:
        """More often than there are connections; the same task goes on with the pool."""

        async def begin_and_go_on() -> list[dict[str, object]]:
            with pytest.raises(asyncio.CancelledError):
                async with transaction():
                    pytest.fail("the transaction must not begin")
            return await fetch("SELECT 1 AS one")

        async with _far(settings) as far_postgres:
            for _ in range(POOL_SIZE + 2):
                begin = far_postgres.hold_request(b"BEGIN")
                task = asyncio.create_task(begin_and_go_on())
                await begin.struck.wait()
                task.cancel()
                begin.end()
                assert await task == [{"one": 1}]

    async def test_failed_begin_leaks_nothing(self, settings: Settings) -> None:
        """The same where the connection is lost before the transaction begins."""
        async with _far(settings) as far_postgres:
            for _ in range(POOL_SIZE + 2):
                far_postgres.lose_request(b"BEGIN")
                with pytest.raises(Exception, match="connection") as raised:
                    async with transaction():
                        pytest.fail("the transaction must not begin")
                assert is_unreachable(raised.value)
                assert await fetch("SELECT 1 AS one") == [{"one": 1}]

    async def test_abandoned_transaction_is_nobodys(self, settings: Settings) -> None:
        """A connection that comes back to the pool inside a transaction leaves it first."""
        async with _far(settings):
            await fetch("SELECT 1")
            pool = connection()._pool  # type: ignore[attr-defined]
            async with pool.acquire() as borrowed:
                await borrowed.execute("BEGIN")
            async with pool.acquire() as borrowed:
                assert not borrowed.is_in_transaction()


class TestRunTransaction:
    """run_transaction()."""

    async def test_connection_that_the_server_has_given_up(
        self, settings: Settings, observer: Observer
    ) -> None:
        """One that was told of its end and is not closed yet is left for another one."""
        async with _far(settings) as far_postgres:
            await _end_idle_connection(far_postgres, observer)

            work = Work(lambda client: client.execute_query_dict("SELECT 1 AS one"))
            assert await run_transaction(work) == [{"one": 1}]
            await far_postgres.cut()

    async def test_errors_of_the_work_are_its_own(
        self, database: None, observer: Observer, source: str
    ) -> None:
        """They are not tried again, and leave nothing behind."""

        async def fail(client: Connection) -> None:
            await _insert(client, source)
            raise ZeroDivisionError

        work = Work(fail)
        with pytest.raises(ZeroDivisionError):
            await run_transaction(work)
        assert work.tries == 1
        assert await observer.value(COUNT, source) == 0

    async def test_key_that_stays_taken_ends_in_busy(
        self, database: None, observer: Observer, source: str
    ) -> None:
        """A bounded number of tries, and none of them leaves anything behind."""
        id_ = uuid4()

        async def collide(client: Connection) -> None:
            for _ in range(2):
                await client.execute_query(INSERT, [id_, 1, source])

        work = Work(collide)
        with pytest.raises(BusyError):
            await run_transaction(work)
        assert work.tries == TRIES_MAX
        assert await observer.value(COUNT, source) == 0

    async def test_broken_check_is_no_reason_to_try_again(
        self, database: None, observer: Observer, source: str
    ) -> None:
        """A bug that the tables refuse goes on up at once."""
        work = Work(lambda client: _insert(client, source, rate=-1))
        with pytest.raises(IntegrityError):
            await run_transaction(work)
        assert work.tries == 1
        assert await observer.value(COUNT, source) == 0

    async def test_unusable_argument_is_no_outage(self, database: None) -> None:
        """What asyncpg cannot encode is a bug, and not a database that is away."""
        work = Work(lambda client: client.execute_query_dict("SELECT $1::int", ["one"]))
        with pytest.raises(Exception, match="invalid input"):
            await run_transaction(work)
        assert work.tries == 1

    async def test_statement_that_takes_too_long_ends_in_busy(
        self, settings: Settings, observer: Observer, source: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """PostgreSQL ends it and undoes it; trying again would wait as long."""
        monkeypatch.setattr(database, "STATEMENT_TIMEOUT_MS", 50)

        async def dawdle(client: Connection) -> None:
            await _insert(client, source)
            await client.execute_query("SELECT pg_sleep(60)")

        work = Work(dawdle)
        async with _far(settings):
            with pytest.raises(BusyError):
                await run_transaction(work)
        assert work.tries == 1
        assert await observer.value(COUNT, source) == 0

    async def test_lost_answer_to_commit_is_asked_for_where_the_work_finds_itself(
        self, settings: Settings, observer: Observer, source: str
    ) -> None:
        """The work is run once more, and sees that it has been done."""

        async def insert_once(client: Connection) -> bool:
            rows = await client.execute_query_dict(COUNT, [source])
            if rows[0]["count"] == 0:
                await _insert(client, source)
                return False
            return True

        work = Work(insert_once)
        async with _far(settings) as far_postgres:
            fault = far_postgres.lose_answer(b"COMMIT")
            assert await run_transaction(work, finds_itself=True) is True
        assert fault.struck.is_set()
        assert work.tries == 2
        assert await observer.value(COUNT, source) == 1

    async def test_lost_answer_to_commit_is_the_end_where_it_does_not(
        self, settings: Settings, observer: Observer, source: str
    ) -> None:
        """More often than there are connections: done once, and said to be unknown."""
        work = Work(lambda client: _insert(client, source))
        async with _far(settings) as far_postgres:
            for number in range(1, POOL_SIZE + 2):
                fault = far_postgres.lose_answer(b"COMMIT")
                with pytest.raises(ServiceUnavailableError):
                    await run_transaction(work)
                assert fault.struck.is_set()
                assert work.tries == number
        assert await observer.value(COUNT, source) == work.tries

    async def test_deadline_ends_work_that_hangs(
        self, settings: Settings, observer: Observer, source: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """More often than there are connections: undone, given back, and said to be unknown."""
        monkeypatch.setattr(database, "TRANSACTION_DEADLINE_S", 0.1)

        async def hang(client: Connection) -> None:
            await _insert(client, source)
            await asyncio.Event().wait()

        async with _far(settings):
            await fetch("SELECT 1")
            for _ in range(POOL_SIZE + 1):
                with pytest.raises(ServiceUnavailableError):
                    await run_transaction(hang)
            assert await fetch("SELECT 1 AS one") == [{"one": 1}]
        assert await observer.value(COUNT, source) == 0

    async def test_empty_pool_is_waited_for_until_the_deadline(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is begun while others have every connection; afterwards all is well."""
        monkeypatch.setattr(database, "TRANSACTION_DEADLINE_S", 0.1)
        done = asyncio.Event()

        async def occupy(begun: asyncio.Event) -> None:
            async with transaction():
                begun.set()
                await done.wait()

        work = Work(lambda client: client.execute_query_dict("SELECT 1 AS one"))
        async with _far(settings):
            occupied = [asyncio.Event() for _ in range(POOL_SIZE)]
            tasks = [asyncio.create_task(occupy(begun)) for begun in occupied]
            await asyncio.gather(*(begun.wait() for begun in occupied))

            with pytest.raises(ServiceUnavailableError):
                await run_transaction(work)

            assert work.tries == 0
            done.set()
            await asyncio.gather(*tasks)
            assert await fetch("SELECT 1 AS one") == [{"one": 1}]

    async def test_silent_network_does_not_hold_us(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where nothing comes back any more, not even to a rollback, the deadline still holds."""
        monkeypatch.setattr(database, "TRANSACTION_DEADLINE_S", 0.2)

        async def fall_silent(client: Connection) -> None:
            far_postgres.stall()
            await client.execute_query("SELECT 1")

        async with _far(settings) as far_postgres:
            await fetch("SELECT 1")
            task = asyncio.create_task(run_transaction(fall_silent))
            done, _ = await asyncio.wait([task], timeout=TIMEOUT_S)
            far_postgres.flow()
            await far_postgres.close()
            await asyncio.gather(task, return_exceptions=True)

            assert done
            assert isinstance(task.exception(), ServiceUnavailableError)


class TestFetch:
    """fetch()."""

    async def test_connection_that_the_server_has_given_up(
        self, settings: Settings, observer: Observer
    ) -> None:
        """One that was told of its end and is not closed yet is a database that is away."""
        async with _far(settings) as far_postgres:
            await _end_idle_connection(far_postgres, observer)

            with pytest.raises(Exception, match=r"operation|connection") as raised:
                await fetch("SELECT 1")
            await far_postgres.cut()
            assert is_unreachable(raised.value), raised.value


class TestConnected:
    """How PostgreSQL is reached."""

    async def test_connections_are_bounded_and_in_utc(self, database: None) -> None:
        """Each statement ends by itself, and so does a transaction that nobody goes on with."""
        rows = await fetch(
            "SELECT name, setting FROM pg_settings WHERE name = ANY ($1)",
            ["statement_timeout", "idle_in_transaction_session_timeout", "TimeZone"],
        )
        assert {row["name"]: row["setting"] for row in rows} == {
            "statement_timeout": "3000",
            "idle_in_transaction_session_timeout": "10000",
            "TimeZone": "UTC",
        }

    async def test_name_and_password_may_be_anything(
        self, settings: Settings, postgres: PostgresServer, databases: Databases
    ) -> None:
        """What a URL needs to have quoted arrives as it is."""
        name, password = "o'neill@home", "p@ss:w/o?r#d %25 é"
        superuser = await asyncpg.connect(_as(postgres.url, "postgres"))
        literal = await superuser.fetchval("SELECT quote_literal($1)", password)
        await superuser.execute(f'CREATE ROLE "{name}" LOGIN PASSWORD {literal}')
        await superuser.close()
        url = _as(settings.database_url, quote(name, safe=""), quote(password, safe=""))

        async with connected_apart(settings.model_copy(update={"database_url": url})):
            assert await fetch("SELECT current_user AS name") == [{"name": name}]


def _as(url: str, user: str, password: str | None = None) -> str:
    """Return *url* for another role; the superuser's password is that of ours."""
    parts = urlsplit(url)
    netloc = f"{user}:{password or parts.password}@{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=netloc))
