"""
Long statements, written past the API: a million entries through it would take an hour.

They are what the API would have written, hash chains included: `wallet verify`
walks them too.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any
from uuid import UUID

import asyncpg

from bench.crowd import AMOUNT_MINOR, CURRENCY, Crowd, Purse
from wallet.core.ids import new_id, world_wallet_id
from wallet.core.tokens import AccessClaims
from wallet.services.ledger.chain import GENESIS, chain_hash

WALLETS_PER_PERSON = 50
_FUNDS_MINOR = 100_000_00
_CHUNK = 20_000
_STEP = timedelta(milliseconds=1)

_TABLES = {
    "users": "id email password_hash role created_at",
    "sessions": "id family_id user_id token_hash created_at expires_at",
    "wallets": (
        "id owner_id currency status balance_minor held_minor overdraft_minor last_sequence "
        "head_hash last_entry_at created_at"
    ),
    "operations": (
        "id kind status actor_id source_wallet_id target_wallet_id amount_minor currency "
        "idempotency_key request_hash created_at completed_at source_sequence target_sequence"
    ),
    "entries": (
        "operation_id wallet_id sequence amount_minor held_change_minor balance_after_minor "
        "held_after_minor hash created_at"
    ),
}

_Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(slots=True)
class _Account:
    """A wallet as its statement grows."""

    wallet_id: UUID
    owner_id: UUID | None
    balance_minor: int = 0
    last_sequence: int = 0
    head_hash: bytes = GENESIS
    last_entry_at: datetime | None = None

    def enter(self, operation_id: UUID, amount_minor: int, at: datetime) -> tuple[Any, ...]:
        """Add an entry and return its row; a system wallet keeps no running balance."""
        if self.owner_id is None:
            return (operation_id, self.wallet_id, None, amount_minor, 0, None, None, None, at)
        self.last_entry_at = at
        self.balance_minor += amount_minor
        self.last_sequence += 1
        self.head_hash = chain_hash(
            self.head_hash,
            wallet_id=self.wallet_id,
            operation_id=operation_id,
            sequence=self.last_sequence,
            amount_minor=amount_minor,
            held_change_minor=0,
            balance_after_minor=self.balance_minor,
            held_after_minor=0,
            created_at=at,
        )
        return (
            operation_id,
            self.wallet_id,
            self.last_sequence,
            amount_minor,
            0,
            self.balance_minor,
            0,
            self.head_hash,
            at,
        )


async def write_book(database_url: str, *, wallets: int, entries: int) -> Crowd:
    """
    Fill an empty, migrated database: *wallets* wallets, the first with *entries* entries.

    Each of those is a transfer with one of the others, so these share as many.

    Args:
        database_url: With the rights of a superuser, who may leave out the
            check of each row's foreign keys.
    """
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        book = _Book(wallets=wallets, transfers=entries - 1)
        for rows in book.write():
            for table, records in rows.items():
                await connection.copy_records_to_table(
                    table, records=records, columns=_TABLES[table].split()
                )
        # What autovacuum would have done to a book that grew over years.
        await connection.execute("VACUUM ANALYZE")
        return book.crowd
    finally:
        await connection.close()


_Posted = tuple[tuple[Any, ...], list[tuple[Any, ...]]]
"""The row of an operation, and those of its two entries."""


class _Book:
    """The rows of one book, in chunks that fit into memory."""

    def __init__(self, *, wallets: int, transfers: int) -> None:
        people = [
            AccessClaims(new_id(), new_id()) for _ in range(-(-wallets // WALLETS_PER_PERSON))
        ]
        purses = [Purse(new_id(), number // WALLETS_PER_PERSON) for number in range(wallets)]
        self.crowd = Crowd(people, purses)
        self._world = _Account(world_wallet_id(CURRENCY), None)
        self._accounts = [
            _Account(purse.wallet_id, people[purse.owner].user_id) for purse in purses
        ]
        self._transfers = transfers
        self._started_at = datetime.now(UTC) - (transfers + wallets) * _STEP
        self._at = self._started_at

    def write(self) -> Iterator[_Rows]:
        """Write all there is; the wallets last, as they stand at the end."""
        yield self._write_people()
        postings = chain(self._top_up(), self._transfer())
        while chunk := list(islice(postings, _CHUNK)):
            yield {
                "operations": [operation for operation, _ in chunk],
                "entries": [entry for _, entries in chunk for entry in entries],
            }
        yield {"wallets": [self._wallet(account) for account in (self._world, *self._accounts)]}

    def _write_people(self) -> _Rows:
        users, sessions = [], []
        expires_at = datetime.now(UTC) + timedelta(days=30)
        for number, person in enumerate(self.crowd.people):
            email = f"reader-{number}@example.com"
            # No password has this hash: nobody logs in, the tokens are signed by the bench.
            users.append((person.user_id, email, "none", "USER", self._started_at))
            token_hash = hashlib.sha256(person.family_id.bytes).digest()
            sessions.append(
                (
                    new_id(),
                    person.family_id,
                    person.user_id,
                    token_hash,
                    self._started_at,
                    expires_at,
                )
            )
        return {"users": users, "sessions": sessions}

    def _top_up(self) -> Iterator[_Posted]:
        for account in self._accounts:
            yield self._post("TOPUP", self._world, account, _FUNDS_MINOR, actor_id=account.owner_id)

    def _transfer(self) -> Iterator[_Posted]:
        first, *others = self._accounts
        choose = random.Random(1).choice
        for number in range(self._transfers):
            other = choose(others)
            source, target = (first, other) if number % 2 else (other, first)
            yield self._post("TRANSFER", source, target, AMOUNT_MINOR, actor_id=source.owner_id)

    def _post(
        self,
        kind: str,
        source: _Account,
        target: _Account,
        amount_minor: int,
        *,
        actor_id: UUID | None,
    ) -> _Posted:
        self._at += _STEP
        at, operation_id = self._at, new_id()
        entries = [
            source.enter(operation_id, -amount_minor, at),
            target.enter(operation_id, amount_minor, at),
        ]
        operation = (
            operation_id,
            kind,
            "COMPLETED",
            actor_id,
            source.wallet_id,
            target.wallet_id,
            amount_minor,
            CURRENCY,
            str(operation_id),
            hashlib.sha256(operation_id.bytes).digest(),
            at,
            at,
            *(sequence for _, _, sequence, *_ in entries),
        )
        return operation, entries

    def _wallet(self, account: _Account) -> tuple[Any, ...]:
        return (
            account.wallet_id,
            account.owner_id,
            CURRENCY,
            "ACTIVE",
            account.balance_minor,
            0,
            0,
            account.last_sequence,
            account.head_hash,
            account.last_entry_at or self._started_at,
            self._started_at,
        )
