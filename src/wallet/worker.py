"""`wallet worker`: composition only, as ``app`` is for requests."""

import asyncio
import signal

from wallet.core.logging import configure_logging, get_logger
from wallet.core.money import declare_assets
from wallet.core.settings import Settings
from wallet.services.database import connected
from wallet.services.ledger import Ledger
from wallet.services.ledger.locks import Gate
from wallet.services.redis import connect
from wallet.services.worker import work, work_once

log = get_logger(__name__)


async def run(settings: Settings, *, once: bool) -> None:
    """Work until SIGTERM or SIGINT; or *once*, until nothing is due."""
    configure_logging(level=settings.log_level, as_json=settings.is_production)
    declare_assets(settings.assets)
    client = connect(settings.redis_url)
    ledger = Ledger(
        Gate(client), lock_wait_ms=settings.lock_wait_ms, lock_outage=settings.lock_outage
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_, stop.set)
    async with connected(settings):
        log.info("worker started", once=once)
        try:
            if once:
                while not stop.is_set() and await work_once(ledger):
                    pass
            else:
                await work(ledger, until=stop)
        finally:
            await ledger.close()
            await client.aclose()
            log.info("worker stopped")
