"""What `wallet dev` is told by the environment, and what it tells the server it starts."""

import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wallet.development.errors import ServerError
from wallet.development.ports import LOOPBACK

_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  (compared with, not listened on)


@dataclass(frozen=True, kw_only=True)
class Options:
    """
    Where to serve, and on what.

    Attributes:
        folder: Everything of this run: ``.dev/8080``. Each port has its own
            below DEV_FOLDER, so that two runs beside each other share neither
            a database nor each other's end.
        database_url: A PostgreSQL that is there already; None to start one.
        redis_url: A Redis that is there already; None to start one.
    """

    host: str
    port: int
    folder: Path
    database_url: str | None
    redis_url: str | None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """
        Read the options from *environment*; an empty value counts as none.

        Raises:
            ServerError: PORT is not the number of a port.
        """
        port = environment.get("PORT") or "8080"
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ServerError(f"PORT={port} is not a port: choose one from 1 to 65535.")
        return cls(
            host=environment.get("HOST") or LOOPBACK,
            port=int(port),
            folder=Path(environment.get("DEV_FOLDER") or ".dev").absolute() / str(int(port)),
            database_url=environment.get("DATABASE_URL") or None,
            redis_url=environment.get("REDIS_URL") or None,
        )

    @property
    def reachable_host(self) -> str:
        """The host by which this machine reaches what listens on *host*."""
        return LOOPBACK if self.host in _EVERY_ADDRESS else self.host

    @property
    def address(self) -> str:
        """What to open in a browser."""
        at_home = self.host in {LOOPBACK, "localhost", *_EVERY_ADDRESS}
        host = "localhost" if at_home else f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/graphql"

    def complete(
        self, environment: Mapping[str, str], *, database_url: str, redis_url: str
    ) -> dict[str, str]:
        """Return *environment* with all that `wallet serve` needs to be said."""
        given = {name: value for name, value in environment.items() if value}
        return {
            "ENVIRONMENT": "development",
            **given,
            "HOST": self.host,
            "PORT": str(self.port),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": given.get("SECRET_KEY") or self._keep_secret_key(),
        }

    @property
    def environment_file(self) -> Path:
        """What a second terminal reads in to run `wallet` on the same servers."""
        return self.folder / "environment"

    def write_environment(self, environment: Mapping[str, str]) -> None:
        """Write the environment file, for our eyes only."""
        self.environment_file.unlink(missing_ok=True)
        names = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENVIRONMENT")
        lines = [f"export {name}={shlex.quote(environment[name])}\n" for name in names]
        _write_private(self.environment_file, "".join(lines))

    def _keep_secret_key(self) -> str:
        """Return the key of this folder, made at the first run: sessions outlive a restart."""
        path = self.folder / "secret_key"
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(48))
        return path.read_text()


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
