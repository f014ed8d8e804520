"""Real worker processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.servers import SECRET_KEY, START_TIMEOUT_S, STOP_TIMEOUT_S
from wallet.development.processes import die_with_parent, wait_until


class Worker:
    """
    One ``wallet worker``, stopped by its own process id.

    Args:
        environment: Settings on top of what every worker of the tests has.
    """

    def __init__(
        self, *, database_url: str, redis_url: str, log: Path, environment: dict[str, str]
    ) -> None:
        self.log = log
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": SECRET_KEY,
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, again too, and wait until it says that it works."""
        starts = self._starts()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "wallet", "worker"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # A run of the tests that is killed leaves no worker behind.
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509
            )
        if not wait_until(
            lambda: self._starts() > starts or not self.is_running(), wait_s=START_TIMEOUT_S
        ) or (not self.is_running()):
            self.stop()
            raise RuntimeError(f"the worker did not start: {self.log.read_text()[-2000:]}")

    def _starts(self) -> int:
        return self.log.read_text().count("worker started") if self.log.exists() else 0

    def is_running(self) -> bool:
        """Tell whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it by SIGKILL, half-way through whatever it does."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """End it by a signal, and by force where it does not follow; return its exit code."""
        if self._process is None:
            return None
        if self.is_running():
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode
