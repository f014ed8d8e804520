"""Who asks: what services know of whoever is behind a request."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from wallet.core.errors import ForbiddenError
from wallet.models.account import Role, Scope


@dataclass(frozen=True, slots=True)
class Actor:
    """
    A signed-in user, or a service of an operator's with an API key.

    Attributes:
        family_id: The session, or the key, that it is signed in with.
        scopes: What the key is good for; None for a person, who may all that its role allows.
    """

    user_id: UUID
    email: str
    role: Role
    created_at: datetime
    family_id: UUID
    scopes: frozenset[Scope] | None = None

    @property
    def is_operator(self) -> bool:
        """Whether the role allows more than one's own wallets."""
        return self.role is Role.OPERATOR

    def check_scope(self, scope: Scope | None) -> None:
        """
        Refuse an API key that is not good for *scope*; for None, none is.

        Raises:
            ForbiddenError: It is one.
        """
        if self.scopes is not None and scope not in self.scopes:
            raise ForbiddenError("This API key is not for that.")


@dataclass(frozen=True, slots=True)
class Visitor:
    """
    Somebody who is not signed in yet.

    Attributes:
        address: Where the request comes from.
        user_agent: What the client calls itself; None when it does not say.
        device_token: What it was given when it signed in before; None when it has none.
    """

    address: str
    user_agent: str | None = None
    device_token: str | None = None


def check_operator(actor: Actor) -> None:
    """
    Refuse whoever is no operator, before anything is looked up.

    Raises:
        ForbiddenError: The actor is none.
    """
    if not actor.is_operator:
        raise ForbiddenError("Only an operator does this.")
