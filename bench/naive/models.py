"""The tables of the naive version: what a transfer needs, and no more."""

from datetime import datetime
from uuid import UUID

from tortoise import fields
from tortoise.fields import Field
from tortoise.models import Model


class User(Model):
    """Somebody who signs in."""

    id: Field[UUID] = fields.UUIDField(primary_key=True)
    email: Field[str] = fields.CharField(max_length=254, unique=True)

    class Meta:
        table = "users"


class Wallet(Model):
    """Somebody's money."""

    id: Field[UUID] = fields.UUIDField(primary_key=True)
    owner: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User")
    owner_id: UUID
    currency: Field[str] = fields.CharField(max_length=12)
    balance_minor: Field[int] = fields.BigIntField()

    class Meta:
        table = "wallets"


class Operation(Model):
    """A transfer."""

    id: Field[UUID] = fields.UUIDField(primary_key=True)
    status: Field[str] = fields.CharField(max_length=16)
    actor: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User")
    source: fields.ForeignKeyRelation[Wallet] = fields.ForeignKeyField(
        "models.Wallet", related_name="operations_out"
    )
    source_id: UUID
    target: fields.ForeignKeyRelation[Wallet] = fields.ForeignKeyField(
        "models.Wallet", related_name="operations_in"
    )
    amount_minor: Field[int] = fields.BigIntField()
    currency: Field[str] = fields.CharField(max_length=12)
    idempotency_key: Field[str] = fields.CharField(max_length=255)
    created_at: Field[datetime] = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "operations"
        unique_together = (("actor", "idempotency_key"),)


class Entry(Model):
    """One side of a transfer."""

    id: Field[UUID] = fields.UUIDField(primary_key=True)
    operation: fields.ForeignKeyRelation[Operation] = fields.ForeignKeyField("models.Operation")
    wallet: fields.ForeignKeyRelation[Wallet] = fields.ForeignKeyField("models.Wallet")
    amount_minor: Field[int] = fields.BigIntField()
    balance_after_minor: Field[int] = fields.BigIntField()
    created_at: Field[datetime] = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "entries"
        indexes = (("wallet_id", "created_at"),)
