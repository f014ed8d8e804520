"""Reports: what is in them, and from which instant."""

import json
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
import pytest_asyncio

from tests.support.factories import Factory, Pair
from tests.support.observer import Observer
from tests.support.reports import READERS, Report
from tests.support.waiting import until
from wallet.core.errors import InvalidInputError, NotFoundError, ServiceUnavailableError
from wallet.core.ids import new_id
from wallet.core.settings import Settings
from wallet.models import OperationKind, OperationStatus
from wallet.schema.operations import mask_email
from wallet.services.ledger import InsufficientFundsError, Ledger
from wallet.services.rate_limits import RateLimiter
from wallet.services.reports import (
    BrokenReportError,
    ReportFormat,
    ReportOrder,
    open_snapshot,
    request_report,
    snapshots,
)
from wallet.services.statements import Filter

NOTHING = Decimal(0)

every_format = pytest.mark.parametrize("format_", ReportFormat)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where reports are asked for and made."""

    ledger: Ledger
    limiter: RateLimiter
    settings: Settings

    async def ask(
        self, pair: Pair, format_: ReportFormat = ReportFormat.CSV, filter_: Filter | None = None
    ) -> tuple[ReportOrder, int]:
        """Ask for a report of Ada's wallet; return it with how many lines it is to have."""
        requested = await request_report(
            self.ledger,
            self.limiter,
            actor=pair.ada,
            wallet_id=pair.source_id,
            format_=format_,
            filter_=filter_ or Filter(),
        )
        return requested.order, requested.row_count

    async def read(self, order: ReportOrder) -> Report:
        """Make a report and read it back."""
        return READERS[order.format](await self.make(order)).check()

    async def make(self, order: ReportOrder) -> bytes:
        """Make a report."""
        async with open_snapshot(self.settings, order) as snapshot:
            return b"".join([chunk async for chunk in snapshot.write()])


@pytest.fixture
def desk(ledger: Ledger, limiter: RateLimiter, settings: Settings) -> Desk:
    """Where reports are asked for and made."""
    return Desk(ledger, limiter, settings)


@pytest_asyncio.fixture
async def busy(pair: Pair) -> Pair:
    """Ada's wallet with eleven lines, of which three are of transfers that failed."""
    for _ in range(3):
        await pair.pay("1.25 EUR")
        await pair.pay_back("0.50 EUR")
        with pytest.raises(InsufficientFundsError):
            await pair.pay("900.00 EUR")
    return pair


class TestRequestReport:
    """request_report."""

    async def test_is_on_record(self, desk: Desk, busy: Pair, observer: Observer) -> None:
        """It is an operation with a line of nothing, and the last line of its own report."""
        async with observer.nothing_but(operations=1, entries=1):
            order, row_count = await desk.ask(busy)

        report = await desk.read(order)
        assert report.kinds[-1] == "REPORT"
        assert len(report.lines) == row_count == order.last_sequence == 12

    @pytest.mark.parametrize("status", ["FROZEN", "CLOSED"])
    async def test_of_a_wallet_that_is_closed(
        self, desk: Desk, pair: Pair, factory: Factory, observer: Observer, status: str
    ) -> None:
        """What no money may leave, its owner may still read."""
        _, empty = await factory.create_wallet(pair.ada)
        await observer.fetch("UPDATE wallets SET status = $1 WHERE id = $2", status, empty.id)

        order, _ = await desk.ask(replace(pair, source_id=empty.id))

        assert (await desk.read(order)).kinds == ["OPENING", "REPORT"]

    async def test_of_nobodys_wallet(self, desk: Desk, pair: Pair, observer: Observer) -> None:
        """Somebody else's wallet is not there, and nothing is on its record."""
        async with observer.nothing_changes():
            for wallet_id in (pair.target_id, new_id()):
                with pytest.raises(NotFoundError):
                    await desk.ask(replace(pair, source_id=wallet_id))

    async def test_refused(self, desk: Desk, pair: Pair, observer: Observer) -> None:
        """What a format has no place for is refused before anything is on record."""
        async with observer.nothing_changes():
            with pytest.raises(InvalidInputError):
                await desk.ask(pair, ReportFormat.XML, Filter(kinds=(OperationKind.TOPUP,)))


