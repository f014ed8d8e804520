"""Ledgers beside the shared one: with a gate, a pool or a database of their own."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Self
from uuid import UUID

import pytest
import redis.asyncio
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict
from tortoise.context import TortoiseContext

from tests.support.factories import Pair
from tests.support.proxy import Proxy, proxy
from wallet.core.settings import LockOutage, Settings
from wallet.development.ports import find_free_port
from wallet.services.database import readers_kept, tortoise_config
from wallet.services.ledger import Ledger
from wallet.services.ledger.locks import Gate
from wallet.services.redis import connect


@asynccontextmanager
async def connected_apart(settings: Settings) -> AsyncIterator[None]:
    """Make a database reachable for the body and the tasks that it starts, and for nobody else."""
    async with TortoiseContext() as context:
        await context.init(config=tortoise_config(settings))
        async with readers_kept(settings):
            yield


@asynccontextmanager
async def open_ledger(
    redis_url: str,
    *,
    prefix: str = "wallet:lock:",
    lock_wait_ms: int = 2_000,
    lock_outage: LockOutage = LockOutage.DEGRADE,
) -> AsyncIterator[Ledger]:
    """Make a ledger with a Redis client of its own."""
    client = connect(redis_url)
    ledger = Ledger(Gate(client, prefix=prefix), lock_wait_ms=lock_wait_ms, lock_outage=lock_outage)
    try:
        yield ledger
    finally:
        await ledger.close()
        await client.aclose()


@asynccontextmanager
async def open_strangers(count: int) -> AsyncIterator[list[Ledger]]:
    """Make ledgers that know nothing of each other: other processes, and Redis is away."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_ledger(nowhere())) for _ in range(count)]


def nowhere() -> str:
    """Return the URL of a Redis that is not there."""
    return f"redis://127.0.0.1:{find_free_port()}/0"


@contextmanager
def captured_logs(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EventDict]]:
    """Collect what *module* logs; its logger may have been set up for good by another test."""
    with capture_logs() as events:
        monkeypatch.setattr(module, "log", structlog.stdlib.get_logger(module.__name__))
        yield events


def undone_by(events: Sequence[EventDict]) -> list[str]:
    """Return the errors for which transactions were run again, as the log names them."""
    return [event["error"] for event in events if event["event"] == "transaction undone"]


async def locked_wallets(client: redis.asyncio.Redis, pair: Pair) -> list[UUID]:
    """Return which wallets of a pair are locked in Redis."""
    wallet_ids = [pair.source_id, pair.target_id]
    values = await client.mget([f"wallet:lock:{wallet_id}" for wallet_id in wallet_ids])
    return [wallet_id for wallet_id, value in zip(wallet_ids, values, strict=True) if value]


@dataclass(slots=True)
class Trips:
    """How often each server was asked and answered."""

    redis: int
    postgres: int


@dataclass(slots=True)
class Network:
    """A ledger with a proxy before each of its two servers; all its connections are new."""

    ledger: Ledger
    postgres: Proxy
    redis: Proxy

    @classmethod
    @asynccontextmanager
    async def of(cls, settings: Settings) -> AsyncIterator[Self]:
        """Be connected for the body; what it asks of the services goes this way as well."""
        async with proxy(settings.database_url) as postgres, proxy(settings.redis_url) as redis:
            far = settings.model_copy(update={"database_url": postgres.url})
            async with connected_apart(far), open_ledger(redis.url) as ledger:
                yield cls(ledger, postgres, redis)

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[Trips]:
        """Count the trips of the body; the release of its locks is part of it."""
        await self.ledger.drain()
        trips = Trips(-self.redis.trips, -self.postgres.trips)
        yield trips
        await self.ledger.drain()
        trips.redis += self.redis.trips
        trips.postgres += self.postgres.trips
