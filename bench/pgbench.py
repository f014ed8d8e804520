"""pgbench: the raw limit, which is transfers in plain SQL with nothing in front."""

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from bench.crowd import Crowd
from bench.errors import BenchError, WrongAnswerError
from bench.loads import ZIPF_EXPONENT, Load
from bench.measurements import Measurement, percentile
from bench.programs import find_pgbench, run_program

_TRANSFER = Path(__file__).with_name("transfer.sql")
_END_WAIT_S = 120

# Connecting is part of its time, and not of its throughput.
_CONNECTED_PER_SECOND = 200

# The same choice of wallets as in load.lua.
_CHOICES = {
    Load.UNIFORM: (
        "\\set source random(1, :wallets)\n"
        "\\set other random(1, :wallets - 1)\n"
        "\\set target :other + CASE WHEN :other >= :source THEN 1 ELSE 0 END\n"
    ),
    Load.ZIPF: (
        f"\\set source random_zipfian(1, :wallets, {ZIPF_EXPONENT})\n"
        f"\\set other random_zipfian(1, :wallets, {ZIPF_EXPONENT})\n"
        "\\set target CASE WHEN :other <> :source THEN :other"
        " WHEN :source = :wallets THEN 1 ELSE :source + 1 END\n"
    ),
    Load.HOT: "\\set source random(2, :wallets)\n\\set target 1\n",
}

_PROCESSED = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)
_PER_SECOND = re.compile(r"^tps = ([\d.]+) \(without initial connection time\)", re.MULTILINE)


async def number_wallets(database_url: str, crowd: Crowd) -> None:
    """
    Give each wallet a number, since pgbench's variables are numbers.

    Two look-ups in a small table are what this costs a transfer.
    """
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE SCHEMA bench")
        await connection.execute(
            "CREATE TABLE bench.numbers (number integer PRIMARY KEY, wallet_id uuid NOT NULL)"
        )
        records = [(number, purse.wallet_id) for number, purse in enumerate(crowd.purses, 1)]
        await connection.copy_records_to_table("numbers", schema_name="bench", records=records)
        await connection.execute("VACUUM ANALYZE bench.numbers")
    finally:
        await connection.close()


class Pgbench:
    """Runs the script of a transfer, prepared once per connection, in one database."""

    def __init__(self, database_url: str, *, wallets: int) -> None:
        self._program = find_pgbench()
        self._wallets = wallets
        url = urlsplit(database_url)
        self._environment = {
            "PATH": os.defpath,
            "PGHOST": url.hostname or "",
            "PGPORT": str(url.port),
            "PGUSER": url.username or "",
            "PGPASSWORD": url.password or "",
            "PGDATABASE": url.path[1:],
        }

    def measure(self, load: Load, *, clients: int, seconds: int) -> Measurement:
        """
        Have *clients* connections transfer for *seconds*, each anew as soon as it is done.

        Raises:
            WrongAnswerError: A transaction failed.
        """
        with tempfile.TemporaryDirectory(prefix="pgbench-") as name:
            folder = Path(name)
            script = folder / "script.sql"
            script.write_text(_CHOICES[load] + _TRANSFER.read_text())
            command: list[str | Path] = [self._program, "--no-vacuum", "--protocol=prepared"]
            command += [
                f"--client={clients}",
                "--jobs=1",
                f"--time={seconds + clients // _CONNECTED_PER_SECOND}",
            ]
            command += [f"--define=wallets={self._wallets}", f"--file={script}"]
            command += ["--log", "--log-prefix=times"]
            output = run_program(
                command,
                wait_s=seconds + _END_WAIT_S,
                environment=self._environment,
                folder=folder,
            )
            times_ms = read_times(
                line for path in folder.glob("times.*") for line in path.read_text().splitlines()
            )
        return read_output(output, times_ms, clients=clients)


def read_times(lines: Iterable[str]) -> list[float]:
    """Read pgbench's log of transactions: how long each took, in ms."""
    # client, transaction, microseconds, script, and when.
    return [int(line.split(" ", 3)[2]) / 1e3 for line in lines if line]


def read_output(output: str, times_ms: list[float], *, clients: int) -> Measurement:
    """
    Read what pgbench printed.

    Raises:
        WrongAnswerError: A transaction failed.
        BenchError: It printed something else.
    """
    processed, failed, per_second = (
        pattern.search(output) for pattern in (_PROCESSED, _FAILED, _PER_SECOND)
    )
    if processed is None or failed is None or per_second is None or not times_ms:
        raise BenchError(f"pgbench said nothing of its transactions: {output.strip()[-500:]}")
    if int(failed[1]):
        raise WrongAnswerError(f"{failed[1]} transactions of pgbench failed.")
    return Measurement(
        clients=clients,
        count=int(processed[1]),
        seconds=int(processed[1]) / float(per_second[1]),
        p50_ms=percentile(times_ms, 50),
        p99_ms=percentile(times_ms, 99),
    )
