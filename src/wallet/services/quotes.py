"""Quotes: a rate that is held for its maker for a short while, for one amount, to be used once."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from wallet.core.errors import InvalidInputError, RateUnavailableError
from wallet.core.ids import new_id
from wallet.core.money import AMOUNT_MINOR_MAX
from wallet.core.rates import convert, less_margin
from wallet.core.records import record
from wallet.core.settings import Settings
from wallet.services.actors import Actor
from wallet.services.database import Connection, Row, delete_rows, fetch, run_transaction
from wallet.services.ledger import Conversion, QuoteRecord
from wallet.services.rates import find_rate
from wallet.services.wallets import open_system_wallets

KEPT_FOR = timedelta(days=1)
"""How long a quote that nobody has used is told from one that never was."""

_INSERT = """
INSERT INTO quotes (
    id, user_id, rate, amount_minor, currency, target_amount_minor, target_currency,
    created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now(), now() + make_interval(secs => $8))
RETURNING id, user_id, rate, amount_minor, currency, target_amount_minor, target_currency,
          created_at, expires_at, operation_id
"""

_FIND = """
SELECT id, user_id, rate, amount_minor, currency, target_amount_minor, target_currency,
       created_at, expires_at, operation_id
  FROM quotes WHERE id = $1 AND user_id = $2
"""

# A request that comes again finds its first outcome by its key, however long ago that
# was. What it was refused with may have outlived its quote, and says itself what the
# quote was; whether it was this one, the ledger sees by the request's hash.
_CONVERSIONS = """
SELECT asked.quote_id,
       coalesce(quote.rate, operation.rate) AS rate,
       coalesce(quote.target_amount_minor, operation.target_amount_minor) AS amount_minor,
       coalesce(quote.target_currency, operation.target_currency) AS currency
  FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS asked (quote_id, idempotency_key, place)
  LEFT JOIN quotes AS quote ON quote.id = asked.quote_id AND quote.user_id = $1
  LEFT JOIN operations AS operation
    ON operation.actor_id = $1 AND operation.idempotency_key = asked.idempotency_key
   AND quote.id IS NULL
 ORDER BY asked.place
"""

_FORGET = """
DELETE FROM quotes WHERE id IN (
    SELECT id FROM quotes
     WHERE operation_id IS NULL AND expires_at < now() - $1::interval
     ORDER BY expires_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED)
"""


@record
class AskedQuote:
    """A quote that a request names, and the request's idempotency key."""

    quote_id: UUID
    idempotency_key: str


async def create_quote(
    settings: Settings, *, actor: Actor, amount_minor: int, currency: str, target_currency: str
) -> QuoteRecord:
    """
    Hold the newest rate, less RATE_MARGIN_BPS, for QUOTE_TTL_S and this amount.

    What is converted is the amount times the rate, rounded half-even to the minor
    unit of *target_currency*. Afterwards both currencies have the system wallets that
    the conversion is going to need.

    Args:
        amount_minor: Positive, in the minor unit of *currency*.

    Raises:
        InvalidInputError: Both currencies are the same, or the amount comes to
            nothing, or to more than a wallet can hold.
        RateUnavailableError: There is no rate, or the newest is older than RATE_MAX_AGE_H.
    """
    if currency == target_currency:
        raise InvalidInputError(f"The amount is in {currency} already.", field=("to",))
    rate = await find_rate(currency, target_currency)
    if rate is None:
        raise RateUnavailableError(
            f"There is no exchange rate from {currency} to {target_currency}."
        )
    if rate.age > timedelta(hours=settings.rate_max_age_h):
        raise RateUnavailableError(
            f"The newest exchange rate from {currency} to {target_currency} is too old."
        )
    held_rate = less_margin(rate.rate, settings.rate_margin_bps)
    converted_minor = convert(amount_minor, currency, held_rate, target_currency)
    _check_converted(converted_minor, target_currency)

    async def work(connection: Connection) -> Row:
        await open_system_wallets(connection, {currency, target_currency})
        rows = await connection.execute_query_dict(
            _INSERT,
            [
                new_id(),
                actor.user_id,
                held_rate,
                amount_minor,
                currency,
                converted_minor,
                target_currency,
                settings.quote_ttl_s,
            ],
        )
        return rows[0]

    return QuoteRecord(**await run_transaction(work))


def _check_converted(converted_minor: int, currency: str) -> None:
    field = ("amount", "amount")
    if converted_minor == 0:
        raise InvalidInputError(f"So little comes to nothing in {currency}.", field=field)
    if converted_minor > AMOUNT_MINOR_MAX:
        raise InvalidInputError(f"The amount is too large in {currency}.", field=field)


async def find_quote(actor: Actor, quote_id: UUID) -> QuoteRecord | None:
    """Return the actor's quote; None when there is none, or it is somebody else's."""
    rows = await fetch(_FIND, quote_id, actor.user_id)
    return QuoteRecord(**rows[0]) if rows else None


async def find_conversions(actor: Actor, asked: Sequence[AskedQuote]) -> list[Conversion | None]:
    """
    Return what requests convert that name quotes, in their order; None for one that is not there.

    One trip, however many. Whether a quote may still be used, the ledger decides.
    """
    if not asked:
        return []
    rows = await fetch(
        _CONVERSIONS,
        actor.user_id,
        [each.quote_id for each in asked],
        [each.idempotency_key for each in asked],
    )
    return [Conversion(**row) if row["rate"] is not None else None for row in rows]


async def forget_quotes(*, limit: int) -> int:
    """
    Delete quotes that nobody has used, KEPT_FOR after their time; safe in several processes.

    Returns:
        How many were deleted, *limit* at most.

    Raises:
        ServiceUnavailableError: PostgreSQL went away.
    """
    return await delete_rows(_FORGET, KEPT_FOR, limit)
