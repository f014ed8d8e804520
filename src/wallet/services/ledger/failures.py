"""Recorded refusals: what is kept of one beside its operation, and how it is told again."""

from datetime import datetime
from uuid import UUID

from wallet.models import WalletStatus
from wallet.services.ledger.errors import (
    InsufficientFundsError,
    LimitExceededError,
    LimitKind,
    RecordedRefusalError,
    WalletUnavailableError,
)
from wallet.services.ledger.records import OperationRecord


def details_of(failure: RecordedRefusalError) -> dict[str, object]:
    """Return what a replay needs to answer the same refusal again."""
    match failure:
        case InsufficientFundsError():
            return {"available_minor": failure.available_minor, "currency": failure.currency}
        case WalletUnavailableError():
            return {
                "status": failure.status.value,
                "wallet_id": failure.wallet_id and str(failure.wallet_id),
                "until": _write_instant(failure.until),
            }
        case LimitExceededError():
            return {
                "message": failure.message,
                "limit": failure.limit,
                "until": _write_instant(failure.until),
            }
        case _:
            return {"message": failure.message}


def failure_of(operation: OperationRecord) -> RecordedRefusalError | None:
    """Return the refusal that a FAILED operation records; None for every other operation."""
    details = operation.error_details or {}
    match operation.error_code:
        case None:
            return None
        case InsufficientFundsError.code:
            return InsufficientFundsError(
                available_minor=details["available_minor"],
                currency=details["currency"],
                operation=operation,
            )
        case WalletUnavailableError.code:
            return WalletUnavailableError(
                status=WalletStatus(details["status"]),
                operation=operation,
                wallet_id=UUID(details["wallet_id"]) if details.get("wallet_id") else None,
                until=_read_instant(details.get("until")),
            )
        case _:
            return LimitExceededError(
                details["message"],
                operation=operation,
                limit=LimitKind(details["limit"]) if details.get("limit") else None,
                until=_read_instant(details.get("until")),
            )


def _write_instant(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _read_instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
