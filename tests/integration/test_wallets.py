"""Wallets: opening them, and finding one's own."""

import asyncio

import pytest

from tests.support.factories import Factory
from tests.support.observer import Observer
from wallet.core.errors import IdempotencyConflictError
from wallet.core.ids import new_id, world_wallet_id
from wallet.core.settings import Settings
from wallet.models import OperationKind, WalletStatus
from wallet.services.actors import Actor
from wallet.services.database import fetch
from wallet.services.ledger import Ledger, LimitExceededError, WalletRecord
from wallet.services.wallets import find_wallet, hash_request, list_wallets, open_wallet


class Opener:
    """Opens wallets as one actor, with few allowed."""

    def __init__(self, ledger: Ledger, settings: Settings, actor: Actor) -> None:
        self._ledger = ledger
        self._settings = settings.model_copy(update={"max_wallets_per_user": 3})
        self.actor = actor

    async def open(
        self, key: str, *, currency: str = "EUR", label: str | None = None
    ) -> WalletRecord:
        """Open a wallet."""
        return await open_wallet(
            self._ledger,
            self._settings,
            actor=self.actor,
            currency=currency,
            label=label,
            idempotency_key=key,
        )


@pytest.fixture
async def opener(ledger: Ledger, settings: Settings, factory: Factory) -> Opener:
    """Opens wallets for somebody new."""
    return Opener(ledger, settings, await factory.create_actor())


class TestOpenWallet:
    """wallets.open_wallet."""

    async def test_is_empty_and_active(self, opener: Opener) -> None:
        """A new wallet has its opening as its first entry, and nothing in it."""
        wallet = await opener.open("key", currency="KWD", label="Savings")

        assert (wallet.owner_id, wallet.owner_email) == (
            opener.actor.user_id,
            opener.actor.email,
        )
        assert (wallet.currency, wallet.label) == ("KWD", "Savings")
        assert wallet.status is WalletStatus.ACTIVE
        assert (wallet.balance_minor, wallet.held_minor, wallet.last_sequence) == (0, 0, 1)
        assert wallet == await find_wallet(opener.actor, wallet.id)

    async def test_first_of_a_currency_makes_its_world(
        self, opener: Opener, observer: Observer
    ) -> None:
        """Where the money of a currency comes from is there once somebody can hold it."""
        worlds = "SELECT count(*) FROM wallets WHERE id = $1 AND owner_id IS NULL"
        assert await observer.value(worlds, world_wallet_id("XPF")) == 0

        await opener.open("1", currency="XPF")
        await opener.open("2", currency="XPF")

        assert await observer.value(worlds, world_wallet_id("XPF")) == 1

    async def test_replay(self, opener: Opener, observer: Observer) -> None:
        """The same key with the same input answers the wallet, as it is by now."""
        opened = await opener.open("key", label="Savings")
        await fetch("UPDATE wallets SET label = 'Mine' WHERE id = $1 RETURNING id", opened.id)

        async with observer.nothing_changes():
            replayed = await opener.open("key", label="Savings")

        assert (replayed.id, replayed.label) == (opened.id, "Mine")

    async def test_conflict(self, opener: Opener, observer: Observer, factory: Factory) -> None:
        """The same key with other input is refused, whatever it was first used for."""
        wallet = await opener.open("key", label="Savings")
        await factory.topup(opener.actor, wallet.id, "1.00 EUR", key="of a top-up")

        async with observer.nothing_changes():
            for key, currency, label in (
                ("key", "USD", "Savings"),
                ("key", "EUR", "savings"),
                ("key", "EUR", None),
                ("of a top-up", "EUR", None),
            ):
                with pytest.raises(IdempotencyConflictError):
                    await opener.open(key, currency=currency, label=label)

    async def test_limit(self, opener: Opener, observer: Observer) -> None:
        """One more than allowed is refused; replays are not, and closed wallets do not count."""
        opened = [await opener.open(key) for key in "123"]

        async with observer.nothing_changes():
            with pytest.raises(LimitExceededError) as caught:
                await opener.open("4")
            assert (await opener.open("1")).id == opened[0].id

        assert caught.value.operation is None
        assert "3 wallets" in caught.value.message
        await fetch("UPDATE wallets SET status = 'CLOSED' WHERE id = $1 RETURNING id", opened[0].id)
        assert (await opener.open("4")).last_sequence == 1

    async def test_limit_at_once(self, opener: Opener) -> None:
        """The limit is exact for those that come at the same moment."""
        outcomes = await asyncio.gather(
            *(opener.open(str(number)) for number in range(8)), return_exceptions=True
        )

        kinds = sorted(type(outcome).__name__ for outcome in outcomes)
        assert kinds == ["LimitExceededError"] * 5 + ["WalletRecord"] * 3
        assert len(await list_wallets(opener.actor.user_id)) == 3

    async def test_one_key_at_once(self, opener: Opener) -> None:
        """Many with one key at the same moment get one wallet."""
        wallets = await asyncio.gather(*(opener.open("key") for _ in range(8)))

        assert len({wallet.id for wallet in wallets}) == 1
        assert len(await list_wallets(opener.actor.user_id)) == 1


class TestFindWallet:
    """wallets.find_wallet and list_wallets."""

    async def test_finds_ones_own(self, factory: Factory) -> None:
        """One's own wallets, oldest first; nobody else's, and none that is not there."""
        actor, first = await factory.create_wallet()
        _, second = await factory.create_wallet(actor, balance="5.00 EUR")
        stranger, theirs = await factory.create_wallet()

        assert await find_wallet(actor, second.id) == second
        assert await find_wallet(actor, theirs.id) is None
        assert await find_wallet(stranger, first.id) is None
        assert await find_wallet(actor, new_id()) is None
        assert await find_wallet(actor, world_wallet_id("EUR")) is None
        assert await list_wallets(actor.user_id) == [first, second]
        assert await list_wallets(new_id()) == []


class TestHashRequest:
    """wallets.hash_request."""

    def test_tells_requests_apart(self) -> None:
        """Any other value, of whatever type, in whatever place, is another request."""
        id_ = new_id()
        requests: list[tuple[object, ...]] = [
            (id_, 1, "EUR", None, None),
            (new_id(), 1, "EUR", None, None),
            (id_, 2, "EUR", None, None),
            (id_, "1", "EUR", None, None),
            (id_, 1, "USD", None, None),
            (id_, 1, "EUR", "", None),
            (id_, 1, "EUR", None, ""),
            (id_, 1, "EUR", "note", None),
            (id_, 1, "EUR", None, "note"),
            (id_, 1, 'EUR","', None, None),
        ]

        hashes = {hash_request(kind, *each) for each in requests for kind in OperationKind}

        assert len(hashes) == len(requests) * len(OperationKind)
        again = hash_request(OperationKind.TOPUP, *requests[0])
        assert again == hash_request(OperationKind.TOPUP, *requests[0])
        assert len(again) == 32
