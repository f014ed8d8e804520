"""The index by which quotes are found that nobody has used, and that are to be forgotten."""

from tortoise import migrations
from tortoise.migrations import operations as ops

INDEX = "CREATE INDEX quotes_unused ON quotes (expires_at) WHERE operation_id IS NULL;"


class Migration(migrations.Migration):
    """One partial index."""

    dependencies = [("models", "0004_what_money_does")]

    operations = [ops.RunSQL(INDEX, reverse_sql="DROP INDEX quotes_unused;")]
