"""Slots: how many reports one process makes at once, and how many of them for one person."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from wallet.core.errors import BusyError

REPORTS_MAX = 8
"""Each has a connection to PostgreSQL, beside those of the pool."""

REPORTS_PER_USER_MAX = 2

WAIT_S = 5.0


class Slots:
    """Lets so many reports be made at once, and others wait for a short while."""

    def __init__(
        self,
        *,
        at_once: int = REPORTS_MAX,
        per_user: int = REPORTS_PER_USER_MAX,
        wait_s: float = WAIT_S,
    ) -> None:
        self._at_once = at_once
        self._per_user = per_user
        self._wait_s = wait_s
        self._taken: Counter[UUID] = Counter()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def taken(self, user_id: UUID) -> AsyncIterator[None]:
        """
        Take a slot for the body.

        Raises:
            BusyError: There was none for the whole wait.
        """
        try:
            async with asyncio.timeout(self._wait_s):
                while not self._is_free(user_id):
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError:
            raise BusyError from None
        self._taken[user_id] += 1
        try:
            yield
        finally:
            self._taken[user_id] -= 1
            self._taken += Counter()  # forgets those who have none
            self._freed.set()

    def _is_free(self, user_id: UUID) -> bool:
        return self._taken.total() < self._at_once and self._taken[user_id] < self._per_user
