"""What ends: device tokens, with the password or the second factor that they were made under."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """One column."""

    dependencies = [("models", "0007_sessions")]

    operations = [
        ops.AddField(
            model_name="User",
            name="credentials_changed_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
