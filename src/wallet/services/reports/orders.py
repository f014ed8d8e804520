"""What is asked of a report: whose statement, which part of it, and how it is written."""

import re
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import orjson

from wallet.core.errors import InvalidInputError
from wallet.core.money import decimals_of
from wallet.core.records import record
from wallet.services.statements import Filter

_ISO_CURRENCY = re.compile("[A-Z]{3}")
_CAMT_DECIMALS_MAX = 5


class ReportFormat(StrEnum):
    """How a report is written."""

    CSV = "CSV"
    JSON = "JSON"
    XML = "XML"


@record(kw_only=True)
class ReportOrder:
    """
    A report, fixed: the same order gives the same lines whenever it is carried out.

    Attributes:
        operation_id: The operation that put it on record.
        owner_id: Who asked for it, and must own the wallet still.
        asked_at: When that was.
        last_sequence: The wallet's newest line at that time, and so of the report: the operation's.
    """

    operation_id: UUID

    wallet_id: UUID
    owner_id: UUID
    format: ReportFormat
    filter: Filter
    asked_at: datetime
    last_sequence: int


def check_filter(format_: ReportFormat, filter_: Filter) -> None:
    """
    Check that a format can show what passes a filter.

    Raises:
        InvalidInputError: A bank's statement leaves nothing out, so XML takes a period alone.
    """
    for name, values in (("kinds", filter_.kinds), ("statuses", filter_.statuses)):
        if format_ is ReportFormat.XML and values is not None:
            raise InvalidInputError(
                "A camt.053 statement leaves nothing out: XML takes only from and until.",
                field=("where", name),
            )


def check_currency(format_: ReportFormat, currency: str) -> None:
    """
    Check that a format can name a currency.

    Raises:
        InvalidInputError: ISO 20022 knows codes of three letters, and at most five decimals.
    """
    fits = _ISO_CURRENCY.fullmatch(currency) and decimals_of(currency) <= _CAMT_DECIMALS_MAX
    if format_ is ReportFormat.XML and not fits:
        raise InvalidInputError(
            f"ISO 20022 has no place for {currency}: ask for CSV or JSON.", field=("format",)
        )


def distinct(filter_: Filter) -> Filter:
    """Return the same filter with each kind and each status once: links have a length."""
    kinds, statuses = filter_.kinds, filter_.statuses
    return Filter(
        kinds=None if kinds is None else tuple(sorted(set(kinds))),
        statuses=None if statuses is None else tuple(sorted(set(statuses))),
        from_=filter_.from_,
        until=filter_.until,
    )


def describe(format_: ReportFormat, filter_: Filter) -> str:
    """Write what was asked for, as the metadata of its operation: JSON text."""
    where = {
        "kinds": filter_.kinds,
        "statuses": filter_.statuses,
        "from": filter_.from_,
        "until": filter_.until,
    }
    given = {name: value for name, value in where.items() if value is not None}
    return orjson.dumps({"format": format_, **({"where": given} if given else {})}).decode()
