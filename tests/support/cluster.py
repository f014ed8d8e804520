"""Two server processes on a PostgreSQL and a Redis of their own, all of which can be killed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from tests.support.servers import SECRET_KEY, ApiServer
from wallet.development import PostgresServer, RedisServer

_ENVIRONMENT = {
    "FUNDING": "owner",
    "LOG_LEVEL": "DEBUG",
    # Sixty-four that share a machine with other work have to be patient.
    "LOCK_WAIT_MS": "5000",
}

# One logs as in production and one as in development, and both all that there is.
_ENVIRONMENTS = (
    {**_ENVIRONMENT, "ENVIRONMENT": "production"},
    {**_ENVIRONMENT, "ENVIRONMENT": "development"},
)

# None of these is in a log unless something went wrong that must not.
_NEVER_LOGGED = ("internal error", "never retrieved", "never awaited", "deadlock")


class Cluster:
    """
    The servers of a deployment.

    Attributes:
        first, second: The two API processes.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.postgres = stack.enter_context(
            PostgresServer(folder / "postgres", settings={"fsync": "off"})
        )
        self.redis = stack.enter_context(RedisServer(folder / "redis"))
        self._servers: list[ApiServer] = []
        self._read: dict[Path, int] = {}

    @classmethod
    @contextmanager
    def of(cls, folder: Path) -> Iterator[Self]:
        """Start PostgreSQL and Redis, and at the end stop whatever was started."""
        with ExitStack() as stack:
            yield cls(folder, stack)

    @property
    def first(self) -> ApiServer:
        """One of the two."""
        return self._servers[0]

    @property
    def second(self) -> ApiServer:
        """The other one."""
        return self._servers[1]

    def add_servers(self, **environment: str) -> tuple[ApiServer, ApiServer]:
        """Start two API processes, with settings on top of those that they have anyway."""
        servers = []
        for usual in _ENVIRONMENTS:
            server = ApiServer(
                database_url=self.postgres.url,
                redis_url=self.redis.url,
                log=self._folder / f"server-{len(self._servers)}.log",
                environment={**usual, **environment},
            )
            self._stack.enter_context(server)
            self._servers.append(server)
            servers.append(server)
        return servers[0], servers[1]

    def mend(self) -> None:
        """Start again what the test before has killed, and have its logs done with."""
        self.postgres.start()
        self.redis.start()
        for server in self._servers[:2]:
            if server.exit_code() is not None:
                server.start()
        self._read = {path: path.stat().st_size for path in self._logs()}

    def check_logs(self, secrets: list[str]) -> None:
        """Assert that no log tells a secret, or of anything that must not happen."""
        secrets = [*secrets, SECRET_KEY, *(_password(s.url) for s in (self.postgres, self.redis))]
        for path in self._logs():
            log = path.read_text()[self._read.get(path, 0) :]
            assert [secret for secret in secrets if secret in log] == []
            assert [words for words in _NEVER_LOGGED if words in log.lower()] == []

    def _logs(self) -> list[Path]:
        """Return the logs that there are; that of a server's run before is one of them."""
        return [*(server.log for server in self._servers), *self._folder.glob("postgres/log*")]


def _password(url: str) -> str:
    return url.split("@", maxsplit=1)[0].rsplit(":", maxsplit=1)[1]
