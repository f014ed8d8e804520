"""Ledgers beside the shared one: with a gate, a pool or a database of their own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import ModuleType

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict
from tortoise.context import TortoiseContext

from tests.support.servers import free_port
from wallet.core.settings import LockOutage, Settings
from wallet.services.database import tortoise_config
from wallet.services.ledger import Ledger
from wallet.services.ledger.locks import Gate
from wallet.services.redis import connect


@asynccontextmanager
async def connected_apart(settings: Settings) -> AsyncIterator[None]:
    """Make a database reachable for the body and the tasks that it starts, and for nobody else."""
    async with TortoiseContext() as context:
        await context.init(config=tortoise_config(settings))
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
    ledger = Ledger(
        Gate(client, prefix=prefix), lock_wait_ms=lock_wait_ms, lock_outage=lock_outage
    )
    try:
        yield ledger
    finally:
        await ledger.close()
        await client.aclose()


def nowhere() -> str:
    """Return the URL of a Redis that is not there."""
    return f"redis://127.0.0.1:{free_port()}/0"


@contextmanager
def captured_logs(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EventDict]]:
    """Collect what *module* logs; its logger may have been set up for good by another test."""
    with capture_logs() as events:
        monkeypatch.setattr(module, "log", structlog.stdlib.get_logger(module.__name__))
        yield events
