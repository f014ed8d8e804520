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


class Scope(StrEnum):
    """What an API key is good for: queries, top-ups and withdrawals, an operator's other work."""

    READ = "READ"
    FUND = "FUND"
    OPERATE = "OPERATE"


class User(Model):
    """
    Somebody who signs in; *email* is stored normalised, so that it is unique without case.

    Attributes:
        credentials_changed_at: When the password or the second factor was changed last;
            None for never. Device tokens of before are good no more.
    """

    id: Field[UUID] = fields.UUIDField(primary_key=True, default=new_id)
    email: Field[str] = fields.CharField(max_length=254, unique=True)
    password_hash: Field[str] = fields.CharField(max_length=255)
    role: Field[Role] = fields.CharEnumField(Role, max_length=16, default=Role.USER)
    created_at: Field[datetime] = fields.DatetimeField()
    credentials_changed_at: Field[datetime | None] = fields.DatetimeField(null=True)

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


class ApiKey(Model):
    """
    What an operator's service signs in with; the key itself is stored hashed.

    Attributes:
        prefix: The public part of the key, by which people know it again.
        scopes: Their names, with a space between them (as in RFC 6749, section 3.3).
        last_used_at: To the minute.
    """

    id: Field[UUID] = fields.UUIDField(primary_key=True, default=new_id)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="api_keys", on_delete=fields.RESTRICT
    )
    name: Field[str] = fields.CharField(max_length=100)
    prefix: Field[str] = fields.CharField(max_length=16)
    key_hash: Field[bytes] = fields.BinaryField()
    scopes: Field[str] = fields.CharField(max_length=32)
    created_at: Field[datetime] = fields.DatetimeField()
    expires_at: Field[datetime | None] = fields.DatetimeField(null=True)
    last_used_at: Field[datetime | None] = fields.DatetimeField(null=True)
    revoked_at: Field[datetime | None] = fields.DatetimeField(null=True)

    class Meta:
        table = "api_keys"


class SecondFactor(Model):
    """
    What the authenticator of a user knows; asked for once it was confirmed.

    Attributes:
        sealed_secret: Encrypted with a key that follows from the secret key.
        last_step: The time-step of the last code that was taken; none up to it is taken again.
    """

    user_id: Field[UUID] = fields.UUIDField(primary_key=True)
    sealed_secret: Field[bytes] = fields.BinaryField()
    last_step: Field[int] = fields.BigIntField()
    created_at: Field[datetime] = fields.DatetimeField()
    confirmed_at: Field[datetime | None] = fields.DatetimeField(null=True)

    class Meta:
        table = "second_factors"


class RecoveryCode(Model):
    """What opens an account, once, in place of its authenticator; stored hashed."""

    id: Field[UUID] = fields.UUIDField(primary_key=True, default=new_id)
    user_id: Field[UUID] = fields.UUIDField()
    code_hash: Field[bytes] = fields.BinaryField()
    used_at: Field[datetime | None] = fields.DatetimeField(null=True)

    class Meta:
        table = "recovery_codes"
