"""
Bulk imports: top-ups and transfers from a file, through the ledger's rounds.

``formats`` reads bytes, ``rows`` checks what they say, ``importer`` carries it
out, ``reports`` writes down what was refused.
"""

from wallet.services.imports.formats import (
    Format,
    Line,
    MalformedFileError,
    count_lines,
    read_lines,
)
from wallet.services.imports.importer import (
    LOCK_WAIT_MS_MIN,
    Audience,
    Importer,
    ImportStoppedError,
    Tally,
    check_lines,
)
from wallet.services.imports.reports import Report, open_report
from wallet.services.imports.rows import Refusal, Row, read_row

__all__ = [
    "LOCK_WAIT_MS_MIN",
    "Audience",
    "Format",
    "ImportStoppedError",
    "Importer",
    "Line",
    "MalformedFileError",
    "Refusal",
    "Report",
    "Row",
    "Tally",
    "check_lines",
    "count_lines",
    "open_report",
    "read_lines",
    "read_row",
]
