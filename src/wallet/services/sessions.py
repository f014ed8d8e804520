"""
Sessions: short access tokens, and refresh tokens that work once.

A session is a family of refresh tokens. Each use replaces the token; a used
one that comes back means that two hold it, so the whole family ends
(refresh token rotation with reuse detection, RFC 9700, section 4.14.2). What
has expired for long is forgotten, and of living ones each user has a bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from wallet.core.errors import NotFoundError, SessionExpiredError, UnauthenticatedError
from wallet.core.ids import made_at, new_id
from wallet.core.keys import Keys
from wallet.core.logging import get_logger
from wallet.core.tokens import (
    REFRESH_TOKEN_TTL_S,
    AccessClaims,
    InvalidTokenError,
    hash_token,
    issue_access_token,
    new_refresh_token,
    read_access_token,
)
from wallet.models.account import Role
from wallet.services.actors import Actor
from wallet.services.database import Connection, delete_rows, fetch, run_transaction
from wallet.services.token_memory import TokenMemory

_OPEN = """
INSERT INTO sessions (id, family_id, user_id, token_hash, created_at, expires_at, user_agent)
VALUES ($1, $2, $3, $4, now(), now() + make_interval(secs => $5), $6)
"""

# Whoever uses, reuses or ends a user's tokens goes one by one: a statement that
# waited for a token's row would not see the successor made in the meantime.
_LOCK_USER = "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE"
_LOCK_OWNER_OF_HASH = """
SELECT sessions.family_id FROM users
  JOIN sessions ON sessions.user_id = users.id
 WHERE sessions.token_hash = $1
   FOR NO KEY UPDATE OF users
"""

_USE = """
WITH used AS (
    UPDATE sessions SET used_at = now()
     WHERE token_hash = $1 AND used_at IS NULL AND ended_at IS NULL AND expires_at > now()
    RETURNING family_id, user_id, user_agent
)
SELECT family_id, user_id, user_agent FROM used
"""

_END_FAMILY_OF_REUSED = """
UPDATE sessions SET ended_at = now()
 WHERE used_at IS NULL AND ended_at IS NULL
   AND family_id = (SELECT family_id FROM sessions WHERE token_hash = $1 AND used_at IS NOT NULL)
"""

# A family is alive while it has a token that is neither used nor ended nor too old.
_AUTHENTICATE = """
SELECT users.id, users.email, users.role, users.created_at
  FROM users
 WHERE users.id = $1
   AND EXISTS (SELECT FROM sessions
                WHERE family_id = $2 AND user_id = users.id
                  AND used_at IS NULL AND ended_at IS NULL AND expires_at > now())
"""

_END = """
WITH ended AS (
    UPDATE sessions SET ended_at = now()
     WHERE user_id = $1
       AND ($2::uuid IS NULL OR family_id = $2) AND ($3::uuid IS NULL OR family_id <> $3)
       AND used_at IS NULL AND ended_at IS NULL AND expires_at > now()
    RETURNING family_id
)
SELECT DISTINCT family_id FROM ended
"""

_LIST = """
SELECT family_id, created_at, expires_at, user_agent FROM sessions
 WHERE user_id = $1 AND used_at IS NULL AND ended_at IS NULL AND expires_at > now()
 ORDER BY family_id IS NOT DISTINCT FROM $2 DESC, created_at DESC
 LIMIT $3
"""

# What a living token was made at is when its session was used last.
_END_OLDEST = """
UPDATE sessions SET ended_at = now()
 WHERE id IN (SELECT id FROM sessions
               WHERE user_id = $1
                 AND used_at IS NULL AND ended_at IS NULL AND expires_at > now()
               ORDER BY created_at DESC, id DESC OFFSET $2)
"""

# An array, and not IN: a join would read all of the table for so many.
_FORGET = """
DELETE FROM sessions WHERE id = ANY (ARRAY(
    SELECT id FROM sessions
     WHERE expires_at < now() - $1::interval
     ORDER BY expires_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED))
