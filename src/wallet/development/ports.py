"""TCP ports of this machine: which are free, and a clear refusal where one is not."""

import errno
import random
import socket
from contextlib import closing

from wallet.development.errors import ServerError

LOOPBACK = "127.0.0.1"

# Below what Linux and macOS give to outgoing connections. A client that keeps
# trying a stopped server's port could otherwise be given that very port as its
# own end, and find itself connected to itself.
_CANDIDATES = range(15_000, 30_000)
_ATTEMPTS_MAX = 100


def find_free_port() -> int:
    """
    Return a port of 127.0.0.1 that nobody listens on at this moment.

    Raises:
        ServerError: None was found within a bounded number of attempts.
    """
    for port in random.SystemRandom().sample(_CANDIDATES, _ATTEMPTS_MAX):
        if _try_to_bind(LOOPBACK, port) is None:
            return port
    raise ServerError(f"No free port was found on {LOOPBACK}.")


def is_port_free(port: int) -> bool:
    """Return whether *port* of 127.0.0.1 can be listened on."""
    return _try_to_bind(LOOPBACK, port) is None


def refuse_taken_port(host: str, port: int) -> None:
    """
    Return if *port* of *host* can be listened on.

    Raises:
        ServerError: It cannot; says why, and what to do.
    """
    problem = _try_to_bind(host, port)
    if problem is None and host in {LOOPBACK, "localhost"}:
        # Browsers try ::1 first for "localhost": who listens there would be seen instead.
        on_ipv6 = _try_to_bind("::1", port)
        problem = on_ipv6 if on_ipv6 == errno.EADDRINUSE else None
    match problem:
        case None:
            return
        case errno.EADDRINUSE:
            raise ServerError(
                f"Port {port} is in use by another program: stop that one, "
                "or set PORT to another port."
            )
        case errno.EACCES:
            raise ServerError(f"Port {port} is not for this user: set PORT to one above 1023.")
        case _:
            raise ServerError(f"HOST={host} is not an address of this machine.")


def _try_to_bind(host: str, port: int) -> int | None:
    """Return None if a listener could start, else the number of what stands against it."""
    try:
        candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    family, kind, protocol, _, address = candidates[0]
    try:
        with closing(socket.socket(family, kind, protocol)) as listener:
            # As servers do: connections that linger from the last run are no listener.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return None
