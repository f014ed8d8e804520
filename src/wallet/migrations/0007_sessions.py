"""What a session's client calls itself, so that its user knows it again in the list of them."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """One column."""

    dependencies = [("models", "0004_what_money_does")]

    operations = [
        ops.AddField(
            model_name="Session",
            name="user_agent",
            field=fields.CharField(null=True, max_length=200),
        ),
    ]
