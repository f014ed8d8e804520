"""Reports: whole statements, behind a link."""

from datetime import datetime
from typing import Self

import strawberry

from wallet.schema.descriptions import mark_enum
from wallet.schema.operations import Operation, OperationFilter
from wallet.services.reports import ReportFormat, RequestedReport

mark_enum(
    ReportFormat,
    "What a report is written in.",
    {
        "CSV": "For spreadsheets.",
        "JSON": "For programs.",
        "XML": "ISO 20022 camt.053, for accounting software.",
    },
)


@strawberry.input(description="Which report of which wallet.")
class RequestReportInput:
    """Input of requestReport."""

    wallet_id: strawberry.ID = strawberry.field(description="One of the viewer's wallets.")
    format: ReportFormat = strawberry.field(description="How it is written.")
    where: OperationFilter | None = strawberry.field(
        default=strawberry.UNSET,
        description="Which lines; all when absent. XML takes from and until alone.",
    )


@strawberry.type(description="A statement that can be fetched, oldest line first.")
class Report:
    """A link, and what is behind it."""

    url: str = strawberry.field(
        description="GET url needs no header: it is signed, and works until expiresAt."
    )
    format: ReportFormat = strawberry.field(description="How it is written.")
    row_count: int = strawberry.field(
        description="How many lines it has; in XML, only those that moved money."
    )
    expires_at: datetime = strawberry.field(description="Until when the link works.")


@strawberry.type(description="The report can be fetched.")
class RequestReportPayload:
    """Answer of requestReport."""

    report: Report = strawberry.field(description="The link, and what is behind it.")
    operation: Operation = strawberry.field(description="The record that it was asked for.")

    @classmethod
    def of(cls, requested: RequestedReport, *, url: str, expires_at: datetime) -> Self:
        """Show a report to who asked for it."""
        order = requested.order
        return cls(
            report=Report(
                url=url,
                format=order.format,
                row_count=requested.row_count,
                expires_at=expires_at,
            ),
            operation=Operation.of(requested.operation, order.owner_id),
        )
