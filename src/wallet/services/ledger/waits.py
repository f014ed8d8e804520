"""How long a limit stands in the way: when enough of what left a wallet is a day old."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from wallet.services.database import Connection
from wallet.services.ledger.journal import Page
from wallet.services.ledger.records import Related

OUTFLOWS_MAX = 10_000
"""Most outflows of a wallet that are looked at: more take longer than a refusal may."""

# Beside each of the oldest outflows of the last 24 hours, how much left the wallet up to
# then. Both lists are sorted once, however many ask: the first outflow by which at least
# so much had left is the earliest among those that come before the question.
_FREE_FROM = f"""
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS asked (wallet_id, wait_minor)
), line AS (
    SELECT wallet.wallet_id, oldest.created_at, NULL::bigint AS wait_minor,
           -sum(oldest.amount_minor)
               OVER (PARTITION BY wallet.wallet_id ORDER BY oldest.sequence) AS left_minor
      FROM (SELECT DISTINCT wallet_id FROM asked) AS wallet
     CROSS JOIN LATERAL (
        SELECT created_at, sequence, amount_minor FROM entries
         WHERE wallet_id = wallet.wallet_id AND sequence IS NOT NULL AND amount_minor < 0
           AND created_at > $3::timestamptz - interval '24 hours'
           AND created_at > now() - interval '24 hours'
         ORDER BY created_at, sequence
         LIMIT {OUTFLOWS_MAX}
     ) AS oldest
     UNION ALL
    SELECT wallet_id, NULL, wait_minor, wait_minor FROM asked
), answer AS (
    SELECT wallet_id, wait_minor,
           min(created_at) OVER (PARTITION BY wallet_id ORDER BY left_minor DESC) AS left_at
      FROM line
)
SELECT wallet_id, wait_minor, left_at + interval '24 hours' AS free_from
  FROM answer WHERE wait_minor IS NOT NULL AND left_at IS NOT NULL
"""  # noqa: S608  (made of constants)


async def find_waits(
    connection: Connection, waits: Collection[tuple[UUID, int]], page: Page
) -> Related:
    """
    Return what a round's postings refer to, and when so much may leave these wallets. One trip.

    What is not found is of this very round, or beyond OUTFLOWS_MAX: a day from now all
    of it is old enough.

    Args:
        waits: Wallets, and how much has to be older than 24 hours first.
    """
    rows = await connection.execute_query_dict(
        _FREE_FROM,
        [[wallet_id for wallet_id, _ in waits], [wait for _, wait in waits], page.read_at],
    )
    free_from: dict[UUID, dict[int, datetime]] = {}
    for row in rows:
        free_from.setdefault(row["wallet_id"], {})[row["wait_minor"]] = row["free_from"]
    related = page.related
    limits = {
        wallet_id: replace(related.limits[wallet_id], free_from=instants)
        for wallet_id, instants in free_from.items()
    }
    return replace(related, limits={**related.limits, **limits})
