"""A PostgreSQL data folder (a "cluster"): made whole or not at all, and checked before use."""

import os
import secrets
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from wallet.development.binaries import POSTGRES_MAJOR
from wallet.development.errors import ServerError
from wallet.development.folders import ServerFolder
from wallet.development.processes import Child, last_lines, wait_until

DATABASE = "wallet"
ROLE = "wallet"

_DATA = "data"
_DRAFT = "data.new"
_PASSWORD = "password"  # noqa: S105  (the name of a file)
_MAKE_WAIT_S = 120.0

# Sorted by code point and case-folded by Unicode's rules, the same on every machine.
_INITDB_OPTIONS = (
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--auth=scram-sha-256",
)


def prepare_cluster(folder: ServerFolder, programs: Path, *, durable: bool) -> Path:
    """
    Return the data folder inside *folder* as the server sees it, ready to be started.

    The first time it makes the data folder, the role and the database.

    Args:
        programs: The folder with initdb and postgres.
        durable: Whether the new files must be on disk before this returns.

    Raises:
        ServerError: It cannot be made, or an existing one cannot be used.
    """
    data = folder.path / _DATA
    if data.exists():
        _refuse_other_major(data)
        _forget_dead_postmaster(data)
    else:
        _make_cluster(folder, programs, durable=durable)
    return folder.seen_by_server / _DATA


def read_password(folder: Path) -> str:
    """
    Return the password of the role, and of the superuser ``postgres``.

    Raises:
        ServerError: The file is missing.
    """
    try:
        return (folder / _PASSWORD).read_text()
    except OSError as error:
        raise ServerError(
            f"The password beside the data in {folder} cannot be read ({error.strerror}): "
            "restore it, or remove the folder for a fresh start."
        ) from error


def server_environment() -> dict[str, str]:
    """Return the environment of PostgreSQL's programs: no PG… variable of the user's gets in."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _make_cluster(folder: ServerFolder, programs: Path, *, durable: bool) -> None:
    """Make the data folder under another name first: what was cut short is never taken for done."""
    draft = folder.path / _DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    password = secrets.token_urlsafe(24)
    _write_password(folder, password)
    seen = folder.seen_by_server
    initdb: list[str | Path] = [programs / "initdb", f"--pgdata={seen / _DRAFT}"]
    initdb += [f"--pwfile={seen / _PASSWORD}", *_INITDB_OPTIONS]
    initdb += [] if durable else ["--no-sync"]
    _complete(folder, initdb)
    # Single-user mode needs no port and no password, and takes one statement per line.
    single: list[str | Path] = [programs / "postgres", "--single", "-D", seen / _DRAFT]
    single += ["-c", "exit_on_error=on", "-c", f"fsync={'on' if durable else 'off'}", "postgres"]
    statements = (
        f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'\n"
        f"CREATE DATABASE {DATABASE} OWNER {ROLE}\n"
    )
    _complete(folder, single, stdin=statements)
    draft.rename(folder.path / _DATA)


def _write_password(folder: ServerFolder, password: str) -> None:
    path = folder.path / _PASSWORD
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
    folder.give(path)


def _complete(folder: ServerFolder, command: Sequence[str | Path], *, stdin: str = "") -> None:
    """Run one of PostgreSQL's programs to its end, which must be a good one."""
    log = folder.path / "log"
    child = Child(
        command,
        dies_by=signal.SIGTERM,
        environment=server_environment(),
        folder=Path("/"),
        log=log,
        account=folder.account,
        descriptors=folder.descriptors,
        stdin=stdin,
    )
    try:
        wait_until(lambda: child.exit_code is not None, wait_s=_MAKE_WAIT_S)
        if child.exit_code != 0:
            raise ServerError(f"PostgreSQL's data folder was not made: {last_lines(log)}")
    finally:
        child.kill()


def _refuse_other_major(data: Path) -> None:
    try:
        major = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise ServerError(
            f"{data} is not a data folder of PostgreSQL: move it away for a fresh start."
        ) from error
    if major != str(POSTGRES_MAJOR):
        raise ServerError(
            f"The data in {data} is of PostgreSQL {major}, and this is PostgreSQL "
            f"{POSTGRES_MAJOR}: move the folder away for a fresh start, or carry the data "
            f"over with the pg_dump of PostgreSQL {major}."
        )


def _forget_dead_postmaster(data: Path) -> None:
    """
    Remove the postmaster.pid of a server that is dead.

    PostgreSQL does so itself, unless the number is by now another process's, as
    it often is after a container was started again. Our lock rules out a server
    of ours; one started by hand would work in this very folder.
    """
    pid_file = data / "postmaster.pid"
    processes = Path("/proc")
    try:
        pid = int(pid_file.read_text().split("\n")[0])
    except (OSError, ValueError):
        return
    if not (processes / "self").exists():
        return
    try:
        lives = (processes / str(pid) / "cwd").samefile(data)
    except OSError:
        lives = False
    if not lives:
        pid_file.unlink()
