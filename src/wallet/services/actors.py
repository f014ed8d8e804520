"""Who asks: what services know of whoever is behind a request."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from wallet.models.account import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """
    A signed-in user.

    Attributes:
        family_id: The session it is signed in with.
    """

    user_id: UUID
    email: str
    role: Role
    created_at: datetime
    family_id: UUID

    @property
    def is_operator(self) -> bool:
        """Whether the role allows more than one's own wallets."""
        return self.role is Role.OPERATOR


@dataclass(frozen=True, slots=True)
class Visitor:
    """
    Somebody who is not signed in yet.

    Attributes:
        address: Where the request comes from.
        user_agent: What the client calls itself; None when it does not say.
    """

    address: str
    user_agent: str | None = None
