"""Exchange rates and quotes."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from tortoise import fields
from tortoise.fields import Field
from tortoise.models import Model

from wallet.core.ids import new_id
from wallet.models.account import User
from wallet.models.ledger import Operation


class ExchangeRate(Model):
    """Units of *quote* for one unit of *base*, as a source published it for an instant."""

    id: Field[UUID] = fields.UUIDField(primary_key=True, default=new_id)
    base: Field[str] = fields.CharField(max_length=12)
    quote: Field[str] = fields.CharField(max_length=12)
    rate: Field[Decimal] = fields.DecimalField(max_digits=38, decimal_places=18)
    as_of: Field[datetime] = fields.DatetimeField()
    source: Field[str] = fields.CharField(max_length=64)

    class Meta:
        table = "exchange_rates"


class Quote(Model):
    """A rate held for its maker for a short while, for one amount, to be used once."""

    id: Field[UUID] = fields.UUIDField(primary_key=True, default=new_id)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="quotes", on_delete=fields.RESTRICT
    )
    rate: Field[Decimal] = fields.DecimalField(max_digits=38, decimal_places=18)
    amount_minor: Field[int] = fields.BigIntField()
    currency: Field[str] = fields.CharField(max_length=12)
    target_amount_minor: Field[int] = fields.BigIntField()
    target_currency: Field[str] = fields.CharField(max_length=12)
    created_at: Field[datetime] = fields.DatetimeField()
    expires_at: Field[datetime] = fields.DatetimeField()
    operation: fields.ForeignKeyNullableRelation[Operation] = fields.ForeignKeyField(
        "models.Operation", related_name="quotes", null=True, on_delete=fields.RESTRICT
    )

    class Meta:
        table = "quotes"
