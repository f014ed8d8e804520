"""Bring the database to the newest schema, safely when several processes try at once."""

import asyncpg
from tortoise import Tortoise
from tortoise.migrations.api import migrate as tortoise_migrate
from tortoise.migrations.autodetector import MigrationAutodetector

from wallet.core.logging import get_logger
from wallet.core.settings import Settings
from wallet.services.database import connected, tortoise_config

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


async def find_unmigrated_changes(settings: Settings, *, write: bool = False) -> list[str]:
    """Name the migrations that the models need and do not have; write them when asked to."""
    config = tortoise_config(settings, for_migrations=True)
    async with connected(settings) as context:
        if context.apps is None:
            raise AssertionError("Tortoise starts with the apps of its configuration")
        writers = await MigrationAutodetector(context.apps, config["apps"]).changes()
        if write:
            for writer in writers:
                writer.write()
        return [writer.name for writer in writers]
