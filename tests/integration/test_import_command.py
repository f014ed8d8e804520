"""`wallet import`: what a person types, sees and gets, and a process that is ended half-way."""

import asyncio
import csv
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.commands import Finished, finish, run_wallet, send_to_wallet, started_wallet
from tests.support.factories import Factory, Pair
from tests.support.imports import Fields, ndjson, relay, topup
from tests.support.ledgers import connected_apart, nowhere, open_ledger
from tests.support.observer import Observer
from tests.support.servers import SECRET_KEY, Databases
from tests.support.waiting import until
from wallet.core.ids import new_id
from wallet.core.settings import Settings
from wallet.development import PostgresServer
from wallet.services.accounts import grant_operator

MANY = 2_600
"""Rows that take some seconds, so that a process can be ended in the middle of them."""


@dataclass(slots=True, kw_only=True)
class Site:
    """A pair of wallets in a database of their own, and an operator."""

    pair: Pair
    observer: Observer
    environment: dict[str, str]
    operator: str
    folder: Path

    @classmethod
    @asynccontextmanager
    async def of(cls, settings: Settings, folder: Path) -> AsyncIterator["Site"]:
        """Make them in the migrated database that *settings* name."""
        url = settings.database_url
        async with connected_apart(settings), open_ledger(settings.redis_url) as ledger:
            factory = Factory(ledger, settings)
            pair = await Pair.create(factory)
            operator = (await factory.create_actor()).email
            assert await grant_operator(operator)
            async with Observer.of(url) as observer:
                yield cls(
                    pair=pair,
                    observer=observer,
                    environment={
                        "DATABASE_URL": url,
                        "REDIS_URL": settings.redis_url,
                        "SECRET_KEY": SECRET_KEY,
                    },
                    operator=operator,
                    folder=folder,
                )

    def write(self, rows: list[Fields], name: str = "rows.ndjson") -> Path:
        """Write a file of rows, as its name says; a CSV has the columns of the first row."""
        path = self.folder / name
        if path.suffix == ".ndjson":
            path.write_text(ndjson(rows))
        else:
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)
        return path

    async def run(self, *arguments: str | Path, sent: bytes = b"") -> Finished:
        """Import on behalf of the operator."""
        words = ["import", "--as", self.operator, *map(str, arguments)]
        return await send_to_wallet(sent, *words, **self.environment)

    @asynccontextmanager
    async def half_way(self, path: Path) -> AsyncIterator[Process]:
        """Start an import, and have the body when some of its rows are in."""
        words = ["import", "--as", self.operator, str(path)]
        before = await self.count()
        async with started_wallet(*words, **self.environment) as process:

            async def has_begun() -> bool:
                return await self.count() > before or process.returncode is not None

            await until(has_begun)
            yield process

    async def count(self) -> int:
        """Count the operations."""
        return int(await self.observer.value("SELECT count(*) FROM operations"))

    async def check(self, *, rows: int, total_minor: int) -> None:
        """Assert that each row is in once, that the money is all there, and the ledger holds."""
        keyed = "SELECT count(DISTINCT idempotency_key) FROM operations WHERE status = 'COMPLETED'"
        assert await self.observer.value(f"{keyed} AND idempotency_key LIKE 'row-%'") == rows
        wallets = (self.pair.source_id, self.pair.target_id)
        assert sum([await self.observer.balance_minor(one) for one in wallets]) == total_minor
        assert (await run_wallet("verify", **self.environment)).exit_code == 0

    def relay(self) -> Path:
        """Write many rows that need their order, with keys of their own."""
        rows = relay([self.pair.source_id, self.pair.target_id], rows=MANY)
        return self.write([{**row, "key": f"row-{number}"} for number, row in enumerate(rows)])


