"""Users, sessions, and the inputs and payloads of accounts."""

from datetime import datetime
from typing import Protocol, Self
from uuid import UUID

import strawberry

from wallet.core.errors import ForbiddenError
from wallet.core.ids import to_global_id
from wallet.schema.api_keys import ApiKey
from wallet.schema.context import Info
from wallet.schema.nodes import Node
from wallet.schema.optional import given
from wallet.schema.paging import read_page
from wallet.schema.scalars import CurrencyCode
from wallet.schema.sessions import OpenSession
from wallet.schema.wallets import After, Before, First, Last, Wallet, WalletConnection
from wallet.services.actors import Actor
from wallet.services.api_keys import list_api_keys
from wallet.services.second_factors import is_enabled
from wallet.services.sessions import IssuedSession, list_sessions
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
    looked_up_by: strawberry.Private[UUID | None]

    @classmethod
    def of(cls, user_id: UUID, record: UserRecord, *, looked_up_by: UUID | None = None) -> Self:
        """Show a user to itself, or to an operator who looks it up."""
        return cls(
            id=strawberry.ID(to_global_id("User", user_id)),
            email=record.email,
            created_at=record.created_at,
            user_id=user_id,
            looked_up_by=looked_up_by,
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
        return WalletConnection.of(
            self.user_id,
            await list_wallets(self.user_id),
            page,
            looked_up_by=self.looked_up_by,
        )

    @strawberry.field(
        description=(
            "The user's sessions, at most 100: the one that asks, then the last used first."
        )
    )
    async def sessions(self, info: Info) -> list[OpenSession]:
        """List where the user is signed in."""
        actor = await self._check_self(info)
        current_id = actor.family_id if actor else None
        found = await list_sessions(self.user_id, first_id=current_id)
        return [OpenSession.of(record, current_id) for record in found]

    @strawberry.field(description="The keys of the user's services, oldest first; at most 50.")
    async def api_keys(self, info: Info) -> list[ApiKey]:
        """List the keys that live."""
        await self._check_self(info)
        return [ApiKey.of(record) for record in await list_api_keys(self.user_id)]

    @strawberry.field(description="Whether login asks for a code beside the password.")
    async def totp_enabled(self, info: Info) -> bool:
        """Tell whether there is a second factor."""
        await self._check_self(info)
        return await is_enabled(self.user_id)

    async def _check_self(self, info: Info) -> Actor | None:
        """Refuse whoever is somebody else, or a key; at signup and login nobody asks yet."""
        actor = await info.context.find_actor()
        if actor is not None and actor.user_id != self.user_id:
            raise ForbiddenError("Only a user itself sees how it signs in.")
        return actor


@strawberry.type(
    description=(
        "Send accessToken as 'Authorization: Bearer …'; refreshToken works once: "
        "each refreshSession answers the next one."
    )
)
class Session:
    """What a client keeps."""

    access_token: str = strawberry.field(description="For the Authorization header; short-lived.")
    refresh_token: str = strawberry.field(
        description="For refreshSession; works once. Empty where a cookie keeps it."
    )
    expires_at: datetime = strawberry.field(description="When the access token expires.")

    @classmethod
    def of(cls, session: IssuedSession, *, in_cookie: bool = False) -> Self:
        """Hand a session to its client, or all of it but what its cookie keeps."""
        return cls(
            access_token=session.access_token,
            refresh_token="" if in_cookie else session.refresh_token,
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
    code: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Of the account's authenticator, or a recovery code; after SecondFactorRequired."
        ),
    )
    device_token: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "As an earlier signup or login of this account answered it: then others' wrong "
            "guesses do not slow this login down."
        ),
    )


@strawberry.input(description="Which session goes on.")
class RefreshSessionInput:
    """Input of refreshSession."""

    refresh_token: str = strawberry.field(
        description=(
            "The newest one; an older one ends the session. Empty where a cookie keeps it."
        )
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
    device_token: str = strawberry.field(
        description=(
            "For this account's next login on this device; keep it when the user logs out. "
            "Empty where a cookie keeps it."
        )
    )


@strawberry.type(description="A user, signed in.")
class LoginPayload:
    """Answer of login."""

    user: User = strawberry.field(description="Who signed in.")
    session: Session = strawberry.field(description="The new session.")
    device_token: str = strawberry.field(
        description=(
            "For this account's next login on this device; keep it when the user logs out. "
            "Empty where a cookie keeps it."
        )
    )


@strawberry.type(description="The session goes on.")
class RefreshSessionPayload:
    """Answer of refreshSession."""

    session: Session = strawberry.field(description="With the next tokens.")


@strawberry.type(description="Signed out.")
class LogoutPayload:
    """Answer of logout."""

    sessions_ended: int = strawberry.field(description="How many sessions ended.")
