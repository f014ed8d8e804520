"""
The typed errors of the public API, and how the services' errors become them.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import strawberry
from strawberry.schema.exception_handlers import ExceptionHandler
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from wallet.core import errors
from wallet.core.ids import to_global_id
from wallet.schema.context import Context
from wallet.schema.nodes import ErrorCode, LimitKind, Money, OperationStatus, WalletStatus
from wallet.schema.operations import Operation
from wallet.schema.scalars import CurrencyCode
from wallet.services import ledger
from wallet.services.ledger import OperationRecord


@strawberry.interface(
    description="What a mutation answers when it refuses. An Error means: no money moved."
)
class Error:
    """A refusal."""

    code: ErrorCode = strawberry.field(description="What clients branch on.")
    message: str = strawberry.field(description="For people; clients branch on code.")
    retryable: bool = strawberry.field(
        description="Whether the same request, sent again unchanged, can succeed later."
    )

    @classmethod
    def of(cls, error: errors.WalletError, _context: Context) -> Self:
        """Show a service's error."""
        return cls(**_common(error))


def _common(error: errors.WalletError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "retryable": error.retryable}


def _path(field: tuple[str, ...]) -> list[str]:
    """Write the path of an argument as the API calls it: walletId, not wallet_id."""
    return [to_camel_case(part) for part in field]


def _operation(record: OperationRecord | None, context: Context) -> Operation | None:
    if record is None or context.actor is None:
        return None
    return Operation.of(record, context.actor.user_id)


def _wallet_id(wallet_id: UUID | None) -> strawberry.ID | None:
    return strawberry.ID(to_global_id("Wallet", wallet_id)) if wallet_id else None


_RECORDED = "The FAILED operation that records the attempt."


@strawberry.type(description="A value of the input breaks a rule.")
class InvalidInput(Error):
    """A value breaks a rule."""

    field: list[str] = strawberry.field(description='Path into the input: ["amount", "amount"].')

    @classmethod
    def of(cls, error: errors.InvalidInputError, _context: Context) -> Self:  # type: ignore[override]
        """Show the path as the API calls it."""
        return cls(**_common(error), field=_path(error.field))


@strawberry.type(description="What the input names does not exist, or is not the viewer's.")
class NotFound(Error):
    """Not there, or not yours."""

    field: list[str] = strawberry.field(description='Path into the input: ["walletId"].')

    @classmethod
    def of(cls, error: errors.NotFoundError, _context: Context) -> Self:  # type: ignore[override]
        """Show the path as the API calls it."""
        return cls(**_common(error), field=_path(error.field))


@strawberry.type(description="An account with this e-mail address exists already.")
class EmailTaken(Error):
    """The account exists."""


@strawberry.type(description="The e-mail address, the password or the code is wrong.")
class InvalidCredentials(Error):
    """Unknown address or wrong password."""


@strawberry.type(description="The password is right; the account asks for a code as well.")
class SecondFactorRequired(Error):
    """Half signed in."""


@strawberry.type(description="There is a second factor already.")
class SecondFactorEnabled(Error):
    """Enabled already."""


@strawberry.type(description="The session has ended; log in again.")
class SessionExpired(Error):
    """The session has ended."""


@strawberry.type(description="The wallet has not enough money available.")
class InsufficientFunds(Error):
    """Not enough money."""

    available: Money = strawberry.field(description="What could have been spent.")
    operation: Operation | None = strawberry.field(description=_RECORDED)

    @classmethod
    def of(cls, error: ledger.InsufficientFundsError, context: Context) -> Self:  # type: ignore[override]
        """Show what was available, and the record of the attempt."""
        return cls(
            **_common(error),
            available=Money.of(error.available_minor, error.currency),
            operation=_operation(error.operation, context),
        )


@strawberry.type(description="The amount's currency is not the wallet's.")
class CurrencyMismatch(Error):
    """Another currency."""

    expected: CurrencyCode = strawberry.field(description="The wallet's currency.")

    @classmethod
    def of(cls, error: ledger.CurrencyMismatchError, _context: Context) -> Self:  # type: ignore[override]
        """Show which currency it would have to be."""
        return cls(**_common(error), expected=CurrencyCode(error.expected))


@strawberry.type(description="A wallet of the operation is frozen or closed.")
class WalletUnavailable(Error):
    """Frozen or closed."""

    wallet_id: strawberry.ID | None = strawberry.field(
        description="Which of the wallets that the request is about."
    )
    status: WalletStatus = strawberry.field(description="The wallet's status.")
    until: datetime | None = strawberry.field(
        description="When it is over by itself; null when it has no end."
    )
    operation: Operation | None = strawberry.field(description=_RECORDED)

    @classmethod
    def of(cls, error: ledger.WalletUnavailableError, context: Context) -> Self:  # type: ignore[override]
        """Show the status, and the record of the attempt."""
        return cls(
            **_common(error),
            wallet_id=_wallet_id(error.wallet_id),
            status=error.status,
            until=error.until,
            operation=_operation(error.operation, context),
        )


@strawberry.type(description="The wallet has money, owes some, or has some held.")
class WalletNotEmpty(Error):
    """Not to be closed."""

    balance: Money = strawberry.field(description="Has to be 0.")
    held: Money = strawberry.field(description="Has to be 0.")

    @classmethod
    def of(cls, error: ledger.WalletNotEmptyError, _context: Context) -> Self:  # type: ignore[override]
        """Show what stands in the way."""
        return cls(
            **_common(error),
            balance=Money.of(error.balance_minor, error.currency),
            held=Money.of(error.held_minor, error.currency),
        )


