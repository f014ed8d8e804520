"""Quotes: made, used once by their maker for their amount, and forgotten."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.support.factories import Factory
from tests.support.observer import Observer
from wallet.core.errors import InvalidInputError, NotFoundError, RateUnavailableError
from wallet.core.ids import exchange_wallet_id, new_id, world_wallet_id
from wallet.core.money import declare_assets
from wallet.core.settings import Funding, Settings
from wallet.services.actors import Actor
from wallet.services.batches import BatchMode, transfer_batch
from wallet.services.database import fetch
from wallet.services.ledger import (
    InsufficientFundsError,
    Ledger,
    Outcome,
    QuoteExpiredError,
    QuoteRecord,
)
from wallet.services.quotes import KEPT_FOR, create_quote, find_quote, forget_quotes
from wallet.services.reversals import reverse
from wallet.services.transfers import FundingOrder, Note, TransferOrder, topup, transfer
from wallet.services.worker import work_once

COUNT = "SELECT count(*) FROM quotes"
USED = "SELECT operation_id FROM quotes WHERE id = $1"
SUMS = """
SELECT wallet.currency, sum(entry.amount_minor)::bigint AS total, count(*) AS entries
  FROM entries AS entry JOIN wallets AS wallet ON wallet.id = entry.wallet_id
 WHERE entry.operation_id = $1 GROUP BY wallet.currency ORDER BY wallet.currency
"""
OLD = """
UPDATE quotes SET created_at = created_at - $2::interval, expires_at = expires_at - $2::interval
 WHERE id = $1 RETURNING id
"""


async def make_older(quote_id: UUID, by: timedelta) -> None:
    """Let a quote be from some time ago."""
    assert await fetch(OLD, quote_id, by)


class Traveller:
    """Somebody with 100.00 EUR and an empty wallet in dollars; a euro is 1.25 of them."""

    def __init__(
        self, ledger: Ledger, settings: Settings, actor: Actor, source_id: UUID, target_id: UUID
    ) -> None:
        self.ledger = ledger
        self.settings = settings
        self.actor = actor
        self.source_id = source_id
        self.target_id = target_id

    async def quote(
        self, amount_minor: int = 1_000, *, currency: str = "EUR", to: str = "USD"
    ) -> QuoteRecord:
        """Ask for a quote of 10.00 EUR in dollars, but for what a test changes."""
        return await create_quote(
            self.settings,
            actor=self.actor,
            amount_minor=amount_minor,
            currency=currency,
            target_currency=to,
        )

    def order(self, quote: QuoteRecord, *, key: str | None = None) -> TransferOrder:
        """Return the order that uses a quote."""
        return TransferOrder(
            source_id=self.source_id,
            target_id=self.target_id,
            amount_minor=quote.amount_minor,
            currency=quote.currency,
            note=Note(idempotency_key=key or uuid4().hex),
            quote_id=quote.id,
        )

    async def use(self, quote: QuoteRecord, *, key: str | None = None) -> Outcome:
        """Transfer with a quote."""
        return await transfer(self.ledger, self.order(quote, key=key), actor=self.actor)


@pytest_asyncio.fixture
async def traveller(ledger: Ledger, factory: Factory, settings: Settings) -> Traveller:
    """Somebody with 100.00 EUR."""
    await factory.import_rates(USD="1.25", JPY="150.5", KWD="0.35")
    actor, source = await factory.create_wallet(balance="100.00 EUR")
    _, target = await factory.create_wallet(actor, balance="0 USD")
    return Traveller(ledger, settings, actor, source.id, target.id)


class TestCreateQuote:
    """quotes.create_quote."""

    @pytest.mark.parametrize(
        ("amount_minor", "pair", "rate", "converted_minor"),
        [
            (1_000, "EUR USD", "1.25", 1_250),
            (1, "EUR USD", "1.25", 1),
            (2, "EUR USD", "1.25", 2),
            (6, "EUR USD", "1.25", 8),
            (1_250, "USD EUR", "0.8", 1_000),
            (1_000, "EUR JPY", "150.5", 1_505),
            (100, "EUR JPY", "150.5", 150),
            (300, "EUR JPY", "150.5", 452),
            (1_505, "JPY USD", "0.008305647840531561", 1_250),
            (1_000, "EUR KWD", "0.35", 3_500),
            (35_000, "KWD JPY", "430", 15_050),
        ],
    )
    async def test_amount_times_rate(
        self,
        traveller: Traveller,
        amount_minor: int,
        pair: str,
        rate: str,
        converted_minor: int,
    ) -> None:
        """Whatever decimals both have, rounded half-even to the target's minor unit."""
        currency, to = pair.split()
        quote = await traveller.quote(amount_minor, currency=currency, to=to)

        assert (quote.amount_minor, quote.currency) == (amount_minor, currency)
        assert (quote.target_amount_minor, quote.target_currency) == (converted_minor, to)
        assert quote.rate == Decimal(rate)
        assert quote.expires_at - quote.created_at == timedelta(seconds=60)
        assert await find_quote(traveller.actor, quote.id) == quote

    async def test_margin_and_time(self, traveller: Traveller) -> None:
        """RATE_MARGIN_BPS makes the rate worse, and QUOTE_TTL_S says how long it is held."""
        traveller.settings = traveller.settings.model_copy(
            update={"rate_margin_bps": 200, "quote_ttl_s": 5}
        )
        quote = await traveller.quote()

        assert (quote.rate, quote.target_amount_minor) == (Decimal("1.225"), 1_225)
        assert quote.expires_at - quote.created_at == timedelta(seconds=5)

    async def test_system_wallets(self, traveller: Traveller, observer: Observer) -> None:
        """Both currencies have the wallets that a conversion needs, whoever holds them."""
        await traveller.quote(currency="KWD", to="JPY")

        for code in ("KWD", "JPY"):
            for wallet_id in (world_wallet_id(code), exchange_wallet_id(code)):
                found = await observer.value("SELECT currency FROM wallets WHERE id=$1", wallet_id)
                assert found == code

    @pytest.mark.parametrize(
        ("amount_minor", "pair", "field"),
        [
            (1_000, "EUR EUR", ("to",)),
            (1, "KWD JPY", ("amount", "amount")),
            (2**63 - 1, "EUR USD", ("amount", "amount")),
            (2**63 - 1, "EUR KWD", ("amount", "amount")),
        ],
    )
    async def test_invalid(
        self,
        traveller: Traveller,
        observer: Observer,
        amount_minor: int,
        pair: str,
        field: tuple[str, ...],
    ) -> None:
        """The same currency, nothing, and too much are no conversions; nothing is written."""
        currency, to = pair.split()
        quotes = await observer.value(COUNT)
        async with observer.nothing_changes():
            with pytest.raises(InvalidInputError) as caught:
                await traveller.quote(amount_minor, currency=currency, to=to)

        assert caught.value.field == field
        assert await observer.value(COUNT) == quotes

    async def test_no_rate(
        self, traveller: Traveller, factory: Factory, observer: Observer
    ) -> None:
        """There is none, or the newest is older than RATE_MAX_AGE_H, also of one of both."""
        await factory.import_rates(days_ago=8, THB="37.5")
        for currency, to in (("EUR", "XAF"), ("XAF", "USD"), ("EUR", "THB"), ("THB", "USD")):
            async with observer.nothing_changes():
                with pytest.raises(RateUnavailableError):
                    await traveller.quote(100_000, currency=currency, to=to)

        traveller.settings = traveller.settings.model_copy(update={"rate_max_age_h": 24 * 10})
        assert (await traveller.quote(to="THB")).target_amount_minor == 37_500

    async def test_asset_of_18_decimals(self, traveller: Traveller) -> None:
        """What fits is exact to its last digit, and what does not is too much."""
        declare_assets({"QWEI": 18})
        await fetch(
            """INSERT INTO exchange_rates (id, base, quote, rate, as_of, source)
               VALUES ($1, 'EUR', 'QWEI', 3.000000000000000001, now(), 'US')
               ON CONFLICT DO NOTHING RETURNING id""",
            new_id(),
        )

        quote = await traveller.quote(100, to="QWEI")
        assert quote.target_amount_minor == 3_000_000_000_000_000_001
        with pytest.raises(InvalidInputError):
            await traveller.quote(1_000, to="QWEI")


