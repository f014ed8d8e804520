"""A ledger in which everything that money does was done once, each thing by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Self
from uuid import UUID, uuid4

import pytest

from tests.support.factories import Factory
from tests.support.kept import KeptDatabase
from tests.support.ledgers import connected_apart, open_ledger
from tests.support.observer import Observer
from wallet.core.ids import exchange_wallet_id, expiry_id, new_id, world_wallet_id
from wallet.core.settings import Funding, Settings
from wallet.services.actors import Actor
from wallet.services.database import run_transaction
from wallet.services.holds import PartialAmount, capture_hold, hold, void_hold
from wallet.services.ledger import InsufficientFundsError, Ledger, Outcome
from wallet.services.reversals import reverse
from wallet.services.schedules import cancel_transfer, carry_out_due
from wallet.services.transfers import FundingOrder, Note, TransferOrder, topup, transfer
from wallet.services.wallets import open_system_wallets

_RATE = Decimal("1.0845")

_INSERT_QUOTE = """
INSERT INTO quotes (id, user_id, rate, amount_minor, currency, target_amount_minor,
                    target_currency, created_at, expires_at)
VALUES ($1, $2, $3, $4, 'EUR', $5, 'USD', now(), now() + interval '1 hour')
"""


class Hands:
    """Does all that there is to do with money, for Ada and Bob: in euro, and into dollar."""

    def __init__(self, ledger: Ledger, settings: Settings, observer: Observer) -> None:
        self._ledger = ledger
        self._observer = observer
        self.factory = Factory(ledger, settings)
        self.ada: Actor
        self.bob: Actor
        self.euros: dict[UUID, UUID] = {}
        self.dollars: dict[UUID, UUID] = {}

    async def open(self) -> None:
        """Open a wallet in euro and one in dollar for both, and the exchange between them."""
        self.ada, self.bob = [await self.factory.create_actor() for _ in range(2)]
        for actor in (self.ada, self.bob):
            _, euros = await self.factory.create_wallet(actor, balance="100.00 EUR")
            _, dollars = await self.factory.create_wallet(actor, balance="0 USD")
            self.euros[actor.user_id], self.dollars[actor.user_id] = euros.id, dollars.id
        await run_transaction(lambda connection: open_system_wallets(connection, ("EUR", "USD")))

    async def pay(
        self, payer: Actor, amount_minor: int, *, scheduled_for: datetime | None = None
    ) -> UUID:
        """Transfer to the other."""
        order = self._order(payer, amount_minor, scheduled_for=scheduled_for)
        return _id_of(await transfer(self._ledger, order, actor=payer))

    async def schedule(self, payer: Actor, amount_minor: int) -> UUID:
        """Transfer to the other an hour from now."""
        in_an_hour = datetime.now(UTC) + timedelta(hours=1)
        return await self.pay(payer, amount_minor, scheduled_for=in_an_hour)

    async def cancel(self, payer: Actor, scheduled_id: UUID) -> UUID:
        """Call a scheduled transfer off."""
        return _id_of(
            await cancel_transfer(
                self._ledger, scheduled_id, actor=payer, idempotency_key=uuid4().hex
            )
        )

    async def carry_out(self, scheduled_id: UUID) -> None:
        """Let the time of a scheduled transfer come."""
        await self._observer.fetch(
            "UPDATE operations SET scheduled_for = now() WHERE id = $1", scheduled_id
        )
        await carry_out_due(self._ledger, limit=10)

    async def hold(self, payer: Actor, amount_minor: int) -> UUID:
        """Reserve an amount for the other."""
        order = self._order(payer, amount_minor)
        return _id_of(await hold(self._ledger, order, actor=payer, expires_at=None))

    async def capture(self, payee: Actor, hold_id: UUID, part_minor: int | None = None) -> UUID:
        """Take what was reserved, or a part of it."""
        return _id_of(
            await capture_hold(
                self._ledger, hold_id, _euros(part_minor), actor=payee, idempotency_key=uuid4().hex
            )
        )

    async def void(self, payee: Actor, hold_id: UUID) -> UUID:
        """Let go of what was reserved."""
        return _id_of(
            await void_hold(self._ledger, hold_id, actor=payee, idempotency_key=uuid4().hex)
        )

    async def expire(self, payer: Actor, hold_id: UUID) -> UUID:
        """Let the time of a hold be over."""
        await self._observer.fetch(
            "UPDATE operations SET expires_at = now() WHERE id = $1", hold_id
        )
        await self._ledger.sweep([self.euros[payer.user_id]])
        return expiry_id(hold_id)

    async def give_back(
        self, payee: Actor, operation_id: UUID, part: PartialAmount | None = None
    ) -> UUID:
        """Give back a transfer or a capture, or a part of it."""
        return _id_of(
            await reverse(
                self._ledger,
                operation_id,
                part,
                actor=payee,
                idempotency_key=uuid4().hex,
                description=None,
            )
        )

    async def pay_in_dollars(self, payer: Actor, amount_minor: int) -> tuple[UUID, UUID]:
        """Transfer euros to the other's dollars; return the transfer and its quote."""
        quote_id = await self._quote(payer, amount_minor)
        order = TransferOrder(
            source_id=self.euros[payer.user_id],
            target_id=self.dollars[self.other(payer).user_id],
            amount_minor=amount_minor,
            currency="EUR",
            note=Note(idempotency_key=uuid4().hex),
            quote_id=quote_id,
        )
        outcome = await transfer(self._ledger, order, actor=payer)
        return _id_of(outcome), quote_id

    async def top_up_dollars(self, actor: Actor, amount_minor: int) -> tuple[UUID, UUID]:
        """Bring euros from outside into dollars; return the top-up and its quote."""
        quote_id = await self._quote(actor, amount_minor)
        order = FundingOrder(
            wallet_id=self.dollars[actor.user_id],
            amount_minor=amount_minor,
            currency="EUR",
            note=Note(idempotency_key=uuid4().hex),
            quote_id=quote_id,
        )
        outcome = await topup(self._ledger, Funding.OWNER, order, actor=actor)
        return _id_of(outcome), quote_id

    def other(self, actor: Actor) -> Actor:
        """Return Bob for Ada, and Ada for Bob."""
        return self.bob if actor is self.ada else self.ada

    def _order(
        self, payer: Actor, amount_minor: int, *, scheduled_for: datetime | None = None
    ) -> TransferOrder:
        return TransferOrder(
            source_id=self.euros[payer.user_id],
            target_id=self.euros[self.other(payer).user_id],
            amount_minor=amount_minor,
            currency="EUR",
            note=Note(idempotency_key=uuid4().hex),
            scheduled_for=scheduled_for,
        )

    async def _quote(self, actor: Actor, amount_minor: int) -> UUID:
        """Hold a rate for an hour, past the service that looks up the day's."""
        quote_id, target_minor = new_id(), round(amount_minor * _RATE)
        await self._observer.fetch(
            _INSERT_QUOTE, quote_id, actor.user_id, _RATE, amount_minor, target_minor
        )
        return quote_id


