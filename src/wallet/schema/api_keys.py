"""API keys of operators' services."""

from datetime import datetime
from typing import Self

import strawberry

from wallet.core.ids import to_global_id
from wallet.models.account import Scope
from wallet.schema.descriptions import mark_enum
from wallet.services.api_keys import ApiKeyRecord

mark_enum(
    Scope,
    "What an API key is good for; nothing else can be done with one.",
    {
        "READ": "Queries.",
        "FUND": "Top-ups, withdrawals, and quotes for them.",
        "OPERATE": "What else an operator does.",
    },
    name="ApiKeyScope",
)


@strawberry.type(description="A key that one of the viewer's services signs in with.")
class ApiKey:
    """A key, without its secret."""

    id: strawberry.ID = strawberry.field(description="For revokeApiKey.")
    name: str = strawberry.field(description="What its operator calls it.")
    prefix: str = strawberry.field(description="How its text begins, after wlt_; no secret.")
    scopes: list[Scope] = strawberry.field(description="What it is good for.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(
        description="When it ends; null when it does not by itself."
    )
    last_used_at: datetime | None = strawberry.field(
        description="When it was used last, to the minute; null when it never was."
    )

    @classmethod
    def of(cls, record: ApiKeyRecord) -> Self:
        """Show a key to its operator."""
        return cls(
            id=strawberry.ID(to_global_id("ApiKey", record.id)),
            name=record.name,
            prefix=record.prefix,
            scopes=list(record.scopes),
            created_at=record.created_at,
            expires_at=record.expires_at,
            last_used_at=record.last_used_at,
        )


@strawberry.input(description="A new key for a service.")
class CreateApiKeyInput:
    """Input of createApiKey."""

    name: str = strawberry.field(description="For people, 1 to 100 characters.")
    scopes: list[Scope] = strawberry.field(description="What it is good for; at least one.")
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it ends; never by itself when absent."
    )
    password: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The viewer's; without it the answer is InvalidCredentials.",
    )


@strawberry.type(description="A new key.")
class CreateApiKeyPayload:
    """Answer of createApiKey."""

    api_key: ApiKey = strawberry.field(description="The key, as it is listed.")
    secret: str = strawberry.field(
        description="For 'Authorization: Bearer …'. Shown this once: only its hash is kept."
    )


@strawberry.input(description="Which key ends.")
class RevokeApiKeyInput:
    """Input of revokeApiKey."""

    api_key_id: strawberry.ID = strawberry.field(description="One of viewer.apiKeys.")


@strawberry.type(description="The key is refused from the next request on.")
class RevokeApiKeyPayload:
    """Answer of revokeApiKey."""

    api_key: ApiKey = strawberry.field(description="Which one it was.")
