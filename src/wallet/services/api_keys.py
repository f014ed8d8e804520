"""
API keys: what operators' services sign in with.

A key is as good as its operator within its scopes, and no better: it ends when
its owner is one no more, for good (a trigger of the database's sees to it). Keys
are not remembered by any process, so what is revoked is refused from the next
request on, everywhere.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from wallet.core.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
)
from wallet.core.ids import new_id
from wallet.core.inputs import check_text
from wallet.core.logging import get_logger, note
from wallet.core.tokens import hash_token, new_api_key
from wallet.models.account import Role, Scope
from wallet.services.actors import Actor
from wallet.services.database import Connection, Row, fetch, run_transaction
from wallet.services.ledger import LimitExceededError

KEYS_MAX = 50
"""Most keys that one operator has at a time."""

_NAME_LENGTH_MAX = 100

_LOCK_OPERATOR = "SELECT id FROM users WHERE id = $1 AND role = 'OPERATOR' FOR NO KEY UPDATE"

_LIST = """
SELECT id, name, prefix, scopes, created_at, expires_at, last_used_at FROM api_keys
 WHERE user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
 ORDER BY id
"""

_INSERT = """
INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now(), $7)
RETURNING id, name, prefix, scopes, created_at, expires_at, last_used_at
"""

_REVOKE = """
UPDATE api_keys SET revoked_at = now()
 WHERE id = $1 AND user_id = $2
   AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
RETURNING id, name, prefix, scopes, created_at, expires_at, last_used_at
"""

_AUTHENTICATE = """
SELECT api_keys.id AS key_id, prefix, scopes, users.id, email, role, users.created_at,
       last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS is_long_unused
  FROM api_keys JOIN users ON users.id = user_id
 WHERE key_hash = $1 AND role = 'OPERATOR'
   AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""

# Whoever comes at the same moment notes the same minute: nobody waits for it.
_NOTE_USE = """
UPDATE api_keys SET last_used_at = now()
 WHERE id = (SELECT id FROM api_keys WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED)
"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRecord:
    """
    An API key that lives, without its secret.

    Attributes:
        prefix: What its text begins with, after ``wlt_``.
        last_used_at: To the minute; None when it never was.
    """

    id: UUID
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


async def create_api_key(
    user_id: UUID, *, name: str, scopes: frozenset[Scope], expires_at: datetime | None
) -> tuple[ApiKeyRecord, str]:
    """
    Make a key for an operator; return it with its text, which nobody can read again.

    Raises:
        InvalidInputError: The name, the scopes or the instant break a rule.
        ForbiddenError: The user is no operator.
        LimitExceededError: It has KEYS_MAX keys.
    """
    check_text(name, field=("name",), length_min=1, length_max=_NAME_LENGTH_MAX)
    if not scopes:
        raise InvalidInputError("A key is for something: name a scope.", field=("scopes",))
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InvalidInputError("This is over already.", field=("expires_at",))
    key, prefix = new_api_key()

    async def create(connection: Connection) -> ApiKeyRecord:
        if not await connection.execute_query_dict(_LOCK_OPERATOR, [user_id]):
            raise ForbiddenError("Only an operator has API keys.")
        if len(await connection.execute_query_dict(_LIST, [user_id])) >= KEYS_MAX:
            raise LimitExceededError(f"One operator has at most {KEYS_MAX} keys.", operation=None)
        names = " ".join(scope for scope in Scope if scope in scopes)
        (row,) = await connection.execute_query_dict(
            _INSERT, [new_id(), user_id, name, prefix, hash_token(key), names, expires_at]
        )
        return _record(row)

    record = await run_transaction(create)
    log.warning("api key made", user=str(user_id), api_key=prefix)
    return record, key


async def list_api_keys(user_id: UUID) -> list[ApiKeyRecord]:
    """Return a user's living keys, oldest first; KEYS_MAX bounds them."""
    return [_record(row) for row in await fetch(_LIST, user_id)]


async def revoke_api_key(user_id: UUID, key_id: UUID) -> ApiKeyRecord:
    """
    End one of a user's keys; it is refused from the next request on.

    Raises:
        NotFoundError: It is not the user's, was revoked, or has expired.
    """

    async def revoke(connection: Connection) -> list[Row]:
        return await connection.execute_query_dict(_REVOKE, [key_id, user_id])

    rows = await run_transaction(revoke)
    if not rows:
        raise NotFoundError("There is no such key.", field=("api_key_id",))
    log.warning("api key revoked", user=str(user_id), api_key=rows[0]["prefix"])
    return _record(rows[0])


async def authenticate_api_key(key: str) -> Actor:
    """
    Return whom *key* speaks for: its operator, within its scopes.

    Raises:
        UnauthenticatedError: The key is none, was revoked or has expired, or its
            owner is no operator any more.
    """
    rows = await fetch(_AUTHENTICATE, hash_token(key))
    if not rows:
        raise UnauthenticatedError
    found = rows[0]
    if found["is_long_unused"]:
        await run_transaction(
            lambda connection: connection.execute_query(_NOTE_USE, [found["key_id"]])
        )
    note(api_key=found["prefix"])
    return Actor(
        user_id=found["id"],
        email=found["email"],
        role=Role(found["role"]),
        created_at=found["created_at"],
        family_id=found["key_id"],
        scopes=frozenset(_read_scopes(found["scopes"])),
    )


def _record(row: Row) -> ApiKeyRecord:
    return ApiKeyRecord(**{**row, "scopes": _read_scopes(row["scopes"])})


def _read_scopes(names: str) -> tuple[Scope, ...]:
    return tuple(Scope(name) for name in names.split())
