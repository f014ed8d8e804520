"""Top-ups and transfers: what they refuse themselves, and what they make of the ledger's word."""

from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.support.factories import Factory
from tests.support.observer import Observer
from wallet.core.errors import (
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    NotFoundError,
    WalletError,
)
from wallet.core.ids import new_id, world_wallet_id
from wallet.core.settings import Funding
from wallet.models.account import Role
from wallet.services.actors import Actor
from wallet.services.database import fetch
from wallet.services.ledger import (
    CurrencyMismatchError,
    InsufficientFundsError,
    Ledger,
    LimitExceededError,
    Outcome,
    WalletUnavailableError,
)
from wallet.services.transfers import FundingOrder, Note, TransferOrder, topup, transfer

BIGINT_MAX_EUR = "92233720368547758.07 EUR"


class Payer:
    """Somebody with 10.00 EUR, and somebody to be paid."""

    def __init__(self, ledger: Ledger, actor: Actor, source_id: UUID, target_id: UUID) -> None:
        self.ledger = ledger
        self.actor = actor
        self.source_id = source_id
        self.target_id = target_id

    async def transfer(
        self,
        *,
        source_id: UUID | None = None,
        target_id: UUID | None = None,
        amount_minor: int = 100,
        currency: str = "EUR",
        note: Note | None = None,
    ) -> Outcome:
        """Transfer 1.00 EUR, but for what a test changes."""
        order = TransferOrder(
            source_id=source_id or self.source_id,
            target_id=target_id or self.target_id,
            amount_minor=amount_minor,
            currency=currency,
            note=note or Note(idempotency_key=uuid4().hex),
        )
        return await transfer(self.ledger, order, actor=self.actor)

    async def topup(
        self,
        *,
        funding: Funding = Funding.OWNER,
        actor: Actor | None = None,
        wallet_id: UUID | None = None,
        amount_minor: int = 100,
        currency: str = "EUR",
        note: Note | None = None,
    ) -> Outcome:
        """Top up by 1.00 EUR, but for what a test changes."""
        order = FundingOrder(
            wallet_id=wallet_id or self.source_id,
            amount_minor=amount_minor,
            currency=currency,
            note=note or Note(idempotency_key=uuid4().hex),
        )
        return await topup(self.ledger, funding, order, actor=actor or self.actor)


@pytest_asyncio.fixture
async def payer(ledger: Ledger, factory: Factory) -> Payer:
    """Somebody with 10.00 EUR."""
    actor, source = await factory.create_wallet(balance="10.00 EUR")
    _, target = await factory.create_wallet()
    return Payer(ledger, actor, source.id, target.id)


def operator(actor: Actor) -> Actor:
    """Return the actor with the role of an operator."""
    return Actor(actor.user_id, actor.email, Role.OPERATOR, actor.created_at, actor.family_id)


async def set_status(wallet_id: UUID, status: str) -> None:
    """Freeze or close a wallet, past all rules."""
    await fetch("UPDATE wallets SET status = $2 WHERE id = $1 RETURNING id", wallet_id, status)