class TestLargeAmounts:
    """Amounts of more than the 18 digits that ISO 20022 has a place for."""

    MOST, LARGE = "9999999999999999.99 EUR", "10000000000000000.00 EUR"

    @staticmethod
    async def fund(pair: Pair, money: str) -> None:
        """Top Ada up, who has nothing of her 10.00 left."""
        await pair.pay("10.00 EUR")
        await pair.factory.topup(pair.ada, pair.source_id, money)

    async def test_xml_takes_eighteen_digits(self, desk: Desk, pair: Pair) -> None:
        """What fits is shown, though sums of it do not fit; they may be left out."""
        await self.fund(pair, self.MOST)
        await pair.pay("1.00 EUR")

        order, _ = await desk.ask(pair, ReportFormat.XML)

        assert (await desk.read(order)).closing == Decimal("9999999999999998.99")
        content = await desk.make(order)
        # What left is 11.00; what came, and both together, are 19 digits.
        assert (content.count(b"<NbOfNtries>"), content.count(b"<Sum>")) == (3, 1)

    async def test_xml_takes_no_larger_balance(
        self, desk: Desk, pair: Pair, observer: Observer
    ) -> None:
        """What does not fit is refused before anything is on record; other formats show it."""
        await self.fund(pair, self.MOST)
        await pair.factory.topup(pair.ada, pair.source_id, "0.01 EUR")

        async with observer.nothing_changes():
            with pytest.raises(InvalidInputError) as refusal:
                await desk.ask(pair, ReportFormat.XML)

        assert refusal.value.field == ("format",)
        for format_ in (ReportFormat.CSV, ReportFormat.JSON):
            order, _ = await desk.ask(pair, format_)
            assert (await desk.read(order)).closing == Decimal(self.LARGE.split()[0])

    async def test_xml_takes_no_larger_line(
        self, desk: Desk, pair: Pair, observer: Observer
    ) -> None:
        """Nor a line that does not fit between balances that do; periods without it are shown."""
        before, _ = await desk.ask(pair)
        await self.fund(pair, self.LARGE)
        await pair.pay(self.LARGE)

        async with observer.nothing_changes():
            with pytest.raises(InvalidInputError):
                await desk.ask(pair, ReportFormat.XML)

        order, _ = await desk.ask(pair, ReportFormat.XML, Filter(until=before.asked_at))
        assert (await desk.read(order)).closing == 10


