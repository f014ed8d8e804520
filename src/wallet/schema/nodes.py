"""Node, Money, and the enums that several types share."""

from typing import Self

import strawberry

from wallet.core.errors import ErrorCode
from wallet.core.money import format_amount
from wallet.models import OperationKind, OperationStatus, WalletStatus
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

# Strawberry marks the enums of the rooms below in place; they stay what they are.
strawberry.enum(ErrorCode, description="What clients branch on when a mutation refuses.")
strawberry.enum(
    LimitKind,
    description=(
        "What is limited: a single outflow of a wallet, its outflow within 24 hours, "
        "what it can hold, or how many wallets a user has."
    ),
)
strawberry.enum(OperationKind, description="What was asked for.")
strawberry.enum(OperationStatus, description="What became of an operation.")
strawberry.enum(
    WalletStatus,
    description="Whether money may move: only an ACTIVE wallet pays and is paid.",
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
