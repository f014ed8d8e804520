"""
`wallet dev`: everything that the service needs, and the service, in one command.

It starts PostgreSQL and Redis (or uses those of DATABASE_URL and REDIS_URL),
migrates, serves, works beside that, and waits. Whatever ends it, what it
started ends before it.
"""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from wallet.development.errors import ServerError
from wallet.development.options import Options
from wallet.development.ports import refuse_taken_port
from wallet.development.postgres import PostgresServer
from wallet.development.processes import Child, follow_parent
from wallet.development.redis import RedisServer
from wallet.development.signals import StopRequested, StopSignals

_READY_WAIT_S = 60.0
_ANSWER_WAIT_S = 2.0
_SERVE_STOP_WAIT_S = 20.0


def run() -> int:
    """
    Run everything until SIGINT, SIGTERM or SIGHUP, and return the exit code for the process.

    Returns:
        0 when stopped from outside; 1 when something did not start, or ended by itself.
    """
    signals = StopSignals(on_first=lambda: _say("Stopping …"))
    signals.take_over()
    if "MAKELEVEL" in os.environ:
        # `make run` is what people started and what they kill; a killed make tells nobody.
        follow_parent(signal.SIGTERM)
    try:
        options = Options.read(os.environ)
        refuse_taken_port(options.host, options.port)
        with ExitStack() as servers:
            environment = _start_servers(servers, options, signals)
            _migrate(environment, signals)
            _serve(options, environment, signals)
    except StopRequested:
        _say("Stopped.")
    except ServerError as error:
        _say(f"wallet dev: {error}", descriptor=2)
        return 1
    return 0


def _start_servers(servers: ExitStack, options: Options, signals: StopSignals) -> Mapping[str, str]:
    """Start what is not given, to be stopped by *servers*; return the service's environment."""
    _make_folder(options)
    database_url, redis_url = options.database_url, options.redis_url
    if database_url is None:
        _say("Starting PostgreSQL …")
        database_url = servers.enter_context(PostgresServer(options.folder / "postgres")).url
        signals.check()
    if redis_url is None:
        _say("Starting Redis …")
        redis_url = servers.enter_context(RedisServer(options.folder / "redis")).url
        signals.check()
    environment = options.complete(os.environ, database_url=database_url, redis_url=redis_url)
    servers.callback(options.environment_file.unlink, missing_ok=True)
    options.write_environment(environment)
    return environment


def _make_folder(options: Options) -> None:
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        usable = os.access(options.folder, os.R_OK | os.W_OK | os.X_OK)
        reason = "" if usable else "it is another user's"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise ServerError(
            f"The folder {options.folder} cannot be used ({reason}): set DEV_FOLDER to another."
        )


def _migrate(environment: Mapping[str, str], signals: StopSignals) -> None:
    _say("Migrating …")
    with _wallet("migrate", environment) as migrate:
        signals.wait_until(lambda: migrate.exit_code is not None)
        signals.check()
        if migrate.exit_code != 0:
            raise ServerError(
                f"The migrations failed ({_describe(migrate.exit_code)}); the lines above say why."
            )


def _serve(options: Options, environment: Mapping[str, str], signals: StopSignals) -> None:
    """Serve and work until asked to stop, or until one of both ends by itself: an error."""
    _say("Starting the server and the worker …")
    with _wallet("serve", environment) as server, _wallet("worker", environment) as worker:
        children = {"server": server, "worker": worker}

        def ended() -> list[str]:
            return [name for name, child in children.items() if child.exit_code is not None]

        ready = signals.wait_until(
            lambda: bool(ended()) or _is_ready(options), wait_s=_READY_WAIT_S
        )
        if not ready:
            raise ServerError(f"The server was not ready within {_READY_WAIT_S:.0f} s.")
        if not ended():
            _say(_describe_run(options))
            signals.wait_until(lambda: bool(ended()))
        signals.check()  # a signal may have reached all of us
        name, *_ = ended()
        raise ServerError(
            f"The {name} ended by itself ({_describe(children[name].exit_code)}); "
            "the lines above may say why."
        )


@contextmanager
def _wallet(command: str, environment: Mapping[str, str]) -> Iterator[Child]:
    """Run `wallet COMMAND` for as long as the body runs."""
    child = Child(
        [sys.executable, "-m", "wallet", command],
        dies_by=signal.SIGTERM,
        environment=environment,
    )
    try:
        yield child
    finally:
        child.stop((signal.SIGTERM, _SERVE_STOP_WAIT_S))


def _is_ready(options: Options) -> bool:
    """Return whether the service says that it reaches what it needs."""
    connection = HTTPConnection(options.reachable_host, options.port, timeout=_ANSWER_WAIT_S)
    with closing(connection):
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def _describe_run(options: Options) -> str:
    """Return what somebody in front of a terminal wants to know now."""
    environment_file = _shorten(options.environment_file)
    program = _shorten(Path(sys.executable).with_name("wallet"))
    data = options.folder if options.database_url is None else "in the PostgreSQL of DATABASE_URL"
    return (
        f"\n  Wallet runs at  {options.address}\n"
        f"  data            {data}\n"
        f"  other commands  . {environment_file} && {program} --help\n"
        f"  stop            Ctrl-C; the data stays\n"
    )


def _shorten(path: Path) -> Path:
    """Return *path* from here where it lies below, for people to copy."""
    here = Path.cwd()
    return Path(".", path.relative_to(here)) if path.is_relative_to(here) else path


def _describe(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def _say(text: str, *, descriptor: int = 1) -> None:
    """Write a line at once; a terminal that is gone must not keep us from stopping the rest."""
    with suppress(OSError):
        os.write(descriptor, f"{text}\n".encode())
