"""What the migrations leave in the database, and that it refuses what it must."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.support.commands import run_wallet
from tests.support.observer import Observer
from tests.support.servers import Databases
from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.models.account import Role
from wallet.services.migrations import _ADVISORY_LOCK


def _one_of(
    column: str, values: type[OperationKind | OperationStatus | WalletStatus | Role]
) -> str:
    """Write a check of a list of values as PostgreSQL writes it back."""
    listed = ", ".join(f"'{value.value}'::character varying" for value in values)
    return f"CHECK ((({column})::text = ANY ((ARRAY[{listed}])::text[])))"


def _belongs_to(column: str, table: str, *, on_delete: str = " ON DELETE RESTRICT") -> str:
    return f"FOREIGN KEY ({column}) REFERENCES {table}(id){on_delete}"


# Every constraint of every table, as pg_get_constraintdef writes it.
CONSTRAINTS = {
    "users": {
        "users_pkey": "PRIMARY KEY (id)",
        "users_email_key": "UNIQUE (email)",
        "users_role_known": _one_of("role", Role),
    },
    "sessions": {
        "sessions_pkey": "PRIMARY KEY (id)",
        "sessions_token_hash_key": "UNIQUE (token_hash)",
        "sessions_user_id_fkey": _belongs_to("user_id", "users"),
        "sessions_expire_later": "CHECK ((expires_at > created_at))",
    },
    "wallets": {
        "wallets_pkey": "PRIMARY KEY (id)",
        "wallets_owner_id_fkey": _belongs_to("owner_id", "users"),
        "wallets_status_known": _one_of("status", WalletStatus),
        "wallets_held_not_negative": "CHECK ((held_minor >= 0))",
        "wallets_overdraft_not_negative": "CHECK ((overdraft_minor >= 0))",
        "wallets_balance_covers_held": (
            "CHECK (((balance_minor - held_minor) >= (- overdraft_minor)))"
        ),
        "wallets_sequence_not_negative": "CHECK ((last_sequence >= 0))",
        "wallets_head_hash_is_sha256": "CHECK ((octet_length(head_hash) = 32))",
        "wallets_system_keeps_no_balance": (
            "CHECK (((owner_id IS NOT NULL) OR"
            " ((balance_minor = 0) AND (held_minor = 0) AND (last_sequence = 0))))"
        ),
        "wallets_closed_is_empty": (
            "CHECK ((((status)::text <> 'CLOSED'::text) OR"
            " ((balance_minor = 0) AND (held_minor = 0))))"
        ),
    },
    "operations": {
        "operations_pkey": "PRIMARY KEY (id)",
        "operations_actor_id_fkey": _belongs_to("actor_id", "users"),
        "operations_source_wallet_id_fkey": _belongs_to("source_wallet_id", "wallets"),
        "operations_target_wallet_id_fkey": _belongs_to("target_wallet_id", "wallets"),
        "operations_parent_id_fkey": _belongs_to("parent_id", "operations"),
        "operations_actor_idempotency_key": "UNIQUE (actor_id, idempotency_key)",
        "operations_kind_known": _one_of("kind", OperationKind),
        "operations_status_known": _one_of("status", OperationStatus),
        "operations_amount_not_negative": "CHECK ((amount_minor >= 0))",
        "operations_conversion_is_whole": (
            "CHECK ((num_nulls(target_amount_minor, target_currency, rate) = ANY (ARRAY[0, 3])))"
        ),
        "operations_failed_says_why": (
            "CHECK ((((status)::text = 'FAILED'::text) = (error_code IS NOT NULL)))"
        ),
        "operations_pending_is_not_completed": (
            "CHECK ((((status)::text = 'PENDING'::text) = (completed_at IS NULL)))"
        ),
        "operations_key_has_hash": ("CHECK (((idempotency_key IS NULL) = (request_hash IS NULL)))"),
        "operations_key_not_empty": "CHECK (((idempotency_key)::text <> ''::text))",
        "operations_hash_is_sha256": "CHECK ((octet_length(request_hash) = 32))",
    },
    "entries": {
        "entries_pkey": "PRIMARY KEY (operation_id, wallet_id)",
        "entries_wallet_sequence_key": "UNIQUE (wallet_id, sequence)",
        "entries_operation_fkey": _belongs_to("operation_id", "operations", on_delete=""),
        "entries_wallet_fkey": _belongs_to("wallet_id", "wallets", on_delete=""),
        "entries_running_or_system": (
            "CHECK ((num_nulls(sequence, balance_after_minor, held_after_minor, hash)"
            " = ANY (ARRAY[0, 4])))"
        ),
        "entries_sequence_positive": "CHECK ((sequence > 0))",
        "entries_held_not_negative": "CHECK ((held_after_minor >= 0))",
        "entries_hash_is_sha256": "CHECK ((octet_length(hash) = 32))",
    },
    "limits": {
        "limits_pkey": "PRIMARY KEY (wallet_id)",
        "limits_wallet_fkey": _belongs_to("wallet_id", "wallets", on_delete=""),
        "limits_not_negative": (
            "CHECK (((outflow_max_minor >= 0) AND (outflow_24h_max_minor >= 0)))"
        ),
    },
    "exchange_rates": {
        "exchange_rates_pkey": "PRIMARY KEY (id)",
        "exchange_rates_key": "UNIQUE (base, quote, as_of, source)",
        "exchange_rates_positive": (
            "CHECK (((rate > (0)::numeric) AND ((base)::text <> (quote)::text)))"
        ),
    },
    "quotes": {
        "quotes_pkey": "PRIMARY KEY (id)",
        "quotes_operation_key": "UNIQUE (operation_id)",
        "quotes_user_id_fkey": _belongs_to("user_id", "users"),
        "quotes_operation_id_fkey": _belongs_to("operation_id", "operations"),
        "quotes_positive": (
            "CHECK (((rate > (0)::numeric) AND (amount_minor > 0) AND (target_amount_minor > 0)))"
        ),
        "quotes_expire_later": "CHECK ((expires_at > created_at))",
    },
}

# Every index that is not a constraint's own.
INDEXES = {
    "users_email_without_case": "UNIQUE INDEX ON users (lower((email)::text))",
    "wallets_owner": "INDEX ON wallets (owner_id, id)",
    "sessions_family": "INDEX ON sessions (family_id)",
    "sessions_user": "INDEX ON sessions (user_id)",
}

TRIGGERS = {
    "entries_append_only": "BEFORE DELETE OR UPDATE ON entries FOR EACH ROW",
    "entries_no_truncate": "BEFORE TRUNCATE ON entries FOR EACH STATEMENT",
}

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

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HASH = bytes(32)
USER, WALLET, OPERATION = uuid4(), uuid4(), uuid4()

# One row of each table that every constraint is content with, parents first.
ROWS: dict[str, dict[str, Any]] = {
    "users": {
        "id": USER,
        "email": "ada@example.com",
        "password_hash": "!",
        "role": "USER",
        "created_at": NOW,
    },
    "sessions": {
        "id": uuid4(),
        "family_id": uuid4(),
        "user_id": USER,
        "token_hash": HASH,
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    },
    "wallets": {
        "id": WALLET,
        "owner_id": USER,
        "currency": "EUR",
        "status": "ACTIVE",
        "balance_minor": 100,
        "held_minor": 40,
        "overdraft_minor": 0,
        "last_sequence": 1,
        "head_hash": HASH,
        "last_entry_at": NOW,
        "created_at": NOW,
    },
    "operations": {
        "id": OPERATION,
        "kind": "TRANSFER",
        "status": "COMPLETED",
        "actor_id": USER,
        "source_wallet_id": WALLET,
        "amount_minor": 100,
        "currency": "EUR",
        "target_amount_minor": None,
        "target_currency": None,
        "rate": None,
        "error_code": None,
        "idempotency_key": "key",
        "request_hash": HASH,
        "created_at": NOW,
        "completed_at": NOW,
    },
    "entries": {
        "operation_id": OPERATION,
        "wallet_id": WALLET,
        "sequence": 1,
        "amount_minor": 100,
        "held_change_minor": 0,
        "balance_after_minor": 100,
        "held_after_minor": 0,
        "hash": HASH,
        "created_at": NOW,
    },
    "limits": {
        "wallet_id": WALLET,
        "outflow_max_minor": 100,
        "outflow_24h_max_minor": None,
        "updated_at": NOW,
    },
    "exchange_rates": {
        "id": uuid4(),
        "base": "EUR",
        "quote": "USD",
        "rate": Decimal("1.1"),
        "as_of": NOW,
        "source": "ECB",
    },
    "quotes": {
        "id": uuid4(),
        "user_id": USER,
        "rate": Decimal("1.1"),
        "amount_minor": 100,
        "currency": "EUR",
        "target_amount_minor": 110,
        "target_currency": "USD",
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=1),
        "operation_id": OPERATION,
    },
}

# For each check, what makes a row break this one and no other.
BAD_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("users_role_known", {"role": "ADMIN"}),
    ("sessions_expire_later", {"expires_at": NOW}),
    ("wallets_status_known", {"status": "LOST"}),
    ("wallets_held_not_negative", {"held_minor": -1}),
    ("wallets_overdraft_not_negative", {"overdraft_minor": -1}),
    ("wallets_balance_covers_held", {"held_minor": 101}),
    ("wallets_balance_covers_held", {"balance_minor": -1, "held_minor": 0}),
    ("wallets_balance_covers_held", {"balance_minor": -11, "held_minor": 0, "overdraft_minor": 10}),
    ("wallets_sequence_not_negative", {"last_sequence": -1}),
    ("wallets_head_hash_is_sha256", {"head_hash": b""}),
    ("wallets_system_keeps_no_balance", {"owner_id": None, "held_minor": 0, "last_sequence": 0}),
    ("wallets_system_keeps_no_balance", {"owner_id": None, "balance_minor": 0, "held_minor": 0}),
    ("wallets_closed_is_empty", {"status": "CLOSED"}),
    ("operations_kind_known", {"kind": "THEFT"}),
    ("operations_status_known", {"status": "LOST"}),
    ("operations_amount_not_negative", {"amount_minor": -1}),
    ("operations_conversion_is_whole", {"rate": Decimal(1)}),
    ("operations_conversion_is_whole", {"target_amount_minor": 1, "target_currency": "USD"}),
    ("operations_failed_says_why", {"status": "FAILED"}),
    ("operations_failed_says_why", {"error_code": "BUSY"}),
    ("operations_pending_is_not_completed", {"status": "PENDING"}),
    ("operations_pending_is_not_completed", {"completed_at": None}),
    ("operations_key_has_hash", {"request_hash": None}),
    ("operations_key_has_hash", {"idempotency_key": None}),
    ("operations_key_not_empty", {"idempotency_key": ""}),
    ("operations_hash_is_sha256", {"request_hash": b"short"}),
    ("entries_running_or_system", {"sequence": None}),
    ("entries_running_or_system", {"balance_after_minor": None}),
    ("entries_running_or_system", {"held_after_minor": None}),
    ("entries_running_or_system", {"hash": None}),
    ("entries_sequence_positive", {"sequence": 0}),
    ("entries_held_not_negative", {"held_after_minor": -1}),
    ("entries_hash_is_sha256", {"hash": b"short"}),
    ("limits_not_negative", {"outflow_max_minor": -1}),
    ("limits_not_negative", {"outflow_24h_max_minor": -1}),
    ("exchange_rates_positive", {"rate": Decimal(0)}),
    ("exchange_rates_positive", {"quote": "EUR"}),
    ("quotes_positive", {"rate": Decimal(0)}),
    ("quotes_positive", {"amount_minor": 0}),
    ("quotes_positive", {"target_amount_minor": 0}),
    ("quotes_expire_later", {"expires_at": NOW}),
]

# For each unique key, what a second row is like that shares no other key with the first.
SECOND_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("users_email_key", {"id": uuid4()}),
    ("users_email_without_case", {"id": uuid4(), "email": "ADA@example.com"}),
    ("sessions_token_hash_key", {"id": uuid4()}),
    ("operations_actor_idempotency_key", {"id": uuid4()}),
    ("entries_pkey", {"sequence": 2}),
    ("exchange_rates_key", {"id": uuid4()}),
    ("quotes_operation_key", {"id": uuid4()}),
    ("limits_pkey", {}),
]


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
        """Entries are append-only, and nobody has switched that off."""
        rows = await migrated.fetch(_SELECT_TRIGGERS)
        assert {row["name"]: row["definition"].replace("public.", "") for row in rows} == {
            name: f"CREATE TRIGGER {name} {what} EXECUTE FUNCTION refuse_change_of_entries()"
            for name, what in TRIGGERS.items()
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
            "INSERT INTO entries SELECT * FROM entries"
            " ON CONFLICT (operation_id, wallet_id) DO UPDATE SET amount_minor = 1",
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
        assert sorted(command.output.count("applied ") for command in finished) == [0, 2]
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
