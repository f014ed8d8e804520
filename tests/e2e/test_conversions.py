"""Conversions, over HTTP: rates, quotes, and the top-ups and transfers that use them."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.e2e.conftest import StartServer
from tests.support.api import EXCHANGE_RATE, QUOTE, TRANSFER, Account, Api
from tests.support.commands import run_wallet
from tests.support.guests import Guests
from tests.support.observer import Observer
from tests.support.rates import store_rates
from tests.support.servers import Databases
from wallet.core.ids import exchange_wallet_id, find_id, new_id, to_global_id, world_wallet_id

pytestmark = pytest.mark.usefixtures("rates")

ENTRIES = """
SELECT entry.wallet_id, entry.amount_minor, wallet.currency
  FROM entries AS entry JOIN wallets AS wallet ON wallet.id = entry.wallet_id
 WHERE entry.operation_id = $1
"""
ALL_SUMS = """
SELECT wallet.currency, sum(entry.amount_minor)
  FROM entries AS entry JOIN wallets AS wallet ON wallet.id = entry.wallet_id
 GROUP BY wallet.currency HAVING sum(entry.amount_minor) <> 0
"""
QUOTES = "SELECT count(*) FROM quotes"


def row_id(type_name: str, id_: str) -> UUID:
    """Return the id of the row behind a global id."""
    found = find_id(type_name, id_)
    assert found is not None
    return found


class Traveller:
    """Somebody with 100.00 EUR in one wallet, and another one in dollars."""

    def __init__(self, account: Account, dollars: str) -> None:
        self.account = account
        self.api = account.api
        self.euros = account.wallet_id
        self.dollars = dollars

    async def quote(self, amount: str = "10.00", to: str = "USD", *, currency: str = "EUR") -> Any:
        """Return a quote of 10.00 EUR in dollars, but for what a test changes."""
        answer = await self.api.create_quote(amount, to, currency=currency)
        assert answer["__typename"] == "CreateQuotePayload", answer
        return answer["quote"]

    async def pay(self, quote: Any, **more: Any) -> Any:
        """Transfer the quote's amount from the one wallet to the other."""
        amount = quote["amount"]
        return await self.api.transfer(
            self.euros,
            more.pop("target", self.dollars),
            more.pop("amount", amount["amount"]),
            currency=more.pop("currency", amount["currency"]),
            quoteId=quote["id"],
            **more,
        )

    async def balances(self) -> tuple[str, str]:
        """Read both balances."""
        return await self.api.balance(self.euros), await self.api.balance(self.dollars)


async def make_traveller(guests: Guests) -> Traveller:
    """Make somebody with both wallets."""
    account = await guests.create(balance="100.00")
    opened = await account.api.open_wallet(currency="USD")
    return Traveller(account, opened["wallet"]["id"])


@pytest_asyncio.fixture
async def traveller(guests: Guests) -> Traveller:
    """Somebody with both wallets."""
    return await make_traveller(guests)


class TestExchangeRate:
    """exchangeRate."""

    async def test_newest(self, traveller: Traveller) -> None:
        """Between any two currencies that have one, with its day and its source."""
        answers = [
            await traveller.api.run(EXCHANGE_RATE, base=base, quote=quote)
            for base, quote in (("EUR", "USD"), ("USD", "EUR"), ("USD", "JPY"), ("EUR", "EUR"))
        ]

        assert [answer["rate"] for answer in answers] == ["1.25", "0.8", "120.4", "1"]
        assert [answer["source"] for answer in answers] == ["ECB", "ECB", "ECB", "PAR"]
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        assert answers[0]["asOf"] == f"{yesterday}T15:00:00+00:00"
        assert (answers[2]["base"], answers[2]["quote"]) == ("USD", "JPY")

    async def test_at_an_instant(self, traveller: Traveller) -> None:
        """What held then; before the first there is none."""
        long_ago, now = "1998-12-31T00:00:00Z", datetime.now(UTC).isoformat()

        assert await traveller.api.run(EXCHANGE_RATE, base="EUR", quote="USD", at=long_ago) is None
        answer = await traveller.api.run(EXCHANGE_RATE, base="EUR", quote="USD", at=now)
        assert answer["rate"] == "1.25"

    @pytest.mark.parametrize(
        ("base", "quote"), [("EUR", "XAF"), ("EUR", "DEM"), ("DEM", "DEM"), ("", "\x00")]
    )
    async def test_none(self, traveller: Traveller, base: str, quote: str) -> None:
        """Null for what has no rate, and for what is no currency."""
        assert await traveller.api.run(EXCHANGE_RATE, base=base, quote=quote) is None


