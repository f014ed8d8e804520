"""Connections for reading that are kept at hand."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.support.ledgers import connected_apart
from tests.support.observer import Observer
from tests.support.waiting import until
from wallet.core.settings import Settings
from wallet.services import readers as module
from wallet.services.database import fetch, transaction

POOL_SIZE = 4
KEPT_MAX = POOL_SIZE // 2


@pytest_asyncio.fixture
async def pool(settings: Settings) -> AsyncIterator[None]:
    """A pool of four connections, of which two may be kept for reading."""
    async with connected_apart(settings.model_copy(update={"database_pool_size": POOL_SIZE})):
        yield


async def backend() -> int:
    """Return the process id of the connection that a statement goes through."""
    return int((await fetch("SELECT pg_backend_pid() AS pid"))[0]["pid"])


async def backends(count: int) -> set[int]:
    """Return the process ids of the connections that so many statements at once go through."""
    rows = await asyncio.gather(
        *(fetch("SELECT pg_backend_pid() AS pid, pg_sleep(0.1)") for _ in range(count))
    )
    return {row[0]["pid"] for row in rows}


async def transact(count: int) -> None:
    """Run so many transactions; each goes on when all have begun."""
    all_have_begun = asyncio.Barrier(count)

    async def one() -> None:
        async with transaction() as client:
            await client.execute_query("SELECT 1")
            await all_have_begun.wait()

    await asyncio.gather(*(asyncio.create_task(one()) for _ in range(count)))


@pytest.mark.usefixtures("pool")
class TestFetch:
    """Readers.fetch, by way of database.fetch."""

    async def test_goes_through_one_connection(self) -> None:
        """One statement after the other, and no more connections than that."""
        assert len({await backend() for _ in range(5)}) == 1

    async def test_at_once(self) -> None:
        """As many connections as there are statements; all of the pool serves them."""
        assert len(await backends(POOL_SIZE)) == POOL_SIZE
        assert len(await backends(POOL_SIZE * 3)) == POOL_SIZE

    async def test_leaves_room_for_transactions(self) -> None:
        """What is kept is half of the pool: the other half is there for who writes."""
        await backends(POOL_SIZE)

        async with asyncio.timeout(10):
            await transact(POOL_SIZE - KEPT_MAX)

    async def test_after_a_statement_that_failed(self) -> None:
        """More often than there are connections: each is given back, and works."""
        for _ in range(POOL_SIZE + 1):
            with pytest.raises(asyncpg.PostgresError):
                await fetch("SELECT 1/0")

        assert await fetch("SELECT 1 AS one") == [{"one": 1}]

    async def test_after_a_statement_that_was_cancelled(self) -> None:
        """More often than there are connections: each is given back, and works."""
        for _ in range(POOL_SIZE + 1):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await fetch("SELECT pg_sleep(60)")

        assert await fetch("SELECT 1 AS one") == [{"one": 1}]

    async def test_lends_no_connection_that_has_ended(self, observer: Observer) -> None:
        """After PostgreSQL has ended them, no statement fails for it."""
        ended = await backends(KEPT_MAX)
        for pid in ended:
            await observer.fetch("SELECT pg_terminate_backend($1)", pid)

        async def are_gone() -> bool:
            left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1)"
            return bool(await observer.value(left, list(ended)) == 0)

        await until(are_gone)
        # Whoever has gone through the event loop a few times has read that they are gone.
        for _ in range(3):
            await asyncio.sleep(0)
        assert not ended & await backends(POOL_SIZE)

    async def test_gives_back_what_lies_idle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What one quiet second does not need goes back to the pool."""
        await backends(KEPT_MAX)
        monkeypatch.setattr(module, "IDLE_S", 0.0)
        await backend()
        await backend()

        # There is room for all transactions but the one whose connection was used last.
        async with asyncio.timeout(10):
            await transact(POOL_SIZE - 1)
