"""Accounts: signing up, passwords, and who is an operator."""

import time
from dataclasses import dataclass
from uuid import UUID

import email_validator
from tortoise.exceptions import IntegrityError

from wallet.core.devices import Lock, new_device_id, write_device_token
from wallet.core.errors import (
    EmailTakenError,
    ForbiddenError,
    InvalidCredentialsError,
    InvalidInputError,
    NotFoundError,
)
from wallet.core.ids import new_id
from wallet.core.inputs import check_currency, check_text
from wallet.core.logging import get_logger
from wallet.core.passwords import (
    PASSWORD_LENGTH_MAX,
    PASSWORD_LENGTH_MIN,
    check_queue,
    hash_password,
    verify_password,
)
from wallet.core.settings import Settings
from wallet.models import OperationKind, User
from wallet.models.account import Role
from wallet.services.actors import Actor, Visitor
from wallet.services.database import Connection, fetch, is_taken, run_transaction
from wallet.services.ledger import Ledger, WalletRecord
from wallet.services.rate_limits import (
    PASSWORD_BY_SESSION,
    SIGNUP_BY_ACCOUNT,
    SIGNUP_BY_ADDRESS,
    RateLimiter,
)
from wallet.services.sessions import IssuedSession, end_in_transaction, forget, open_session
from wallet.services.token_memory import TokenMemory
from wallet.services.wallets import open_in_transaction

_EMAIL_LENGTH_MAX = 254
_WRONG_PASSWORD = "The password is wrong."  # noqa: S105

_REPLACE_HASH = """
UPDATE users SET password_hash = $3, credentials_changed_at = now()
 WHERE id = $1 AND password_hash = $2
RETURNING id
"""

_OPERATOR = "SELECT id AS user_id, email, role, created_at FROM users WHERE email = $1"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new account: the user, its first wallet, its first session, and the device's token."""

    user: User
    wallet: WalletRecord
    session: IssuedSession
    device_token: str


def normalise_email(email: str) -> str | None:
    """
    Return the one spelling of an address under which it is stored; None when it is none.

    Both parts are in lower case: nobody has two accounts that differ by it.
    """
    if len(email) > _EMAIL_LENGTH_MAX:
        return None
    try:
        checked = email_validator.validate_email(
            email, check_deliverability=False, test_environment=True
        )
    except (email_validator.EmailNotValidError, ValueError):
        return None
    # Lower case and no more: casefold() would make strasse of straße, another domain.
    return checked.normalized.lower()


async def signup(
    ledger: Ledger,
    limiter: RateLimiter,
    settings: Settings,
    *,
    email: str,
    password: str,
    currency: str,
    visitor: Visitor,
) -> SignedUp:
    """
    Make an account with a first wallet in *currency*, and sign it in.

    Atomic: user, wallet, SIGNUP operation and session, or nothing.

    Raises:
        InvalidInputError: The address, the password or the currency breaks a rule.
        RateLimitedError: Too many signups from this address or for this account, or
            too many passwords wait to be hashed.
        EmailTakenError: The account exists.
    """
    normalised = _check_email(email)
    _check_password(password, field="password")
    check_currency(currency, field=("currency",))
    check_queue()
    await limiter.take((SIGNUP_BY_ADDRESS, visitor.address), (SIGNUP_BY_ACCOUNT, normalised))
    password_hash = await hash_password(password)
    device_token = write_device_token(
        new_device_id(), Lock(normalised, None), keys=settings.keys, now_s=int(time.time())
    )

    async def sign_up(connection: Connection) -> SignedUp:
        user = await _create_user(connection, normalised, password_hash)
        wallet = await open_in_transaction(
            connection, ledger, user_id=user.id, currency=currency, kind=OperationKind.SIGNUP
        )
        session = await open_session(
            connection, user.id, keys=settings.keys, user_agent=visitor.user_agent
        )
        return SignedUp(user, wallet, session, device_token)

    signed_up = await run_transaction(sign_up)
    log.info("signup", user=str(signed_up.user.id), currency=currency)
    log.info("operation", kind=OperationKind.SIGNUP.value, outcome="COMPLETED", replayed=False)
    return signed_up


