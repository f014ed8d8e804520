"""
What ends: device tokens, with the password or the second factor that they were made
under; and sessions that are long over, which are found by an index and deleted.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

INDEX = "CREATE INDEX sessions_expire ON sessions (expires_at);"


class Migration(migrations.Migration):
    """One column and one index."""

    dependencies = [("models", "0007_sessions")]

    operations = [
        ops.AddField(
            model_name="User",
            name="credentials_changed_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(INDEX, reverse_sql="DROP INDEX sessions_expire;"),
    ]
