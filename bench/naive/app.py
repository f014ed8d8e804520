"""The naive version as an application of Starlette's."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from tortoise import Tortoise

from bench.naive.schema import schema

# As many connections to PostgreSQL as a process of the wallet has.
_POOL_SIZE = 16

_REDIS_CONNECTIONS = 100


def create_app() -> Starlette:
    """Build the application; DATABASE_URL, REDIS_URL and SECRET_KEY say the rest."""
    # Beyond its hundred connections the library's usual pool raises; this one waits.
    pool = BlockingConnectionPool.from_url(
        os.environ["REDIS_URL"], max_connections=_REDIS_CONNECTIONS, timeout=None
    )
    redis = Redis.from_pool(pool)
    return Starlette(
        routes=[Route("/graphql", _View(redis)), Route("/readyz", _readyz)],
        lifespan=lambda _app: _lifespan(redis),
    )


class _View(GraphQL[dict[str, object], None]):
    """The endpoint; a resolver finds Redis in its context."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(schema)
        self._redis = redis

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> dict[str, object]:
        return {"request": request, "response": response, "redis": self._redis}


@asynccontextmanager
async def _lifespan(redis: Redis) -> AsyncIterator[None]:
    await Tortoise.init(config=tortoise_config(), _enable_global_fallback=True)
    try:
        yield
    finally:
        await Tortoise.close_connections()
        await redis.aclose()


def tortoise_config() -> dict[str, object]:
    """Return Tortoise's configuration: its defaults, but for the size of the pool."""
    url = urlsplit(os.environ["DATABASE_URL"])
    credentials = {
        "host": url.hostname,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "database": url.path[1:],
        "maxsize": _POOL_SIZE,
    }
    return {
        "connections": {
            "default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}
        },
        "apps": {"models": {"models": ["bench.naive.models"], "default_connection": "default"}},
        "use_tz": True,
    }


async def _readyz(_request: Request) -> Response:
    return PlainTextResponse("ok")
