"""Who asks: what services know of the person behind a request."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from wallet.core.errors import ForbiddenError
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


def check_operator(actor: Actor) -> None:
    """
    Refuse whoever is no operator, before anything is looked up.

    Raises:
        ForbiddenError: The actor is none.
    """
    if not actor.is_operator:
        raise ForbiddenError("Only an operator does this.")
