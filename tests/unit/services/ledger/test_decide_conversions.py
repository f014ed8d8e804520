"""decide, where a quote converts: exact sums in each currency, one use, one maker, one amount."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.services.ledger.samples import (
    ADA,
    BOB,
    NOW,
    by_id,
    make_transfer,
    make_wallet,
    next_id,
)
from wallet.core.errors import InvalidInputError
from wallet.core.ids import exchange_wallet_id
from wallet.core.money import AMOUNT_MINOR_MAX
from wallet.core.rates import convert
from wallet.models import OperationKind, OperationStatus
from wallet.services.ledger import (
    Conversion,
    CurrencyMismatchError,
    InsufficientFundsError,
    Leg,
    OperationRecord,
    Posting,
    QuoteExpiredError,
    QuoteRecord,
    WalletRecord,
    exchange_legs,
)
from wallet.services.ledger.decide import Decision, decide
from wallet.services.ledger.records import AtomicBatch, Related

DECIMALS = {"JPY": 0, "EUR": 2, "USD": 2, "KWD": 3}


def make_quote(
    amount_minor: int = 1_000, *, currency: str = "EUR", to: str = "USD", rate: str = "1.25"
) -> QuoteRecord:
    """Make a quote of Ada's, good for another minute."""
    return QuoteRecord(
        id=next_id(),
        user_id=ADA,
        amount_minor=amount_minor,
        currency=currency,
        target_amount_minor=convert(amount_minor, currency, Decimal(rate), to),
        target_currency=to,
        rate=Decimal(rate),
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=1),
        operation_id=None,
    )


def pay(
    source: WalletRecord, target: WalletRecord, quote: QuoteRecord, *, key: str | None = None
) -> Posting:
    """Make the posting of a transfer that uses a quote."""
    conversion = Conversion(
        amount_minor=quote.target_amount_minor,
        currency=quote.target_currency,
        rate=quote.rate,
        quote_id=quote.id,
    )
    posting = make_transfer(source, target, quote.amount_minor, currency=quote.currency, key=key)
    return replace(
        posting,
        conversion=conversion,
        legs=(
            Leg(source.id, -quote.amount_minor),
            Leg(target.id, quote.target_amount_minor),
            *exchange_legs(quote.amount_minor, quote.currency, conversion),
        ),
    )


def sums(decision: Decision, *wallets: WalletRecord) -> dict[str, int]:
    """Add up the entries of a decision in each currency."""
    currencies = {wallet.id: wallet.currency for wallet in wallets}
    currencies |= {exchange_wallet_id(code): code for code in DECIMALS}
    total: dict[str, int] = defaultdict(int)
    for entry in decision.entries:
        total[currencies[entry.wallet_id]] += entry.amount_minor
    return dict(total)


def related_to(*quotes: QuoteRecord) -> Related:
    """Return quotes as the ledger has read them."""
    return Related(quotes={quote.id: quote for quote in quotes})


