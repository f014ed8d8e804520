"""
Rate limits: token buckets in Redis, one script for all buckets of a request.

A bucket holds so many tokens and refills steadily; a request takes one from
each of its buckets, or from none (the classic token bucket, as in RFC 2697's
meters). Buckets keep Redis' own clock, so every process agrees.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import redis.asyncio as redis

from wallet.core.errors import RateLimitedError
from wallet.core.logging import get_logger
from wallet.services.redis import AWAY

# KEYS     the buckets
# ARGV     per bucket: its capacity, and the milliseconds that one token takes to refill
# Returns 0 when a token was taken from each, else the milliseconds until one can be.
_TAKE = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local wait_ms, levels = 0, {}
for index, key in ipairs(KEYS) do
    local capacity, refill_ms = tonumber(ARGV[2 * index - 1]), tonumber(ARGV[2 * index])
    local bucket = redis.call('HMGET', key, 'tokens', 'at_ms')
    local tokens, at_ms = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now_ms
    tokens = math.min(capacity, tokens + math.max(0, now_ms - at_ms) / refill_ms)
    levels[index] = tokens
    if tokens < 1 then
        wait_ms = math.max(wait_ms, math.ceil((1 - tokens) * refill_ms))
    end
end
if wait_ms > 0 then
    return wait_ms
end
for index, key in ipairs(KEYS) do
    local capacity, refill_ms = tonumber(ARGV[2 * index - 1]), tonumber(ARGV[2 * index])
    redis.call('HSET', key, 'tokens', tostring(levels[index] - 1), 'at_ms', now_ms)
    redis.call('PEXPIRE', key, math.ceil(capacity * refill_ms))
end
return 0
"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bucket:
    """
    How often something may be asked.

    Attributes:
        capacity: How many at once, after a rest.
        refill_s: How many seconds one more takes.
    """

    name: str
    capacity: int
    refill_s: float


SIGNUP_BY_ADDRESS = Bucket("signup-address", capacity=20, refill_s=60)
SIGNUP_BY_ACCOUNT = Bucket("signup-account", capacity=5, refill_s=60)
LOGIN_BY_ADDRESS = Bucket("login-address", capacity=30, refill_s=2)
LOGIN_BY_ACCOUNT = Bucket("login-account", capacity=10, refill_s=30)


class RateLimiter:
    """Takes tokens from buckets; lets everything pass when switched off or without Redis."""

    def __init__(self, client: redis.Redis, *, enabled: bool) -> None:
        self._take = client.register_script(_TAKE)
        self._enabled = enabled

    async def take(self, *buckets: tuple[Bucket, str]) -> None:
        """
        Take one token from each bucket, or none; a bucket is one per *subject*.

        Raises:
            RateLimitedError: One of them is empty.
        """
        if not self._enabled:
            return
        try:
            wait_ms = await self._take(keys=_keys(buckets), args=_args(buckets))
        except AWAY as error:
            # Keeping everybody out would be the larger harm.
            log.warning("rate limits are off: redis is away", error=type(error).__name__)
            return
        if wait_ms > 0:
            raise RateLimitedError(retry_after_s=-(-int(wait_ms) // 1000))


def _keys(buckets: Sequence[tuple[Bucket, str]]) -> list[str]:
    # Hashed, so that neither an address nor an e-mail stands in Redis in clear.
    return [
        f"wallet:rate:{bucket.name}:{hashlib.sha256(subject.encode()).hexdigest()[:32]}"
        for bucket, subject in buckets
    ]


def _args(buckets: Sequence[tuple[Bucket, str]]) -> list[float]:
    return [
        value for bucket, _ in buckets for value in (bucket.capacity, int(bucket.refill_s * 1000))
    ]
