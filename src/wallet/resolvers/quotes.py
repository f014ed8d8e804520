"""Resolvers of exchange rates and quotes."""

from datetime import datetime
from typing import Annotated

import strawberry

from wallet.core.ids import find_id
from wallet.core.inputs import check_currency
from wallet.models.account import Scope
from wallet.schema.context import Info
from wallet.schema.optional import given
from wallet.schema.quotes import CreateQuoteInput, CreateQuotePayload, ExchangeRate, Quote
from wallet.schema.results import CreateQuoteResult
from wallet.schema.scalars import CurrencyCode
from wallet.services import quotes, rates

Base = Annotated[CurrencyCode, strawberry.argument(description="What one unit is of.")]
QuoteCurrency = Annotated[CurrencyCode, strawberry.argument(description="What the rate is in.")]
At = Annotated[
    datetime | None, strawberry.argument(description="The instant, inclusive; now if not said.")
]


async def exchange_rate(
    info: Info, base: Base, quote: QuoteCurrency, at: At = strawberry.UNSET
) -> ExchangeRate | None:
    """Return what one currency was worth in another at an instant, or is now."""
    await info.context.get_actor(Scope.READ)
    rate = await rates.find_rate(base, quote, at=given(at))
    return ExchangeRate.of(rate) if rate else None


async def create_quote(info: Info, input: CreateQuoteInput) -> CreateQuoteResult:  # noqa: A002
    """Hold the newest rate for the viewer."""
    actor = await info.context.get_actor(Scope.FUND)
    record = await quotes.create_quote(
        info.context.services.settings,
        actor=actor,
        amount_minor=input.amount.read(),
        currency=input.amount.currency,
        target_currency=check_currency(input.to, field=("to",)),
    )
    return CreateQuotePayload(quote=Quote.of(record))


async def quote(info: Info, id: strawberry.ID) -> Quote | None:  # noqa: A002
    """Return one of the viewer's quotes."""
    actor = await info.context.get_actor(Scope.READ)
    quote_id = find_id("Quote", id)
    record = await quotes.find_quote(actor, quote_id) if quote_id else None
    return Quote.of(record) if record else None
