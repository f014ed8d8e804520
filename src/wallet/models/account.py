"""Users and their sessions."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.fields import Field
from tortoise.models import Model

from wallet.core.ids import new_id


class Role(StrEnum):
    """What a user may do beyond its own wallets."""

    USER = "USER"
    OPERATOR = "OPERATOR"


class User(Model):
    """Somebody who signs in; *email* is stored normalised, so that it is unique without case."""

    id: Field[UUID] = fields.UUIDField(primary_key=True, default=new_id)
    email: Field[str] = fields.CharField(max_length=254, unique=True)
    password_hash: Field[str] = fields.CharField(max_length=255)
    role: Field[Role] = fields.CharEnumField(Role, max_length=16, default=Role.USER)
    created_at: Field[datetime] = fields.DatetimeField()

    class Meta:
        table = "users"


class Session(Model):
    """
    One refresh token, stored hashed.

    A token is used once; its successor joins the same family. A family is what
    a person calls a session: reuse of a used token, or logout, ends all of it.
    """

    id: Field[UUID] = fields.UUIDField(primary_key=True, default=new_id)
    family_id: Field[UUID] = fields.UUIDField()
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.RESTRICT
    )
    token_hash: Field[bytes] = fields.BinaryField()
    created_at: Field[datetime] = fields.DatetimeField()
    expires_at: Field[datetime] = fields.DatetimeField()
    used_at: Field[datetime | None] = fields.DatetimeField(null=True)
    ended_at: Field[datetime | None] = fields.DatetimeField(null=True)
    user_agent: Field[str | None] = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "sessions"