@dataclass(frozen=True, slots=True)
class History:
    """
    Everything once, in a database that keeps a copy of it.

    Attributes:
        ids: Of wallets, operations and quotes, by what they are.
    """

    database: KeptDatabase
    ids: Mapping[str, UUID]

    @classmethod
    async def create(cls, settings: Settings) -> Self:
        """Write the history into a database that has none."""
        database = KeptDatabase(settings.database_url)
        async with (
            connected_apart(settings),
            Observer.of(database.url) as observer,
            open_ledger(settings.redis_url) as ledger,
        ):
            hands = Hands(ledger, settings, observer)
            await hands.open()
            ids = {
                "ada": hands.euros[hands.ada.user_id],
                "bob": hands.euros[hands.bob.user_id],
                "ada_user": hands.ada.user_id,
                "bob_user": hands.bob.user_id,
                "world": world_wallet_id("EUR"),
                "exchange": exchange_wallet_id("EUR"),
                "exchange_usd": exchange_wallet_id("USD"),
                **await _hold(hands),
                **await _give_back(hands),
                **await _schedule(hands),
                **await _convert(hands),
            }
        await database.keep()
        return cls(database, ids)

    async def tamper(self, *statements: str) -> None:
        """Change what is append-only; ``{capture}`` and the like stand for our ids."""
        await self.database.tamper(*(statement.format(**self.ids) for statement in statements))