class TestCreateQuote:
    """createQuote."""

    async def test_holds_a_rate(self, traveller: Traveller) -> None:
        """Amount times rate is what is converted, for a minute; found again by its id."""
        before = datetime.now(UTC)
        quote = await traveller.quote("10.01")

        assert (quote["rate"], quote["converted"]) == (
            "1.25",
            {"amount": "12.51", "currency": "USD"},
        )
        assert quote["amount"] == {"amount": "10.01", "currency": "EUR"}
        left = datetime.fromisoformat(quote["expiresAt"]) - before
        assert timedelta(seconds=55) < left < timedelta(seconds=75)
        assert await traveller.api.run(QUOTE, id=quote["id"]) == {"__typename": "Quote", **quote}

    @pytest.mark.parametrize(
        ("amount", "pair", "field"),
        [
            ("10.00", "EUR EUR", ["to"]),
            ("10.00", "EUR DEM", ["to"]),
            ("10.00", "DEM EUR", ["amount", "currency"]),
            ("0", "EUR USD", ["amount", "amount"]),
            ("-1", "EUR USD", ["amount", "amount"]),
            ("1.001", "EUR USD", ["amount", "amount"]),
            ("92233720368547758.07", "EUR USD", ["amount", "amount"]),
        ],
    )
    async def test_invalid(
        self,
        traveller: Traveller,
        observer: Observer,
        amount: str,
        pair: str,
        field: list[str],
    ) -> None:
        """A typed error with the path of the value; nothing is written."""
        currency, to = pair.split()
        quotes = await observer.value(QUOTES)
        async with observer.nothing_changes():
            answer = await traveller.api.create_quote(amount, to, currency=currency)

        assert (answer["__typename"], answer["field"]) == ("InvalidInput", field)
        assert await observer.value(QUOTES) == quotes

    async def test_no_rate(self, traveller: Traveller) -> None:
        """RateUnavailable, which a later import can mend."""
        answer = await traveller.api.create_quote("10.00", "XAF")

        assert (answer["__typename"], answer["code"]) == ("RateUnavailable", "RATE_UNAVAILABLE")
        assert answer["retryable"] is True

    async def test_settings(
        self, databases: Databases, start_server: StartServer, api: Api
    ) -> None:
        """RATE_MARGIN_BPS, QUOTE_TTL_S and RATE_MAX_AGE_H; and `wallet verify` finds no fault."""
        database_url = await databases.create()
        await store_rates(database_url, days_ago=3)
        async with Observer.of(database_url) as observer:
            guests = Guests(
                api.at(
                    start_server(
                        database_url=database_url, RATE_MARGIN_BPS="100", QUOTE_TTL_S="3600"
                    ).url
                ),
                observer,
            )
            traveller = await make_traveller(guests)
            quote = await traveller.quote("10.00")
            strict = start_server(database_url=database_url, RATE_MAX_AGE_H="24").url
            old = await traveller.api.at(strict).create_quote("10.00", "USD")
            paid = await traveller.pay(quote)

        assert (quote["rate"], quote["converted"]["amount"]) == ("1.2375", "12.38")
        left = datetime.fromisoformat(quote["expiresAt"]) - datetime.now(UTC)
        assert left > timedelta(minutes=50)
        assert old["__typename"] == "RateUnavailable"
        assert paid["done"]["exchange"]["converted"]["amount"] == "12.38"
        verified = await run_wallet("verify", DATABASE_URL=database_url)
        assert verified.exit_code == 0, verified.errors


