"""
Snapshots: a statement as it stands at one instant, read a chunk at a time.

A report reads in one REPEATABLE READ transaction, on a connection that is its
own: a reader who takes minutes takes none of those that payments need. Each
chunk is a statement of its own over a stretch of the sequence, so that between
two chunks nothing is held, here or there, but the snapshot itself.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, suppress
from itertools import chain
from typing import Any

import asyncpg

from wallet.core.errors import InvalidInputError, NotFoundError, ServiceUnavailableError
from wallet.core.money import AMOUNT_MINOR_MAX
from wallet.core.settings import Settings
from wallet.services.database import fetch, is_unreachable
from wallet.services.reports.as_camt053 import Camt053Format
from wallet.services.reports.as_csv import CsvFormat
from wallet.services.reports.as_json import JsonFormat
from wallet.services.reports.formats import Format, Statement, Turnover
from wallet.services.reports.orders import ReportFormat, ReportOrder
from wallet.services.statements import STATUS, Filter

CHUNK_LINES = 2_000
"""
Lines of one chunk: 300 kB of CSV to 1 MB of XML, and some thirty milliseconds of PostgreSQL.

Of fewer, the trips cost more; of more, PostgreSQL begins to read the whole table for each.
"""

FORMATS: Mapping[ReportFormat, Format] = {
    ReportFormat.CSV: CsvFormat(),
    ReportFormat.JSON: JsonFormat(),
    ReportFormat.XML: Camt053Format(),
}

_CONNECT_TIMEOUT_S = 10.0
"""Longer than for payments: who asks for a report waits rather than be sent away."""

_STATEMENT_TIMEOUT_S = 30.0
_CLOSE_TIMEOUT_S = 1.0

# The first line of a period and its last: times never go back within a wallet.
_STATEMENT = """
WITH wallet AS (
    SELECT wallet.*, owner.email FROM wallets AS wallet JOIN users AS owner ON owner.id = owner_id
     WHERE wallet.id = $1 AND owner_id = $2
), bound AS (
    SELECT least(last_sequence, $5::bigint) AS sequence FROM wallet
), first AS (
    SELECT least(bound.sequence + 1, CASE WHEN $3::timestamptz IS NULL THEN 1 ELSE coalesce(
        (SELECT sequence FROM entries
          WHERE wallet_id = $1 AND sequence IS NOT NULL AND created_at >= $3
          ORDER BY created_at, sequence LIMIT 1), bound.sequence + 1) END) AS sequence
      FROM bound
), last AS (
    SELECT least(bound.sequence, CASE WHEN $4::timestamptz IS NULL THEN $5 ELSE coalesce(
        (SELECT sequence FROM entries
          WHERE wallet_id = $1 AND sequence IS NOT NULL AND created_at < $4
          ORDER BY created_at DESC, sequence DESC LIMIT 1), 0) END) AS sequence
      FROM bound
)
SELECT wallet.id AS wallet_id, wallet.email AS owner_email, wallet.currency, wallet.label,
       coalesce($3, wallet.created_at) AS from_,
       -- What was written down later is no part of it.
       least($4, $6::timestamptz + interval '1 microsecond') AS until,
       first.sequence AS first_sequence,
       greatest(last.sequence, first.sequence - 1) AS last_sequence,
       coalesce((SELECT balance_after_minor FROM entries
                  WHERE wallet_id = $1 AND sequence = first.sequence - 1), 0) AS opening_minor,
       coalesce((SELECT balance_after_minor FROM entries
                  WHERE wallet_id = $1
                    AND sequence = greatest(last.sequence, first.sequence - 1)), 0) AS closing_minor
  FROM wallet, first, last
"""

_TURNOVER = """
SELECT count(*) FILTER (WHERE amount_minor > 0) AS credits,
       coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0) AS credits_minor,
       count(*) FILTER (WHERE amount_minor < 0) AS debits,
       coalesce(sum(-amount_minor) FILTER (WHERE amount_minor < 0), 0) AS debits_minor
  FROM entries
 WHERE wallet_id = $1 AND sequence BETWEEN $2 AND $3
"""

_LARGEST = """
SELECT coalesce(max(abs(amount_minor)), 0) AS amount_minor FROM entries
 WHERE wallet_id = $1 AND sequence BETWEEN $2 AND $3
"""

# As the API shows it: one's own address whole, another's masked.
_COUNTERPARTY = """
    CASE WHEN holder.id = $4 THEN holder.email
         ELSE left(holder.email, 1) || '•••' || substr(holder.email, strpos(holder.email, '@')) END
