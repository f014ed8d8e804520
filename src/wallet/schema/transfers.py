"""Inputs and payloads of what opens wallets and moves money."""

from datetime import datetime
from typing import Protocol, Self
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from wallet.core.errors import NotFoundError
from wallet.core.ids import find_id
from wallet.core.inputs import (
    DESCRIPTION_LENGTH_MAX,
    check_idempotency_key,
    check_metadata,
    check_money,
    check_optional_text,
)
from wallet.schema.operations import Operation
from wallet.schema.optional import given
from wallet.schema.scalars import CurrencyCode, DecimalText
from wallet.schema.wallets import Wallet
from wallet.services.ledger import Outcome
from wallet.services.transfers import Note

KEY_DESCRIPTION = (
    "Made by the client, 1 to 255 characters, unique per user. The same key with the same "
    "input answers the first outcome again (replayed: true); with another input, "
    "IdempotencyConflict."
)
NOTE_DESCRIPTION = "A line for people, at most 500 characters; both sides see it."
METADATA_DESCRIPTION = "For programs: at most 8 KiB, nested at most 8 deep; both sides see it."


@strawberry.input(
    description=(
        "More decimals than the currency has (12.505 EUR), zero or a negative amount is "
        "INVALID_INPUT, never rounded."
    )
)
class MoneyInput:
    """An amount, as it is sent."""

    amount: DecimalText = strawberry.field(description='Positive, such as "12.50".')
    currency: CurrencyCode = strawberry.field(description="What it is an amount of.")

    def read(self) -> int:
        """Return the amount in minor units; raise InvalidInputError when it is none."""
        return check_money(self.amount, self.currency)


@strawberry.input(description="A further wallet.")
class OpenWalletInput:
    """Input of openWallet."""

    currency: CurrencyCode = strawberry.field(description="What the wallet holds.")
    label: str | None = strawberry.field(
        default=strawberry.UNSET, description="A name for it, at most 100 characters."
    )
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)


@strawberry.input(description="Money from outside into a wallet.")
class TopupInput:
    """Input of topup."""

    wallet_id: strawberry.ID = strawberry.field(description="Where the money goes.")
    amount: MoneyInput = strawberry.field(description="How much.")
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="A line for people, at most 500 characters."
    )
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="For programs: at most 8 KiB, nested at most 8 deep."
    )
    quote_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "A quote of the viewer's, for exactly this amount: the wallet gets its converted. "
            "Used once; without one, differing currencies are CurrencyMismatch."
        ),
    )


@strawberry.input(description="Money from a wallet to the outside.")
class WithdrawInput:
    """Input of withdraw."""

    wallet_id: strawberry.ID = strawberry.field(description="Where the money comes from.")
    amount: MoneyInput = strawberry.field(description="How much.")
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="A line for people, at most 500 characters."
    )
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="For programs: at most 8 KiB, nested at most 8 deep."
    )


@strawberry.input(description="Money from one of the viewer's wallets into any other.")
class TransferInput:
    """Input of transfer."""

    source_wallet_id: strawberry.ID = strawberry.field(description="One of the viewer's wallets.")
    target_wallet_id: strawberry.ID = strawberry.field(description="Any other wallet.")
    amount: MoneyInput = strawberry.field(
        description="How much, in the currency of both; with a quote, in that of the source."
    )
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description=NOTE_DESCRIPTION
    )
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET, description=METADATA_DESCRIPTION
    )
    scheduled_for: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "When it is to be carried out; now where it is not given. Until then it is PENDING "
            "and can be cancelled; the money has to be there at its time, and is not held before."
        ),
    )
    quote_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "A quote of the viewer's, for exactly this amount: the target gets its converted. "
            "Used once; without one, differing currencies are CurrencyMismatch."
        ),
    )


class _WithNote(Protocol):
    """An input with a key, and what is written beside the money."""

    idempotency_key: str
    description: str | None
    metadata: JSON | None


def read_note(input_: _WithNote) -> Note:
    """Check what a request for money says besides who, whom and how much."""
    return Note(
        idempotency_key=check_idempotency_key(input_.idempotency_key),
        description=check_optional_text(
            given(input_.description), field=("description",), length_max=DESCRIPTION_LENGTH_MAX
        ),
        metadata=check_metadata(given(input_.metadata)),
    )


def read_wallet_id(text: strawberry.ID, *, field: str) -> UUID:
    """Read a wallet's id; what is none is nobody's wallet."""
    wallet_id = find_id("Wallet", text)
    if wallet_id is None:
        raise NotFoundError("There is no such wallet.", field=(field,))
    return wallet_id


def read_quote_id(text: strawberry.ID | None) -> UUID | None:
    """Read a quote's id, where there is one; what is none is nobody's quote."""
    text = given(text)
    if text is None:
        return None
    quote_id = find_id("Quote", text)
    if quote_id is None:
        raise NotFoundError("There is no such quote.", field=("quote_id",))
    return quote_id


@strawberry.type(description="The new wallet, or the one that this key opened before.")
class OpenWalletPayload:
    """Answer of openWallet."""

    wallet: Wallet = strawberry.field(description="The wallet.")


@strawberry.type(description="Money moved.")
class OperationPayload:
    """Answer of everything that moves money."""

    operation: Operation = strawberry.field(description="What was carried out.")
    wallet: Wallet = strawberry.field(
        description="The viewer's side, as it stands after the operation."
    )
    replayed: bool = strawberry.field(
        description="Whether this is the answer to an earlier request with the same key."
    )

    @classmethod
    def of(cls, outcome: Outcome, viewer_id: UUID) -> Self:
        """Show an outcome in which money moved."""
        if outcome.operation is None or outcome.wallet is None:
            raise AssertionError("a completed posting has an operation and a wallet")
        return cls(
            operation=Operation.of(outcome.operation, viewer_id),
            wallet=Wallet.of(outcome.wallet, viewer_id),
            replayed=outcome.replayed,
        )
