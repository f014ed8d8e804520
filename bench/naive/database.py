"""The naive version's database: its own tables, with the same people and wallets."""

import asyncpg
from tortoise import Tortoise

from bench.crowd import CURRENCY, Crowd
from bench.errors import WrongAnswerError

FUNDS_MINOR = 100_000_00

_COUNTS = """
SELECT (SELECT count(*) FROM wallets) AS wallets,
       (SELECT count(*) FROM operations) AS operations,
       (SELECT count(*) FROM entries) AS entries
"""

_WRONG_WALLETS = """
SELECT count(*)
  FROM wallets
  LEFT JOIN (SELECT wallet_id, sum(amount_minor) AS moved_minor FROM entries GROUP BY wallet_id)
       AS moved ON moved.wallet_id = wallets.id
 WHERE balance_minor <> $1 + coalesce(moved_minor, 0)
"""

_WRONG_OPERATIONS = """
SELECT count(*)
  FROM (SELECT operation_id FROM entries GROUP BY operation_id
        HAVING count(*) <> 2 OR sum(amount_minor) <> 0) AS wrong
"""


async def prepare(database_url: str, crowd: Crowd) -> None:
    """Make the tables in an empty database, and put *crowd* and its money into them."""
    await Tortoise.init(
        db_url=database_url.replace("postgresql://", "asyncpg://", 1),
        modules={"models": ["bench.naive.models"]},
    )
    await Tortoise.generate_schemas()
    await Tortoise.close_connections()
    connection = await asyncpg.connect(database_url)
    try:
        people = [
            (person.user_id, f"payer-{number}@example.com")
            for number, person in enumerate(crowd.people)
        ]
        wallets = [
            (purse.wallet_id, crowd.people[purse.owner].user_id, CURRENCY, FUNDS_MINOR)
            for purse in crowd.purses
        ]
        await connection.copy_records_to_table("users", records=people, columns=["id", "email"])
        await connection.copy_records_to_table(
            "wallets", records=wallets, columns=["id", "owner_id", "currency", "balance_minor"]
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def verify(database_url: str) -> str:
    """
    Check that no cent was lost or made, and say how much was read.

    Raises:
        WrongAnswerError: A balance is not what came in and went out, or an
            operation has another sum than 0.
    """
    connection = await asyncpg.connect(database_url)
    try:
        wallets = await connection.fetchval(_WRONG_WALLETS, FUNDS_MINOR)
        operations = await connection.fetchval(_WRONG_OPERATIONS)
        counts = await connection.fetchrow(_COUNTS)
    finally:
        await connection.close()
    if wallets or operations:
        raise WrongAnswerError(
            f"The naive version has {wallets} wrong wallets and {operations} wrong operations."
        )
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) + "."
