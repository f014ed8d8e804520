"""The tables, as the models of the first version describe them."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from uuid import uuid4
from wallet.core.ids import new_id
from wallet.models.account import Role
from wallet.models.ledger import OperationKind, OperationStatus, WalletStatus
from tortoise import fields


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Entry",
            fields=[
                (
                    "operation_id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("wallet_id", fields.UUIDField()),
                ("sequence", fields.BigIntField(null=True)),
                ("amount_minor", fields.BigIntField()),
                ("held_change_minor", fields.BigIntField()),
                ("balance_after_minor", fields.BigIntField(null=True)),
                ("held_after_minor", fields.BigIntField(null=True)),
                ("hash", fields.BinaryField(null=True)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "entries",
                "app": "models",
                "pk_attr": "operation_id",
                "table_description": "One line of one wallet's statement: what an operation did to it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ExchangeRate",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True),
                ),
                ("base", fields.CharField(max_length=12)),
                ("quote", fields.CharField(max_length=12)),
                ("rate", fields.DecimalField(max_digits=38, decimal_places=18)),
                ("as_of", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("source", fields.CharField(max_length=64)),
            ],
            options={
                "table": "exchange_rates",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Units of *quote* for one unit of *base*, as a source published it for an instant.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Limit",
            fields=[
                (
                    "wallet_id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("outflow_max_minor", fields.BigIntField(null=True)),
                ("outflow_24h_max_minor", fields.BigIntField(null=True)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "limits",
                "app": "models",
                "pk_attr": "wallet_id",
                "table_description": "How much may leave one wallet; NULL is no limit. Amounts are minor units.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True),
                ),
                ("email", fields.CharField(unique=True, max_length=254)),
                ("password_hash", fields.CharField(max_length=255)),
                (
                    "role",
                    fields.CharEnumField(
                        default=Role.USER,
                        description="USER: USER\nOPERATOR: OPERATOR",
                        enum_type=Role,
                        max_length=16,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "users",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Somebody who signs in; *email* is stored normalised, so that it is unique without case.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True),
                ),
                ("family_id", fields.UUIDField()),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("token_hash", fields.BinaryField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sessions",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One refresh token, stored hashed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Wallet",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True),
                ),
                (
                    "owner",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="owner_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="wallets",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("currency", fields.CharField(max_length=12)),
                ("label", fields.CharField(null=True, max_length=100)),
                (
                    "status",
                    fields.CharEnumField(
                        default=WalletStatus.ACTIVE,
                        description="ACTIVE: ACTIVE\nFROZEN: FROZEN\nCLOSED: CLOSED",
                        enum_type=WalletStatus,
                        max_length=16,
                    ),
                ),
                ("balance_minor", fields.BigIntField(default=0)),
                ("held_minor", fields.BigIntField(default=0)),
                ("overdraft_minor", fields.BigIntField(default=0)),
                ("last_sequence", fields.BigIntField(default=0)),
                ("head_hash", fields.BinaryField()),
                ("last_entry_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "wallets",
                "app": "models",
                "pk_attr": "id",
                "table_description": "One holder's money in one currency; a system wallet has no owner.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Operation",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True),
                ),
                (
                    "kind",
                    fields.CharEnumField(
                        description="SIGNUP: SIGNUP\nOPENING: OPENING\nTOPUP: TOPUP\nWITHDRAWAL: WITHDRAWAL\nTRANSFER: TRANSFER\nHOLD: HOLD\nCAPTURE: CAPTURE\nVOID: VOID\nREVERSAL: REVERSAL\nREPORT: REPORT",
                        enum_type=OperationKind,
                        max_length=16,
                    ),
                ),
                (
                    "status",
                    fields.CharEnumField(
                        description="PENDING: PENDING\nCOMPLETED: COMPLETED\nFAILED: FAILED\nREVERSED: REVERSED\nCANCELLED: CANCELLED\nEXPIRED: EXPIRED",
                        enum_type=OperationStatus,
                        max_length=16,
                    ),
                ),
                (
                    "actor",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="actor_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="operations",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "source_wallet",
                    fields.ForeignKeyField(
                        "models.Wallet",
                        source_field="source_wallet_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="operations_out",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "target_wallet",
                    fields.ForeignKeyField(
                        "models.Wallet",
                        source_field="target_wallet_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="operations_in",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount_minor", fields.BigIntField()),
                ("currency", fields.CharField(max_length=12)),
                ("target_amount_minor", fields.BigIntField(null=True)),
                ("target_currency", fields.CharField(null=True, max_length=12)),
                ("rate", fields.DecimalField(null=True, max_digits=38, decimal_places=18)),
                ("description", fields.TextField(null=True, unique=False)),
                ("metadata", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("error_code", fields.CharField(null=True, max_length=32)),
                ("error_details", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                (
                    "parent",
                    fields.ForeignKeyField(
                        "models.Operation",
                        source_field="parent_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="children",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("idempotency_key", fields.CharField(null=True, max_length=255)),
                ("request_hash", fields.BinaryField(null=True)),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "completed_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
            ],
            options={
                "table": "operations",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Something that a person asked for, and what became of it.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Quote",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="quotes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("rate", fields.DecimalField(max_digits=38, decimal_places=18)),
                ("amount_minor", fields.BigIntField()),
                ("currency", fields.CharField(max_length=12)),
                ("target_amount_minor", fields.BigIntField()),
                ("target_currency", fields.CharField(max_length=12)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "operation",
                    fields.ForeignKeyField(
                        "models.Operation",
                        source_field="operation_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="quotes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
            ],
            options={
                "table": "quotes",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A rate held for its maker for a short while, for one amount, to be used once.",
            },
            bases=["Model"],
        ),
    ]
