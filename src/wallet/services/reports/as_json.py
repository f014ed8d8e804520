"""JSON: one document, with the wallet, the period, both balances and the operations."""

from typing import Any

import orjson

from wallet.core.ids import to_global_id
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


class JsonFormat:
    """One operation a line, with the names of the API."""

    media_type = "application/json"
    between = ",\n"
    shows_turnover = False
    only_money = False
    amount_minor_max = AMOUNT_MINOR_MAX

    def line_sql(self, currency: str) -> str:
        """Return the SQL expression of an operation."""
        fields = {
            "sequence": "line.sequence::text",
            "id": _quoted(global_id_sql("Operation", "line.operation_id")),
            "kind": _quoted("line.kind"),
            "status": _quoted("line.status"),
            "amount": _quoted(amount_sql("line.amount_minor", currency)),
            "balanceAfter": _quoted(amount_sql("line.balance_after_minor", currency)),
            "counterparty": _optional("line.counterparty", _COUNTERPARTY),
            "description": _optional("line.description", "to_json(line.description)::text"),
            "metadata": _optional("line.metadata", "line.metadata"),
            "errorCode": _optional("line.error_code", _quoted("line.error_code")),
            "parentId": _optional(
                "line.parent_id", _quoted(global_id_sql("Operation", "line.parent_id"))
            ),
            "exchangeRate": _optional("line.rate", _quoted("trim_scale(line.rate)")),
            "createdAt": _quoted(time_sql("line.created_at")),
            "completedAt": _optional("line.completed_at", _quoted(time_sql("line.completed_at"))),
        }
        return _object(fields)

    def begin(self, statement: Statement) -> bytes:
        """Write all but the operations; what comes after them says nothing new."""
        currency = statement.currency
        document: dict[str, Any] = {
            "wallet": {
                "id": to_global_id("Wallet", statement.wallet_id),
                "currency": currency,
                "label": statement.label,
                "holder": statement.owner_email,
            },
            "period": {
                "from": write_time(statement.from_),
                "until": write_time(statement.until),
            },
            "createdAt": write_time(statement.made_at),
            "openingBalance": format_amount(statement.opening_minor, currency),
            "closingBalance": format_amount(statement.closing_minor, currency),
        }
        return orjson.dumps(document)[:-1] + b',"operations":[\n'

    def leave_out(self, statement: Statement, left_out: Turnover) -> bytes:
        """Write the item that adds up what the filter left out."""
        item = {
            "kind": NOT_SHOWN,
            "amount": format_amount(left_out.amount_minor, statement.currency),
            "description": left_out.as_left_out,
        }
        return orjson.dumps(item)

    def end(self, statement: Statement) -> bytes:
        """Close what is open."""
        del statement
        return b"\n]}\n"


def _object(fields: dict[str, str]) -> str:
    return (
        "'{' || "
        + " || ',' || ".join(
            f"""'"{name}":' || {expression}""" for name, expression in fields.items()
        )
        + " || '}'"
    )


def _quoted(expression: str) -> str:
    """Put quotation marks around what has none inside, nor anything else to escape."""
    return f"""'"' || {expression} || '"'"""


def _optional(column: str, expression: str) -> str:
    return f"CASE WHEN {column} IS NULL THEN 'null' ELSE {expression} END"


_COUNTERPARTY = _object(
    {
        "walletId": _quoted(global_id_sql("Wallet", "line.counterparty_wallet_id")),
        "currency": _quoted("line.counterparty_currency"),
        "holder": "to_json(line.counterparty)::text",
    }
)
