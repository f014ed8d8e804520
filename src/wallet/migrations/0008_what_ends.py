"""
What ends: device tokens, with the password or the second factor that they were made
under; sessions that are long over, which are found by an index and deleted; and API
keys, with the role of their operator, whoever takes it and however.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

INDEX = "CREATE INDEX sessions_expire ON sessions (expires_at);"

KEYS = """
CREATE FUNCTION end_api_keys_with_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE api_keys SET revoked_at = now() WHERE user_id = NEW.id AND revoked_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER users_keys_end_with_role AFTER UPDATE OF role ON users
    FOR EACH ROW WHEN (OLD.role = 'OPERATOR' AND NEW.role <> 'OPERATOR')
    EXECUTE FUNCTION end_api_keys_with_role();
UPDATE api_keys SET revoked_at = now()
  FROM users
 WHERE users.id = api_keys.user_id AND role <> 'OPERATOR' AND revoked_at IS NULL;
"""

KEYS_UNDO = """
DROP TRIGGER users_keys_end_with_role ON users;
DROP FUNCTION end_api_keys_with_role();
"""


class Migration(migrations.Migration):
    """One column, one index and one trigger."""

    dependencies = [("models", "0007_sessions")]

    operations = [
        ops.AddField(
            model_name="User",
            name="credentials_changed_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(INDEX, reverse_sql="DROP INDEX sessions_expire;"),
        ops.RunSQL(KEYS, reverse_sql=KEYS_UNDO),
    ]
