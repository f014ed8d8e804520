"""What the commands have in common: settings, a loop, and one sentence for what failed."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import click

from wallet.core.settings import Settings, SettingsError, load_settings

T = TypeVar("T")


def read_settings() -> Settings:
    """
    Read the settings; what makes no sense is a sentence, and the end.

    From then on log lines go to standard error: a program may read the output.
    """
    from wallet.core.logging import configure_logging

    try:
        settings = load_settings()
    except SettingsError as error:
        fail(str(error))
    configure_logging(level=settings.log_level, as_json=settings.is_production)
    return settings


def run_command(work: Coroutine[Any, Any, T]) -> T:
    """Run *work*; a database out of reach is one sentence, not a traceback."""
    from wallet.services.database import is_unreachable

    try:
        return asyncio.run(work)
    except Exception as error:
        if not is_unreachable(error):
            raise
        fail(f"The database cannot be reached: {error}.")


def fail(message: str) -> NoReturn:
    """Say what is wrong, and end with exit code 1."""
    click.echo(message, err=True)
    sys.exit(1)
