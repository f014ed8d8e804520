"""
From bytes to fields: the rows of a file, NDJSON or CSV, each with its line.

A row that cannot be read says so, and leaves the others alone. Where it is not
clear any more where the rows begin and end, the file is malformed. A file of any
length is read in bounded memory.
"""

import csv
import json
from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO, NoReturn

from wallet.core.errors import InvalidInputError
from wallet.core.records import record

FIELDS = (
    "kind",
    "wallet",
    "source",
    "target",
    "amount",
    "currency",
    "key",
    "description",
    "metadata",
)
"""What a row may say, and the columns of a CSV."""

REQUIRED = ("kind", "amount", "currency", "key")
"""What every row says."""

ROW_BYTES_MAX = 64 * 1024
"""Longest row; the largest that the checks let pass is a quarter of it."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Format(StrEnum):
    """How rows are written down: a JSON object a line, or RFC 4180 with a header."""

    NDJSON = "ndjson"
    CSV = "csv"


class MalformedFileError(Exception):
    """Raised when a file is not of its format, so that where its rows are is not clear."""


@record
class Line:
    """
    One row as it stands in the file.

    Attributes:
        number: The line on which it begins, from 1.
        content: What it says, by field; or why it cannot be read.
    """

    number: int
    content: dict[str, object] | InvalidInputError


def read_lines(file: BinaryIO, format_: Format) -> Iterator[Line]:
    """
    Yield the rows of a file from where it stands; empty lines are none.

    Raises:
        MalformedFileError: It is not of its format; what came before has been yielded.
    """
    return _read_csv(file) if format_ is Format.CSV else _read_ndjson(file)


def count_lines(file: BinaryIO, format_: Format) -> int:
    """
    Read a file to its end, and return how many rows it has.

    Raises:
        MalformedFileError: It is not of its format.
    """
    if format_ is Format.CSV:
        return sum(1 for _ in _read_csv(file))
    return sum(1 for _, text in _texts(file) if text is None or text.strip())


# -- NDJSON ----------------------------------------------------------------------------------


def _read_ndjson(file: BinaryIO) -> Iterator[Line]:
    for number, text in _texts(file):
        if text is None:
            yield Line(number, _unreadable(f"A row is at most {ROW_BYTES_MAX} bytes long."))
        elif text.strip():
            yield Line(number, _read_object(text))


def _read_object(text: str) -> dict[str, object] | InvalidInputError:
    try:
        content = _read_json(text)
    except InvalidInputError as error:
        return error
    if not isinstance(content, dict):
        return _unreadable("A row is a JSON object.")
    return content


def _read_json(text: str, *, field: str = "") -> object:
    """Read JSON as RFC 8259 has it; raise InvalidInputError where it is none."""
    try:
        content: object = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _NotJsonError) else "This is not JSON."
        raise InvalidInputError(reason, field=(field,) if field else ()) from None
    return content


class _NotJsonError(ValueError):
    """Raised by what the standard library would read all the same."""


def _refuse_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise _NotJsonError("A name is there twice.")
    return content


def _refuse_constant(_name: str) -> NoReturn:
    raise _NotJsonError("NaN and infinities are not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_twice, parse_constant=_refuse_constant)


# -- CSV -------------------------------------------------------------------------------------


def _read_csv(file: BinaryIO) -> Iterator[Line]:
    texts = _Texts(file)
    # Only what follows RFC 4180: behind a quote too many, all rows would be others.
    rows = csv.reader(texts, strict=True)
    try:
        header = next(rows, [])
        _check_header(header)
        number = texts.next_number()
        for cells in rows:
            if cells:
                yield Line(number, _read_cells(header, cells))
            number = texts.next_number()
    except csv.Error as error:
        raise MalformedFileError(f"Line {texts.number} is not CSV: {error}.") from None


def _check_header(header: list[str]) -> None:
    """Refuse a header with a column that is unknown, there twice, or missing."""
    if not header:
        raise MalformedFileError("The first line of a CSV names its columns.")
    for name in header:
        if name not in FIELDS:
            known = ", ".join(FIELDS)
            raise MalformedFileError(f"{name!r} is no column; there are: {known}.")
    if len(set(header)) < len(header):
        raise MalformedFileError("A column is there twice.")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise MalformedFileError(f"There is no column {missing[0]!r}.")


def _read_cells(header: list[str], cells: list[str]) -> dict[str, object] | InvalidInputError:
    if len(cells) != len(header):
        return _unreadable(f"The header has {len(header)} columns, and this row {len(cells)}.")
    # An empty cell is one that was left out.
    content: dict[str, object] = {
        name: cell for name, cell in zip(header, cells, strict=True) if cell
    }
    if "metadata" in content:
        try:
            content["metadata"] = _read_json(str(content["metadata"]), field="metadata")
        except InvalidInputError as error:
            return error
    return content


class _Texts(Iterator[str]):
    """The lines of a CSV for its reader; counts them, and how long a row has become."""

    def __init__(self, file: BinaryIO) -> None:
        self._texts = _texts(file)
        self._length = 0
        self.number = 0

    def next_number(self) -> int:
        """Begin a row; return the number of its first line."""
        self._length = 0
        return self.number + 1

    def __next__(self) -> str:
        """Return the next line with its end; a row that never ends is no row."""
        number, text = next(self._texts)
        self._length += ROW_BYTES_MAX + 1 if text is None else len(text)
        if text is None or self._length > ROW_BYTES_MAX:
            raise MalformedFileError(
                f"The row that ends on line {number} or later is longer than {ROW_BYTES_MAX} "
                "bytes: is a quote missing?"
            )
        self.number = number
        return text


# -- lines -----------------------------------------------------------------------------------


def _texts(file: BinaryIO) -> Iterator[tuple[int, str | None]]:
    """Yield each line with its number and its end; None in the place of one that is too long."""
    number = 0
    while raw := file.readline(ROW_BYTES_MAX):
        number += 1
        if number == 1:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        if len(raw) == ROW_BYTES_MAX and not raw.endswith(b"\n"):
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(ROW_BYTES_MAX)
            yield number, None
            continue
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise MalformedFileError(f"Line {number} is not UTF-8.") from None
        yield number, text


def _unreadable(message: str) -> InvalidInputError:
    return InvalidInputError(message, field=())