@pytest_asyncio.fixture(scope="module")
async def site(
    databases: Databases, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A site that the tests of this module share."""
    url = await databases.create()
    async with Site.of(
        settings.model_copy(update={"database_url": url}), tmp_path_factory.mktemp("imports")
    ) as site:
        yield site
    await databases.drop(url)


@pytest_asyncio.fixture
async def fresh(databases: Databases, settings: Settings, tmp_path: Path) -> AsyncIterator[Site]:
    """A site of the test's own."""
    url = await databases.create()
    async with Site.of(settings.model_copy(update={"database_url": url}), tmp_path) as site:
        yield site
    await databases.drop(url)


def _refused(path: Path) -> list[tuple[str, str, str, str]]:
    with path.open(newline="") as file:
        return [
            (row["line"], row["key"], row["code"], row["field"]) for row in csv.DictReader(file)
        ]


class TestFiles:
    """What is read, and what is said of it."""

    async def test_all_rows_are_in(self, site: Site) -> None:
        """A second time they are in already; there is no report of nothing."""
        path = site.write(
            [topup(site.pair.source_id, "2.00"), topup(site.pair.target_id, "3.00")], "good.ndjson"
        )

        async with site.observer.nothing_but(operations=2, entries=4):
            first = await site.run(path)
            second = await site.run(path)

        assert (first.exit_code, first.output) == (0, "2 rows: 2 carried out.\n")
        assert (second.exit_code, second.output) == (0, "2 rows: 2 done before.\n")
        assert first.errors == ""
        assert not path.with_name("good.ndjson.refused.csv").exists()

    async def test_csv_with_refused_rows(self, site: Site) -> None:
        """They are on the screen and in the report, with their lines; the others are in."""
        empty: Fields = {"source": "", "target": "", "metadata": "", "description": ""}
        stranger = new_id()
        path = site.write(
            [
                {**topup(site.pair.source_id, "2.00"), **empty, "description": "a\nb"},
                {**topup(stranger, "2.00", key="gone"), **empty},
                {**topup(site.pair.source_id, "2,00", key="comma"), **empty},
                {**topup(site.pair.source_id, "2.00"), **empty, "metadata": '{"a": 1}'},
            ],
            "some.csv",
        )

        async with site.observer.nothing_but(operations=2, entries=4):
            finished = await site.run(path)

        assert finished.exit_code == 3
        assert finished.output == (
            f"4 rows: 2 carried out, 2 refused. The refused rows are in {path}.refused.csv.\n"
        )
        assert finished.errors == (
            "line 4, wallet: NOT_FOUND There is no such wallet.\n"
            "line 5, amount: INVALID_INPUT "
            'An amount is a positive decimal number such as "12.50".\n'
        )
        assert _refused(Path(f"{path}.refused.csv")) == [
            ("4", "gone", "NOT_FOUND", "wallet"),
            ("5", "comma", "INVALID_INPUT", "amount"),
        ]

    async def test_report_as_ndjson(self, site: Site) -> None:
        """It goes where it is asked to, in the format of its suffix, and has rows without end."""
        rows = [topup(new_id(), "1.00", key=f"gone-{number}") for number in range(25)]
        path, report = site.write(rows, "gone.ndjson"), site.folder / "report.ndjson"

        finished = await site.run(path, "--report", report)

        assert finished.exit_code == 3
        told = finished.errors.splitlines()
        assert told[19:] == [
            "line 20, wallet: NOT_FOUND There is no such wallet.",
            "Further refused rows are only in the report.",
        ]
        lines = [json.loads(line) for line in report.read_text().splitlines()]
        assert [line["line"] for line in lines] == list(range(1, 26))
        assert lines[0] == {
            "line": 1,
            "key": "gone-0",
            "code": "NOT_FOUND",
            "field": "wallet",
            "message": "There is no such wallet.",
        }

    async def test_what_a_file_says_does_nothing_to_a_terminal(self, site: Site) -> None:
        """A name with control characters is shown without them."""
        finished = await site.run(site.write([{"\x1b[2J\n": "1"}], "bad.ndjson"))

        assert "\x1b" not in finished.errors
        assert len(finished.errors.splitlines()) == 1

    async def test_standard_input(self, site: Site) -> None:
        """It is read once and needs a format; all refused rows are on the screen."""
        text = ndjson([topup(site.pair.source_id, "1.00"), topup(new_id(), "1.00")]).encode()

        unnamed = await site.run("-", sent=text)
        async with site.observer.nothing_but(operations=1, entries=2):
            finished = await site.run("-", "--format", "ndjson", sent=text)

        assert unnamed.exit_code == 1
        assert unnamed.errors == "Say what the file is: --format ndjson or --format csv.\n"
        assert (finished.exit_code, finished.output) == (
            3,
            "2 rows: 1 carried out, 1 refused.\n",
        )
        assert finished.errors == "line 2, wallet: NOT_FOUND There is no such wallet.\n"

    async def test_dry_run(self, site: Site) -> None:
        """Each row is checked, and nothing moves."""
        rows = [topup(site.pair.source_id, "1.00"), topup(site.pair.source_id, "1.001")]
        path = site.write(rows, "dry.ndjson")

        async with site.observer.nothing_changes():
            finished = await site.run(path, "--dry-run")

        assert finished.exit_code == 3
        assert finished.output.startswith("2 rows: 1 well-formed, 1 refused. Nothing moved.")
        assert [line for line, *_ in _refused(Path(f"{path}.refused.csv"))] == ["2"]

    async def test_without_redis(self, fresh: Site) -> None:
        """It goes on with PostgreSQL alone."""
        path = fresh.write([topup(fresh.pair.source_id, "1.00", key="row-1")])
        fresh.environment["REDIS_URL"] = nowhere()

        finished = await fresh.run(path)

        assert (finished.exit_code, finished.output) == (0, "1 rows: 1 carried out.\n")
        await fresh.check(rows=1, total_minor=1_100)


class TestItCannotRun:
    """What stops an import before anything moves."""

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.csv", b"kind,amuont\n", "is malformed. 'amuont' is no column"),
            ("b.csv", b"", "is malformed. The first line of a CSV names its columns."),
            ("c.ndjson", b'{}\n{"key": "\xff"}\n', "is malformed. Line 2 is not UTF-8."),
            ("d.txt", b"", "Say what the file is"),
        ],
    )
    async def test_malformed(self, site: Site, name: str, content: bytes, message: str) -> None:
        """It is said what and where."""
        path = site.folder / name
        path.write_bytes(content)

        async with site.observer.nothing_changes():
            finished = await site.run(path)

        assert (finished.exit_code, finished.output) == (1, "")
        assert message in finished.errors
        assert not path.with_name(f"{name}.refused.csv").exists()

    async def test_malformed_at_its_end(self, site: Site) -> None:
        """The whole file is looked at before the first row of it moves anything."""
        path = site.write([topup(site.pair.source_id, "1.00")] * 3, "end.csv")
        path.write_bytes(path.read_bytes() + b'topup,"never ends')

        async with site.observer.nothing_changes():
            finished = await site.run(path)

        assert finished.exit_code == 1
        assert "Line 5 is not CSV" in finished.errors

    async def test_no_file(self, site: Site) -> None:
        """It is said which."""
        path = site.folder / "missing.csv"
        finished = await site.run(path)

        assert finished.exit_code == 1
        assert finished.errors == f"{path} cannot be read: No such file or directory.\n"

    async def test_report_over_the_file(self, site: Site) -> None:
        """The file is what it was."""
        path = site.write([topup(site.pair.source_id, "1.00")], "precious.ndjson")
        content = path.read_bytes()

        async with site.observer.nothing_changes():
            finished = await site.run(path, "--report", path)

        assert finished.errors == "The report would be written over the file.\n"
        assert path.read_bytes() == content

    async def test_report_that_cannot_be_written(self, site: Site) -> None:
        """Nothing moves of which nothing could be told."""
        path = site.write([topup(site.pair.source_id, "1.00")], "untold.ndjson")

        async with site.observer.nothing_changes():
            finished = await site.run(path, "--report", site.folder / "nowhere" / "report.csv")

        assert finished.exit_code == 1
        assert "cannot be written" in finished.errors

    async def test_not_an_operator(self, site: Site) -> None:
        """Nobody imports into the wallets of others who may not."""
        path = site.write([topup(site.pair.source_id, "1.00")], "mine.ndjson")
        owner = site.pair.ada.email

        async with site.observer.nothing_changes():
            refused = await run_wallet("import", str(path), "--as", owner, **site.environment)
            unknown = await run_wallet(
                "import", str(path), "--as", "nobody@example.com", **site.environment
            )

        assert (refused.exit_code, refused.errors) == (1, f"{owner} is no operator.\n")
        assert unknown.exit_code == 1
        assert unknown.errors == "There is no account with this address.\n"

    async def test_database_away(self, site: Site) -> None:
        """It is one sentence, and no traceback."""
        path = site.write([topup(site.pair.source_id, "1.00")], "away.ndjson")
        url = nowhere().replace("redis://", "postgresql://wallet:wallet@").replace("/0", "/wallet")

        finished = await run_wallet(
            "import",
            str(path),
            "--as",
            site.operator,
            **{**site.environment, "DATABASE_URL": url},
        )

        assert finished.exit_code == 1
        assert finished.errors.startswith("The database cannot be reached")

    async def test_usage(self, site: Site) -> None:
        """Without an operator's address the command makes no sense."""
        finished = await run_wallet("import", "rows.csv", **site.environment)

        assert finished.exit_code == 2


