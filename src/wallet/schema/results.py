"""What each mutation answers: its payload, or one of the errors that it knows."""

from typing import Annotated

import strawberry

from wallet.schema.accounts import (
    LoginPayload,
    LogoutPayload,
    RefreshSessionPayload,
    SignupPayload,
)
from wallet.schema.errors import (
    Busy,
    CurrencyMismatch,
    EmailTaken,
    Forbidden,
    IdempotencyConflict,
    InsufficientFunds,
    InvalidCredentials,
    InvalidInput,
    LimitExceeded,
    NotFound,
    RateLimited,
    SessionExpired,
    WalletUnavailable,
)
from wallet.schema.transfers import OpenWalletPayload, OperationPayload

SignupResult = Annotated[
    SignupPayload | InvalidInput | EmailTaken | RateLimited,
    strawberry.union("SignupResult", description="What became of a signup."),
]
LoginResult = Annotated[
    LoginPayload | InvalidCredentials | RateLimited,
    strawberry.union("LoginResult", description="What became of a login."),
]
RefreshSessionResult = Annotated[
    RefreshSessionPayload | SessionExpired,
    strawberry.union("RefreshSessionResult", description="What became of a refresh."),
]
LogoutResult = Annotated[
    LogoutPayload | SessionExpired,
    strawberry.union("LogoutResult", description="What became of a logout."),
]
OpenWalletResult = Annotated[
    OpenWalletPayload | InvalidInput | LimitExceeded | IdempotencyConflict,
    strawberry.union("OpenWalletResult", description="What became of an opening."),
]
TopupResult = Annotated[
    OperationPayload
    | InvalidInput
    | NotFound
    | CurrencyMismatch
    | WalletUnavailable
    | LimitExceeded
    | IdempotencyConflict
    | Busy
    | Forbidden,
    strawberry.union("TopupResult", description="What became of a top-up."),
]
WithdrawResult = Annotated[
    OperationPayload
    | InvalidInput
    | NotFound
    | InsufficientFunds
    | CurrencyMismatch
    | WalletUnavailable
    | LimitExceeded
    | IdempotencyConflict
    | Busy
    | Forbidden,
    strawberry.union("WithdrawResult", description="What became of a withdrawal."),
]
TransferResult = Annotated[
    OperationPayload
    | InvalidInput
    | NotFound
    | InsufficientFunds
    | CurrencyMismatch
    | WalletUnavailable
    | LimitExceeded
    | IdempotencyConflict
    | Busy,
    strawberry.union("TransferResult", description="What became of a transfer."),
]
