"""Databases that keep a copy of their ledger, to be tampered with and made whole again."""

from dataclasses import dataclass

from tests.support.observer import Observer

# What a ledger is kept in, parents first.
_TABLES = ("wallets", "operations", "entries", "quotes")


@dataclass(frozen=True, slots=True)
class KeptDatabase:
    """A database with a copy of its ledger beside it."""

    url: str

    async def keep(self) -> None:
        """Copy the ledger as it is now."""
        async with Observer.of(self.url) as observer:
            await observer.execute("CREATE SCHEMA copy")
            for table in _TABLES:
                await observer.execute(f"CREATE TABLE copy.{table} AS SELECT * FROM {table}")

    async def restore(self) -> None:
        """Make the ledger what it was."""
        await self.tamper(
            f"TRUNCATE {', '.join(_TABLES)} CASCADE",
            *(f"INSERT INTO {table} SELECT * FROM copy.{table}" for table in _TABLES),
        )

    async def tamper(self, *statements: str) -> None:
        """Change what is append-only, as only the tables' owner can."""
        async with Observer.of(self.url) as observer:
            await observer.execute("ALTER TABLE entries DISABLE TRIGGER USER")
            for statement in statements:
                await observer.execute(statement)
            await observer.execute("ALTER TABLE entries ENABLE TRIGGER USER")
