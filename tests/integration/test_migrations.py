"""What the migrations leave in the database, and that it refuses what it must."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.support.catalog import CONSTRAINTS, INDEXES, TRIGGERS
from tests.support.commands import run_wallet
from tests.support.observer import Observer
from tests.support.rows import BAD_ROWS, ROWS, SECOND_ROWS
from tests.support.servers import Databases
from wallet.services.migrations import _ADVISORY_LOCK

_SELECT_CONSTRAINTS = """
SELECT conrelid::regclass::text AS table, conname AS name, pg_get_constraintdef(oid) AS definition,
       convalidated AS holds
  FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u', 'x')
"""

_SELECT_INDEXES = """
SELECT index.relname AS name, pg_get_indexdef(index.oid) AS definition
  FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
 WHERE index.relnamespace = 'public'::regnamespace AND indisvalid
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = index.oid)
"""

_SELECT_TRIGGERS = """
SELECT tgname AS name, pg_get_triggerdef(oid) AS definition, tgenabled::text AS enabled
  FROM pg_trigger WHERE NOT tgisinternal
"""


def _table_of(name: str) -> str:
    """Return the table that a constraint or index is named after."""
    return max((table for table in ROWS if name.startswith(table)), key=len)


async def _insert(connection: asyncpg.Connection, table: str, **changes: Any) -> None:
    row = {**ROWS[table], **changes}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values()
    )


@pytest_asyncio.fixture(scope="module")
async def migrated(databases: Databases) -> AsyncIterator[Observer]:
    """A migrated database with one good row in each table."""
    url = await databases.create()
    async with Observer.of(url) as observer:
        async with observer.connected() as connection:
            for table in ROWS:
                await _insert(connection, table)
        yield observer
    await databases.drop(url)


@pytest_asyncio.fixture
async def connection(migrated: Observer) -> AsyncIterator[asyncpg.Connection]:
    """A transaction in that database, undone at its end."""
    async with migrated.connected() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


class TestCatalog:
    """What the database knows of its tables: neither more nor less than is written down here."""

    async def test_constraints(self, migrated: Observer) -> None:
        """Each by its name and definition, and none that was never checked."""
        found: dict[str, dict[str, str]] = {}
        for row in await migrated.fetch(_SELECT_CONSTRAINTS):
            assert row["holds"], row
            found.setdefault(row["table"], {})[row["name"]] = row["definition"]
        del found["tortoise_migrations"]

        assert found == CONSTRAINTS

    async def test_indexes(self, migrated: Observer) -> None:
        """Those that serve a query and no constraint."""
        found = {}
        for row in await migrated.fetch(_SELECT_INDEXES):
            what, _, rest = row["definition"].partition(f" {row['name']} ON public.")
            found[row["name"]] = f"{what} ON {rest}".replace(" USING btree", "").removeprefix(
                "CREATE "
            )
        assert found == INDEXES

    async def test_triggers(self, migrated: Observer) -> None:
        """Entries are append-only, keys end with the role; and nobody has switched that off."""
        rows = await migrated.fetch(_SELECT_TRIGGERS)
        assert {row["name"]: row["definition"].replace("public.", "") for row in rows} == {
            name: f"CREATE TRIGGER {name} {what}" for name, what in TRIGGERS.items()
        }
        assert {row["enabled"] for row in rows} == {"O"}

    async def test_room_on_the_page_of_wallets(self, migrated: Observer) -> None:
        """A wallet's row is updated in place."""
        options = await migrated.value("SELECT reloptions FROM pg_class WHERE relname = 'wallets'")
        assert options == ["fillfactor=70"]


