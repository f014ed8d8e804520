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
    "METRICS": "on",
    # Sixty-four that share a machine with other work have to be patient.
    "LOCK_WAIT_MS": "5000",
}

# None of these is in a log unless something went wrong that must not.
_NEVER_LOGGED = ("internal error", "never retrieved", "never awaited", "deadlock")


class Cluster:
    """The servers of a deployment, each started when it is first asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.postgres = stack.enter_context(
            PostgresServer(folder / "postgres", settings={"fsync": "off"})
        )
        self.redis = stack.enter_context(RedisServer(folder / "redis"))
        self._pairs: dict[str, tuple[ApiServer, ApiServer]] = {}
        self._read: dict[int, int] = {}

    @classmethod
    @contextmanager
    def of(cls, folder: Path) -> Iterator[Self]:
        """Start PostgreSQL and Redis, and at the end stop whatever was started."""
        with ExitStack() as stack:
            yield cls(folder, stack)

    def pair(self, lock_outage: str = "degrade") -> tuple[ApiServer, ApiServer]:
        """Return the two API processes with this LOCK_OUTAGE; what was killed is started again."""
        if lock_outage not in self._pairs:
            first, second = (
                self._make_server(LOCK_OUTAGE=lock_outage, ENVIRONMENT=environment)
                # One logs as in production and one as in development.
                for environment in ("production", "development")
            )
            self._pairs[lock_outage] = first, second
        ended = [server for server in self._pairs[lock_outage] if not server.is_running()]
        for server in ended:
            server.launch()
        for server in ended:
            server.wait_until_ready()
        return self._pairs[lock_outage]

    def mend(self) -> None:
        """Start PostgreSQL and Redis again if the test before has killed them; read on in logs."""
        self.postgres.start()
        self.redis.start()
        # By number and not by name: PostgreSQL's log gets another name when it starts again.
        self._read = {path.stat().st_ino: path.stat().st_size for path in self._logs()}

    def _make_server(self, **environment: str) -> ApiServer:
        server = ApiServer(
            database_url=self.postgres.url,
            redis_url=self.redis.url,
            log=self._folder / f"server-{len(self._pairs)}-{environment['ENVIRONMENT']}.log",
            environment={**_ENVIRONMENT, **environment},
        )
        self._stack.callback(server.stop)
        return server

    def check_logs(self, secrets: list[str]) -> None:
        """Assert that no log tells a secret, or of anything that must not happen."""
        secrets = [*secrets, SECRET_KEY, *(_password(s.url) for s in (self.postgres, self.redis))]
        for path in self._logs():
            log = path.read_bytes()[self._read.get(path.stat().st_ino, 0) :].decode()
            assert [secret for secret in secrets if secret in log] == []
            assert [words for words in _NEVER_LOGGED if words in log.lower()] == []

    def _logs(self) -> list[Path]:
        """Return the logs that there are; that of PostgreSQL's run before is one of them."""
        return [*self._folder.glob("server-*.log"), *self._folder.glob("postgres/log*")]


def _password(url: str) -> str:
    return url.split("@", maxsplit=1)[0].rsplit(":", maxsplit=1)[1]
