"""Reports: whole statements that leave the building, as CSV, JSON or XML."""

from wallet.services.reports.links import InvalidLinkError, read_link, sign_link
from wallet.services.reports.orders import ReportFormat, ReportOrder
from wallet.services.reports.requests import RequestedReport, request_report
from wallet.services.reports.slots import Slots
from wallet.services.reports.snapshots import (
    FORMATS,
    BrokenReportError,
    Snapshot,
    open_snapshot,
)

__all__ = [
    "FORMATS",
    "BrokenReportError",
    "InvalidLinkError",
    "ReportFormat",
    "ReportOrder",
    "RequestedReport",
    "Slots",
    "Snapshot",
    "open_snapshot",
    "read_link",
    "request_report",
    "sign_link",
]
