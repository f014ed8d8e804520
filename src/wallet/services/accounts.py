"""Accounts: signing up, logging in, and who is an operator."""

from dataclasses import dataclass

import email_validator
from tortoise.exceptions import IntegrityError

from wallet.core.errors import EmailTakenError, InvalidCredentialsError, InvalidInputError
from wallet.core.ids import new_id
from wallet.core.inputs import check_currency, check_text
from wallet.core.logging import get_logger
from wallet.core.passwords import (
    PASSWORD_LENGTH_MAX,
    PASSWORD_LENGTH_MIN,
    hash_password,
    verify_password,
)
from wallet.core.settings import Settings
from wallet.models import OperationKind, User
from wallet.models.account import Role
from wallet.services.database import Connection, is_taken, run_transaction
from wallet.services.ledger import Ledger, WalletRecord
from wallet.services.rate_limits import (
    LOGIN_BY_ACCOUNT,
    LOGIN_BY_ADDRESS,
    SIGNUP_BY_ACCOUNT,
    SIGNUP_BY_ADDRESS,
    RateLimiter,
)
from wallet.services.sessions import IssuedSession, open_session
from wallet.services.wallets import open_in_transaction

_EMAIL_LENGTH_MAX = 254

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new account: the user, its first wallet, its first session."""

    user: User
    wallet: WalletRecord
    session: IssuedSession


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A user and its new session."""

    user: User
    session: IssuedSession


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
    address: str,
) -> SignedUp:
    """
    Make an account with a first wallet in *currency*, and sign it in.

    Atomic: user, wallet, SIGNUP operation and session, or nothing.

    Args:
        address: Where the request comes from, for the rate limit.

    Raises:
        InvalidInputError: The address, the password or the currency breaks a rule.
        RateLimitedError: Too many signups from this address or for this account.
        EmailTakenError: The account exists.
    """
    normalised = _check_email(email)
    check_text(
        password,
        field=("password",),
        length_min=PASSWORD_LENGTH_MIN,
        length_max=PASSWORD_LENGTH_MAX,
    )
    check_currency(currency, field=("currency",))
    await limiter.take((SIGNUP_BY_ADDRESS, address), (SIGNUP_BY_ACCOUNT, normalised))
    password_hash = await hash_password(password)

    async def sign_up(connection: Connection) -> SignedUp:
        user = await _create_user(connection, normalised, password_hash)
        wallet = await open_in_transaction(
            connection, ledger, user_id=user.id, currency=currency, kind=OperationKind.SIGNUP
        )
        session = await open_session(connection, user.id, keys=settings.keys)
        return SignedUp(user, wallet, session)

    signed_up = await run_transaction(sign_up)
    log.info("signup", user=str(signed_up.user.id), currency=currency)
    log.info("operation", kind=OperationKind.SIGNUP.value, outcome="COMPLETED", replayed=False)
    return signed_up


async def login(
    limiter: RateLimiter, settings: Settings, *, email: str, password: str, address: str
) -> LoggedIn:
    """
    Check a password and open a session.

    It takes the same time whether the account exists or not.

    Raises:
        RateLimitedError: Too many logins from this address or for this account.
        InvalidCredentialsError: The address is unknown, or the password is wrong.
    """
    normalised = normalise_email(email)
    account = normalised or email.encode("utf-8", "replace").decode()
    await limiter.take((LOGIN_BY_ADDRESS, address), (LOGIN_BY_ACCOUNT, account))
    user = await User.get_or_none(email=normalised) if normalised else None
    # What no signup would have taken is not worth hashing a megabyte for.
    candidate = password if len(password) <= PASSWORD_LENGTH_MAX else ""
    if not await verify_password(candidate, user.password_hash if user else None) or user is None:
        log.info("login refused")
        raise InvalidCredentialsError
    user_id = user.id
    session = await run_transaction(
        lambda connection: open_session(connection, user_id, keys=settings.keys)
    )
    log.info("login", user=str(user.id))
    return LoggedIn(user, session)


async def grant_operator(email: str) -> bool:
    """Make the account with this address an operator; return whether there is one."""
    normalised = normalise_email(email)
    if normalised is None:
        return False
    granted = await User.filter(email=normalised).update(role=Role.OPERATOR)
    if granted:
        log.warning("operator granted", email=normalised)
    return bool(granted)


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
