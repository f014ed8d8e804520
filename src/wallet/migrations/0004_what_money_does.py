"""
What holds, scheduled transfers, reversals and limits keep, and the indexes that they are found by.

What is pending is little, and what is over stays out of those indexes.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

INDEXES_AND_CHECKS = """
ALTER TABLE operations ADD CONSTRAINT operations_returned_at_most_all
    CHECK (returned_minor BETWEEN 0 AND coalesce(target_amount_minor, amount_minor));
ALTER TABLE operations ADD CONSTRAINT operations_hold_ends
    CHECK (kind <> 'HOLD' OR expires_at IS NOT NULL);

-- The holds of a wallet whose time is over, for every round and every reader of it;
-- and all of them, for the worker.
CREATE INDEX operations_open_holds_of ON operations (source_wallet_id, expires_at)
    WHERE kind = 'HOLD' AND status = 'PENDING';
CREATE INDEX operations_open_holds ON operations (expires_at, id)
    WHERE kind = 'HOLD' AND status = 'PENDING';
CREATE INDEX operations_scheduled ON operations (scheduled_for, id)
    WHERE scheduled_for IS NOT NULL AND status = 'PENDING';
CREATE INDEX operations_scheduled_of ON operations (source_wallet_id, scheduled_for)
    WHERE scheduled_for IS NOT NULL AND status = 'PENDING';
CREATE INDEX operations_parent ON operations (parent_id) WHERE parent_id IS NOT NULL;

-- What left a wallet within a day, its balance at an instant, and a statement's period.
CREATE INDEX entries_wallet_time ON entries (wallet_id, created_at, sequence)
    WHERE sequence IS NOT NULL;
"""

UNDO = """
ALTER TABLE operations DROP CONSTRAINT operations_returned_at_most_all;
ALTER TABLE operations DROP CONSTRAINT operations_hold_ends;
DROP INDEX operations_open_holds_of;
DROP INDEX operations_open_holds;
DROP INDEX operations_scheduled;
DROP INDEX operations_scheduled_of;
DROP INDEX operations_parent;
DROP INDEX entries_wallet_time;
"""


class Migration(migrations.Migration):
    """Two columns, their checks, and six indexes."""

    dependencies = [("models", "0003_what_is_polled")]

    operations = [
        ops.AddField(
            model_name="Operation",
            name="scheduled_for",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Operation",
            name="returned_minor",
            field=fields.BigIntField(default=0, db_default=0),
        ),
        ops.RunSQL(INDEXES_AND_CHECKS, reverse_sql=UNDO),
    ]
