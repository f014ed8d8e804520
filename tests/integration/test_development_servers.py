"""The PostgreSQL and the Redis that come from wheels, and `wallet dev`, which runs on them."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from tests.support.processes import WAIT_S, find_processes, wait_for
from wallet.development import PostgresServer, RedisServer, ServerError, binaries, folders
from wallet.development.ports import find_free_port, is_port_free

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's death signal")

# As `python -m wallet` to the runner: serves /readyz, and fails where it is told to.
_FAKE_WALLET = """
import http.server, os, signal, sys

def stop(*_):
    os._exit(0)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if self.path == "/die":
            os._exit(3)

signal.signal(signal.SIGTERM, stop)
if sys.argv[1] == os.environ.get("FAIL"):
    sys.exit(5)
if sys.argv[1] == "worker":
    signal.pause()
if sys.argv[1] == "serve":
    with open("served", "a") as file:
        names = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")
        print(*(os.environ[name] for name in names), file=file)
    address = (os.environ["HOST"], int(os.environ["PORT"]))
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""
_RUN = """
import os, sys
from wallet.development.runner import run
os.environ["PYTHONPATH"] = sys.argv[1]
sys.exit(run())
"""


def query(url: str, *statements: str) -> Any:
    """Run *statements* in a connection of their own; return the last one's value."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of PostgreSQL that is made already."""
    folder = tmp_path_factory.mktemp("data")
    with PostgresServer(folder):
        return folder


