"""A server in production whose neighbours can be taken away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.api import Api
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.proxy import Proxy, proxy
from tests.support.servers import ApiServer, Databases
from wallet.development import RedisServer


@dataclass(frozen=True, slots=True)
class Site:
    """A server in production, with a database of its own, and the ways to its neighbours."""

    server: ApiServer
    observer: Observer
    postgres: Proxy
    redis: Proxy
    api: Api
    guests: Guests

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Get a path of the server."""
        return await self.api.client.get(f"{self.server.url}{path}", headers=headers)


@asynccontextmanager
async def open_site(
    databases: Databases, redis: RedisServer, log: Path, **environment: str
) -> AsyncIterator[Site]:
    """Start a server in production behind which PostgreSQL and Redis can be taken away."""
    database_url = await databases.create()
    async with (
        Observer.of(database_url) as observer,
        proxy(database_url) as to_postgres,
        proxy(redis.url) as to_redis,
        httpx.AsyncClient(timeout=30, limits=httpx.Limits(keepalive_expiry=2)) as client,
    ):
        server = ApiServer(
            database_url=to_postgres.url,
            redis_url=to_redis.url,
            log=log,
            environment={"ENVIRONMENT": "production", "FUNDING": "owner", **environment},
        )
        await asyncio.to_thread(server.start)
        try:
            api = Api(server.url, client=client)
            yield Site(server, observer, to_postgres, to_redis, api, Guests(api, observer))
        finally:
            await asyncio.to_thread(server.stop)
