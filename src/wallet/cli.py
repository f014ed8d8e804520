"""
The ``wallet`` command.

Tab completion comes with click: ``eval "$(_WALLET_COMPLETE=bash_source wallet)"``,
and likewise for zsh and fish.
"""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from wallet import __version__
from wallet.core.settings import Settings, SettingsError, load_settings

T = TypeVar("T")

SHUTDOWN_TIMEOUT_S = 10

KEEP_ALIVE_S = 75
"""Longer than balancers keep an idle connection: they, and not we, are to close it first."""

WORKER_START_TIMEOUT_S = 30
"""How long a new worker may take to be ready, or a busy one to answer its supervisor."""

CONNECTIONS_MAX = 1_000
"""Most connections of one process; beyond that, 503 at once."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wallet")
def main() -> None:
    """A wallet backend on a double-entry ledger, behind one GraphQL API."""


@main.command()
def dev() -> None:
    """Serve with a real PostgreSQL and Redis of its own, for development."""
    from wallet.development import runner

    sys.exit(runner.run())


@main.command()
def serve() -> None:
    """
    Serve the API; settings are environment variables.

    SIGTERM ends it: requests under way are answered first. With WORKERS above
    1, SIGHUP replaces the workers one by one, and nobody is turned away.
    """
    import uvicorn

    settings = _settings()
    _check_trusted_documents(settings)
    uvicorn.run(
        "wallet.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_worker_healthcheck=WORKER_START_TIMEOUT_S,
    )


@main.command()
@click.option("--once", is_flag=True, help="Do what is due, and end.")
def worker(once: bool) -> None:  # noqa: FBT001
    """
    End holds and carry out scheduled transfers when their time comes.

    As many may run as you like. SIGTERM ends it after what it has begun.
    """
    from wallet.worker import run

    _run(run(_settings(), once=once))


@main.command()
def migrate() -> None:
    """Bring the database to the newest schema; safe to run twice at once."""
    from wallet.services.migrations import migrate as run_migrations

    applied = _run(run_migrations(_settings()))
    for name in applied:
        click.echo(f"applied {name}")
    click.echo("The database is up to date.")


@main.command()
@click.option("--check", is_flag=True, help="Only tell whether the models need a migration.")
def makemigrations(check: bool) -> None:  # noqa: FBT001
    """Write a migration for what changed in the models."""
    from wallet.services.migrations import find_unmigrated_changes

    missing = asyncio.run(find_unmigrated_changes(_settings(), write=not check))
    if not missing:
        click.echo("The migrations match the models.")
    elif check:
        _fail("The models need a migration: run `wallet makemigrations`.")
    else:
        click.echo(f"Wrote {', '.join(missing)}.")


@main.command()
def verify() -> None:
    """Check every chain, sum and balance; exit 1 at the first row that does not hold."""
    from wallet.services.verification import BrokenLedgerError
    from wallet.services.verification import verify as run_verification

    def show_progress(entries: int) -> None:
        click.echo(f"{entries:,} entries …", err=True)

    try:
        verified = _run(run_verification(_settings(), on_progress=show_progress))
    except BrokenLedgerError as error:
        _fail(f"The ledger does not hold: {error}.")
    click.echo(
        f"The ledger holds: {verified.wallets:,} wallets, "
        f"{verified.operations:,} operations, {verified.entries:,} entries."
    )


@main.group()
def rates() -> None:
    """Exchange rates."""


@rates.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_rates(file: Path) -> None:
    """
    Take over the rates of FILE, a reference-rate file of the European Central Bank.

    FILE is its XML (eurofxref-daily.xml, eurofxref-hist-90d.xml, eurofxref-hist.xml),
    its CSV, or the zip of one. All of it is taken over, or nothing; what is
    there already stays as it is, so it may be run again.
    """
    from wallet.core.money import declare_assets
    from wallet.services.ecb import BadFileError, days_of, read_file
    from wallet.services.rates import import_rates as run_import

    settings = _settings()
    declare_assets(settings.assets)
    try:
        found = read_file(file)
        with click.progressbar(
            length=len(found),
            label="Importing",
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
        ) as bar:
            imported = _run(run_import(settings, found, on_progress=bar.update))
    except BadFileError as error:
        _fail(f"Nothing is imported from {file}. {error}.")
    first, last = days_of(found)
    click.echo(
        f"{first} to {last}: {imported.added:,} rates are new, "
        f"{imported.known:,} were there already."
    )
    if imported.skipped:
        click.echo(
            f"{sum(imported.skipped.values()):,} rates are left out, of currencies that are "
            f"not known here: {', '.join(sorted(imported.skipped))}."
        )


@main.command("grant-operator")
@click.argument("email")
def grant_operator(email: str) -> None:
    """Make the account EMAIL an operator."""
    from wallet.services.accounts import grant_operator as grant
    from wallet.services.database import connected

    async def run() -> bool:
        async with connected(_settings()):
            return await grant(email)

    if not _run(run()):
        _fail("There is no account with this address.")
    click.echo(f"{email} is an operator now.")


@main.command()
@click.option("--check", is_flag=True, help="Only tell whether the file is up to date.")
@click.argument(
    "file", type=click.Path(dir_okay=False, path_type=Path), default=Path("schema.graphql")
)
def schema(file: Path, check: bool) -> None:  # noqa: FBT001
    """Write the GraphQL schema to FILE (schema.graphql)."""
    from wallet.schema.root import make_schema

    text = make_schema().as_str() + "\n"
    if not check:
        file.write_text(text)
        click.echo(f"Wrote {file}.")
    elif not file.exists() or file.read_text() != text:
        _fail(f"{file} is not the schema of this code: run `wallet schema`.")
    else:
        click.echo(f"{file} is up to date.")


def _check_trusted_documents(settings: Settings) -> None:
    """Say in a sentence what is wrong with them, before any worker starts."""
    if settings.trusted_documents is None:
        return
    from wallet.core.money import declare_assets
    from wallet.schema.documents import document_reader
    from wallet.schema.manifests import read_manifest
    from wallet.schema.root import make_schema

    declare_assets(settings.assets)
    schema = make_schema()._schema  # noqa: SLF001  (Strawberry has no other name for it)
    try:
        read_manifest(settings.trusted_documents, document_reader(schema, settings))
    except SettingsError as error:
        _fail(str(error))


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        _fail(str(error))


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run *work*; a database out of reach is one sentence, not a traceback."""
    from wallet.services.database import is_unreachable

    try:
        return asyncio.run(work)
    except Exception as error:
        if not is_unreachable(error):
            raise
        _fail(f"The database cannot be reached: {error}.")


def _fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(1)
