"""
The way to PostgreSQL: the pool's settings, one transaction, and what its errors mean.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from tortoise.backends.base.client import TransactionContextPooled
from tortoise.connection import get_connection, get_connections
from tortoise.exceptions import DBConnectionError
from tortoise.transactions import in_transaction

from wallet.core.settings import Settings

CONNECTION = "default"

STATEMENT_TIMEOUT_MS = 3_000
"""Longest run of one statement, waiting for row locks included."""

_CONNECT_TIMEOUT_S = 3.0
_IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000

RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""40001 and 40P01: PostgreSQL undid the transaction and asks to run it again."""

TIMED_OUT = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
"""A statement waited for too long and was undone."""

UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    DBConnectionError,
)
"""PostgreSQL is away, going away, or full: whether the last COMMIT took effect is unknown."""

Row = dict[str, Any]


class Connection(Protocol):
    """What services ask of a connection, in or out of a transaction."""

    async def execute_query(
        self, query: str, values: list[Any] | None = None
    ) -> tuple[int, Any]:
        """Run one statement; return how many rows it touched, and the rows of a SELECT."""

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[Row]:
        """Run one statement and return its rows; INSERT … RETURNING gives rows only here."""


def tortoise_config(settings: Settings, *, for_migrations: bool = False) -> dict[str, Any]:
    """
    Return Tortoise's configuration for *settings*.

    Migrations may rewrite tables, so no time-out stops their statements.
    """
    server_settings = {"application_name": "wallet", "timezone": "UTC"}
    if not for_migrations:
        server_settings |= {
            "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_TIMEOUT_MS),
        }
    return {
        "connections": {
            CONNECTION: {
                "engine": "tortoise.backends.asyncpg",
                "credentials": {
                    **_credentials(settings.database_url),
                    "minsize": 1,
                    "maxsize": settings.database_pool_size,
                    "timeout": _CONNECT_TIMEOUT_S,
                    "reset": _reset,
                    "server_settings": server_settings,
                },
            }
        },
        "apps": {
            "models": {
                "models": ["wallet.models"],
                "default_connection": CONNECTION,
                "migrations": "wallet.migrations",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def _credentials(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    credentials: dict[str, Any] = {
        "host": options["host"][0] if "host" in options else parts.hostname,
        "port": parts.port or 5432,
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password) if parts.password else None,
        "database": unquote(parts.path.lstrip("/")) or "wallet",
    }
    if "sslmode" in options:
        credentials["ssl"] = options["sslmode"][0]
    return credentials


async def _reset(connection: asyncpg.Connection) -> None:
    """
    Make a connection ready for the next one who borrows it.

    asyncpg's own reset is a round trip at every release. Nothing here outlives
    its transaction (no session setting, no advisory lock, no LISTEN), so the
    trip is worth taking only when a transaction was left open.
    """
    if connection.is_in_transaction():
        await connection.reset()


def connection() -> Connection:
    """Return the pool, or the transaction that the current task is in."""
    return get_connection(CONNECTION)


@asynccontextmanager
async def transaction() -> AsyncIterator[Connection]:
    """
    Run the body in one READ COMMITTED transaction: commit at its end, roll back on any error.

    Tortoise 1.1.9 leaks when it is cancelled, or fails, while it begins: neither
    the connection nor the context variable is given back, and a few of these
    empty the pool. Both are given back here.
    """
    context = in_transaction(CONNECTION)
    try:
        client = await context.__aenter__()
    except BaseException:
        if isinstance(context, TransactionContextPooled):
            await _give_back(context)
        raise
    try:
        yield client
    except BaseException as error:
        await context.__aexit__(type(error), error, error.__traceback__)
        raise
    else:
        await context.__aexit__(None, None, None)


async def _give_back(context: TransactionContextPooled) -> None:
    """Undo what a transaction's failed begin had taken already."""
    get_connections().reset(getattr(context, "token", None))
    borrowed = context.client._connection  # noqa: SLF001  (Tortoise has no other name for it)
    if borrowed is not None:
        # How far BEGIN came is unknown: the pool replaces the connection.
        borrowed.terminate()
        pool = context.client._parent._pool  # noqa: SLF001
        await asyncio.shield(pool.release(borrowed))


async def fetch(sql: str, *values: Any) -> list[Row]:
    """Run one reading statement outside of any transaction and return its rows."""
    return await connection().execute_query_dict(sql, list(values))
