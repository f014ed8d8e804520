"""
Documents that clients have sent once and name by their hash from then on, in Redis.

Two keys: the texts by hash, and when each was last asked for. Both are trimmed
whenever something is stored, so that nobody fills Redis with documents.
"""

import redis.asyncio as redis

from wallet.core.logging import get_logger
from wallet.services.redis import AWAY

# Both keys in one hash slot.
_KEYS = ("wallet:{apq}:texts", "wallet:{apq}:used")

# KEYS     the texts by hash; the hashes by when they were last used, in seconds
# ARGV     the hash; for how many seconds an unused document is kept
# Returns the text, or false.
_FIND = """
local now_s = tonumber(redis.call('TIME')[1])
local used_s = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]))
if not used_s or used_s + tonumber(ARGV[2]) < now_s then
    return false
end
redis.call('ZADD', KEYS[2], now_s, ARGV[1])
return redis.call('HGET', KEYS[1], ARGV[1])
"""

# KEYS     as above
# ARGV     the hash; the seconds; the text; how many documents are kept
# Returns nothing. What was not used for longest goes first.
_SAVE = """
local now_s, ttl_s = tonumber(redis.call('TIME')[1]), tonumber(ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[2], now_s, ARGV[1])
local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_s - ttl_s - 1, 'LIMIT', 0, 100)
local too_many = redis.call('ZCARD', KEYS[2]) - #old - tonumber(ARGV[4])
if too_many > 0 then
    old = redis.call('ZRANGE', KEYS[2], 0, #old + math.min(too_many, 100) - 1)
end
for _, hash in ipairs(old) do
    redis.call('ZREM', KEYS[2], hash)
    redis.call('HDEL', KEYS[1], hash)
end
redis.call('EXPIRE', KEYS[1], ttl_s)
redis.call('EXPIRE', KEYS[2], ttl_s)
"""

log = get_logger(__name__)


class DocumentStore:
    """Keeps up to *documents_max* texts, each for *ttl_s* after it was last asked for."""

    def __init__(self, client: redis.Redis, *, ttl_s: int, documents_max: int) -> None:
        self._find = client.register_script(_FIND)
        self._save = client.register_script(_SAVE)
        self._ttl_s = ttl_s
        self._documents_max = documents_max

    async def find(self, sha256: str) -> str | None:
        """Return the text with this hash; None when it is not here, or Redis is away."""
        try:
            text: bytes | None = await self._find(keys=_KEYS, args=(sha256, self._ttl_s))
        except AWAY as error:
            log.warning("documents are not shared: redis is away", error=type(error).__name__)
            return None
        return text.decode() if text else None

    async def save(self, sha256: str, text: str) -> None:
        """Keep a text; without Redis, only its client is asked for it again."""
        try:
            await self._save(keys=_KEYS, args=(sha256, self._ttl_s, text, self._documents_max))
        except AWAY as error:
            log.warning("documents are not shared: redis is away", error=type(error).__name__)
