"""A real PostgreSQL and a real Redis for the whole run, on free ports, stopped at its end."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.fuzzing import LONG_PROFILE
from tests.support.servers import Databases
from wallet.core.settings import Settings
from wallet.development import PostgresServer, RedisServer
from wallet.services.migrations import migrate

# No deadline: a busy machine is slow now and then. No database: a run is the same
# whatever failed before it. `make fuzz` looks much longer.
settings.register_profile("short", deadline=None, database=None, max_examples=40)
settings.register_profile(LONG_PROFILE, deadline=None, database=None, max_examples=3_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))

# Nothing here outlives the run, so nothing has to reach the disk before it is answered.
_POSTGRES_SETTINGS = {"fsync": "off", "max_connections": "300"}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server of the run's own."""
    with PostgresServer(tmp_path_factory.mktemp("postgres"), settings=_POSTGRES_SETTINGS) as server:
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server of the run's own."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: PostgresServer) -> Databases:
    """Makes migrated databases on the run's PostgreSQL, each by copying a template."""
    databases = Databases(postgres.url)
    asyncio.run(migrate(Settings(database_url=databases.template_url)))
    return databases