class TestTransfer:
    """transfer with quoteId."""

    async def test_converts(self, traveller: Traveller, observer: Observer) -> None:
        """Both sides, both exchange wallets; each currency adds up to 0."""
        quote = await traveller.quote("10.01")
        async with observer.nothing_but(operations=1, entries=4):
            answer = await traveller.pay(quote)

        assert answer["__typename"] == "OperationPayload", answer
        done = answer["done"]
        assert done["amount"] == {"amount": "10.01", "currency": "EUR"}
        assert done["exchange"] == {
            "rate": "1.25",
            "amount": {"amount": "10.01", "currency": "EUR"},
            "converted": {"amount": "12.51", "currency": "USD"},
        }
        assert await traveller.balances() == ("89.99", "12.51")
        entries = await observer.fetch(ENTRIES, row_id("Operation", done["id"]))
        assert {(row["wallet_id"], row["amount_minor"], row["currency"]) for row in entries} == {
            (row_id("Wallet", traveller.euros), -1_001, "EUR"),
            (exchange_wallet_id("EUR"), 1_001, "EUR"),
            (exchange_wallet_id("USD"), -1_251, "USD"),
            (row_id("Wallet", traveller.dollars), 1_251, "USD"),
        }
        assert await observer.fetch(ALL_SUMS) == []

    async def test_twenty_at_once(self, traveller: Traveller, observer: Observer) -> None:
        """A quote is used once, whoever is first; the others are told, and move nothing."""
        quote = await traveller.quote()
        async with observer.nothing_but(operations=1, entries=4):
            answers = await asyncio.gather(*(traveller.pay(quote) for _ in range(20)))

        kinds = Counter(answer["__typename"] for answer in answers)
        assert kinds == {"OperationPayload": 1, "QuoteExpired": 19}
        assert await traveller.balances() == ("90.00", "12.50")

    async def test_twenty_at_once_out_of_two_wallets(
        self, traveller: Traveller, observer: Observer, start_server: StartServer
    ) -> None:
        """Also between other wallets, and on two processes: the quote is where they meet."""
        other = (await traveller.api.open_wallet())["wallet"]["id"]
        more = (await traveller.api.open_wallet(currency="USD"))["wallet"]["id"]
        await traveller.api.topup(other, "100.00")
        quote = await traveller.quote()
        apis = [traveller.api, traveller.api.at(start_server().url)]

        async with observer.nothing_but(operations=1, entries=4):
            answers = await asyncio.gather(
                *(
                    apis[index % 2].transfer(source, target, "10.00", quoteId=quote["id"])
                    for index in range(20)
                    for source, target in [
                        [(traveller.euros, traveller.dollars), (other, more)][index % 2]
                    ]
                )
            )

        kinds = Counter(answer["__typename"] for answer in answers)
        assert kinds == {"OperationPayload": 1, "QuoteExpired": 19}

    async def test_replay_after_use(self, traveller: Traveller, observer: Observer) -> None:
        """The same key and input answer the first outcome, though the quote is used and over."""
        quote, key = await traveller.quote(), uuid4().hex
        first = await traveller.pay(quote, idempotencyKey=key)
        await expire(observer, quote)

        async with observer.nothing_changes():
            again = await traveller.pay(quote, idempotencyKey=key)
            other_amount = await traveller.pay(quote, idempotencyKey=key, amount="10.01")
            other_quote = await traveller.pay(await traveller.quote(), idempotencyKey=key)
            other_key = await traveller.pay(quote)

        assert again == {**first, "replayed": True}
        assert other_amount["__typename"] == "IdempotencyConflict"
        assert other_quote["__typename"] == "IdempotencyConflict"
        assert other_key["__typename"] == "QuoteExpired"

    async def test_expired(self, traveller: Traveller, observer: Observer) -> None:
        """What nobody has used in its time is over."""
        quote = await traveller.quote()
        await expire(observer, quote)

        async with observer.nothing_changes():
            answer = await traveller.pay(quote)

        assert (answer["__typename"], answer["code"]) == ("QuoteExpired", "QUOTE_EXPIRED")
        assert answer["retryable"] is False

    @pytest.mark.parametrize(
        ("change", "kind", "field"),
        [
            ({"amount": "10.01"}, "InvalidInput", ["amount", "amount"]),
            ({"amount": "9.99"}, "InvalidInput", ["amount", "amount"]),
            ({"quoteId": "nonsense"}, "NotFound", ["quoteId"]),
            ({"quoteId": to_global_id("Quote", new_id())}, "NotFound", ["quoteId"]),
            ({"quoteId": to_global_id("Wallet", new_id())}, "NotFound", ["quoteId"]),
            ({"quoteId": None}, "CurrencyMismatch", None),
            ({"scheduledFor": "2999-01-01T00:00:00Z"}, "InvalidInput", ["quoteId"]),
        ],
    )
    async def test_refused(
        self,
        traveller: Traveller,
        observer: Observer,
        change: dict[str, Any],
        kind: str,
        field: list[str] | None,
    ) -> None:
        """A quote is for its amount, and for now; the refusal leaves it as good as it was."""
        quote = await traveller.quote()
        async with observer.nothing_changes():
            answer = await traveller.api.run(
                TRANSFER,
                input={
                    "sourceWalletId": traveller.euros,
                    "targetWalletId": traveller.dollars,
                    "idempotencyKey": uuid4().hex,
                    "quoteId": quote["id"],
                    **change,
                    "amount": {"amount": change.get("amount", "10.00"), "currency": "EUR"},
                },
            )

        assert (answer["__typename"], answer.get("field")) == (kind, field)
        assert (await traveller.pay(quote))["__typename"] == "OperationPayload"

    async def test_quote_in_other_currencies(
        self, traveller: Traveller, observer: Observer
    ) -> None:
        """The source pays its own currency, the target gets its own; the quote is for both."""
        more_euros = (await traveller.api.open_wallet())["wallet"]["id"]
        yen = await traveller.quote(to="JPY")
        dollars = await traveller.quote("10.00", "JPY", currency="USD")
        async with observer.nothing_changes():
            target = await traveller.pay(yen)
            source = await traveller.pay(dollars)
            amount = await traveller.pay(dollars, currency="EUR")
            same = await traveller.pay(yen, target=more_euros)

        assert (target["__typename"], target["expected"]) == ("CurrencyMismatch", "USD")
        assert (source["__typename"], source["expected"]) == ("CurrencyMismatch", "EUR")
        assert amount["__typename"] == "CurrencyMismatch"
        assert (same["__typename"], same["expected"]) == ("CurrencyMismatch", "EUR")

    async def test_too_little_money(self, traveller: Traveller, observer: Observer) -> None:
        """The attempt is on record; the quote stays usable, as no money has moved."""
        quote, key = await traveller.quote("100.01"), uuid4().hex
        async with observer.nothing_but(operations=1, entries=1):
            poor = await traveller.pay(quote, idempotencyKey=key)
        await traveller.api.topup(traveller.euros, "0.01")
        paid = await traveller.pay(quote)
        again = await traveller.pay(quote, idempotencyKey=key)

        assert (poor["__typename"], poor["failed"]["status"]) == ("InsufficientFunds", "FAILED")
        assert poor["failed"]["exchange"]["rate"] == "1.25"
        assert paid["__typename"] == "OperationPayload"
        assert again["failed"]["id"] == poor["failed"]["id"]
        assert await traveller.balances() == ("0.00", "125.01")

    async def test_in_a_batch(self, traveller: Traveller, observer: Observer) -> None:
        """Items with quotes beside items without; all or none, and the quotes with them."""
        quotes = [await traveller.quote(amount) for amount in ("1.00", "2.00")]
        items = [
            {
                "sourceWalletId": traveller.euros,
                "targetWalletId": traveller.dollars,
                "amount": quote["amount"],
                "idempotencyKey": uuid4().hex,
                "quoteId": quote["id"],
            }
            for quote in (*quotes, quotes[0])
        ]
        async with observer.nothing_changes():
            rejected = await traveller.api.transfer_batch(items)
        async with observer.nothing_but(operations=2, entries=8):
            done = await traveller.api.transfer_batch(items[:2])

        assert (rejected["index"], rejected["cause"]["code"]) == (2, "QUOTE_EXPIRED")
        assert [each["__typename"] for each in done["results"]] == ["OperationPayload"] * 2
        assert await traveller.balances() == ("97.00", "3.75")


