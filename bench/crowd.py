"""Who pays whom: people, their wallets, and how both are told to the load generator."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from wallet.core.ids import to_global_id
from wallet.core.keys import Keys
from wallet.core.tokens import AccessClaims, issue_access_token

CURRENCY = "EUR"
AMOUNT = "0.01"
AMOUNT_MINOR = 1
"""What every transfer moves: so little that nobody's money runs out."""


@dataclass(frozen=True, slots=True)
class Purse:
    """A wallet, and whose it is: a place in the list of people."""

    wallet_id: UUID
    owner: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """
    People with wallets in one database.

    Attributes:
        people: Whom the tokens speak for, each in a session that the database knows.
        purses: Wallet number 1 is the first, and so on; each person's lie side by side.
    """

    people: Sequence[AccessClaims]
    purses: Sequence[Purse]

    def write(self, path: Path, *, secret_key: str) -> None:
        """
        Write the people's fresh tokens and the wallets for load.lua, a line each.

        Signed here and now, since an access token lives for a quarter of an
        hour and a run may take longer.
        """
        lines = [
            f"person {issue_access_token(claims, keys=Keys(secret_key))[0]}"
            for claims in self.people
        ]
        lines += [
            f"wallet {purse.owner + 1} {to_global_id('Wallet', purse.wallet_id)}"
            for purse in self.purses
        ]
        path.write_text("\n".join(lines) + "\n")
