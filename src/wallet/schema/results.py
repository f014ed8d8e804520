"""What each mutation answers: its payload, or one of the errors that it knows."""

from typing import Annotated

import strawberry

from wallet.schema.accounts import (
    LoginPayload,
    LogoutPayload,
    RefreshSessionPayload,
    SignupPayload,
)
from wallet.schema.api_keys import CreateApiKeyPayload, RevokeApiKeyPayload
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
    NotPending,
    NotReversible,
    QuoteExpired,
    RateLimited,
    RateUnavailable,
    SecondFactorEnabled,
    SecondFactorRequired,
    SessionExpired,
    WalletNotEmpty,
    WalletUnavailable,
)
from wallet.schema.operators import SetWalletLimitsPayload, WalletPayload
from wallet.schema.quotes import CreateQuotePayload
from wallet.schema.reports import RequestReportPayload
from wallet.schema.second_factors import (
    ConfirmTotpPayload,
    DisableTotpPayload,
    StartTotpPayload,
)
from wallet.schema.sessions import ChangePasswordPayload, EndSessionPayload
from wallet.schema.transfers import OpenWalletPayload, OperationPayload

SignupResult = Annotated[
    SignupPayload | InvalidInput | EmailTaken | RateLimited,
    strawberry.union("SignupResult", description="What became of a signup."),
]
LoginResult = Annotated[
    LoginPayload | InvalidCredentials | RateLimited | SecondFactorRequired,
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
EndSessionResult = Annotated[
    EndSessionPayload | NotFound,
    strawberry.union("EndSessionResult", description="What became of the end of a session."),
]
ChangePasswordResult = Annotated[
    ChangePasswordPayload | InvalidInput | InvalidCredentials | RateLimited,
    strawberry.union("ChangePasswordResult", description="What became of a change of password."),
]
StartTotpResult = Annotated[
    StartTotpPayload | InvalidCredentials | RateLimited | SecondFactorEnabled,
    strawberry.union("StartTotpResult", description="What became of setting up a second factor."),
]
ConfirmTotpResult = Annotated[
    ConfirmTotpPayload | InvalidCredentials | RateLimited,
    strawberry.union("ConfirmTotpResult", description="What became of the first code."),
]
DisableTotpResult = Annotated[
    DisableTotpPayload | InvalidCredentials | RateLimited,
    strawberry.union("DisableTotpResult", description="What became of the end of a second factor."),
]
CreateApiKeyResult = Annotated[
    CreateApiKeyPayload
    | InvalidInput
    | InvalidCredentials
    | RateLimited
    | LimitExceeded
    | Forbidden,
    strawberry.union("CreateApiKeyResult", description="What became of a new key."),
]
RevokeApiKeyResult = Annotated[
    RevokeApiKeyPayload | NotFound | Forbidden,
    strawberry.union("RevokeApiKeyResult", description="What became of the end of a key."),
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
    | QuoteExpired
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
    | QuoteExpired
    | Busy,
    strawberry.union("TransferResult", description="What became of a transfer."),
]
HoldResult = Annotated[
    OperationPayload
    | InvalidInput
    | NotFound
    | InsufficientFunds
    | CurrencyMismatch
    | WalletUnavailable
    | LimitExceeded
    | IdempotencyConflict
    | Busy,
    strawberry.union("HoldResult", description="What became of a hold."),
]
CaptureHoldResult = Annotated[
    OperationPayload
    | InvalidInput
    | NotFound
    | NotPending
    | CurrencyMismatch
    | WalletUnavailable
    | LimitExceeded
    | IdempotencyConflict
    | Busy,
    strawberry.union("CaptureHoldResult", description="What became of a capture."),
]
VoidHoldResult = Annotated[
    OperationPayload | InvalidInput | NotFound | NotPending | IdempotencyConflict | Busy,
    strawberry.union("VoidHoldResult", description="What became of a void."),
]
CancelTransferResult = Annotated[
    OperationPayload | InvalidInput | NotFound | NotPending | IdempotencyConflict | Busy,
    strawberry.union("CancelTransferResult", description="What became of a cancellation."),
]
ReverseResult = Annotated[
    OperationPayload
    | InvalidInput
    | NotFound
    | InsufficientFunds
    | NotReversible
    | CurrencyMismatch
    | WalletUnavailable
    | LimitExceeded
    | IdempotencyConflict
    | Busy,
    strawberry.union("ReverseResult", description="What became of a reversal."),
]
CreateQuoteResult = Annotated[
    CreateQuotePayload | InvalidInput | RateUnavailable,
    strawberry.union("CreateQuoteResult", description="What became of a wish for a quote."),
]
FreezeWalletResult = Annotated[
    WalletPayload | InvalidInput | NotFound | WalletUnavailable | Busy | Forbidden,
    strawberry.union("FreezeWalletResult", description="What became of a freeze."),
]
UnfreezeWalletResult = Annotated[
    WalletPayload | NotFound | WalletUnavailable | Busy | Forbidden,
    strawberry.union("UnfreezeWalletResult", description="What became of an end of a freeze."),
]
CloseWalletResult = Annotated[
    WalletPayload | NotFound | WalletNotEmpty | WalletUnavailable | Busy | Forbidden,
    strawberry.union("CloseWalletResult", description="What became of a closing."),
]
SetWalletLimitsResult = Annotated[
    SetWalletLimitsPayload | InvalidInput | NotFound | WalletUnavailable | Busy | Forbidden,
    strawberry.union("SetWalletLimitsResult", description="What became of new limits."),
]
RequestReportResult = Annotated[
    RequestReportPayload | InvalidInput | NotFound | RateLimited | Busy,
    strawberry.union("RequestReportResult", description="What became of a report."),
]
