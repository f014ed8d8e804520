"""
The way to PostgreSQL: the pool's settings, one transaction, and what its errors mean.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit
from weakref import WeakKeyDictionary

import asyncpg
from asyncpg.pgproto import pgproto
from tortoise import Tortoise
from tortoise.backends.base.client import TransactionalDBClient, TransactionContextPooled
from tortoise.connection import get_connection, get_connections
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError, IntegrityError, TransactionManagementError
from tortoise.transactions import in_transaction

from wallet.core.errors import BusyError, ServiceUnavailableError
from wallet.core.ids import use_ids_made_by
from wallet.core.logging import get_logger
from wallet.core.settings import Settings
from wallet.services.readers import Readers

CONNECTION = "default"

# Rows come with ids of asyncpg's own class, so all others may be of it too: to read
# one takes 0.7 µs and not 4.7, to write it 0.4 and not 3.5, to make it 1.5 and not
# 5.0, to hash it 0.3 and not 0.7; a transfer does each many times.
use_ids_made_by(pgproto.UUID)

STATEMENT_TIMEOUT_MS = 3_000
"""Longest run of one statement, waiting for row locks included."""

_CONNECT_TIMEOUT_S = 3.0
_ANSWER_TIMEOUT_S = 10.0
_IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000

TRANSACTION_DEADLINE_S = 5.0
"""Longest time for all tries of one transaction; a third of a lock's time to live."""

TRIES_MAX = 6
"""How often a transaction is run at most, where PostgreSQL undoes it each time."""

_BACKOFF_MS = 5.0
_ROLLBACK_TIMEOUT_S = 1.0


class OutdatedReadError(Exception):
    """Raised by a transaction's work when what it read has changed; it is run again."""


_RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, OutdatedReadError)
"""40001 and 40P01: PostgreSQL undid the transaction and asks to run it again; or we do."""

_TIMED_OUT = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
"""A statement waited for too long and was undone."""

_UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What a connection says that the server has just ended, before it is closed.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    DBConnectionError,
    # A primary that became a replica takes no writes: what it says is no one's mistake.
    TransactionManagementError,
)
"""PostgreSQL is away, going away, or full: whether the last COMMIT took effect is unknown."""

Row = dict[str, Any]

_readers: "WeakKeyDictionary[Connection, Readers]" = WeakKeyDictionary()
"""The reading connections of each pool; a process has one pool, but for tests."""

T = TypeVar("T")

log = get_logger(__name__)


def is_taken(error: IntegrityError) -> bool:
    """Tell whether a write was refused because a unique key is in use."""
    return isinstance(error.__cause__, asyncpg.UniqueViolationError)


def is_timed_out(error: BaseException) -> bool:
    """Tell whether a statement was undone because it took too long."""
    return isinstance(error, _TIMED_OUT)


def is_unreachable(error: BaseException) -> bool:
    """Tell whether *error* means that PostgreSQL is away, and not that a value is wrong."""
    # asyncpg's complaint about an argument is an InterfaceError too.
    return isinstance(error, _UNREACHABLE) and not isinstance(error, ValueError)


class Connection(Protocol):
    """What services ask of a connection, in or out of a transaction."""

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Any]:
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
            # Every statement finds its rows by keys. Left to itself PostgreSQL plans that
            # of a small round anew each time, which takes it twice as long as the work.
            "plan_cache_mode": "force_generic_plan",
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
                    "command_timeout": None if for_migrations else _ANSWER_TIMEOUT_S,
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


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[TortoiseContext]:
    """
    Make PostgreSQL reachable for the body; nothing is sent before its first statement.

    Tasks that are started elsewhere, as a server's requests are, see it too.
    """
    context = await Tortoise.init(config=tortoise_config(settings), _enable_global_fallback=True)
    try:
        async with readers_kept(settings):
            yield context
    finally:
        await Tortoise.close_connections()


