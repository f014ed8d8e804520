"""Test data, made by the services themselves."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Self
from uuid import UUID, uuid4

from tests.support.servers import KEYS
from wallet.core.ids import new_id
from wallet.core.inputs import check_money
from wallet.core.settings import Funding, Settings
from wallet.models import OperationKind, User
from wallet.services.actors import Actor
from wallet.services.database import Connection, fetch, run_transaction
from wallet.services.ecb import PublishedRate
from wallet.services.ledger import Ledger, Outcome, WalletRecord
from wallet.services.rates import import_rates
from wallet.services.sessions import authenticate, open_session
from wallet.services.transfers import FundingOrder, Note, TransferOrder, topup, transfer
from wallet.services.wallets import find_wallet, open_in_transaction

# The hash of no password: these users never log in, and hashing is slow on purpose.
_NO_PASSWORD = "!"


class Factory:
    """Makes users, wallets with money, and transfers between them."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._settings = settings

    def with_ledger(self, ledger: Ledger) -> "Factory":
        """Return a factory that goes through another ledger."""
        return Factory(ledger, self._settings)

    async def create_actor(self) -> Actor:
        """Make a user with a session and no wallet."""

        async def create(connection: Connection) -> str:
            now = (await connection.execute_query_dict("SELECT now()"))[0]["now"]
            user = await User.create(
                id=new_id(),
                email=f"{uuid4().hex}@example.com",
                password_hash=_NO_PASSWORD,
                created_at=now,
            )
            return (await open_session(connection, user.id, keys=KEYS)).access_token

        return await authenticate(await run_transaction(create), keys=KEYS)

    async def create_wallet(
        self, actor: Actor | None = None, *, balance: str = "0 EUR"
    ) -> tuple[Actor, WalletRecord]:
        """Open a wallet with a balance such as "12.50 EUR"; "0 EUR" leaves it empty."""
        owner = actor or await self.create_actor()
        amount, currency = balance.split()
        wallet = await run_transaction(
            lambda connection: open_in_transaction(
                connection,
                self._ledger,
                user_id=owner.user_id,
                currency=currency,
                kind=OperationKind.OPENING,
            )
        )
        if amount.strip("0."):
            outcome = await self.topup(owner, wallet.id, balance)
            assert outcome.wallet is not None
            wallet = outcome.wallet
        return owner, wallet

    async def topup(
        self, actor: Actor, wallet_id: UUID, money: str, *, key: str | None = None
    ) -> Outcome:
        """Top up with money such as "12.50 EUR"."""
        amount, currency = money.split()
        order = FundingOrder(
            wallet_id=wallet_id,
            amount_minor=check_money(amount, currency),
            currency=currency,
            note=Note(idempotency_key=key or uuid4().hex),
        )
        return await topup(self._ledger, Funding.OWNER, order, actor=actor)

    async def import_rates(self, *, days_ago: int = 1, **rates: str) -> None:
        """Store what one euro was worth some days ago: ``USD="1.25"``."""
        today = (await fetch("SELECT (now() AT TIME ZONE 'UTC')::date AS today"))[0]["today"]
        day = today - timedelta(days=days_ago)
        published = [
            PublishedRate(currency, day, Decimal(rate)) for currency, rate in rates.items()
        ]
        await import_rates(self._settings, published, on_progress=lambda _: None)

    async def transfer(
        self,
        actor: Actor,
        source_id: UUID,
        target_id: UUID,
        money: str,
        *,
        key: str | None = None,
        ledger: Ledger | None = None,
    ) -> Outcome:
        """Transfer money such as "12.50 EUR"."""
        amount, currency = money.split()
        order = TransferOrder(
            source_id=source_id,
            target_id=target_id,
            amount_minor=check_money(amount, currency),
            currency=currency,
            note=Note(idempotency_key=key or uuid4().hex),
        )
        return await transfer(ledger or self._ledger, order, actor=actor)

    async def balance_minor(self, actor: Actor, wallet_id: UUID) -> int:
        """Read a wallet's balance, in minor units."""
        wallet = await find_wallet(actor, wallet_id)
        assert wallet is not None
        return wallet.balance_minor

    async def count_rows(self) -> dict[str, int]:
        """Count the rows of every table that a request may write to."""
        return {
            table: (await fetch(f"SELECT count(*) AS rows FROM {table}"))[0]["rows"]
            for table in ("users", "sessions", "wallets", "operations", "entries")
        }


@dataclass(slots=True, kw_only=True)
class Pair:
    """Two wallets in euro, the first with 10.00 in it, and how their owners pay each other."""

    factory: Factory
    ada: Actor
    bob: Actor
    source_id: UUID
    target_id: UUID

    @classmethod
    async def create(cls, factory: Factory) -> Self:
        """Make both users and their wallets."""
        ada, source = await factory.create_wallet(balance="10.00 EUR")
        bob, target = await factory.create_wallet()
        return cls(factory=factory, ada=ada, bob=bob, source_id=source.id, target_id=target.id)

    async def pay(
        self, money: str = "2.50 EUR", *, key: str | None = None, ledger: Ledger | None = None
    ) -> Outcome:
        """Let Ada pay Bob."""
        return await self.factory.transfer(
            self.ada, self.source_id, self.target_id, money, key=key, ledger=ledger
        )

    async def pay_back(
        self, money: str = "2.50 EUR", *, key: str | None = None, ledger: Ledger | None = None
    ) -> Outcome:
        """Let Bob pay Ada."""
        return await self.factory.transfer(
            self.bob, self.target_id, self.source_id, money, key=key, ledger=ledger
        )
