"""Exchange rates and quotes."""

from datetime import datetime
from typing import Self

import strawberry

from wallet.core.ids import to_global_id
from wallet.core.money import format_rate
from wallet.schema.nodes import Money, Node
from wallet.schema.scalars import CurrencyCode, DecimalText
from wallet.schema.transfers import MoneyInput
from wallet.services.ledger import QuoteRecord
from wallet.services.rates import Rate


@strawberry.type(description="Units of quote for one unit of base.")
class ExchangeRate:
    """A rate, as it was published, or through the euro."""

    base: CurrencyCode = strawberry.field(description="What one unit is of.")
    quote: CurrencyCode = strawberry.field(description="What the rate is in.")
    rate: DecimalText = strawberry.field(
        description="Exact, with at most 18 decimals; 1 where both are one currency."
    )
    as_of: datetime = strawberry.field(
        description=(
            "From when on it holds: 16:00 CET of the day that it was published for. Between two "
            "currencies other than the euro, the older of both."
        )
    )
    source: str = strawberry.field(
        description="Who published it: ECB; PAR where both are one currency."
    )

    @classmethod
    def of(cls, rate: Rate) -> Self:
        """Show a rate."""
        return cls(
            base=CurrencyCode(rate.base),
            quote=CurrencyCode(rate.quote),
            rate=DecimalText(format_rate(rate.rate)),
            as_of=rate.as_of,
            source=rate.source,
        )


@strawberry.type(
    description=(
        "A rate held for its maker for a short while (60 s, unless the operator says otherwise); "
        "used once, by passing quoteId. amount × rate = converted, rounded half-even to the "  # noqa: RUF001
        "minor unit."
    )
)
class Quote(Node):
    """A quote, as its maker sees it."""

    rate: DecimalText = strawberry.field(description="Units of converted's currency for one.")
    amount: Money = strawberry.field(description="What it is for: this amount, and no other.")
    converted: Money = strawberry.field(description="What the target gets.")
    expires_at: datetime = strawberry.field(description="Until when it can be used.")

    @classmethod
    def of(cls, record: QuoteRecord) -> Self:
        """Show a quote to its maker."""
        return cls(
            id=strawberry.ID(to_global_id("Quote", record.id)),
            rate=DecimalText(format_rate(record.rate)),
            amount=Money.of(record.amount_minor, record.currency),
            converted=Money.of(record.target_amount_minor, record.target_currency),
            expires_at=record.expires_at,
        )


@strawberry.input(description="What is to be converted.")
class CreateQuoteInput:
    """Input of createQuote."""

    amount: MoneyInput = strawberry.field(description="How much, in the source's currency.")
    to: CurrencyCode = strawberry.field(description="The target's currency.")


@strawberry.type(description="The rate is held.")
class CreateQuotePayload:
    """Answer of createQuote."""

    quote: Quote = strawberry.field(description="The quote.")
