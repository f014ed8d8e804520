"""
What services raise when they refuse.

Every class says when it is raised and which code of the public API it stands
for. An error raised before the ledger wrote anything means: no money moved.
"""

from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """The codes that clients branch on."""

    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    EMAIL_TAKEN = "EMAIL_TAKEN"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    WALLET_UNAVAILABLE = "WALLET_UNAVAILABLE"
    WALLET_NOT_EMPTY = "WALLET_NOT_EMPTY"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    BUSY = "BUSY"
    RATE_LIMITED = "RATE_LIMITED"
    FORBIDDEN = "FORBIDDEN"
    NOT_PENDING = "NOT_PENDING"
    NOT_REVERSIBLE = "NOT_REVERSIBLE"
    QUOTE_EXPIRED = "QUOTE_EXPIRED"
    RATE_UNAVAILABLE = "RATE_UNAVAILABLE"
    SECOND_FACTOR_REQUIRED = "SECOND_FACTOR_REQUIRED"
    SECOND_FACTOR_ENABLED = "SECOND_FACTOR_ENABLED"


class WalletError(Exception):
    """
    A refusal that a client is meant to handle.

    Attributes:
        code: What clients branch on.
        message: One sentence for people.
        retryable: Whether the same request, unchanged, can succeed later.
    """

    code: ClassVar[ErrorCode]
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInputError(WalletError):
    """Raised when a value of the input breaks a rule; *field* is its path."""

    code = ErrorCode.INVALID_INPUT

    def __init__(self, message: str, *, field: tuple[str, ...]) -> None:
        super().__init__(message)
        self.field = field


class NotFoundError(WalletError):
    """Raised when what *field* names does not exist, or is not the actor's: never told apart."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, message: str, *, field: tuple[str, ...]) -> None:
        super().__init__(message)
        self.field = field


class EmailTakenError(WalletError):
    """Raised at signup when an account with this address exists."""

    code = ErrorCode.EMAIL_TAKEN

    def __init__(self) -> None:
        super().__init__("An account with this e-mail address exists already.")


class InvalidCredentialsError(WalletError):
    """Raised when the address is unknown or the password is wrong: at login never told apart."""

    code = ErrorCode.INVALID_CREDENTIALS

    def __init__(self, message: str = "The e-mail address or the password is wrong.") -> None:
        super().__init__(message)


class SecondFactorRequiredError(WalletError):
    """Raised at login when the password is right, and the account asks for a code as well."""

    code = ErrorCode.SECOND_FACTOR_REQUIRED

    def __init__(self) -> None:
        super().__init__("Send a code of your authenticator as well, or a recovery code.")


class SecondFactorEnabledError(WalletError):
    """Raised when a second factor is to be set up while there is one."""

    code = ErrorCode.SECOND_FACTOR_ENABLED

    def __init__(self) -> None:
        super().__init__("There is a second factor already; disable it first.")


class SessionExpiredError(WalletError):
    """Raised when a refresh token or a session is unknown, used, ended or too old."""

    code = ErrorCode.SESSION_EXPIRED

    def __init__(self) -> None:
        super().__init__("The session has ended; log in again.")


class IdempotencyConflictError(WalletError):
    """Raised when an idempotency key comes back with other input than it was first used with."""

    code = ErrorCode.IDEMPOTENCY_CONFLICT

    def __init__(self) -> None:
        super().__init__("This idempotency key was used with other input.")


class BusyError(WalletError):
    """Raised when the wallets stayed locked by others for the whole wait. Nothing moved."""

    code = ErrorCode.BUSY
    retryable = True

    def __init__(self) -> None:
        super().__init__("The wallet is busy; send the same request again.")


class RateLimitedError(WalletError):
    """Raised when an address or an account asks too often, or too many ask at once."""

    code = ErrorCode.RATE_LIMITED
    retryable = True

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(f"Too many attempts; try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class ForbiddenError(WalletError):
    """Raised when the actor's role does not allow the action."""

    code = ErrorCode.FORBIDDEN

    def __init__(self, message: str) -> None:
        super().__init__(message)


class RateUnavailableError(WalletError):
    """Raised when there is no exchange rate between two currencies, or only one that is too old."""

    code = ErrorCode.RATE_UNAVAILABLE
    retryable = True

    def __init__(self, message: str) -> None:
        super().__init__(message)


class RequestError(Exception):
    """
    A refusal that has no type in the schema: it becomes a top-level GraphQL error.

    Attributes:
        code: The ``extensions.code`` of the GraphQL error.
        message: One sentence for people.
    """

    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequestError(RequestError):
    """Raised when an argument of a query is unusable: a page size, a cursor, too many ids."""

    code = "BAD_USER_INPUT"


class TooComplexError(RequestError):
    """Raised when a request costs more than one may, before any of it runs; or takes too long."""

    code = "QUERY_TOO_COMPLEX"


class UnauthenticatedError(RequestError):
    """Raised when a field needs a signed-in user and the token is absent, expired or not ours."""

    code = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__("Sign in: send a valid access token as 'Authorization: Bearer …'.")


class ServiceUnavailableError(RequestError):
    """
    Raised when the database cannot be reached, or went away before it answered.

    The outcome of a mutation is then unknown; its idempotency key tells it later.
    """

    code = "SERVICE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "The service is not available; send the same request again, "
            "with the same idempotency key where it has one."
        )
