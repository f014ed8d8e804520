"""`wallet import`: composition, signals, and what a person sees of it."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO

from wallet.core.collector import spare_the_collector
from wallet.core.errors import ForbiddenError, NotFoundError
from wallet.core.logging import configure_logging
from wallet.core.money import declare_assets
from wallet.core.records import record
from wallet.core.settings import Settings
from wallet.import_screen import Screen
from wallet.services.accounts import get_operator
from wallet.services.database import connected
from wallet.services.imports import (
    LOCK_WAIT_MS_MIN,
    Format,
    Importer,
    ImportStoppedError,
    MalformedFileError,
    Report,
    Tally,
    check_lines,
    count_lines,
    open_report,
    read_lines,
)
from wallet.services.ledger import Ledger
from wallet.services.ledger.locks import Gate
from wallet.services.redis import connect

STANDARD_INPUT = "-"

SOME_REFUSED = 3
"""The exit code where all rows have their answer, and it is no for some."""

STOPPED = 128
"""The exit code of one that was stopped is as much above the number of the signal."""

_SUFFIXES = {".ndjson": Format.NDJSON, ".jsonl": Format.NDJSON, ".csv": Format.CSV}


class ImportFailedError(Exception):
    """Raised when an import cannot run, or cannot go on; its text says what moved."""


@record
class Order:
    """
    What the command line asks for.

    Attributes:
        file: The path, or "-" for standard input.
        report: Where refused rows go; None is beside the file.
        is_dry: Whether nothing is to move.
    """

    file: str
    email: str
    format_name: str | None
    report: Path | None
    is_dry: bool

    @property
    def format(self) -> Format:
        """The format that was asked for, or that of the file's suffix."""
        if self.format_name:
            return Format(self.format_name)
        format_ = _SUFFIXES.get(Path(self.file).suffix.lower())
        if format_ is None:
            raise ImportFailedError("Say what the file is: --format ndjson or --format csv.")
        return format_

    @property
    def report_path(self) -> Path | None:
        """Where refused rows are written; nowhere where only standard input is named."""
        if self.report or self.file == STANDARD_INPUT:
            return self.report
        return Path(f"{self.file}.refused.csv")


async def run(settings: Settings, order: Order) -> int:
    """
    Carry out an import and return its exit code.

    Raises:
        ImportFailedError: It cannot run, or was stopped by an outage.
    """
    # A bar and log lines do not share a terminal; what it waits for, the screen says.
    configure_logging(
        level="ERROR" if sys.stderr.isatty() else "WARNING", as_json=settings.is_production
    )
    declare_assets(settings.assets)
    spare_the_collector()
    try:
        with _opened(order) as file:
            total = count_lines(file, order.format)
            file.seek(0)
            report_name = str(order.report_path)
            with (
                _reporting(order) as report,
                Screen(total, report, report_name=report_name) as screen,
            ):
                return await _import(settings, order, file, screen)
    except MalformedFileError as error:
        raise ImportFailedError(f"{_name_of(order)} is malformed. {error}") from None


async def _import(settings: Settings, order: Order, file: BinaryIO, screen: Screen) -> int:
    lines = read_lines(file, order.format)
    async with connected(settings):
        try:
            actor = await get_operator(order.email)
        except (NotFoundError, ForbiddenError) as error:
            raise ImportFailedError(error.message) from None
        if order.is_dry:
            return _end(order, screen, check_lines(lines, screen, actor=actor), None)
        with _signals() as until:
            async with _ledger(settings) as ledger:
                importer = Importer(ledger, screen, actor=actor, until=until.event)
                try:
                    await importer.run(lines)
                except ImportStoppedError as error:
                    raise ImportFailedError(
                        f"{error}. {screen.say_how_far(importer.tally)}"
                    ) from None
            return _end(order, screen, importer.tally, until.signal)


def _end(order: Order, screen: Screen, tally: Tally, stopped_by: signal.Signals | None) -> int:
    """Say what became of the rows; return the exit code."""
    if stopped_by is not None and tally.settled < screen.total:
        screen.close(f"Stopped. {screen.say_how_far(tally)}")
        return STOPPED + stopped_by
    screen.close(screen.say_all(tally, is_dry=order.is_dry))
    return SOME_REFUSED if tally.refused else 0


class _Until:
    """Whether, and by what, an import was told to end."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.signal: signal.Signals | None = None

    def stop(self, signal_: signal.Signals) -> None:
        """End after what is under way; a second signal ends at once, as without us."""
        self.signal = signal_
        self.event.set()
        asyncio.get_running_loop().remove_signal_handler(signal_)


@contextmanager
def _signals() -> Iterator[_Until]:
    until = _Until()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_, until.stop, signal_)
    try:
        yield until
    finally:
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(signal_)


@asynccontextmanager
async def _ledger(settings: Settings) -> AsyncIterator[Ledger]:
    client = connect(settings.redis_url)
    ledger = Ledger(
        Gate(client),
        lock_wait_ms=max(settings.lock_wait_ms, LOCK_WAIT_MS_MIN),
        lock_outage=settings.lock_outage,
    )
    try:
        yield ledger
    finally:
        await ledger.close()
        await client.aclose()


@contextmanager
def _opened(order: Order) -> Iterator[BinaryIO]:
    """Open a file that is read twice; what can be read only once is copied first."""
    with ExitStack() as stack:
        try:
            is_path = order.file != STANDARD_INPUT
            file: BinaryIO = sys.stdin.buffer
            if is_path:
                file = stack.enter_context(Path(order.file).open("rb"))
            if not is_path or not file.seekable():
                copy = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(file, copy)
                copy.seek(0)
                file = copy
        except OSError as error:
            name = _name_of(order)
            raise ImportFailedError(f"{name} cannot be read: {error.strerror}.") from None
        yield file


def _name_of(order: Order) -> str:
    return "Standard input" if order.file == STANDARD_INPUT else order.file


@contextmanager
def _reporting(order: Order) -> Iterator[Report | None]:
    """Open the report before anything moves; one that nobody asked for goes if it is empty."""
    path = order.report_path
    if path is None:
        yield None
        return
    if order.file != STANDARD_INPUT and path.exists() and path.samefile(order.file):
        raise ImportFailedError("The report would be written over the file.")
    try:
        file = open_report(path)
    except OSError as error:
        raise ImportFailedError(f"{path} cannot be written: {error.strerror}.") from None
    with file:
        report = Report(file, _SUFFIXES.get(path.suffix.lower(), Format.CSV))
        try:
            yield report
        finally:
            if not report.count and order.report is None:
                path.unlink()
