"""Services on a real PostgreSQL and a real Redis, in this process."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest
import pytest_asyncio
import redis.asyncio

from tests.support.factories import Factory, Pair
from tests.support.observer import Observer
from tests.support.servers import SECRET_KEY, Databases
from wallet.core.settings import LockOutage, Settings, Switch
from wallet.development import RedisServer
from wallet.development.ports import find_free_port
from wallet.services.database import connected
from wallet.services.ledger import Ledger
from wallet.services.ledger.locks import Gate
from wallet.services.rate_limits import RateLimiter
from wallet.services.redis import connect


@pytest_asyncio.fixture(scope="session")
async def settings(databases: Databases, redis: RedisServer) -> Settings:
    """Settings of a database that the integration tests share."""
    return Settings(
        database_url=await databases.create(),
        redis_url=redis.url,
        secret_key=SECRET_KEY,
        rate_limits=Switch.OFF,
    )


@pytest_asyncio.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[None]:
    """Tortoise, connected to the shared database."""
    async with connected(settings):
        yield


@pytest_asyncio.fixture(scope="session")
async def redis_client(redis: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """The client that the services use."""
    client = connect(redis.url)
    yield client
    await client.aclose()


@pytest_asyncio.fixture(scope="session")
async def ledger(database: None, redis_client: redis.asyncio.Redis) -> AsyncIterator[Ledger]:
    """A ledger as the application makes it."""
    ledger = Ledger(Gate(redis_client), lock_wait_ms=2_000, lock_outage=LockOutage.DEGRADE)
    yield ledger
    await ledger.close()


@pytest.fixture(scope="session")
def limiter(redis_client: redis.asyncio.Redis) -> RateLimiter:
    """A rate limiter that is switched off."""
    return RateLimiter(redis_client, enabled=False)


@pytest.fixture
def factory(ledger: Ledger, settings: Settings) -> Factory:
    """Makes users and wallets with money."""
    return Factory(ledger, settings)


@pytest_asyncio.fixture
async def pair(factory: Factory) -> Pair:
    """Ada's wallet with 10.00 EUR, and Bob's with nothing."""
    return await Pair.create(factory)


@pytest_asyncio.fixture(scope="session")
async def observer(settings: Settings, database: None) -> AsyncIterator[Observer]:
    """Reads the shared database past all of our code."""
    async with Observer.of(settings.database_url) as observer:
        yield observer


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with closing(socket.create_server(("127.0.0.1", find_free_port()))) as listener:
        yield listener.getsockname()[1]
