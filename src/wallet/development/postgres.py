"""A PostgreSQL server of one's own."""

import signal
from collections.abc import Mapping
from pathlib import Path

from wallet.development.binaries import find_postgres_programs
from wallet.development.cluster import (
    DATABASE,
    ROLE,
    prepare_cluster,
    read_password,
    server_environment,
)
from wallet.development.folders import open_folder
from wallet.development.ports import LOOPBACK
from wallet.development.processes import Child
from wallet.development.server import Server

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "log_line_prefix": "%m [%p] ",
}


class PostgresServer(Server):
    """
    A PostgreSQL on 127.0.0.1 that lives no longer than the thread that started it.

    The first start makes the data, a database ``wallet``, and its owner, a role
    ``wallet`` that may create databases. stop() is the fast shutdown: it ends
    connections and writes the data out. After kill(), start() recovers.

    Args:
        data_folder: Holds the data, the password and the log; made where missing.
        port: Where to listen; a free one when None, chosen at the first start.
        settings: Settings of PostgreSQL over its defaults, such as
            ``{"fsync": "off"}`` for tests.
    """

    _name = "PostgreSQL"
    _start_wait_s = 60.0  # it may have to recover first
    _stop_signals = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))

    def __init__(
        self,
        data_folder: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data_folder, port=port)
        self._settings = {**_SETTINGS, **(settings or {})}
        self._password = ""

    @property
    def url(self) -> str:
        """The database's address with the password inside; known after the first start."""
        return f"postgresql://{ROLE}:{self._password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def _launch(self) -> Child:
        with open_folder(self.data_folder) as folder:
            programs = find_postgres_programs(folder.account)
            durable = self._settings.get("fsync", "on") == "on"
            data = prepare_cluster(folder, programs, durable=durable)
            self._password = read_password(self.data_folder)
            settings = {**self._settings, "port": str(self._settle_port())}
            options = [f"--{name}={value}" for name, value in settings.items()]
            # Told of our death it stops fast, as by stop(): no recovery at the next start.
            return Child(
                [programs / "postgres", "-D", data, *options],
                dies_by=signal.SIGINT,
                environment=server_environment(),
                folder=Path("/"),
                log=self.log,
                account=folder.account,
                descriptors=folder.descriptors,
            )

    def _is_ready(self, child: Child) -> bool:
        """Return whether the postmaster says so, in the line of its file that pg_ctl reads too."""
        try:
            lines = (self.data_folder / "data" / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return lines[0] == str(child.pid) and len(lines) > 7 and lines[7].strip() == "ready"
