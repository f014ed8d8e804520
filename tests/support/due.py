"""Operations whose time has come, without waiting for it; and what the books say of them all."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.observer import Observer
from wallet.core.ids import find_id

# What must give no row, whatever was captured, ended, reversed or carried out.
_WRONG = {
    "money was made or lost": """
        SELECT operation_id, wallet.currency FROM entries
          JOIN wallets AS wallet ON wallet.id = wallet_id
         GROUP BY 1, 2 HAVING sum(amount_minor) <> 0
    """,
    "a wallet is not what its lines add up to": """
        SELECT wallet.id FROM wallets AS wallet JOIN entries AS entry ON wallet_id = wallet.id
         WHERE owner_id IS NOT NULL
         GROUP BY wallet.id
        HAVING balance_minor <> sum(entry.amount_minor) OR held_minor <> sum(held_change_minor)
            OR last_sequence <> count(*) OR last_sequence <> max(sequence)
    """,
    "a wallet holds what no open hold has reserved": """
        SELECT wallet.id FROM wallets AS wallet
          LEFT JOIN operations AS hold ON hold.source_wallet_id = wallet.id
           AND hold.kind = 'HOLD' AND hold.status = 'PENDING'
         GROUP BY wallet.id HAVING held_minor <> coalesce(sum(amount_minor), 0)
    """,
    "a hold has not ended as its status says": """
        SELECT hold.id FROM operations AS hold
          LEFT JOIN operations AS child ON child.parent_id = hold.id
           AND child.status <> 'FAILED' AND child.kind IN ('CAPTURE', 'VOID')
         WHERE hold.kind = 'HOLD' AND hold.status <> 'FAILED'
         GROUP BY hold.id HAVING string_agg(child.kind, ' ')
            IS DISTINCT FROM CASE hold.status WHEN 'PENDING' THEN NULL
                WHEN 'COMPLETED' THEN 'CAPTURE' ELSE 'VOID' END
    """,
    "more was given back than was received, or not what is said": """
        SELECT whole.id FROM operations AS whole
          LEFT JOIN operations AS part ON part.parent_id = whole.id
           AND part.kind = 'REVERSAL' AND part.status = 'COMPLETED'
         WHERE whole.kind IN ('TRANSFER', 'CAPTURE')
         GROUP BY whole.id HAVING whole.returned_minor <> coalesce(sum(part.amount_minor), 0)
            OR whole.returned_minor > coalesce(whole.target_amount_minor, whole.amount_minor)
            OR (whole.status = 'REVERSED') <> (whole.returned_minor
                = coalesce(whole.target_amount_minor, whole.amount_minor))
    """,
    "a transfer was carried out twice, or never": """
        SELECT operation.id FROM operations AS operation
          LEFT JOIN entries AS entry ON entry.operation_id = operation.id
         WHERE scheduled_for IS NOT NULL
         GROUP BY operation.id HAVING count(entry.*) <> CASE status
            WHEN 'COMPLETED' THEN 2 WHEN 'REVERSED' THEN 2 WHEN 'FAILED' THEN 1 ELSE 0 END
    """,
}


def from_now(**time: float) -> str:
    """Return an instant that is so far ahead, or back, as clients send it."""
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


def ids_of(answers: Iterable[Any]) -> list[UUID]:
    """Return the ids of the operations that were carried out."""
    found = [find_id("Operation", answer["done"]["id"]) for answer in answers]
    return [id_ for id_ in found if id_ is not None]


async def let_pass(observer: Observer, *answers: Any) -> None:
    """Let the time of holds be over, and that of scheduled transfers have come."""
    await observer.fetch(
        "UPDATE operations SET expires_at = expires_at - interval '400 days',"
        " scheduled_for = scheduled_for - interval '400 days' WHERE id = ANY ($1)",
        ids_of(answers),
    )


async def assert_books_hold(observer: Observer) -> None:
    """
    Assert what is true of books in which holds, reversals and schedules were at work.

    Looked at with other eyes than those of ``wallet verify``, which walks the chains as well.
    """
    assert {
        wrong: rows for wrong, sql in _WRONG.items() if (rows := await observer.fetch(sql))
    } == {}


async def freeze(observer: Observer, wallet_id: str, status: str = "FROZEN") -> None:
    """Give a wallet another status."""
    id_ = find_id("Wallet", wallet_id)
    await observer.fetch("UPDATE wallets SET status = $2 WHERE id = $1", id_, status)