class TestEndedHalfWay:
    """Each row is in once, however often the import had to begin."""

    async def test_killed(self, fresh: Site) -> None:
        """After SIGKILL the same command does the rest, in order, and the books hold."""
        path = fresh.relay()
        async with fresh.half_way(path) as process:
            process.kill()
            await process.wait()
        done = await fresh.count() - 5

        finished = await fresh.run(path)

        assert 0 < done < MANY
        assert finished.exit_code == 0, finished.errors
        await fresh.check(rows=MANY, total_minor=1_100)

    @pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
    async def test_stopped(self, fresh: Site, signal_: signal.Signals) -> None:
        """It finishes what is under way, says how far it is, and how to go on."""
        path = fresh.relay()
        before = await fresh.count()
        async with fresh.half_way(path) as process:
            process.send_signal(signal_)
            stopped = await finish(process)
        done = await fresh.count() - before

        finished = await fresh.run(path)

        assert stopped.exit_code == 128 + signal_
        assert stopped.output == (
            f"Stopped. {done:,} of {MANY:,} rows have their answer: {done:,} carried out. "
            "The same command goes on from here.\n"
        )
        assert 0 < done < MANY
        assert finished.output == (
            f"{MANY:,} rows: {MANY - done:,} carried out, {done:,} done before.\n"
        )
        await fresh.check(rows=MANY, total_minor=1_100)

    async def test_database_restarted(self, settings: Settings, tmp_path: Path) -> None:
        """It waits until PostgreSQL is there again, and goes on."""
        with PostgresServer(tmp_path / "postgres", settings={"fsync": "off"}) as server:
            await run_wallet("migrate", DATABASE_URL=server.url)
            far = settings.model_copy(update={"database_url": server.url})
            async with Site.of(far, tmp_path) as site:
                path = site.relay()
                async with site.half_way(path) as process:
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
                    finished = await finish(process)

                assert finished.exit_code == 0, finished.errors
                assert "The database is away; trying again in 0.5 s." in finished.errors
                assert finished.output == f"{MANY:,} rows: {MANY:,} carried out.\n"
                async with Observer.of(server.url) as observer:
                    site.observer = observer
                    await site.check(rows=MANY, total_minor=1_100)
