"""
Try the last commit as a new user would: clone it, `make run`, sign up, stop it.

Fails with one sentence; whatever happens, nothing is left running.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from wallet.development.ports import find_free_port

READY_WAIT_S = 400.0
STOP_WAIT_S = 40.0
POLL_S = 0.2

SIGNUP = """
mutation Signup($input: SignupInput!) {
  signup(input: $input) {
    __typename
    ... on SignupPayload { wallet { balance { amount currency } } }
  }
}
"""
ACCOUNT = {
    "email": "stranger@example.com",
    "password": "correct horse battery staple",
    "currency": "EUR",
}


class SmokeError(Exception):
    """Raised when a new user would have been stuck; its text says where."""


def main() -> int:
    """Try everything; return the exit code."""
    repository = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory(prefix="wallet-smoke-") as name:
        clone = Path(name, "wallet")
        clone_command = ["git", "clone", "--quiet", str(repository), str(clone)]
        subprocess.run(clone_command, check=True)
        port = find_free_port()
        environment = {**os.environ, "PORT": str(port)}
        for given in ("DATABASE_URL", "REDIS_URL", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
            environment.pop(given, None)
        run = subprocess.Popen(["make", "run"], cwd=clone, env=environment)  # noqa: S607  (as typed)
        try:
            wait_until_ready(run, port)
            sign_up(port)
            stop(run, clone)
        except SmokeError as error:
            print(f"The fresh clone failed: {error}", file=sys.stderr)
            return 1
        finally:
            run.kill()
            for pid in find_processes(clone):
                os.kill(pid, signal.SIGKILL)
    print("The fresh clone ran, signed somebody up, and stopped.")
    return 0


def wait_until_ready(run: subprocess.Popen[bytes], port: int) -> None:
    """Wait for the service's own word."""
    deadline = time.monotonic() + READY_WAIT_S
    while ask(port, "GET", "/readyz")[0] != 200:
        if run.poll() is not None:
            raise SmokeError(f"`make run` ended with exit code {run.returncode}.")
        if time.monotonic() > deadline:
            raise SmokeError(f"it was not ready within {READY_WAIT_S:.0f} s.")
        time.sleep(POLL_S)


def sign_up(port: int) -> None:
    """Sign up; the new wallet must be there, and empty."""
    body = json.dumps({"query": SIGNUP, "variables": {"input": ACCOUNT}}).encode()
    status, text = ask(port, "POST", "/graphql", body)
    expected = {
        "__typename": "SignupPayload",
        "wallet": {"balance": {"amount": "0.00", "currency": "EUR"}},
    }
    if status != 200 or json.loads(text).get("data", {}).get("signup") != expected:
        raise SmokeError(f"signup answered {status}: {text!r}")


def stop(run: subprocess.Popen[bytes], clone: Path) -> None:
    """Stop it by SIGTERM; nothing of the clone may run on."""
    run.terminate()
    try:
        run.wait(STOP_WAIT_S)
    except subprocess.TimeoutExpired:
        raise SmokeError(f"it did not stop within {STOP_WAIT_S:.0f} s.") from None
    left = find_processes(clone)
    if left:
        raise SmokeError(f"it left processes behind: {left}.")


def find_processes(clone: Path) -> list[int]:
    """Return the processes that run a program of *clone*, or work in it; Linux only."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for link in ("exe", "cwd"):
            try:
                target = (process / link).readlink()
            except OSError:
                continue  # it has ended, or is a kernel's
            if target.is_relative_to(clone):
                found.append(int(process.name))
                break
    return found


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Return the status and the body of an answer; status 0 when nobody answers."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException):
            return 0, b""


if __name__ == "__main__":
    sys.exit(main())
