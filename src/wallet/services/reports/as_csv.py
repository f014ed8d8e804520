"""
CSV (RFC 4180): a header, the opening balance, the lines, the closing balance.

Amounts and times are bare, so that a spreadsheet reads them; texts are quoted,
and one that it would take for a formula begins with an apostrophe.
"""

from wallet.core.money import AMOUNT_MINOR_MAX, format_amount
from wallet.services.reports.formats import (
    NOT_SHOWN,
    Statement,
    Turnover,
    amount_sql,
    global_id_sql,
    time_sql,
    write_time,
)

COLUMNS = (
    "sequence",
    "createdAt",
    "kind",
    "status",
    "amount",
    "currency",
    "balanceAfter",
    "counterparty",
    "description",
    "errorCode",
    "operationId",
    "parentId",
    "metadata",
)

OPENING = "OPENING_BALANCE"
CLOSING = "CLOSING_BALANCE"

# What begins so is a formula, or loses what stands before one (OWASP, "CSV Injection");
# the wide ones are what a Japanese keyboard makes of the first four.
_DANGEROUS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


def text_sql(column: str) -> str:
    """Return the SQL expression of a text as a cell: quoted, and no formula."""
    # Of the first character alone; a regular expression takes four times as long.
    codes = ", ".join(str(ord(character)) for character in _DANGEROUS)
    harmless = f"CASE WHEN ascii({column}) IN ({codes}) THEN '''' ELSE '' END"
    return f"""'"' || {harmless} || replace({column}, '"', '""') || '"'"""


class CsvFormat:
    """Rows that end with CR and LF."""

    media_type = "text/csv; charset=utf-8; header=present"
    between = ""
    shows_turnover = False
    only_money = False
    amount_minor_max = AMOUNT_MINOR_MAX

    def line_sql(self, currency: str) -> str:
        """Return the SQL expression of a row, its end of line included."""
        cells = (
            "line.sequence",
            time_sql("line.created_at"),
            "line.kind",
            "line.status",
            amount_sql("line.amount_minor", currency),
            f"'{currency}'",
            amount_sql("line.balance_after_minor", currency),
            text_sql("line.counterparty"),
            text_sql("line.description"),
            "line.error_code",
            global_id_sql("Operation", "line.operation_id"),
            global_id_sql("Operation", "line.parent_id"),
            text_sql("line.metadata"),
        )
        # For concat, what is NULL is empty.
        return "concat(" + ", ',', ".join(cells) + r", E'\r\n')"

    def begin(self, statement: Statement) -> bytes:
        """Write the header, and the opening balance as a row that moves nothing."""
        return _row(*COLUMNS) + _balance(statement, OPENING)

    def leave_out(self, statement: Statement, left_out: Turnover) -> bytes:
        """Write the row that adds up what the filter left out."""
        amount = format_amount(left_out.amount_minor, statement.currency)
        return _row(
            "",
            write_time(statement.until),
            NOT_SHOWN,
            "",
            amount,
            statement.currency,
            "",
            "",
            f'"{left_out.as_left_out}"',
        )

    def end(self, statement: Statement) -> bytes:
        """Write the closing balance as a row that moves nothing."""
        return _balance(statement, CLOSING)


def _balance(statement: Statement, kind: str) -> bytes:
    is_opening = kind == OPENING
    instant = statement.from_ if is_opening else statement.until
    balance_minor = statement.opening_minor if is_opening else statement.closing_minor
    currency = statement.currency
    nothing, balance = format_amount(0, currency), format_amount(balance_minor, currency)
    return _row("", write_time(instant), kind, "", nothing, currency, balance)


def _row(*cells: str) -> bytes:
    """Write cells that need no quoting, or have it; every row has all columns."""
    return ",".join((*cells, *[""] * (len(COLUMNS) - len(cells)))).encode() + b"\r\n"
