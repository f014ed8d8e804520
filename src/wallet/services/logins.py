"""Logins: limits first, then the password, then the second factor, and a session opens."""

from dataclasses import dataclass
from uuid import UUID

from wallet.core.devices import find_device, new_device_token
from wallet.core.errors import InvalidCredentialsError, SecondFactorRequiredError
from wallet.core.logging import get_logger
from wallet.core.passwords import verify_password
from wallet.core.settings import Settings
from wallet.models import User
from wallet.services import second_factors
from wallet.services.accounts import normalise_email
from wallet.services.actors import Visitor
from wallet.services.database import Connection, run_transaction
from wallet.services.rate_limits import (
    CODE,
    LOGIN_BY_ACCOUNT,
    LOGIN_BY_ADDRESS,
    LOGIN_BY_DEVICE,
    RateLimiter,
    Subject,
)
from wallet.services.sessions import IssuedSession, open_session

_LOCK_UNCHANGED = "SELECT id FROM users WHERE id = $1 AND password_hash = $2 FOR NO KEY UPDATE"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A user, its new session, and the token of the device that it is on."""

    user: User
    session: IssuedSession
    device_token: str


async def login(
    limiter: RateLimiter,
    settings: Settings,
    *,
    email: str,
    password: str,
    visitor: Visitor,
    code: str | None = None,
) -> LoggedIn:
    """
    Check a password, and a code where the account asks for one, and open a session.

    It takes the same time whether the account exists or not. A device that has
    signed in before is counted by itself: others' guesses do not keep it out.

    Raises:
        RateLimitedError: Too many logins from this address or for this account,
            or with this device's token.
        InvalidCredentialsError: The address is unknown, the password or the code is wrong.
        SecondFactorRequiredError: The password is right, and a code is missing.
    """
    normalised = normalise_email(email)
    account = normalised or email.encode("utf-8", "replace").decode()
    device_id = find_device(visitor.device_token, account, keys=settings.keys)
    await limiter.take(*_limits_of(account, device_id, visitor))
    user = await _check_password(normalised, password)
    used_code = await _limit_code(limiter, user.id, code, device_id)

    async def log_in(connection: Connection) -> IssuedSession:
        await _lock_unchanged(connection, user)
        await _use_code(connection, user.id, used_code, settings)
        return await open_session(
            connection, user.id, keys=settings.keys, user_agent=visitor.user_agent
        )

    session = await run_transaction(log_in)
    log.info("login", user=str(user.id))
    return LoggedIn(user, session, new_device_token(user.email, keys=settings.keys))


def _limits_of(account: str, device_id: str | None, visitor: Visitor) -> list[Subject]:
    if device_id is not None:
        return [(LOGIN_BY_DEVICE, device_id)]
    return [(LOGIN_BY_ADDRESS, visitor.address), (LOGIN_BY_ACCOUNT, account)]


async def _check_password(email: str | None, password: str) -> User:
    user = await User.get_or_none(email=email) if email else None
    password_hash = user.password_hash if user else None
    if not await verify_password(password, password_hash) or user is None:
        log.info("login refused")
        raise InvalidCredentialsError
    return user


async def _limit_code(
    limiter: RateLimiter, user_id: UUID, code: str | None, device_id: str | None
) -> str | None:
    """Return the code that is to be used; None where the account asks for none."""
    if not await second_factors.is_enabled(user_id):
        return None
    if code is None:
        raise SecondFactorRequiredError
    await limiter.take((CODE, device_id or str(user_id)))
    return code


async def _lock_unchanged(connection: Connection, user: User) -> None:
    # A password that was changed meanwhile has ended all sessions but one.
    unchanged = [user.id, user.password_hash]
    if not await connection.execute_query_dict(_LOCK_UNCHANGED, unchanged):
        raise InvalidCredentialsError


async def _use_code(
    connection: Connection, user_id: UUID, code: str | None, settings: Settings
) -> None:
    if code is None:
        # One may have been asked for since.
        if await second_factors.is_enabled(user_id):
            raise SecondFactorRequiredError
    elif not await second_factors.use_code(connection, user_id, code, keys=settings.keys):
        raise second_factors.wrong_code()
