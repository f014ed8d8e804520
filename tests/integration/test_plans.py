"""How PostgreSQL goes about what is asked on the money path: by indexes, however much there is."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
import pytest
import pytest_asyncio

from tests.support.ballast import fill, row_id
from tests.support.servers import Databases
from wallet.models import OperationKind, OperationStatus
from wallet.services import schedules, sessions, statements, worker
from wallet.services.ledger import journal
from wallet.services.wallets import _SELECT as _SELECT_WALLET

WALLETS, OPERATIONS, PENDING = 2_000, 40_000, 4_000

_SESSIONS = """
INSERT INTO sessions (id, family_id, user_id, token_hash, created_at, expires_at, used_at)
SELECT gen_random_uuid(), gen_random_uuid(), users.id, sha256(gen_random_uuid()::text::bytea),
       day - interval '30 days', day, CASE WHEN extract(day FROM day) > 1 THEN day END
  FROM generate_series(now() - interval '3 years', now() + interval '20 days', '1 day') AS day,
       (SELECT id FROM users LIMIT 30) AS users
"""

# The wallet that `lengthen` gives many lines to, and what is asked of it: rare, and not.
LONG = row_id(2, 13)
WANTED = [
    statements.Filter(statuses=(OperationStatus.EXPIRED,)),
    statements.Filter(statuses=(OperationStatus.PENDING,), kinds=(OperationKind.HOLD,)),
    statements.Filter(kinds=(OperationKind.REVERSAL, OperationKind.TOPUP)),
    statements.Filter(kinds=(OperationKind.TRANSFER,)),
]

modes = pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])


def as_superuser(url: str) -> str:
    """Return the same address for the superuser, whose password is the same."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("wallet:", "postgres:", 1)))


@pytest_asyncio.fixture(scope="module")
async def filled(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database in which a scan would be dear."""
    connection = await asyncpg.connect(as_superuser(await databases.create()))
    try:
        await fill(connection, wallets=WALLETS, operations=OPERATIONS, pending=PENDING)
        yield connection
    finally:
        await connection.close()


def ids(table: int, *numbers: int) -> str:
    """Return, as SQL, an array of rows' ids."""
    listed = ", ".join(row_id(table, number) for number in numbers)
    return f"ARRAY[{listed}]::uuid[]"


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every node of a plan."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes_of(below)


async def explain(
    connection: asyncpg.Connection, sql: str, *values: str, mode: str
) -> list[dict[str, Any]]:
    """Carry a statement out, undo it, and return the nodes of its plan that were run."""
    listed = f"({', '.join(values)})" if values else ""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
            await connection.execute(f"PREPARE asked AS {sql}")
            answer = await connection.fetchval(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked {listed}"
            )
            raise _UndoneError
    except _UndoneError:
        await connection.execute("DEALLOCATE asked")
    return [node for node in nodes_of(orjson.loads(answer)[0]["Plan"]) if node["Actual Loops"]]


def sql_of(value: object) -> str:
    """Write a value of a filter as SQL."""
    if isinstance(value, list):
        listed = ", ".join(f"'{item}'" for item in value)
        return f"ARRAY[{listed}]::text[]"
    return "NULL" if value is None else str(value)


async def lengthen(connection: asyncpg.Connection) -> None:
    """Give all transfers that are over a line in one wallet, once."""
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(
        "WITH line AS (INSERT INTO entries SELECT id,"
        f" {LONG}, row_number() OVER (ORDER BY id), 1, 0, 0, 0, decode(repeat('00', 32), 'hex'),"
        " now() FROM operations WHERE status = 'COMPLETED' ON CONFLICT DO NOTHING RETURNING *)"
        f" UPDATE operations SET target_wallet_id = {LONG}, target_sequence = sequence"
        " FROM line WHERE operation_id = id"
    )
    await connection.execute(f"UPDATE wallets SET last_sequence = {OPERATIONS} WHERE id = {LONG}")
    await connection.execute("RESET session_replication_role")
    await connection.execute("VACUUM ANALYZE operations, entries")


class _UndoneError(Exception):
    """Raised to undo what was explained."""


def read_whole(nodes: list[dict[str, Any]]) -> set[str]:
    """Return the tables that are read from end to end."""
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}


def scanned(nodes: list[dict[str, Any]]) -> set[str]:
    """Return the tables that are read from end to end, though they are large for what is asked."""
    return read_whole(nodes) & {"operations", "entries", "quotes", "wallets"}


