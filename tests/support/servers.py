"""Databases of their own for tests, and real server processes."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.waiting import until
from wallet.core.keys import Keys
from wallet.development.ports import find_free_port
from wallet.development.processes import die_with_parent, wait_until

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
SECRET_KEY = "a-secret-key-that-only-tests-know-0123456789"
KEYS = Keys(SECRET_KEY)


class Databases:
    """Migrated databases on one PostgreSQL server, each made by copying a template."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.template_url = self._with_name("template_of_tests")
        asyncio.run(self._execute('CREATE DATABASE "template_of_tests"'))

    async def create(self) -> str:
        """Make a migrated, empty database; return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "template_of_tests"')
        return self._with_name(name)

    async def drop(self, url: str) -> None:
        """Drop a database, and whoever is still connected to it."""

        async def is_dropped() -> bool:
            try:
                await self._execute(f'DROP DATABASE "{urlsplit(url).path[1:]}" WITH (FORCE)')
            except asyncpg.InsufficientPrivilegeError:
                # PostgreSQL is vacuuming it, and that is not ours to end.
                return False
            return True

        await until(is_dropped)

    async def create_empty(self) -> str:
        """Make a database that nobody has migrated; return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        await self._execute(f'CREATE DATABASE "{name}"')
        return self._with_name(name)

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    def _with_name(self, name: str) -> str:
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))


LOGS: list[Path] = []
"""The logs of all servers that were started in this run."""


class ApiServer:
    """
    One ``wallet serve`` on a free port, stopped by its own process id.

    Args:
        environment: Settings on top of what every test server has.
    """

    def __init__(
        self, *, database_url: str, redis_url: str, log: Path, environment: dict[str, str]
    ) -> None:
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        LOGS.append(log)
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": SECRET_KEY,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "RATE_LIMITS": "off",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it, whatever happened."""
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the server (with WORKERS above 1: of their supervisor)."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start it, and do not wait for it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "wallet", "serve"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # A run of the tests that is killed leaves no server behind.
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509
            )

    def wait_until_ready(self) -> None:
        """Wait until it serves; one that does not is stopped."""
        if not wait_until(self._is_ready_or_gone, wait_s=START_TIMEOUT_S) or (
            self.exit_code() is not None
        ):
            self.stop()
            raise RuntimeError(f"the server did not start: {self.log.read_text()[-2000:]}")

    def _is_ready_or_gone(self) -> bool:
        if self.exit_code() is not None:
            return True
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=1)) as connection:
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            except (OSError, HTTPException):
                return False

    def exit_code(self) -> int | None:
        """Return how it ended, negative for a signal; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def is_running(self) -> bool:
        """Tell whether it has been started and has not ended."""
        return self._process is not None and self.exit_code() is None

    def terminate(self) -> None:
        """Ask it to end, by SIGTERM, and do not wait for it."""
        assert self._process is not None
        self._process.terminate()

    def kill(self) -> None:
        """End it by SIGKILL, half-way through whatever it does."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT_S)

    def stop(self) -> int | None:
        """End it gracefully, and by force where it does not follow; return its exit code."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(STOP_TIMEOUT_S)
        return self._process.returncode
