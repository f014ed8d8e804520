"""
The second factor: a code of an authenticator (TOTP), or a recovery code in its place.

A code is good once, whoever comes with it and to whichever process: the last
time-step that was taken is in the database, and so is what was used of the
recovery codes. Secrets are sealed, recovery codes hashed.
"""

from dataclasses import dataclass
from uuid import UUID

from wallet.core.errors import InvalidCredentialsError, SecondFactorEnabledError
from wallet.core.ids import new_id
from wallet.core.keys import Keys
from wallet.core.logging import get_logger
from wallet.core.seals import BrokenSealError, reseal, seal, unseal
from wallet.core.tokens import hash_token
from wallet.core.totp import (
    RECOVERY_CODES,
    find_step,
    is_totp,
    new_recovery_code,
    new_secret,
    normalise_code,
    write_secret,
    write_uri,
)
from wallet.services.actors import Actor
from wallet.services.database import Connection, Row, fetch, run_transaction
from wallet.services.rate_limits import CODE, CODE_BY_ACCOUNT, RateLimiter
from wallet.services.sessions import end_in_transaction, forget
from wallet.services.token_memory import TokenMemory

_IS_ENABLED = "SELECT FROM second_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL"

_START = """
INSERT INTO second_factors (user_id, sealed_secret, last_step, created_at)
VALUES ($1, $2, 0, now())
ON CONFLICT (user_id) DO UPDATE SET sealed_secret = $2, created_at = now()
 WHERE second_factors.confirmed_at IS NULL
RETURNING user_id
"""

_SELECT = """
SELECT sealed_secret, extract(epoch FROM now())::bigint AS now_s FROM second_factors
 WHERE user_id = $1 AND (confirmed_at IS NOT NULL) = $2
   FOR NO KEY UPDATE
"""

_USE_STEP = """
UPDATE second_factors SET last_step = $2, confirmed_at = coalesce(confirmed_at, now())
 WHERE user_id = $1 AND last_step < $2
RETURNING user_id
"""

_USE_RECOVERY_CODE = """
UPDATE recovery_codes SET used_at = now()
 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL
RETURNING id
"""

_ADD_RECOVERY_CODES = """
INSERT INTO recovery_codes (id, user_id, code_hash)
SELECT id, $1, code_hash FROM unnest($2::uuid[], $3::bytea[]) AS made (id, code_hash)
"""

# The user's row first, as a login takes them: two that meet wait and do not collide.
_LOCK_USER = "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE"

# Device tokens of before are good no more.
_NOTE_CHANGE = "UPDATE users SET credentials_changed_at = now() WHERE id = $1"

# Its recovery codes go with it.
_DELETE = """
WITH deleted AS (DELETE FROM second_factors WHERE user_id = $1 RETURNING user_id)
UPDATE users SET credentials_changed_at = now()
  FROM deleted WHERE users.id = deleted.user_id
RETURNING users.id
"""

_PAGE = """
SELECT user_id, sealed_secret FROM second_factors
 WHERE $1::uuid IS NULL OR user_id > $1
 ORDER BY user_id LIMIT 1000
"""