class TestOpenSnapshot:
    """open_snapshot."""

    @every_format
    async def test_sums_up(self, desk: Desk, busy: Pair, format_: ReportFormat) -> None:
        """The lines lead from nothing to the balance; only XML leaves out what moved nothing."""
        order, row_count = await desk.ask(busy, format_)

        report = await desk.read(order)

        assert (report.opening, report.closing) == (NOTHING, Decimal("7.75"))
        assert len(report.lines) == row_count
        moved = ["TOPUP", *["TRANSFER"] * 6]
        assert [line.kind for line in report.lines if line.amount] == moved
        assert len(report.lines) == (7 if format_ is ReportFormat.XML else 12)

    @every_format
    @pytest.mark.parametrize("lines", [1, 3, 11, 12, 13])
    async def test_in_chunks(
        self,
        desk: Desk,
        busy: Pair,
        format_: ReportFormat,
        lines: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """It is the same report however long its chunks are."""
        order, _ = await desk.ask(busy, format_)
        whole = await desk.make(order)

        monkeypatch.setattr(snapshots, "CHUNK_LINES", lines)

        assert await desk.make(order) == whole

    @every_format
    async def test_periods(
        self, desk: Desk, busy: Pair, format_: ReportFormat, observer: Observer
    ) -> None:
        """A period opens with what the one before it closed with, wherever the cut is."""
        rows = await observer.fetch(
            "SELECT created_at FROM entries WHERE wallet_id = $1 ORDER BY sequence", busy.source_id
        )
        whole = await desk.read((await desk.ask(busy, format_))[0])
        instants = [row["created_at"] for row in rows]
        day = timedelta(days=1)
        for cut in (
            instants[0] - day,
            *instants[:2],
            instants[5],
            instants[-1],
            instants[-1] + day,
        ):
            before_order, before_count = await desk.ask(busy, format_, Filter(until=cut))
            after_order, _ = await desk.ask(busy, format_, Filter(from_=cut))

            before, after = await desk.read(before_order), await desk.read(after_order)

            assert len(before.lines) == before_count
            assert (before.opening, before.closing) == (NOTHING, after.opening)
            assert after.closing == whole.closing
            moved = [line for line in (*before.lines, *after.lines) if line.amount]
            assert moved == [line for line in whole.lines if line.amount]

    @pytest.mark.parametrize("format_", [ReportFormat.CSV, ReportFormat.JSON])
    @pytest.mark.parametrize(
        ("filter_", "kinds"),
        [
            (Filter(kinds=(OperationKind.TOPUP,)), ["TOPUP", "NOT_SHOWN"]),
            (Filter(kinds=()), ["NOT_SHOWN"]),
            (Filter(statuses=(OperationStatus.FAILED,)), [*["TRANSFER"] * 3, "NOT_SHOWN"]),
            (
                Filter(kinds=(OperationKind.TRANSFER,), statuses=(OperationStatus.COMPLETED,)),
                [*["TRANSFER"] * 6, "NOT_SHOWN"],
            ),
            (Filter(kinds=tuple(OperationKind)), None),
        ],
    )
    async def test_what_is_left_out_is_one_line(
        self,
        desk: Desk,
        busy: Pair,
        format_: ReportFormat,
        filter_: Filter,
        kinds: list[str] | None,
    ) -> None:
        """The balances stay those of the wallet, so a last line adds up what is not shown."""
        order, row_count = await desk.ask(busy, format_, filter_)

        report = await desk.read(order)

        assert (report.opening, report.closing) == (NOTHING, Decimal("7.75"))
        if kinds is None:
            assert "NOT_SHOWN" not in report.kinds
            assert row_count == len(report.lines)
        else:
            assert report.kinds == kinds
            assert row_count == len(report.lines) - 1

    @every_format
    async def test_of_one_instant(self, desk: Desk, busy: Pair, format_: ReportFormat) -> None:
        """A transfer that is committed while a report is made is not in it, nor in a later one."""
        order, _ = await desk.ask(busy, format_)
        # As if the order named no last line, so that the snapshot alone keeps it out.
        unbounded = replace(order, last_sequence=10**9, asked_at=order.asked_at + timedelta(days=1))
        async with (
            open_snapshot(desk.settings, unbounded) as snapshot,
            aclosing(snapshot.write()) as chunks,
        ):
            content = await anext(chunks)
            await busy.pay("2.00 EUR")
            content += b"".join([chunk async for chunk in chunks])

        assert READERS[format_](content).check().closing == Decimal("7.75")
        assert (await desk.read(order)).closing == Decimal("7.75")
        assert (await desk.read(unbounded)).closing == Decimal("5.75")

    async def test_same_again(self, desk: Desk, busy: Pair) -> None:
        """An order gives the same bytes whenever it is carried out."""
        order, _ = await desk.ask(busy)
        first = await desk.make(order)
        await busy.pay("2.00 EUR")

        assert await desk.make(order) == first

    async def test_of_a_wallet_that_is_gone(self, desk: Desk, pair: Pair) -> None:
        """An order of who does not own the wallet is not carried out."""
        order, _ = await desk.ask(pair)

        with pytest.raises(NotFoundError):
            await desk.make(replace(order, owner_id=pair.bob.user_id))

    async def test_without_postgresql(self, desk: Desk, pair: Pair) -> None:
        """Where there is no database there is no report, and that is said at once."""
        order, _ = await desk.ask(pair)
        nowhere = Settings(database_url="postgresql://wallet:wallet@127.0.0.1:9/wallet")

        with pytest.raises(ServiceUnavailableError):
            async with open_snapshot(nowhere, order):
                raise AssertionError("there was a snapshot")

    async def test_leaves_nothing_behind(self, desk: Desk, busy: Pair, observer: Observer) -> None:
        """Whether it is read to its end or not, its connection is closed."""
        order, _ = await desk.ask(busy)
        await desk.make(order)
        with suppress(ConnectionError):
            async with (
                open_snapshot(desk.settings, order) as snapshot,
                aclosing(snapshot.write()) as chunks,
            ):
                await anext(chunks)
                raise ConnectionError

        async def is_gone() -> bool:
            return not await observer.value(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wallet report' "
                "AND datname = current_database()"
            )

        await until(is_gone)

    async def test_broken(self, desk: Desk, busy: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lines that do not lead to the closing balance never get their end."""
        order, _ = await desk.ask(busy)
        async with open_snapshot(desk.settings, order) as snapshot:
            snapshot.statement = replace(snapshot.statement, closing_minor=1)
            chunks = snapshot.write()
            content = [await anext(chunks) for _ in range(2)]
            with pytest.raises(BrokenReportError):
                await anext(chunks)

        assert b"REPORT" in content[-1]
        assert b"CLOSING_BALANCE" not in b"".join(content)

    async def test_counterparty_is_masked_as_in_the_api(
        self, desk: Desk, pair: Pair, factory: Factory
    ) -> None:
        """Another's address is masked, one's own is not."""
        _, own = await factory.create_wallet(pair.ada)
        await factory.transfer(pair.ada, pair.source_id, own.id, "1.00 EUR")
        await pair.pay("2.00 EUR")
        order, _ = await desk.ask(pair, ReportFormat.JSON)

        items = json.loads(await desk.make(order))["operations"]

        holders = [item["counterparty"] and item["counterparty"]["holder"] for item in items]
        assert holders == [None, None, pair.ada.email, mask_email(pair.bob.email), None]


class TestCurrencies:
    """Amounts in every number of decimals."""

    @every_format
    @pytest.mark.parametrize(
        "balance", ["1234 JPY", "0.05 EUR", "1.005 KWD", "92233720368547.75 EUR"]
    )
    async def test_decimals(
        self, desk: Desk, factory: Factory, format_: ReportFormat, balance: str
    ) -> None:
        """Amounts have all decimals of their currency."""
        actor, wallet = await factory.create_wallet(balance=balance)
        requested = await request_report(
            desk.ledger,
            desk.limiter,
            actor=actor,
            wallet_id=wallet.id,
            format_=format_,
            filter_=Filter(),
        )
        content = await desk.make(requested.order)

        assert READERS[format_](content).check().closing == Decimal(balance.split(maxsplit=1)[0])
        assert balance.split(maxsplit=1)[0].encode() in content
