"""
Statements: pages of a wallet's entries with their operations, and single operations.

A page is one range scan over (wallet, sequence): its cost is the same at any
depth, and the unfiltered total is the wallet's last sequence. With a filter it
is one such scan for each kind and status that is asked for.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from wallet.core.records import record
from wallet.models import OperationKind, OperationStatus
from wallet.services.actors import Actor
from wallet.services.database import Row, fetch
from wallet.services.ledger import OperationRecord, Party
from wallet.services.ledger.journal import read_conversion
from wallet.services.line_search import count, period, places, values_of

_BEFORE_ALL = 0
_AFTER_ALL = 2**63 - 1

# A hold past its time is over for everybody, whether it was swept or not.
_IS_OVER = """
    operation.kind = 'HOLD' AND operation.status = 'PENDING' AND operation.expires_at <= now()
"""
STATUS = f"CASE WHEN {_IS_OVER} THEN 'EXPIRED' ELSE operation.status END"
_COMPLETED_AT = f"CASE WHEN {_IS_OVER} THEN operation.expires_at ELSE operation.completed_at END"

_OPERATION_COLUMNS = f"""
    operation.id AS operation_id, operation.kind, {STATUS} AS status, operation.actor_id,
    operation.source_wallet_id, operation.target_wallet_id, operation.amount_minor AS total_minor,
    operation.currency, operation.target_amount_minor, operation.target_currency, operation.rate,
    operation.description, operation.metadata, operation.error_code, operation.error_details,
    operation.parent_id, operation.expires_at, operation.scheduled_for, operation.returned_minor,
    operation.created_at, {_COMPLETED_AT} AS completed_at,
    source.currency AS source_currency, source_owner.id AS source_owner_id,
    source_owner.email AS source_owner_email,
    target.currency AS target_currency, target_owner.id AS target_owner_id,
    target_owner.email AS target_owner_email
"""

# A system wallet has no owner and so is no party.
_PARTIES = """
  LEFT JOIN wallets AS source ON source.id = operation.source_wallet_id
  LEFT JOIN users AS source_owner ON source_owner.id = source.owner_id
  LEFT JOIN wallets AS target ON target.id = operation.target_wallet_id
  LEFT JOIN users AS target_owner ON target_owner.id = target.owner_id
"""

_LINES = """
    SELECT entry.sequence, entry.operation_id, entry.amount_minor, entry.balance_after_minor
      FROM entries AS entry
"""

_INSIDE = (
    "(SELECT greatest($2::bigint, low) FROM period)",
    "(SELECT least($3::bigint, high) FROM period)",
)

_ALL_LINES = f"""
{_LINES}
     WHERE entry.wallet_id = $1 AND entry.sequence > {_INSIDE[0]} AND entry.sequence < {_INSIDE[1]}
     ORDER BY entry.sequence {{order}} LIMIT {{limit}} + 1
"""
# Sequences have no gaps: what is beyond the page follows from its ends.
_HAS_OLDER = "least(ends.oldest, period.high) > period.low + 1"
_HAS_NEWER = "greatest(ends.newest, period.low) < period.high - 1"

_FOUND_LINES = f"""
{_LINES} JOIN ({{places}}) AS place USING (sequence) WHERE entry.wallet_id = $1
"""

# The rows of the page first, then what they refer to: the limit bounds the joins.
# What is known of the wallet and of the page is on each row, and on the only one
# of an empty page, so that a page is one trip.
_PAGE = """
WITH period AS MATERIALIZED ({period}
), page AS MATERIALIZED ({lines}
), ends AS MATERIALIZED (
    SELECT coalesce(min(sequence), $2::bigint + 1) AS oldest,
           coalesce(max(sequence), $3::bigint - 1) AS newest, count(*) > {limit} AS beyond
      FROM page
), around AS MATERIALIZED (
    SELECT period.last_sequence, ends.beyond, {has_older} AS has_older, {has_newer} AS has_newer
      FROM ends CROSS JOIN period
)
SELECT around.*, page.sequence, page.amount_minor, page.balance_after_minor, {columns}
  FROM around
  LEFT JOIN (page JOIN operations AS operation ON operation.id = page.operation_id {parties})
    ON TRUE
 ORDER BY page.sequence DESC
"""

# Where the page has a line too many, it is known without a look.
_IS_BEYOND = "(({known} AND ends.beyond) OR {is_there})"

_PERIOD = period("$2", "$3")
_COUNT = count("$2::bigint", "$3::bigint")

COUNTED_MAX = 1_000_000
"""How many places one statement goes through at most to count lines: 0.2 s, or 0.4 cold."""

_ANY = f"""
SELECT {_OPERATION_COLUMNS}
  FROM operations AS operation {_PARTIES}
 WHERE operation.id = $1
