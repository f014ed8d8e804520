"""Which processes run, for tests that start some and want none left; Linux only."""

from collections.abc import Callable
from pathlib import Path

from wallet.development.processes import wait_until

WAIT_S = 60.0


def find_processes(folder: Path) -> list[int]:
    """Return the processes that work in *folder*, or have its path among their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            place = (process / "cwd").readlink()
        except OSError:
            continue  # it has ended, or is a kernel's own
        if place.is_relative_to(folder) or any(str(folder) in word for word in words):
            found.append(int(process.name))
    return found


def find_workers(supervisor: int) -> set[int]:
    """Return the processes that serve under a supervisor."""
    path = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    return {
        int(child)
        for child in path.read_text().split()
        # Beside them there is one that tidies up behind multiprocessing.
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    }


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds, which must be soon."""
    assert wait_until(condition, wait_s=WAIT_S), "it did not come about"
