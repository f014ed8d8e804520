"""
Limits move into the wallet's row, and a freeze may have an end.

A statement that waits for a row's lock reads that row as it is by then, and any
other table as it was before the wait: a payment that waited while a limit was
lowered would have gone by the old one.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

MOVE = """
UPDATE wallets AS wallet
   SET outflow_max_minor = limits.outflow_max_minor,
       outflow_24h_max_minor = limits.outflow_24h_max_minor
  FROM limits WHERE limits.wallet_id = wallet.id;
ALTER TABLE wallets ADD CONSTRAINT wallets_limits_not_negative
    CHECK (outflow_max_minor >= 0 AND outflow_24h_max_minor >= 0);
ALTER TABLE wallets ADD CONSTRAINT wallets_frozen_until_is_frozen
    CHECK (frozen_until IS NULL OR status = 'FROZEN');
"""

MOVE_BACK = """
ALTER TABLE limits ADD CONSTRAINT limits_wallet_fkey
    FOREIGN KEY (wallet_id) REFERENCES wallets (id);
ALTER TABLE limits ADD CONSTRAINT limits_not_negative
    CHECK (outflow_max_minor >= 0 AND outflow_24h_max_minor >= 0);
INSERT INTO limits (wallet_id, outflow_max_minor, outflow_24h_max_minor, updated_at)
SELECT id, outflow_max_minor, outflow_24h_max_minor, now() FROM wallets
 WHERE outflow_max_minor IS NOT NULL OR outflow_24h_max_minor IS NOT NULL;
ALTER TABLE wallets DROP CONSTRAINT wallets_limits_not_negative;
ALTER TABLE wallets DROP CONSTRAINT wallets_frozen_until_is_frozen;
"""


class Migration(migrations.Migration):
    """Three columns, their checks, and one table less."""

    dependencies = [("models", "0005_quotes_that_are_over")]

    operations = [
        ops.AddField(
            model_name="Wallet",
            name="outflow_max_minor",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="Wallet",
            name="outflow_24h_max_minor",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="Wallet",
            name="frozen_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(MOVE, reverse_sql=MOVE_BACK),
        ops.DeleteModel(name="Limit"),
    ]
