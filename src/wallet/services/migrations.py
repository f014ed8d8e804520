"""Bring the database to the newest schema, safely when several processes try at once."""

import asyncpg
from tortoise import Tortoise
from tortoise.migrations.api import migrate as tortoise_migrate
from tortoise.migrations.autodetector import MigrationAutodetector

from wallet.core.logging import get_logger
from wallet.core.settings import Settings
from wallet.services.database import tortoise_config

# Any number does, as long as nothing else in this database uses it.
_ADVISORY_LOCK = 0x57414C4C4554

log = get_logger(__name__)


async def migrate(settings: Settings) -> list[str]:
    """
    Apply every migration that the database does not have yet.

    Tortoise takes no lock of its own, and two that migrate at once would both
    create the same tables; a session's advisory lock lets them go one by one.

    Returns:
        The names of the migrations applied now; none when all was there.
    """
    config = tortoise_config(settings, for_migrations=True)
    gate = await asyncpg.connect(settings.database_url)
    applied: list[str] = []

    def note(event: str, _app: str, name: str) -> None:
        if event == "apply_done":
            applied.append(name)

    try:
        await gate.execute("SELECT pg_advisory_lock($1)", _ADVISORY_LOCK)
        await tortoise_migrate(config=config, progress=note)
    finally:
        await Tortoise.close_connections()
        # The lock ends with its session.
        await gate.close()
    return applied


async def find_unmigrated_changes(settings: Settings) -> list[str]:
    """Name the migrations that the models would need, compared with those that exist."""
    config = tortoise_config(settings, for_migrations=True)
    context = await Tortoise.init(config=config, init_connections=False)
    try:
        detector = MigrationAutodetector(context.apps, config["apps"])
        return [writer.name for writer in await detector.changes()]
    finally:
        await Tortoise.close_connections()
