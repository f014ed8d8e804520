"""
An operation knows the place of its line in the statement of each side.

Lines of one kind or status are then found by an index in their order, however rare
and however old they are. What there is already is given its places here: half a
minute for a million operations.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

PLACES = """
UPDATE operations AS operation
   SET source_sequence = (SELECT sequence FROM entries
                           WHERE operation_id = operation.id
                             AND wallet_id = operation.source_wallet_id),
       target_sequence = (SELECT sequence FROM entries
                           WHERE operation_id = operation.id
                             AND wallet_id = operation.target_wallet_id);
"""

INDEXES_AND_CHECKS = """
ALTER TABLE operations ADD CONSTRAINT operations_sequences_of_sides CHECK (
    (source_sequence IS NULL OR (source_sequence > 0 AND source_wallet_id IS NOT NULL)) AND
    (target_sequence IS NULL OR (target_sequence > 0 AND target_wallet_id IS NOT NULL)));
CREATE INDEX operations_source_lines
    ON operations (source_wallet_id, kind, status, source_sequence)
    WHERE source_sequence IS NOT NULL;
CREATE INDEX operations_target_lines
    ON operations (target_wallet_id, kind, status, target_sequence)
    WHERE target_sequence IS NOT NULL;
"""

UNDO = """
ALTER TABLE operations DROP CONSTRAINT operations_sequences_of_sides;
DROP INDEX operations_source_lines;
DROP INDEX operations_target_lines;
"""


class Migration(migrations.Migration):
    """Two columns, their check, and two indexes."""

    dependencies = [("models", "0008_what_ends")]

    operations = [
        ops.AddField(
            model_name="Operation",
            name="source_sequence",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="Operation",
            name="target_sequence",
            field=fields.BigIntField(null=True),
        ),
        ops.RunSQL(PLACES, reverse_sql=ops.RunSQL.noop),
        ops.RunSQL(INDEXES_AND_CHECKS, reverse_sql=UNDO),
    ]
