"""
The European Central Bank's reference rates, as its files say them.

The Bank publishes them around 16:00 CET, as XML (one day, 90 days, or all since
1999) and as CSV in a zip. A file comes from outside: its size is bounded, also
unpacked, its XML may declare no entities, and what is not understood is refused
with its place.
"""

import csv
import io
import re
import xml.sax
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import defusedxml.sax
from defusedxml.common import DefusedXmlException

from wallet.core.rates import RATE_DECIMALS, RATE_WHOLE_DIGITS_MAX
from wallet.core.records import record

FILE_BYTES_MAX = 64 * 1024 * 1024
"""The largest file that is read, packed or unpacked; all days since 1999 are 8 MB of XML."""

RATES_MAX = 2_000_000
"""Most rates of one file; all days since 1999 have a quarter of a million."""

BASE = "EUR"
ABSENT = "N/A"
"""What a table has in the place of a rate that there was none of on that day."""

_RATE = re.compile(
    rf"[0-9]{{1,{RATE_WHOLE_DIGITS_MAX}}}(?:\.[0-9]{{1,{RATE_DECIMALS}}})?", re.ASCII
)
_CODE = re.compile(r"[A-Z]{3}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_IN_WORDS = re.compile(r"([0-9]{1,2}) ([A-Z][a-z]+) ([0-9]{4})")
# Not of the locale, which is the machine's.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)

_PACKINGS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_BAD_ZIP = "The zip is damaged, or packed in a way that is not known"

_SHOWN_MAX = 40


class BadFileError(Exception):
    """Raised when a file is not understood; its text names the line, and what is wrong there."""


@record
class PublishedRate:
    """Units of *currency* for one euro, as published for a day."""

    currency: str
    day: date
    rate: Decimal


def read_file(path: Path) -> list[PublishedRate]:
    """
    Read a file of the Bank: XML, CSV, or a zip that holds one of them.

    Raises:
        BadFileError: It cannot be read, is too large, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            data = _read_bounded(file)
    except OSError as error:
        raise BadFileError(f"It cannot be read: {error.strerror}") from None
    return parse(data)


def parse(data: bytes) -> list[PublishedRate]:
    """Read the content of a file; see ``read_file``."""
    if data.startswith(b"PK"):
        data = _unpack(data)
    is_xml = data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    rates = _Rates()
    (_read_xml if is_xml else _read_csv)(data, rates)
    if not rates.found:
        raise BadFileError("It holds no rates")
    return rates.found


def _read_bounded(file: Any) -> bytes:  # noqa: ANN401  (a file, or a member of a zip)
    data: bytes = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise BadFileError(f"It is larger than {FILE_BYTES_MAX // 1024**2} MiB")
    return data


def _unpack(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise BadFileError(f"The zip holds {len(members)} files, not one")
            if members[0].compress_type not in _PACKINGS:
                raise BadFileError(_BAD_ZIP)
            # What its directory says of its size need not be true.
            with archive.open(members[0]) as member:
                return _read_bounded(member)
    # An encrypted member is a RuntimeError, an unknown version a NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError):
        raise BadFileError(_BAD_ZIP) from None


class _Rates:
    """What was read so far, each day and currency once."""

    def __init__(self) -> None:
        self.found: list[PublishedRate] = []
        self._known: set[tuple[date, str]] = set()

    def add(self, line: int, day: date, currency: str, text: str) -> None:
        """Read one rate."""
        where = f"Line {line}, {day}, {currency}"
        rate = Decimal(text) if _RATE.fullmatch(text) else Decimal(0)
        if not rate:
            raise BadFileError(f"{where}: {_shown(text)} is no rate")
        if (day, currency) in self._known:
            raise BadFileError(f"{where}: the file has this rate twice")
        if len(self.found) >= RATES_MAX:
            raise BadFileError(f"Line {line}: it has more than {RATES_MAX:,} rates")
        self._known.add((day, currency))
        self.found.append(PublishedRate(currency, day, rate))


def _read_csv(data: bytes, rates: _Rates) -> None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFileError("It is neither XML nor CSV nor a zip of one") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines = ((rows.line_num, _cells(row)) for row in _guarded(rows))
    currencies = _read_header(*next(lines, (1, [])))
    for line, cells in lines:
        if not cells:
            continue
        day = _read_day(line, cells[0])
        if len(cells) != len(currencies) + 1:
            raise BadFileError(
                f"Line {line}, {day}: {len(cells) - 1} rates for {len(currencies)} currencies"
            )
        for currency, cell in zip(currencies, cells[1:], strict=True):
            if cell != ABSENT:
                rates.add(line, day, currency, cell)


def _guarded(rows: Any) -> Iterator[list[str]]:  # noqa: ANN401  (csv's reader has no public type)
    try:
        yield from rows
    except csv.Error as error:
        raise BadFileError(f"Line {rows.line_num}: no CSV ({error})") from None


def _cells(row: list[str]) -> list[str]:
    """Return a row's values; the Bank ends each with a comma."""
    cells = [cell.strip() for cell in row]
    return cells[:-1] if cells and not cells[-1] else cells


def _read_header(line: int, cells: list[str]) -> list[str]:
    if not cells or cells[0] != "Date":
        raise BadFileError(f"Line {line}: the first column is not Date: this is no file of the ECB")
    for code in cells[1:]:
        _check_code(line, code)
    if len(set(cells)) < len(cells):
        raise BadFileError(f"Line {line}: a currency has two columns")
    return cells[1:]


def _check_code(line: int, code: str) -> str:
    if not _CODE.fullmatch(code):
        raise BadFileError(f"Line {line}: {_shown(code)} is no currency code")
    if code == BASE:
        raise BadFileError(f"Line {line}: the euro has no rate in euro")
    return code


def _read_day(line: int, text: str) -> date:
    """Read 2026-10-30, or 30 October 2026 as in the CSV of one day."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if (match := _DAY_IN_WORDS.fullmatch(text)) and match[2] in _MONTHS:
            return date(int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]))
    except ValueError:
        pass
    raise BadFileError(f"Line {line}: {_shown(text)} is no date")


def _read_xml(data: bytes, rates: _Rates) -> None:
    reader = _CubeReader(rates.add)
    try:
        defusedxml.sax.parseString(data, reader, forbid_dtd=True)
    except xml.sax.SAXParseException as error:
        raise BadFileError(f"Line {error.getLineNumber()}: no XML ({error.getMessage()})") from None
    except DefusedXmlException:
        raise BadFileError("Its XML declares a document type, as no file of the ECB does") from None
    # An encoding that the file names, and nobody knows.
    except (LookupError, ValueError):
        raise BadFileError("Its XML cannot be decoded") from None


class _CubeReader(xml.sax.ContentHandler):
    """Reads what the Bank's XML has: a Cube per day, and in it a Cube per currency."""

    def __init__(self, add: Callable[[int, date, str, str], None]) -> None:
        super().__init__()
        self._add = add
        self._day: date | None = None
        self._lines: Callable[[], int | None] = lambda: None

    def setDocumentLocator(self, locator: Any) -> None:  # noqa: ANN401, N802  (the name is SAX's)
        """Learn where the reader stands."""
        self._lines = locator.getLineNumber

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: ANN401, N802
        """Read one Cube; all else says who sent the file."""
        if name != "Cube":
            return
        line = self._lines() or 0
        attributes = dict(attrs.items())
        if "time" in attributes:
            self._day = _read_day(line, attributes["time"])
        if attributes.keys().isdisjoint({"currency", "rate"}):
            return
        if self._day is None:
            raise BadFileError(f"Line {line}: a rate of no day")
        missing = {"currency", "rate"} - attributes.keys()
        if missing:
            raise BadFileError(f"Line {line}, {self._day}: a rate has no {missing.pop()}")
        currency = _check_code(line, attributes["currency"])
        if attributes["rate"] != ABSENT:
            self._add(line, self._day, currency, attributes["rate"])


def _shown(text: str) -> str:
    """Write what stands in a file so that it fits into a line, and a terminal bears it."""
    cut = text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
    return ascii(cut) if not cut.isprintable() else f"'{cut}'"


def days_of(rates: Iterable[PublishedRate]) -> tuple[date, date]:
    """Return the first and the last day of *rates*, of which there is at least one."""
    days = [rate.day for rate in rates]
    return min(days), max(days)