"""  # noqa: S608  (made of constants)

# Who has an entry of it has a part in it; the target of a failed transfer has none.
# Who is to pay sees it also while it is still to come, and has none.
_ONE = f"""
{_ANY}
   AND ((source_owner.id = $2 AND operation.actor_id = $2)
        OR EXISTS (SELECT FROM entries AS entry
                     JOIN wallets AS own ON own.id = entry.wallet_id
                    WHERE entry.operation_id = operation.id AND own.owner_id = $2))
"""

_ONE_TO = f"{_ANY} AND target_owner.id = $2"

_ONE_FROM = f"{_ANY} AND source_owner.id = $2"

_SCHEDULED = f"""
SELECT {_OPERATION_COLUMNS}
  FROM operations AS operation {_PARTIES}
 WHERE operation.source_wallet_id = $1 AND operation.scheduled_for IS NOT NULL
   AND operation.status = 'PENDING'
 ORDER BY operation.scheduled_for, operation.id
 LIMIT $2
"""  # noqa: S608  (made of constants)

# What a wallet's newest entry up to an instant says; before the first there was nothing.
_BALANCE_AT = """
SELECT balance_after_minor FROM entries
 WHERE wallet_id = $1 AND sequence IS NOT NULL AND created_at <= $2
 ORDER BY created_at DESC, sequence DESC
 LIMIT 1
"""


@record(kw_only=True)
class Filter:
    """Which operations a page shows; all given conditions hold together."""

    kinds: tuple[OperationKind, ...] | None = None
    statuses: tuple[OperationStatus, ...] | None = None
    from_: datetime | None = None
    until: datetime | None = None

    def to_sql(self, values: list[Any]) -> str:
        """Return the conditions as SQL, and append their values to *values*."""
        conditions = []
        for condition, value in (
            ("operation.kind = ANY (${}::text[])", _texts(self.kinds)),
            (f"{STATUS} = ANY (${{}}::text[])", _texts(self.statuses)),
            ("entry.created_at >= ${}::timestamptz", self.from_),
            ("entry.created_at < ${}::timestamptz", self.until),
        ):
            if value is not None:
                values.append(value)
                conditions.append(f"AND {condition.format(len(values))}")
        return " ".join(conditions)

    @property
    def is_of_period(self) -> bool:
        """Whether every operation passes that is in the period."""
        return self.kinds is None and self.statuses is None

    @property
    def is_empty(self) -> bool:
        """Whether every operation passes."""
        return self == Filter()


@record(kw_only=True)
class Range:
    """
    Which part of a statement a page shows.

    Attributes:
        limit: How many lines at most.
        after: Only lines older than the one with this sequence.
        before: Only lines newer than the one with this sequence.
        from_oldest: Take the oldest lines of the range, not the newest.
    """

    limit: int
    after: int | None = None
    before: int | None = None
    from_oldest: bool = False


@record
class Line:
    """One entry of a statement with its operation; amounts are minor units of the wallet."""

    sequence: int
    amount_minor: int
    balance_after_minor: int
    operation: OperationRecord


@record
class Page:
    """
    Some lines, newest first, and whether there are older or newer ones that match.

    Attributes:
        last_sequence: Of the wallet, when the page was read: how many lines there are.
    """

    lines: Sequence[Line]
    has_older: bool
    has_newer: bool
    last_sequence: int


async def get_page(wallet_id: UUID, range_: Range, filter_: Filter) -> Page:
    """Return a page of a wallet's statement; the caller has made sure of the right to it."""
    low = _BEFORE_ALL if range_.before is None else range_.before
    high = _AFTER_ALL if range_.after is None else range_.after
    rows = await fetch(_page_sql(range_, filter_), wallet_id, low, high, *_values(filter_))
    known = rows[0]
    lines = [_line(row) for row in rows if row["sequence"] is not None]
    if known["beyond"]:
        lines = lines[1:] if range_.from_oldest else lines[:-1]
    return Page(lines, known["has_older"], known["has_newer"], known["last_sequence"])


def _values(filter_: Filter) -> list[object]:
    wanted = () if filter_.is_of_period else values_of(filter_.kinds, filter_.statuses)
    return [*wanted, filter_.from_, filter_.until]


def _page_sql(range_: Range, filter_: Filter) -> str:
    """Write the statement of a page."""
    order = "ASC" if range_.from_oldest else "DESC"
    lines, has_older, has_newer = _ALL_LINES, _HAS_OLDER, _HAS_NEWER
    if not filter_.is_of_period:
        lines = _FOUND_LINES.format(places=places(*_INSIDE, order=order, limit=range_.limit + 1))
        has_older, has_newer = (
            f"EXISTS ({places(*ends, order='DESC', limit=1)})"
            for ends in (("period.low", "ends.oldest"), ("ends.newest", "period.high"))
        )
    return _PAGE.format(
        period=period("$4", "$5") if filter_.is_of_period else period("$7", "$8"),
        lines=lines.format(order=order, limit=range_.limit),
        limit=range_.limit,
        has_older=_IS_BEYOND.format(known=not range_.from_oldest, is_there=has_older),
        has_newer=_IS_BEYOND.format(known=range_.from_oldest, is_there=has_newer),
        columns=_OPERATION_COLUMNS,
        parties=_PARTIES,
    )


