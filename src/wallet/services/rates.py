"""
Exchange rates: taken over from the files of the European Central Bank, and found again.

All are kept as they are published, units of a currency for one euro; what one
currency is worth in another goes through the euro.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import asyncpg

from wallet.core.ids import new_id
from wallet.core.money import UnknownCurrencyError, decimals_of
from wallet.core.rates import cross_rate
from wallet.core.records import record
from wallet.core.settings import Settings
from wallet.services.database import Row, fetch
from wallet.services.ecb import BASE, BadFileError, PublishedRate

SOURCE = "ECB"
PAR = "PAR"
"""The source of what nobody has to publish: that a currency is worth itself."""

PUBLISHED_AT = time(15, tzinfo=UTC)
"""
From when on a day's rates hold: 16:00 CET, summer and winter.

The Bank publishes around 16:00 in Frankfurt. In summer that is an hour
earlier; no rate holds before it was known.
"""

_CHUNK_ROWS = 5_000

_INSERT = f"""
WITH inserted AS (
    INSERT INTO exchange_rates (id, base, quote, rate, as_of, source)
    SELECT id, '{BASE}', quote, rate, as_of, '{SOURCE}'
      FROM unnest($1::uuid[], $2::text[], $3::numeric[], $4::timestamptz[])
           AS given (id, quote, rate, as_of)
    ON CONFLICT (base, quote, as_of, source) DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM inserted
"""  # noqa: S608  (made of constants)

# A statement of its own: it sees also what another import has committed in the meantime.
# One index look-up per rate, as LIMIT makes sure; of a table that was never analysed,
# PostgreSQL takes five rows to be in question, and reads all of it for each rate.
_CONTRADICTED = f"""
SELECT given.quote, given.as_of, given.rate, stored.rate AS stored_rate
  FROM unnest($1::text[], $2::numeric[], $3::timestamptz[]) AS given (quote, rate, as_of)
 CROSS JOIN LATERAL (
    SELECT rate FROM exchange_rates
     WHERE base = '{BASE}' AND quote = given.quote AND as_of = given.as_of
       AND source = '{SOURCE}'
     LIMIT 1
 ) AS stored
 WHERE stored.rate <> given.rate
 ORDER BY given.as_of, given.quote LIMIT 1
"""  # noqa: S608  (made of constants)

# One index look-up per currency. The newest rate holds as soon as it is here, also in
# the hour of a summer's day before PUBLISHED_AT.
_NEWEST = f"""
SELECT newest.*, now() AS read_at
  FROM unnest($1::text[]) AS asked (quote)
 CROSS JOIN LATERAL (
    SELECT quote, rate, as_of, source FROM exchange_rates
     WHERE base = '{BASE}' AND quote = asked.quote
       AND as_of <= coalesce($2::timestamptz, 'infinity')
     ORDER BY as_of DESC, source DESC
     LIMIT 1
 ) AS newest
"""  # noqa: S608  (made of constants)


@record(kw_only=True)
class Rate:
    """
    Units of *quote* for one unit of *base*.

    Attributes:
        as_of: From when on it holds; of a rate through the euro, the older of both.
        age: How long that is ago, by PostgreSQL's clock.
    """

    base: str
    quote: str
    rate: Decimal
    as_of: datetime
    source: str
    age: timedelta


@record(kw_only=True)
class Imported:
    """
    What became of the rates of a file.

    Attributes:
        known: How many were there already, and say the same.
        skipped: How many are of currencies that no wallet can hold, by currency.
    """

    added: int
    known: int
    skipped: dict[str, int]


async def import_rates(
    settings: Settings,
    rates: Sequence[PublishedRate],
    *,
    on_progress: Callable[[int], None],
) -> Imported:
    """
    Store the rates that the European Central Bank has published, each once.

    Atomic: all of them, or none. What is there already stays as it is; rates of
    currencies that ``core.money`` does not know are left out.

    Args:
        on_progress: Told of each part how many rates it had.

    Raises:
        BadFileError: A day is still to come, or a rate contradicts one that is stored.
    """
    # In one order for all, so that two imports never wait for each other in a circle.
    kept = sorted(
        (rate for rate in rates if _is_known(rate.currency)),
        key=lambda rate: (rate.day, rate.currency),
    )
    skipped: dict[str, int] = {}
    for rate in rates:
        if not _is_known(rate.currency):
            skipped[rate.currency] = skipped.get(rate.currency, 0) + 1
    on_progress(len(rates) - len(kept))
    added = 0
    connection = await asyncpg.connect(
        settings.database_url, server_settings={"application_name": "wallet rates import"}
    )
    try:
        async with connection.transaction():
            await _refuse_days_to_come(connection, kept)
            for start in range(0, len(kept), _CHUNK_ROWS):
                chunk = kept[start : start + _CHUNK_ROWS]
                added += await _insert(connection, chunk)
                on_progress(len(chunk))
    finally:
        await connection.close()
    return Imported(added=added, known=len(kept) - added, skipped=skipped)


async def _refuse_days_to_come(
    connection: asyncpg.Connection, rates: Sequence[PublishedRate]
) -> None:
    """Refuse what would be the newest rate, and never too old, for years."""
    today: date = await connection.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date")
    # Frankfurt's day begins before that of UTC.
    latest = today + timedelta(days=1)
    for rate in rates:
        if rate.day > latest:
            raise BadFileError(f"{rate.day}, {rate.currency}: this day is still to come")


async def _insert(connection: asyncpg.Connection, rates: Sequence[PublishedRate]) -> int:
    """Store some rates; return how many were not there."""
    columns = (
        [rate.currency for rate in rates],
        [rate.rate for rate in rates],
        [datetime.combine(rate.day, PUBLISHED_AT) for rate in rates],
    )
    added: int = await connection.fetchval(_INSERT, [new_id() for _ in rates], *columns)
    if added < len(rates):
        contradicted = await connection.fetchrow(_CONTRADICTED, *columns)
        if contradicted is not None:
            raise BadFileError(
                f"{contradicted['as_of']:%Y-%m-%d}, {contradicted['quote']}: "
                f"the file has {contradicted['rate'].normalize():f}, "
                f"and {contradicted['stored_rate'].normalize():f} is stored"
            )
    return added


def _is_known(currency: str) -> bool:
    try:
        decimals_of(currency)
    except UnknownCurrencyError:
        return False
    return True


async def find_rate(base: str, quote: str, *, at: datetime | None = None) -> Rate | None:
    """
    Return the rate that held at an instant, or the newest one; None when there is none.

    A currency is worth itself: 1. Any other pair goes through the euro, of the
    newest rates that both had by then, and is rounded half-even to 18 decimals.
    """
    if not (_is_known(base) and _is_known(quote)):
        return None
    if base == quote:
        return _par(base, at=at)
    rows = await fetch(_NEWEST, [code for code in (base, quote) if code != BASE], at)
    legs = {row["quote"]: row for row in rows}
    if not {base, quote} <= legs.keys() | {BASE}:
        return None
    return _cross(base, quote, legs)


def _par(currency: str, *, at: datetime | None) -> Rate:
    return Rate(
        base=currency,
        quote=currency,
        rate=Decimal(1),
        as_of=at or datetime.now(UTC),
        source=PAR,
        age=timedelta(0),
    )


def _cross(base: str, quote: str, legs: dict[str, Row]) -> Rate | None:
    def in_euro(currency: str) -> Decimal:
        return Decimal(1) if currency == BASE else legs[currency]["rate"]

    rate = cross_rate(in_euro(base), in_euro(quote))
    if rate is None:
        return None
    oldest = min(legs.values(), key=lambda leg: leg["as_of"])
    return Rate(
        base=base,
        quote=quote,
        rate=rate,
        as_of=oldest["as_of"],
        source=", ".join(sorted({leg["source"] for leg in legs.values()})),
        age=oldest["read_at"] - oldest["as_of"],
    )
