"""Waiting for a condition, and never for a time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

TIMEOUT_S = 30.0
"""How long a loaded machine may take for what is due at once."""


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until *condition* holds; a test in which it never does fails."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            holds = condition()
            if await holds if inspect.isawaitable(holds) else holds:
                return
            await asyncio.sleep(0.002)
