"""Wallets, operations and entries: the ledger's tables."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.fields import Field
from tortoise.models import Model

from wallet.core.ids import new_id
from wallet.models.account import User


class WalletStatus(StrEnum):
    """Whether money may move: only an ACTIVE wallet pays and is paid."""

    ACTIVE = "ACTIVE"
    FROZEN = "FROZEN"
    CLOSED = "CLOSED"


class OperationKind(StrEnum):
    """What was asked for."""

    SIGNUP = "SIGNUP"
    OPENING = "OPENING"
    TOPUP = "TOPUP"
    WITHDRAWAL = "WITHDRAWAL"
    TRANSFER = "TRANSFER"
    HOLD = "HOLD"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REVERSAL = "REVERSAL"
    REPORT = "REPORT"


class OperationStatus(StrEnum):
    """What became of it."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    REVERSED = "REVERSED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class Wallet(Model):
    """
    One holder's money in one currency; a system wallet has no owner.

    A system wallet keeps neither balance nor sequence: its balance is the sum
    of its entries, so that nobody ever waits for its row.

    Limits are amounts in minor units, NULL is no limit. They stand in the row
    itself: what is decided under its lock is decided by them as they are then.
    A wallet with a *frozen_until* that is over is FROZEN only by name.
    """

    id: Field[UUID] = fields.UUIDField(primary_key=True, default=new_id)
    owner: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="wallets", null=True, on_delete=fields.RESTRICT
    )
    currency: Field[str] = fields.CharField(max_length=12)
    label: Field[str | None] = fields.CharField(max_length=100, null=True)
    status: Field[WalletStatus] = fields.CharEnumField(
        WalletStatus, max_length=16, default=WalletStatus.ACTIVE
    )
    balance_minor: Field[int] = fields.BigIntField(default=0)
    held_minor: Field[int] = fields.BigIntField(default=0)
    overdraft_minor: Field[int] = fields.BigIntField(default=0)
    outflow_max_minor: Field[int | None] = fields.BigIntField(null=True)
    outflow_24h_max_minor: Field[int | None] = fields.BigIntField(null=True)
    frozen_until: Field[datetime | None] = fields.DatetimeField(null=True)
    last_sequence: Field[int] = fields.BigIntField(default=0)
    head_hash: Field[bytes] = fields.BinaryField()
    last_entry_at: Field[datetime] = fields.DatetimeField()
    created_at: Field[datetime] = fields.DatetimeField()

    class Meta:
        table = "wallets"

    @property
    def available_minor(self) -> int:
        """What can be spent now of the holder's own money."""
        return self.balance_minor - self.held_minor


class Operation(Model):
    """
    Something that a person asked for, and what became of it.

    A side's *sequence* is the place of the operation's line in that wallet's
    statement; NULL where it has none. Filtered statements are read by it.
    """

    id: Field[UUID] = fields.UUIDField(primary_key=True, default=new_id)
    kind: Field[OperationKind] = fields.CharEnumField(OperationKind, max_length=16)
    status: Field[OperationStatus] = fields.CharEnumField(OperationStatus, max_length=16)
    actor: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="operations", on_delete=fields.RESTRICT
    )
    source_wallet: fields.ForeignKeyNullableRelation[Wallet] = fields.ForeignKeyField(
        "models.Wallet", related_name="operations_out", null=True, on_delete=fields.RESTRICT
    )
    target_wallet: fields.ForeignKeyNullableRelation[Wallet] = fields.ForeignKeyField(
        "models.Wallet", related_name="operations_in", null=True, on_delete=fields.RESTRICT
    )
    source_sequence: Field[int | None] = fields.BigIntField(null=True)
    target_sequence: Field[int | None] = fields.BigIntField(null=True)
    amount_minor: Field[int] = fields.BigIntField()
    currency: Field[str] = fields.CharField(max_length=12)
    target_amount_minor: Field[int | None] = fields.BigIntField(null=True)
    target_currency: Field[str | None] = fields.CharField(max_length=12, null=True)
    rate: Field[Decimal | None] = fields.DecimalField(max_digits=38, decimal_places=18, null=True)
    description: Field[Any] = fields.TextField(null=True)
    metadata: Field[Any] = fields.JSONField(null=True)
    error_code: Field[str | None] = fields.CharField(max_length=32, null=True)
    error_details: Field[Any] = fields.JSONField(null=True)
    parent: fields.ForeignKeyNullableRelation["Operation"] = fields.ForeignKeyField(
        "models.Operation", related_name="children", null=True, on_delete=fields.RESTRICT
    )
    idempotency_key: Field[str | None] = fields.CharField(max_length=255, null=True)
    request_hash: Field[bytes | None] = fields.BinaryField(null=True)
    expires_at: Field[datetime | None] = fields.DatetimeField(null=True)
    scheduled_for: Field[datetime | None] = fields.DatetimeField(null=True)
    returned_minor: Field[int] = fields.BigIntField(default=0, db_default=0)
    created_at: Field[datetime] = fields.DatetimeField()
    completed_at: Field[datetime | None] = fields.DatetimeField(null=True)

    class Meta:
        table = "operations"


class Entry(Model):
    """
    One line of one wallet's statement: what an operation did to it.

    The table's key is (operation, wallet). Tortoise knows no composite key, so
    the model names one half of it: entries are written and read by the SQL of
    the services, never through this model's own save or get.
    """

    operation_id: Field[UUID] = fields.UUIDField(primary_key=True)
    wallet_id: Field[UUID] = fields.UUIDField()
    sequence: Field[int | None] = fields.BigIntField(null=True)
    amount_minor: Field[int] = fields.BigIntField()
    held_change_minor: Field[int] = fields.BigIntField()
    balance_after_minor: Field[int | None] = fields.BigIntField(null=True)
    held_after_minor: Field[int | None] = fields.BigIntField(null=True)
    hash: Field[bytes | None] = fields.BinaryField(null=True)
    created_at: Field[datetime] = fields.DatetimeField()

    class Meta:
        table = "entries"