class TestFindQuote:
    """quotes.find_quote."""

    async def test_of_another(self, traveller: Traveller, factory: Factory) -> None:
        """Somebody else's is not there."""
        quote = await traveller.quote()

        assert await find_quote(await factory.create_actor(), quote.id) is None
        assert await find_quote(traveller.actor, new_id()) is None


class TestUse:
    """Transfers and top-ups with a quote."""

    async def test_transfer(
        self, traveller: Traveller, factory: Factory, observer: Observer
    ) -> None:
        """The source gives the amount, the target gets what that comes to; all sums stay 0."""
        quote = await traveller.quote()
        async with observer.nothing_but(operations=1, entries=4):
            outcome = await traveller.use(quote)

        assert outcome.operation is not None
        assert outcome.operation.conversion is not None
        assert outcome.operation.received_minor == 1_250
        assert await factory.balance_minor(traveller.actor, traveller.source_id) == 9_000
        assert await factory.balance_minor(traveller.actor, traveller.target_id) == 1_250
        sums = await observer.fetch(SUMS, outcome.operation.id)
        assert [tuple(row) for row in sums] == [("EUR", 0, 2), ("USD", 0, 2)]
        assert await observer.value(USED, quote.id) == outcome.operation.id

    async def test_topup(self, traveller: Traveller, observer: Observer) -> None:
        """Money comes from outside in one currency and arrives in the other."""
        quote = await traveller.quote(1_000, currency="JPY")
        order = FundingOrder(
            wallet_id=traveller.target_id,
            amount_minor=1_000,
            currency="JPY",
            note=Note(idempotency_key=uuid4().hex),
            quote_id=quote.id,
        )
        outcome = await topup(traveller.ledger, Funding.OWNER, order, actor=traveller.actor)

        assert outcome.operation is not None
        assert outcome.wallet is not None
        assert outcome.wallet.balance_minor == quote.target_amount_minor == 831
        sums = await observer.fetch(SUMS, outcome.operation.id)
        assert [tuple(row) for row in sums] == [("JPY", 0, 2), ("USD", 0, 2)]

    async def test_given_back(
        self, traveller: Traveller, factory: Factory, observer: Observer
    ) -> None:
        """A conversion is given back at the rate at which it was made."""
        outcome = await traveller.use(await traveller.quote(999))
        assert outcome.operation is not None

        back = await reverse(
            traveller.ledger,
            outcome.operation.id,
            None,
            actor=traveller.actor,
            idempotency_key=uuid4().hex,
            description=None,
        )

        assert back.operation is not None
        assert await factory.balance_minor(traveller.actor, traveller.source_id) == 10_000
        assert await factory.balance_minor(traveller.actor, traveller.target_id) == 0
        sums = await observer.fetch(SUMS, back.operation.id)
        assert {row["total"] for row in sums} == {0}

    async def test_failed_transfer_leaves_it(self, traveller: Traveller) -> None:
        """Where no money moved, the quote is as good as before, under another key."""
        quote = await traveller.quote(10_001)
        with pytest.raises(InsufficientFundsError):
            await traveller.use(quote)

        await Factory(traveller.ledger, traveller.settings).topup(
            traveller.actor, traveller.source_id, "0.01 EUR"
        )
        assert (await traveller.use(quote)).error is None

    async def test_failure_outlives_its_quote(
        self, traveller: Traveller, observer: Observer
    ) -> None:
        """A recorded refusal is answered again by its key, also when its quote is forgotten."""
        quote = await traveller.quote(10_001)
        errors = []
        for delete in (True, False):
            with pytest.raises(InsufficientFundsError) as caught:
                await traveller.use(quote, key=f"{quote.id}")
            errors.append(caught.value)
            if delete:
                await observer.execute(f"DELETE FROM quotes WHERE id = '{quote.id}'")

        assert errors[0].operation is not None
        assert errors[1].operation is not None
        assert errors[0].operation.id == errors[1].operation.id
        async with observer.nothing_changes():
            with pytest.raises(NotFoundError):
                await traveller.use(quote)

    async def test_scheduled(self, traveller: Traveller, observer: Observer) -> None:
        """A quote lasts a minute: what is to come later takes none."""
        quote = await traveller.quote()
        order = replace(traveller.order(quote), scheduled_for=quote.created_at + timedelta(days=1))
        async with observer.nothing_changes():
            with pytest.raises(InvalidInputError) as caught:
                await transfer(traveller.ledger, order, actor=traveller.actor)

        assert caught.value.field == ("quote_id",)

    async def test_batch(self, traveller: Traveller, observer: Observer) -> None:
        """Each item may have a quote of its own; one that another item has used is used up."""
        quotes = [await traveller.quote(amount) for amount in (100, 200)]
        orders = [traveller.order(quote) for quote in (*quotes, quotes[0])]
        orders.append(replace(orders[0], quote_id=new_id()))

        outcomes = await transfer_batch(
            traveller.ledger, orders, actor=traveller.actor, mode=BatchMode.INDEPENDENT
        )

        kinds = [type(outcome.error) for outcome in outcomes]
        assert kinds == [type(None), type(None), QuoteExpiredError, NotFoundError]
        assert isinstance(outcomes[3].error, NotFoundError)
        assert outcomes[3].error.field == ("transfers", "3", "quote_id")
        used = [await observer.value(USED, quote.id) for quote in quotes]
        assert used == [outcome.operation.id for outcome in outcomes[:2] if outcome.operation]

    async def test_rejected_batch_uses_none(self, traveller: Traveller, observer: Observer) -> None:
        """All or none: what is undone has used no quote."""
        quote = await traveller.quote()
        orders = [traveller.order(quote), traveller.order(quote)]
        async with observer.nothing_changes():
            with pytest.raises(Exception, match="transfer 1 was refused"):
                await transfer_batch(
                    traveller.ledger, orders, actor=traveller.actor, mode=BatchMode.ATOMIC
                )

        assert await observer.value(USED, quote.id) is None


class TestForgetQuotes:
    """quotes.forget_quotes, and the worker that calls it."""

    async def test_unused_and_over_for_long(self, traveller: Traveller, observer: Observer) -> None:
        """What was used stays, and what may still be asked about."""
        used, young, old = [await traveller.quote() for _ in range(3)]
        await traveller.use(used)
        await make_older(used.id, KEPT_FOR * 2)
        await make_older(young.id, KEPT_FOR)
        await make_older(old.id, KEPT_FOR + timedelta(seconds=61))

        await work_once(traveller.ledger)

        found = [await find_quote(traveller.actor, quote.id) for quote in (used, young, old)]
        assert [quote is not None for quote in found] == [True, True, False]

    async def test_bounded(self, traveller: Traveller) -> None:
        """So many at once, and no more."""
        while await forget_quotes(limit=500):
            pass
        for quote in [await traveller.quote() for _ in range(3)]:
            await make_older(quote.id, KEPT_FOR * 2)

        assert [await forget_quotes(limit=2) for _ in range(3)] == [2, 1, 0]
