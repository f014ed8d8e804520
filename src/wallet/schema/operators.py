"""Inputs and payloads of what operators do with wallets, and of what owners close."""

from datetime import datetime

import strawberry

from wallet.schema.scalars import DecimalText
from wallet.schema.wallets import Wallet, WalletLimits


@strawberry.input(description="Which wallet is frozen, and until when.")
class FreezeWalletInput:
    """Input of freezeWallet."""

    wallet_id: strawberry.ID = strawberry.field(description="Anybody's wallet.")
    until: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it is over by itself; without, when it is unfrozen.",
    )
    reason: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="For the log, at most 500 characters; nobody is shown it.",
    )


@strawberry.input(description="Which wallet's freeze ends.")
class UnfreezeWalletInput:
    """Input of unfreezeWallet."""

    wallet_id: strawberry.ID = strawberry.field(description="Anybody's wallet.")


@strawberry.input(description="Which wallet is closed, for good.")
class CloseWalletInput:
    """Input of closeWallet."""

    wallet_id: strawberry.ID = strawberry.field(
        description="One of the viewer's wallets; an operator's may be anybody's."
    )


@strawberry.input(
    description=(
        "How much may leave a wallet, in its currency; 0 lets nothing leave. "
        "What is absent stays as it is, null is no limit."
    )
)
class SetWalletLimitsInput:
    """Input of setWalletLimits."""

    wallet_id: strawberry.ID = strawberry.field(description="Anybody's wallet.")
    outflow_max: DecimalText | None = strawberry.field(
        default=strawberry.UNSET, description="The most that leaves at once."
    )
    outflow_24h_max: DecimalText | None = strawberry.field(
        name="outflow24hMax",
        default=strawberry.UNSET,
        description="The most that leaves within any 24 hours.",
    )
    overdraft: DecimalText | None = strawberry.field(
        default=strawberry.UNSET,
        description="How far below 0 the wallet may go; null is 0.",
    )

    def read(self) -> dict[str, str | None]:
        """Return what was given, by name; the wallet's currency tells what is an amount of it."""
        amounts = {
            "outflow_max": self.outflow_max,
            "outflow_24h_max": self.outflow_24h_max,
            "overdraft": self.overdraft,
        }
        return {name: text for name, text in amounts.items() if text is not strawberry.UNSET}


@strawberry.type(description="The wallet as it is now.")
class WalletPayload:
    """Answer of what changes a wallet's state."""

    wallet: Wallet = strawberry.field(description="The wallet.")


@strawberry.type(description="The wallet's limits as they are now.")
class SetWalletLimitsPayload:
    """Answer of setWalletLimits."""

    wallet: Wallet = strawberry.field(description="The wallet.")
    limits: WalletLimits = strawberry.field(description="All of them, the unchanged ones too.")
