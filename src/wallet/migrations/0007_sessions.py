"""
What a session's client calls itself, so that its user knows it again; keys of services;
and second factors.
"""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from wallet.core.ids import new_id

KEYS_AND_CHECKS = """
ALTER TABLE api_keys ADD CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash);
ALTER TABLE api_keys ADD CONSTRAINT api_keys_hash_is_sha256 CHECK (octet_length(key_hash) = 32);
ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_known
    CHECK (scopes ~ '^(READ|FUND|OPERATE)( (READ|FUND|OPERATE))*$');
ALTER TABLE api_keys ADD CONSTRAINT api_keys_expire_later CHECK (expires_at > created_at);
ALTER TABLE second_factors ADD CONSTRAINT second_factors_user_fkey
    FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE recovery_codes ADD CONSTRAINT recovery_codes_user_fkey
    FOREIGN KEY (user_id) REFERENCES second_factors (user_id) ON DELETE CASCADE;
ALTER TABLE recovery_codes ADD CONSTRAINT recovery_codes_key UNIQUE (user_id, code_hash);
ALTER TABLE recovery_codes ADD CONSTRAINT recovery_codes_hash_is_sha256
    CHECK (octet_length(code_hash) = 32);
CREATE INDEX api_keys_of_user ON api_keys (user_id, id) WHERE revoked_at IS NULL;
"""


class Migration(migrations.Migration):
    """One column and three tables, with their keys and checks."""

    dependencies = [("models", "0006_limits_in_the_row")]

    operations = [
        ops.AddField(
            model_name="Session",
            name="user_agent",
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.CreateModel(
            name="ApiKey",
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
                        related_name="api_keys",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=100)),
                ("prefix", fields.CharField(max_length=16)),
                ("key_hash", fields.BinaryField()),
                ("scopes", fields.CharField(max_length=32)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "last_used_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "api_keys",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What an operator's service signs in with; the key itself is stored hashed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SecondFactor",
            fields=[
                (
                    "user_id",
                    fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True),
                ),
                ("sealed_secret", fields.BinaryField()),
                ("last_step", fields.BigIntField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "confirmed_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
            ],
            options={
                "table": "second_factors",
                "app": "models",
                "pk_attr": "user_id",
                "table_description": "What the authenticator of a user knows; asked for once it was confirmed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "id",
                    fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True),
                ),
                ("user_id", fields.UUIDField()),
                ("code_hash", fields.BinaryField()),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "recovery_codes",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What opens an account, once, in place of its authenticator; stored hashed.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(KEYS_AND_CHECKS, reverse_sql=ops.RunSQL.noop),
    ]
