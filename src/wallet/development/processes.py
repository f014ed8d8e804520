"""
Child processes that cannot outlive their parent.

Each child leads a session of its own, so that a terminal's Ctrl-C reaches only
us, and we stop the children in order. Should we be killed without a chance to
do so, Linux tells the children (PR_SET_PDEATHSIG). Elsewhere a SIGKILL of the
parent leaves them behind.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.01
_KILL_WAIT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Account:
    """The user that a child runs as, where it is not the one that we run as."""

    name: str
    user_id: int
    group_id: int


class Child:
    """
    A running child process.

    It is told *dies_by* when the thread that started it ends: start children
    from the main thread, or from one that lives as long as they should.

    Args:
        command: The program and its arguments.
        dies_by: The signal that it gets when its parent dies.
        environment: Its whole environment; ours when None.
        folder: Its working folder; ours when None.
        log: Where its output goes; to our own output when None.
        account: Whom to run as; as ourselves when None.
        descriptors: Open files of ours that it keeps, under the same numbers.
        stdin: What it reads from its standard input: a few lines, no more.

    Raises:
        OSError: The program is missing, or must not be run.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        dies_by: signal.Signals,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        log: Path | None = None,
        account: Account | None = None,
        descriptors: Sequence[int] = (),
        stdin: str = "",
    ) -> None:
        output = _open_log(log) if log else None
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                pass_fds=descriptors,
                start_new_session=True,
                user=account.user_id if account else None,
                group=account.group_id if account else None,
                extra_groups=[] if account else None,
                preexec_fn=die_with_parent(dies_by),  # noqa: PLW1509  (it takes no lock)
                text=True,
            )
        finally:
            if output:
                output.close()
        if self._process.stdin:
            # A child that is dead already says so by its exit code.
            with suppress(BrokenPipeError):
                self._process.stdin.write(stdin)
                self._process.stdin.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended (the negative number of a signal, if by one); None while it runs."""
        if self._process.returncode is not None or not hasattr(os, "waitid"):
            return self._process.poll()
        # Looked at, not collected: until kill() has swept the session, its number stays taken.
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def stop(self, *signals: tuple[signal.Signals, float]) -> None:
        """
        End it: send each signal in turn, waiting its seconds, then SIGKILL to its whole session.

        Returns when it has ended. One that ended by itself is fine as well.
        """
        for number, wait_s in signals:
            if self.exit_code is not None:
                break
            os.kill(self.pid, number)
            if wait_until(lambda: self.exit_code is not None, wait_s=wait_s):
                break
        self.kill()

    def kill(self) -> None:
        """End it, and what it left in its session, at once, without a chance to tidy up."""
        if self._process.returncode is not None:
            return
        # Errors mean that nobody is left; macOS says so of the dead that nobody waited for.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(_KILL_WAIT_S)


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return what a child calls before its exec, to get signal *number* when its parent dies."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here, since a fork must not wait for locks
    parent = os.getpid()

    def call_in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before it could be told
            os._exit(1)

    return call_in_child


def follow_parent(number: signal.Signals) -> None:
    """Have signal *number* sent to ourselves when our own parent dies; nothing but on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def wait_until(condition: Callable[[], bool], *, wait_s: float) -> bool:
    """Poll *condition* until it holds; return False if it does not within *wait_s* seconds."""
    deadline = time.monotonic() + wait_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def last_lines(log: Path, count: int = 5) -> str:
    """Return the last *count* lines of *log* in one, for an error's sentence."""
    try:
        lines = log.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return " / ".join([line.strip() for line in lines if line.strip()][-count:])


def _open_log(log: Path) -> IO[bytes]:
    """Begin *log* anew, for our eyes only; the one before stays beside it."""
    if log.exists():
        log.replace(log.with_name(log.name + ".before"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
