"""`make run`, as people type it, in this checkout."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.api import SIGNUP
from tests.support.processes import WAIT_S, find_processes, wait_for
from wallet.development.ports import find_free_port

_ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    # It is the whole of `make run`, several times over, and machines may be busy.
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
    pytest.mark.skipif(
        not (_ROOT / ".venv" / ".package").exists(),
        reason="`make setup` has not been run, and doing so takes too long for a test",
    ),
]


class MakeRun:
    """`make run` with data in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        """Start it; *settings* are environment variables."""
        make = shutil.which("make")
        assert make
        environment = {
            name: value
            for name, value in os.environ.items()
            # What a `make test` above us tells its own children, and servers that are not ours.
            if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DATABASE_URL", "REDIS_URL"}
        }
        environment |= {"PORT": str(self.port), "DEV_FOLDER": str(self.folder), **settings}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [make, "run"],
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_until_ready(self, **settings: str) -> None:
        """Start it, and wait until it says that it runs."""
        self.start(**settings)
        wait_for(lambda: "Ctrl-C" in self.log.read_text() or self.has_ended)
        assert not self.has_ended, self.log.read_text()

    @property
    def has_ended(self) -> bool:
        """Whether make has ended."""
        assert self._process
        return self._process.poll() is not None

    def end(self, number: signal.Signals, *, whole_group: bool = False) -> int:
        """Send a signal to make alone, or as a terminal does; return make's exit code."""
        assert self._process
        if whole_group:
            os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)
        return self._process.wait(WAIT_S)

    def wait(self) -> int:
        """Wait for it to end by itself; return make's exit code."""
        assert self._process
        return self._process.wait(WAIT_S)

    def find_processes(self) -> list[int]:
        """Return the servers and services that run on its data or its port."""
        servers = find_processes(self.folder)
        return servers + [pid for pid in find_processes(_ROOT) if self._is_ours(pid)]

    def kill(self) -> None:
        """End what is left, by its own number."""
        if self._process:
            self._process.kill()
            self._process.wait()
        wait_for(lambda: not self.find_processes())

    def _is_ours(self, pid: int) -> bool:
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return f"DEV_FOLDER={self.folder}".encode() in variables


def _is_worker(pid: int) -> bool:
    return b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[MakeRun]:
    """`make run`, not started yet."""
    make_run = MakeRun(tmp_path)
    yield make_run
    make_run.kill()


class TestMakeRun:
    def test_serves_until_interrupted(self, make_run: MakeRun) -> None:
        """Two workers serve; Ctrl-C ends everything without a traceback; the data stays."""
        make_run.start_until_ready(WORKERS="2")
        account = {"email": "ada@example.com", "password": "x" * 12, "currency": "EUR"}
        body = {"query": SIGNUP, "variables": {"input": account}}
        signed_up = httpx.post(f"{make_run.url}/graphql", json=body, timeout=WAIT_S).json()
        assert signed_up["data"]["signup"]["__typename"] == "SignupPayload"

        make_run.end(signal.SIGINT, whole_group=True)

        assert make_run.find_processes() == []
        assert "Traceback" not in make_run.log.read_text()
        make_run.start_until_ready()
        again = httpx.post(f"{make_run.url}/graphql", json=body, timeout=WAIT_S).json()
        assert again["data"]["signup"]["__typename"] == "EmailTaken"
        make_run.end(signal.SIGTERM)
        assert make_run.find_processes() == []
        assert "Traceback" not in make_run.log.read_text()

    def test_leaves_nothing_when_killed(self, make_run: MakeRun) -> None:
        """Even a SIGKILL to make, which can tell nobody, ends everything."""
        make_run.start_until_ready(WORKERS="2")

        make_run.end(signal.SIGKILL)

        wait_for(lambda: make_run.find_processes() == [])

    def test_does_what_is_due(self, make_run: MakeRun) -> None:
        """A worker runs beside the server; that it ends by itself is an error, and ends all."""
        make_run.start_until_ready()
        wait_for(lambda: "worker started" in make_run.log.read_text())
        (worker,) = [pid for pid in make_run.find_processes() if _is_worker(pid)]

        os.kill(worker, signal.SIGKILL)

        assert make_run.wait() != 0
        said = make_run.log.read_text()
        assert "wallet dev: The worker ended by itself (by SIGKILL)" in said
        assert "Traceback" not in said
        assert make_run.find_processes() == []

    def test_refuses_taken_port(self, make_run: MakeRun) -> None:
        """A taken port is one clear sentence and a bad exit code."""
        with closing(socket.create_server(("127.0.0.1", make_run.port))):
            make_run.start()

            assert make_run.wait() != 0

        said = make_run.log.read_text()
        assert f"wallet dev: Port {make_run.port} is in use by another program" in said
        assert "Traceback" not in said
        assert make_run.find_processes() == []
