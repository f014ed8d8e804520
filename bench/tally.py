"""Counting in the database what was answered: neither more nor less has moved."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

import asyncpg

from bench.errors import BenchError, WrongAnswerError
from bench.measurements import Measurement
from wallet.core.ids import new_id

_QUIET_S = 0.15
_QUIET_WAIT_S = 120.0

# The ids of operations say when they were made, so that only what is new is read.
WALLET_TRANSFERS = """
SELECT count(*) FROM operations
 WHERE idempotency_key LIKE $1 AND id >= $2 AND status = 'COMPLETED'
"""

NAIVE_TRANSFERS = """
SELECT count(*) FROM operations
 WHERE idempotency_key LIKE $1 AND created_at >= uuid_extract_timestamp($2)
"""

SEQUENCES = "SELECT sum(last_sequence)::bigint FROM wallets"


class Tally:
    """
    Counts the transfers of one run in its database.

    Args:
        sql: Returns how many transfers there are whose keys are like $1,
            and that are younger than the UUIDv7 $2.
    """

    def __init__(self, database_url: str, sql: str) -> None:
        self._database_url = database_url
        self._sql = sql

    def check(self, measure: Callable[[str], Measurement], *, in_flight_max: int) -> Measurement:
        """
        Run *measure*, and compare what it counted with what is in the database.

        Args:
            measure: Takes the beginning of all its idempotency keys.
            in_flight_max: How many transfers may have been asked for and not
                waited for, when the time was over.

        Raises:
            WrongAnswerError: Transfers were answered that are not in the
                database, or are there that nobody asked for.
        """
        run, since = secrets.token_hex(6), new_id()
        measurement = measure(run)
        moved = asyncio.run(self._count_once_quiet(f"{run}-%", since))
        if not measurement.count <= moved <= measurement.count + in_flight_max:
            raise WrongAnswerError(
                f"{measurement.count} transfers were answered, and the database has {moved}."
            )
        return measurement

    async def _count_once_quiet(self, *values: object) -> int:
        """
        Return how many transfers there are, once they do not become more.

        What a load generator has asked for and not waited for is still carried
        out, and would be in the way of whoever is measured next.
        """
        connection = await asyncpg.connect(self._database_url)
        try:
            deadline = time.monotonic() + _QUIET_WAIT_S
            last = await connection.fetchval(self._sql, *values)
            while time.monotonic() < deadline:
                await asyncio.sleep(_QUIET_S)
                now = await connection.fetchval(self._sql, *values)
                if now == last:
                    return int(now)
                last = now
            raise BenchError("Transfers go on after the load has ended.")
        finally:
            await connection.close()


def check_sequences(database_url: str, measure: Callable[[], Measurement]) -> Measurement:
    """
    Run *measure*, and compare what it counted with how far the wallets' sequences went.

    Raises:
        WrongAnswerError: They went further, or less far: two for each transfer.
    """
    before = fetch_value(database_url, SEQUENCES)
    measurement = measure()
    steps = fetch_value(database_url, SEQUENCES) - before
    if steps != 2 * measurement.count:
        raise WrongAnswerError(
            f"{measurement.count} transfers were made, and {steps} entries, not twice as many."
        )
    return measurement


def fetch_value(database_url: str, sql: str, *values: object) -> Any:  # noqa: ANN401
    """Return the one value that *sql* answers."""

    async def fetch() -> Any:  # noqa: ANN401
        connection = await asyncpg.connect(database_url)
        try:
            return await connection.fetchval(sql, *values)
        finally:
            await connection.close()

    return asyncio.run(fetch())