class TestConvert:
    """A posting with a quote."""

    @given(
        st.integers(1, AMOUNT_MINOR_MAX),
        st.permutations(list(DECIMALS)),
        st.integers(1, 10**12).map(lambda digits: Decimal(digits).scaleb(-6)),
    )
    def test_sums_stay_0(self, amount_minor: int, codes: list[str], rate: Decimal) -> None:
        """Whatever the amounts, decimals and rates are, no currency gains or loses anything."""
        currency, to, *_ = codes
        quote = make_quote(amount_minor, currency=currency, to=to, rate=str(rate))
        assume(0 < quote.target_amount_minor <= AMOUNT_MINOR_MAX)
        source = make_wallet(currency=currency, balance_minor=amount_minor)
        target = make_wallet(BOB, currency=to)

        decision = decide(
            by_id(source, target),
            {},
            [pay(source, target, quote)],
            now=NOW,
            related=related_to(quote),
        )

        assert sums(decision, source, target) == {currency: 0, to: 0}
        assert decision.wallets[source.id].balance_minor == 0
        assert decision.wallets[target.id].balance_minor == quote.target_amount_minor
        assert decision.used_quotes == {quote.id: decision.operations[0].id}

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"expires_at": NOW}, QuoteExpiredError),
            ({"operation_id": next_id()}, QuoteExpiredError),
            ({"user_id": BOB}, QuoteExpiredError),
            ({"amount_minor": 999}, InvalidInputError),
            ({"amount_minor": 1_001}, InvalidInputError),
            ({"currency": "JPY"}, InvalidInputError),
        ],
    )
    def test_quote_as_it_stands_under_the_lock(
        self, change: dict[str, Any], error: type[Exception]
    ) -> None:
        """Over, used, another's, or for another amount: refused, and no record."""
        quote = make_quote()
        source, target = make_wallet(balance_minor=10_000), make_wallet(BOB, currency="USD")

        decision = decide(
            by_id(source, target),
            {},
            [pay(source, target, quote)],
            now=NOW,
            related=related_to(replace(quote, **change)),
        )

        assert type(decision.outcomes[0].error) is error
        written = (decision.operations, decision.entries, decision.used_quotes)
        assert written == ([], [], {})

    def test_quote_that_was_forgotten(self) -> None:
        """One that is gone by the time of the lock is over."""
        source, target = make_wallet(balance_minor=10_000), make_wallet(BOB, currency="USD")

        decision = decide(by_id(source, target), {}, [pay(source, target, make_quote())], now=NOW)

        assert isinstance(decision.outcomes[0].error, QuoteExpiredError)

    def test_once_in_a_round(self) -> None:
        """The first posting has it; a failed one leaves it to the next, and so does a batch."""
        quote = make_quote()
        poor, source = make_wallet(), make_wallet(balance_minor=10_000)
        target = make_wallet(BOB, currency="USD")
        postings = [pay(wallet, target, quote) for wallet in (poor, source, source)]

        decision = decide(
            by_id(poor, source, target),
            {},
            [AtomicBatch((pay(source, target, quote), pay(source, target, quote))), *postings],
            now=NOW,
            related=related_to(quote),
        )

        errors = [type(outcome.error) for outcome in decision.outcomes[2:]]
        assert errors == [InsufficientFundsError, type(None), QuoteExpiredError]
        assert decision.used_quotes == {quote.id: postings[1].operation_id}

    def test_other_currencies(self) -> None:
        """The source holds what the quote is of, the target what it comes to."""
        quote = make_quote()
        euros, dollars = make_wallet(balance_minor=10_000), make_wallet(BOB, currency="USD")
        for source, target, expected in (
            (replace(euros, currency="JPY"), dollars, "JPY"),
            (euros, replace(dollars, currency="EUR"), "EUR"),
        ):
            decision = decide(
                by_id(source, target),
                {},
                [pay(source, target, quote)],
                now=NOW,
                related=related_to(quote),
            )
            (outcome,) = decision.outcomes
            assert isinstance(outcome.error, CurrencyMismatchError)
            assert outcome.error.expected == expected


class TestGiveBack:
    """A reversal of a conversion."""

    @given(
        st.integers(1, AMOUNT_MINOR_MAX),
        st.integers(1, AMOUNT_MINOR_MAX),
        st.lists(st.integers(1, AMOUNT_MINOR_MAX), max_size=4),
    )
    def test_parts_add_up(self, paid_minor: int, got_minor: int, parts: list[int]) -> None:
        """However it is cut, in the end exactly what was paid is back, to the last unit."""
        payer, payee = (
            make_wallet(),
            make_wallet(BOB, currency="USD", balance_minor=got_minor),
        )
        parent = _converted(payer, payee, paid_minor, got_minor, Decimal("0.000000000001"))
        wallets = by_id(payer, payee)
        for part in (*parts, None):
            decision = decide(
                wallets,
                {},
                [_give_back(parent, part)],
                now=NOW,
                related=Related({parent.id: parent}),
            )
            (outcome,) = decision.outcomes
            if outcome.error is None:
                assert set(sums(decision, payer, payee).values()) == {0}
                wallets |= decision.wallets
                parent = decision.changed[parent.id]

        if parent.status is OperationStatus.REVERSED:
            assert wallets[payer.id].balance_minor == paid_minor
            assert wallets[payee.id].balance_minor == 0
        else:
            # What is left is too little to be worth anything there.
            assert parent.returned_minor < got_minor


def _converted(
    payer: WalletRecord, payee: WalletRecord, paid_minor: int, got_minor: int, rate: Decimal
) -> OperationRecord:
    posting = make_transfer(payer, payee, paid_minor)
    return OperationRecord(
        id=posting.operation_id,
        kind=OperationKind.TRANSFER,
        status=OperationStatus.COMPLETED,
        actor_id=ADA,
        source_id=payer.id,
        target_id=payee.id,
        source=payer.party,
        target=payee.party,
        amount_minor=paid_minor,
        currency="EUR",
        description=None,
        metadata=None,
        error_code=None,
        error_details=None,
        idempotency_key=None,
        request_hash=None,
        created_at=NOW,
        completed_at=NOW,
        conversion=Conversion(amount_minor=got_minor, currency="USD", rate=rate),
    )


def _give_back(parent: OperationRecord, part_minor: int | None) -> Posting:
    assert parent.source_id is not None
    assert parent.target_id is not None
    return Posting(
        operation_id=next_id(),
        kind=OperationKind.REVERSAL,
        actor_id=BOB,
        wallet_id=parent.target_id,
        owner_id=BOB,
        source_id=parent.target_id,
        target_id=parent.source_id,
        amount_minor=part_minor or 0,
        currency="USD",
        legs=(Leg(parent.target_id, 0), Leg(parent.source_id, 0)),
        parent_id=parent.id,
        takes_rest=part_minor is None,
    )