async def _hold(hands: Hands) -> dict[str, UUID]:
    """Hold 5.00, and four amounts that end in each of the ways there are."""
    ada, bob = hands.ada, hands.bob
    ids = {"pending": await hands.hold(ada, 500)}
    ids["captured"] = await hands.hold(ada, 400)
    ids["capture"] = await hands.capture(bob, ids["captured"], 250)
    ids["voided"] = await hands.hold(ada, 300)
    ids["void"] = await hands.void(bob, ids["voided"])
    ids["expired"] = await hands.hold(ada, 150)
    ids["expiry"] = await hands.expire(ada, ids["expired"])
    with pytest.raises(InsufficientFundsError) as refused:
        await hands.hold(ada, 1_000_000)
    ids["failed_hold"] = _failed_id(refused.value)
    return ids


async def _give_back(hands: Hands) -> dict[str, UUID]:
    """Give back a part of 10.00 in two parts, and all of 2.00; fail to give back more."""
    ada, bob = hands.ada, hands.bob
    ids = {"payment": await hands.pay(ada, 1000)}
    ids["part"] = await hands.give_back(bob, ids["payment"], _euros(200))
    await hands.give_back(bob, ids["payment"], _euros(300))
    ids["reversed"] = await hands.pay(ada, 200)
    ids["reversal"] = await hands.give_back(bob, ids["reversed"])
    big = await hands.pay(bob, 10_000)
    await hands.pay(ada, 15_000)
    with pytest.raises(InsufficientFundsError) as refused:
        await hands.give_back(ada, big)
    ids["failed_reversal"] = _failed_id(refused.value)
    await hands.pay(bob, 15_000)
    return ids


async def _schedule(hands: Hands) -> dict[str, UUID]:
    """Schedule a transfer that waits, and three that end in each of the ways there are."""
    ada = hands.ada
    ids = {"scheduled": await hands.schedule(ada, 100)}
    ids["called_off"] = await hands.schedule(ada, 110)
    ids["calling_off"] = await hands.cancel(ada, ids["called_off"])
    ids["carried_out"] = await hands.schedule(ada, 120)
    await hands.carry_out(ids["carried_out"])
    ids["failed"] = await hands.schedule(ada, 1_000_000)
    await hands.carry_out(ids["failed"])
    return ids


async def _convert(hands: Hands) -> dict[str, UUID]:
    """Convert two transfers and a top-up; give back a part of one, and all of the other."""
    ada, bob = hands.ada, hands.bob
    ids: dict[str, UUID] = {}
    ids["converted"], ids["quote"] = await hands.pay_in_dollars(ada, 1000)
    part = PartialAmount(amount_minor=333, currency="USD")
    ids["converted_part"] = await hands.give_back(bob, ids["converted"], part)
    ids["converted_back"], _ = await hands.pay_in_dollars(ada, 700)
    await hands.give_back(bob, ids["converted_back"], part)
    await hands.give_back(bob, ids["converted_back"])
    ids["topup"], ids["topup_quote"] = await hands.top_up_dollars(ada, 2000)
    return ids


def _euros(amount_minor: int | None) -> PartialAmount | None:
    return (
        None if amount_minor is None else PartialAmount(amount_minor=amount_minor, currency="EUR")
    )


def _id_of(outcome: Outcome) -> UUID:
    assert outcome.operation is not None
    return outcome.operation.id


def _failed_id(error: InsufficientFundsError) -> UUID:
    assert error.operation is not None
    return error.operation.id
