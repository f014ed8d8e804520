"""What verification finds: each check is one statement, and returns the first row it breaks on."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from wallet.core.ids import exchange_wallet_id, world_wallet_id
from wallet.core.records import record

# What ``System.values`` are, for the statements that ask for them.
SYSTEM = """
system AS (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[])
        AS system (currency, world_id, exchange_id)
)
"""

_CURRENCIES = "SELECT DISTINCT currency FROM wallets ORDER BY currency"


class BrokenLedgerError(Exception):
    """Raised at the first row that does not hold; its text names the row and what is wrong."""


@record
class System:
    """The system wallets that the currencies of a ledger may have; their ids follow from these."""

    currencies: Sequence[str]

    @property
    def values(self) -> tuple[Sequence[str], list[UUID], list[UUID]]:
        """The three parameters of a statement that names them as SYSTEM does."""
        return (
            self.currencies,
            [world_wallet_id(currency) for currency in self.currencies],
            [exchange_wallet_id(currency) for currency in self.currencies],
        )


@record
class Check:
    """
    One thing that has to hold of all rows.

    Attributes:
        sql: Returns the first row of which it does not, or none.
        finding: What is said of that row; ``{id}`` and the like are its columns.
    """

    sql: str
    finding: str

    @property
    def names_system(self) -> bool:
        """Whether it asks for the system wallets."""
        return SYSTEM in self.sql


async def read_system(connection: asyncpg.Connection) -> System:
    """Return the system wallets for all currencies that there are wallets in."""
    return System([row["currency"] for row in await connection.fetch(_CURRENCIES)])


async def run_checks(
    connection: asyncpg.Connection, system: System, checks: Sequence[Check]
) -> None:
    """
    Run *checks* in their order.

    Raises:
        BrokenLedgerError: One of them found a row.
    """
    for check in checks:
        row = await connection.fetchrow(check.sql, *(system.values if check.names_system else ()))
        if row:
            raise BrokenLedgerError(check.finding.format_map(_plain(row)))


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    """Return a row's columns; a sum is a Decimal, and one of 10000 would be written 1E+4."""
    return {
        name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }
