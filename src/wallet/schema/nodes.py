"""Node, Money, and the enums that several types share."""

from typing import Self

import strawberry

from wallet.core.errors import ErrorCode
from wallet.core.money import format_amount
from wallet.models import OperationKind, OperationStatus, WalletStatus
from wallet.schema.descriptions import mark_enum
from wallet.schema.scalars import CurrencyCode, DecimalText
from wallet.services.ledger import LimitKind

__all__ = [
    "NODES_MAX",
    "ErrorCode",
    "LimitKind",
    "Money",
    "Node",
    "OperationKind",
    "OperationStatus",
    "WalletStatus",
]

NODES_MAX = 100
"""Most ids of one field ``nodes``."""

mark_enum(
    ErrorCode,
    "What clients branch on when a mutation refuses.",
    {
        "INVALID_INPUT": "A value of the input breaks a rule; field says which.",
        "NOT_FOUND": "What the input names does not exist, or is not the viewer's.",
        "EMAIL_TAKEN": "An account with this e-mail address exists already.",
        "INVALID_CREDENTIALS": "The e-mail address or the password is wrong.",
        "SESSION_EXPIRED": "The session has ended; log in again.",
        "INSUFFICIENT_FUNDS": "The wallet has not enough money available.",
        "CURRENCY_MISMATCH": "The amount's currency is not the wallet's.",
        "WALLET_UNAVAILABLE": "A wallet of the operation is frozen or closed.",
        "LIMIT_EXCEEDED": "A limit would be passed.",
        "IDEMPOTENCY_CONFLICT": "The idempotency key was used with other input.",
        "BUSY": "The wallets stayed locked by others for the whole wait.",
        "RATE_LIMITED": "Too many attempts.",
        "FORBIDDEN": "The viewer's role does not allow it.",
        "NOT_PENDING": "The hold, or the scheduled transfer, is over already.",
        "NOT_REVERSIBLE": "The operation is none that can be given back, or was given back.",
        "QUOTE_EXPIRED": "The quote's time is over, or it was used.",
        "RATE_UNAVAILABLE": "There is no exchange rate for it, or none that is young enough.",
        "WALLET_NOT_EMPTY": "A wallet that is to be closed has money, or holds.",
        "SECOND_FACTOR_REQUIRED": "The password is right; a code is asked for beside it.",
        "SECOND_FACTOR_ENABLED": "There is a second factor already.",
    },
)
mark_enum(
    LimitKind,
    "What is limited: a single outflow of a wallet, its outflow within 24 hours, "
    "what it can hold, or how many wallets a user has.",
    {
        "OUTFLOW": "The largest single outflow of a wallet.",
        "OUTFLOW_24H": "What leaves a wallet within 24 hours.",
        "BALANCE": "What a wallet can hold.",
        "WALLETS": "How many wallets a user has.",
    },
)
mark_enum(
    OperationKind,
    "What was asked for.",
    {
        "SIGNUP": "An account was made, and this wallet with it.",
        "OPENING": "A further wallet was opened.",
        "TOPUP": "Money from outside into a wallet.",
        "WITHDRAWAL": "Money from a wallet to the outside.",
        "TRANSFER": "Money from one wallet into another.",
        "HOLD": "Money of one wallet, reserved for another.",
        "CAPTURE": "What a hold had reserved, or a part of it, was taken.",
        "VOID": "What a hold had reserved was let go.",
        "REVERSAL": "A transfer, or a part of it, was given back.",
        "REPORT": "A whole statement was asked for.",
    },
)
mark_enum(
    OperationStatus,
    "What became of an operation.",
    {
        "PENDING": "Not over yet: an open hold, or a transfer that is still to come.",
        "COMPLETED": "Done.",
        "FAILED": "Refused, and on record; errorCode says why.",
        "REVERSED": "Done, and given back in whole.",
        "CANCELLED": "Called off before it was done.",
        "EXPIRED": "Over by itself, before anybody captured it.",
    },
)
mark_enum(
    WalletStatus,
    "Whether money may move: only an ACTIVE wallet pays and is paid.",
    {
        "ACTIVE": "It pays and is paid.",
        "FROZEN": "No money moves, until an operator says otherwise.",
        "CLOSED": "No money moves any more.",
    },
)


@strawberry.interface(description="Whatever can be fetched again by its id alone.")
class Node:
    """Relay's Node."""

    id: strawberry.ID = strawberry.field(description="Opaque, stable, unique over all types.")


@strawberry.type(
    description=(
        "An amount of money. amount always has all of its currency's decimals: "
        '"12.50" EUR, "1250" JPY, "1.250" KWD, "-3.00".'
    )
)
class Money:
    """Minor units, written out."""

    amount: DecimalText = strawberry.field(description="Exact, with all decimals.")
    currency: CurrencyCode = strawberry.field(description="What it is an amount of.")

    @classmethod
    def of(cls, amount_minor: int, currency: str) -> Self:
        """Write *amount_minor* of *currency*."""
        return cls(
            amount=DecimalText(format_amount(amount_minor, currency)),
            currency=CurrencyCode(currency),
        )
