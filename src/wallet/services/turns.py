"""
How many statements one user reads at once: the connections of the pool are for everybody.

A request may ask for fifty pages and totals under as many names, and a long
statement takes a while to count. What is more than a few of one user waits
here, and not for a connection that somebody else's payment needs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

AT_ONCE_MAX = 4
"""How many of its statements a user reads at once in a process."""

# Whoever reads or waits keeps the user's own; after the last one it is gone.
_turns: "WeakValueDictionary[UUID, asyncio.Semaphore]" = WeakValueDictionary()


@asynccontextmanager
async def turn_of(user_id: UUID) -> AsyncIterator[None]:
    """Wait until it is the user's turn to read, first come, first served; it ends with the body."""
    turns = _turns.setdefault(user_id, asyncio.Semaphore(AT_ONCE_MAX))
    async with turns:
        yield
