"""Recorded refusals: what is kept of one beside its operation, and how it is told again."""

from datetime import datetime

from wallet.models import WalletStatus
from wallet.services.ledger.errors import (
    InsufficientFundsError,
    LimitExceededError,
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
            return {"status": failure.status.value}
        case LimitExceededError(until=datetime() as until):
            return {"message": failure.message, "until": until.isoformat()}
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
                status=WalletStatus(details["status"]), operation=operation
            )
        case _:
            until = details.get("until")
            return LimitExceededError(
                details["message"],
                operation=operation,
                until=datetime.fromisoformat(until) if until else None,
            )