async def count_lines(wallet_id: UUID, filter_: Filter) -> int:
    """Count the lines of a statement that match; a long one is counted in stretches."""
    bounds = (await fetch(_PERIOD, wallet_id, filter_.from_, filter_.until))[0]
    return await count_between(wallet_id, filter_, bounds["low"], bounds["high"])


async def count_between(wallet_id: UUID, filter_: Filter, low: int, high: int) -> int:
    """Count the lines between two places that are of the wanted kinds and statuses."""
    if filter_.is_of_period:
        return max(high - low - 1, 0)
    total, values = 0, values_of(filter_.kinds, filter_.statuses)
    for start in range(low, high - 1, COUNTED_MAX):
        end = min(start + COUNTED_MAX + 1, high)
        rows = await fetch(_COUNT, wallet_id, start, end, *values)
        total += int(rows[0]["lines"])
    return total


async def find_operation(actor: Actor, operation_id: UUID) -> OperationRecord | None:
    """Return an operation with an entry in one of the actor's wallets; None for any other."""
    rows = await fetch(_ONE, operation_id, actor.user_id)
    return _operation(rows[0]) if rows else None


async def find_operation_to(actor: Actor, operation_id: UUID) -> OperationRecord | None:
    """Return an operation whose target is one of the actor's wallets; None for any other."""
    rows = await fetch(_ONE_TO, operation_id, actor.user_id)
    return _operation(rows[0]) if rows else None


async def find_operation_from(actor: Actor, operation_id: UUID) -> OperationRecord | None:
    """Return an operation whose source is one of the actor's wallets; None for any other."""
    rows = await fetch(_ONE_FROM, operation_id, actor.user_id)
    return _operation(rows[0]) if rows else None


async def list_scheduled(wallet_id: UUID, *, limit: int) -> list[OperationRecord]:
    """Return the transfers out of a wallet that are still to come, the soonest first."""
    return [_operation(row) for row in await fetch(_SCHEDULED, wallet_id, limit)]


async def get_balance_at(wallet_id: UUID, at: datetime) -> int:
    """Return a wallet's balance as it stood at an instant, in minor units: one index look-up."""
    rows = await fetch(_BALANCE_AT, wallet_id, at)
    return int(rows[0]["balance_after_minor"]) if rows else 0


async def find_any_operation(actor: Actor, operation_id: UUID) -> OperationRecord | None:
    """Return whatever operation has this id, to an operator."""
    if not actor.is_operator:
        raise AssertionError("only an operator looks up any operation")
    rows = await fetch(_ANY, operation_id)
    return _operation(rows[0]) if rows else None


def _texts(values: Sequence[OperationKind] | Sequence[OperationStatus] | None) -> list[str] | None:
    return None if values is None else [value.value for value in values]


def _line(row: Row) -> Line:
    return Line(
        sequence=row["sequence"],
        amount_minor=row["amount_minor"],
        balance_after_minor=row["balance_after_minor"],
        operation=_operation(row),
    )


def _operation(row: Row) -> OperationRecord:
    return OperationRecord(
        id=row["operation_id"],
        kind=OperationKind(row["kind"]),
        status=OperationStatus(row["status"]),
        actor_id=row["actor_id"],
        source_id=row["source_wallet_id"],
        target_id=row["target_wallet_id"],
        source=_party(row, "source"),
        target=_party(row, "target"),
        amount_minor=row["total_minor"],
        currency=row["currency"],
        description=row["description"],
        metadata=row["metadata"],
        error_code=row["error_code"],
        error_details=orjson.loads(row["error_details"]) if row["error_details"] else None,
        idempotency_key=None,
        request_hash=None,
        created_at=row["created_at"],
        completed_at=row["completed_at"],
        conversion=read_conversion(row),
        parent_id=row["parent_id"],
        expires_at=row["expires_at"],
        scheduled_for=row["scheduled_for"],
        returned_minor=row["returned_minor"],
    )


def _party(row: Row, side: str) -> Party | None:
    if row[f"{side}_owner_id"] is None:
        return None
    return Party(
        wallet_id=row[f"{side}_wallet_id"],
        currency=row[f"{side}_currency"],
        owner_id=row[f"{side}_owner_id"],
        owner_email=row[f"{side}_owner_email"],
    )
