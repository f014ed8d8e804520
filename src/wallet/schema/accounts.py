"""Users, sessions, and the inputs and payloads of accounts."""

from datetime import datetime
from typing import Protocol, Self
from uuid import UUID

import strawberry

from wallet.core.ids import to_global_id
from wallet.schema.nodes import Node
from wallet.schema.optional import given
from wallet.schema.paging import read_page
from wallet.schema.scalars import CurrencyCode
from wallet.schema.wallets import After, Before, First, Last, Wallet, WalletConnection
from wallet.services.sessions import IssuedSession
from wallet.services.wallets import list_wallets


class UserRecord(Protocol):
    """What the API shows of a user, whether it comes from the table or from a token."""

    @property
    def email(self) -> str:
        """The normalised address."""

    @property
    def created_at(self) -> datetime:
        """When the account was made."""


@strawberry.type(description="Somebody who signs in.")
class User(Node):
    """A user, as it sees itself."""

    email: str = strawberry.field(description="The address, as it is stored.")
    created_at: datetime = strawberry.field(description="When the account was made.")
    user_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, user_id: UUID, record: UserRecord) -> Self:
        """Show a user to itself."""
        return cls(
            id=strawberry.ID(to_global_id("User", user_id)),
            email=record.email,
            created_at=record.created_at,
            user_id=user_id,
        )

    @strawberry.field(description="The user's wallets, oldest first.")
    async def wallets(
        self,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> WalletConnection:
        """Load a page of wallets."""
        page = read_page(
            self.user_id,
            first=given(first),
            after=given(after),
            last=given(last),
            before=given(before),
        )
        return WalletConnection.of(self.user_id, await list_wallets(self.user_id), page)


@strawberry.type(
    description=(
        "Send accessToken as 'Authorization: Bearer …'; refreshToken works once: "
        "each refreshSession answers the next one."
    )
)
class Session:
    """What a client keeps."""

    access_token: str = strawberry.field(description="For the Authorization header; short-lived.")
    refresh_token: str = strawberry.field(description="For refreshSession; works once.")
    expires_at: datetime = strawberry.field(description="When the access token expires.")

    @classmethod
    def of(cls, session: IssuedSession) -> Self:
        """Hand a session to its client."""
        return cls(
            access_token=session.access_token,
            refresh_token=session.refresh_token,
            expires_at=session.expires_at,
        )


@strawberry.input(description="A new account and its first wallet.")
class SignupInput:
    """Input of signup."""

    email: str = strawberry.field(description="Unique without regard to case.")
    password: str = strawberry.field(description="12 to 128 characters.")
    currency: CurrencyCode = strawberry.field(description="What the first wallet holds.")


@strawberry.input(description="Who signs in.")
class LoginInput:
    """Input of login."""

    email: str = strawberry.field(description="The account's address.")
    password: str = strawberry.field(description="The account's password.")


@strawberry.input(description="Which session goes on.")
class RefreshSessionInput:
    """Input of refreshSession."""

    refresh_token: str = strawberry.field(
        description="The newest one; an older one ends the session."
    )


@strawberry.input(description="Which sessions end.")
class LogoutInput:
    """Input of logout."""

    everywhere: bool = strawberry.field(
        default=False, description="End all of the viewer's sessions, not just this one."
    )


@strawberry.type(description="A new account, signed in.")
class SignupPayload:
    """Answer of signup."""

    user: User = strawberry.field(description="The new user.")
    wallet: Wallet = strawberry.field(description="Its first wallet.")
    session: Session = strawberry.field(description="Its first session.")


@strawberry.type(description="A user, signed in.")
class LoginPayload:
    """Answer of login."""

    user: User = strawberry.field(description="Who signed in.")
    session: Session = strawberry.field(description="The new session.")


@strawberry.type(description="The session goes on.")
class RefreshSessionPayload:
    """Answer of refreshSession."""

    session: Session = strawberry.field(description="With the next tokens.")


@strawberry.type(description="Signed out.")
class LogoutPayload:
    """Answer of logout."""

    sessions_ended: int = strawberry.field(description="How many sessions ended.")
