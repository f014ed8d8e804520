"""
What a format is made of.

PostgreSQL writes the lines: a chunk of a thousand comes as one text, ready to be
sent, so that a long report costs this process next to nothing. What a format has
to say of one line is an SQL expression; its beginning and its end are written here.
"""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from wallet.core.ids import to_global_id
from wallet.core.money import decimals_of
from wallet.core.records import record

NOT_SHOWN = "NOT_SHOWN"
"""The kind of the line for all that a filter left out."""


@record(kw_only=True)
class Turnover:
    """How many lines moved money one way, and how much, in minor units; never negative."""

    lines: int
    amount_minor: int

    @property
    def as_left_out(self) -> str:
        """What the line for all that a filter left out says of itself."""
        return f"{self.lines} lines that the filter leaves out"


@record(kw_only=True)
class Statement:
    """
    What a report says beside its lines; amounts are minor units.

    Attributes:
        from_: When its period begins, inclusive; when the wallet was opened, unless asked.
        until: When its period ends, exclusive; just after the report was asked for, at the latest.
        made_at: When it was asked for.
        first_sequence, last_sequence: The lines of the period; none when the last is before
            the first.
        opening_minor: The balance before the first of them.
        closing_minor: The balance after the last of them.
        credits, debits: The turnover of the period; counted only for the formats that tell it.
    """

    operation_id: UUID
    wallet_id: UUID
    owner_email: str
    currency: str
    label: str | None
    from_: datetime
    until: datetime
    made_at: datetime
    first_sequence: int
    last_sequence: int
    opening_minor: int
    closing_minor: int
    credits: Turnover
    debits: Turnover


class Format(Protocol):
    """
    How a report is written.

    Attributes:
        media_type: For the Content-Type header.
        between: What stands between two lines.
        shows_turnover: Whether the beginning tells how many lines there are, and how much
            they moved.
        only_money: Whether lines that moved nothing are left out.
        amount_minor_max: The largest amount, and balance, that it has a place for.
    """

    media_type: str
    between: str
    shows_turnover: bool
    only_money: bool
    amount_minor_max: int

    def line_sql(self, currency: str) -> str:
        """Return the SQL expression of one line, made of the columns of ``snapshots``."""

    def begin(self, statement: Statement) -> bytes:
        """Write what comes before the lines."""

    def leave_out(self, statement: Statement, left_out: Turnover) -> bytes:
        """Write the line for all that the filter left out; its amount is signed."""

    def end(self, statement: Statement) -> bytes:
        """Write what comes after the lines."""


def amount_sql(column: str, currency: str) -> str:
    """Return the SQL expression of an amount with all decimals of *currency*: -300 EUR is -3.00."""
    decimals = decimals_of(currency)
    unit = f"0.{'1'.rjust(decimals, '0')}" if decimals else "1"
    return f"({column} * {unit})"


def time_sql(column: str) -> str:
    """Return the SQL expression of an instant in ISO 8601, as the API writes it."""
    # A third of what to_char takes; the session's time zone is UTC.
    return f"""btrim(to_json({column})::text, '"')"""


def global_id_sql(type_name: str, column: str) -> str:
    """
    Return the SQL expression of the global id of a row; see ``core.ids``.

    Nothing in such a text becomes a + or a / in Base64, which would have to be replaced.
    """
    text = f"'{type_name}:' || {column}::text"
    length = len(to_global_id(type_name, UUID(int=0)))
    return f"left(encode(convert_to({text}, 'UTF8'), 'base64'), {length})"


def write_time(instant: datetime) -> str:
    """Write an instant as ``time_sql`` does, but for zeros at the end of a fraction."""
    return instant.isoformat()
