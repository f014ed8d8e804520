"""Exchange rates for tests, stored as the import stores them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from wallet.core.settings import Settings
from wallet.services.ecb import PublishedRate
from wallet.services.rates import import_rates


async def store_rates(
    database_url: str, *, usd: str = "1.25", jpy: str = "150.5", days_ago: int = 1
) -> None:
    """Store what a euro was worth some days ago, in dollars and yen."""
    day = datetime.now(UTC).date() - timedelta(days=days_ago)
    await import_rates(
        Settings(database_url=database_url),
        [PublishedRate("USD", day, Decimal(usd)), PublishedRate("JPY", day, Decimal(jpy))],
        on_progress=lambda _: None,
    )