@pytest.fixture
def postgres(data_folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server that has not been started."""
    server = PostgresServer(data_folder)
    yield server
    server.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server that has not been started."""
    server = RedisServer(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with closing(socket.create_server(("127.0.0.1", find_free_port()))) as listener:
        yield listener.getsockname()[1]


class TestPostgresServer:
    def test_makes_role_and_database(self, postgres: PostgresServer) -> None:
        """The database is the role's own, which is no superuser, in UTF-8 and with checksums."""
        postgres.start()

        assert query(
            postgres.url,
            """
            SELECT ARRAY[current_user, current_database(), pg_get_userbyid(datdba),
                         pg_encoding_to_char(encoding), datlocprovider::text, datlocale,
                         rolsuper::text, current_setting('data_checksums')]
            FROM pg_database, pg_roles WHERE datname = 'wallet' AND rolname = 'wallet'
            """,
        ) == ["wallet", "wallet", "wallet", "UTF8", "b", "C.UTF-8", "false", "on"]

    def test_listens_for_this_machine_alone(self, postgres: PostgresServer) -> None:
        """Only 127.0.0.1 reaches it, by password, with room for many connections."""
        postgres.start()

        assert query(postgres.url, "SELECT current_setting('listen_addresses')") == "127.0.0.1"
        assert query(postgres.url, "SELECT current_setting('max_connections')") == "200"
        with pytest.raises(asyncpg.InvalidPasswordError):
            query(f"postgresql://wallet:wrong@127.0.0.1:{postgres.port}/wallet", "SELECT 1")

    def test_keeps_data_and_address(self, postgres: PostgresServer) -> None:
        """Stopped and started again, it has the same data at the same address."""
        postgres.start()
        url = postgres.url
        query(url, "CREATE TABLE kept (value int)", "INSERT INTO kept VALUES (42)")

        postgres.stop()
        assert is_port_free(postgres.port)
        postgres.start()

        assert postgres.url == url
        assert query(url, "SELECT value FROM kept") == 42
        query(url, "DROP TABLE kept")

    def test_recovers_from_crash(self, postgres: PostgresServer) -> None:
        """What was committed before a SIGKILL is there after the next start."""
        postgres.start()
        query(postgres.url, "CREATE TABLE crashed (value int)", "INSERT INTO crashed VALUES (7)")

        postgres.kill()
        assert postgres.pid is None
        postgres.start()

        assert query(postgres.url, "SELECT value FROM crashed") == 7
        query(postgres.url, "DROP TABLE crashed")

    def test_stops_under_open_connections(self, postgres: PostgresServer) -> None:
        """Somebody's transaction does not keep it from stopping."""
        postgres.start()

        async def stop_under_transaction() -> None:
            connection = await asyncpg.connect(postgres.url)
            await connection.execute("BEGIN")
            await asyncio.to_thread(postgres.stop)
            connection.terminate()

        asyncio.run(stop_under_transaction())

        assert postgres.pid is None

    @linux_only
    def test_forgets_stale_pid_file(self, postgres: PostgresServer, data_folder: Path) -> None:
        """The number of a dead postmaster that another process has by now is no obstacle."""
        stale = data_folder / "data" / "postmaster.pid"
        sleeper = subprocess.Popen(["/bin/sleep", "60"])
        try:
            stale.write_text(f"{sleeper.pid}\n{data_folder}\n1\n5432\n\n127.0.0.1\n1 1\nready\n")
            postgres.start()
        finally:
            sleeper.kill()
            sleeper.wait()

        assert query(postgres.url, "SELECT 1") == 1

    def test_takes_settings(self, data_folder: Path) -> None:
        """Settings given to it come before its own."""
        with PostgresServer(data_folder, settings={"fsync": "off"}) as server:
            assert query(server.url, "SELECT current_setting('fsync')") == "off"

    def test_refuses_other_major(self, tmp_path: Path) -> None:
        """The data of another PostgreSQL is named with both versions, and left alone."""
        version = tmp_path / "data" / "PG_VERSION"
        version.parent.mkdir()
        version.write_text("16\n")

        with pytest.raises(ServerError, match=r"is of PostgreSQL 16, .* PostgreSQL 18") as refusal:
            PostgresServer(tmp_path).start()

        assert str(tmp_path / "data") in str(refusal.value)
        assert version.read_text() == "16\n"

    def test_refuses_taken_port(self, data_folder: Path, taken_port: int) -> None:
        """A port that somebody listens on is named."""
        server = PostgresServer(data_folder, port=taken_port)

        with pytest.raises(ServerError, match=f"Port {taken_port}, meant for PostgreSQL, is in"):
            server.start()

        assert server.pid is None

    def test_refuses_folder_in_use(
        self, postgres: PostgresServer, data_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two servers never share one folder."""
        monkeypatch.setattr(folders, "_LOCK_WAIT_S", 0.1)
        postgres.start()

        with pytest.raises(ServerError, match="in use by another run"):
            PostgresServer(data_folder).start()

        assert query(postgres.url, "SELECT 1") == 1

    def test_tells_why_it_does_not_start(self, data_folder: Path) -> None:
        """What PostgreSQL itself says about its end is in the error."""
        server = PostgresServer(data_folder, settings={"shared_buffers": "plenty"})

        with pytest.raises(ServerError, match=r'does not start: .*"shared_buffers": "plenty"'):
            server.start()

        assert server.pid is None

    def test_tells_missing_wheel(
        self, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the wheel, the error says how to get it."""
        monkeypatch.setattr(binaries, "_find_package", lambda _name: None)

        with pytest.raises(ServerError, match="There is no PostgreSQL here: run `make setup`"):
            postgres.start()


class TestRedisServer:
    def test_answers_who_knows_password(self, redis: RedisServer) -> None:
        """Its URL lets in; without the password nobody gets in."""
        redis.start()

        assert Redis.from_url(redis.url).ping()
        with pytest.raises(AuthenticationError):
            Redis.from_url(f"redis://127.0.0.1:{redis.port}").ping()

    @pytest.mark.parametrize("end", [RedisServer.stop, RedisServer.kill])
    def test_starts_again_empty(
        self, redis: RedisServer, end: Callable[[RedisServer], None]
    ) -> None:
        """Stopped or crashed, it comes back at the same address, with nothing in it."""
        redis.start()
        url = redis.url
        Redis.from_url(url).set("key", "value")

        end(redis)
        assert redis.pid is None
        redis.start()

        assert redis.url == url
        assert Redis.from_url(url).get("key") is None

    def test_refuses_taken_port(self, tmp_path: Path, taken_port: int) -> None:
        """A port that somebody listens on is named."""
        with pytest.raises(ServerError, match=f"Port {taken_port}, meant for Redis, is in use"):
            RedisServer(tmp_path, port=taken_port).start()

    def test_tells_missing_wheel(self, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the machine's own and without the wheel, the error says how to get it."""
        monkeypatch.setattr(binaries, "_find_package", lambda _name: None)
        monkeypatch.setattr(shutil, "which", lambda *_arguments, **_options: None)

        with pytest.raises(ServerError, match="There is no redis-server here: run `make setup`"):
            redis.start()


class Runs:
    """Starts `wallet dev` in *folder*, around a stand-in for the service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = find_free_port()
        self._served = folder / "served"
        self._started: list[subprocess.Popen[str]] = []
        package = folder / "fake" / "wallet"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(_FAKE_WALLET)

    @property
    def data(self) -> Path:
        """Where the runs on the usual port keep everything."""
        return self.folder / "dev" / str(self.port)

    def start(self, **settings: str) -> subprocess.Popen[str]:
        """Start one; *settings* are environment variables."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "MAKELEVEL"}
        }
        environment |= {"PORT": str(self.port), "DEV_FOLDER": str(self.folder / "dev"), **settings}
        run = subprocess.Popen(
            [sys.executable, "-c", _RUN, str(self.folder / "fake")],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(run)
        return run

    def start_until_ready(self, **settings: str) -> subprocess.Popen[str]:
        """Start one, and wait until it says that it runs."""
        run = self.start(**settings)
        assert run.stdout
        while line := run.stdout.readline():
            if "Ctrl-C" in line:
                return run
        raise AssertionError(run.communicate()[1])

    def ask(self, path: str) -> int:
        """Ask the stand-in; return the status of its answer."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status

    def read_served(self) -> list[list[str]]:
        """Return what each service was given: database, Redis, secret key."""
        return [line.split() for line in self._served.read_text().splitlines()]

    def find_processes(self) -> list[int]:
        """Return what still runs of it."""
        return find_processes(self.folder)

    def stop(self) -> None:
        """End whatever is left, by its own number; the data stays for the next test."""
        while self._started:
            run = self._started.pop()
            run.kill()
            run.communicate()
        wait_for(lambda: not self.find_processes())
        self._served.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def shared_runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Starts `wallet dev`, with data that is made once."""
    return Runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def runs(shared_runs: Runs) -> Iterator[Runs]:
    """Starts `wallet dev`, and ends it with the test."""
    yield shared_runs
    shared_runs.stop()


@pytest.fixture
def given() -> dict[str, str]:
    """The addresses of servers that are there already, as far as the stand-in can tell."""
    return {"DATABASE_URL": "postgresql://given", "REDIS_URL": "redis://given"}


@linux_only
class TestRun:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_stops_everything(self, runs: Runs, number: signal.Signals) -> None:
        """Asked to stop, it ends well, and so has all that it started."""
        run = runs.start_until_ready()
        assert len(runs.find_processes()) > 3

        run.send_signal(number)
        output, errors = run.communicate(timeout=WAIT_S)

        assert run.returncode == 0, errors
        assert output.endswith("Stopped.\n")
        assert runs.find_processes() == []

    def test_leaves_nothing_when_killed(self, runs: Runs) -> None:
        """Killed without a chance to tidy up, it leaves nothing; the data is whole."""
        run = runs.start_until_ready()

        run.kill()
        run.communicate()

        wait_for(lambda: not runs.find_processes())
        again = runs.start_until_ready()
        assert runs.ask("/readyz") == 200
        again.terminate()
        assert again.wait(WAIT_S) == 0

    def test_keeps_password_and_secret_key(self, runs: Runs) -> None:
        """Whoever is signed in stays so over a restart; nobody else may read the key."""
        for _ in range(2):
            run = runs.start_until_ready()
            run.terminate()
            run.wait(WAIT_S)

        (first, _, key), (second, _, key_after) = runs.read_served()
        assert first.split("@")[0] == second.split("@")[0]
        assert key == key_after
        assert len(key) >= 48
        assert (runs.data / "secret_key").stat().st_mode & 0o777 == 0o600

    def test_runs_beside_another(self, runs: Runs) -> None:
        """Two ports, two databases; the end of one is not the other's."""
        one = runs.start_until_ready()
        other = runs.start_until_ready(PORT=str(find_free_port()))

        other.terminate()
        assert other.wait(WAIT_S) == 0

        assert runs.ask("/readyz") == 200
        (database, cache, _), (other_database, other_cache, _) = runs.read_served()
        assert database != other_database
        assert cache != other_cache
        one.terminate()
        assert one.wait(WAIT_S) == 0

    def test_uses_given_servers(self, runs: Runs, given: dict[str, str]) -> None:
        """With DATABASE_URL and REDIS_URL it starts no server of its own."""
        runs.start_until_ready(**given, SECRET_KEY="given")

        assert runs.read_served() == [["postgresql://given", "redis://given", "given"]]
        # Itself, the server and the worker.
        assert len(runs.find_processes()) == 3

    def test_refuses_taken_port(self, runs: Runs, taken_port: int) -> None:
        """A taken port is one sentence, before anything was started."""
        run = runs.start(PORT=str(taken_port))

        output, errors = run.communicate(timeout=WAIT_S)

        assert run.returncode == 1
        assert errors.startswith(f"wallet dev: Port {taken_port} is in use by another program")
        assert errors.count("\n") == 1
        assert output == ""
        assert not (runs.data.parent / str(taken_port)).exists()

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"PORT": "http"}, "PORT=http is not a port"),
            ({"HOST": "192.0.2.1"}, "HOST=192.0.2.1 is not an address of this machine"),
            ({"FAIL": "migrate"}, "The migrations failed (exit code 5)"),
            ({"FAIL": "serve"}, "The server ended by itself (exit code 5)"),
        ],
    )
    def test_tells_what_failed(
        self, runs: Runs, given: dict[str, str], settings: dict[str, str], sentence: str
    ) -> None:
        """What goes wrong is one sentence and an exit code, and nothing is left."""
        run = runs.start(**given, **settings)

        _, errors = run.communicate(timeout=WAIT_S)

        assert run.returncode == 1
        assert errors.startswith(f"wallet dev: {sentence}")
        assert errors.count("\n") == 1
        assert runs.find_processes() == []

    def test_ends_with_service(self, runs: Runs) -> None:
        """When the service dies by itself, the servers end too, and the exit code tells."""
        run = runs.start_until_ready()

        assert runs.ask("/die") == 200
        _, errors = run.communicate(timeout=WAIT_S)

        assert run.returncode == 1
        assert errors.endswith(
            "wallet dev: The server ended by itself (exit code 3); the lines above may say why.\n"
        )
        assert runs.find_processes() == []
