"""Inputs of holds, of what follows them, and of reversals."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from wallet.schema.optional import given
from wallet.schema.transfers import (
    KEY_DESCRIPTION,
    METADATA_DESCRIPTION,
    NOTE_DESCRIPTION,
    MoneyInput,
)
from wallet.services.holds import PartialAmount


@strawberry.input(
    description=(
        "Reserves money for a target; captured in part or whole, voided, or EXPIRED at "
        "expiresAt (default 7 days)."
    )
)
class HoldInput:
    """Input of hold."""

    source_wallet_id: strawberry.ID = strawberry.field(description="One of the viewer's wallets.")
    target_wallet_id: strawberry.ID = strawberry.field(
        description="The wallet whose owner captures it, or voids it."
    )
    amount: MoneyInput = strawberry.field(description="How much, in the currency of both.")
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it is over by itself: 7 days from now, unless said; at most 366 days.",
    )
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description=NOTE_DESCRIPTION
    )
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET, description=METADATA_DESCRIPTION
    )


@strawberry.input(description="Takes what a hold has reserved, by its target's owner.")
class CaptureHoldInput:
    """Input of captureHold."""

    operation_id: strawberry.ID = strawberry.field(description="The hold.")
    amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="All of it when absent; the rest is released."
    )
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)


@strawberry.input(description="Lets go of what a hold has reserved, by its target's owner.")
class VoidHoldInput:
    """Input of voidHold."""

    operation_id: strawberry.ID = strawberry.field(description="The hold.")
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)


@strawberry.input(description="Calls off a transfer that is still to come, by who asked for it.")
class CancelTransferInput:
    """Input of cancelTransfer."""

    operation_id: strawberry.ID = strawberry.field(description="The scheduled transfer.")
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)


@strawberry.input(
    description=(
        "Gives a completed transfer, or a capture, back, in part or whole: by the owner of its "
        "target, or an operator. Several partial reversals never exceed the whole."
    )
)
class ReverseInput:
    """Input of reverse."""

    operation_id: strawberry.ID = strawberry.field(description="The transfer, or the capture.")
    amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="How much of what the target got; all that is left when absent.",
    )
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description=NOTE_DESCRIPTION
    )


def read_part(input_: CaptureHoldInput | ReverseInput) -> PartialAmount | None:
    """Read how much of an operation's amount; None is all of it."""
    amount = given(input_.amount)
    if amount is None:
        return None
    return PartialAmount(amount_minor=amount.read(), currency=amount.currency)