def touched(nodes: list[dict[str, Any]]) -> int:
    """Count the pages that the whole statement has looked at."""
    return int(nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"])


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    """Return the indexes that are used."""
    return {node["Index Name"] for node in nodes if "Index Name" in node}


class TestRound:
    """The statement with which a round locks and reads."""

    @modes
    @pytest.mark.parametrize("length", [1, 100])
    async def test_scans_nothing(self, filled: asyncpg.Connection, mode: str, length: int) -> None:
        """Wallets, keys, holds that are over, what is followed, quotes: each by its index."""
        numbers = range(100, 100 + length)
        keys = ", ".join(f"'key {number}'" for number in numbers)
        hashes = ", ".join(["decode(repeat('00', 32), 'hex')"] * length)

        nodes = await explain(
            filled,
            journal._LOCK_AND_READ_ALL,
            ids(2, *numbers, *(number + 500 for number in numbers)),
            ids(1, *(number + 1 for number in numbers)),
            f"ARRAY[{keys}]::text[]",
            ids(2, *(number + 1 for number in numbers)),
            f"ARRAY[{hashes}]::bytea[]",
            ids(3, *(number + 5_000 for number in numbers)),
            ids(4, *numbers),
            mode=mode,
        )

        assert scanned(nodes) == set()
        assert indexes(nodes) & {"operations_open_holds_of", "operations_open_holds"}
        assert touched(nodes) < 100 + 100 * length

    @modes
    async def test_of_a_plain_transfer(self, filled: asyncpg.Connection, mode: str) -> None:
        """What it does not ask for costs it nothing."""
        nodes = await explain(
            filled,
            journal._LOCK_AND_READ,
            ids(2, 5, 6),
            ids(1, 6),
            "ARRAY['new']::text[]",
            ids(2, 5),
            "ARRAY['x']::bytea[]",
            mode=mode,
        )

        assert scanned(nodes) == set()
        assert touched(nodes) < 60

    @modes
    async def test_of_a_wallet_with_many_open_holds(
        self, filled: asyncpg.Connection, mode: str
    ) -> None:
        """Those that are over are found among the others without looking at these."""
        await filled.execute(
            f"UPDATE operations SET source_wallet_id = {row_id(2, 9)} WHERE kind = 'HOLD'"
        )
        await filled.execute("VACUUM ANALYZE operations")

        nodes = await explain(
            filled,
            journal._LOCK_AND_READ,
            ids(2, 9),
            "'{}'::uuid[]",
            "'{}'::text[]",
            "'{}'::uuid[]",
            "'{}'::bytea[]",
            mode=mode,
        )

        assert max(node.get("Rows Removed by Filter", 0) for node in nodes) < 10
        assert touched(nodes) < PENDING // 20

    @modes
    async def test_of_a_wallet_with_a_limit_and_a_long_past(
        self, filled: asyncpg.Connection, mode: str
    ) -> None:
        """Of its entries, those of the last day are read."""
        await filled.execute(
            f"UPDATE wallets SET outflow_24h_max_minor = 1000 WHERE id = {row_id(2, 11)}"
        )
        await filled.execute("SET session_replication_role = replica")
        await filled.execute(
            f"INSERT INTO entries SELECT {row_id(3, '100000000 + n')}, {row_id(2, 11)}, 1000 + n,"
            " -1, 0, 0, 0, hash, created_at - (5000 - n) * interval '1 hour'"
            " FROM entries, generate_series(1, 5000) AS n"
            f" WHERE wallet_id = {row_id(2, 11)} AND sequence = 1 ON CONFLICT DO NOTHING"
        )
        await filled.execute("RESET session_replication_role")
        await filled.execute("VACUUM ANALYZE entries")

        nodes = await explain(
            filled,
            journal._LOCK_AND_READ,
            ids(2, 11),
            "'{}'::uuid[]",
            "'{}'::text[]",
            "'{}'::uuid[]",
            "'{}'::bytea[]",
            mode=mode,
        )

        assert max(node.get("Rows Removed by Filter", 0) for node in nodes) < 10
        assert touched(nodes) < 100


class TestWorker:
    """What a worker asks once a second."""

    @modes
    async def test_holds_that_are_over(self, filled: asyncpg.Connection, mode: str) -> None:
        """Those that are over, and no other."""
        nodes = await explain(filled, worker._ENDED, str(worker.DUE_MAX), mode=mode)

        assert indexes(nodes) == {"operations_open_holds"}
        assert max(node.get("Rows Removed by Filter", 0) for node in nodes) == 0

    @modes
    async def test_transfers_that_are_due(self, filled: asyncpg.Connection, mode: str) -> None:
        """Those that are due, and no other."""
        nodes = await explain(filled, schedules._DUE, str(worker.DUE_MAX), mode=mode)

        assert indexes(nodes) == {"operations_scheduled"}
        assert max(node.get("Rows Removed by Filter", 0) for node in nodes) == 0


class TestSessions:
    """How sessions are found that are over, and those that a user has."""

    @pytest.fixture
    async def crowded(self, filled: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
        """The same database with sessions for every day of the last years."""
        transaction = filled.transaction()
        await transaction.start()
        await filled.execute(_SESSIONS)
        await filled.execute("ANALYZE sessions")
        yield filled
        await transaction.rollback()

    @modes
    async def test_long_over(self, crowded: asyncpg.Connection, mode: str) -> None:
        """By their index, and no more of them than are deleted."""
        nodes = await explain(
            crowded, sessions._FORGET, "'30 days'", str(worker.DUE_MAX), mode=mode
        )

        assert "sessions_expire" in indexes(nodes)
        assert "sessions" not in read_whole(nodes)

    @modes
    async def test_of_a_user(self, crowded: asyncpg.Connection, mode: str) -> None:
        """A login looks at the user's living ones alone."""
        user_id = await crowded.fetchval("SELECT user_id FROM sessions LIMIT 1")

        nodes = await explain(crowded, sessions._END_OLDEST, f"'{user_id}'", "99", mode=mode)

        assert "sessions_user_alive" in indexes(nodes)
        assert "sessions" not in read_whole(nodes)


class TestReaders:
    """What people ask."""

    @modes
    async def test_wallet(self, filled: asyncpg.Connection, mode: str) -> None:
        """What is held and over is found by an index that has open holds alone."""
        sql = f"{_SELECT_WALLET} WHERE wallet.id = $1::uuid"

        nodes = await explain(filled, sql, row_id(2, 2), mode=mode)

        assert scanned(nodes) == set()
        assert indexes(nodes) & {"operations_open_holds_of", "operations_open_holds"}

    @modes
    @pytest.mark.parametrize("wanted", WANTED)
    async def test_filtered_page(
        self, filled: asyncpg.Connection, mode: str, wanted: statements.Filter
    ) -> None:
        """Of a line that is not on the page nothing is read, however long the statement is."""
        await lengthen(filled)
        sql = statements._page_sql(statements.Range(limit=2), wanted)
        values = [sql_of(value) for value in statements._values(wanted)]

        nodes = await explain(filled, sql, LONG, "0", "1000000000", *values, mode=mode)

        assert scanned(nodes) == set()
        assert touched(nodes) < 900

    @modes
    async def test_count(self, filled: asyncpg.Connection, mode: str) -> None:
        """Of the lines that do not match nothing is read, and of the others the index alone."""
        await lengthen(filled)
        wanted = statements.Filter(statuses=(OperationStatus.COMPLETED,))
        values = [sql_of(value) for value in statements._values(wanted)[:3]]

        nodes = await explain(filled, statements._COUNT, LONG, "0", "1000000", *values, mode=mode)

        assert scanned(nodes) == set()
        assert indexes(nodes) >= {"operations_source_lines", "operations_target_lines"}
        assert touched(nodes) < 900

    @modes
    async def test_scheduled_transfers(self, filled: asyncpg.Connection, mode: str) -> None:
        """Those of one wallet, in their order."""
        nodes = await explain(filled, statements._SCHEDULED, row_id(2, 2), "20", mode=mode)

        assert scanned(nodes) == set()
        assert "operations_scheduled_of" in indexes(nodes)

    @modes
    async def test_balance_at(self, filled: asyncpg.Connection, mode: str) -> None:
        """One entry, by one look-up."""
        nodes = await explain(
            filled, statements._BALANCE_AT, row_id(2, 2), "now() - interval '3 h'", mode=mode
        )

        assert indexes(nodes) == {"entries_wallet_time"}
        assert [node["Actual Rows"] for node in nodes] == [1] * len(nodes)
        assert touched(nodes) < 10
