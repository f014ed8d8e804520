"""Slots: how many reports one process makes at once, and how many for one person or address."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from wallet.core.errors import BusyError

REPORTS_MAX = 8
"""Each has a connection to PostgreSQL, beside those of the pool."""

REPORTS_PER_USER_MAX = 2

REPORTS_PER_ADDRESS_MAX = 4
"""Whoever has many accounts, and reads slowly, leaves as many for others."""

WAIT_S = 5.0


class Slots:
    """Lets so many reports be made at once, and others wait for a short while."""

    def __init__(
        self,
        *,
        at_once: int = REPORTS_MAX,
        per_user: int = REPORTS_PER_USER_MAX,
        per_address: int = REPORTS_PER_ADDRESS_MAX,
        wait_s: float = WAIT_S,
    ) -> None:
        self._at_once = at_once
        self._per_user = per_user
        self._per_address = per_address
        self._wait_s = wait_s
        self._users: Counter[UUID] = Counter()
        self._addresses: Counter[str] = Counter()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def taken(self, user_id: UUID, address: str) -> AsyncIterator[None]:
        """
        Take a slot for the body.

        Args:
            address: Whom the request comes from; see ``address_of``.

        Raises:
            BusyError: There was none for the whole wait.
        """
        try:
            async with asyncio.timeout(self._wait_s):
                while not self._is_free(user_id, address):
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError:
            raise BusyError from None
        self._users[user_id] += 1
        self._addresses[address] += 1
        try:
            yield
        finally:
            self._users[user_id] -= 1
            self._addresses[address] -= 1
            # Forgets those who have none.
            self._users += Counter()
            self._addresses += Counter()
            self._freed.set()

    def _is_free(self, user_id: UUID, address: str) -> bool:
        return (
            self._users.total() < self._at_once
            and self._users[user_id] < self._per_user
            and self._addresses[address] < self._per_address
        )
