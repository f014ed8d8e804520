"""A small ledger that holds, and what only the tables' owner can do to it."""

from dataclasses import dataclass, fields
from typing import Self
from uuid import UUID

import pytest

from tests.support.factories import Factory, Pair
from tests.support.kept import KeptDatabase
from tests.support.ledgers import connected_apart, open_ledger
from tests.support.observer import Observer
from wallet.core.ids import world_wallet_id
from wallet.core.settings import Settings
from wallet.services.ledger import InsufficientFundsError
from wallet.services.ledger.chain import chain_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """
    A few entries, in a database that keeps a copy of them.

    Ada's wallet: opened, topped up with 10.00, paid 2.50, failed to pay 99.00, got 1.00 back.
    Bob's wallet: opened, got 2.50, paid 1.00.
    """

    url: str
    ada_id: UUID
    bob_id: UUID
    world_id: UUID
    opening_id: UUID
    topup_id: UUID
    payment_id: UUID
    failure_id: UUID

    @classmethod
    async def create(cls, settings: Settings) -> Self:
        """Write the books into a database that has none."""
        async with connected_apart(settings), open_ledger(settings.redis_url) as ledger:
            pair = await Pair.create(Factory(ledger, settings))
            await pair.pay("2.50 EUR")
            with pytest.raises(InsufficientFundsError):
                await pair.pay("99.00 EUR")
            await pair.pay_back("1.00 EUR")
        await KeptDatabase(settings.database_url).keep()
        async with Observer.of(settings.database_url) as observer:
            rows = await observer.fetch(
                "SELECT kind, status, id FROM operations"
                " WHERE $1 IN (source_wallet_id, target_wallet_id) ORDER BY created_at DESC",
                pair.source_id,
            )
        # Of the two transfers the first is meant: the one that comes last here.
        ids = {(row["kind"], row["status"]): row["id"] for row in rows}
        return cls(
            url=settings.database_url,
            ada_id=pair.source_id,
            bob_id=pair.target_id,
            world_id=world_wallet_id("EUR"),
            opening_id=ids["OPENING", "COMPLETED"],
            topup_id=ids["TOPUP", "COMPLETED"],
            payment_id=ids["TRANSFER", "COMPLETED"],
            failure_id=ids["TRANSFER", "FAILED"],
        )

    async def restore(self) -> None:
        """Make them what they were."""
        await KeptDatabase(self.url).restore()

    async def tamper(self, *statements: str) -> None:
        """Change what is append-only; ``{bob_id}`` and the like stand for our ids."""
        names = {field.name: getattr(self, field.name) for field in fields(self)}
        await KeptDatabase(self.url).tamper(
            *(statement.format(**names) for statement in statements)
        )

    async def credit_bob(self, operation_id: UUID) -> None:
        """Write 50.00 to Bob's wallet under an operation, with all that his chain needs."""
        async with Observer.of(self.url) as observer:
            wallet = (await observer.fetch("SELECT * FROM wallets WHERE id = $1", self.bob_id))[0]
        sequence, balance_minor = wallet["last_sequence"] + 1, wallet["balance_minor"] + 5_000
        entry_hash = chain_hash(
            wallet["head_hash"],
            wallet_id=self.bob_id,
            operation_id=operation_id,
            sequence=sequence,
            amount_minor=5_000,
            held_change_minor=0,
            balance_after_minor=balance_minor,
            held_after_minor=0,
            created_at=wallet["last_entry_at"],
        )
        head = f"'\\x{entry_hash.hex()}'"
        await self.tamper(
            f"""INSERT INTO entries VALUES ('{operation_id}', '{{bob_id}}', {sequence}, 5000, 0,
            {balance_minor}, 0, {head}, '{wallet["last_entry_at"].isoformat()}')""",
            f"""UPDATE wallets SET balance_minor = {balance_minor}, last_sequence = {sequence},
            head_hash = {head} WHERE id = '{{bob_id}}'""",
        )
