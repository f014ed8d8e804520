"""A whole statement as a report, beside what PostgreSQL itself takes to write the same rows."""

import asyncio
import time
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from bench.errors import WrongAnswerError
from bench.measurements import Measurement
from bench.plans import Plan
from bench.reading import Library
from bench.results import Compared, Footprint, Ratio
from bench.stage import Stage
from bench.tally import fetch_value
from bench.transfers import measure_rounds
from wallet.core.ids import to_global_id
from wallet.core.keys import Keys
from wallet.core.tokens import issue_access_token

_TIME_NEEDED = 8
_MEGABYTES_NEEDED = 150
_BLOCK_BYTES = 1 << 20
_WAIT_S = 600.0

_BESIDE_LINES = 3
"""The header, and the two balances."""

# The same columns in the same order, as they are stored; to nowhere, by the server itself.
_COPY = """
COPY (
    SELECT entry.sequence, entry.created_at, operation.kind, operation.status, entry.amount_minor,
           operation.currency, entry.balance_after_minor, holder.email, operation.description,
           operation.error_code, operation.id, operation.parent_id, operation.metadata
      FROM entries AS entry
      JOIN operations AS operation ON operation.id = entry.operation_id
      LEFT JOIN wallets AS other
        ON other.id = CASE WHEN operation.source_wallet_id = entry.wallet_id
                           THEN operation.target_wallet_id ELSE operation.source_wallet_id END
      LEFT JOIN users AS holder ON holder.id = other.owner_id
     WHERE entry.wallet_id = '{wallet_id}'
     ORDER BY entry.sequence
) TO '/dev/null' WITH (FORMAT csv)
"""


def compare_report(stage: Stage, library: Library, plan: Plan) -> tuple[Ratio, Footprint]:
    """Compare a report over HTTP with COPY, and tell how much memory it took at most."""
    _, entries = plan.growth[-1]
    title = f"report of {entries:,} rows as CSV"
    report = _Report(stage, library)
    before_kib = report.memory_kib("VmRSS")
    report.forget_peak()
    series = measure_rounds(
        {"wallet, report": report.measure, "COPY … TO": partial(_copy, stage, library)}
    )
    above = (report.memory_kib("VmHWM") - before_kib) / 1024
    ratio = Ratio(
        title=f"{title}, to COPY … TO",
        ours=series["wallet, report"],
        theirs=series["COPY … TO"],
        needed=_TIME_NEEDED,
        compared=Compared.TIME,
    )
    return ratio, Footprint(title=title, megabytes=above, needed=_MEGABYTES_NEEDED)


class _Report:
    """Asks a server for the whole statement of wallet 1."""

    def __init__(self, stage: Stage, library: Library) -> None:
        purse = library.crowd.purses[0]
        self._library = library
        self._wallet_id = purse.wallet_id
        self._person = library.crowd.people[purse.owner]
        self._secret_key = stage.secret_key
        self._process = Path(f"/proc/{library.pid}")

    def memory_kib(self, name: str) -> int:
        """Return how much memory the server has (VmRSS), or had at most (VmHWM)."""
        lines = (self._process / "status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith(f"{name}:"))
        return int(line.split()[1])

    def forget_peak(self) -> None:
        """Have the kernel count the server's peak from now on."""
        (self._process / "clear_refs").write_text("5")

    def measure(self) -> Measurement:
        """
        Fetch the report once, as fast as it comes.

        Raises:
            WrongAnswerError: It has not all lines.
        """
        token, _ = issue_access_token(self._person, keys=Keys(self._secret_key))
        path = f"/wallets/{to_global_id('Wallet', self._wallet_id)}/report.csv"
        url = urlsplit(self._library.api.url)
        started = time.perf_counter()
        with closing(HTTPConnection(url.hostname or "", url.port, timeout=_WAIT_S)) as connection:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
            rows = 0
            while block := response.read(_BLOCK_BYTES):
                rows += block.count(b"\n")
        seconds = time.perf_counter() - started
        lines = _count_lines(self._library)
        if response.status != 200 or rows != lines + _BESIDE_LINES:
            raise WrongAnswerError(f"A report has {rows} rows for {lines} lines.")
        return _one(lines, seconds)


def _copy(stage: Stage, library: Library) -> Measurement:
    wallet_id = library.crowd.purses[0].wallet_id
    seconds = asyncio.run(
        _run(stage.superuser_url(library.name), _COPY.format(wallet_id=wallet_id))
    )
    return _one(_count_lines(library), seconds)


async def _run(database_url: str, sql: str) -> float:
    connection = await asyncpg.connect(database_url)
    try:
        started = time.perf_counter()
        await connection.execute(sql, timeout=_WAIT_S)
        return time.perf_counter() - started
    finally:
        await connection.close()


def _count_lines(library: Library) -> int:
    wallet_id = library.crowd.purses[0].wallet_id
    sql = "SELECT last_sequence FROM wallets WHERE id = $1"
    return int(fetch_value(library.database_url, sql, wallet_id))


def _one(count: int, seconds: float) -> Measurement:
    """Return the measurement of one answer."""
    ms = seconds * 1000
    return Measurement(clients=1, count=count, seconds=seconds, p50_ms=ms, p99_ms=ms)
