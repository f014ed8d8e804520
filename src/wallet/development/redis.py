"""A Redis server of one's own."""

import secrets
import signal
import socket
from pathlib import Path

from wallet.development.binaries import find_redis_server
from wallet.development.errors import ServerError
from wallet.development.ports import LOOPBACK
from wallet.development.processes import Child
from wallet.development.server import Server

_ANSWER_WAIT_S = 1.0


class RedisServer(Server):
    """
    A Redis on 127.0.0.1 that lives no longer than the thread that started it.

    It keeps nothing on disk: start() after stop() or kill() gives an empty one,
    on the same port, with the same password.

    Args:
        data_folder: Holds the log; made where missing.
        port: Where to listen; a free one when None, chosen at the first start.
    """

    _name = "Redis"
    _start_wait_s = 20.0
    _stop_signals = ((signal.SIGTERM, 10.0),)

    def __init__(self, data_folder: Path, *, port: int | None = None) -> None:
        super().__init__(data_folder, port=port)
        # Whoever may send commands to a Redis may write files as its user.
        self._password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Its address with the password inside; known after the first start."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def _launch(self) -> Child:
        program = find_redis_server()
        port = self._settle_port()
        try:
            self.data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Child(
                [program, "-"],
                dies_by=signal.SIGTERM,
                folder=self.data_folder,
                log=self.log,
                # Read from the standard input, so that the list of processes shows no password.
                stdin=(
                    f"bind {LOOPBACK}\nport {port}\nrequirepass {self._password}\n"
                    'save ""\nappendonly no\ndaemonize no\n'
                ),
            )
        except OSError as error:
            raise ServerError(
                f"Redis does not start ({error.strerror}: {error.filename}): where the folder "
                "is another user's, set DEV_FOLDER to another."
            ) from error

    def _is_ready(self, child: Child) -> bool:
        """Return whether it knows the password: another program on the port would not."""
        if child.exit_code is not None:
            return False
        try:
            with socket.create_connection((LOOPBACK, self.port), _ANSWER_WAIT_S) as connection:
                connection.sendall(f"AUTH {self._password}\r\n".encode())
                return connection.recv(64).startswith(b"+OK")
        except OSError:
            return False
