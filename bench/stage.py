"""The servers of a run: all of them its own, on free ports, gone when it ends."""

import asyncio
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.errors import BenchError
from bench.programs import run_program
from wallet.core.settings import Settings
from wallet.development import PostgresServer, RedisServer
from wallet.development.cluster import DATABASE, ROLE
from wallet.development.ports import LOOPBACK, find_free_port
from wallet.development.processes import Child, last_lines, wait_until

_START_WAIT_S = 60.0
_STOP_WAIT_S = 20.0
_COMMAND_WAIT_S = 600.0
_TEMPLATE = "migrated"

REPOSITORY = Path(__file__).parent.parent

POSTGRES_SETTINGS = {"max_connections": "400"}
"""Over PostgreSQL's defaults, for all contestants alike: room for 256 clients of pgbench's."""

API_SETTINGS = {
    "ENVIRONMENT": "production",
    "FUNDING": "owner",
    "RATE_LIMITS": "off",
    "LOG_LEVEL": "WARNING",
}
"""Over the defaults of `wallet serve`: production, but filled by its own users, and quiet."""


class WebServer:
    """
    An HTTP server of several processes on a free port, stopped by its own process id.

    Args:
        command: What starts it, told by HOST and PORT where to listen.
        environment: Its whole environment but these two.
        log: Where its output goes.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path
    ) -> None:
        self.port = find_free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._log = log
        self._child = Child(
            command,
            dies_by=signal.SIGTERM,
            environment={**environment, "HOST": LOOPBACK, "PORT": str(self.port)},
            folder=REPOSITORY,
            log=log,
        )

    @property
    def pid(self) -> int:
        """Its process id; with several processes, that of their supervisor."""
        return self._child.pid

    def wait_until_ready(self) -> None:
        """
        Return when it answers.

        Raises:
            BenchError: It does not, in a minute.
        """
        wait_until(
            lambda: self._child.exit_code is not None or self._is_ready(), wait_s=_START_WAIT_S
        )
        if not self._is_ready():
            raise BenchError(f"A server did not start: {last_lines(self._log)}")

    def stop(self) -> None:
        """End it, by force where it does not follow."""
        self._child.stop((signal.SIGTERM, _STOP_WAIT_S))

    def _is_ready(self) -> bool:
        with closing(HTTPConnection(LOOPBACK, self.port, timeout=2)) as connection:
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
            except (OSError, HTTPException):
                return False


class Stage:
    """
    One PostgreSQL and one Redis for everybody, and the servers that work on them.

    Attributes:
        secret_key: What all servers sign tokens with, so that the bench can renew them itself.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.secret_key = secrets.token_urlsafe(48)
        self._stack = stack
        self._has_template = False
        self._postgres = stack.enter_context(
            PostgresServer(folder / "postgres", settings=POSTGRES_SETTINGS)
        )
        self._redis = stack.enter_context(RedisServer(folder / "redis"))
        asyncio.run(self._make_connecting_cheap())

    @property
    def redis_url(self) -> str:
        """Where Redis is, with the password inside."""
        return self._redis.url

    def database_url(self, name: str) -> str:
        """Return the address of a database, with the password inside."""
        return urlunsplit(urlsplit(self._postgres.url)._replace(path=f"/{name}"))

    def superuser_url(self, name: str) -> str:
        """Return the address of a database for the superuser, whose password is the same."""
        url = urlsplit(self.database_url(name))
        return urlunsplit(url._replace(netloc=url.netloc.replace(f"{ROLE}:", "postgres:", 1)))

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Make a database, empty or a copy of one that nobody is connected to; return its URL."""
        copied = f' TEMPLATE "{template}"' if template else ""
        asyncio.run(self._execute(f'CREATE DATABASE "{name}"{copied}'))
        return self.database_url(name)

    def create_wallet_database(self, name: str) -> str:
        """Make a database with the wallet's tables, and nothing in them; return its URL."""
        if not self._has_template:
            self.run_wallet("migrate", database_url=self.create_database(_TEMPLATE))
            self._has_template = True
        return self.create_database(name, template=_TEMPLATE)

    def run_wallet(self, command: str, *, database_url: str) -> str:
        """Run a `wallet` command to its end; return what it printed."""
        return run_program(
            [sys.executable, "-m", "wallet", command],
            wait_s=_COMMAND_WAIT_S,
            environment=self._environment(database_url),
            folder=REPOSITORY,
        ).strip()

    def serve(self, module: str, *arguments: str, database_url: str, workers: int) -> WebServer:
        """Start a server of *workers* processes, up to the end of the run; it is not ready yet."""
        server = WebServer(
            [sys.executable, "-m", module, *arguments],
            environment={**self._environment(database_url), "WORKERS": str(workers)},
            log=self.folder / f"{module}-{secrets.token_hex(4)}.log",
        )
        self._stack.callback(server.stop)
        return server

    def _environment(self, database_url: str) -> dict[str, str]:
        # A setting of the user's own, left in the environment, is no part of the comparison.
        known = {name.upper() for name in Settings.model_fields}
        inherited = {name: value for name, value in os.environ.items() if name not in known}
        return {
            **inherited,
            **API_SETTINGS,
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": self.secret_key,
        }

    async def _make_connecting_cheap(self) -> None:
        """
        Store the role's password with one round of hashing in place of 4096.

        pgbench opens its connections within its time: 256 of them took more
        than three seconds of a measurement that is not about connecting.
        """
        password = urlsplit(self._postgres.url).password
        await self._execute(
            f"SET scram_iterations = 1; ALTER ROLE {ROLE} PASSWORD '{password}'",
            url=self.superuser_url(DATABASE),
        )

    async def _execute(self, sql: str, *, url: str | None = None) -> None:
        connection = await asyncpg.connect(url or self._postgres.url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@contextmanager
def open_stage() -> Iterator[Stage]:
    """
    Start PostgreSQL and Redis for the body, and stop all that was started on them.

    Their data lies beside the repository's other data, and not in the folder
    for temporary files: that may be memory, where a flush to disk costs nothing.
    """
    base = REPOSITORY / ".dev"
    base.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=base) as folder, ExitStack() as stack:
        yield Stage(Path(folder), stack)
