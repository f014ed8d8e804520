"""Resolvers of the second factor."""

from wallet.schema.context import Info
from wallet.schema.results import ConfirmTotpResult, DisableTotpResult, StartTotpResult
from wallet.schema.second_factors import (
    ConfirmTotpInput,
    ConfirmTotpPayload,
    DisableTotpInput,
    DisableTotpPayload,
    StartTotpInput,
    StartTotpPayload,
)
from wallet.services import accounts, second_factors


async def start_totp(info: Info, input: StartTotpInput) -> StartTotpResult:  # noqa: A002
    """Make a secret for the viewer's authenticator."""
    actor = await info.context.get_actor()
    services = info.context.services
    await accounts.confirm_password(services.limiter, actor, input.password)
    started = await second_factors.start_totp(actor, keys=services.settings.keys)
    return StartTotpPayload(secret=started.secret, uri=started.uri)


async def confirm_totp(info: Info, input: ConfirmTotpInput) -> ConfirmTotpResult:  # noqa: A002
    """Have the viewer's logins ask for a code from now on."""
    actor = await info.context.get_actor()
    services = info.context.services
    confirmed = await second_factors.confirm_totp(
        services.limiter,
        actor=actor,
        code=input.code,
        keys=services.settings.keys,
        memory=services.memory,
    )
    return ConfirmTotpPayload(
        recovery_codes=confirmed.recovery_codes, sessions_ended=confirmed.sessions_ended
    )


async def disable_totp(info: Info, input: DisableTotpInput) -> DisableTotpResult:  # noqa: A002
    """Have the viewer's logins ask for no code any more."""
    actor = await info.context.get_actor()
    services = info.context.services
    await accounts.confirm_password(services.limiter, actor, input.password)
    await second_factors.disable_totp(
        services.limiter, actor=actor, code=input.code, keys=services.settings.keys
    )
    return DisableTotpPayload(totp_enabled=False)