"""

_LINES = f"""
    SELECT entry.sequence, entry.amount_minor, entry.balance_after_minor, entry.created_at,
           operation.id AS operation_id, operation.kind, {STATUS} AS status,
           operation.description, operation.metadata::text AS metadata, operation.error_code,
           operation.parent_id, operation.rate, operation.completed_at,
           other.id AS counterparty_wallet_id, other.currency AS counterparty_currency,
           {_COUNTERPARTY} AS counterparty
      FROM entries AS entry
      JOIN operations AS operation ON operation.id = entry.operation_id
      LEFT JOIN wallets AS other
        ON other.id = CASE WHEN operation.source_wallet_id = entry.wallet_id
                           THEN operation.target_wallet_id ELSE operation.source_wallet_id END
      LEFT JOIN users AS holder ON holder.id = other.owner_id
     WHERE entry.wallet_id = $1 AND entry.sequence BETWEEN $2 AND $3 {{filter}}
"""  # noqa: S608  (made of constants)

_CHUNK = """
SELECT count(*) AS lines, coalesce(sum(line.amount_minor), 0) AS amount_minor,
       convert_to(coalesce(string_agg({line}, E'{between}' ORDER BY line.sequence), ''), 'UTF8')
           AS content
  FROM ({lines}) AS line
"""

_COUNT = "SELECT count(*) AS lines FROM ({lines}) AS line"

_NOTHING = Turnover(lines=0, amount_minor=0)


class BrokenReportError(Exception):
    """Raised when the lines do not lead from the opening balance to the closing one."""


class Snapshot:
    """
    A statement at one instant; see :func:`open_snapshot`.

    Attributes:
        statement: What the report says beside its lines.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        order: ReportOrder,
        statement: Statement,
    ) -> None:
        self.statement = statement
        self._connection = connection
        self._order = order
        self._format = FORMATS[order.format]

    async def write(self) -> AsyncGenerator[bytes, None]:
        """
        Write the report, a chunk at a time; one that breaks off never looks whole.

        Raises:
            BrokenReportError: The lines and the balances do not fit together.
            Exception: Whatever asyncpg says when PostgreSQL goes away.
        """
        statement, format_ = self.statement, self._format
        first, last = statement.first_sequence, statement.last_sequence
        written, between = _NOTHING, ""
        yield format_.begin(statement)
        lines, values = _lines(self._order, format_)
        line = format_.line_sql(statement.currency)
        sql = _CHUNK.format(line=line, lines=lines, between=format_.between)
        stretches = (
            values(low, min(low + CHUNK_LINES - 1, last))
            for low in range(first, last + 1, CHUNK_LINES)
        )
        async with aclosing(self._read_ahead(sql, stretches)) as chunks:
            async for chunk in chunks:
                if not chunk["lines"]:
                    continue
                yield between.encode() + chunk["content"]
                between = format_.between
                written = Turnover(
                    lines=written.lines + chunk["lines"],
                    amount_minor=written.amount_minor + int(chunk["amount_minor"]),
                )
        left_out = self._check(written)
        if left_out.lines:
            yield between.encode() + format_.leave_out(statement, left_out)
        yield format_.end(statement)

    async def _read_ahead(
        self, sql: str, stretches: Iterator[Sequence[object]]
    ) -> AsyncGenerator[asyncpg.Record, None]:
        """Read a chunk for each stretch; PostgreSQL makes the next one while one is sent."""
        ahead: asyncio.Task[asyncpg.Record] | None = None
        try:
            for values in chain(stretches, [None]):
                chunk = await ahead if ahead else None
                ahead = (
                    asyncio.create_task(self._connection.fetchrow(sql, *values)) if values else None
                )
                if chunk is not None:
                    yield chunk
        finally:
            if ahead is not None:
                ahead.cancel()
                # It has nothing to say to anybody any more.
                ahead.add_done_callback(lambda task: task.cancelled() or task.exception())

    def _check(self, written: Turnover) -> Turnover:
        """Return what the filter left out; without one, the lines explain the balances."""
        statement, filter_ = self.statement, self._order.filter
        left_out = Turnover(
            lines=statement.last_sequence - statement.first_sequence + 1 - written.lines,
            amount_minor=statement.closing_minor - statement.opening_minor - written.amount_minor,
        )
        if filter_.kinds is not None or filter_.statuses is not None:
            return left_out
        if left_out.amount_minor or (left_out.lines and not self._format.only_money):
            raise BrokenReportError(f"wallet {statement.wallet_id}: {left_out} is not explained")
        return _NOTHING


def _lines(
    order: ReportOrder, format_: Format
) -> tuple[str, Callable[[int, int], Sequence[object]]]:
    """Return the query of an order's lines, and its values for a stretch of the sequence."""
    values: list[Any] = [order.wallet_id, None, None, order.owner_id]
    filter_ = Filter(kinds=order.filter.kinds, statuses=order.filter.statuses).to_sql(values)
    if format_.only_money:
        filter_ += " AND entry.amount_minor <> 0"

    def values_of(low: int, high: int) -> Sequence[object]:
        return [values[0], low, high, *values[3:]]

    return _LINES.format(filter=filter_), values_of


