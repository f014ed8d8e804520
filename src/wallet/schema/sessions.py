"""A user's sessions: the list of them, ending one, and changing the password."""

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry

from wallet.core.ids import to_global_id
from wallet.services.sessions import SessionRecord


@strawberry.type(description="A session of the viewer's that lives: somewhere it is signed in.")
class OpenSession:
    """One line of the list of sessions."""

    id: strawberry.ID = strawberry.field(description="For endSession.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    last_used_at: datetime = strawberry.field(
        description="When it was opened or refreshed last; to some 15 minutes, when it was in use."
    )
    expires_at: datetime = strawberry.field(
        description="When it ends unless it is refreshed before."
    )
    user_agent: str | None = strawberry.field(
        description="What the client called itself when it signed in; at most 200 characters."
    )
    current: bool = strawberry.field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, record: SessionRecord, current_id: UUID | None) -> Self:
        """Show a session to its user."""
        return cls(
            id=strawberry.ID(to_global_id("Session", record.family_id)),
            created_at=record.opened_at,
            last_used_at=record.used_at,
            expires_at=record.expires_at,
            user_agent=record.user_agent,
            current=record.family_id == current_id,
        )


@strawberry.input(description="Which session ends.")
class EndSessionInput:
    """Input of endSession."""

    session_id: strawberry.ID = strawberry.field(
        description="One of viewer.sessions; this one as well."
    )


@strawberry.type(description="The session has ended.")
class EndSessionPayload:
    """Answer of endSession."""

    session_id: strawberry.ID = strawberry.field(description="Which one it was.")


@strawberry.input(description="A new password.")
class ChangePasswordInput:
    """Input of changePassword."""

    current_password: str = strawberry.field(description="The one that counts until now.")
    new_password: str = strawberry.field(description="12 to 128 characters.")


@strawberry.type(description="The new password counts, and this session goes on.")
class ChangePasswordPayload:
    """Answer of changePassword."""

    sessions_ended: int = strawberry.field(
        description="How many others there were; they have ended."
    )
