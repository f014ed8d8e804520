"""
Connections for reading that are kept at hand, beside the pool that they come from.

To lend a connection and take it back, the pool starts a task and waits a turn
of the event loop: 0.3 ms a query of 0.1 ms, under load. A reading statement
leaves nothing behind, so its connection can be lent to the next one as it is.
"""

import time
from collections import deque
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
from tortoise.backends.base.client import BaseDBAsyncClient

IDLE_S = 30.0
"""How long an unused connection is kept before the pool has it back, and closes it in time."""


@dataclass(slots=True)
class _Reader:
    """One borrowed connection; *lent* is what gives it back to the pool."""

    connection: Any
    lent: AbstractAsyncContextManager[Any]
    used_at_s: float


class Readers:
    """
    The reading connections of one pool.

    Args:
        kept_max: How many are kept; any further reader goes back to the pool.
    """

    def __init__(self, client: BaseDBAsyncClient, *, kept_max: int) -> None:
        self._client = client
        self._kept_max = kept_max
        # The newest is last, and lent first: what a quiet hour does not need grows old.
        self._kept: deque[_Reader] = deque()
        self._closed = False

    async def fetch(self, sql: str, values: tuple[object, ...]) -> list[dict[str, Any]]:
        """Run one reading statement and return its rows."""
        reader = await self._take()
        try:
            rows = await reader.connection.fetch(sql, *values)
        except BaseException:
            # What state it is in, the pool finds out.
            await _give_back(reader)
            raise
        reader.used_at_s = time.monotonic()
        if self._closed or len(self._kept) >= self._kept_max:
            await _give_back(reader)
        else:
            self._kept.append(reader)
            if self._kept[0].used_at_s < reader.used_at_s - IDLE_S:
                await _give_back(self._kept.popleft())
        return [dict(row) for row in rows]

    async def close(self) -> None:
        """Give all connections back; one that is at work follows when it has ended."""
        self._closed = True
        while self._kept:
            await _give_back(self._kept.pop())

    async def _take(self) -> _Reader:
        while self._kept:
            reader = self._kept.pop()
            # One that was lost has gone back to the pool by itself, and says so.
            with suppress(asyncpg.InterfaceError):
                if not reader.connection.is_closed():
                    return reader
            await _give_back(reader)
        lent = self._client.acquire_connection()
        return _Reader(await lent.__aenter__(), lent, 0.0)


async def _give_back(reader: _Reader) -> None:
    await reader.lent.__aexit__(None, None, None)