@strawberry.type(description="A limit would be passed.")
class LimitExceeded(Error):
    """Beyond a limit."""

    limit: LimitKind | None = strawberry.field(description="Which one.")
    operation: Operation | None = strawberry.field(description=_RECORDED)
    until: datetime | None = strawberry.field(
        description=(
            "From when on as much may leave the wallet, if nothing else does before; "
            "null when waiting does not help."
        )
    )

    @classmethod
    def of(cls, error: ledger.LimitExceededError, context: Context) -> Self:  # type: ignore[override]
        """Show the record of the attempt, and how long the limit stands in the way."""
        return cls(
            **_common(error),
            limit=error.limit,
            until=error.until,
            operation=_operation(error.operation, context),
        )


@strawberry.type(description="The idempotency key was used with other input.")
class IdempotencyConflict(Error):
    """The key is taken."""


@strawberry.type(description="The wallets stayed locked by others for the whole wait.")
class Busy(Error):
    """Try again."""


@strawberry.type(description="ATOMIC only: nothing moved; one transfer stood in the way.")
class BatchRejected(Error):
    """All or none, and so none."""

    index: int = strawberry.field(
        description="The place of the first transfer that stood in the way, from 0."
    )
    cause: Error = strawberry.field(description="Why it did; no attempt is on record.")

    @classmethod
    def of(cls, error: ledger.BatchRejectedError, context: Context) -> Self:  # type: ignore[override]
        """Show which transfer it was, and why."""
        return cls(**_common(error), index=error.index, cause=show_refusal(error.cause, context))


@strawberry.type(description="The hold, or the scheduled transfer, is over already.")
class NotPending(Error):
    """Over already."""

    status: OperationStatus = strawberry.field(description="What became of it.")

    @classmethod
    def of(cls, error: ledger.NotPendingError, _context: Context) -> Self:  # type: ignore[override]
        """Show what became of it."""
        return cls(**_common(error), status=error.status)


@strawberry.type(description="The operation is none that can be given back, or was given back.")
class NotReversible(Error):
    """Not to be given back."""


@strawberry.type(description="The quote's time is over, or it was used.")
class QuoteExpired(Error):
    """Too late for this quote."""


@strawberry.type(description="There is no exchange rate for it, or none that is young enough.")
class RateUnavailable(Error):
    """No rate."""


@strawberry.type(description="Too many attempts.")
class RateLimited(Error):
    """Too often."""

    retry_after_seconds: int = strawberry.field(description="When it is worth trying again.")

    @classmethod
    def of(cls, error: errors.RateLimitedError, context: Context) -> Self:  # type: ignore[override]
        """Show how long to wait, to programs that read headers too."""
        context.headers.append((b"retry-after", str(error.retry_after_s).encode()))
        return cls(**_common(error), retry_after_seconds=error.retry_after_s)


@strawberry.type(description="The viewer's role does not allow it.")
class Forbidden(Error):
    """Not allowed."""


class _Refusal:
    """Turns one family of errors into its member of a union."""

    def __init__(
        self,
        exception_type: type[errors.WalletError],
        error_type: type[Error],
        show: Callable[[Any, Context], Error],
    ) -> None:
        self.exception_type = exception_type
        self.error_type = error_type
        self._show = show

    def handle(
        self, exception: errors.WalletError, *, field: StrawberryField, info: strawberry.Info
    ) -> Error:
        """Show *exception*; Strawberry asks only where the union has a place for it."""
        del field
        return self._show(exception, info.context)


_ERROR_TYPES: dict[type[errors.WalletError], type[Error]] = {
    errors.InvalidInputError: InvalidInput,
    errors.NotFoundError: NotFound,
    errors.EmailTakenError: EmailTaken,
    errors.InvalidCredentialsError: InvalidCredentials,
    errors.SessionExpiredError: SessionExpired,
    errors.SecondFactorRequiredError: SecondFactorRequired,
    errors.SecondFactorEnabledError: SecondFactorEnabled,
    ledger.InsufficientFundsError: InsufficientFunds,
    ledger.CurrencyMismatchError: CurrencyMismatch,
    ledger.WalletUnavailableError: WalletUnavailable,
    ledger.WalletNotEmptyError: WalletNotEmpty,
    ledger.LimitExceededError: LimitExceeded,
    ledger.BatchRejectedError: BatchRejected,
    ledger.NotPendingError: NotPending,
    ledger.NotReversibleError: NotReversible,
    ledger.QuoteExpiredError: QuoteExpired,
    errors.RateUnavailableError: RateUnavailable,
    errors.IdempotencyConflictError: IdempotencyConflict,
    errors.BusyError: Busy,
    errors.RateLimitedError: RateLimited,
    errors.ForbiddenError: Forbidden,
}

EXCEPTION_HANDLERS: list[ExceptionHandler[Any, Any]] = [
    _Refusal(exception_type, error_type, error_type.of)
    for exception_type, error_type in _ERROR_TYPES.items()
]


def show_refusal(error: errors.WalletError, context: Context) -> Error:
    """Show a refusal that is part of an answer, and not raised."""
    return _ERROR_TYPES[type(error)].of(error, context)