_RESEAL = "UPDATE second_factors SET sealed_secret = $3 WHERE user_id = $1 AND sealed_secret = $2"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StartedTotp:
    """What an authenticator is to know: a secret, to be typed or scanned."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class ConfirmedTotp:
    """The recovery codes, which nobody can read again, and how many sessions ended."""

    recovery_codes: list[str]
    sessions_ended: int


async def is_enabled(user_id: UUID) -> bool:
    """Tell whether an account asks for a second factor."""
    return bool(await fetch(_IS_ENABLED, user_id))


async def start_totp(actor: Actor, *, keys: Keys) -> StartedTotp:
    """
    Make a secret for the actor, whose password was confirmed; a code of it has to follow.

    Raises:
        SecondFactorEnabledError: There is one that was confirmed.
    """
    secret = new_secret()
    sealed = seal(secret, keys=keys)
    started = await run_transaction(
        lambda connection: connection.execute_query_dict(_START, [actor.user_id, sealed])
    )
    if not started:
        raise SecondFactorEnabledError
    return StartedTotp(write_secret(secret), write_uri(secret, actor.email))


async def confirm_totp(
    limiter: RateLimiter,
    *,
    actor: Actor,
    code: str,
    keys: Keys,
    memory: TokenMemory | None = None,
) -> ConfirmedTotp:
    """
    Ask for a code from now on, where *code* shows that the authenticator knows the secret.

    Atomic, with the end of the actor's other sessions and of all its device tokens:
    none of them has shown a code.

    Raises:
        RateLimitedError: Too many codes were tried in this session, or for this account.
        InvalidCredentialsError: The code is wrong, or nothing was started.
    """
    await limit_codes(limiter, actor.user_id, str(actor.family_id))
    codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]

    async def confirm(connection: Connection) -> list[UUID]:
        ended = await end_in_transaction(connection, actor.user_id, but_id=actor.family_id)
        if not await _use_totp(connection, actor.user_id, code, keys=keys, confirmed=False):
            raise wrong_code()
        await connection.execute_query(_NOTE_CHANGE, [actor.user_id])
        hashes = [hash_token(normalise_code(each)) for each in codes]
        await connection.execute_query_dict(
            _ADD_RECOVERY_CODES, [actor.user_id, [new_id() for _ in codes], hashes]
        )
        return ended

    ended = await run_transaction(confirm)
    forget(memory, ended)
    log.info("second factor enabled", sessions_ended=len(ended))
    return ConfirmedTotp(codes, len(ended))


async def disable_totp(limiter: RateLimiter, *, actor: Actor, code: str, keys: Keys) -> None:
    """
    Ask for no code any more; the password was confirmed, and *code* is a last one.

    Atomic, with the end of all device tokens.

    Raises:
        RateLimitedError: Too many codes were tried in this session, or for this account.
        InvalidCredentialsError: The code is wrong, or was used, or there is no second factor.
    """
    await limit_codes(limiter, actor.user_id, str(actor.family_id))

    async def disable(connection: Connection) -> None:
        await connection.execute_query_dict(_LOCK_USER, [actor.user_id])
        if not await use_code(connection, actor.user_id, code, keys=keys):
            raise wrong_code()
        await connection.execute_query_dict(_DELETE, [actor.user_id])

    await run_transaction(disable)
    log.info("second factor disabled")


async def limit_codes(limiter: RateLimiter, user_id: UUID, guesser: str) -> None:
    """
    Count a code that *guesser* is about to try: a device, a session, or all that are neither.

    All of them together count as well. One alone never empties that bucket, which
    refills three times as fast as the guesser's own.

    Raises:
        RateLimitedError: Too many codes were tried by this one, or for this account.
    """
    await limiter.take((CODE, guesser), (CODE_BY_ACCOUNT, str(user_id)))


async def use_code(connection: Connection, user_id: UUID, code: str, *, keys: Keys) -> bool:
    """Use a code of an authenticator, or a recovery code, up; tell whether it was good."""
    code = normalise_code(code)
    if is_totp(code):
        return await _use_totp(connection, user_id, code, keys=keys, confirmed=True)
    return bool(
        await connection.execute_query_dict(_USE_RECOVERY_CODE, [user_id, hash_token(code)])
    )


def wrong_code() -> InvalidCredentialsError:
    """Return the refusal of a code that is wrong, too old, or used."""
    log.info("code refused")
    return InvalidCredentialsError("The code is wrong, too old, or was used.")


async def remove_second_factor(user_id: UUID) -> bool:
    """Remove the second factor of somebody who has lost all of it; tell whether there was one."""

    async def remove(connection: Connection) -> list[Row]:
        await connection.execute_query_dict(_LOCK_USER, [user_id])
        return await connection.execute_query_dict(_DELETE, [user_id])

    removed = await run_transaction(remove)
    if removed:
        log.warning("second factor removed", user=str(user_id))
    return bool(removed)


async def reseal_secrets(*, keys: Keys) -> tuple[int, int]:
    """Seal all secrets with the key that signs; return how many, and how many cannot be opened."""
    resealed, broken, last_id = 0, 0, None
    while rows := await fetch(_PAGE, last_id):
        for row in rows:
            last_id = row["user_id"]
            try:
                sealed = reseal(row["sealed_secret"], keys=keys)
            except BrokenSealError:
                broken += 1
                continue
            change = [last_id, row["sealed_secret"], sealed]
            await run_transaction(
                lambda connection, change=change: connection.execute_query(_RESEAL, change)  # type: ignore[misc]
            )
            resealed += 1
    return resealed, broken


async def _use_totp(
    connection: Connection, user_id: UUID, code: str, *, keys: Keys, confirmed: bool
) -> bool:
    rows = await connection.execute_query_dict(_SELECT, [user_id, confirmed])
    if not rows:
        return False
    try:
        secret = unseal(rows[0]["sealed_secret"], keys=keys)
    except BrokenSealError:
        # Recovery codes are good all the same.
        log.error("second factor cannot be opened: its key is gone", user=str(user_id))
        return False
    step = find_step(secret, normalise_code(code), now_s=rows[0]["now_s"])
    if step is None:
        return False
    return bool(await connection.execute_query_dict(_USE_STEP, [user_id, step]))
