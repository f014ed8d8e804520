"""
Logins: limits first, then the password, then the second factor, and a session opens.

Guessing is to be slow, and no guesser is to keep an owner out. So it matters who
can empty which bucket:

- Without a device token a login takes from its address's bucket and from its
  account's. Anybody can empty these, of any account: whoever is on a device
  that is new to it waits meanwhile.
- With one it takes from the device's, from that of all devices of the account,
  and from that of all devices at the address; from all or none. Only who holds a
  token of the account empties the first, and one token alone never the second,
  which refills three times as fast: it takes several of them, and each was
  handed to somebody with the password, and the code, of today. What was stolen
  or made before ends with the next password or second factor.
- The third bounds who has tokens of many accounts. It is not the one of strangers
  at the address, whose guesses would keep owners out who share it. To empty it
  takes some thirty devices that go on guessing, at the owner's own address.
- Codes are asked for after the right password. A device is counted by itself, and
  all others together; and all that come are counted once more for the account.
  Strangers who know its password take a third at most of what that bucket gets,
  so that they do not empty it.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from wallet.core.devices import Lock, find_device, new_device_id, write_device_token
from wallet.core.errors import InvalidCredentialsError, SecondFactorRequiredError
from wallet.core.keys import Keys
from wallet.core.logging import get_logger
from wallet.core.passwords import check_queue, verify_password
from wallet.core.settings import Settings
from wallet.models import User
from wallet.services import second_factors
from wallet.services.accounts import normalise_email
from wallet.services.actors import Visitor
from wallet.services.database import Connection, run_transaction
from wallet.services.rate_limits import (
    DEVICES_BY_ADDRESS,
    LOGIN_BY_ACCOUNT,
    LOGIN_BY_ADDRESS,
    LOGIN_BY_ALL_DEVICES,
    LOGIN_BY_DEVICE,
    RateLimiter,
    Subject,
)
from wallet.services.sessions import IssuedSession, open_session

_LOCK_UNCHANGED = """
SELECT credentials_changed_at FROM users WHERE id = $1 AND password_hash = $2
   FOR NO KEY UPDATE
"""

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
    signed in before stays the one that it was, and gets a token that is new.

    Raises:
        RateLimitedError: Too many logins from this address, for this account, or
            with its devices' tokens; or too many codes for it. Or too many passwords
            wait to be hashed.
        InvalidCredentialsError: The address is unknown, the password or the code is wrong.
        SecondFactorRequiredError: The password is right, and a code is missing.
    """
    check_queue()
    normalised = normalise_email(email)
    user = await User.get_or_none(email=normalised) if normalised else None
    device_id = _find_device(user, visitor, keys=settings.keys)
    account = normalised or email.encode("utf-8", "replace").decode()
    await limiter.take(*_limits_of(account, device_id, visitor))
    user = await _check_password(user, password)
    used_code = await _limit_code(limiter, user.id, code, device_id)

    async def log_in(connection: Connection) -> tuple[IssuedSession, datetime | None]:
        changed_at = await _lock_unchanged(connection, user)
        await _use_code(connection, user.id, used_code, keys=settings.keys)
        session = await open_session(
            connection, user.id, keys=settings.keys, user_agent=visitor.user_agent
        )
        return session, changed_at

    session, changed_at = await run_transaction(log_in)
    log.info("login", user=str(user.id))
    device_token = write_device_token(
        device_id or new_device_id(),
        Lock(user.email, changed_at),
        keys=settings.keys,
        now_s=int(time.time()),
    )
    return LoggedIn(user, session, device_token)


def _find_device(user: User | None, visitor: Visitor, *, keys: Keys) -> str | None:
    if user is None:
        return None
    lock = Lock(user.email, user.credentials_changed_at)
    return find_device(visitor.device_token, lock, keys=keys, now_s=int(time.time()))


def _limits_of(account: str, device_id: str | None, visitor: Visitor) -> list[Subject]:
    if device_id is None:
        return [(LOGIN_BY_ADDRESS, visitor.address), (LOGIN_BY_ACCOUNT, account)]
    return [
        (LOGIN_BY_DEVICE, device_id),
        (LOGIN_BY_ALL_DEVICES, account),
        (DEVICES_BY_ADDRESS, visitor.address),
    ]


async def _check_password(user: User | None, password: str) -> User:
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
    await second_factors.limit_codes(limiter, user_id, device_id or str(user_id))
    return code


async def _lock_unchanged(connection: Connection, user: User) -> datetime | None:
    """Return when the credentials were changed last; from now on they are not."""
    unchanged = [user.id, user.password_hash]
    rows = await connection.execute_query_dict(_LOCK_UNCHANGED, unchanged)
    if not rows:
        # A password that was changed meanwhile has ended all sessions but one.
        raise InvalidCredentialsError
    changed_at: datetime | None = rows[0]["credentials_changed_at"]
    return changed_at


async def _use_code(connection: Connection, user_id: UUID, code: str | None, *, keys: Keys) -> None:
    if code is None:
        # One may have been asked for since.
        if await second_factors.is_enabled(user_id):
            raise SecondFactorRequiredError
    elif not await second_factors.use_code(connection, user_id, code, keys=keys):
        raise second_factors.wrong_code()
