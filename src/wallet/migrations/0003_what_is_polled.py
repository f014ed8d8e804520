"""
Indexes for what every process asks once a second: who has signed out, and who is an operator.

Both are small: sessions that were ended, and not those that just ran out; and
the few users who are operators.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

INDEXES = """
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX users_operators ON users (id) WHERE role = 'OPERATOR';
"""

UNDO = """
DROP INDEX sessions_ended;
DROP INDEX users_operators;
"""


class Migration(migrations.Migration):
    """Two partial indexes."""

    dependencies = [("models", "0002_guards")]

    operations = [ops.RunSQL(INDEXES, reverse_sql=UNDO)]
