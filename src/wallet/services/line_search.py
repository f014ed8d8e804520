"""
SQL that finds the lines of a statement that a filter lets through, however rare they are.

An operation knows the place of its line in the statement of either side, and
two indexes have the places of each kind and status in their order. Lines are in
the order of their times, so a period is a range of places too.

$1 is the wallet, and from $4 on come the values of :func:`values_of`. Places that
bound something are exclusive.
"""

from collections.abc import Collection

from wallet.models import OperationKind, OperationStatus

_PERIOD = """
SELECT wallet.last_sequence,
       CASE WHEN {from_}::timestamptz IS NULL THEN 0 ELSE coalesce(
           (SELECT sequence FROM entries
             WHERE wallet_id = $1 AND sequence IS NOT NULL AND created_at < {from_}
             ORDER BY created_at DESC, sequence DESC LIMIT 1), 0) END AS low,
       coalesce(CASE WHEN {until}::timestamptz IS NOT NULL THEN
           (SELECT sequence FROM entries
             WHERE wallet_id = $1 AND sequence IS NOT NULL AND created_at >= {until}
             ORDER BY created_at, sequence LIMIT 1) END, wallet.last_sequence + 1) AS high
  FROM wallets AS wallet WHERE wallet.id = $1
"""

# The index has all that is asked: no operation is read for a line that is not on the page.
_SIDE = """
    (SELECT {what} FROM operations AS operation
      WHERE operation.{side}_wallet_id = $1
        AND operation.kind = {kind} AND operation.status = {status}
        AND operation.{side}_sequence > {low} AND operation.{side}_sequence < {high} {more})
"""

# A hold that is over is EXPIRED, whether it was swept or not: where one of PENDING and
# EXPIRED is asked for, open holds are looked at one by one.
_SIDES = """
SELECT line.*
  FROM unnest($4::text[]) AS wanted (kind) CROSS JOIN unnest($5::text[]) AS had (status)
 CROSS JOIN LATERAL ({each}) AS line
 WHERE NOT ($6::boolean IS NOT NULL AND wanted.kind = 'HOLD' AND had.status = 'PENDING')
 UNION ALL
SELECT line.* FROM ({open_holds}) AS line WHERE $6::boolean IS NOT NULL
"""

_IS_OVER = "AND (operation.expires_at <= now()) = $6::boolean"


def values_of(
    kinds: Collection[OperationKind] | None, statuses: Collection[OperationStatus] | None
) -> tuple[list[str], list[str], bool | None]:
    """Return the values for these kinds and statuses; None is all of them."""
    kinds = tuple(OperationKind) if kinds is None else set(kinds)
    statuses = tuple(OperationStatus) if statuses is None else set(statuses)
    is_pending, is_expired = (
        status in statuses for status in (OperationStatus.PENDING, OperationStatus.EXPIRED)
    )
    has_open_holds = OperationKind.HOLD in kinds and is_pending != is_expired
    return (
        [kind.value for kind in kinds],
        [status.value for status in statuses],
        is_expired if has_open_holds else None,
    )


def period(from_: str, until: str) -> str:
    """Return a query for the places that bound the lines from one instant until another."""
    return _PERIOD.format(from_=from_, until=until)


def places(low: str, high: str, *, order: str, limit: int) -> str:
    """Return a query for the places between *low* and *high* of lines that are let through."""
    end = f"ORDER BY 1 {order} LIMIT {limit}"
    return f"{_sides('operation.{side}_sequence AS sequence', low, high, end)} {end}"


def count(low: str, high: str) -> str:
    """Return a query for how many lines between *low* and *high* are let through."""
    sides = _sides("count(*) AS lines", low, high, "")
    return f"SELECT coalesce(sum(lines), 0)::bigint AS lines FROM ({sides}) AS side"  # noqa: S608


def _sides(what: str, low: str, high: str, end: str) -> str:
    def both(kind: str, status: str, more: str) -> str:
        return "UNION ALL".join(
            _SIDE.format(
                what=what.format(side=side),
                side=side,
                kind=kind,
                status=status,
                low=low,
                high=high,
                more=f"{more} {end}",
            )
            for side in ("source", "target")
        )

    return _SIDES.format(
        each=both("wanted.kind", "had.status", ""),
        open_holds=both("'HOLD'", "'PENDING'", _IS_OVER),
    )
