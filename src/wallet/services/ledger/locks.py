"""
The gate in Redis: whose turn it is, before anybody takes a database connection.

Waiters queue here and not on PostgreSQL's connections. The gate is not the
truth: a lock that expired, was lost, or was never there costs time, not money,
because rows are read after the row lock is taken.

One script takes locks, one gives them back. Every lock's value is the token of
the round that holds it, so that

* a retried command whose first answer was lost finds its own token and counts
  as granted, instead of waiting for itself;
* a round that outlived its lock does not free the next holder's::

      round A             Redis                 round B
      acquire ──────────► wallet = A
      (stalls)            … TTL passes …
                          wallet = B ◄───────── acquire
      release ──────────► B ≠ A: left alone
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from uuid import UUID

import redis.asyncio as redis

from wallet.core.logging import get_logger
from wallet.services.redis import AWAY

LOCK_TTL_MS = 15_000
"""How long a lock outlives a process that died with it; far longer than a round may take."""

_OUTAGE_PAUSE_S = 1.0
"""After Redis did not answer, it is left alone for so long: an outage costs one wait, not each."""

# KEYS     every wallet's lock, posting after posting
# ARGV[1]  the round's token
# ARGV[2]  time to live, ms
# ARGV[3…] how many of the keys each posting has
# Returns one 1 (granted) or 0 per posting. A posting gets all its locks or none;
# postings of one round share a token, so they may share wallets.
_ACQUIRE = """
local token, ttl_ms = ARGV[1], ARGV[2]
local answers, first = {}, 1
for index = 3, #ARGV do
    local last = first + tonumber(ARGV[index]) - 1
    local free = 1
    for key = first, last do
        local holder = redis.call('GET', KEYS[key])
        if holder and holder ~= token then
            free = 0
            break
        end
    end
    if free == 1 then
        for key = first, last do
            redis.call('SET', KEYS[key], token, 'PX', ttl_ms)
        end
    end
    answers[#answers + 1] = free
    first = last + 1
end
return answers
"""

# KEYS     the locks to give back
# ARGV[1]  the round's token
# Returns how many were still held with that token; the others are left alone.
_RELEASE = """
local released = 0
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[1] then
        released = released + redis.call('DEL', key)
    end
end
return released
"""

log = get_logger(__name__)


class GateUnavailableError(Exception):
    """
    Raised when Redis cannot be reached, or does not answer in time.

    Attributes:
        asked: Whether Redis was asked, so that locks may have been taken all the same.
        reason: What it did instead of answering.
    """

    def __init__(self, *, asked: bool, reason: str) -> None:
        super().__init__()
        self.asked = asked
        self.reason = reason


def new_token() -> str:
    """Make the token of one round."""
    return secrets.token_hex(16)


class Gate:
    """Takes and gives back the locks of wallets, all of a posting's or none."""

    def __init__(self, client: redis.Redis, *, prefix: str = "wallet:lock:") -> None:
        self._prefix = prefix
        self._acquire = client.register_script(_ACQUIRE)
        self._release = client.register_script(_RELEASE)
        self._away_until = 0.0

    async def acquire(
        self, wallets: Sequence[Sequence[UUID]], *, token: str, ttl_ms: int = LOCK_TTL_MS
    ) -> list[bool]:
        """
        Try once to lock the wallets of each posting; never waits.

        Args:
            wallets: Per posting, the ids of its wallets.
            token: The round's token; what it holds already is granted again.

        Returns:
            Per posting, whether all its wallets are locked now.

        Raises:
            GateUnavailableError: Redis is away.
        """
        if time.monotonic() < self._away_until:
            raise GateUnavailableError(asked=False, reason="left alone for a moment")
        keys = [self._key(wallet_id) for group in wallets for wallet_id in group]
        try:
            answers = await self._acquire(
                keys=keys, args=[token, ttl_ms, *(len(group) for group in wallets)]
            )
        except AWAY as error:
            self._away_until = time.monotonic() + _OUTAGE_PAUSE_S
            raise GateUnavailableError(asked=True, reason=type(error).__name__) from error
        return [answer == 1 for answer in answers]

    async def release(self, wallet_ids: Sequence[UUID], *, token: str, held: bool = True) -> None:
        """
        Give back what *token* still holds; never raises.

        The money has moved by now: a release that fails is logged, and the
        time to live cleans up.

        Args:
            held: Whether all of them were granted, so that a missing one has expired.
        """
        try:
            released = await self._release(
                keys=[self._key(wallet_id) for wallet_id in wallet_ids], args=[token]
            )
        except AWAY as error:
            self._away_until = time.monotonic() + _OUTAGE_PAUSE_S
            log.warning("lock release failed", error=type(error).__name__)
            return
        if held and released < len(wallet_ids):
            log.warning("lock expired while held", held=len(wallet_ids), released=released)

    def _key(self, wallet_id: UUID) -> str:
        return f"{self._prefix}{wallet_id}"


async def pause(wait_ms: float, *, unless: asyncio.Event) -> None:
    """Sleep for *wait_ms*, or until *unless* is set."""
    try:
        async with asyncio.timeout(wait_ms / 1000):
            await unless.wait()
    except TimeoutError:
        pass