"""

SESSIONS_MAX = 100
"""Most sessions that a user has at a time; the one that was used longest ago ends first."""

KEPT_FOR = timedelta(days=30)
"""How long a token that has expired is kept: one that was used, and comes back, ends its family."""

_USER_AGENT_LENGTH_MAX = 200

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """What a client keeps of its session."""

    access_token: str
    refresh_token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """
    A session that lives, as its user sees it.

    Attributes:
        used_at: When it was opened or refreshed last.
    """

    family_id: UUID
    opened_at: datetime
    used_at: datetime
    expires_at: datetime
    user_agent: str | None


async def open_session(
    connection: Connection,
    user_id: UUID,
    *,
    keys: Keys,
    family_id: UUID | None = None,
    user_agent: str | None = None,
) -> IssuedSession:
    """
    Open a session for *user_id*, or give its next token to the family *family_id*.

    Whoever has SESSIONS_MAX loses the one that was used longest ago; exact, where the
    transaction holds the user's row.

    Args:
        user_agent: What the client calls itself; what is too long of it is cut off.
    """
    if family_id is None:
        family_id = new_id()
        await connection.execute_query(_END_OLDEST, [user_id, SESSIONS_MAX - 1])
    refresh_token = new_refresh_token()
    await connection.execute_query(
        _OPEN,
        [
            new_id(),
            family_id,
            user_id,
            hash_token(refresh_token),
            REFRESH_TOKEN_TTL_S,
            _clean(user_agent),
        ],
    )
    access_token, expires_at = issue_access_token(
        AccessClaims(user_id=user_id, family_id=family_id), keys=keys
    )
    return IssuedSession(access_token, refresh_token, expires_at)


async def refresh_session(
    refresh_token: str, *, keys: Keys, memory: TokenMemory | None = None
) -> IssuedSession:
    """
    Exchange a refresh token for the next one and a new access token.

    Atomic: of two that send the same token at once, one gets the next token;
    the other counts as reuse and ends the family.

    Raises:
        SessionExpiredError: The token is unknown, used, ended or too old.
    """
    token_hash = hash_token(refresh_token)

    async def exchange(connection: Connection) -> IssuedSession | UUID | None:
        known = await connection.execute_query_dict(_LOCK_OWNER_OF_HASH, [token_hash])
        rows = await connection.execute_query_dict(_USE, [token_hash])
        if not rows:
            ended, _ = await connection.execute_query(_END_FAMILY_OF_REUSED, [token_hash])
            if ended:
                log.warning("refresh token reused", sessions_ended=ended)
            return known[0]["family_id"] if known else None
        return await open_session(connection, keys=keys, **rows[0])

    exchanged = await run_transaction(exchange)
    if isinstance(exchanged, IssuedSession):
        return exchanged
    # Used, ended or too old: whichever it is, its access tokens are looked at afresh.
    if memory is not None and exchanged is not None:
        memory.forget_session(exchanged)
    raise SessionExpiredError


async def authenticate(
    access_token: str, *, keys: Keys, memory: TokenMemory | None = None
) -> Actor:
    """
    Return who *access_token* speaks for, as long as its session lives.

    Args:
        memory: Is told, so that the next request need not ask.

    Raises:
        UnauthenticatedError: The token is not valid, or its session has ended.
    """
    try:
        token = read_access_token(access_token, keys=keys)
    except InvalidTokenError:
        raise UnauthenticatedError from None
    mark = memory.mark() if memory is not None else 0
    rows = await fetch(_AUTHENTICATE, token.claims.user_id, token.claims.family_id)
    if not rows:
        raise UnauthenticatedError
    user = rows[0]
    actor = Actor(
        user_id=user["id"],
        email=user["email"],
        role=Role(user["role"]),
        created_at=user["created_at"],
        family_id=token.claims.family_id,
    )
    if memory is not None:
        memory.remember(access_token, actor, expires_at_s=token.expires_at_s, since=mark)
    return actor


async def list_sessions(user_id: UUID, *, first_id: UUID | None) -> list[SessionRecord]:
    """
    Return a user's living sessions, the last used first; SESSIONS_MAX bounds them.

    Args:
        first_id: The session that comes before all others, where it is the user's.
    """
    rows = await fetch(_LIST, user_id, first_id, SESSIONS_MAX)
    return [
        SessionRecord(
            family_id=row["family_id"],
            # By the clock of the process that opened it, which may be ahead of PostgreSQL's.
            opened_at=min(made_at(row["family_id"]), row["created_at"]),
            used_at=row["created_at"],
            expires_at=row["expires_at"],
            user_agent=row["user_agent"],
        )
        for row in rows
    ]


async def end_session(actor: Actor, family_id: UUID, *, memory: TokenMemory | None = None) -> None:
    """
    End one of the actor's sessions, this one or another, as ``end_sessions`` does.

    Raises:
        NotFoundError: It is not the actor's, or has ended.
    """
    ended = await run_transaction(
        lambda connection: end_in_transaction(connection, actor.user_id, family_id=family_id)
    )
    if not ended:
        raise NotFoundError("There is no such session.", field=("session_id",))
    forget(memory, ended)
    log.info("session ended")


async def end_sessions(actor: Actor, *, everywhere: bool, memory: TokenMemory | None = None) -> int:
    """
    End the actor's session, or all of the actor's; return how many ended.

    Access tokens of an ended session are refused from then on: at once by the
    process whose *memory* is given, by the others as soon as they have noticed.
    """
    family_id = None if everywhere else actor.family_id
    ended = await run_transaction(
        lambda connection: end_in_transaction(connection, actor.user_id, family_id=family_id)
    )
    forget(memory, {actor.family_id, *ended})
    log.info("logout", sessions_ended=len(ended))
    return len(ended)


async def end_in_transaction(
    connection: Connection,
    user_id: UUID,
    *,
    family_id: UUID | None = None,
    but_id: UUID | None = None,
) -> list[UUID]:
    """End one session of a user, or all of them but one; return which have ended."""
    await connection.execute_query_dict(_LOCK_USER, [user_id])
    rows = await connection.execute_query_dict(_END, [user_id, family_id, but_id])
    return [row["family_id"] for row in rows]


async def forget_sessions(*, limit: int) -> int:
    """
    Delete tokens, KEPT_FOR after they have expired; safe in several processes.

    Returns:
        How many were deleted, *limit* at most.

    Raises:
        ServiceUnavailableError: PostgreSQL went away.
    """
    return await delete_rows(_FORGET, KEPT_FOR, limit)


def forget(memory: TokenMemory | None, ended: Iterable[UUID]) -> None:
    """Have *memory* forget the tokens of sessions that have just ended."""
    if memory is not None:
        for family_id in ended:
            memory.forget_session(family_id)


def _clean(user_agent: str | None) -> str | None:
    """Return what can be stored and shown of a client's name for itself."""
    shown = "".join(filter(str.isprintable, user_agent or "")).strip()
    return shown[:_USER_AGENT_LENGTH_MAX] or None