class TestTopup:
    """topup with quoteId."""

    async def test_converts(self, traveller: Traveller, observer: Observer) -> None:
        """Money from outside in yen arrives as dollars; each currency adds up to 0."""
        quote = await traveller.quote("1000", "USD", currency="JPY")
        async with observer.nothing_but(operations=1, entries=4):
            answer = await traveller.api.topup(
                traveller.dollars, "1000", currency="JPY", quoteId=quote["id"]
            )

        assert answer["__typename"] == "OperationPayload", answer
        converted_minor = int(Decimal(quote["converted"]["amount"]) * 100)
        assert converted_minor == 831
        assert answer["wallet"]["balance"]["amount"] == "8.31"
        entries = await observer.fetch(ENTRIES, row_id("Operation", answer["done"]["id"]))
        assert {(row["wallet_id"], row["amount_minor"]) for row in entries} == {
            (world_wallet_id("JPY"), -1_000),
            (exchange_wallet_id("JPY"), 1_000),
            (exchange_wallet_id("USD"), -831),
            (row_id("Wallet", traveller.dollars), 831),
        }
        assert await observer.fetch(ALL_SUMS) == []

    async def test_used_by_a_transfer(self, traveller: Traveller, observer: Observer) -> None:
        """A quote is for one use, of whatever kind."""
        quote = await traveller.quote()
        await traveller.pay(quote)
        async with observer.nothing_changes():
            answer = await traveller.api.topup(
                traveller.dollars, "10.00", currency="EUR", quoteId=quote["id"]
            )

        assert answer["__typename"] == "QuoteExpired"

    async def test_other_amount(self, traveller: Traveller, observer: Observer) -> None:
        """Another amount, or another currency, is not what the quote is for."""
        quote = await traveller.quote()
        async with observer.nothing_changes():
            for amount, currency, field in (
                ("10.01", "EUR", ["amount", "amount"]),
                ("10", "JPY", ["amount", "currency"]),
            ):
                answer = await traveller.api.topup(
                    traveller.dollars, amount, currency=currency, quoteId=quote["id"]
                )
                assert (answer["__typename"], answer["field"]) == ("InvalidInput", field)


class TestStranger:
    """Somebody else's quote."""

    async def test_is_none(self, traveller: Traveller, guests: Guests, observer: Observer) -> None:
        """Byte for byte what a quote is answered with that does not exist."""
        quote = await traveller.quote()
        thief = await make_traveller(guests)
        answers = []
        async with observer.nothing_changes():
            for id_ in (quote["id"], to_global_id("Quote", new_id())):
                body = {
                    "query": TRANSFER,
                    "variables": {
                        "input": {
                            "sourceWalletId": thief.euros,
                            "targetWalletId": thief.dollars,
                            "amount": quote["amount"],
                            "idempotencyKey": "the same",
                            "quoteId": id_,
                        }
                    },
                }
                answers.append((await thief.api.send(body)).text)

        assert answers[0] == answers[1]
        assert '"NotFound"' in answers[0]
        assert (await traveller.pay(quote))["__typename"] == "OperationPayload"


async def expire(observer: Observer, quote: Any) -> None:
    """Let a quote's time be over."""
    await observer.execute(
        "UPDATE quotes SET created_at = now() - interval '2 minutes', "
        "expires_at = now() - interval '1 minute' "
        f"WHERE id = '{row_id('Quote', quote['id'])}'"
    )
