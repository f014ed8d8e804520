"""
The ``wallet`` command.

Tab completion comes with click: ``eval "$(_WALLET_COMPLETE=bash_source wallet)"``,
and likewise for zsh and fish.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from wallet import __version__
from wallet.cli_accounts import api_keys, disable_totp, grant_operator, reseal
from wallet.console import fail, read_settings, run_command
from wallet.core.settings import Settings, SettingsError

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


for command in (grant_operator, disable_totp, reseal, api_keys):
    main.add_command(command)


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

    from wallet.http_protocol import HttpProtocol

    settings = read_settings()
    _check_trusted_documents(settings)
    uvicorn.run(
        "wallet.app:create_app",
        factory=True,
        http=HttpProtocol,
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

    Run at least one beside the API. As many may run as you like: each thing is
    done once. It may be away for a while: holds are over at their time all the
    same, and transfers that fell due are carried out when it is back, in the
    order of their times. SIGTERM ends it after what it has begun.
    """
    from wallet.worker import run

    run_command(run(read_settings(), once=once))


@main.command()
def migrate() -> None:
    """Bring the database to the newest schema; safe to run twice at once."""
    from wallet.services.migrations import migrate as run_migrations

    applied = run_command(run_migrations(read_settings()))
    for name in applied:
        click.echo(f"applied {name}")
    click.echo("The database is up to date.")


@main.command()
@click.option("--check", is_flag=True, help="Only tell whether the models need a migration.")
def makemigrations(check: bool) -> None:  # noqa: FBT001
    """Write a migration for what changed in the models."""
    from wallet.services.migrations import find_unmigrated_changes

    missing = asyncio.run(find_unmigrated_changes(read_settings(), write=not check))
    if not missing:
        click.echo("The migrations match the models.")
    elif check:
        fail("The models need a migration: run `wallet makemigrations`.")
    else:
        click.echo(f"Wrote {', '.join(missing)}.")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify(as_json: bool) -> None:  # noqa: FBT001
    """
    Check all that money does, and print a trial balance.

    Exit 1 at the first row that does not hold.
    """
    import orjson

    from wallet.core.money import declare_assets
    from wallet.services.verification import BrokenLedgerError
    from wallet.services.verification import verify as run_verification
    from wallet.services.verification.report import to_document, to_text

    def show_progress(entries: int) -> None:
        click.echo(f"{entries:,} entries …", err=True)

    def write(document: dict[str, Any]) -> str:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()

    settings = read_settings()
    declare_assets(settings.assets)
    try:
        verified = run_command(run_verification(settings, on_progress=show_progress))
    except BrokenLedgerError as error:
        if as_json:
            click.echo(write({"holds": False, "finding": str(error)}))
        fail(f"The ledger does not hold: {error}.")
    click.echo(write(to_document(verified)) if as_json else to_text(verified))


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

    settings = read_settings()
    declare_assets(settings.assets)
    try:
        found = read_file(file)
        with click.progressbar(
            length=len(found),
            label="Importing",
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
        ) as bar:
            imported = run_command(run_import(settings, found, on_progress=bar.update))
    except BadFileError as error:
        fail(f"Nothing is imported from {file}. {error}.")
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


@main.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--as", "email", required=True, metavar="EMAIL", help="The operator on whose behalf.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["ndjson", "csv"]),
    help="What FILE is; by default its suffix says so (.ndjson, .jsonl, .csv).",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help=(
        "Where the refused rows are written, as NDJSON where its suffix says so, else as CSV; "
        "by default FILE.refused.csv, which is there only if there are any."
    ),
)
@click.option("--dry-run", is_flag=True, help="Read and check every row, and move nothing.")
def import_(
    file: str,
    email: str,
    format_name: str | None,
    report: Path | None,
    dry_run: bool,  # noqa: FBT001
) -> None:
    """
    Carry out the top-ups and transfers in FILE, each once; - is standard input.

    One row each, as a JSON object a line (NDJSON) or as CSV with a header. Its
    fields: kind (topup or transfer), wallet (of a topup), source and target
    (of a transfer), amount, currency, key; description and metadata may be
    left out. Rows of one wallet are carried out in their order.

    What was carried out stays so: after Ctrl-C, a crash or an outage the same
    command goes on from there, since the key of each row tells what is done.

    A dry run cannot know whether wallets exist and are active, what they
    hold, what their limits are, and which keys were used before.

    Exit codes: 0 all rows are in; 1 it could not run, or not to the end; 2 the
    command makes no sense; 3 some rows were refused; 130 and 143 it was
    stopped by Ctrl-C or SIGTERM, after what was under way.
    """
    from wallet.imports import ImportFailedError, Order, run

    order = Order(file, email=email, format_name=format_name, report=report, is_dry=dry_run)
    try:
        sys.exit(run_command(run(read_settings(), order)))
    except ImportFailedError as error:
        fail(str(error))


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
        fail(f"{file} is not the schema of this code: run `wallet schema`.")
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
        fail(str(error))
