"""
The folder that a server keeps its data in: whose it is, and that only one server lives there.

PostgreSQL refuses to run as root, so root runs it as somebody else, to whom the
folder then belongs. That user may be kept out of the way to it (a clone in
root's home of mode 700). So the way is not walked: the folder is opened by us
and handed over open, and the server finds it as ``/proc/self/fd/N``.
"""

import fcntl
import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wallet.development.errors import ServerError
from wallet.development.processes import Account, wait_until

# A server whose parent was killed writes its data out before it ends.
_LOCK_WAIT_S = 15.0


@dataclass(frozen=True, kw_only=True)
class ServerFolder:
    """
    A folder that is open, and locked against every other server.

    Attributes:
        path: Where it is for us.
        seen_by_server: Where it is for the server.
        account: Whom the server runs as; None for ourselves.
        descriptors: What the server must keep open. The lock is among them, so
            it holds for as long as any process of the server lives.
    """

    path: Path
    seen_by_server: Path
    account: Account | None
    descriptors: tuple[int, ...]

    def give(self, path: Path) -> None:
        """Make *path* the server's own."""
        if self.account:
            os.chown(path, self.account.user_id, self.account.group_id)


@contextmanager
def open_folder(path: Path) -> Iterator[ServerFolder]:
    """
    Make the folder *path* where it is missing, and hold it for one server.

    Raises:
        ServerError: Another server lives there, or the folder is not ours to use.
    """
    path = path.absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = _choose_account(path)
        if account:
            os.chown(path, account.user_id, account.group_id)
        path.chmod(0o700)
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ServerError(
            f"The data folder {path} cannot be used ({error.strerror}): "
            "it may be another user's; remove it, or set DEV_FOLDER to another."
        ) from error
    try:
        if not wait_until(lambda: _try_to_lock(lock), wait_s=_LOCK_WAIT_S):
            raise ServerError(f"The data folder {path} is in use by another run: stop that first.")
        handed_over = account is not None and sys.platform == "linux"
        yield ServerFolder(
            path=path,
            seen_by_server=Path(f"/proc/self/fd/{opened}") if handed_over else path,
            account=account,
            descriptors=(opened, lock),
        )
    finally:
        os.close(opened)
        os.close(lock)


def _choose_account(path: Path) -> Account | None:
    """Return whom a server in *path* runs as: never root, and whoever owns the data already."""
    if os.geteuid() != 0:
        return None
    facts = path.stat()
    if facts.st_uid:
        return Account(name=str(facts.st_uid), user_id=facts.st_uid, group_id=facts.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise ServerError(
            "PostgreSQL does not run as root, and the user 'nobody' does not exist here: "
            "run this as another user."
        ) from error
    return Account(name=nobody.pw_name, user_id=nobody.pw_uid, group_id=nobody.pw_gid)


def _try_to_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
