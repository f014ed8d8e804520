"""`wallet dev`, which runs on servers from wheels, around a stand-in for the service."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.processes import WAIT_S, find_processes, wait_for
from wallet.development.ports import find_free_port

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
