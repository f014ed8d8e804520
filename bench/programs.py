"""The programs that drive load: wrk, and pgbench, which comes with PostgreSQL."""

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import BenchError
from wallet.development.binaries import find_postgres_programs
from wallet.development.processes import die_with_parent


def find_wrk() -> Path:
    """
    Return the path of wrk.

    Raises:
        BenchError: It is not installed; says how to get it.
    """
    found = shutil.which("wrk")
    if found is None:
        raise BenchError("wrk is not installed: apt-get install wrk")
    return Path(found)


def find_pgbench() -> Path:
    """
    Return the path of the pgbench that belongs to the server, or else of the machine's own.

    Raises:
        BenchError: There is none.
    """
    beside = find_postgres_programs(None) / "pgbench"
    found = str(beside) if beside.exists() else shutil.which("pgbench")
    if found is None:
        raise BenchError("pgbench is not installed: apt-get install postgresql-contrib")
    return Path(found)


def run_program(
    command: Sequence[str | Path],
    *,
    wait_s: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """
    Run a program to its end, which must be a good one, and return what it printed.

    It ends with us: should we be killed, Linux tells it.

    Raises:
        BenchError: It failed, or took longer than *wait_s* seconds.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            capture_output=True,
            check=False,
            text=True,
            timeout=wait_s,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name} did not end within {wait_s:.0f} s.") from None
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-1000:]
        raise BenchError(f"{name} ended with exit code {done.returncode}: {words}")
    return done.stdout
