"""Requests to stop, from a terminal or another process."""

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

_POLL_S = 0.05


class StopRequested(Exception):  # noqa: N818  (it is no error)
    """Raised by StopSignals.wait_until() when we were asked to stop."""


class StopSignals:
    """
    Notes SIGINT, SIGTERM and SIGHUP.

    They are noted rather than raised, so that none cuts in between a process's
    start and the moment we know of it. Asked again, we are stopping already.
    """

    def __init__(self, *, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._requested = False
        self._has_terminal = os.isatty(0)

    def take_over(self) -> None:
        """Begin to note the signals, up to the end of the process; *on_first* is called once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as under nohup
            self._has_terminal = False
        else:
            signal.signal(signal.SIGHUP, self._note)

    def wait_until(self, condition: Callable[[], bool], *, wait_s: float | None = None) -> bool:
        """
        Poll *condition* until it holds; return False if it does not within *wait_s* seconds.

        Raises:
            StopRequested: A signal came first.
        """
        deadline = None if wait_s is None else time.monotonic() + wait_s
        while not condition():
            self.check()
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def check(self) -> None:
        """
        Return if nobody asked us to stop.

        Raises:
            StopRequested: Somebody did.
        """
        if self._has_terminal and not os.isatty(0):
            # Where make leads the terminal's session, SIGHUP is for make alone, which keeps it.
            self._note()
        if self._requested:
            raise StopRequested

    def _note(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        if not self._requested:
            self._requested = True
            self._on_first()
