"""What the servers have in common: start, stop, start again, crash."""

import signal
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from wallet.development.errors import ServerError
from wallet.development.ports import find_free_port, is_port_free
from wallet.development.processes import Child, last_lines, wait_until


class Server(ABC):
    """
    A server on 127.0.0.1 that lives no longer than the thread that started it.

    It can be started again after stop() and after kill(), on the same port.

    Args:
        data_folder: Holds the data and the log; made where missing.
        port: Where to listen; a free one when None, chosen at the first start.
    """

    _name: ClassVar[str]
    _start_wait_s: ClassVar[float]
    _stop_signals: ClassVar[tuple[tuple[signal.Signals, float], ...]]

    def __init__(self, data_folder: Path, *, port: int | None = None) -> None:
        self.data_folder = data_folder.absolute()
        self._port = port
        self._child: Child | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    @abstractmethod
    def url(self) -> str:
        """Its address with the password inside; known after the first start."""

    @property
    def port(self) -> int:
        """Where it listens; known after the first start."""
        if self._port is None:
            raise RuntimeError(f"{self._name} has no port before its first start().")
        return self._port

    @property
    def log(self) -> Path:
        """Where its log is; that of the run before ends in ``.before``."""
        return self.data_folder / "log"

    @property
    def pid(self) -> int | None:
        """Its process id; None when it does not run."""
        return self._child.pid if self._child and self._child.exit_code is None else None

    def start(self) -> None:
        """
        Start it, and return when it takes connections; fine when it runs already.

        Raises:
            ServerError: It cannot; nothing is left running.
        """
        if self.pid is not None:
            return
        self.stop()
        try:
            self._child = self._launch()
            self._wait_until_ready(self._child)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it in good order; fine when it does not run."""
        if self._child:
            self._child.stop(*self._stop_signals)
        self._child = None

    def kill(self) -> None:
        """Crash it, by SIGKILL."""
        if self._child:
            self._child.kill()
        self._child = None

    @abstractmethod
    def _launch(self) -> Child:
        """Start its process."""

    @abstractmethod
    def _is_ready(self, child: Child) -> bool:
        """Return whether it takes connections."""

    def _settle_port(self) -> int:
        """Return the port to listen on, which is free at this moment."""
        if self._port is None:
            self._port = find_free_port()
        if not is_port_free(self._port):
            raise ServerError(
                f"Port {self._port}, meant for {self._name}, is in use by another program."
            )
        return self._port

    def _wait_until_ready(self, child: Child) -> None:
        ready = wait_until(
            lambda: self._is_ready(child) or child.exit_code is not None, wait_s=self._start_wait_s
        )
        if not ready or child.exit_code is not None:
            raise ServerError(f"{self._name} does not start: {last_lines(self.log)}")