class TestChecks:
    """Each check refuses a row that breaks it, whoever writes it."""

    @pytest.mark.parametrize(("name", "changes"), BAD_ROWS)
    async def test_bad_row_is_refused(
        self, connection: asyncpg.Connection, name: str, changes: dict[str, Any]
    ) -> None:
        """By this check and no other."""
        with pytest.raises(asyncpg.CheckViolationError) as raised:
            await _insert(connection, _table_of(name), **changes)
        assert raised.value.constraint_name == name

    def test_none_is_left_out(self) -> None:
        """There is a bad row for every check."""
        checks = {
            name
            for constraints in CONSTRAINTS.values()
            for name, definition in constraints.items()
            if definition.startswith("CHECK")
        }
        assert {name for name, _ in BAD_ROWS} == checks

    async def test_overdraft_may_be_used(self, connection: asyncpg.Connection) -> None:
        """A wallet goes below zero as far as it was granted, and not further."""
        await _insert(
            connection,
            "wallets",
            id=uuid4(),
            balance_minor=-10,
            held_minor=0,
            overdraft_minor=10,
        )

    @pytest.mark.parametrize(("name", "changes"), SECOND_ROWS)
    async def test_second_row_is_refused(
        self, connection: asyncpg.Connection, name: str, changes: dict[str, Any]
    ) -> None:
        """A key that is taken stays its first owner's."""
        with pytest.raises(asyncpg.UniqueViolationError) as raised:
            await _insert(connection, _table_of(name), **changes)
        assert raised.value.constraint_name == name

    async def test_second_entry_with_a_sequence_is_refused(
        self, connection: asyncpg.Connection
    ) -> None:
        """A place in a wallet's sequence is taken once, whatever the operation."""
        other = uuid4()
        await _insert(connection, "operations", id=other, idempotency_key="other")
        with pytest.raises(asyncpg.UniqueViolationError) as raised:
            await _insert(connection, "entries", operation_id=other)
        assert raised.value.constraint_name == "entries_wallet_sequence_key"


class TestAppendOnly:
    """Entries are written once."""

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE entries SET amount_minor = amount_minor",
            "UPDATE entries SET sequence = 2 WHERE sequence = 1",
            "DELETE FROM entries",
            "TRUNCATE entries",
            "TRUNCATE operations CASCADE",
            """INSERT INTO entries SELECT * FROM entries
            ON CONFLICT (operation_id, wallet_id) DO UPDATE SET amount_minor = 1""",
        ],
    )
    async def test_change_is_refused(self, connection: asyncpg.Connection, statement: str) -> None:
        """By whatever statement, also by the tables' owner."""
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await connection.execute(statement)


class TestMigrate:
    """`wallet migrate`."""

    async def test_two_at_once(self, databases: Databases) -> None:
        """One applies what is missing while the other waits, and both end well."""
        url = await databases.create_empty()
        async with Observer.of(url) as observer:
            await observer.execute(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
            commands = [
                asyncio.create_task(run_wallet("migrate", DATABASE_URL=url)) for _ in range(2)
            ]
            await observer.until_waiting(2)
            await observer.execute(f"SELECT pg_advisory_unlock({_ADVISORY_LOCK})")
            finished = await asyncio.gather(*commands)
            constraints = await observer.fetch(_SELECT_CONSTRAINTS)
        await databases.drop(url)

        assert [(command.exit_code, command.errors) for command in finished] == [(0, "")] * 2
        assert sorted(command.output.count("applied ") for command in finished) == [0, 9]
        assert {row["name"] for row in constraints} > set(CONSTRAINTS["entries"])

    async def test_again(self, migrated: Observer) -> None:
        """A database that is up to date is left as it is."""
        async with migrated.nothing_changes():
            finished = await run_wallet("migrate", DATABASE_URL=migrated.url)

        assert (finished.exit_code, finished.errors) == (0, "")
        assert finished.output == "The database is up to date.\n"


class TestDrift:
    """`wallet makemigrations --check`."""

    async def test_models_need_no_migration(self) -> None:
        """What the models say is what the migrations make; no database is needed to see it."""
        finished = await run_wallet("makemigrations", "--check")

        assert (finished.exit_code, finished.errors) == (0, "")
        assert finished.output == "The migrations match the models.\n"
