"""The way to Redis: one client a process, with bounded waits."""

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

AWAY = (RedisError, OSError, TimeoutError, RuntimeError)
"""What a command raises when Redis is away; uvloop says RuntimeError of a closed connection."""

_CONNECT_TIMEOUT_S = 0.5
_ANSWER_TIMEOUT_S = 1.0
_POOL_WAIT_S = 1.0
_POOL_SIZE = 64


def connect(url: str) -> redis.Redis:
    """
    Return a client; nothing is sent before its first command.

    Every script of ours recognises its own token, so one retry is safe; the
    library's own ten would turn an outage into half a minute of waiting.
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=_POOL_SIZE,
        timeout=_POOL_WAIT_S,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_timeout=_ANSWER_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
    )
    return redis.Redis.from_pool(pool)