@asynccontextmanager
async def readers_kept(settings: Settings) -> AsyncIterator[None]:
    """Keep connections for reading during the body; the rest is for transactions, at least half."""
    client = get_connection(CONNECTION)
    readers = Readers(client, kept_max=settings.database_pool_size // 2)
    _readers[client] = readers
    try:
        yield
    finally:
        await readers.close()


def connection() -> Connection:
    """Return the pool, or the transaction that the current task is in."""
    return get_connection(CONNECTION)


class CommitLostError(Exception):
    """Raised when PostgreSQL went away in COMMIT: whether it took effect is unknown."""


@asynccontextmanager
async def transaction() -> AsyncIterator[Connection]:
    """
    Run the body in one READ COMMITTED transaction: commit at its end, roll back on any error.

    Tortoise's own context manager is entered, and not left. When it is cancelled
    or fails while it begins, it gives back neither the connection nor the context
    variable, and a few of these empty the pool; and when the network falls
    silent, it waits for ever: for ROLLBACK, or for a cancelled statement to end.

    Raises:
        CommitLostError: The connection was lost in COMMIT.
    """
    context = in_transaction(CONNECTION)
    if not isinstance(context, TransactionContextPooled):
        raise AssertionError("a transaction inside a transaction")
    try:
        client = await context.__aenter__()
        try:
            yield client
        except Exception as error:
            if not is_unreachable(error):
                async with asyncio.timeout(_ROLLBACK_TIMEOUT_S):
                    await client.rollback()
            raise
        await _commit(client)
    except BaseException:
        # A transaction that was rolled back leaves a good connection; of any other
        # it is not known how far it came, and the pool makes a new one.
        await _give_back(context, usable=getattr(context.client, "_finalized", False))
        raise
    await _give_back(context, usable=True)


async def _commit(client: TransactionalDBClient) -> None:
    try:
        await client.commit()
    except Exception as error:
        if is_unreachable(error):
            raise CommitLostError from error
        raise


async def _give_back(context: TransactionContextPooled, *, usable: bool) -> None:
    """Give back what a transaction took: the context variable, and its connection."""
    get_connections().reset(getattr(context, "token", None))
    borrowed = context.client._connection  # noqa: SLF001  (Tortoise has no other name for it)
    if borrowed is not None:
        if not usable:
            # One that was lost has gone back to the pool by itself, and says so.
            with suppress(asyncpg.InterfaceError):
                borrowed.terminate()
        pool = context.client._parent._pool  # noqa: SLF001
        await pool.release(borrowed)


async def run_transaction(
    work: Callable[[Connection], Awaitable[T]], *, finds_itself: bool = False
) -> T:
    """
    Run *work* in one transaction, again where PostgreSQL undid it.

    What *work* raises rolls back and goes on up.

    Args:
        finds_itself: Whether *work*, run again, finds by its own id or key what
            it did before; then a COMMIT whose answer was lost is run again too.

    Raises:
        BusyError: Row locks, or PostgreSQL's own word to try again, stood in
            the way for too long. Nothing was changed.
        ServiceUnavailableError: PostgreSQL is away; whether anything was
            changed is unknown.
    """
    # Once a COMMIT was lost, nobody can say any more that nothing was changed.
    undone: Callable[[], Exception] = BusyError
    failure: Exception = undone()
    try:
        async with asyncio.timeout(TRANSACTION_DEADLINE_S):
            for attempt in range(TRIES_MAX):
                try:
                    async with transaction() as client:
                        return await work(client)
                except CommitLostError as error:
                    undone = ServiceUnavailableError
                    failure = undone()
                    log.warning("commit lost", attempt=attempt)
                    if not finds_itself:
                        raise failure from error
                except (*_RETRYABLE, IntegrityError) as error:
                    # A key, or a place in a sequence, that was taken at the same
                    # moment is there to be read the next time.
                    if isinstance(error, IntegrityError) and not is_taken(error):
                        raise
                    failure = undone()
                    log.info("transaction undone", error=type(error).__name__, attempt=attempt)
                except _TIMED_OUT as error:
                    raise undone() from error
                except _UNREACHABLE as error:
                    if not is_unreachable(error):
                        raise
                    failure = ServiceUnavailableError()
                    log.warning("database is away", error=type(error).__name__, attempt=attempt)
                await asyncio.sleep(random.uniform(0, _BACKOFF_MS * 2**attempt) / 1000)  # noqa: S311  (no secret)
    except TimeoutError:
        # Where in the transaction the deadline struck is unknown; so is its outcome.
        raise ServiceUnavailableError from None
    raise failure


async def delete_rows(sql: str, *values: object) -> int:
    """
    Run one DELETE of what is long over, in a transaction of its own.

    Returns:
        How many rows were deleted; 0 where others stood in the way.

    Raises:
        ServiceUnavailableError: PostgreSQL went away.
    """

    async def work(connection: Connection) -> int:
        deleted, _ = await connection.execute_query(sql, list(values))
        return deleted

    try:
        return await run_transaction(work)
    except BusyError:
        log.warning("what is over waits", statement=sql.split()[2])
        return 0


async def fetch(sql: str, *values: object) -> list[Row]:
    """Run one reading statement outside of any transaction and return its rows."""
    # The pool's own wait for a connection has no bound.
    async with asyncio.timeout(_ANSWER_TIMEOUT_S):
        readers = _readers.get(connection())
        if readers is None:
            # Inside a transaction after all: it reads what it has written.
            return await connection().execute_query_dict(sql, list(values))
        return await readers.fetch(sql, values)
