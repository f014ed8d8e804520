"""The report of an import: the rows that were refused, a line each, CSV or NDJSON."""

import csv
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TextIO

from wallet.services.imports.formats import Format
from wallet.services.imports.rows import Refusal

_COLUMNS = [field.name for field in fields(Refusal)]


class Report:
    """
    Writes refused rows as they come; a CSV begins with its header.

    Attributes:
        count: How many it has.
    """

    def __init__(self, file: TextIO, format_: Format) -> None:
        self.count = 0
        self._file = file
        self._csv = csv.DictWriter(file, _COLUMNS) if format_ is Format.CSV else None
        if self._csv:
            self._csv.writeheader()

    def write(self, refusal: Refusal) -> None:
        """Write one refused row."""
        self.count += 1
        content = asdict(refusal)
        if self._csv:
            self._csv.writerow(content)
        else:
            self._file.write(json.dumps(content, ensure_ascii=False) + "\n")


def open_report(path: Path) -> TextIO:
    """Open a report for writing; a lone surrogate in a key is escaped, as JSON would."""
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