class TestTransfer:
    """transfers.transfer."""

    async def test_same_wallet(self, payer: Payer, observer: Observer) -> None:
        """A wallet does not pay itself."""
        async with observer.nothing_changes():
            with pytest.raises(InvalidInputError) as caught:
                await payer.transfer(target_id=payer.source_id)

        assert caught.value.field == ("target_wallet_id",)

    async def test_not_found(self, payer: Payer, factory: Factory, observer: Observer) -> None:
        """The side that is missing, or not the actor's, is named; the source goes first."""
        _, theirs = await factory.create_wallet(balance="5.00 EUR")
        cases = [
            (new_id(), payer.target_id, "source_wallet_id"),
            (theirs.id, payer.target_id, "source_wallet_id"),
            (theirs.id, new_id(), "source_wallet_id"),
            (new_id(), new_id(), "source_wallet_id"),
            (world_wallet_id("EUR"), payer.target_id, "source_wallet_id"),
            (payer.source_id, new_id(), "target_wallet_id"),
            (payer.source_id, world_wallet_id("EUR"), "target_wallet_id"),
        ]
        async with observer.nothing_changes():
            for source_id, target_id, field in cases:
                with pytest.raises(NotFoundError) as caught:
                    await payer.transfer(source_id=source_id, target_id=target_id)
                assert caught.value.field == (field,)

    async def test_operator_is_no_owner(
        self, payer: Payer, factory: Factory, observer: Observer
    ) -> None:
        """The role does not open other people's wallets."""
        payer.actor = operator(await factory.create_actor())
        async with observer.nothing_changes():
            with pytest.raises(NotFoundError):
                await payer.transfer()

    async def test_currency(self, payer: Payer, factory: Factory, observer: Observer) -> None:
        """Both wallets hold what is moved; the error says what the odd one holds."""
        _, dollars = await factory.create_wallet(balance="0 USD")
        async with observer.nothing_changes():
            with pytest.raises(CurrencyMismatchError) as ours:
                await payer.transfer(currency="USD", target_id=dollars.id)
            with pytest.raises(CurrencyMismatchError) as theirs:
                await payer.transfer(target_id=dollars.id)

        assert (ours.value.expected, theirs.value.expected) == ("EUR", "USD")

    async def test_note_is_written_down(self, payer: Payer) -> None:
        """Description and metadata are on record, and part of what a key stands for."""
        note = Note(idempotency_key="key", description="rent", metadata='{"a":1}')

        outcome = await payer.transfer(note=note)

        assert outcome.operation is not None
        assert outcome.operation.description == "rent"
        assert outcome.operation.metadata == '{"a":1}'
        assert (await payer.transfer(note=note)).replayed
        for other in (
            Note(idempotency_key="key", description="rent"),
            Note(idempotency_key="key", description="Rent", metadata='{"a":1}'),
            Note(idempotency_key="key"),
        ):
            with pytest.raises(IdempotencyConflictError):
                await payer.transfer(note=other)

    @pytest.mark.parametrize("side", ["source", "target"])
    async def test_frozen(self, side: str, payer: Payer, factory: Factory) -> None:
        """A frozen wallet neither pays nor is paid; the attempt is on record, and replayed."""
        await set_status(payer.source_id if side == "source" else payer.target_id, "FROZEN")
        note = Note(idempotency_key="key")

        errors = []
        for _ in "12":
            with pytest.raises(WalletUnavailableError) as caught:
                await payer.transfer(note=note)
            errors.append(caught.value)

        assert [error.status for error in errors] == ["FROZEN"] * 2
        assert errors[0].operation is not None
        assert errors[1].operation is not None
        assert errors[0].operation.id == errors[1].operation.id
        assert await factory.balance_minor(payer.actor, payer.source_id) == 1_000

    async def test_too_little_and_too_much(self, payer: Payer, factory: Factory) -> None:
        """What the source has not, and what the target cannot hold, are refused and recorded."""
        full, target = await factory.create_wallet(balance=BIGINT_MAX_EUR)

        with pytest.raises(InsufficientFundsError) as poor:
            await payer.transfer(amount_minor=1_001)
        with pytest.raises(LimitExceededError) as much:
            await payer.transfer(target_id=target.id)

        assert poor.value.available_minor == 1_000
        assert poor.value.operation is not None
        assert much.value.operation is not None
        assert await factory.balance_minor(payer.actor, payer.source_id) == 1_000
        assert await factory.balance_minor(full, target.id) == 2**63 - 1


class TestTopup:
    """transfers.topup."""

    async def test_by_its_owner(self, payer: Payer) -> None:
        """FUNDING=owner: the owner brings money in."""
        outcome = await payer.topup()

        assert outcome.wallet is not None
        assert outcome.wallet.balance_minor == 1_100

    async def test_by_nobody_else(self, payer: Payer, factory: Factory, observer: Observer) -> None:
        """FUNDING=owner: another's wallet is not there, nor is one that is not."""
        stranger = await factory.create_actor()
        async with observer.nothing_changes():
            for wallet_id in (payer.source_id, new_id(), world_wallet_id("EUR")):
                with pytest.raises(NotFoundError) as caught:
                    await payer.topup(actor=stranger, wallet_id=wallet_id)
                assert caught.value.field == ("wallet_id",)

    @pytest.mark.parametrize("funding", list(Funding))
    async def test_by_an_operator(self, funding: Funding, payer: Payer, factory: Factory) -> None:
        """An operator brings money into anybody's wallet, under both settings."""
        outcome = await payer.topup(funding=funding, actor=operator(await factory.create_actor()))

        assert outcome.wallet is not None
        assert outcome.wallet.balance_minor == 1_100

    async def test_forbidden(self, payer: Payer, observer: Observer) -> None:
        """FUNDING=operator: the owner does not."""
        async with observer.nothing_changes():
            for wallet_id in (payer.source_id, new_id()):
                with pytest.raises(ForbiddenError):
                    await payer.topup(funding=Funding.OPERATOR, wallet_id=wallet_id)

    async def test_operator_finds_no_wallet(
        self, payer: Payer, factory: Factory, observer: Observer
    ) -> None:
        """What is not there is not there for an operator either."""
        actor = operator(await factory.create_actor())
        async with observer.nothing_changes():
            with pytest.raises(NotFoundError):
                await payer.topup(funding=Funding.OPERATOR, actor=actor, wallet_id=new_id())

    async def test_currency(self, payer: Payer, observer: Observer) -> None:
        """A wallet takes its own currency."""
        async with observer.nothing_changes():
            with pytest.raises(CurrencyMismatchError) as caught:
                await payer.topup(currency="JPY")

        assert caught.value.expected == "EUR"

    async def test_errors_are_the_apis(self, payer: Payer) -> None:
        """Whatever is refused is an error that the API has a place for."""
        with pytest.raises(WalletError) as caught:
            await payer.topup(amount_minor=2**63 - 1)

        assert isinstance(caught.value, LimitExceededError)
