"""Resolvers of accounts and sessions."""

from wallet.core.errors import SessionExpiredError, UnauthenticatedError
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
from wallet.schema.results import LoginResult, LogoutResult, RefreshSessionResult, SignupResult
from wallet.schema.wallets import Wallet
from wallet.services import accounts, sessions


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
        visitor=info.context.visitor,
    )
    return SignupPayload(
        user=User.of(signed_up.user.id, signed_up.user),
        wallet=Wallet.of(signed_up.wallet, signed_up.user.id),
        session=Session.of(signed_up.session),
    )


async def login(info: Info, input: LoginInput) -> LoginResult:  # noqa: A002
    """Sign a user in."""
    services = info.context.services
    logged_in = await accounts.login(
        services.limiter,
        services.settings,
        email=input.email,
        password=input.password,
        visitor=info.context.visitor,
    )
    return LoginPayload(
        user=User.of(logged_in.user.id, logged_in.user), session=Session.of(logged_in.session)
    )


async def refresh_session(
    info: Info,
    input: RefreshSessionInput,  # noqa: A002
) -> RefreshSessionResult:
    """Give a session its next tokens."""
    services = info.context.services
    session = await sessions.refresh_session(
        input.refresh_token, keys=services.settings.keys, memory=services.memory
    )
    return RefreshSessionPayload(session=Session.of(session))


async def logout(info: Info, input: LogoutInput) -> LogoutResult:  # noqa: A002
    """End this session, or all of the viewer's."""
    try:
        actor = await info.context.get_actor()
    except UnauthenticatedError:
        raise SessionExpiredError from None
    ended = await sessions.end_sessions(
        actor, everywhere=input.everywhere, memory=info.context.services.memory
    )
    # What follows in the same request is not signed in any more.
    info.context.actor = None
    return LogoutPayload(sessions_ended=ended)