async def change_password(
    limiter: RateLimiter,
    *,
    actor: Actor,
    current_password: str,
    new_password: str,
    memory: TokenMemory | None = None,
) -> int:
    """
    Replace the actor's password, and end all its sessions but this one; return how many ended.

    Atomic: the new password counts, and the others and all device tokens have ended,
    or nothing has changed.

    Raises:
        InvalidInputError: The new password breaks a rule.
        RateLimitedError: Too many passwords were tried in this session, or too many
            wait to be hashed.
        InvalidCredentialsError: The current password is wrong.
    """
    _check_password(new_password, field="new_password")
    verified_hash = await confirm_password(limiter, actor, current_password)
    new_hash = await hash_password(new_password)

    async def change(connection: Connection) -> list[UUID]:
        if not await connection.execute_query_dict(
            _REPLACE_HASH, [actor.user_id, verified_hash, new_hash]
        ):
            raise InvalidCredentialsError(_WRONG_PASSWORD)
        return await end_in_transaction(connection, actor.user_id, but_id=actor.family_id)

    ended = await run_transaction(change)
    forget(memory, ended)
    log.info("password changed", sessions_ended=len(ended))
    return len(ended)


async def confirm_password(limiter: RateLimiter, actor: Actor, password: str) -> str:
    """
    Check that whoever is signed in knows the password; return its hash.

    Limited per session, so that a stolen one does not keep its owner's others out.

    Raises:
        RateLimitedError: Too many passwords were tried in this session, or too many
            wait to be hashed.
        InvalidCredentialsError: The password is wrong.
    """
    check_queue()
    await limiter.take((PASSWORD_BY_SESSION, str(actor.family_id)))
    user = await User.get(id=actor.user_id)
    if not await verify_password(password, user.password_hash):
        log.info("password refused")
        raise InvalidCredentialsError(_WRONG_PASSWORD)
    return user.password_hash


async def find_user_id(email: str) -> UUID | None:
    """Return the id of the account with this address; None when there is none."""
    user = await User.get_or_none(email=normalise_email(email) or "")
    return user.id if user else None


async def get_operator(email: str) -> Actor:
    """
    Return the operator with this address, to act on the command line; it is in no session.

    Raises:
        NotFoundError: There is no account with this address.
        ForbiddenError: It is no operator's.
    """
    normalised = normalise_email(email)
    rows = await fetch(_OPERATOR, normalised) if normalised else []
    if not rows:
        raise NotFoundError("There is no account with this address.", field=("email",))
    actor = Actor(**{**rows[0], "role": Role(rows[0]["role"])}, family_id=new_id())
    if not actor.is_operator:
        raise ForbiddenError(f"{actor.email} is no operator.")
    return actor


async def grant_operator(email: str) -> bool:
    """Make the account with this address an operator; return whether there is one."""
    normalised = normalise_email(email)
    if normalised is None:
        return False
    granted = await User.filter(email=normalised).update(role=Role.OPERATOR)
    if granted:
        log.warning("operator granted", email=normalised)
    return bool(granted)


def _check_password(password: str, *, field: str) -> None:
    check_text(
        password, field=(field,), length_min=PASSWORD_LENGTH_MIN, length_max=PASSWORD_LENGTH_MAX
    )


def _check_email(email: str) -> str:
    check_text(email, field=("email",), length_min=3, length_max=_EMAIL_LENGTH_MAX)
    normalised = normalise_email(email)
    if normalised is None or len(normalised) > _EMAIL_LENGTH_MAX:
        raise InvalidInputError("This is no e-mail address.", field=("email",))
    return normalised


async def _create_user(connection: Connection, email: str, password_hash: str) -> User:
    now = (await connection.execute_query_dict("SELECT now()"))[0]["now"]
    user = User(id=new_id(), email=email, password_hash=password_hash, created_at=now)
    try:
        await user.save()
    except IntegrityError as error:
        if is_taken(error):
            raise EmailTakenError from None
        raise
    return user
