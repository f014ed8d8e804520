"""What the ledger refuses. Those that carry an operation are on record as FAILED."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from wallet.core.errors import ErrorCode, WalletError
from wallet.models import OperationStatus, WalletStatus
from wallet.services.ledger.records import OperationRecord


class WalletNotFoundError(WalletError):
    """Raised when a wallet of a posting does not exist, or is not the actor's."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, *, wallet_id: UUID) -> None:
        super().__init__("There is no such wallet.")
        self.wallet_id = wallet_id


class CurrencyMismatchError(WalletError):
    """Raised when the amount's currency is not the wallet's; *expected* is the wallet's."""

    code = ErrorCode.CURRENCY_MISMATCH

    def __init__(self, *, expected: str) -> None:
        super().__init__(f"This wallet holds {expected}.")
        self.expected = expected


class RecordedRefusalError(WalletError):
    """What passed validation and was refused under the lock; the attempt is on record."""

    def __init__(self, message: str, *, operation: OperationRecord | None) -> None:
        super().__init__(message)
        self.operation = operation


class InsufficientFundsError(RecordedRefusalError):
    """Raised when a wallet has less to spend than the posting takes from it."""

    code = ErrorCode.INSUFFICIENT_FUNDS
    retryable = False

    def __init__(
        self, *, available_minor: int, currency: str, operation: OperationRecord | None
    ) -> None:
        super().__init__("The wallet has not enough money available.", operation=operation)
        self.available_minor = available_minor
        self.currency = currency


class WalletUnavailableError(RecordedRefusalError):
    """
    Raised when a wallet is frozen or closed.

    Attributes:
        wallet_id: Which one of those that the request names; None where that was not kept.
        until: When it is over by itself; None when it has no end.
    """

    code = ErrorCode.WALLET_UNAVAILABLE

    def __init__(
        self,
        *,
        status: WalletStatus,
        operation: OperationRecord | None,
        wallet_id: UUID | None = None,
        until: datetime | None = None,
    ) -> None:
        end = f" until {until.isoformat()}" if until else ""
        super().__init__(
            f"A wallet of this operation is {status.lower()}{end}.", operation=operation
        )
        self.status = status
        self.wallet_id = wallet_id
        self.until = until


class WalletNotEmptyError(WalletError):
    """Raised when a wallet is to be closed that has money, owes some, or holds some."""

    code = ErrorCode.WALLET_NOT_EMPTY

    def __init__(self, *, balance_minor: int, held_minor: int, currency: str) -> None:
        super().__init__("Only a wallet with a balance of 0 and nothing held is closed.")
        self.balance_minor = balance_minor
        self.held_minor = held_minor
        self.currency = currency


class LimitKind(StrEnum):
    """What is limited."""

    OUTFLOW = "OUTFLOW"
    OUTFLOW_24H = "OUTFLOW_24H"
    BALANCE = "BALANCE"
    WALLETS = "WALLETS"


class LimitExceededError(RecordedRefusalError):
    """
    Raised when the request would pass a limit.

    Attributes:
        limit: Which one; None where that was not kept.
        until: From when on the same amount may leave the wallet, if nothing else does
            before; None when waiting does not help.
        wait: How much has to be older than 24 hours first, and in which wallet; None
            when it is not about waiting.
    """

    code = ErrorCode.LIMIT_EXCEEDED

    def __init__(
        self,
        message: str,
        *,
        operation: OperationRecord | None,
        limit: LimitKind | None = None,
        until: datetime | None = None,
        wait: tuple[UUID, int] | None = None,
    ) -> None:
        super().__init__(message, operation=operation)
        self.limit = limit
        self.until = until
        self.wait = wait


class NotPendingError(WalletError):
    """Raised when a hold, or a scheduled transfer, is over already; *status* says how."""

    code = ErrorCode.NOT_PENDING

    def __init__(self, *, status: OperationStatus) -> None:
        super().__init__(f"The operation is {status.lower()}, and not pending.")
        self.status = status


class NotReversibleError(WalletError):
    """Raised when an operation is none that can be given back, or was given back already."""

    code = ErrorCode.NOT_REVERSIBLE

    def __init__(self, message: str) -> None:
        super().__init__(message)


class QuoteExpiredError(WalletError):
    """Raised when a quote's time is over, or it was used."""

    code = ErrorCode.QUOTE_EXPIRED

    def __init__(self) -> None:
        super().__init__("The quote has expired, or was used; ask for a new one.")


class BatchRejectedError(WalletError):
    """
    Raised when one item of an atomic batch stood in the way of all; nothing moved.

    It has the code of its cause, and is retryable where the cause is.

    Attributes:
        index: The place of the first such item, from 0.
        cause: Why it was refused.
    """

    code: ErrorCode  # type: ignore[misc]
    retryable: bool  # type: ignore[misc]

    def __init__(self, *, index: int, cause: WalletError) -> None:
        super().__init__(f"Nothing moved: transfer {index} was refused. {cause.message}")
        self.index = index
        self.cause = cause
        self.code = cause.code
        self.retryable = cause.retryable
