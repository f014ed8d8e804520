"""A second pair of eyes on a database: what is in it, who waits in it, and rows held against us."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self
from uuid import UUID

import asyncpg

from tests.support.waiting import until

_TABLES = (
    "users",
    "sessions",
    "api_keys",
    "second_factors",
    "recovery_codes",
    "wallets",
    "operations",
    "entries",
)

_WALLETS = """
SELECT id, balance_minor, held_minor, last_sequence, head_hash, last_entry_at, status, frozen_until,
       overdraft_minor, outflow_max_minor, outflow_24h_max_minor
  FROM wallets ORDER BY id
"""

_WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
"""


class Observer:
    """Reads a database through a connection of its own, past all of our code."""

    def __init__(self, url: str, connection: asyncpg.Connection) -> None:
        self.url = url
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def of(cls, url: str) -> AsyncIterator[Self]:
        """Connect for the body."""
        connection = await asyncpg.connect(url)
        try:
            yield cls(url, connection)
        finally:
            await connection.close()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection]:
        """Make a further connection for the body."""
        connection = await asyncpg.connect(self.url)
        try:
            yield connection
        finally:
            connection.terminate()

    async def fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Run one statement and return its rows."""
        rows: list[asyncpg.Record] = await self._connection.fetch(sql, *values)
        return rows

    async def value(self, sql: str, *values: object) -> Any:
        """Run one statement and return the one value that it gives."""
        return await self._connection.fetchval(sql, *values)

    async def execute(self, script: str) -> None:
        """Run statements that give no rows."""
        await self._connection.execute(script)

    async def balance_minor(self, wallet_id: UUID) -> int:
        """Read the balance in a wallet's row."""
        return int(await self.value("SELECT balance_minor FROM wallets WHERE id = $1", wallet_id))

    async def snapshot(self) -> tuple[dict[str, int], list[tuple[object, ...]]]:
        """Return how many rows each table has, and what the wallets' rows say."""
        counts = {
            table: int(await self.value(f"SELECT count(*) FROM {table}")) for table in _TABLES
        }
        return counts, [tuple(row) for row in await self.fetch(_WALLETS)]

    @asynccontextmanager
    async def nothing_changes(self) -> AsyncIterator[None]:
        """Assert that balances and row counts are after the body what they were before it."""
        before = await self.snapshot()
        yield
        assert await self.snapshot() == before

    @asynccontextmanager
    async def nothing_but(self, **added: int) -> AsyncIterator[None]:
        """Assert that the body adds so many rows to these tables, and none to any other."""
        before, _ = await self.snapshot()
        yield
        after, _ = await self.snapshot()
        assert after == {table: count + added.get(table, 0) for table, count in before.items()}

    @asynccontextmanager
    async def rows_held(
        self, *wallet_ids: UUID, commit: bool = False
    ) -> AsyncIterator[asyncpg.Connection]:
        """Hold the rows of wallets, in this order, in a transaction; undone unless *commit*."""
        async with self.connected() as connection:
            holding = connection.transaction()
            await holding.start()
            for wallet_id in wallet_ids:
                await lock_row(connection, wallet_id)
            yield connection
            with suppress(asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
                # Unless the test has killed the server.
                await (holding.commit() if commit else holding.rollback())

    async def is_row_held(self, wallet_id: UUID) -> bool:
        """Tell whether somebody holds the row of a wallet."""
        try:
            async with self._connection.transaction():
                await lock_row(self._connection, wallet_id, nowait=True)
        except asyncpg.LockNotAvailableError:
            return True
        return False

    async def until_waiting(self, count: int) -> None:
        """Wait until so many others wait for a lock in this database."""

        async def enough() -> bool:
            return int(await self.value(_WAITING)) >= count

        await until(enough)


async def lock_row(
    connection: asyncpg.Connection, wallet_id: UUID, *, nowait: bool = False
) -> None:
    """Lock a wallet's row as somebody does who is about to write it."""
    suffix = "NOWAIT" if nowait else ""
    await connection.execute(f"SELECT FROM wallets WHERE id = $1 FOR UPDATE {suffix}", wallet_id)