async def check_amounts(order: ReportOrder) -> None:
    """
    Check that the format has a place for every amount of a report.

    Raises:
        InvalidInputError: A balance or a line is of more.
    """
    most_minor = FORMATS[order.format].amount_minor_max
    if most_minor >= AMOUNT_MINOR_MAX:
        return
    period = (await fetch(_STATEMENT, *_period(order)))[0]
    first, last = period["first_sequence"], period["last_sequence"]
    largest = (await fetch(_LARGEST, order.wallet_id, first, last))[0]
    balances = (abs(period["opening_minor"]), abs(period["closing_minor"]))
    if max(largest["amount_minor"], *balances) > most_minor:
        raise InvalidInputError(
            f"{order.format} has no place for amounts as large as here: ask for another format.",
            field=("format",),
        )


async def count_lines(order: ReportOrder) -> int:
    """Count the lines that a report will have, but for the one of what the filter leaves out."""
    format_ = FORMATS[order.format]
    period = (await fetch(_STATEMENT, *_period(order)))[0]
    first, last = period["first_sequence"], period["last_sequence"]
    filter_ = order.filter
    if filter_.kinds is None and filter_.statuses is None and not format_.only_money:
        # Sequences have no gaps.
        return int(last - first + 1)
    lines, values = _lines(order, format_)
    rows = await fetch(_COUNT.format(lines=lines), *values(first, last))
    return int(rows[0]["lines"])


@asynccontextmanager
async def open_snapshot(settings: Settings, order: ReportOrder) -> AsyncIterator[Snapshot]:
    """
    Open a snapshot for the body; at its end, however it ends, nothing of it is left.

    Raises:
        NotFoundError: There is no such wallet any more, or it is not the orderer's.
        ServiceUnavailableError: PostgreSQL is away.
    """
    connection = None
    try:
        connection = await _connect(settings)
        # No word of COMMIT: what only reads has nothing to keep.
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = Snapshot(connection, order, await _read_statement(connection, order))
    except BaseException as error:
        if connection is not None:
            connection.terminate()
        if is_unreachable(error) or isinstance(error, TimeoutError):
            raise ServiceUnavailableError from error
        raise
    try:
        yield snapshot
        with suppress(Exception):
            await connection.close(timeout=_CLOSE_TIMEOUT_S)
    finally:
        # After a deadline, or in the middle of a statement, there is no time for good manners.
        connection.terminate()


async def _connect(settings: Settings) -> asyncpg.Connection:
    idle_ms = int((settings.report_stall_s + _STATEMENT_TIMEOUT_S) * 1000)
    return await asyncpg.connect(
        settings.database_url,
        timeout=_CONNECT_TIMEOUT_S,
        command_timeout=_STATEMENT_TIMEOUT_S,
        server_settings={
            "application_name": "wallet report",
            "timezone": "UTC",
            "statement_timeout": str(int(_STATEMENT_TIMEOUT_S * 1000)),
            # Should this process be gone without a word, PostgreSQL lets go by itself.
            "idle_in_transaction_session_timeout": str(idle_ms),
            # A plan for any stretch of a sequence would be one for a third of the table.
            "plan_cache_mode": "force_custom_plan",
            "jit": "off",
            # Nobody's payment waits because somebody reads.
            "max_parallel_workers_per_gather": "0",
        },
    )


async def _read_statement(connection: asyncpg.Connection, order: ReportOrder) -> Statement:
    found = await connection.fetchrow(_STATEMENT, *_period(order))
    if found is None:
        raise NotFoundError("There is no such wallet.", field=("wallet_id",))
    credits_, debits = _NOTHING, _NOTHING
    if FORMATS[order.format].shows_turnover:
        row = await connection.fetchrow(
            _TURNOVER, order.wallet_id, found["first_sequence"], found["last_sequence"]
        )
        credits_ = Turnover(lines=row["credits"], amount_minor=int(row["credits_minor"]))
        debits = Turnover(lines=row["debits"], amount_minor=int(row["debits_minor"]))
    return Statement(
        **found,
        operation_id=order.operation_id,
        made_at=order.asked_at,
        credits=credits_,
        debits=debits,
    )


def _period(order: ReportOrder) -> Sequence[object]:
    filter_ = order.filter
    return [
        order.wallet_id,
        order.owner_id,
        filter_.from_,
        filter_.until,
        order.last_sequence,
        order.asked_at,
    ]
