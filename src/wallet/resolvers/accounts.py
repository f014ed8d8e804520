"""Resolvers of accounts and sessions."""

from wallet.core.devices import DEVICE_TOKEN_TTL_S
from wallet.core.errors import SessionExpiredError, UnauthenticatedError
from wallet.core.tokens import REFRESH_TOKEN_TTL_S
from wallet.schema.accounts import (
    LoginInput,
    LoginPayload,
    LogoutInput,
    LogoutPayload,
    RefreshSessionInput,
    RefreshSessionPayload,
    Session,
    SignupInput,
    SignupPayload,
    User,
)
from wallet.schema.context import Info
from wallet.schema.cookies import DEVICE_COOKIE, REFRESH_COOKIE, read_cookie
from wallet.schema.optional import given
from wallet.schema.results import LoginResult, LogoutResult, RefreshSessionResult, SignupResult
from wallet.schema.wallets import Wallet
from wallet.services import accounts, logins, sessions
from wallet.services.sessions import IssuedSession


async def signup(info: Info, input: SignupInput) -> SignupResult:  # noqa: A002
    """Make an account and sign it in."""
    services = info.context.services
    signed_up = await accounts.signup(
        services.ledger,
        services.limiter,
        services.settings,
        email=input.email,
        password=input.password,
        currency=input.currency,
        visitor=info.context.visitor(),
    )
    return SignupPayload(
        user=User.of(signed_up.user.id, signed_up.user),
        wallet=Wallet.of(signed_up.wallet, signed_up.user.id),
        session=_hand_over(info, signed_up.session),
        device_token=_hand_over_device(info, signed_up.device_token),
    )


async def login(info: Info, input: LoginInput) -> LoginResult:  # noqa: A002
    """Sign a user in."""
    services = info.context.services
    logged_in = await logins.login(
        services.limiter,
        services.settings,
        email=input.email,
        password=input.password,
        visitor=info.context.visitor(device_token=given(input.device_token)),
        code=given(input.code),
    )
    return LoginPayload(
        user=User.of(logged_in.user.id, logged_in.user),
        session=_hand_over(info, logged_in.session),
        device_token=_hand_over_device(info, logged_in.device_token),
    )


async def refresh_session(
    info: Info,
    input: RefreshSessionInput,  # noqa: A002
) -> RefreshSessionResult:
    """Give a session its next tokens."""
    context = info.context
    refresh_token = input.refresh_token
    if context.uses_cookies and not refresh_token:
        refresh_token = read_cookie(context.sent, REFRESH_COOKIE) or ""
    try:
        session = await sessions.refresh_session(
            refresh_token, keys=context.services.settings.keys, memory=context.services.memory
        )
    except SessionExpiredError:
        context.forget_session()
        raise
    return RefreshSessionPayload(session=_hand_over(info, session))


async def logout(info: Info, input: LogoutInput) -> LogoutResult:  # noqa: A002
    """End this session, or all of the viewer's."""
    try:
        actor = await info.context.get_actor()
    except UnauthenticatedError:
        raise SessionExpiredError from None
    ended = await sessions.end_sessions(
        actor, everywhere=input.everywhere, memory=info.context.services.memory
    )
    info.context.forget_session()
    return LogoutPayload(sessions_ended=ended)


def _hand_over(info: Info, session: IssuedSession) -> Session:
    """Show a session; where the page wants it so, its refresh token is in a cookie alone."""
    in_cookie = info.context.uses_cookies
    if in_cookie:
        info.context.keep_in_cookie(
            REFRESH_COOKIE, session.refresh_token, ttl_s=REFRESH_TOKEN_TTL_S
        )
    return Session.of(session, in_cookie=in_cookie)


def _hand_over_device(info: Info, device_token: str) -> str:
    if not info.context.uses_cookies:
        return device_token
    info.context.keep_in_cookie(DEVICE_COOKIE, device_token, ttl_s=DEVICE_TOKEN_TTL_S)
    return ""
